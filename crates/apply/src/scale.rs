//! Who owns the number of replicas, told by an object and by its scale (upstream's `managedfields.ScaleHandler`).
//!
//! A scale is no object of its own, so its managed fields are those of its parent that say who owns the replicas. Start at
//! [`owners_of_scale`], which shows them as a scale's, and [`owners_of_parent`], which takes them back after a write.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use crate::error::DecodeError;
use crate::managed_fields::{assemble, decode, encode};
use crate::managers::{Manager, Managers, Operation};
use crate::path::PathElement;
use crate::set::Set;

/// The version of every scale.
pub const API_VERSION: &str = "autoscaling/v1";
/// Where a scale has its replicas.
const IN_SCALE: &[&str] = &["spec", "replicas"];

/// Where a version of the parent has its replicas; none for a version that is not served or has no scale.
pub type ReplicasPath<'a> = dyn Fn(&str) -> Option<Vec<&'a str>> + 'a;

/// Of the parent's managed fields those about replicas, as the scale's.
pub fn owners_of_scale(
    parent: &[ManagedFieldsEntry],
    path_in: &ReplicasPath<'_>,
) -> Result<Vec<ManagedFieldsEntry>, DecodeError> {
    let owners = decode(parent)?.0.into_iter().filter(|it| owns_replicas(it, path_in));
    let shown = owners.map(|owner| moved(owner, API_VERSION, IN_SCALE)).collect();
    Ok(assemble(Vec::new(), encode(Managers(shown))))
}

/// The parent's managed fields once its scale has these, in the version through which the scale was written.
pub fn owners_of_parent(
    parent: &[ManagedFieldsEntry],
    scale: &[ManagedFieldsEntry],
    version: &str,
    path_in: &ReplicasPath<'_>,
) -> Result<Vec<ManagedFieldsEntry>, DecodeError> {
    let replicas = path_in(version).unwrap_or_default();
    let mut owners = decode(scale)?.0;
    owners.retain(|it| it.set.has(&elements(IN_SCALE)));
    let mut managers = decode(parent)?;
    managers.0.retain_mut(|manager| {
        if !owns_replicas(manager, path_in) {
            return true;
        }
        // Who still owns the scale keeps what it has, in the version in which it has it.
        if let Some(at) = owners.iter().position(|it| is_same(it, manager)) {
            owners.remove(at);
            return true;
        }
        manager.set.subtract(&set_of(&path_in(&manager.api_version).unwrap_or_default()));
        manager.entry = None;
        !manager.set.is_empty()
    });
    for owner in owners {
        managers.put(moved(owner, version, &replicas));
    }
    Ok(assemble(parent.to_vec(), encode(managers)))
}

fn owns_replicas(manager: &Manager<'_>, path_in: &ReplicasPath<'_>) -> bool {
    path_in(&manager.api_version).is_some_and(|path| manager.set.has(&elements(&path)))
}

/// Whether both are one manager: that of a scale always speaks of the scale's version.
fn is_same(one: &Manager<'_>, other: &Manager<'_>) -> bool {
    let identity =
        |it: &Manager<'_>| (it.id.manager.to_string(), it.id.operation, it.id.subresource.to_string());
    identity(one) == identity(other)
}

/// The manager as owner of the replicas in another version, and of nothing else.
fn moved<'a>(owner: Manager<'_>, version: &'a str, path: &[&'a str]) -> Manager<'static> {
    let mut id = owner.id.into_owned();
    if id.operation == Operation::Update {
        id.api_version = Cow::Owned(version.to_owned());
    }
    let api_version = Cow::Owned(version.to_owned());
    Manager { id, api_version, set: set_of(path), time: owner.time, entry: None }
}

fn set_of(path: &[&str]) -> Set<'static> {
    Set::of_fields(&[path]).into_owned()
}

