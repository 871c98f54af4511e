//! What became of a value: the paths that are new, gone, or changed.

use serde_json::{Map, Value};

use super::items::{Identity, Indexed};
use super::{entries, list};
use crate::error::Unfit;
use crate::path::PathElement;
use crate::schema::{Schema, Shape, shape_of};
use crate::set::Set;
use crate::value::same;

/// The paths in which two values differ; none is in two of the sets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// Only the second value has them.
    pub added: Set<'a>,
    /// Both have them, with different values.
    pub modified: Set<'a>,
    /// Only the first value has them.
    pub removed: Set<'a>,
}

impl Comparison<'_> {
    /// Whether the values do not differ.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Leaves out paths and what is below them.
    pub fn without(self, ignored: &Set<'_>) -> Self {
        Comparison {
            added: self.added.recursive_difference(ignored),
            modified: self.modified.recursive_difference(ignored),
            removed: self.removed.recursive_difference(ignored),
        }
    }
}

/// Compares two values of a type.
pub fn compare<'a, S: Schema>(
    before: &'a Value,
    after: &'a Value,
    schema: S,
) -> Result<Comparison<'a>, Unfit> {
    Ok(both(before, after, &schema)?.1)
}

type Found<'a> = Result<(bool, Comparison<'a>), Unfit>;

fn leaf<'a>(before: &Value, after: &Value) -> Found<'a> {
    Ok((!same(before, after), Comparison::default()))
}

/// Whether the value itself was changed, and what differs below it.
fn both<'a, S: Schema>(before: &'a Value, after: &'a Value, schema: &S) -> Found<'a> {
    match schema.shape() {
        Shape::Object => of_objects(before, after, schema),
        Shape::Unknown => match (before, after) {
            (Value::Object(_) | Value::Null, Value::Object(_) | Value::Null) => {
                of_objects(before, after, schema)
            }
            (Value::Object(_), _) | (_, Value::Object(_)) => replaced(before, after, schema),
            _ => leaf(before, after),
        },
        Shape::Set(item) => of_lists(before, after, schema, Identity::Itself, &item),
        Shape::ListMap(item) => of_lists(before, after, schema, Identity::Keys, &item),
        _ => leaf(before, after),
    }
}

/// An object that became something else, or the other way round.
fn replaced<'a, S: Schema>(before: &'a Value, after: &'a Value, schema: &S) -> Found<'a> {
    let (removed, added) = (whole(before, schema)?, whole(after, schema)?);
    Ok((true, Comparison { added, modified: Set::new(), removed }))
}

fn of_objects<'a, S: Schema>(before: &'a Value, after: &'a Value, schema: &S) -> Found<'a> {
    let (old, new) = match (entries(before), entries(after)) {
        (None, None) => return leaf(before, after),
        (None, Some(_)) => return Ok((false, only_added(whole(after, schema)?))),
        (Some(_), None) => return Ok((false, only_removed(whole(before, schema)?))),
        (Some(old), Some(new)) => (old, new),
    };
    let mut found = Comparison::default();
    for (name, before) in old {
        match new.get(name) {
            Some(after) if is_same_scalar(before, after) => {}
            Some(after) => in_both(&mut found, name, before, after, schema)?,
            None => found.removed.add(PathElement::field(name), true, whole_field(name, before, schema)?),
        }
    }
    for (name, after) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        found.added.add(PathElement::field(name), true, whole_field(name, after, schema)?);
    }
    Ok((false, found))
}

/// Whatever the type, the same scalar is no difference: most fields need no look at the type.
fn is_same_scalar(before: &Value, after: &Value) -> bool {
    !before.is_object() && !before.is_array() && before == after
}

fn in_both<'a, S: Schema>(
    found: &mut Comparison<'a>,
    name: &'a str,
    before: &'a Value,
    after: &'a Value,
    schema: &S,
) -> Result<(), Unfit> {
    let element = PathElement::field(name);
    let compared = match schema.child(name) {
        Some(child) => both(before, after, &child.schema),
        None => leaf(before, after),
    };
    let (modified, below) = compared.map_err(|unfit| unfit.below(&element))?;
    attach(found, &element, modified, below);
    Ok(())
}

fn attach<'a>(found: &mut Comparison<'a>, element: &PathElement<'a>, modified: bool, below: Comparison<'a>) {
    if !modified && below.is_same() {
        return;
    }
    found.added.add(element.clone(), false, below.added);
    found.modified.add(element.clone(), modified, below.modified);
    found.removed.add(element.clone(), false, below.removed);
}

