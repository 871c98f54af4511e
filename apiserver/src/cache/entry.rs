//! One object as the cache keeps it: its JSON encoded once, and what selectors need.
//!
//! Start at [`Entry`]. The stored bytes have no resourceVersion, since the write itself assigns it; [`splice`] puts it in
//! once, on the way to the cache. An object is decoded only for those who want it typed, once for all of them.

use api::k8s::api::core::v1::{Node, Pod};
use api::selector::Labels;
use api::strategy::SelectableField;
use api::{ApiError, Kind, Object, Resource};
use bytes::Bytes;
use memchr::memchr2;
use serde::Deserialize;
use std::sync::{Arc, OnceLock};

/// One version of one object. Immutable but for the memory of having been decoded.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The kind in whose version the bytes are: the one in which the object is stored, or one in which it is shown.
    pub(crate) kind: Kind,
    /// `NAMESPACE/NAME`, or `NAME` for cluster-scoped kinds.
    pub(crate) key: Arc<str>,
    /// The revision of this version: its resourceVersion.
    pub(crate) revision: u64,
    /// The whole object, with its resourceVersion.
    pub(crate) json: Bytes,
    labels: Option<Box<Labels>>,
    fields: Box<[SelectableField]>,
    object: OnceLock<Arc<Object>>,
}

/// Stored bytes that are not an object of their kind.
#[derive(Debug, thiserror::Error)]
#[error("the stored {kind} {key} does not decode")]
pub(crate) struct Undecodable {
    kind: Kind,
    key: Arc<str>,
    source: serde_json::Error,
}

impl Entry {
    /// The entry of what was stored at a revision.
    pub(crate) fn new(kind: Kind, key: Arc<str>, stored: &[u8], revision: u64) -> Self {
        let json = splice(stored, revision);
        let Selectable { labels, fields, object } = selectable_of(kind, &key, &json);
        let object = object.filter(|_| KEPT.contains(&kind)).map(|it| OnceLock::from(Arc::new(it)));
        Self { kind, key, revision, json, labels, fields, object: object.unwrap_or_default() }
    }

    /// An entry to answer a write with: no selector will ever look at it.
    pub(crate) fn answer(kind: Kind, key: Arc<str>, stored: &[u8], revision: u64) -> Self {
        let (labels, fields, object) = (None, Box::default(), OnceLock::new());
        Self { kind, key, revision, json: splice(stored, revision), labels, fields, object }
    }

    /// The same content at another revision: what a watcher is told when the object leaves its selector.
    pub(crate) fn restamped(&self, revision: u64) -> Self {
        Self {
            kind: self.kind,
            key: self.key.clone(),
            revision,
            json: splice(&unspliced(&self.json, self.revision), revision),
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            object: OnceLock::new(),
        }
    }

    /// The object's name.
    pub(crate) fn name(&self) -> &str {
        self.key.rsplit_once('/').map_or(&self.key, |(_, name)| name)
    }

    /// The object's namespace, empty for cluster-scoped kinds.
    pub(crate) fn namespace(&self) -> &str {
        self.key.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The object's labels.
    pub(crate) fn labels(&self) -> Option<&Labels> {
        self.labels.as_deref()
    }

    /// The value of a field that selectors can use.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        match name {
            "metadata.name" => Some(self.name()),
            "metadata.namespace" => Some(self.namespace()),
            name => self.fields.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str()),
        }
    }

    /// A decoded copy, to change.
    pub(crate) fn decode(&self) -> Result<Object, Undecodable> {
        match self.object.get() {
            Some(object) => Ok((**object).clone()),
            None => self.decoded(),
        }
    }

    /// The object, decoded once and kept as long as this entry.
    pub(crate) fn object(&self) -> Result<Arc<Object>, Undecodable> {
        if let Some(object) = self.object.get() {
            return Ok(object.clone());
        }
        let object = Arc::new(self.decoded()?);
        Ok(self.object.get_or_init(|| object).clone())
    }

    fn decoded(&self) -> Result<Object, Undecodable> {
        let failed = |source| Undecodable { kind: self.kind, key: self.key.clone(), source };
        self.kind.decode(&self.json).map_err(failed)
    }

    /// Roughly the memory that keeping this version costs.
    pub(crate) fn weight(&self) -> usize {
        self.json.len() + 256
    }
}

/// Kinds whose objects stay decoded: everything that decides about pods reads them typed, node authorization included.
const KEPT: &[Kind] = &[<Pod as Resource>::KIND, <Node as Resource>::KIND];

/// What selectors need, and the object if finding that out took decoding it.
#[derive(Default)]
struct Selectable {
    labels: Option<Box<Labels>>,
    fields: Box<[SelectableField]>,
    object: Option<Object>,
}

/// Labels and fields. Kinds without selectable fields are not decoded in full.
fn selectable_of(kind: Kind, key: &str, json: &[u8]) -> Selectable {
    let strategy = kind.row().strategy;
    if strategy.field_names().is_empty() {
        return Selectable { labels: labels_of(json).map(Box::new), ..Selectable::default() };
    }
    match kind.decode(json) {
        Ok(object) => Selectable {
            fields: strategy.fields(&object).into_boxed_slice(),
            labels: object.meta().labels.clone().map(Box::new),
            object: Some(object),
        },
        Err(error) => {
            tracing::error!(%kind, key, %error, "stored object does not decode; selectors will not find it");
            Selectable::default()
        }
    }
}

/// The labels, for which only the metadata is read.
fn labels_of(json: &[u8]) -> Option<Labels> {
    #[derive(Deserialize)]
    struct Light {
        labels: Option<Labels>,
    }
    let metadata = json.get(metadata_at(json)? - 1..)?;
    serde_json::Deserializer::from_slice(metadata).into_iter::<Light>().next()?.ok()?.labels
}

