//! The paths that a value mentions: what its manager owns by applying it.

use serde_json::{Map, Value};

use super::items::{Identity, step};
use crate::path::PathElement;
use crate::schema::{Schema, Shape, shape_of};
use crate::set::Set;

/// Every leaf, item and entry of the value. Declared fields that only hold others are not in the set.
pub fn field_set<S: Schema>(value: &Value, schema: S) -> Set<'_> {
    walk(value, &schema).0
}

/// What is below a value, and whether it is a leaf itself.
fn walk<'a, S: Schema>(value: &'a Value, schema: &S) -> (Set<'a>, bool) {
    match shape_of(schema, value) {
        Shape::Object => (value.as_object().map_or_else(Set::new, |fields| of_fields(fields, schema)), false),
        Shape::Set(item) => (of_items(super::list(value), schema, Identity::Itself, &item), false),
        Shape::ListMap(item) => (of_items(super::list(value), schema, Identity::Keys, &item), false),
        _ => (Set::new(), true),
    }
}

fn of_fields<'a, S: Schema>(fields: &'a Map<String, Value>, schema: &S) -> Set<'a> {
    let mut set = Set::new();
    for (name, value) in fields {
        let Some(child) = schema.child(name) else { continue };
        let (below, leaf) = walk(value, &child.schema);
        let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        set.add(PathElement::field(name), leaf || is_empty || !child.declared, below);
    }
    set
}

/// Items of the same identity are owned together, as one value.
fn of_items<'a, S: Schema>(items: &'a [Value], list: &S, identity: Identity, item: &S) -> Set<'a> {
    let steps = items.iter().filter_map(|value| Some((step(list, identity, value).ok()?, value)));
    let mut steps: Vec<_> = steps.collect();
    steps.sort_by(|left, right| left.0.cmp(&right.0));
    let mut set = Set::new();
    let mut steps = steps.into_iter().peekable();
    while let Some((element, value)) = steps.next() {
        let mut below = walk(value, item).0;
        while steps.next_if(|(next, _)| *next == element).is_some() {
            below = Set::new();
        }
        set.add(element, true, below);
    }
    set
}

/// The set with the declared fields that its paths go through: who owns `.spec.replicas` then owns `.spec`, but not the
/// map that an entry is in.
pub fn with_declared_fields<S: Schema>(set: Set<'_>, schema: S) -> Set<'_> {
    declared(set, Some(schema))
}

fn declared<S: Schema>(set: Set<'_>, schema: Option<S>) -> Set<'_> {
    let shape = schema.map(|schema| schema.shape());
    set.map_nodes(|mut node| {
        if node.children.is_empty() {
            return node;
        }
        let below = match (&node.element, shape) {
            (PathElement::Field(name), Some(Shape::Object | Shape::AtomicObject | Shape::Unknown)) => {
                let child = schema.and_then(|schema| schema.child(name));
                node.member |= child.is_some_and(|child| child.declared);
                child.map(|child| child.schema)
            }
            (PathElement::Key(_), Some(Shape::ListMap(item) | Shape::AtomicList(item))) => Some(item),
            _ => None,
        };
        node.children = declared(node.children, below);
        node
    })
}
