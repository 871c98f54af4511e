//! The documents of OpenAPI v3: one for each group version, and the index of them.

use serde_json::{Map, Value, json};

use crate::{embedded, hash::document_hash, paths, rows::GroupVersion, schemas};

/// The answer to `/openapi/v3`. Each URL carries the hash of its document, so that a client can keep it for good.
pub fn v3_index<'a>(group_versions: impl IntoIterator<Item = GroupVersion<'a>>) -> Value {
    let entries = group_versions.into_iter().map(|group_version| {
        let root = group_version.root();
        let url = format!("/openapi/v3/{root}?hash={}", document_hash(&group_version));
        (root, json!({ "serverRelativeURL": url }))
    });
    json!({ "paths": entries.collect::<Map<_, _>>() })
}

/// The JSON of one group version's document: its paths, and the schemas that these reach.
pub fn v3_document(group_version: &GroupVersion) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(br#"{"openapi":"3.0.0","info":{"title":"Kubernetes","version":"unversioned"},"paths":"#);
    write_object(&mut out, paths::of_group_version(group_version).map(|(path, entry)| (path, bytes(&entry))));
    out.extend(br#","components":{"schemas":{"#);
    write_schemas(&mut out, group_version);
    out.extend(
        br#"},"securitySchemes":{"BearerToken":{"type":"apiKey","in":"header","name":"authorization"}}}}"#,
    );
    out
}

fn write_schemas(out: &mut Vec<u8>, group_version: &GroupVersion) {
    let mut first = true;
    for (name, schema) in schemas::custom(group_version) {
        write_entry(out, &mut first, &name, &bytes(&schema));
    }
    let wanted = embedded::reachable(schemas::roots(group_version));
    embedded::for_each(&wanted, |type_, schema| write_entry(out, &mut first, type_.name(), schema));
}

/// Writes a JSON object piece by piece: the whole would be large as values.
pub(crate) fn write_object(out: &mut Vec<u8>, entries: impl Iterator<Item = (String, Vec<u8>)>) {
    let mut first = true;
    out.push(b'{');
    for (key, value) in entries {
        write_entry(out, &mut first, &key, &value);
    }
    out.push(b'}');
}

/// Writes one entry of a JSON object, and the comma before it.
pub(crate) fn write_entry(out: &mut Vec<u8>, first: &mut bool, key: &str, value: &[u8]) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.extend(bytes(&key.into()));
    out.push(b':');
    out.extend(value);
}

/// The JSON text of a value.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
