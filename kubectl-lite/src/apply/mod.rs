//! Three-way merges for `apply`: what was applied last, what is to be, what is there.
//!
//! Start at [`plan_patch`]. The patch is strategic for kinds whose types are known and a plain merge patch for others;
//! both come from the same comparison, since a list without a known key is always replaced.

mod diff;
mod merge;
#[cfg(test)]
mod tests;

use client::PatchType;
use openapi::facts::{Type, type_of};
use serde_json::{Map, Value};

/// The annotation that remembers what was applied.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A patch, and how it is to be read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// How it is written.
    pub(crate) kind: PatchType,
    /// The patch; an empty object when nothing is to be done.
    pub(crate) patch: Value,
}

/// The patch that brings `current` to `modified`, and removes what was in `original` and is no longer in `modified`.
pub(crate) fn plan_patch(original: Option<&Value>, modified: &Value, current: &Value) -> Planned {
    let schema = schema_of(modified);
    let nothing = Value::Object(Map::new());
    let changes = diff::changes(current, modified, schema);
    let removals = diff::removals(original.unwrap_or(&nothing), modified, schema);
    let kind = if schema.is_some() { PatchType::Strategic } else { PatchType::Merge };
    Planned { kind, patch: merge::patches(removals, changes, schema) }
}

fn schema_of(object: &Value) -> Option<&'static Type> {
    let api_version = object["apiVersion"].as_str()?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    type_of(group, version, object["kind"].as_str()?)
}

/// The object with the annotation that remembers it as it is now.
pub(crate) fn remembered(object: &Value) -> Value {
    let mut bare = object.clone();
    annotations(&mut bare).remove(LAST_APPLIED);
    let text = crate::print::format::escaped(&bare.to_string()) + "\n";
    annotations(&mut bare).insert(LAST_APPLIED.to_owned(), text.into());
    bare
}

/// What the annotation of an object remembers.
pub(crate) fn last_applied(object: &Value) -> Option<Value> {
    serde_json::from_str(object["metadata"]["annotations"][LAST_APPLIED].as_str()?).ok()
}

fn annotations(object: &mut Value) -> &mut Map<String, Value> {
    let annotations = &mut object["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = Value::Object(Map::new());
    }
    annotations.as_object_mut().expect("it was just made one")
}
