//! What is wrong with environment variables and references to fields.

use super::{local_path, required_text};
use crate::field::{Error, Errors, Path};
use crate::validation::common::{all, required};
use crate::validation::names;
use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector,
};

/// Fields of a pod that its variables can show.
const IN_VARIABLES: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields of a pod that its files can show.
pub(super) const IN_FILES: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
/// Resources that variables and files can show.
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn variables(errors: &mut Errors, path: &Path, variables: &[EnvVar]) {
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        required(errors, &path.child("name"), &variable.name, names::variable_name);
        if let Some(source) = &variable.value_from {
            let has_value = variable.value.as_deref().is_some_and(|it| !it.is_empty());
            let path = path.child("valueFrom");
            value_from(errors, &path, source);
            if has_value {
                errors.push(Error::invalid(&path, "", "may not be specified when `value` is not empty"));
            }
        }
    }
}

fn value_from(errors: &mut Errors, path: &Path, source: &EnvVarSource) {
    let mut sources = 0;
    if let Some(field) = &source.field_ref {
        sources += 1;
        field_ref(errors, &path.child("fieldRef"), field, IN_VARIABLES);
    }
    if let Some(resource) = &source.resource_field_ref {
        sources += 1;
        resource_ref(errors, &path.child("resourceFieldRef"), resource);
    }
    if let Some(key) = &source.config_map_key_ref {
        sources += 1;
        key_ref(errors, &path.child("configMapKeyRef"), &key.name, &key.key);
    }
    if let Some(key) = &source.secret_key_ref {
        sources += 1;
        key_ref(errors, &path.child("secretKeyRef"), &key.name, &key.key);
    }
    if let Some(key) = &source.file_key_ref {
        sources += 1;
        required_text(errors, &path.child("fileKeyRef").child("volumeName"), Some(&key.volume_name));
        local_path(errors, &path.child("fileKeyRef").child("path"), &key.path);
    }
    if sources == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.push(Error::invalid(path, "", detail));
    } else if sources > 1 {
        errors.push(Error::invalid(path, "", "may not have more than one field specified at a time"));
    }
}

fn key_ref(errors: &mut Errors, path: &Path, name: &str, key: &str) {
    required_text(errors, &path.child("name"), Some(name));
    required(errors, &path.child("key"), key, names::config_key);
}

pub(super) fn field_ref(errors: &mut Errors, path: &Path, field: &ObjectFieldSelector, known: &[&str]) {
    if field.api_version.as_deref().is_none_or(str::is_empty) {
        errors.push(Error::required(&path.child("apiVersion"), ""));
    }
    let (path, value) = (path.child("fieldPath"), field.field_path.as_str());
    if value.is_empty() {
        errors.push(Error::required(&path, ""));
    } else if let Some((map, key)) = subscript(value) {
        match map {
            "metadata.annotations" => all(errors, &path, value, names::qualified_name(&key.to_lowercase())),
            "metadata.labels" => all(errors, &path, value, names::qualified_name(key)),
            _ => errors.push(Error::invalid(&path, value, "does not support subscript")),
        }
    } else if !known.contains(&value) {
        if IN_VARIABLES.contains(&value) || IN_FILES.contains(&value) {
            errors.push(Error::not_supported(&path, value, known));
        } else {
            let detail = format!("error converting fieldPath: field label not supported: {value}");
            errors.push(Error::invalid(&path, value, detail));
        }
    }
}

/// `map['key']`.
fn subscript(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix("']")?.split_once("['")
}

pub(super) fn resource_ref(errors: &mut Errors, path: &Path, field: &ResourceFieldSelector) {
    let path = path.child("resource");
    match field.resource.as_str() {
        "" => errors.push(Error::required(&path, "")),
        known if RESOURCES.contains(&known) || known.contains(".hugepages-") => {}
        other => errors.push(Error::not_supported(&path, other, RESOURCES)),
    }
}

pub(super) fn sources(errors: &mut Errors, path: &Path, sources: &[EnvFromSource]) {
    for (index, source) in sources.iter().enumerate() {
        let path = path.index(index);
        if let Some(prefix) = source.prefix.as_deref().filter(|it| !it.is_empty()) {
            all(errors, &path.child("prefix"), prefix, names::variable_name(prefix));
        }
        if let Some(map) = &source.config_map_ref {
            required_text(errors, &path.child("configMapRef").child("name"), Some(&map.name));
        }
        if let Some(secret) = &source.secret_ref {
            required_text(errors, &path.child("secretRef").child("name"), Some(&secret.name));
        }
        match (&source.config_map_ref, &source.secret_ref) {
            (None, None) => {
                let detail = "must specify one of: `configMapRef` or `secretRef`";
                errors.push(Error::invalid(&path, "", detail));
            }
            (Some(_), Some(_)) => {
                errors.push(Error::invalid(
                    &path,
                    "",
                    "may not have more than one field specified at a time",
                ));
            }
            _ => {}
        }
    }
}
