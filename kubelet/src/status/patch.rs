//! The patch that turns the status the API has into the one that holds.

use api::k8s::api::core::v1::PodStatus;
use serde_json::{Map, Value, json};

/// A strategic merge patch with the fields that differ, `None` when none do. The UID makes it fail when the pod has
/// been replaced by another one of its name. Conditions merge by their type, so those of others are safe.
pub fn patch_of(uid: &str, before: &PodStatus, after: &PodStatus) -> Option<Value> {
    let (before, after) = (tree(before), tree(after));
    let mut changes = Map::new();
    for (field, value) in &after {
        if before.get(field) != Some(value) {
            changes.insert(field.clone(), changed(field, before.get(field), value));
        }
    }
    for field in before.keys().filter(|it| !after.contains_key(*it)) {
        changes.insert(field.clone(), Value::Null);
    }
    (!changes.is_empty()).then(|| json!({ "metadata": { "uid": uid }, "status": changes }))
}

fn tree(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status).expect("k8s-openapi types serialize to JSON") {
        Value::Object(fields) => fields,
        _ => unreachable!("a status is an object"),
    }
}

/// Of the conditions only those that differ; everything else as a whole.
fn changed(field: &str, before: Option<&Value>, after: &Value) -> Value {
    let (Some(before), Some(list)) = (before.and_then(Value::as_array), after.as_array()) else {
        return after.clone();
    };
    match field {
        "conditions" => list
            .iter()
            .filter(|it| !before.contains(it))
            .map(|it| with_removals(before.iter().find(|old| old["type"] == it["type"]), it))
            .collect(),
        // Addresses merge by their text: those that went must be named.
        "podIPs" => before
            .iter()
            .filter(|it| !list.contains(it))
            .map(|it| json!({ "$patch": "delete", "ip": it["ip"] }))
            .chain(list.iter().cloned())
            .collect(),
        _ => after.clone(),
    }
}

/// A condition whose reason or message has gone must say so, or the merge keeps them.
fn with_removals(before: Option<&Value>, after: &Value) -> Value {
    let mut merged = after.clone();
    let gone = before.and_then(Value::as_object).into_iter().flatten();
    for (field, _) in gone.filter(|(field, _)| after.get(field.as_str()).is_none()) {
        merged[field.as_str()] = Value::Null;
    }
    merged
}
