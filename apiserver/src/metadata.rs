//! Metadata: what the server sets, what it keeps, and what every kind's metadata must look like.
//!
//! Start at [`fill`] for new objects and [`keep`] for changes. The rules and messages are those of upstream's
//! "Object Names and IDs", "Labels and Selectors" and "Finalizers".

use crate::state::State;
use api::field::{Error, Errors, Path};
use api::k8s::api::core::v1::Namespace;
use api::resources::Row;
use api::{ApiError, Key, Kind, Object, ObjectMeta, Resource, Time};
use jiff::Timestamp;

/// How many characters the server adds to a generated name, and how long the name may be before that.
const SUFFIX: usize = 5;
const LONGEST_PREFIX: usize = 63 - SUFFIX;
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;
const ANNOTATIONS_LIMIT: usize = 256 << 10;

/// Whether the server has to make the name.
pub(crate) fn generates_name(meta: &ObjectMeta) -> bool {
    is_unset(meta.name.as_deref()) && !is_unset(meta.generate_name.as_deref())
}

fn is_unset(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// Checks that a new object belongs where it is sent, and puts it into that namespace.
pub(crate) fn check_new(namespace: &str, row: &Row, meta: &mut ObjectMeta) -> Result<(), ApiError> {
    if !is_unset(meta.resource_version.as_deref()) {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let own = meta.namespace.take().unwrap_or_default();
    if row.namespaced() {
        if !own.is_empty() && own != namespace {
            return Err(elsewhere());
        }
        meta.namespace = Some(namespace.to_owned());
    }
    Ok(())
}

fn elsewhere() -> ApiError {
    let message = "the namespace of the provided object does not match the namespace sent on the request";
    ApiError::bad_request(message)
}

/// Sets what the server alone decides of a new object.
pub(crate) fn fill(state: &State, meta: &mut ObjectMeta) {
    meta.uid = Some(state.random.uid());
    meta.creation_timestamp = Some(Time(whole_seconds(state.now())));
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    meta.resource_version = None;
    meta.self_link = None;
    meta.managed_fields = None;
    if generates_name(meta) {
        let prefix = meta.generate_name.as_deref().unwrap_or_default();
        let end = prefix.char_indices().nth(LONGEST_PREFIX).map_or(prefix.len(), |(at, _)| at);
        meta.name = Some(format!("{}{}", &prefix[..end], state.random.suffix(SUFFIX)));
    }
}

/// Times of the API have whole seconds.
pub(crate) fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Checks that a changed object is still the one that the URL names, at the version that the client has seen.
pub(crate) fn check_identity(key: &Key, new: &Object, old: &Object) -> Result<(), ApiError> {
    let (meta, row) = (new.meta(), key.kind.row());
    let name = meta.name.as_deref().unwrap_or_default();
    if !name.is_empty() && name != key.name {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.name
        )));
    }
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    if row.namespaced() && !namespace.is_empty() && namespace != key.namespace {
        return Err(elsewhere());
    }
    let (uid, own) = (meta.uid.as_deref().unwrap_or_default(), api::owner::uid(old));
    if !uid.is_empty() && uid != own {
        let detail = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {own}");
        return Err(ApiError::conflict(row, &key.name, &detail));
    }
    match meta.resource_version.as_deref() {
        None | Some("") => Ok(()),
        Some(version) if Some(version) == old.meta().resource_version.as_deref() => Ok(()),
        Some(version) if version.parse::<u64>().is_err() => {
            let path = Path::new("metadata").child("resourceVersion");
            let error = Error::invalid(&path, version, "must be what the object had when it was read");
            Err(ApiError::invalid(row, &key.name, &[error]))
        }
        Some(_) => Err(ApiError::modified(row, &key.name)),
    }
}

