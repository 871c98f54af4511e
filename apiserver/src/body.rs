//! Request bodies: how long they may be, what they are written in, and what they decode to.
//!
//! Start at [`room::Room::read`], then [`Content::object`] for objects of the table and [`Content::plain`] for everything else
//! (options, scales, reviews). JSON, YAML and protobuf end up as the same typed objects.

pub(crate) mod room;

use crate::request::Query;
use crate::strict;
use api::field::{Error, Path};
use api::{ApiError, Kind, Object};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The longest body that is read, as upstream.
pub(crate) const LIMIT: usize = 3 << 20;

/// What a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Yaml,
    Protobuf,
}

/// What to do with fields that the kind does not have, or that stand there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

impl FieldValidation {
    pub(crate) fn of(query: &Query) -> Result<Self, Error> {
        match query.get("fieldValidation") {
            None | Some("Warn") => Ok(Self::Warn),
            Some("Strict") => Ok(Self::Strict),
            Some("Ignore") => Ok(Self::Ignore),
            Some(other) => {
                let known = ["", "Ignore", "Strict", "Warn"];
                Err(Error::not_supported(&Path::new("fieldValidation"), other, &known))
            }
        }
    }
}

/// A body that was read, with what it is written in.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    media: Media,
    bytes: Bytes,
}

