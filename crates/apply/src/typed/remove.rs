//! Cutting paths out of a value, or keeping only them.

use serde_json::{Map, Value};

use super::items::{Identity, step};
use crate::path::PathElement;
use crate::schema::{Schema, Shape, shape_of};
use crate::set::Set;

/// The value without the fields, items and entries of the set. An object or list that has nothing left stays, empty,
/// unless it is an item: then nothing tells it apart any more.
pub fn remove_items<S: Schema>(value: &Value, set: &Set<'_>, schema: S) -> Value {
    walk(value, set, &schema, Keep::Others)
}

/// The value with nothing but the fields, items and entries of the set.
pub fn extract_items<S: Schema>(value: &Value, set: &Set<'_>, schema: S) -> Value {
    walk(value, set, &schema, Keep::Named)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Named,
    Others,
}

fn walk<S: Schema>(value: &Value, set: &Set<'_>, schema: &S, keep: Keep) -> Value {
    match (shape_of(schema, value), value) {
        (Shape::Object, Value::Object(fields)) => of_fields(fields, set, schema, keep),
        (Shape::Set(item), Value::Array(items)) => {
            of_items(items, set, schema, Identity::Itself, &item, keep)
        }
        (Shape::ListMap(item), Value::Array(items)) => {
            of_items(items, set, schema, Identity::Keys, &item, keep)
        }
        _ => value.clone(),
    }
}

fn of_fields<S: Schema>(fields: &Map<String, Value>, set: &Set<'_>, schema: &S, keep: Keep) -> Value {
    let kept = fields.iter().filter_map(|(name, value)| {
        let child = schema.child(name).map(|child| child.schema);
        let value = part(value, set, &PathElement::field(name), child.as_ref(), keep)?;
        Some((name.clone(), value))
    });
    Value::Object(kept.collect())
}

fn of_items<S: Schema>(
    items: &[Value],
    set: &Set<'_>,
    list: &S,
    identity: Identity,
    item: &S,
    keep: Keep,
) -> Value {
    let kept = items.iter().filter_map(|value| match step(list, identity, value) {
        Ok(element) => part(value, set, &element, Some(item), keep),
        Err(_) => (keep == Keep::Others).then(|| value.clone()),
    });
    Value::Array(kept.filter(|item| item.as_object().is_none_or(|fields| !fields.is_empty())).collect())
}

fn part<S: Schema>(
    value: &Value,
    set: &Set<'_>,
    element: &PathElement<'_>,
    schema: Option<&S>,
    keep: Keep,
) -> Option<Value> {
    let named = set.is_member(element);
    match (set.below(element), schema, keep) {
        (_, _, Keep::Others) if named => None,
        (Some(below), Some(schema), _) => Some(walk(value, below, schema, keep)),
        (_, _, Keep::Named) if !named => None,
        _ => Some(value.clone()),
    }
}
