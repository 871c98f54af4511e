//! Brings the generator's schemas into the form that upstream publishes in OpenAPI v3.
//!
//! Start at `definitions`. Adds what the types cannot say: list types, group-version-kinds, the wrapping of
//! references, and the two scalars that have two encodings. Refuses to guess more: default values other than the
//! empty object are left out.

use std::collections::{BTreeMap, BTreeSet};

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::kinds::Kind;

/// Schemas by type name, in the order of the type table.
pub(crate) type Definitions = BTreeMap<String, Value>;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const GVK: &str = "x-kubernetes-group-version-kind";

/// All schemas, lists included.
pub(crate) fn definitions(mut generator: SchemaGenerator, kinds: &[Kind]) -> Definitions {
    let mut definitions: Definitions = generator.take_definitions(true).into_iter().collect();
    definitions.extend(kinds.iter().filter_map(list_of));
    definitions.iter_mut().for_each(|(name, schema)| reshape(name, schema));
    for kind in kinds {
        definitions.get_mut(&kind.type_name).unwrap()[GVK] =
            json!([gvk(kind.group, kind.version, kind.kind)]);
    }
    accept_everywhere(&mut definitions, kinds);
    definitions
}

fn gvk(group: &str, version: &str, kind: &str) -> Value {
    json!({ "group": group, "version": version, "kind": kind })
}

/// A schema name's sibling: the list of `io.k8s.api.core.v1.Pod` is `io.k8s.api.core.v1.PodList`.
pub(crate) fn sibling(type_name: &str, kind: &str) -> String {
    let (package, _) = type_name.rsplit_once('.').unwrap();
    format!("{package}.{kind}")
}

fn list_of(kind: &Kind) -> Option<(String, Value)> {
    let list = kind.list?;
    let schema = json!({
        "description": format!("{list} is a list of {} objects.", kind.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": { "type": "string", "description": "The group and version of the list and its items." },
            "items": { "type": "array", "description": "The objects.", "items": reference(&kind.type_name) },
            "kind": { "type": "string", "description": "The kind of the list." },
            "metadata": {
                "allOf": [reference(&format!("{META}.ListMeta"))],
                "description": "The list's revision, and where its next page begins.",
            },
        },
        GVK: [gvk(kind.group, kind.version, list)],
    });
    Some((sibling(&kind.type_name, list), schema))
}

fn reference(type_name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{type_name}") })
}

/// DeleteOptions and WatchEvent belong to every group and version.
fn accept_everywhere(definitions: &mut Definitions, kinds: &[Kind]) {
    let versions: BTreeSet<_> = kinds.iter().map(|kind| (kind.group, kind.version)).collect();
    for kind in ["DeleteOptions", "WatchEvent"] {
        let all: Vec<Value> = versions.iter().map(|(group, version)| gvk(group, version, kind)).collect();
        definitions.get_mut(&format!("{META}.{kind}")).unwrap()[GVK] = Value::Array(all);
    }
}

/// Upstream's form of one named schema.
fn reshape(name: &str, schema: &mut Value) {
    let object = schema.as_object_mut().unwrap();
    match name.rsplit('.').next().unwrap() {
        "IntOrString" => scalar_of_two(object, "int-or-string", &["integer", "string"]),
        "Quantity" => scalar_of_two(object, "", &["string", "number"]),
        // Any JSON value, not only an object.
        "JSON" => drop(object.remove("type")),
        _ => reshape_properties(object),
    }
}

fn scalar_of_two(object: &mut Map<String, Value>, format: &str, types: &[&str]) {
    object.remove("x-kubernetes-int-or-string");
    if !format.is_empty() {
        object.insert("format".into(), format.into());
    }
    object.insert("oneOf".into(), types.iter().map(|name| json!({ "type": name })).collect());
}

fn reshape_properties(object: &mut Map<String, Value>) {
    let required: Vec<String> = object
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(|name| name.as_str().map(Into::into)).collect())
        .unwrap_or_default();
    // The types always have metadata; upstream's schemas never ask for it.
    let asked: Vec<&String> = required.iter().filter(|name| *name != "metadata").collect();
    match asked.is_empty() {
        true => drop(object.remove("required")),
        false => drop(object.insert("required".into(), json!(asked))),
    }
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    for (name, property) in properties {
        reshape_value(property);
        // Upstream gives a default to structs that are embedded by value. Those are the required ones and the three
        // parts of every object.
        let by_value = required.contains(name) || matches!(name.as_str(), "metadata" | "spec" | "status");
        if by_value && property.get("allOf").is_some() {
            property["default"] = json!({});
        }
    }
}

/// Wraps references, which must not have siblings, and descends to elements.
fn reshape_value(value: &mut Value) {
    if let Some(target) = value.as_object_mut().and_then(|object| object.remove("$ref")) {
        value["allOf"] = json!([{ "$ref": target }]);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(element) = value.get_mut(key).filter(|element| element.is_object()) {
            reshape_value(element);
            if element.get("allOf").is_some() {
                element["default"] = json!({});
            }
        }
    }
}

/// The type that a field's schema leads to, through lists and maps.
pub(crate) fn target_of(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let target = direct.map(|target| target.rsplit('/').next().unwrap());
    target.or_else(|| ["items", "additionalProperties"].iter().find_map(|key| target_of(schema.get(key)?)))
}
