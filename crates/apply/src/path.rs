//! A step from a value to a part of it, and how steps print.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{Display, Formatter, Result};

use serde_json::Value;

use crate::value::{InPath, order};

/// A step from a value to a part of it.
///
/// Names and values are borrowed from the object or the managed fields where they stand.
#[derive(Clone, Debug)]
pub enum PathElement<'a> {
    /// A field of an object, or an entry of a map.
    Field(Cow<'a, str>),
    /// The item of an associative list that has these values in its key fields, in the order of their names.
    Key(Vec<(Cow<'a, str>, Cow<'a, Value>)>),
    /// An item of a set.
    Value(Cow<'a, Value>),
    /// An item of a list by its position. Nobody owns such an item; older managed fields may name one.
    Index(i64),
}

impl<'a> PathElement<'a> {
    /// The field of this name.
    pub const fn field(name: &'a str) -> Self {
        PathElement::Field(Cow::Borrowed(name))
    }

    /// The same step, free of what it was read from.
    pub fn into_owned(self) -> PathElement<'static> {
        match self {
            PathElement::Field(name) => PathElement::Field(Cow::Owned(name.into_owned())),
            PathElement::Key(parts) => {
                let owned = parts
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned())));
                PathElement::Key(owned.collect())
            }
            PathElement::Value(value) => PathElement::Value(Cow::Owned(value.into_owned())),
            PathElement::Index(at) => PathElement::Index(at),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            PathElement::Field(_) => 0,
            PathElement::Key(_) => 1,
            PathElement::Value(_) => 2,
            PathElement::Index(_) => 3,
        }
    }
}

impl Ord for PathElement<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (PathElement::Field(left), PathElement::Field(right)) => left.cmp(right),
            (PathElement::Key(left), PathElement::Key(right)) => order_keys(left, right),
            (PathElement::Value(left), PathElement::Value(right)) => order(left, right),
            (PathElement::Index(left), PathElement::Index(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

type KeyPart<'a> = (Cow<'a, str>, Cow<'a, Value>);

fn order_keys(left: &[KeyPart<'_>], right: &[KeyPart<'_>]) -> Ordering {
    let parts = left.iter().zip(right);
    let mut orders = parts.map(|(left, right)| left.0.cmp(&right.0).then_with(|| order(&left.1, &right.1)));
    orders.find(|it| it.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}

impl PartialOrd for PathElement<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement<'_> {}

impl Display for PathElement<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            PathElement::Field(name) => write!(formatter, ".{name}"),
            PathElement::Key(parts) => {
                for (at, (name, value)) in parts.iter().enumerate() {
                    let before = if at == 0 { "[" } else { "," };
                    write!(formatter, "{before}{name}={}", InPath(value))?;
                }
                formatter.write_str("]")
            }
            PathElement::Value(value) => write!(formatter, "[={}]", InPath(value)),
            PathElement::Index(at) => write!(formatter, "[{at}]"),
        }
    }
}

/// A path as messages show it: `.spec.containers[name="a"].image`.
pub fn path_text(path: &[PathElement<'_>]) -> String {
    path.iter().map(ToString::to_string).collect()
}