fn elements<'a>(path: &[&'a str]) -> Vec<PathElement<'a>> {
    path.iter().copied().map(PathElement::field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `MANAGER OPERATION SUBRESOURCE VERSION FIELDS`, of which the subresource may be `-`.
    fn entry(text: &str) -> ManagedFieldsEntry {
        let parts: Vec<&str> = text.splitn(5, ' ').collect();
        let [manager, operation, subresource, version, fields] = parts[..] else {
            panic!("five parts: {text}")
        };
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": version,
            "fieldsType": "FieldsV1", "fieldsV1": serde_json::from_str::<Value>(fields).expect("JSON"),
            "time": "2030-01-01T00:00:00Z",
        });
        if subresource != "-" {
            entry["subresource"] = subresource.into();
        }
        serde_json::from_value(entry).expect("an entry")
    }

    fn text(entry: &ManagedFieldsEntry) -> String {
        let part = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".to_owned());
        assert!(entry.time.is_some(), "everybody keeps a time");
        format!(
            "{} {} {} {} {}",
            part(&entry.manager),
            part(&entry.operation),
            part(&entry.subresource),
            part(&entry.api_version),
            entry.fields_v1.as_ref().map_or(Value::Null, |it| it.0.clone())
        )
    }

    fn path_in(version: &str) -> Option<Vec<&'static str>> {
        match version {
            "apps/v1" => Some(vec!["spec", "replicas"]),
            "apps/v0" => Some(vec!["spec", "count"]),
            _ => None,
        }
    }

    const OWNER: &str = r#"a Apply - apps/v1 {"f:spec":{"f:paused":{},"f:replicas":{}}}"#;
    const OTHER: &str = r#"b Update - apps/v1 {"f:metadata":{"f:labels":{}}}"#;

    #[test]
    fn a_scale_shows_who_owns_the_replicas() {
        let check = |parent: &[&str], expect: &[&str]| {
            let parent: Vec<_> = parent.iter().map(|it| entry(it)).collect();
            let got = owners_of_scale(&parent, &path_in).expect("they can be read");
            assert_eq!(got.iter().map(text).collect::<Vec<_>>(), expect);
        };
        check(&[OWNER, OTHER], &[r#"a Apply - autoscaling/v1 {"f:spec":{"f:replicas":{}}}"#]);
        check(
            &[r#"u Update scale apps/v0 {"f:spec":{"f:count":{}}}"#],
            &[r#"u Update scale autoscaling/v1 {"f:spec":{"f:replicas":{}}}"#],
        );
        check(&[r#"u Update - gone/v1 {"f:spec":{"f:replicas":{}}}"#], &[]);
    }

    #[test]
    fn the_parent_takes_back_who_owns_them() {
        let check = |parent: &[&str], scale: &[&str], expect: &[&str]| {
            let read = |all: &[&str]| all.iter().map(|it| entry(it)).collect::<Vec<_>>();
            let got = owners_of_parent(&read(parent), &read(scale), "apps/v1", &path_in);
            assert_eq!(got.expect("they can be read").iter().map(text).collect::<Vec<_>>(), expect);
        };
        let kept = r#"a Apply - autoscaling/v1 {"f:spec":{"f:replicas":{}}}"#;
        let taker = r#"h Apply scale autoscaling/v1 {"f:spec":{"f:replicas":{}}}"#;
        let taken = r#"h Apply scale apps/v1 {"f:spec":{"f:replicas":{}}}"#;
        check(&[OWNER, OTHER], &[kept], &[OWNER, OTHER]);
        check(&[OWNER, OTHER], &[kept, taker], &[OWNER, taken, OTHER]);
        let rest = r#"a Apply - apps/v1 {"f:spec":{"f:paused":{}}}"#;
        check(&[OWNER, OTHER], &[taker], &[rest, taken, OTHER]);
        check(&[OTHER], &[r#"h Apply scale autoscaling/v1 {"f:status":{}}"#], &[OTHER]);
        let only = r#"o Update scale apps/v0 {"f:spec":{"f:count":{}}}"#;
        check(&[only], &[taker], &[taken]);
        check(&[only], &[r#"o Update scale autoscaling/v1 {"f:spec":{"f:replicas":{}}}"#], &[only]);
    }
}
