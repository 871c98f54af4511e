//! Types of expressions, with how large their values can get: what the checker needs to refuse rules by their type and
//! by their estimated cost.

use super::escape::escaped;
use crate::prune::OBJECT_FIELDS;
use crate::schema::{Structural, Type as Declared};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Most bytes of a request, which bounds every size that a schema leaves open.
pub(crate) const REQUEST: u64 = 3 << 20;

/// A type. The numbers are the most characters, items or entries that a value has.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Timestamp,
    Duration,
    /// A type itself, as `type(x)` gives it.
    Meta,
    String(u64),
    Bytes(u64),
    List(Rc<Type>, u64),
    Map(Rc<Type>, Rc<Type>, u64),
    Object(Rc<Fields>),
    Optional(Rc<Type>),
    Opaque(Opaque),
    /// An object that an expression makes: see [`super::message`].
    Message(Rc<str>),
}

/// Types of Kubernetes' libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opaque {
    Quantity,
    Url,
    Ip,
    Cidr,
    Semver,
    Authorizer,
    PathCheck,
    GroupCheck,
    ResourceCheck,
    Decision,
}

impl Opaque {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Quantity => "kubernetes.Quantity",
            Self::Url => "kubernetes.URL",
            Self::Ip => "net.IP",
            Self::Cidr => "net.CIDR",
            Self::Semver => "kubernetes.Semver",
            Self::Authorizer => "kubernetes.authorization.Authorizer",
            Self::PathCheck => "kubernetes.authorization.PathCheck",
            Self::GroupCheck => "kubernetes.authorization.GroupCheck",
            Self::ResourceCheck => "kubernetes.authorization.ResourceCheck",
            Self::Decision => "kubernetes.authorization.Decision",
        }
    }
}

/// An object's fields by the spelling that expressions use.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    fields: BTreeMap<String, (String, Type)>,
    /// Fewest bytes that such an object takes.
    least: u64,
}

impl Fields {
    /// A field's name in values, and its type.
    pub(crate) fn get(&self, spelled: &str) -> Option<&(String, Type)> {
        self.fields.get(spelled)
    }
}

impl Type {
    /// A string of any length.
    pub(crate) const TEXT: Self = Self::String(REQUEST);

    /// The type of values of a schema; none where the schema says too little.
    pub(crate) fn of(schema: &Structural, is_root: bool) -> Option<Self> {
        if schema.int_or_string {
            return Some(Self::Dyn);
        }
        Some(match schema.kind? {
            Declared::Array => {
                let item = Self::of(schema.items()?, false)?;
                let most = bound(schema.checks.items.most).unwrap_or(REQUEST / (item.least_size() + 1));
                Self::List(Rc::new(item), most)
            }
            Declared::Object => return Self::of_object(schema, is_root),
            Declared::Boolean => Self::Bool,
            Declared::Integer => Self::Int,
            Declared::Number => Self::Double,
            Declared::String => Self::of_string(schema),
        })
    }

    fn of_object(schema: &Structural, is_root: bool) -> Option<Self> {
        if let Some(values) = schema.values() {
            let value = Self::of(values, false)?;
            let most = bound(schema.checks.properties.most).unwrap_or(REQUEST / (value.least_size() + 6));
            return Some(Self::Map(Rc::new(Self::TEXT), Rc::new(value), most));
        }
        let mut fields = Fields { least: 2, ..Fields::default() };
        for (name, property) in schema.properties() {
            let (Some(spelled), Some(kind)) = (escaped(name), Self::of(property, false)) else { continue };
            if schema.checks.required.iter().any(|it| it == name) && property.default.is_none() {
                fields.least += name.len() as u64 + 4 + kind.least_size();
            }
            fields.fields.insert(spelled, (name.to_owned(), kind));
        }
        if is_root || schema.embedded {
            for name in OBJECT_FIELDS {
                let kind = if name == "metadata" { Self::metadata() } else { Self::TEXT };
                fields.fields.insert(name.to_owned(), (name.to_owned(), kind));
            }
        }
        Some(Self::Object(Rc::new(fields)))
    }

