//! Any kind, field by field.

use super::text::{Text, plain};
use crate::print::text;
use serde_json::Value;

/// An object whose kind has no description of its own.
pub(super) fn generic(out: &mut Text, object: &Value) {
    out.head(object);
    out.field(0, "API Version", text(object, "apiVersion"));
    out.field(0, "Kind", text(object, "kind"));
    for (name, value) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => field(out, 0, name, &without_head(value)),
            _ => field(out, 0, name, value),
        }
    }
}

/// Metadata without what the head says.
fn without_head(meta: &Value) -> Value {
    let mut meta = meta.clone();
    if let Some(fields) = meta.as_object_mut() {
        for name in ["name", "namespace", "labels", "annotations", "managedFields"] {
            fields.remove(name);
        }
    }
    meta
}

fn field(out: &mut Text, level: usize, name: &str, value: &Value) {
    let name = spaced(name);
    match value {
        Value::Object(map) => {
            out.line(level, format_args!("{name}:"));
            map.iter().for_each(|(inner, value)| field(out, level + 1, inner, value));
        }
        Value::Array(items) => {
            out.line(level, format_args!("{name}:"));
            items.iter().for_each(|it| item(out, level + 1, it));
        }
        value => out.field(level, &name, plain(value)),
    }
}

fn item(out: &mut Text, level: usize, value: &Value) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| field(out, level, name, value)),
        value => out.line(level, plain(value)),
    }
}

/// Words that are written in capitals.
const ACRONYMS: [&str; 4] = ["API", "URL", "UID", "GUID"];

/// `resourceVersion` becomes `Resource Version`, `uid` becomes `UID`. Upstream makes `Cluster I Ps` of `clusterIPs`;
/// here words stay whole.
fn spaced(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut before = None;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_some_and(|it: char| it.is_lowercase());
        match words.last_mut() {
            Some(word) if !begins => word.push(letter),
            _ => words.push(letter.to_uppercase().collect()),
        }
        before = Some(letter);
    }
    let shown = words
        .into_iter()
        .map(|it| if ACRONYMS.contains(&it.to_uppercase().as_str()) { it.to_uppercase() } else { it });
    shown.collect::<Vec<_>>().join(" ")
}