fn only_added(added: Set<'_>) -> Comparison<'_> {
    Comparison { added, ..Comparison::default() }
}

fn only_removed(removed: Set<'_>) -> Comparison<'_> {
    Comparison { removed, ..Comparison::default() }
}

fn of_lists<'a, S: Schema>(
    before: &'a Value,
    after: &'a Value,
    schema: &S,
    identity: Identity,
    item: &S,
) -> Found<'a> {
    let (old, new) = (list(before), list(after));
    if old.is_empty() && new.is_empty() {
        return leaf(before, after);
    }
    if same(before, after) {
        return Ok((false, Comparison::default()));
    }
    let old = Indexed::new(schema, identity, old).map_err(Unfit::item)?;
    let new = Indexed::new(schema, identity, new).map_err(Unfit::item)?;
    let mut found = Comparison::default();
    for (element, positions) in old.groups() {
        let before: Vec<&Value> = positions.iter().map(|at| old.at(*at)).collect();
        let after: Vec<&Value> = new.positions(element).iter().map(|at| new.at(*at)).collect();
        of_items(&mut found, element, &before, &after, item).map_err(|unfit| unfit.below(element))?;
    }
    for (element, positions) in new.groups().filter(|(element, _)| old.positions(element).is_empty()) {
        let after: Vec<&Value> = positions.iter().map(|at| new.at(*at)).collect();
        of_items(&mut found, element, &[], &after, item).map_err(|unfit| unfit.below(element))?;
    }
    Ok((false, found))
}

/// The items of one identity. Several of them count as one value.
fn of_items<'a, S: Schema>(
    found: &mut Comparison<'a>,
    element: &PathElement<'a>,
    before: &[&'a Value],
    after: &[&'a Value],
    item: &S,
) -> Result<(), Unfit> {
    match (before, after) {
        ([before], [after]) => {
            let (modified, below) = both(before, after, item)?;
            attach(found, element, modified, below);
        }
        ([_, _, ..], [_, _, ..]) => {
            let equal =
                before.len() == after.len() && before.iter().zip(after).all(|(old, new)| same(old, new));
            found.modified.add(element.clone(), !equal, Set::new());
        }
        _ => {
            of_lone_items(&mut found.removed, element, before, item)?;
            of_lone_items(&mut found.added, element, after, item)?;
        }
    }
    Ok(())
}

/// Items of an identity that the other side does not have, or has another number of.
fn of_lone_items<'a, S: Schema>(
    set: &mut Set<'a>,
    element: &PathElement<'a>,
    items: &[&'a Value],
    item: &S,
) -> Result<(), Unfit> {
    let below = match items {
        [] => return Ok(()),
        [only] => whole(only, item)?,
        _ => Set::new(),
    };
    set.add(element.clone(), true, below);
    Ok(())
}

fn whole_field<'a, S: Schema>(name: &str, value: &'a Value, schema: &S) -> Result<Set<'a>, Unfit> {
    match schema.child(name) {
        Some(child) => whole(value, &child.schema).map_err(|unfit| unfit.below(&PathElement::field(name))),
        None => Ok(Set::new()),
    }
}

/// Everything below a value of which there is no other: declared fields, too.
fn whole<'a, S: Schema>(value: &'a Value, schema: &S) -> Result<Set<'a>, Unfit> {
    match shape_of(schema, value) {
        Shape::Object => whole_object(value.as_object(), schema),
        Shape::Set(item) => whole_list(list(value), schema, Identity::Itself, &item),
        Shape::ListMap(item) => whole_list(list(value), schema, Identity::Keys, &item),
        _ => Ok(Set::new()),
    }
}

fn whole_object<'a, S: Schema>(fields: Option<&'a Map<String, Value>>, schema: &S) -> Result<Set<'a>, Unfit> {
    let mut set = Set::new();
    for (name, value) in fields.into_iter().flatten() {
        set.add(PathElement::field(name), true, whole_field(name, value, schema)?);
    }
    Ok(set)
}

fn whole_list<'a, S: Schema>(
    items: &'a [Value],
    list: &S,
    identity: Identity,
    item: &S,
) -> Result<Set<'a>, Unfit> {
    let indexed = Indexed::new(list, identity, items).map_err(Unfit::item)?;
    let mut set = Set::new();
    for (element, positions) in indexed.groups() {
        let below = match positions {
            [only] => whole(indexed.at(*only), item).map_err(|unfit| unfit.below(element))?,
            _ => Set::new(),
        };
        set.add(element.clone(), true, below);
    }
    Ok(set)
}