/// Gives a changed object what changes may not touch.
pub(crate) fn keep(new: &mut ObjectMeta, old: &ObjectMeta) {
    new.name.clone_from(&old.name);
    new.namespace.clone_from(&old.namespace);
    new.generate_name.clone_from(&old.generate_name);
    new.uid.clone_from(&old.uid);
    new.resource_version.clone_from(&old.resource_version);
    new.generation = old.generation;
    new.creation_timestamp.clone_from(&old.creation_timestamp);
    new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    new.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    new.self_link = None;
    new.managed_fields.clone_from(&old.managed_fields);
}

/// What is wrong with the metadata of a new object.
pub(crate) fn validate(kind: Kind, meta: &ObjectMeta) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Errors::new();
    let field = path.child("name");
    match meta.name.as_deref().unwrap_or_default() {
        "" => errors.push(Error::required(&field, "name or generateName is required")),
        name => errors.extend(name_problem(kind, name).map(|why| Error::invalid(&field, name, why))),
    }
    common(&path, meta, &mut errors);
    errors
}

/// What is wrong with the metadata of a changed object.
pub(crate) fn validate_update(_kind: Kind, new: &ObjectMeta, old: &ObjectMeta) -> Errors {
    let path = Path::new("metadata");
    let mut errors = Errors::new();
    if new.labels != old.labels
        || new.annotations != old.annotations
        || new.finalizers != old.finalizers
        || new.owner_references != old.owner_references
    {
        common(&path, new, &mut errors);
    }
    if old.deletion_timestamp.is_some() {
        let held = old.finalizers.as_deref().unwrap_or_default();
        let added: Vec<&String> = new.finalizers.iter().flatten().filter(|it| !held.contains(it)).collect();
        if !added.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
            );
            errors.push(Error::forbidden(&path.child("finalizers"), why));
        }
    }
    errors
}

fn common(path: &Path, meta: &ObjectMeta, errors: &mut Errors) {
    let labels = path.child("labels");
    for (key, value) in meta.labels.iter().flatten() {
        errors.extend(qualified_problem(key).map(|why| Error::invalid(&labels, key.as_str(), why)));
        errors.extend(label_value_problem(value).map(|why| Error::invalid(&labels, value.as_str(), why)));
    }
    let annotations = path.child("annotations");
    let mut size = 0;
    for (key, value) in meta.annotations.iter().flatten() {
        size += key.len() + value.len();
        let lower = key.to_lowercase();
        errors.extend(qualified_problem(&lower).map(|why| Error::invalid(&annotations, key.as_str(), why)));
    }
    if size > ANNOTATIONS_LIMIT {
        errors.push(Error::too_long(&annotations, ANNOTATIONS_LIMIT));
    }
    let finalizers = path.child("finalizers");
    for name in meta.finalizers.iter().flatten() {
        errors.extend(finalizer_problem(name).map(|why| Error::invalid(&finalizers, name.as_str(), why)));
    }
    owners(&path.child("ownerReferences"), meta, errors);
}

fn owners(path: &Path, meta: &ObjectMeta, errors: &mut Errors) {
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    for owner in owners {
        let parts = [
            ("apiVersion", &owner.api_version, "version must not be empty"),
            ("kind", &owner.kind, "must not be empty"),
            ("name", &owner.name, "must not be empty"),
            ("uid", &owner.uid, "must not be empty"),
        ];
        for (field, _, why) in parts.iter().filter(|(_, value, _)| value.is_empty()) {
            errors.push(Error::invalid(&path.child(field), "", *why));
        }
    }
    let controllers: Vec<&str> =
        owners.iter().filter(|it| it.controller == Some(true)).map(|it| it.kind.as_str()).collect();
    if controllers.len() > 1 {
        let why = format!("Only one reference can have Controller set to true. Found \"true\" in references for {}", controllers.join(" and "));
        errors.push(Error::invalid(path, serde_json::Value::Null, why));
    }
}

/// How objects of a kind may be called.
fn name_problem(kind: Kind, name: &str) -> Option<String> {
    let row = kind.row();
    if row.group == "rbac.authorization.k8s.io" {
        return path_segment_problem(name);
    }
    if kind == Namespace::KIND {
        return label_problem(name);
    }
    if name.len() > LONGEST_NAME {
        return Some(format!("must be no more than {LONGEST_NAME} characters"));
    }
    let good = !name.is_empty() && name.split('.').all(is_label);
    (!good).then(|| {
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
         and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            .to_owned()
    })
}

