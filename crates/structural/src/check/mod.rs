//! What is wrong with the schemas of a definition, in upstream's words and at upstream's paths.
//!
//! Start at [`check`]. Three passes, each only over what the one before found right: `fields` (what OpenAPI allows and
//! a definition may not say, list and map types, with `rules` beside it), `structure` (the schema is structural, and
//! value validations speak of nothing that it does not), `defaults` (defaults are valid). Schemas that are nested too
//! deeply are refused before anything walks them.

mod defaults;
mod fields;
mod rules;
mod structure;

use crate::schema::{MAX_DEPTH, Structural};
use api::field::{Error, Errors, Path};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool, JSONSchemaPropsOrStringArray,
};

/// Everything that is wrong with the schemas of a definition. A version without a schema is not this check's to refuse.
pub fn check(definition: &CustomResourceDefinition) -> Errors {
    let (versions, spec) = (&definition.spec.versions, Path::new("spec"));
    let has_status =
        |it: &CustomResourceDefinitionVersion| it.subresources.as_ref().is_some_and(|it| it.status.is_some());
    // Upstream keeps one schema for all versions when they agree, and names that one.
    let first = versions.first().and_then(schema_of);
    if let Some(only) = first.filter(|it| versions.iter().all(|other| schema_of(other) == Some(it))) {
        let path = spec.child("validation").child("openAPIV3Schema");
        return check_schema(only, &path, versions.iter().any(has_status));
    }
    let path = |index| spec.child("versions").index(index).child("schema").child("openAPIV3Schema");
    let checked = versions
        .iter()
        .enumerate()
        .filter_map(|(index, it)| Some(check_schema(schema_of(it)?, &path(index), has_status(it))));
    checked.flatten().collect()
}

fn schema_of(version: &CustomResourceDefinitionVersion) -> Option<&JSONSchemaProps> {
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

/// Everything that is wrong with the schema of one version.
fn check_schema(schema: &JSONSchemaProps, path: &Path, has_status: bool) -> Errors {
    if is_too_deep(schema, 0) {
        return vec![Error::invalid(path, "", format!("schemas must not be nested deeper than {MAX_DEPTH}"))];
    }
    let mut errors = Errors::new();
    root(&mut errors, schema, path, has_status);
    errors.extend(fields::check(schema, path));
    let found = structure::check(schema, path);
    if !found.is_empty() {
        errors.extend(found);
        return errors;
    }
    match Structural::compile(schema) {
        Ok(compiled) => errors.extend(defaults::check(&compiled, path)),
        Err(error) if errors.is_empty() => errors.push(Error::invalid(path, "", error.to_string())),
        Err(_) => {}
    }
    errors
}

fn root(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path, has_status: bool) {
    if schema.nullable == Some(true) {
        errors.push(Error::forbidden(&path.child("nullable"), "nullable cannot be true at the root"));
    }
    if !has_status {
        return;
    }
    if let Some(kind) = schema.type_.as_deref().filter(|it| !it.is_empty() && *it != "object") {
        let detail = "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
        errors.push(Error::invalid(&path.child("type"), kind, detail));
    }
    let others = [
        schema.all_of.is_some(),
        schema.any_of.is_some(),
        schema.one_of.is_some(),
        schema.not.is_some(),
        schema.enum_.is_some(),
        schema.default.is_some(),
        schema.additional_properties.is_some(),
        schema.max_properties.is_some(),
        schema.min_properties.is_some(),
        schema.x_kubernetes_embedded_resource.is_some(),
        schema.x_kubernetes_int_or_string.is_some(),
    ];
    if others.contains(&true) {
        let detail = format!(
            "only [{}] fields are allowed at the root of the schema if the status subresource is enabled",
            AT_ROOT.join(" ")
        );
        errors.push(Error::invalid(path, "object", detail));
    }
}

/// What a root schema may say beside its structure when `status` is a subresource.
const AT_ROOT: [&str; 22] = [
    "Description",
    "Type",
    "Format",
    "Title",
    "Maximum",
    "ExclusiveMaximum",
    "Minimum",
    "ExclusiveMinimum",
    "MaxLength",
    "MinLength",
    "Pattern",
    "MaxItems",
    "MinItems",
    "UniqueItems",
    "MultipleOf",
    "Required",
    "Items",
    "Properties",
    "ExternalDocs",
    "Example",
    "XPreserveUnknownFields",
    "XValidations",
];

fn is_too_deep(schema: &JSONSchemaProps, depth: usize) -> bool {
    depth >= MAX_DEPTH || children(schema).into_iter().any(|it| is_too_deep(it, depth + 1))
}

/// Every schema right below one, wherever it stands.
fn children(schema: &JSONSchemaProps) -> Vec<&JSONSchemaProps> {
    let lists = [&schema.all_of, &schema.any_of, &schema.one_of].into_iter().flatten().flatten();
    let maps = [&schema.properties, &schema.pattern_properties, &schema.definitions];
    let maps = maps.into_iter().flatten().flat_map(|it| it.values());
    let bools = [&schema.additional_properties, &schema.additional_items].into_iter().flatten();
    let bools = bools.filter_map(|it| match it {
        JSONSchemaPropsOrBool::Schema(schema) => Some(&**schema),
        JSONSchemaPropsOrBool::Bool(_) => None,
    });
    let dependencies = schema.dependencies.iter().flat_map(|it| it.values()).filter_map(|it| match it {
        JSONSchemaPropsOrStringArray::Schema(schema) => Some(&**schema),
        JSONSchemaPropsOrStringArray::Strings(_) => None,
    });
    let items: &[JSONSchemaProps] = match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(it)) => std::slice::from_ref(it),
        Some(JSONSchemaPropsOrArray::Schemas(list)) => list,
        None => &[],
    };
    lists.chain(maps).chain(bools).chain(dependencies).chain(items).chain(schema.not.as_deref()).collect()
}

/// The one schema of a list's items.
fn item_of(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(it)) => Some(it),
        _ => None,
    }
}

/// The schema of a map's values.
fn values_of(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(it)) => Some(it),
        _ => None,
    }
}

/// The type, empty if there is none.
fn type_of(schema: &JSONSchemaProps) -> &str {
    schema.type_.as_deref().unwrap_or_default()
}

/// Whether an optional flag is set.
fn is(flag: Option<bool>) -> bool {
    flag == Some(true)
}

#[cfg(test)]
mod tests;
