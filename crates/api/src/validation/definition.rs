//! What is wrong with what a custom resource definition says beyond names and schemas: who approved its group, and what
//! its versions show, scale and select by.
//!
//! What all versions say alike upstream takes for the definition's own, and blames it there: `spec.subresources` rather
//! than `spec.versions[0].subresources`.

use crate::field::{Error, Errors, Path};
use crate::meta;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion,
    CustomResourceSubresourceScale, JSONSchemaProps, SelectableField,
};
use std::collections::BTreeSet;

/// Says who approved that a definition extends one of Kubernetes' own groups.
const APPROVED: &str = "api-approved.kubernetes.io";
const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";
const MOST_SELECTABLE: usize = 8;
const MOST_OF_WARNING: usize = 256;
const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// What is wrong with a definition besides its names.
pub(super) fn details(errors: &mut Errors, definition: &CustomResourceDefinition) {
    let (path, spec) = (Path::new("spec"), &definition.spec);
    approval(errors, definition);
    if spec.preserve_unknown_fields == Some(true) {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(Error::invalid(&path.child("preserveUnknownFields"), true, detail));
    }
    for (index, version) in spec.versions.iter().enumerate() {
        deprecation(errors, &path.child("versions").index(index).child("deprecationWarning"), version);
    }
    each(
        &path,
        &spec.versions,
        |it| &it.subresources,
        |path, it| {
            if let Some(it) = it.subresources.as_ref().and_then(|it| it.scale.as_ref()) {
                scale(errors, &path.child("subresources"), it);
            }
        },
    );
    each(
        &path,
        &spec.versions,
        |it| &it.additional_printer_columns,
        |path, it| {
            for (index, it) in it.additional_printer_columns.iter().flatten().enumerate() {
                column(errors, &path.child("additionalPrinterColumns").index(index), it);
            }
        },
    );
    each(
        &path,
        &spec.versions,
        |it| &it.selectable_fields,
        |path, it| {
            selectable(errors, &path.child("selectableFields"), it);
        },
    );
}

/// Looks at a part of each version, or once when it is the same in all of them.
fn each<T: PartialEq>(
    path: &Path,
    versions: &[CustomResourceDefinitionVersion],
    part: impl Fn(&CustomResourceDefinitionVersion) -> &T,
    mut check: impl FnMut(&Path, &CustomResourceDefinitionVersion),
) {
    let Some(first) = versions.first() else { return };
    if versions.iter().all(|it| part(it) == part(first)) {
        return check(path, first);
    }
    for (index, version) in versions.iter().enumerate() {
        check(&path.child("versions").index(index), version);
    }
}

/// Kubernetes' own groups are not everybody's.
fn approval(errors: &mut Errors, definition: &CustomResourceDefinition) {
    let group = definition.spec.group.as_str();
    let protected = ["k8s.io", "kubernetes.io"];
    let is_own = |own: &&str| group.strip_suffix(own).is_some_and(|it| it.is_empty() || it.ends_with('.'));
    if !protected.iter().any(is_own) {
        return;
    }
    let path = Path::new("metadata").child("annotations").key(APPROVED);
    let given = meta::annotation(&definition.metadata, APPROVED).unwrap_or_default();
    let is_url = given.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !rest.starts_with('/') && !rest.contains(' ')
    });
    let needs = format!("protected groups must have approval annotation {APPROVED:?}");
    if given.is_empty() {
        errors.push(Error::required(&path, format!("{needs}, {SEE}")));
    } else if !given.starts_with("unapproved") && !is_url {
        let detail = format!("{needs} with either a URL or a reason starting with \"unapproved\", {SEE}");
        errors.push(Error::invalid(&path, given, detail));
    }
}

fn deprecation(errors: &mut Errors, path: &Path, version: &CustomResourceDefinitionVersion) {
    let Some(warning) = &version.deprecation_warning else { return };
    let detail = if version.deprecated != Some(true) {
        "can only be set for deprecated versions"
    } else if warning.is_empty() {
        "must not be empty"
    } else if warning.len() > MOST_OF_WARNING {
        "must be <= 256 characters"
    } else if warning.chars().any(char::is_control) {
        "must only contain printable UTF-8 characters; non-printable character found"
    } else {
        return;
    };
    errors.push(Error::invalid(path, warning.as_str(), detail));
}

