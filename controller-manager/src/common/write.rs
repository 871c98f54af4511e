//! How controllers write: patches that say only what changed and are guarded by what was read, and events.
//!
//! A guarded patch carries the UID and the resourceVersion of the object that the decision was made from: the server
//! refuses it when the object has changed since. A status that is as it should be gives no action at all, so that no
//! loop feeds itself.

use api::{Key, ObjectMeta, Resource, Subresource, meta};
use client::PatchType;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use runtime::Action;
use runtime::plan::{Note, NoteKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What identifies an object.
pub(crate) fn key_of<K: Resource>(object: &K) -> Key {
    Key::of::<K>(meta::namespace(object.meta()), meta::name(object.meta()))
}

/// The patch that turns the status of an object into `new`; nothing when it is that already.
pub(crate) fn status<K: Resource, S: Serialize>(object: &K, old: Option<&S>, new: &S) -> Option<Action> {
    let tree = |it: &S| serde_json::to_value(it).expect("a status serializes to JSON");
    let change = difference(&old.map_or(Value::Object(Map::new()), tree), &tree(new))?;
    let patch = json!({"status": change});
    Some(guarded_patch(key_of(object), object.meta(), Some(Subresource::Status), patch))
}

/// A merge patch that the server refuses when the object is another one, or has changed since it was read.
pub(crate) fn guarded_patch(
    key: Key,
    read: &ObjectMeta,
    below: Option<Subresource>,
    mut patch: Value,
) -> Action {
    patch["metadata"]["uid"] = json!(read.uid);
    patch["metadata"]["resourceVersion"] = json!(read.resource_version);
    Action::Patch { key, below, kind: PatchType::Merge, patch }
}

/// The merge patch that makes `new` of `old`; nothing when they are equal.
pub(crate) fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Some(new.clone()) };
    let gone = old.keys().filter(|it| !new.contains_key(*it)).map(|it| (it.clone(), Value::Null));
    let changed = new.iter().filter_map(|(key, value)| {
        let change = match old.get(key) {
            Some(old) => difference(old, value)?,
            None => value.clone(),
        };
        Some((key.clone(), change))
    });
    Some(Value::Object(gone.chain(changed).collect()))
}

/// Deletes an object, if it is still the one that was read.
pub(crate) fn delete<K: Resource>(object: &K) -> Action {
    Action::Delete { key: key_of(object), options: only_this(object.meta()) }
}

/// The precondition that the object is still the one that was read.
pub(crate) fn only_this(read: &ObjectMeta) -> DeleteOptions {
    let preconditions = Preconditions { uid: read.uid.clone(), resource_version: None };
    DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() }
}

/// A good event.
pub(crate) fn normal<K: Resource>(about: &K, reason: &str, message: impl Into<String>) -> Action {
    event(about, NoteKind::Normal, reason, message.into())
}

/// A bad event.
pub(crate) fn warning<K: Resource>(about: &K, reason: &str, message: impl Into<String>) -> Action {
    event(about, NoteKind::Warning, reason, message.into())
}

fn event<K: Resource>(about: &K, kind: NoteKind, reason: &str, message: String) -> Action {
    Action::Event(Note {
        about: key_of(about),
        uid: meta::uid(about.meta()).to_owned(),
        field: String::new(),
        kind,
        reason: reason.to_owned(),
        message,
    })
}

/// Tries something and tells an event each way.
pub(crate) fn told(attempt: Action, well: Vec<Action>, badly: Vec<Action>) -> Action {
    Action::Told { attempt: Box::new(attempt), well, badly }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_minimal_merge_patches() {
        let check =
            |old: Value, new: Value, expect: Option<Value>| assert_eq!(difference(&old, &new), expect);
        check(json!({"a": 1}), json!({"a": 1}), None);
        check(json!({"a": 1}), json!({"a": 2, "b": [1]}), Some(json!({"a": 2, "b": [1]})));
        check(
            json!({"a": 1, "b": {"c": 1, "d": 2}}),
            json!({"b": {"c": 1}}),
            Some(json!({"a": null, "b": {"d": null}})),
        );
    }
}
