//! What a schema may not say, what list and map types ask for, and where defaults may stand.

use super::rules::{self, Place, Rules};
use super::{is, item_of, type_of, values_of};
use crate::prune::OBJECT_FIELDS;
use crate::schema::Type;
use api::field::{Error, Errors, Path};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Everything that is wrong in a schema and below it.
pub(super) fn check(schema: &JSONSchemaProps, path: &Path) -> Errors {
    let mut walk = Walk { rules: Rules::default() };
    let around = Around { is_root: true, ..Around::default() };
    let mut errors = walk.schema(schema, path, &around, Some(Place::root()));
    errors.extend(walk.rules.finish(path));
    errors
}

/// What the schemas around one decide for it.
#[derive(Clone, Debug, Default)]
struct Around {
    is_root: bool,
    inside_meta: bool,
    /// Why defaults are forbidden.
    no_defaults: Option<String>,
    /// The schema below which old and new values do not correspond.
    uncorrelated: Option<Path>,
}

impl Around {
    fn below(&self) -> Self {
        Self { is_root: false, ..self.clone() }
    }

    fn uncorrelated(mut self, at: &Path) -> Self {
        self.uncorrelated.get_or_insert_with(|| at.clone());
        self
    }
}

struct Walk {
    rules: Rules,
}

impl Walk {
    fn schema(
        &mut self,
        schema: &JSONSchemaProps,
        path: &Path,
        around: &Around,
        place: Option<Place>,
    ) -> Errors {
        let mut errors = Errors::new();
        unsupported(&mut errors, schema, path, around);
        self.values(&mut errors, schema, path, around, place);
        self.properties(&mut errors, schema, path, around, place);
        self.junctors(&mut errors, schema, path, around);
        self.items(&mut errors, schema, path, around, place);
        extensions(&mut errors, schema, path);
        list_map(&mut errors, schema, path);
        rules::fields(&mut errors, schema, path);
        if let (true, Some(place)) = (errors.is_empty(), place) {
            self.rules.compile(schema, path, place, around.uncorrelated.as_ref());
        }
        errors
    }

    fn values(
        &mut self,
        errors: &mut Errors,
        schema: &JSONSchemaProps,
        path: &Path,
        around: &Around,
        place: Option<Place>,
    ) {
        let path = path.child("additionalProperties");
        let says_more =
            !matches!(schema.additional_properties, None | Some(JSONSchemaPropsOrBool::Bool(true)));
        if says_more && schema.properties.as_ref().is_some_and(|it| !it.is_empty()) {
            errors.push(Error::forbidden(&path, "additionalProperties and properties are mutual exclusive"));
        }
        if let Some(values) = values_of(schema) {
            let mut around = around.below();
            if around.inside_meta {
                around.no_defaults =
                    Some("inside additionalProperties applying to object metadata".to_owned());
            }
            let place = place.map(|it| it.many(schema.max_properties));
            errors.extend(self.schema(values, &path, &around, place));
        }
    }

    fn properties(
        &mut self,
        errors: &mut Errors,
        schema: &JSONSchemaProps,
        path: &Path,
        around: &Around,
        place: Option<Place>,
    ) {
        for (name, property) in schema.properties.iter().flatten() {
            let mut below = around.below();
            if schema.x_kubernetes_map_type.as_deref() == Some("atomic") {
                below = below.uncorrelated(path);
            }
            let is_resource = around.is_root || is(schema.x_kubernetes_embedded_resource);
            if is_resource && OBJECT_FIELDS.contains(&name.as_str()) {
                below.inside_meta = true;
                if around.is_root {
                    below.no_defaults = Some(format!("in top-level {name}"));
                }
            }
            let path = path.child("properties").key(name);
            errors.extend(self.schema(property, &path, &below, place.map(|it| it.one())));
        }
    }

