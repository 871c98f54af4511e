//! Fitting a set to a type that changed since the set was written.

use serde_json::Value;

use super::field_set;
use super::items::{Identity, step};
use super::list;
use crate::path::PathElement;
use crate::schema::{Schema, Shape};
use crate::set::{Node, Set};

/// The set as it would be had the type always been this one. What became one value is owned if any part of it was;
/// what became parts is owned with all parts that the live value has.
pub(crate) fn fit<'a, S: Schema>(set: Set<'a>, live: &'a Value, schema: S) -> Set<'a> {
    below(set, Some(live), &schema)
}

fn below<'a, S: Schema>(set: Set<'a>, live: Option<&'a Value>, schema: &S) -> Set<'a> {
    set.map_nodes(|node| {
        let (live, schema) = match (&node.element, schema.shape()) {
            (PathElement::Field(name), Shape::Object) => {
                let Some(child) = schema.child(name) else { return node };
                (live.and_then(|live| live.get(&**name)), child.schema)
            }
            (element, Shape::ListMap(item)) => (item_of(live, schema, Identity::Keys, element), item),
            (element, Shape::Set(item)) => (item_of(live, schema, Identity::Itself, element), item),
            _ => return node,
        };
        here(node, live, &schema)
    })
}

fn item_of<'a, S: Schema>(
    live: Option<&'a Value>,
    schema: &S,
    identity: Identity,
    element: &PathElement<'_>,
) -> Option<&'a Value> {
    let is_it = |item: &&Value| step(schema, identity, item).is_ok_and(|it| it == *element);
    list(live?).iter().find(is_it)
}

fn here<'a, S: Schema>(mut node: Node<'a>, live: Option<&'a Value>, schema: &S) -> Node<'a> {
    let is_whole = node.member && node.children.is_empty();
    match schema.shape() {
        Shape::AtomicObject | Shape::AtomicList(_) | Shape::Atomic if !is_whole => {
            (node.member, node.children) = (true, Set::new());
        }
        Shape::Object | Shape::Set(_) | Shape::ListMap(_) if is_whole => {
            node.children = live.map_or_else(Set::new, |live| field_set(live, *schema));
        }
        _ => node.children = below(node.children, live, schema),
    }
    node
}
