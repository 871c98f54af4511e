//! Compares two objects and writes what differs as a strategic merge patch.

use openapi::facts::{Field, Shape, Type};
use serde_json::{Map, Value, json};

/// Which differences are wanted. A three-way merge takes changes from one pair of objects and removals from another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Changes,
    Removals,
}

/// What a field's value is merged by.
#[derive(Clone, Copy)]
pub(super) struct Merging {
    /// The type of the value, or of a list's items.
    pub(super) schema: Option<&'static Type>,
    /// Whether a list is merged item by item.
    pub(super) merge: bool,
    /// Whether an object is replaced as a whole.
    replace: bool,
    /// Whether the server shall keep only the keys that we send.
    retain_keys: bool,
    /// The key of a list's items; none for scalars.
    pub(super) key: Option<&'static str>,
}

const PLAIN: Merging = Merging { schema: None, merge: false, replace: false, retain_keys: false, key: None };

/// How the field of an object merges.
pub(super) fn merging(schema: Option<&'static Type>, name: &str) -> Merging {
    let Some(field) = schema.and_then(|it| it.field(name)) else { return PLAIN };
    let patch = field.patch();
    Merging {
        schema: if field.shape() == Shape::Map { None } else { Field::target(field) },
        merge: patch.merge,
        replace: patch.replace,
        retain_keys: patch.retain_keys,
        key: field.merge_key(),
    }
}

/// What `to` adds to `from` or has otherwise.
pub(super) fn changes(from: &Value, to: &Value, schema: Option<&'static Type>) -> Value {
    Value::Object(objects(from, to, schema, Side::Changes, false))
}

/// What `from` has and `to` has not.
pub(super) fn removals(from: &Value, to: &Value, schema: Option<&'static Type>) -> Value {
    Value::Object(objects(from, to, schema, Side::Removals, false))
}

fn objects(
    from: &Value,
    to: &Value,
    schema: Option<&'static Type>,
    side: Side,
    retain_keys: bool,
) -> Map<String, Value> {
    let mut patch = Map::new();
    let nothing = Map::new();
    let (from, to) = (from.as_object().unwrap_or(&nothing), to.as_object().unwrap_or(&nothing));
    for (name, new) in to {
        match from.get(name) {
            Some(old) => field(&mut patch, name, old, new, merging(schema, name), side),
            None if side == Side::Changes => drop(patch.insert(name.clone(), new.clone())),
            None => {}
        }
    }
    if side == Side::Removals {
        let gone = from.keys().filter(|it| !to.contains_key(*it));
        patch.extend(gone.map(|it| (it.clone(), Value::Null)));
    }
    let is_wider = side == Side::Changes && to.keys().any(|it| !from.contains_key(it));
    if retain_keys && (!patch.is_empty() || is_wider) {
        patch.insert("$retainKeys".to_owned(), to.keys().cloned().collect());
    }
    patch
}

fn field(patch: &mut Map<String, Value>, name: &str, old: &Value, new: &Value, merging: Merging, side: Side) {
    match (old, new) {
        (Value::Object(_), Value::Object(_)) if !merging.replace => {
            let inner = objects(old, new, merging.schema, side, merging.retain_keys);
            if !inner.is_empty() {
                patch.insert(name.to_owned(), Value::Object(inner));
            }
        }
        (Value::Array(old), Value::Array(new)) if merging.merge => {
            lists(patch, name, old, new, merging, side)
        }
        _ if old != new && side == Side::Changes => drop(patch.insert(name.to_owned(), new.clone())),
        _ => {}
    }
}

fn lists(
    patch: &mut Map<String, Value>,
    name: &str,
    old: &[Value],
    new: &[Value],
    merging: Merging,
    side: Side,
) {
    if old.is_empty() {
        if !new.is_empty() && side == Side::Changes {
            patch.insert(name.to_owned(), new.into());
        }
        return;
    }
    match merging.key {
        Some(key) => lists_by_key(patch, name, (old, new), merging, key, side),
        None => lists_of_scalars(patch, name, old, new, side),
    }
}

fn lists_by_key(
    patch: &mut Map<String, Value>,
    name: &str,
    (old, new): (&[Value], &[Value]),
    merging: Merging,
    key: &str,
    side: Side,
) {
    let mut items = Vec::new();
    for item in new {
        match old.iter().find(|it| it[key] == item[key]) {
            Some(before) => {
                let mut inner = objects(before, item, merging.schema, side, merging.retain_keys);
                if !inner.is_empty() {
                    inner.insert(key.to_owned(), item[key].clone());
                    items.push(Value::Object(inner));
                }
            }
            None if side == Side::Changes => items.push(item.clone()),
            None => {}
        }
    }
    if side == Side::Removals {
        let gone = old.iter().filter(|it| new.iter().all(|item| item[key] != it[key]));
        items.extend(gone.map(|it| json!({key: it[key], "$patch": "delete"})));
    }
    let reordered = side == Side::Changes && !same_order(old, new, key);
    if !items.is_empty() || reordered {
        let order = new.iter().map(|it| json!({key: it[key]})).collect::<Vec<_>>();
        if !order.is_empty() {
            patch.insert(format!("$setElementOrder/{name}"), order.into());
        }
    }
    if !items.is_empty() {
        patch.insert(name.to_owned(), items.into());
    }
}

/// Whether the items that both lists have stand in the same order.
fn same_order(old: &[Value], new: &[Value], key: &str) -> bool {
    let common = |of: &[Value], within: &[Value]| -> Vec<Value> {
        let keys = of.iter().map(|it| it[key].clone());
        keys.filter(|it| within.iter().any(|other| other[key] == *it)).collect()
    };
    common(old, new) == common(new, old)
}

fn lists_of_scalars(patch: &mut Map<String, Value>, name: &str, old: &[Value], new: &[Value], side: Side) {
    let missing = |of: &[Value], within: &[Value]| -> Vec<Value> {
        of.iter().filter(|it| !within.contains(it)).cloned().collect()
    };
    let (added, gone) = (missing(new, old), missing(old, new));
    let changed = if side == Side::Changes { old != new } else { !gone.is_empty() };
    if changed && !new.is_empty() {
        patch.insert(format!("$setElementOrder/{name}"), new.into());
    }
    if side == Side::Changes && !added.is_empty() {
        patch.insert(name.to_owned(), added.into());
    }
    if side == Side::Removals && !gone.is_empty() {
        patch.insert(format!("$deleteFromPrimitiveList/{name}"), gone.into());
    }
}