    fn junctors(&mut self, errors: &mut Errors, schema: &JSONSchemaProps, path: &Path, around: &Around) {
        let around = around.below();
        if let Some(not) = &schema.not {
            errors.extend(self.schema(not, &path.child("not"), &around, None));
        }
        for (name, list) in [("allOf", &schema.all_of), ("oneOf", &schema.one_of), ("anyOf", &schema.any_of)]
        {
            for (index, nested) in list.iter().flatten().enumerate() {
                errors.extend(self.schema(nested, &path.child(name).index(index), &around, None));
            }
        }
    }

    fn items(
        &mut self,
        errors: &mut Errors,
        schema: &JSONSchemaProps,
        path: &Path,
        around: &Around,
        place: Option<Place>,
    ) {
        let mut around = around.below();
        if schema.x_kubernetes_list_type.as_deref() != Some("map") {
            around = around.uncorrelated(path);
        }
        let place = place.map(|it| it.many(schema.max_items));
        match &schema.items {
            Some(JSONSchemaPropsOrArray::Schema(item)) => {
                errors.extend(self.schema(item, &path.child("items"), &around, place));
            }
            Some(JSONSchemaPropsOrArray::Schemas(list)) => {
                for (index, item) in list.iter().enumerate() {
                    errors.extend(self.schema(item, &path.child("items").index(index), &around, None));
                }
            }
            None => {}
        }
    }
}

fn unsupported(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path, around: &Around) {
    let kind = type_of(schema);
    if !kind.is_empty() && kind != "null" && Type::parse(kind).is_none() {
        errors.push(Error::not_supported(&path.child("type"), kind, &Type::NAMES));
    }
    if let (true, Some(reason)) = (schema.default.is_some(), &around.no_defaults) {
        errors.push(Error::forbidden(&path.child("default"), format!("must not be set {reason}")));
    }
    for (name, is_said) in [
        ("id", schema.id.as_deref().is_some_and(|it| !it.is_empty())),
        ("additionalItems", schema.additional_items.is_some()),
        ("patternProperties", schema.pattern_properties.as_ref().is_some_and(|it| !it.is_empty())),
        ("definitions", schema.definitions.as_ref().is_some_and(|it| !it.is_empty())),
        ("dependencies", schema.dependencies.is_some()),
        ("$ref", schema.ref_path.is_some()),
    ] {
        if is_said {
            errors.push(Error::forbidden(&path.child(name), format!("{name} is not supported")));
        }
    }
    if kind == "null" {
        let detail = "type cannot be set to null, use nullable as an alternative";
        errors.push(Error::forbidden(&path.child("type"), detail));
    }
    if matches!(&schema.items, Some(JSONSchemaPropsOrArray::Schemas(list)) if !list.is_empty()) {
        errors.push(Error::forbidden(&path.child("items"), "items must be a schema object and not an array"));
    }
    if around.inside_meta && is(schema.x_kubernetes_embedded_resource) {
        let path = path.child("x-kubernetes-embedded-resource");
        errors.push(Error::forbidden(&path, "must not be used inside of resource meta"));
    }
    if is(schema.unique_items) {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(Error::forbidden(&path.child("uniqueItems"), detail));
    }
}

/// The type that an extension asks for.
fn needs_type(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path, wanted: &str, because: &str) {
    match type_of(schema) {
        kind if kind == wanted => {}
        "" => errors.push(Error::required(&path.child("type"), format!("must be {wanted} if {because}"))),
        kind => {
            errors.push(Error::invalid(&path.child("type"), kind, format!("must be {wanted} if {because}")))
        }
    }
}

