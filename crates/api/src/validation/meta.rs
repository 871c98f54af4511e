//! What is wrong with the metadata of any object, by its kind, and with a change of it.

use crate::field::{Error, Errors, Path};
use crate::object::Object;
use crate::resources::Kind;
use crate::validation::common::{all, immutable};
use crate::validation::names::{self, Messages};
use crate::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;

/// Most bytes of all annotations together.
const ANNOTATIONS_SIZE: usize = 256 << 10;
/// Finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", crate::delete::ORPHAN, crate::delete::FOREGROUND];

/// What is wrong with an object's metadata.
pub fn validate_meta(object: &Object) -> Errors {
    validate(object.kind(), object.meta())
}

/// What is wrong with a change of an object's metadata, besides [`validate_meta`].
pub fn validate_meta_update(new: &Object, old: &Object) -> Errors {
    validate_update(new.meta(), old.meta())
}

/// What is wrong with the metadata of an object of this kind.
pub fn validate(kind: Kind, meta: &ObjectMeta) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Errors::new();
    names_of(&mut errors, &path, kind, meta);
    namespace(&mut errors, &path, kind, meta);
    if meta.generation.is_some_and(|it| it < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(Error::invalid(&path.child("generation"), meta.generation, detail));
    }
    labels(&mut errors, &path.child("labels"), meta.labels.as_ref());
    annotations(&mut errors, &path.child("annotations"), meta.annotations.as_ref());
    owners(&mut errors, &path.child("ownerReferences"), meta.owner_references.as_deref().unwrap_or_default());
    finalizers(&mut errors, &path.child("finalizers"), kind, meta.finalizers.as_deref().unwrap_or_default());
    errors
}

/// What is wrong with labels and annotations.
pub fn validate_labels(meta: &ObjectMeta) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("metadata"));
    labels(&mut errors, &path.child("labels"), meta.labels.as_ref());
    annotations(&mut errors, &path.child("annotations"), meta.annotations.as_ref());
    errors
}

/// What is wrong with a change of metadata, besides [`validate`].
pub fn validate_update(new: &ObjectMeta, old: &ObjectMeta) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Errors::new();
    if old.deletion_timestamp.is_some() {
        let before = old.finalizers.as_deref().unwrap_or_default();
        let added: Vec<&String> = new.finalizers.iter().flatten().filter(|it| !before.contains(it)).collect();
        if !added.is_empty() {
            let detail =
                "no new finalizers can be added if the object is being deleted, found new finalizers";
            errors.push(Error::forbidden(&path.child("finalizers"), format!("{detail} {added:?}")));
        }
    }
    if new.generation.unwrap_or(0) < old.generation.unwrap_or(0) {
        errors.push(Error::invalid(&path.child("generation"), new.generation, "must not be decremented"));
    }
    immutable(&mut errors, &path.child("name"), &new.name, &old.name);
    immutable(&mut errors, &path.child("namespace"), &new.namespace, &old.namespace);
    immutable(&mut errors, &path.child("uid"), &new.uid, &old.uid);
    immutable(
        &mut errors,
        &path.child("creationTimestamp"),
        &new.creation_timestamp,
        &old.creation_timestamp,
    );
    immutable(
        &mut errors,
        &path.child("deletionTimestamp"),
        &new.deletion_timestamp,
        &old.deletion_timestamp,
    );
    let grace = (&new.deletion_grace_period_seconds, &old.deletion_grace_period_seconds);
    immutable(&mut errors, &path.child("deletionGracePeriodSeconds"), grace.0, grace.1);
    errors
}

fn names_of(errors: &mut Errors, path: &Path, kind: Kind, meta: &ObjectMeta) {
    let check = name_check(kind);
    if let Some(prefix) = meta.generate_name.as_deref().filter(|it| !it.is_empty()) {
        all(errors, &path.child("generateName"), prefix, check(&masked(prefix)));
    }
    match meta.name.as_deref().unwrap_or_default() {
        "" => errors.push(Error::required(&path.child("name"), "name or generateName is required")),
        name => all(errors, &path.child("name"), name, check(name)),
    }
}

/// A prefix may end in a dash, because something follows.
fn masked(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => prefix.to_owned(),
    }
}

/// How objects of a kind may be named.
fn name_check(kind: Kind) -> fn(&str) -> Messages {
    let row = kind.row();
    match (row.group, row.plural) {
        ("", "namespaces") => names::dns_label,
        ("", "services") => names::dns_1035_label,
        ("rbac.authorization.k8s.io" | "apiregistration.k8s.io", _) => names::path_segment,
        ("networking.k8s.io", "ipaddresses") => names::ip,
        _ => names::dns_subdomain,
    }
}

fn namespace(errors: &mut Errors, path: &Path, kind: Kind, meta: &ObjectMeta) {
    let path = path.child("namespace");
    match (meta.namespace.as_deref().unwrap_or_default(), kind.row().namespaced()) {
        ("", true) => errors.push(Error::required(&path, "")),
        (namespace, true) => all(errors, &path, namespace, names::dns_label(namespace)),
        ("", false) => {}
        (_, false) => errors.push(Error::forbidden(&path, "not allowed on this type")),
    }
}

/// Labels, wherever they stand.
pub(crate) fn labels(errors: &mut Errors, path: &Path, labels: Option<&BTreeMap<String, String>>) {
    for (key, value) in labels.into_iter().flatten() {
        all(errors, path, key, names::qualified_name(key));
        all(errors, path, value, names::label_value(value));
    }
}

