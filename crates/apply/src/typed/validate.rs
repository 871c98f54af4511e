//! Whether a value fits its type, as far as merging relies on it.

use serde_json::{Map, Value};

use super::items::{Identity, step};
use crate::error::Unfit;
use crate::path::PathElement;
use crate::schema::{Scalar, Schema, Shape, shape_of};
use crate::value::{Go, go_type};

/// Whether items of an associative list may have the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// They may: objects were stored before the server knew their identity, and must remain usable.
    Tolerated,
    /// They may not: so in what is applied.
    Refused,
}

/// Every place where a value does not fit its type.
pub fn validate<S: Schema>(value: &Value, schema: S, duplicates: Duplicates) -> Result<(), Unfit> {
    let mut flaws = Unfit(Vec::new());
    walk(value, &schema, duplicates, &mut flaws);
    if flaws.0.is_empty() { Ok(()) } else { Err(flaws) }
}

fn walk<S: Schema>(value: &Value, schema: &S, duplicates: Duplicates, flaws: &mut Unfit) {
    if value.is_null() {
        return;
    }
    match shape_of(schema, value) {
        Shape::Scalar(scalar) => flaws.0.extend(unfit_scalar(scalar, value).into_iter().flat_map(|it| it.0)),
        Shape::Atomic | Shape::Unknown => {}
        Shape::AtomicObject | Shape::Object => match value {
            Value::Object(fields) => walk_fields(fields, schema, duplicates, flaws),
            other => flaws.0.extend(unexpected("map", other).0),
        },
        Shape::AtomicList(item) => match value {
            Value::Array(items) => walk_positions(items, &item, duplicates, flaws),
            other => flaws.0.extend(unexpected("list", other).0),
        },
        Shape::Set(item) => walk_list(value, schema, Identity::Itself, &item, duplicates, flaws),
        Shape::ListMap(item) => walk_list(value, schema, Identity::Keys, &item, duplicates, flaws),
    }
}

fn walk_fields<S: Schema>(
    fields: &Map<String, Value>,
    schema: &S,
    duplicates: Duplicates,
    flaws: &mut Unfit,
) {
    for (name, value) in fields {
        let element = PathElement::field(name);
        let Some(child) = schema.child(name) else {
            flaws.0.extend(Unfit::here("field not declared in schema").below(&element).0);
            return;
        };
        walk_below(value, &child.schema, duplicates, &element, flaws);
    }
}

fn walk_positions<S: Schema>(items: &[Value], item: &S, duplicates: Duplicates, flaws: &mut Unfit) {
    for (at, value) in items.iter().enumerate() {
        let position = i64::try_from(at).unwrap_or(i64::MAX);
        walk_below(value, item, duplicates, &PathElement::Index(position), flaws);
    }
}

fn walk_list<S: Schema>(
    value: &Value,
    list: &S,
    identity: Identity,
    item: &S,
    duplicates: Duplicates,
    flaws: &mut Unfit,
) {
    let Value::Array(items) = value else {
        return flaws.0.extend(unexpected("list", value).0);
    };
    let mut seen = std::collections::BTreeSet::new();
    for (at, value) in items.iter().enumerate() {
        let element = match step(list, identity, value) {
            Ok(element) => element,
            Err(reason) => return flaws.0.extend(Unfit::item((at, reason)).0),
        };
        walk_below(value, item, duplicates, &element, flaws);
        if duplicates == Duplicates::Refused && seen.contains(&element) {
            flaws.0.extend(Unfit::here(format!("duplicate entries for key {element}")).0);
        }
        seen.insert(element);
    }
}

fn walk_below<S: Schema>(
    value: &Value,
    schema: &S,
    duplicates: Duplicates,
    element: &PathElement<'_>,
    flaws: &mut Unfit,
) {
    let mut below = Unfit(Vec::new());
    walk(value, schema, duplicates, &mut below);
    if !below.0.is_empty() {
        flaws.0.extend(below.below(element).0);
    }
}

fn unexpected(expected: &str, value: &Value) -> Unfit {
    Unfit::here(format!("expected {expected}, got &{{{}}}", Go(value)))
}

fn unfit_scalar(scalar: Scalar, value: &Value) -> Option<Unfit> {
    let fits = match scalar {
        Scalar::Any => !value.is_object() && !value.is_array(),
        Scalar::Number => value.is_number(),
        Scalar::Text => value.is_string(),
        Scalar::Bool => value.is_boolean(),
    };
    if fits {
        return None;
    }
    Some(match scalar {
        Scalar::Any => unexpected("any scalar", value),
        Scalar::Bool => unexpected("boolean", value),
        Scalar::Number => Unfit::here(format!("expected numeric (int or float), got {}", go_type(value))),
        Scalar::Text => {
            Unfit::here(format!("expected string, got &value.valueUnstructured{{Value:{}}}", Go(value)))
        }
    })
}