fn extensions(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    if schema.x_kubernetes_preserve_unknown_fields == Some(false) {
        let path = path.child("x-kubernetes-preserve-unknown-fields");
        errors.push(Error::invalid(&path, false, "must be true or undefined"));
    }
    if let Some(kind) = schema.x_kubernetes_map_type.as_deref() {
        needs_type(errors, schema, path, "object", "x-kubernetes-map-type is specified");
        if !matches!(kind, "atomic" | "granular") {
            let path = path.child("x-kubernetes-map-type");
            errors.push(Error::not_supported(&path, kind, &["atomic", "granular"]));
        }
    }
    let list_type = schema.x_kubernetes_list_type.as_deref();
    if let Some(kind) = list_type {
        needs_type(errors, schema, path, "array", "x-kubernetes-list-type is specified");
        if !matches!(kind, "atomic" | "set" | "map") {
            let path = path.child("x-kubernetes-list-type");
            errors.push(Error::not_supported(&path, kind, &["atomic", "set", "map"]));
        }
        if kind == "set" && type_of(schema) == "array" {
            set_items(errors, schema, path);
        }
    }
    if schema.x_kubernetes_list_map_keys.as_ref().is_some_and(|it| !it.is_empty()) && list_type != Some("map")
    {
        let path = path.child("x-kubernetes-list-type");
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(match list_type {
            None => Error::required(&path, detail),
            Some(kind) => Error::invalid(&path, kind, detail),
        });
    }
}

/// Items of a set are compared as a whole.
fn set_items(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    let Some(item) = item_of(schema) else { return };
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let (path, list_type) = (path.child("items"), item.x_kubernetes_list_type.as_deref());
    match type_of(item) {
        "array" if list_type.is_some_and(|it| it != "atomic") => {
            errors.push(Error::invalid(&path.child("x-kubernetes-list-type"), list_type, detail));
        }
        "object" if item.x_kubernetes_map_type.as_deref() != Some("atomic") => {
            errors.push(Error::invalid(&path.child("x-kubernetes-map-type"), list_type, detail));
        }
        _ => {}
    }
    not_nullable(errors, item, &path, "set");
}

fn not_nullable(errors: &mut Errors, item: &JSONSchemaProps, path: &Path, list_type: &str) {
    if is(item.nullable) {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        errors.push(Error::forbidden(&path.child("nullable"), detail));
    }
}

/// A list of type map: it names keys, and each is a scalar that every item has.
fn list_map(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    if schema.x_kubernetes_list_type.as_deref() != Some("map") {
        return;
    }
    let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
    let keys_path = path.child("x-kubernetes-list-map-keys");
    if keys.is_empty() {
        errors.push(Error::required(&keys_path, "must not be empty if x-kubernetes-list-type is map"));
    }
    let items_path = path.child("items");
    let Some(item) = item_of(schema) else {
        if schema.items.is_none() {
            errors.push(Error::required(&items_path, "must have a schema if x-kubernetes-list-type is map"));
        }
        return;
    };
    if type_of(item) != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(Error::invalid(&items_path.child("type"), type_of(item), detail));
        return;
    }
    not_nullable(errors, item, &items_path, "map");
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            errors.push(Error::invalid(&keys_path, keys.to_vec(), "must not contain duplicate entries"));
        }
        match item.properties.as_ref().and_then(|it| it.get(key)) {
            Some(property) => map_key(errors, item, key, property, &items_path.child("properties").key(key)),
            None => {
                let detail = "entries must all be names of item properties";
                errors.push(Error::invalid(&keys_path, Value::from(keys.to_vec()), detail));
            }
        }
    }
}

fn map_key(
    errors: &mut Errors,
    item: &JSONSchemaProps,
    key: &String,
    property: &JSONSchemaProps,
    path: &Path,
) {
    if matches!(type_of(property), "array" | "object") {
        let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
        errors.push(Error::invalid(&path.child("type"), type_of(item), detail));
    }
    let is_required = item.required.as_ref().is_some_and(|it| it.contains(key));
    if !is_required && property.default.is_none() {
        let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
        errors.push(Error::required(&path.child("default"), detail));
    }
    if is(property.nullable) {
        let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
        errors.push(Error::forbidden(&path.child("nullable"), detail));
    }
}
