//! Whether a schema is structural: every field has a type outside of value validations, junctors only restrict values,
//! and nothing is validated that the structure does not declare.

use super::{is, item_of, type_of, values_of};
use crate::pattern::Pattern;
use crate::prune::OBJECT_FIELDS;
use api::field::{Error, Errors, Path};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

/// Where a schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Everything that keeps a schema from being structural, sorted.
pub(super) fn check(schema: &JSONSchemaProps, path: &Path) -> Errors {
    let mut errors = Errors::new();
    invariants(&mut errors, schema, Level::Root, path);
    completeness(&mut errors, schema, path);
    errors.sort_by_cached_key(ToString::to_string);
    errors
}

fn invariants(errors: &mut Errors, schema: &JSONSchemaProps, level: Level, path: &Path) {
    if type_of(schema) == "array" && schema.items.is_none() {
        errors.push(Error::required(&path.child("items"), "must be specified"));
    }
    if let Some(item) = item_of(schema) {
        invariants(errors, item, Level::Item, &path.child("items"));
    }
    for (name, property) in schema.properties.iter().flatten() {
        invariants(errors, property, Level::Field, &path.child("properties").key(name));
    }
    if schema.additional_properties.is_some() && level == Level::Root {
        errors.push(Error::forbidden(&path.child("additionalProperties"), "must not be used at the root"));
    }
    if let Some(values) = values_of(schema) {
        invariants(errors, values, Level::Field, &path.child("additionalProperties"));
    }
    int_or_string(errors, schema, path);
    value_validation(errors, schema, is_int_or_string(&schema.any_of), is_first_int_or_string(schema), path);
    types(errors, schema, level, path);
    if level == Level::Root || is(schema.x_kubernetes_embedded_resource) {
        object_fields(errors, schema, path);
    }
    if level == Level::Root {
        root_metadata(errors, schema, path);
    }
}

fn int_or_string(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    if !is(schema.x_kubernetes_int_or_string) {
        return;
    }
    for (name, flag) in [
        ("x-kubernetes-preserve-unknown-fields", schema.x_kubernetes_preserve_unknown_fields),
        ("x-kubernetes-embedded-resource", schema.x_kubernetes_embedded_resource),
    ] {
        if is(flag) {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            errors.push(Error::invalid(&path.child(name), true, detail));
        }
    }
    // With a type of its own the union would contradict itself.
    if !type_of(schema).is_empty() {
        let detail = "must be empty if x-kubernetes-int-or-string is true";
        errors.push(Error::forbidden(&path.child("type"), detail));
    }
}

/// `anyOf: [{type: integer}, {type: string}]`, the one place where a junctor may name types.
fn is_int_or_string(any_of: &Option<Vec<JSONSchemaProps>>) -> bool {
    let only = |kind: &str| JSONSchemaProps { type_: Some(kind.to_owned()), ..JSONSchemaProps::default() };
    any_of.as_deref().is_some_and(|it| *it == [only("integer"), only("string")])
}

fn is_first_int_or_string(schema: &JSONSchemaProps) -> bool {
    schema.all_of.as_deref().and_then(<[_]>::first).is_some_and(|it| is_int_or_string(&it.any_of))
}

fn types(errors: &mut Errors, schema: &JSONSchemaProps, level: Level, path: &Path) {
    let (kind, embedded) = (type_of(schema), is(schema.x_kubernetes_embedded_resource));
    let preserves = is(schema.x_kubernetes_preserve_unknown_fields);
    let path_of_type = path.child("type");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match kind {
            "" => Error::required(&path_of_type, detail),
            kind => Error::invalid(&path_of_type, kind, detail),
        });
    } else if kind.is_empty() && !is(schema.x_kubernetes_int_or_string) && !preserves {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(Error::required(&path_of_type, detail));
    }
    if embedded && schema.additional_properties.is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(Error::forbidden(&path.child("additionalProperties"), detail));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        errors.push(Error::invalid(&path_of_type, kind, "must be object at the root"));
    }
    if embedded && !preserves && schema.properties.as_ref().is_none_or(|it| it.is_empty()) {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(Error::required(&path.child("properties"), detail));
    }
}

/// `apiVersion` and `kind` are texts, `metadata` is an object, if they are declared at all.
fn object_fields(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    for name in OBJECT_FIELDS {
        let Some(property) = schema.properties.as_ref().and_then(|it| it.get(name)) else { continue };
        let wanted = if name == "metadata" { "object" } else { "string" };
        if type_of(property) != wanted {
            let path = path.child("properties").key(name).child("type");
            errors.push(Error::invalid(&path, type_of(property), format!("must be {wanted}")));
        }
    }
}

/// At the root metadata may restrict names and nothing else.
fn root_metadata(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    let Some(metadata) = schema.properties.as_ref().and_then(|it| it.get("metadata")) else { return };
    let names = |it: &str| it == "name" || it == "generateName";
    let only_names = metadata.properties.iter().flatten().all(|it| names(it.0));
    let mut rest = metadata.clone();
    (rest.type_, rest.default, rest.description) = (None, None, None);
    if only_names {
        rest.properties = None;
    }
    if rest != JSONSchemaProps::default() {
        let path = path.child("properties").key("metadata");
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(Error::forbidden(&path, detail));
    }
}