impl Content {
    pub(crate) fn new(headers: &HeaderMap, bytes: Bytes) -> Result<Self, ApiError> {
        Ok(Self { media: media_of(headers)?, bytes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// An object of this kind. What field validation finds is refused or added to the warnings.
    pub(crate) fn object(
        &self,
        kind: Kind,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
    ) -> Result<Object, ApiError> {
        if self.media == Media::Protobuf {
            let tree = self.tree()?;
            return kind.decode_value(tree.clone()).map_err(|error| undecodable(kind, &tree, &error));
        }
        let (json, twice) = match self.media {
            Media::Yaml => {
                let (tree, twice) = read_yaml(&self.bytes)?;
                (serde_json::to_vec(&tree).map_err(ApiError::internal)?.into(), twice)
            }
            _ => (self.bytes.clone(), None),
        };
        let mut decoded = read(kind, &json)?;
        decoded.odd.splice(..0, twice);
        decoded.judged(validation, warnings, |why| cannot_be_handled(kind, why))
    }

    /// Anything else.
    pub(crate) fn plain<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let result = match self.media {
            Media::Json => serde_json::from_slice(&self.bytes),
            Media::Yaml | Media::Protobuf => serde_json::from_value(self.tree()?),
        };
        result.map_err(|error| ApiError::bad_request(format!("couldn't decode the body: {error}")))
    }

    /// The body as a tree, whatever it is written in.
    pub(crate) fn tree(&self) -> Result<Value, ApiError> {
        match self.media {
            Media::Json => serde_json::from_slice(&self.bytes).map_err(|error| {
                ApiError::bad_request(format!("the object provided is unrecognized: {error}"))
            }),
            Media::Yaml => yaml(&self.bytes),
            Media::Protobuf => {
                wire::decode(&self.bytes).map_err(|error| ApiError::bad_request(error.to_string()))
            }
        }
    }
}

/// The one document of a YAML text. Of keys that stand twice the last value counts.
pub(crate) fn yaml(text: &[u8]) -> Result<Value, ApiError> {
    read_yaml(text).map(|(document, _)| document)
}

/// The same with what upstream's library says of keys that stand twice.
pub(crate) fn read_yaml(text: &[u8]) -> Result<(Value, Option<String>), ApiError> {
    let text = std::str::from_utf8(text).map_err(|_| ApiError::bad_request("the body is not UTF-8"))?;
    let read = api::yaml::read(text);
    let read = read.map_err(|error| ApiError::bad_request(format!("error parsing YAML: {error}")))?;
    let lines: Vec<String> = read
        .duplicates
        .iter()
        .map(|it| format!("\n  line {}: key {:?} already set in map", it.line, it.key))
        .collect();
    let twice = (!lines.is_empty()).then(|| format!("{YAML_ERRORS}{}", lines.concat()));
    match <[Value; 1]>::try_from(read.documents) {
        Ok([document]) => Ok((document, twice)),
        Err(_) => Err(ApiError::bad_request("the body must be exactly one YAML document")),
    }
}

const YAML_ERRORS: &str = "yaml: unmarshal errors:";

/// What is odd, as warnings say it: one line of what YAML's library says is one warning.
pub(crate) fn warnings_of(odd: &str) -> Vec<String> {
    match odd.strip_prefix(YAML_ERRORS) {
        Some(lines) => lines.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect(),
        None => vec![odd.to_owned()],
    }
}

/// The fields by which an object says what it is.
#[derive(serde::Deserialize)]
struct Names {
    #[serde(default)]
    kind: Value,
    #[serde(default, rename = "apiVersion")]
    api_version: Value,
}

/// Objects of custom kinds have to say what they are, as upstream has no types that would know without.
fn check_named(kind: Kind, json: &[u8]) -> Result<(), ApiError> {
    let row = kind.row();
    if openapi::facts::type_of(row.group, row.version, row.kind).is_some() {
        return Ok(());
    }
    // What is no object at all is told by the decoder.
    let Ok(names) = serde_json::from_slice::<Names>(json) else { return Ok(()) };
    let is_missing = |it: &Value| it.is_null() || it == "";
    if is_missing(&names.kind) {
        return Err(ApiError::bad_request("Object 'Kind' is missing in 'object has no kind field '"));
    }
    if is_missing(&names.api_version) {
        return Err(ApiError::bad_request(other_version("", &row.api_version())));
    }
    Ok(())
}

fn other_version(found: &str, expected: &str) -> String {
    format!("the API version in the data ({found}) does not match the expected API version ({expected})")
}

/// An object that was decoded, and what is odd about its fields.
pub(crate) struct Decoded {
    pub(crate) object: Object,
    pub(crate) odd: Vec<String>,
}

impl Decoded {
    /// The object, if its oddities may pass. `refused` makes the refusal of those that may not.
    pub(crate) fn judged(
        self,
        validation: FieldValidation,
        warnings: &mut Vec<String>,
        refused: impl FnOnce(&str) -> ApiError,
    ) -> Result<Object, ApiError> {
        match validation {
            FieldValidation::Ignore => {}
            FieldValidation::Strict if !self.odd.is_empty() => {
                return Err(refused(&format!("strict decoding error: {}", self.odd.join(", "))));
            }
            FieldValidation::Strict | FieldValidation::Warn => {
                warnings.extend(self.odd.iter().flat_map(|it| warnings_of(it)));
            }
        }
        Ok(self.object)
    }
}

/// Decodes JSON with field validation.
pub(crate) fn decode(
    kind: Kind,
    json: &[u8],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Object, ApiError> {
    read(kind, json)?.judged(validation, warnings, |why| cannot_be_handled(kind, why))
}

/// Decodes JSON; also what patches give. Empty lists and maps go, as upstream does not store them.
pub(crate) fn read(kind: Kind, json: &[u8]) -> Result<Decoded, ApiError> {
    let refused = |error: serde_json::Error| {
        let tree = serde_json::from_slice(json).unwrap_or(Value::Null);
        undecodable(kind, &tree, &error)
    };
    check_named(kind, json)?;
    let strict::Findings { mut odd, is_to_mend } = strict::walk(kind, json).map_err(refused)?;
    // Rare, and so not worth a decoder of its own: whoever sends such things pays for a second reading.
    let mended = is_to_mend.then(|| strict::mended(kind, json)).transpose().map_err(refused)?;
    let mut object = kind.decode(mended.as_deref().unwrap_or(json)).map_err(refused)?;
    let pruned = kind.row().strategy.prune(&mut object);
    odd.extend(pruned.iter().map(|it| format!("unknown field {it:?}")));
    Ok(Decoded { object, odd })
}

fn undecodable(kind: Kind, tree: &Value, error: &serde_json::Error) -> ApiError {
    let (row, text) = (kind.row(), |field: &str| tree.get(field).and_then(Value::as_str));
    let expected = row.api_version();
    if let Some(version) = text("apiVersion").filter(|it| *it != expected) {
        return ApiError::bad_request(other_version(version, &expected));
    }
    if let Some(other) = text("kind").filter(|it| *it != row.kind) {
        let message =
            format!("the kind in the data ({other}) does not match the expected kind ({})", row.kind);
        return ApiError::bad_request(message);
    }
    cannot_be_handled(kind, &error.to_string())
}

fn cannot_be_handled(kind: Kind, why: &str) -> ApiError {
    let row = kind.row();
    let message =
        format!("{} in version {:?} cannot be handled as a {}: {why}", row.kind, row.version, row.kind);
    ApiError::bad_request(message)
}

fn media_of(headers: &HeaderMap) -> Result<Media, ApiError> {
    let Some(header) = headers.get(CONTENT_TYPE) else { return Ok(Media::Json) };
    let media = media_type(header.to_str().unwrap_or_default());
    match media.as_str() {
        "" | "application/json" | "*/*" => Ok(Media::Json),
        "application/yaml" => Ok(Media::Yaml),
        wire::MEDIA_TYPE => Ok(Media::Protobuf),
        other => Err(unsupported(other, &["application/json", "application/yaml", wire::MEDIA_TYPE])),
    }
}

/// The media type without its parameters.
pub(crate) fn media_type(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The 415 that names what would be understood.
pub(crate) fn unsupported(media: &str, understood: &[&str]) -> ApiError {
    ApiError::unsupported_media_type(format!(
        "the body of the request was in an unknown format - accepted media types include: {} (got {media:?})",
        understood.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::core::v1::ConfigMap;

    fn check(
        content_type: &str,
        body: &str,
        validation: FieldValidation,
        expect: Result<&[&str], (u16, &str)>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        let mut warnings = Vec::new();
        let got = Content::new(&headers, Bytes::copy_from_slice(body.as_bytes()))
            .and_then(|it| it.object(ConfigMap::KIND, validation, &mut warnings));
        match (got, expect) {
            (Ok(_), Ok(expect)) => assert_eq!(warnings, expect, "{body}"),
            (Err(error), Err((code, part))) => {
                assert_eq!(error.code(), code, "{body}: {error}");
                assert!(error.message().contains(part), "{body}: {error}");
            }
            (got, expect) => panic!("{body}: {got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn bodies_decode_or_say_why_not() {
        use FieldValidation::{Ignore, Strict, Warn};
        let json = "application/json";
        check(json, r#"{"metadata":{"name":"a"}}"#, Warn, Ok(&[]));
        check("application/yaml; charset=utf-8", "metadata: {name: a}", Warn, Ok(&[]));
        check("text/csv", "a", Warn, Err((415, "application/json")));
        check(json, "{", Warn, Err((400, "cannot be handled as a ConfigMap")));
        check(json, "[]", Warn, Err((400, "cannot be handled as a ConfigMap")));
        check(json, r#"{"kind":"Secret"}"#, Warn, Err((400, "the kind in the data (Secret)")));
        check(json, r#"{"apiVersion":"apps/v1"}"#, Warn, Err((400, "the API version in the data (apps/v1)")));
        check(json, r#"{"extra":1}"#, Warn, Ok(&["unknown field \"extra\""]));
        check(json, r#"{"extra":1}"#, Ignore, Ok(&[]));
        check(
            json,
            r#"{"metadata":{"x":1}}"#,
            Strict,
            Err((400, "strict decoding error: unknown field \"metadata.x\"")),
        );
        let (yaml, twice) = ("application/yaml", "data:\n  a: b\n  a: c\nextra: 1\n");
        check(yaml, twice, Ignore, Ok(&[]));
        check(yaml, twice, Warn, Ok(&["line 3: key \"a\" already set in map", "unknown field \"extra\""]));
        let refused =
            "error: yaml: unmarshal errors:\n  line 3: key \"a\" already set in map, unknown field \"extra\"";
        check(yaml, twice, Strict, Err((400, refused)));
        check(json, r#"{"data":{},"data":{}}"#, Strict, Err((400, "duplicate field \"data\"")));
    }
}
