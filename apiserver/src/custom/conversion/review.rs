//! The question to a conversion webhook and its answer: ConversionReview, and what upstream says of answers that make no
//! sense. No I/O.

use crate::webhooks::review::Envelope;
use api::resources::Row;
use api::{ApiError, Kind, Object};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The version of ConversionReview that is spoken.
pub(super) const VERSION: &str = "v1";
const API_VERSION: &str = "apiextensions.k8s.io/v1";
const KIND: &str = "ConversionReview";
/// What a webhook may change in metadata.
const CHANGEABLE: [&str; 2] = ["labels", "annotations"];

/// The question.
pub(super) fn question(uid: &str, wanted: &Row, objects: &[Value]) -> String {
    let request = json!({ "uid": uid, "desiredAPIVersion": wanted.api_version(), "objects": objects });
    json!({ "kind": KIND, "apiVersion": API_VERSION, "request": request }).to_string()
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    uid: String,
    #[serde(rename = "convertedObjects")]
    converted: Option<Vec<Value>>,
    #[serde(default)]
    result: Outcome,
}

#[derive(Default, Deserialize)]
struct Outcome {
    status: Option<String>,
    message: Option<String>,
}

/// Reads an answer: as many objects as were sent, unchecked.
pub(super) fn answer(body: &[u8], uid: &str, count: usize) -> Result<Vec<Value>, String> {
    let review: Envelope<Response> =
        serde_json::from_slice(body).map_err(|error| format!("failed: {error}"))?;
    review.check_type(API_VERSION, KIND).map_err(|error| format!("failed: {error}"))?;
    let response = review.response.ok_or("failed: no response provided")?;
    if response.uid != uid {
        return Err(format!("failed: expected response.uid={uid:?}, got {:?}", response.uid));
    }
    let status = response.result.status.unwrap_or_default();
    if status != "Success" {
        return Err(match response.result.message.filter(|it| !it.is_empty()) {
            Some(message) => format!("failed: {message}"),
            None => format!("failed: response.result.status was '{status}', not 'Success'"),
        });
    }
    let converted = response.converted.unwrap_or_default();
    if converted.len() == count {
        return Ok(converted);
    }
    Err(format!("returned {} objects, expected {count}", converted.len()))
}

/// One converted object, checked: the same object in the wanted version, with the metadata it had.
pub(super) fn accepted(original: &Value, converted: Value, wanted: Kind) -> Result<Object, String> {
    let row = wanted.row();
    check_type(&converted, row)?;
    for (name, pointer) in
        [("name", "/metadata/name"), ("namespace", "/metadata/namespace"), ("UID", "/metadata/uid")]
    {
        let text = |it: &Value| it.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (before, after) = (text(original), text(&converted));
        if before != after {
            return Err(format!(": must have the same {name}: {before} != {after}"));
        }
    }
    let invalid = |why: String| format!(": invalid metadata: {why}");
    let restored = with_metadata(original, converted).map_err(invalid)?;
    let mut object = wanted.decode_value(restored).map_err(|error| format!(": {error}"))?;
    check_labels(original, &object).map_err(|error| invalid(error.message().to_owned()))?;
    row.strategy.prune(&mut object);
    Ok(object)
}

fn check_type(converted: &Value, wanted: &Row) -> Result<(), String> {
    let text = |name: &str| converted.get(name).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if version != wanted.api_version() {
        let expected = wanted.api_version();
        return Err(format!(": invalid groupVersion (expected {expected}, received {version})"));
    }
    if kind != wanted.kind {
        return Err(format!(": invalid kind (expected {}, received {kind})", wanted.kind));
    }
    Ok(())
}

/// The converted object with the original's metadata, but for what a webhook may change there.
fn with_metadata(original: &Value, mut converted: Value) -> Result<Value, String> {
    let said = match converted.get_mut("metadata").map(Value::take) {
        None => return Err("missing metadata in converted object".to_owned()),
        Some(Value::Object(said)) => said,
        Some(_) => return Err("metadata of the converted object is no object".to_owned()),
    };
    let mut metadata = original.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for field in CHANGEABLE {
        match said.get(field) {
            None | Some(Value::Null) => drop(metadata.remove(field)),
            Some(Value::Object(pairs)) => {
                check_texts(field, pairs)?;
                metadata.insert(field.to_owned(), Value::Object(pairs.clone()));
            }
            Some(_) => return Err(format!("metadata.{field} in converted object is no object")),
        }
    }
    converted["metadata"] = Value::Object(metadata);
    Ok(converted)
}

fn check_texts(field: &str, pairs: &Map<String, Value>) -> Result<(), String> {
    match pairs.iter().find(|(_, value)| !value.is_string()) {
        Some((key, _)) => Err(format!("metadata.{field}[{key}] must be a string in converted object")),
        None => Ok(()),
    }
}

/// What a webhook made of labels and annotations has to be what labels and annotations may be.
fn check_labels(original: &Value, object: &Object) -> Result<(), ApiError> {
    let (before, now) = (original.get("metadata"), object.to_value());
    if CHANGEABLE.iter().all(|it| before.and_then(|before| before.get(*it)) == now["metadata"].get(*it)) {
        return Ok(());
    }
    let errors = api::validation::meta::validate_labels(object.meta());
    let name = object.meta().name.as_deref().unwrap_or_default();
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(object.kind().row(), name, &errors)) }
}

#[cfg(test)]
mod tests;