/// A path such as `.spec.replicas`; answers whether it is one.
fn simple_path(errors: &mut Errors, path: &Path, text: &str) -> bool {
    let good = text.starts_with('.');
    if !good {
        errors.push(Error::invalid(path, text, "must be a simple json path starting with ."));
    }
    good
}

fn scale(errors: &mut Errors, path: &Path, scale: &CustomResourceSubresourceScale) {
    for (name, value, under) in [
        ("scale.specReplicasPath", &scale.spec_replicas_path, ".spec"),
        ("scale.statusReplicasPath", &scale.status_replicas_path, ".status"),
    ] {
        let path = path.child(name);
        if value.is_empty() {
            errors.push(Error::required(&path, ""));
        } else if simple_path(errors, &path, value) && !value.starts_with(&format!("{under}.")) {
            let detail = format!("should be a json path under {under}");
            errors.push(Error::invalid(&path, value.as_str(), detail));
        }
    }
    let Some(value) = scale.label_selector_path.as_ref().filter(|it| !it.is_empty()) else { return };
    let path = path.child("scale.labelSelectorPath");
    let below = value.starts_with(".spec.") || value.starts_with(".status.");
    if simple_path(errors, &path, value) && !below {
        let detail = "should be a json path under either .status or .spec";
        errors.push(Error::invalid(&path, value.as_str(), detail));
    }
}

fn column(errors: &mut Errors, path: &Path, column: &CustomResourceColumnDefinition) {
    if column.name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    let types = format!("must be one of {}", TYPES.join(","));
    match column.type_.as_str() {
        "" => errors.push(Error::required(&path.child("type"), types)),
        known if TYPES.contains(&known) => {}
        other => errors.push(Error::invalid(&path.child("type"), other, types)),
    }
    let format = column.format.as_deref().filter(|it| !it.is_empty());
    if let Some(other) = format.filter(|it| !FORMATS.contains(it)) {
        let detail = format!("must be one of {}", FORMATS.join(","));
        errors.push(Error::invalid(&path.child("format"), other, detail));
    }
    match column.json_path.as_str() {
        "" => errors.push(Error::required(&path.child("JSONPath"), "")),
        text => {
            simple_path(errors, &path.child("JSONPath"), text);
        }
    }
}

/// Fields that field selectors can use (KEP-4358).
fn selectable(errors: &mut Errors, path: &Path, version: &CustomResourceDefinitionVersion) {
    let fields: &[SelectableField] = version.selectable_fields.as_deref().unwrap_or_default();
    if fields.len() > MOST_SELECTABLE {
        errors.push(Error::too_many(path, fields.len(), MOST_SELECTABLE));
    }
    let schema = version.schema.as_ref().and_then(|it| it.open_api_v3_schema.as_ref());
    let mut seen = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        let (path, text) = (path.index(index), field.json_path.as_str());
        if text.is_empty() {
            errors.push(Error::required(&path.child("jsonPath"), ""));
            continue;
        }
        let found = match selected(schema, text) {
            Ok(found) => found,
            Err(why) => {
                let detail = format!("is an invalid path: {why}");
                errors.push(Error::invalid(&path.child("jsonPath"), text, detail));
                continue;
            }
        };
        if text == ".metadata" || text.starts_with(".metadata.") {
            errors.push(Error::invalid(&path, text, "must not point to fields in metadata"));
        }
        if !matches!(found.type_.as_deref(), Some("string" | "boolean" | "integer")) {
            let detail = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            errors.push(Error::invalid(&path, text, detail));
        }
        if !seen.insert(text) {
            errors.push(Error::duplicate(&path, text));
        }
    }
}

/// The schema of the field at a path such as `.spec.color`.
fn selected<'a>(schema: Option<&'a JSONSchemaProps>, text: &str) -> Result<&'a JSONSchemaProps, String> {
    let steps = text.strip_prefix('.').ok_or("expected field path to start with '.'")?;
    let mut at = schema.ok_or("there is no schema")?;
    for step in steps.split('.') {
        if step.is_empty() {
            return Err("unexpected end of JSON path".to_owned());
        }
        let next = at.properties.as_ref().and_then(|it| it.get(step));
        at = next.ok_or_else(|| "does not refer to a valid field".to_owned())?;
    }
    Ok(at)
}
