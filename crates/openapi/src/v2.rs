//! The one document of OpenAPI v2 (Swagger), for older clients: the same operations and schemas, said in its words.

use serde_json::{Map, Value, json};

use crate::{
    embedded, paths,
    rows::GroupVersion,
    schemas::{self, SCHEMAS},
    v3::{bytes, write_entry, write_object},
};

/// The JSON of the document over all group versions.
pub fn v2_document(group_versions: &[GroupVersion]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(br#"{"swagger":"2.0","info":{"title":"Kubernetes","version":"unversioned"},"paths":"#);
    write_object(&mut out, path_entries(group_versions).map(|(path, entry)| (path, bytes(&entry))));
    out.extend(br#","definitions":{"#);
    let mut first = true;
    for_each_definition(group_versions, |name, schema| {
        write_entry(&mut out, &mut first, name, &bytes(&schema))
    });
    out.extend(
        br#"},"securityDefinitions":{"BearerToken":{"type":"apiKey","in":"header","name":"authorization"}}}"#,
    );
    out
}

/// The document's paths.
pub(crate) fn path_entries<'a>(group_versions: &'a [GroupVersion]) -> impl Iterator<Item = paths::Path> + 'a {
    let paths = group_versions.iter().flat_map(paths::of_group_version);
    paths.map(|(path, entry)| (path, path_entry(entry)))
}

/// Hands over the document's definitions one by one: all at once they would be large as values.
pub(crate) fn for_each_definition(group_versions: &[GroupVersion], mut take: impl FnMut(&str, Value)) {
    for (name, schema) in group_versions.iter().flat_map(schemas::custom) {
        take(&name, definition(schema));
    }
    let wanted = embedded::reachable(group_versions.iter().flat_map(schemas::roots));
    embedded::for_each(&wanted, |type_, schema| {
        let schema = serde_json::from_slice(schema).expect("the build wrote one schema a line");
        take(type_.name(), definition(schema));
    });
}

/// A schema without what v2 has no words for.
fn definition(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else { return schema };
    unwrap_reference(&mut schema);
    if schema.remove("oneOf").is_some_and(|choices| is_scalar(&choices)) {
        schema.insert("type".into(), "string".into());
    }
    ["allOf", "anyOf", "not", "nullable"].iter().for_each(|key| drop(schema.remove(*key)));
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key) {
            *inner = definition(inner.take());
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(|property| *property = definition(property.take()));
    }
    Value::Object(schema)
}

/// A scalar of two encodings, such as a quantity, is called a string in v2.
fn is_scalar(choices: &Value) -> bool {
    let scalar = |choice: &Value| matches!(choice["type"].as_str(), Some("string" | "integer" | "number"));
    choices.as_array().is_some_and(|choices| choices.iter().all(scalar))
}

/// v2 lets a reference have siblings, so it stands bare.
fn unwrap_reference(schema: &mut Map<String, Value>) {
    let wrapped = schema.get("allOf").and_then(|all| all.as_array()?.first()?.get("$ref"));
    let target = wrapped.or_else(|| schema.get("$ref")).and_then(Value::as_str);
    let Some(name) = target.and_then(|target| target.strip_prefix(SCHEMAS)) else { return };
    let target = format!("#/definitions/{name}");
    schema.insert("$ref".into(), target.into());
    schema.remove("default");
}

fn path_entry(entry: Value) -> Value {
    let Value::Object(entry) = entry else { return entry };
    let translated = entry.into_iter().map(|(key, value)| match key.as_str() {
        "parameters" => (key, parameters(value)),
        _ => (key, operation(value)),
    });
    Value::Object(translated.collect())
}

fn operation(mut operation: Value) -> Value {
    let mut all = match operation["parameters"].take() {
        Value::Array(all) => all.into_iter().map(parameter).collect(),
        _ => vec![],
    };
    let request = operation.as_object_mut().and_then(|operation| operation.remove("requestBody"));
    if let Some(request) = request {
        let (types, schema) = content(&request);
        operation["consumes"] = types;
        all.push(json!({ "name": "body", "in": "body", "required": request["required"], "schema": schema }));
    }
    operation["parameters"] = Value::Array(all);
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        *response = match response.get("content") {
            Some(_) => json!({ "description": response["description"], "schema": content(response).1 }),
            None => response.take(),
        };
    }
    operation["produces"] = json!(["application/json"]);
    operation
}

/// The media types of a body, and its schema.
fn content(body: &Value) -> (Value, Value) {
    let content = body["content"].as_object();
    let types: Vec<&String> = content.into_iter().flat_map(|content| content.keys()).collect();
    let schema = content.and_then(|content| content.values().next()).map(|first| first["schema"].clone());
    (json!(types), definition(schema.unwrap_or_default()))
}

fn parameters(all: Value) -> Value {
    match all {
        Value::Array(all) => Value::Array(all.into_iter().map(parameter).collect()),
        other => other,
    }
}

/// A parameter's schema stands in the parameter itself.
fn parameter(parameter: Value) -> Value {
    let Value::Object(mut parameter) = parameter else { return parameter };
    if let Some(Value::Object(schema)) = parameter.remove("schema") {
        parameter.extend(schema);
    }
    Value::Object(parameter)
}
