//! Sets as `FieldsV1`, the form in which managed fields go over the wire.
//!
//! Each key of an object is a step: `f:<field>`, `k:<the key fields as JSON>`, `v:<the value as JSON>`, `i:<position>`.
//! Its value holds the steps that go on from there; a path ends where nothing goes on, or where there is a `.`.
//! Steps of a type that this version does not know are left out, as upstream does.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::path::PathElement;
use crate::set::{Node, Set};

/// How deep a set may go: deeper than any object that could be decoded.
const DEEPEST: usize = 128;

/// What is wrong with managed fields.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    /// Where an object should be is something else.
    #[error("expected an object of path elements below {0:?}")]
    NotAnObject(String),
    /// A key too short for a type and a separator.
    #[error("key must be 2 characters long: {0:?}")]
    TooShort(String),
    /// A key without separator.
    #[error("missing colon: {0}")]
    NoColon(String),
    /// JSON within a key that is none, or no object where key fields belong.
    #[error("path element is not valid: {0}")]
    Element(String),
    /// More steps than any object has.
    #[error("managed fields are nested deeper than {DEEPEST} levels")]
    TooDeep,
}

/// The set that the managed fields say.
pub fn from_fields(fields: &Value) -> Result<Set<'_>, Malformed> {
    Ok(read(fields, "", 0)?.0)
}

/// What goes on from a step, and whether a path ends there.
fn read<'a>(fields: &'a Value, key: &str, depth: usize) -> Result<(Set<'a>, bool), Malformed> {
    if depth > DEEPEST {
        return Err(Malformed::TooDeep);
    }
    let fields = fields.as_object().ok_or_else(|| Malformed::NotAnObject(key.into()))?;
    let (mut set, mut member) = (Set::new(), false);
    for (key, below) in fields {
        if key == "." {
            member = true;
        } else if let Some(element) = element_of(key)? {
            let (children, member) = read(below, key, depth + 1)?;
            set.add(element, member, children);
        }
    }
    member |= set.is_empty();
    Ok((set, member))
}

fn element_of(key: &str) -> Result<Option<PathElement<'_>>, Malformed> {
    if key.len() < 2 {
        return Err(Malformed::TooShort(key.into()));
    }
    if key.as_bytes()[1] != b':' {
        return Err(Malformed::NoColon(key.into()));
    }
    let (kind, rest) = (key.as_bytes()[0], &key[2..]);
    let malformed = || Malformed::Element(key.into());
    Ok(Some(match kind {
        b'f' => PathElement::field(rest),
        b'v' => PathElement::Value(Cow::Owned(serde_json::from_str(rest).map_err(|_| malformed())?)),
        b'k' => {
            let parts: Map<String, Value> = serde_json::from_str(rest).map_err(|_| malformed())?;
            let mut parts: Vec<_> = parts.into_iter().collect();
            parts.sort_by(|left, right| left.0.cmp(&right.0));
            let owned = |(name, value)| (Cow::Owned(name), Cow::Owned(value));
            PathElement::Key(parts.into_iter().map(owned).collect())
        }
        b'i' => PathElement::Index(rest.parse().map_err(|_| malformed())?),
        _ => return Ok(None),
    }))
}

/// The managed fields that say the set.
pub fn to_fields(set: &Set<'_>) -> Value {
    Value::Object(
        set.nodes().iter().map(|node| (key_of(&node.element), Value::Object(write(node)))).collect(),
    )
}

fn write(node: &Node<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    if node.member && !node.children.is_empty() {
        fields.insert(".".into(), Value::Object(Map::new()));
    }
    for child in node.children.nodes() {
        fields.insert(key_of(&child.element), Value::Object(write(child)));
    }
    fields
}

fn key_of(element: &PathElement<'_>) -> String {
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Value(value) => format!("v:{value}"),
        PathElement::Index(at) => format!("i:{at}"),
        PathElement::Key(parts) => {
            let parts: Vec<_> =
                parts.iter().map(|(name, value)| format!("{}:{value}", json_text(name))).collect();
            format!("k:{{{}}}", parts.join(","))
        }
    }
}

fn json_text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::path::path_text;

    fn paths(fields: &Value) -> Vec<String> {
        let mut paths = vec![];
        from_fields(fields).expect("well-formed fields").for_each(|path| paths.push(path_text(path)));
        paths
    }

    #[test]
    fn each_kind_of_step_is_read_and_written() {
        let fields = json!({
            "f:metadata": { "f:finalizers": { ".": {}, "v:\"a/b\"": {} }, "f:labels": { "f:app.kubernetes.io/name": {} } },
            "f:spec": {
                "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {} } },
                "f:args": { "i:0": {} },
            },
        });
        let expect = [
            ".metadata.finalizers",
            ".metadata.finalizers[=\"a/b\"]",
            ".metadata.labels.app.kubernetes.io/name",
            ".spec.args[0]",
            ".spec.ports[port=80,protocol=\"TCP\"]",
            ".spec.ports[port=80,protocol=\"TCP\"].port",
        ];
        assert_eq!(paths(&fields), expect);
        assert_eq!(to_fields(&from_fields(&fields).expect("well-formed fields")), fields);
    }

    #[test]
    fn key_fields_are_ordered_by_name() {
        let fields = json!({ "k:{\"b\":2,\"a\":\"1\"}": {} });
        assert_eq!(paths(&fields), ["[a=\"1\",b=2]"]);
    }

    #[test]
    fn a_lone_dot_is_a_path_and_unknown_steps_are_left_out() {
        assert_eq!(paths(&json!({ "f:a": { ".": {} }, "f:b": { "z:new": {} }, "y:": 1 })), [".a", ".b"]);
        assert_eq!(paths(&json!({})), Vec::<String>::new());
    }

    #[test]
    fn malformed_fields_are_refused() {
        let refuse = |fields: Value, expect: &str| {
            assert_eq!(from_fields(&fields).expect_err("malformed").to_string(), expect);
        };
        refuse(json!([]), "expected an object of path elements below \"\"");
        refuse(json!({ "f:a": "b" }), "expected an object of path elements below \"f:a\"");
        refuse(json!({ "f": {} }), "key must be 2 characters long: \"f\"");
        refuse(json!({ "spec": {} }), "missing colon: spec");
        refuse(json!({ "k:[1]": {} }), "path element is not valid: k:[1]");
        refuse(json!({ "v:a": {} }), "path element is not valid: v:a");
        refuse(json!({ "i:x": {} }), "path element is not valid: i:x");
        let deep = (0..200).fold(json!({}), |below, _| json!({ "f:a": below }));
        refuse(deep, "managed fields are nested deeper than 128 levels");
    }
}