fn value_validation(
    errors: &mut Errors,
    schema: &JSONSchemaProps,
    skip_any: bool,
    skip_first: bool,
    path: &Path,
) {
    for (index, nested) in schema.any_of.iter().flatten().enumerate().filter(|_| !skip_any) {
        nested_validation(errors, nested, false, &path.child("anyOf").index(index));
    }
    for (index, nested) in schema.all_of.iter().flatten().enumerate() {
        nested_validation(errors, nested, skip_first && index == 0, &path.child("allOf").index(index));
    }
    for (index, nested) in schema.one_of.iter().flatten().enumerate() {
        nested_validation(errors, nested, false, &path.child("oneOf").index(index));
    }
    if let Some(not) = &schema.not {
        nested_validation(errors, not, false, &path.child("not"));
    }
    if let Some(pattern) = schema.pattern.as_deref().filter(|it| !it.is_empty())
        && let Err(error) = Pattern::compile(pattern)
    {
        let detail = format!("must be a valid regular expression, but isn't: {error}");
        errors.push(Error::invalid(&path.child("pattern"), pattern, detail));
    }
}

/// A schema inside a junctor says nothing about structure.
fn nested_validation(errors: &mut Errors, schema: &JSONSchemaProps, skip_any: bool, path: &Path) {
    value_validation(errors, schema, skip_any, false, path);
    if let Some(item) = item_of(schema) {
        nested_validation(errors, item, false, &path.child("items"));
    }
    for (name, property) in schema.properties.iter().flatten() {
        nested_validation(errors, property, false, &path.child("properties").key(name));
    }
    let text = |it: &Option<String>| it.as_deref().is_some_and(|it| !it.is_empty());
    let keys = schema.x_kubernetes_list_map_keys.as_ref().is_some_and(|it| !it.is_empty());
    let rules = schema.x_kubernetes_validations.as_ref().is_some_and(|it| !it.is_empty());
    for (name, is_said, wanted) in [
        ("type", text(&schema.type_), "empty"),
        ("additionalProperties", schema.additional_properties.is_some(), "undefined"),
        ("default", schema.default.is_some(), "undefined"),
        ("title", text(&schema.title), "empty"),
        ("description", text(&schema.description), "empty"),
        ("nullable", is(schema.nullable), "false"),
        ("externalDocs", schema.external_docs.is_some(), "undefined"),
        ("x-kubernetes-preserve-unknown-fields", is(schema.x_kubernetes_preserve_unknown_fields), "false"),
        ("x-kubernetes-embedded-resource", is(schema.x_kubernetes_embedded_resource), "false"),
        ("x-kubernetes-int-or-string", is(schema.x_kubernetes_int_or_string), "false"),
        ("x-kubernetes-list-map-keys", keys, "empty"),
        ("x-kubernetes-list-type", schema.x_kubernetes_list_type.is_some(), "undefined"),
        ("x-kubernetes-map-type", schema.x_kubernetes_map_type.is_some(), "undefined"),
        ("x-kubernetes-validations", rules, "empty"),
    ] {
        if is_said {
            errors.push(Error::forbidden(&path.child(name), format!("must be {wanted} to be structural")));
        }
    }
    if schema.properties.as_ref().is_some_and(|it| it.contains_key("metadata")) {
        let path = path.child("properties").key("metadata");
        errors.push(Error::forbidden(&path, "must not be specified in a nested context"));
    }
}

/// Whatever junctors speak of is declared by the structure too, at every level.
fn completeness(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    for (nested, nested_path) in junctors(schema, path) {
        declared(errors, schema, path, nested, &nested_path);
    }
    if let Some(item) = item_of(schema) {
        completeness(errors, item, &path.child("items"));
    }
    for (name, property) in schema.properties.iter().flatten() {
        completeness(errors, property, &path.child("properties").key(name));
    }
    if let Some(values) = values_of(schema) {
        completeness(errors, values, &path.child("additionalProperties"));
    }
}

fn junctors<'s>(schema: &'s JSONSchemaProps, path: &Path) -> Vec<(&'s JSONSchemaProps, Path)> {
    let lists = [("anyOf", &schema.any_of), ("allOf", &schema.all_of), ("oneOf", &schema.one_of)];
    let mut all = Vec::new();
    for (name, list) in lists {
        let nested = list.iter().flatten().enumerate();
        all.extend(nested.map(|(index, it)| (it, path.child(name).index(index))));
    }
    all.extend(schema.not.as_deref().map(|it| (it, path.child("not"))));
    all
}

fn declared(
    errors: &mut Errors,
    schema: &JSONSchemaProps,
    path: &Path,
    nested: &JSONSchemaProps,
    from: &Path,
) {
    let missing = |at: &Path, from: &Path| Error::required(at, format!("because it is defined in {from}"));
    if let Some(item) = item_of(nested) {
        let (at, from) = (path.child("items"), from.child("items"));
        match item_of(schema) {
            Some(declaring) => declared(errors, declaring, &at, item, &from),
            None => errors.push(missing(&at, &from)),
        }
    }
    for (name, property) in nested.properties.iter().flatten() {
        let at = path.child("properties").key(name);
        let from = from.child("properties").key(name);
        match schema.properties.as_ref().and_then(|it| it.get(name)) {
            Some(declaring) => declared(errors, declaring, &at, property, &from),
            None => errors.push(missing(&at, &from)),
        }
    }
    for (deeper, deeper_from) in junctors(nested, from) {
        declared(errors, schema, path, deeper, &deeper_from);
    }
}