    /// What rules may read of metadata.
    fn metadata() -> Self {
        let field = |name: &str| (name.to_owned(), (name.to_owned(), Self::String(253)));
        Self::Object(Rc::new(Fields { fields: ["generateName", "name"].map(field).into(), least: 2 }))
    }

    fn of_string(schema: &Structural) -> Self {
        let longest =
            schema.checks.enumeration.iter().filter_map(|it| it.as_str()).map(|it| it.len() as u64).max();
        let most = bound(schema.checks.length.most).or(longest).unwrap_or(REQUEST);
        match schema.format.as_deref() {
            Some("byte") => Self::Bytes(most),
            Some("duration") => Self::Duration,
            Some("date" | "date-time") => Self::Timestamp,
            _ => Self::String(most),
        }
    }

    /// Fewest bytes of JSON that a value takes.
    pub(crate) fn least_size(&self) -> u64 {
        match self {
            Self::Bool | Self::Null => 4,
            Self::Timestamp => 12,
            Self::Object(fields) => fields.least,
            Self::Int | Self::Uint | Self::Double | Self::Dyn => 1,
            _ => 2,
        }
    }

    /// How much of it a function has to read at most.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::String(most) | Self::Bytes(most) | Self::List(_, most) | Self::Map(_, _, most) => *most,
            Self::Dyn => REQUEST,
            Self::Optional(inner) => inner.size(),
            _ => 1,
        }
    }

    /// Whether a value of one type may stand where the other is asked for.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => true,
            (Self::Null, nullable) | (nullable, Self::Null) => nullable.is_nullable(),
            (Self::List(one, _), Self::List(other, _)) => one.agrees(other),
            (Self::Map(key, value, _), Self::Map(other_key, other_value, _)) => {
                key.agrees(other_key) && value.agrees(other_value)
            }
            (Self::Optional(one), Self::Optional(other)) => one.agrees(other),
            (Self::Opaque(one), Self::Opaque(other)) => one == other,
            (Self::Message(one), Self::Message(other)) => one == other,
            (Self::Object(one), Self::Object(other)) => one.least == other.least && one.is_like(other),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    fn is_nullable(&self) -> bool {
        !matches!(self, Self::Bool | Self::Int | Self::Uint | Self::Double | Self::String(_) | Self::Bytes(_))
    }

    /// The type that stands for both: one of them with the larger size, or any.
    pub(crate) fn joined(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::String(one), Self::String(two)) => Self::String(*one.max(two)),
            (Self::Bytes(one), Self::Bytes(two)) => Self::Bytes(*one.max(two)),
            (Self::List(one, a), Self::List(two, b)) => Self::List(Rc::new(one.joined(two)), *a.max(b)),
            (Self::Map(key, one, a), Self::Map(other_key, two, b)) => {
                Self::Map(Rc::new(key.joined(other_key)), Rc::new(one.joined(two)), *a.max(b))
            }
            (Self::Optional(one), Self::Optional(two)) => Self::Optional(Rc::new(one.joined(two))),
            (Self::Dyn, _) | (_, Self::Dyn) => Self::Dyn,
            (one, two) if one.agrees(two) => if matches!(one, Self::Null) { two } else { one }.clone(),
            _ => Self::Dyn,
        }
    }
}

impl Fields {
    fn is_like(&self, other: &Self) -> bool {
        let agrees = |(name, (_, kind)): (&String, &(String, Type))| {
            other.get(name).is_some_and(|(_, other)| kind.agrees(other))
        };
        self.fields.len() == other.fields.len() && self.fields.iter().all(agrees)
    }
}

fn bound(most: Option<i64>) -> Option<u64> {
    most.and_then(|it| u64::try_from(it).ok()).map(|it| it.min(REQUEST))
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Meta => "type",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Object(_) => "object",
            Self::Opaque(opaque) => opaque.name(),
            Self::Message(name) => name,
            Self::List(item, _) => return write!(f, "list({item})"),
            Self::Map(key, value, _) => return write!(f, "map({key}, {value})"),
            Self::Optional(inner) => return write!(f, "optional_type({inner})"),
        })
    }
}