fn path_segment_problem(name: &str) -> Option<String> {
    if matches!(name, "." | "..") {
        return Some(format!("may not be '{name}'"));
    }
    ['/', '%'].into_iter().find(|it| name.contains(*it)).map(|it| format!("may not contain '{it}'"))
}

fn label_problem(name: &str) -> Option<String> {
    if name.len() > LONGEST_LABEL {
        return Some(format!("must be no more than {LONGEST_LABEL} characters"));
    }
    (!is_label(name)).then(|| {
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
         with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            .to_owned()
    })
}

fn is_label(text: &str) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|it| plain(*it))
        && bytes.last().is_some_and(|it| plain(*it))
        && bytes.iter().all(|it| plain(*it) || *it == b'-')
}

/// Keys of labels and annotations: `name`, or `prefix/name`.
fn qualified_problem(key: &str) -> Option<String> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("prefix part must be non-empty".to_owned());
        }
        if prefix.len() > LONGEST_NAME || !prefix.split('.').all(is_label) {
            return Some(
                "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                 '.', and must start and end with an alphanumeric character"
                    .to_owned(),
            );
        }
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > LONGEST_LABEL {
        return Some(format!("name part must be no more than {LONGEST_LABEL} characters"));
    }
    (!is_token(name)).then(|| {
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            .to_owned()
    })
}

fn label_value_problem(value: &str) -> Option<String> {
    if value.len() > LONGEST_LABEL {
        return Some(format!("must be no more than {LONGEST_LABEL} characters"));
    }
    (!value.is_empty() && !is_token(value)).then(|| {
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
         and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
         validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            .to_owned()
    })
}

fn is_token(text: &str) -> bool {
    let ends = |it: Option<&u8>| it.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

fn finalizer_problem(name: &str) -> Option<String> {
    let standard = matches!(name, "orphan" | "foregroundDeletion" | "kubernetes");
    if standard {
        return None;
    }
    qualified_problem(name).or_else(|| {
        let why = "name is neither a standard finalizer name nor is it fully qualified";
        (!name.contains('/')).then(|| why.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::api::core::v1::ConfigMap;
    use api::k8s::api::rbac::v1::ClusterRole;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(kind: Kind, meta: Value, expect: &[&str]) {
        let meta: ObjectMeta = serde_json::from_value(meta).unwrap();
        let got: Vec<String> = validate(kind, &meta).iter().map(ToString::to_string).collect();
        assert_eq!(got.len(), expect.len(), "{got:?}");
        for (got, expect) in got.iter().zip(expect) {
            assert!(got.starts_with(expect), "{got}");
        }
    }

    #[test]
    fn metadata_is_checked() {
        let map = ConfigMap::KIND;
        check(map, json!({ "name": "a.b-c" }), &[]);
        check(map, json!({}), &["metadata.name: Required value: name or generateName is required"]);
        check(map, json!({ "name": "Bad_Name" }), &["metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123"]);
        check(ClusterRole::KIND, json!({ "name": "system:node" }), &[]);
        check(ClusterRole::KIND, json!({ "name": "a/b" }), &["metadata.name: Invalid value: \"a/b\": may not contain '/'"]);
        check(Namespace::KIND, json!({ "name": "a.b" }), &["metadata.name: Invalid value"]);
        check(map, json!({ "name": "a", "labels": { "x y": "z", "a": "b c" } }), &[
            "metadata.labels: Invalid value: \"b c\": a valid label",
            "metadata.labels: Invalid value: \"x y\": name part must consist",
        ]);
        check(map, json!({ "name": "a", "finalizers": ["x", "x.io/y", "orphan"] }), &["metadata.finalizers: Invalid"]);
        check(map, json!({ "name": "a", "ownerReferences": [{ "apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "" }] }), &[
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
        ]);
    }
}
