//! The parts of a value that its type owns as one value.

use serde_json::Value;

use crate::path::{PathElement, path_text};
use crate::schema::{Schema, Shape};

/// The paths of all objects and lists in the value that are owned as one. Who says a part of such a value replaces all of
/// it, which is why changes by policies may not have any (KEP-3962).
pub fn atomics<S: Schema>(value: &Value, schema: S) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, &schema, &mut Vec::new(), &mut found);
    found
}

fn walk<S: Schema>(value: &Value, schema: &S, path: &mut Vec<PathElement<'static>>, found: &mut Vec<String>) {
    let shape = schema.shape();
    let is_whole = match value {
        Value::Object(_) => matches!(shape, Shape::AtomicObject | Shape::Atomic),
        Value::Array(_) => matches!(shape, Shape::AtomicList(_) | Shape::Atomic | Shape::Unknown),
        _ => false,
    };
    if is_whole {
        found.push(path_text(path));
        return;
    }
    match (shape, value) {
        (Shape::Object | Shape::Unknown, Value::Object(fields)) => {
            for (name, value) in fields {
                if let Some(child) = schema.child(name) {
                    path.push(PathElement::field(name).into_owned());
                    walk(value, &child.schema, path, found);
                    path.pop();
                }
            }
        }
        (Shape::ListMap(item) | Shape::Set(item), Value::Array(items)) => {
            for (index, value) in (0i64..).zip(items) {
                path.push(PathElement::Index(index));
                walk(value, &item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