/// Puts the resourceVersion into an object that has none, as the first field of its metadata. The text must be JSON
/// without white space, as our encoder writes it.
pub(crate) fn splice(stored: &[u8], revision: u64) -> Bytes {
    let Some(at) = metadata_at(stored) else { return Bytes::copy_from_slice(stored) };
    let separator = if stored.get(at) == Some(&b'}') { "" } else { "," };
    let field = format!("{}{separator}", field_of(revision));
    let mut spliced = Vec::with_capacity(stored.len() + field.len());
    spliced.extend_from_slice(&stored[..at]);
    spliced.extend_from_slice(field.as_bytes());
    spliced.extend_from_slice(&stored[at..]);
    spliced.into()
}

/// Takes the resourceVersion out again.
fn unspliced(json: &[u8], revision: u64) -> Vec<u8> {
    let field = field_of(revision);
    let mut plain = json.to_vec();
    if let Some(at) = metadata_at(json)
        && json[at..].starts_with(field.as_bytes())
    {
        let comma = usize::from(json.get(at + field.len()) == Some(&b','));
        plain.drain(at..at + field.len() + comma);
    }
    plain
}

fn field_of(revision: u64) -> String {
    format!(r#""resourceVersion":"{revision}""#)
}

/// Where the fields of the top-level metadata begin.
fn metadata_at(json: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    while at < json.len() {
        match json[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let end = string_end(json, at + 1)?;
                if depth == 1 && &json[at + 1..end] == b"metadata" && json[end + 1..].starts_with(b":{") {
                    return Some(end + 3);
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The deepest nesting that is stored: what is stored must be readable, also as a part of lists and events.
pub(crate) const DEEPEST: usize = 100;

/// Refuses what is nested deeper than can be stored, with everything that the server has added to it.
pub(crate) fn check_depth(json: &[u8]) -> Result<(), ApiError> {
    let depth = depth_of(json);
    if depth <= DEEPEST {
        return Ok(());
    }
    let message = format!("the object is nested {depth} levels deep, and at most {DEEPEST} can be stored");
    Err(ApiError::bad_request(message))
}

/// How deep objects and lists are nested.
fn depth_of(json: &[u8]) -> usize {
    let (mut at, mut depth, mut deepest) = (0, 0_usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = string_end(json, at + 1).unwrap_or(json.len()),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// The closing quote of the string whose first character is at `from`.
fn string_end(json: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let next = from + memchr2(b'"', b'\\', json.get(from..)?)?;
        if json[next] == b'"' {
            return Some(next);
        }
        from = next + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::api::core::v1::ConfigMap;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn the_revision_goes_into_the_top_metadata_only() {
        let check = |stored: &str, expect: &str| assert_eq!(splice(stored.as_bytes(), 7), expect);
        check(r#"{"metadata":{}}"#, r#"{"metadata":{"resourceVersion":"7"}}"#);
        check(
            r#"{"a":"metadata","metadata":{"name":"x"}}"#,
            r#"{"a":"metadata","metadata":{"resourceVersion":"7","name":"x"}}"#,
        );
        check(
            r#"{"spec":{"metadata":{"a":1}},"x":["\"metadata\":{"],"metadata":{"b":1}}"#,
            r#"{"spec":{"metadata":{"a":1}},"x":["\"metadata\":{"],"metadata":{"resourceVersion":"7","b":1}}"#,
        );
    }

    #[test]
    fn an_entry_knows_what_selectors_need() {
        let stored = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"a":"b"},"name":"x"}}"#;
        let entry = Entry::new(ConfigMap::KIND, "ns/x".into(), stored, 5);
        assert_eq!((entry.namespace(), entry.name()), ("ns", "x"));
        assert_eq!(entry.field("metadata.namespace"), Some("ns"));
        assert_eq!(entry.labels().and_then(|it| it.get("a")).map(String::as_str), Some("b"));
        assert_eq!(entry.object().unwrap().meta().resource_version.as_deref(), Some("5"));
        let later = entry.restamped(9);
        assert_eq!(later.decode().unwrap().meta().resource_version.as_deref(), Some("9"));
        assert_eq!(later.json.len(), entry.json.len());
    }

    #[test]
    fn a_pod_is_found_by_its_fields() {
        let stored = br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[],"nodeName":"n"}}"#;
        let entry = Entry::new(Pod::KIND, "ns/x".into(), stored, 5);
        if Pod::KIND.row().strategy.field_names().contains(&"spec.nodeName") {
            assert_eq!(entry.field("spec.nodeName"), Some("n"));
        }
        assert_eq!(entry.field("metadata.name"), Some("x"));
    }

    fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\{}\\[\\]:,é\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z\"\\\\]{0,4}|metadata", inner, 0..4)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn splicing_is_setting_the_field(
            before in any_json(), name in "[a-z\"\\\\]{0,6}", after in any_json(), revision in any::<u64>(),
        ) {
            let metadata = if name.is_empty() { json!({}) } else { json!({ "name": name }) };
            let mut object = json!({ "a": before, "metadata": metadata, "z": after });
            let spliced = splice(&serde_json::to_vec(&object).unwrap(), revision);
            prop_assert_eq!(&unspliced(&spliced, revision), &serde_json::to_vec(&object).unwrap());
            object["metadata"]["resourceVersion"] = revision.to_string().into();
            prop_assert_eq!(serde_json::from_slice::<Value>(&spliced).unwrap(), object);
        }
    }
}