/// Annotations, wherever they stand.
pub(crate) fn annotations(errors: &mut Errors, path: &Path, annotations: Option<&BTreeMap<String, String>>) {
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        all(errors, path, key, names::qualified_name(&key.to_lowercase()));
        size += key.len() + value.len();
    }
    if size > ANNOTATIONS_SIZE {
        errors.push(Error::too_long(path, ANNOTATIONS_SIZE));
    }
}

fn owners(errors: &mut Errors, path: &Path, owners: &[OwnerReference]) {
    for owner in owners {
        let version = owner.api_version.rsplit_once('/').map_or(owner.api_version.as_str(), |(_, it)| it);
        if version.is_empty() {
            let path = path.child("apiVersion");
            errors.push(Error::invalid(&path, owner.api_version.as_str(), "version must not be empty"));
        }
        for (name, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
            if value.is_empty() {
                errors.push(Error::invalid(&path.child(name), "", "must not be empty"));
            }
        }
        if owner.kind == "Event"
            && (owner.api_version == "v1" || owner.api_version.starts_with("events.k8s.io/"))
        {
            let detail = format!("{}, Kind=Event is disallowed from being an owner", owner.api_version);
            errors.push(Error::invalid(path, owner.name.as_str(), detail));
        }
    }
    let controllers: Vec<&str> =
        owners.iter().filter(|it| it.controller == Some(true)).map(|it| it.name.as_str()).collect();
    if let [first, second, ..] = controllers[..] {
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        errors.push(Error::invalid(path, controllers.join(","), detail));
    }
}

fn finalizers(errors: &mut Errors, path: &Path, kind: Kind, finalizers: &[String]) {
    for (index, finalizer) in finalizers.iter().enumerate() {
        all(errors, path, finalizer, names::qualified_name(finalizer));
        let standard = finalizer.contains('/') || STANDARD_FINALIZERS.contains(&finalizer.as_str());
        // Custom kinds may use any name.
        if !standard && Kind::all().any(|it| it == kind) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(Error::invalid(&path.index(index), finalizer.as_str(), detail));
        }
    }
    let has = |name: &str| finalizers.iter().any(|it| it == name);
    if has(crate::delete::ORPHAN) && has(crate::delete::FOREGROUND) {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(Error::invalid(path, finalizers.join(","), detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Resource;
    use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
    use k8s_openapi::api::rbac::v1::ClusterRole;
    use serde_json::{Value, json};

    fn meta(value: Value) -> ObjectMeta {
        serde_json::from_value(value).expect("it is metadata")
    }

    #[track_caller]
    fn check<K: Resource>(value: Value, expect: &[&str]) {
        let errors = validate(K::KIND, &meta(value));
        let got: Vec<String> = errors.iter().map(|it| format!("{} {:?}", it.field, it.kind)).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn metadata_is_checked_by_kind() {
        let named = |name: &str| json!({"name": name, "namespace": "x"});
        check::<ConfigMap>(named("a.b"), &[]);
        check::<ConfigMap>(named("Bad"), &["metadata.name Invalid"]);
        check::<ConfigMap>(json!({"name": "a"}), &["metadata.namespace Required"]);
        check::<ConfigMap>(json!({"namespace": "x"}), &["metadata.name Required"]);
        check::<ConfigMap>(json!({"name": "a", "namespace": "x", "generateName": "a-"}), &[]);
        check::<Service>(named("1a"), &["metadata.name Invalid"]);
        check::<Namespace>(json!({"name": "a.b"}), &["metadata.name Invalid"]);
        check::<Namespace>(json!({"name": "a", "namespace": "x"}), &["metadata.namespace Forbidden"]);
        check::<ClusterRole>(json!({"name": "system:A b"}), &[]);
        let with = |key: &str, value: Value| json!({"name": "a", "namespace": "x", key: value});
        check::<ConfigMap>(with("labels", json!({"x": "a b"})), &["metadata.labels Invalid"]);
        check::<ConfigMap>(with("annotations", json!({"a b": "c"})), &["metadata.annotations Invalid"]);
        let large = "a".repeat(ANNOTATIONS_SIZE);
        check::<ConfigMap>(with("annotations", json!({"a": large})), &["metadata.annotations TooLong"]);
        check::<ConfigMap>(with("finalizers", json!(["a.b/c", "kubernetes"])), &[]);
        check::<ConfigMap>(with("finalizers", json!(["plain"])), &["metadata.finalizers[0] Invalid"]);
        let owner = |uid: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": true});
        check::<ConfigMap>(with("ownerReferences", json!([owner("1")])), &[]);
        check::<ConfigMap>(
            with("ownerReferences", json!([owner("")])),
            &["metadata.ownerReferences.uid Invalid"],
        );
        check::<ConfigMap>(
            with("ownerReferences", json!([owner("1"), owner("2")])),
            &["metadata.ownerReferences Invalid"],
        );
    }

    #[test]
    fn identity_never_changes() {
        let old = meta(json!({"name": "a", "uid": "1", "generation": 2}));
        assert_eq!(validate_update(&old, &old), []);
        let errors = validate_update(&meta(json!({"name": "b", "uid": "2", "generation": 1})), &old);
        let fields: Vec<&str> = errors.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["metadata.generation", "metadata.name", "metadata.uid"]);
        let going = meta(json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}));
        let more = meta(json!({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b", "c/d"]}));
        assert_eq!(validate_update(&going, &more), []);
        assert_eq!(validate_update(&more, &going)[0].field, "metadata.finalizers");
    }
}
