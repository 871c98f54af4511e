//! Puts two patches together: the removals of one comparison and the changes of another.

use super::diff::merging;
use openapi::facts::Type;
use serde_json::{Map, Value};

/// One patch that does what both do. Where both speak of a field, the changes win.
pub(super) fn patches(removals: Value, changes: Value, schema: Option<&'static Type>) -> Value {
    let (Value::Object(mut merged), Value::Object(changes)) = (removals, changes) else {
        unreachable!("comparisons give objects")
    };
    for (name, change) in changes {
        let value = match merged.remove(&name) {
            Some(removal) => values(removal, change, &name, schema, order_of(&merged, &name)),
            None => change,
        };
        merged.insert(name, value);
    }
    Value::Object(merged)
}

fn order_of<'a>(patch: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    patch.get(&format!("$setElementOrder/{name}")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn values(
    removal: Value,
    change: Value,
    name: &str,
    schema: Option<&'static Type>,
    order: &[Value],
) -> Value {
    let merging = merging(schema, name);
    match (removal, change) {
        (removal @ Value::Object(_), change @ Value::Object(_)) => patches(removal, change, merging.schema),
        (Value::Array(removal), Value::Array(change)) if merging.merge => match merging.key {
            Some(key) => items(removal, change, key, merging.schema, order).into(),
            None => change.into(),
        },
        (_, change) => change,
    }
}

/// Items by their key, in the order that the patch announces; those that go stand last.
fn items(
    removals: Vec<Value>,
    changes: Vec<Value>,
    key: &str,
    schema: Option<&'static Type>,
    order: &[Value],
) -> Vec<Value> {
    let mut merged = removals;
    for change in changes {
        match merged.iter().position(|it| it[key] == change[key]) {
            Some(index) => {
                let removal = merged.remove(index);
                merged.insert(index, patches(removal, change, schema));
            }
            None => merged.push(change),
        }
    }
    let place = |item: &Value| order.iter().position(|it| it[key] == item[key]).unwrap_or(usize::MAX);
    merged.sort_by_key(place);
    merged
}
