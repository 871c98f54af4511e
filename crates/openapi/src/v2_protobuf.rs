//! OpenAPI v2 as gnostic's protobuf messages: the only form in which Go clients take it.
//!
//! Start at [`v2_document_protobuf`]. The messages are tables of what the JSON document can hold here, read by one
//! writer. Refuses to know more of gnostic's vocabulary than the documents use; what a table does not name is left
//! out, extensions apart.

use serde_json::{Map, Value, json};

use crate::{rows::GroupVersion, v2};

/// How a client asks for this form.
pub const V2_PROTOBUF_ACCEPT: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// The content type of the answer.
pub const V2_PROTOBUF_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// A message: the JSON keys it takes, and the field that holds the `x-` extensions.
struct Message {
    fields: &'static [(&'static str, u32, Kind)],
    extensions: u32,
}

/// How a JSON value is written into a field.
enum Kind {
    Text,
    Flag,
    Count,
    Number,
    /// Any JSON value, as text.
    Any,
    One(&'static Message),
    /// A list, one field an item.
    Each(&'static Kind),
    /// The value stands in a field of a message of its own.
    In(u32, &'static Kind),
    /// An object whose keys are data: a message with a list of names and values.
    Named(u32, &'static Kind),
    /// A boolean or a schema.
    SchemaOrFlag,
    /// A parameter, whose message depends on its place.
    Parameter,
}

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Kind::Text),
        ("format", 2, Kind::Text),
        ("title", 3, Kind::Text),
        ("description", 4, Kind::Text),
        ("default", 5, Kind::Any),
        ("multipleOf", 6, Kind::Number),
        ("maximum", 7, Kind::Number),
        ("minimum", 9, Kind::Number),
        ("maxLength", 11, Kind::Count),
        ("minLength", 12, Kind::Count),
        ("pattern", 13, Kind::Text),
        ("maxItems", 14, Kind::Count),
        ("minItems", 15, Kind::Count),
        ("uniqueItems", 16, Kind::Flag),
        ("maxProperties", 17, Kind::Count),
        ("minProperties", 18, Kind::Count),
        ("required", 19, Kind::Each(&Kind::Text)),
        ("enum", 20, Kind::Each(&Kind::Any)),
        ("additionalProperties", 21, Kind::SchemaOrFlag),
        ("type", 22, Kind::In(1, &Kind::Text)),
        ("items", 23, Kind::In(1, &Kind::One(&SCHEMA))),
        ("properties", 25, Kind::Named(1, &Kind::One(&SCHEMA))),
    ],
    extensions: 31,
};

static RESPONSE: Message = Message {
    fields: &[("description", 1, Kind::Text), ("schema", 2, Kind::In(1, &Kind::One(&SCHEMA)))],
    extensions: 5,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Kind::Each(&Kind::Text)),
        ("description", 3, Kind::Text),
        ("operationId", 5, Kind::Text),
        ("produces", 6, Kind::Each(&Kind::Text)),
        ("consumes", 7, Kind::Each(&Kind::Text)),
        ("parameters", 8, Kind::Each(&Kind::Parameter)),
        ("responses", 9, Kind::Named(1, &Kind::In(1, &Kind::One(&RESPONSE)))),
    ],
    extensions: 13,
};

static PATH: Message = Message {
    fields: &[
        ("get", 2, Kind::One(&OPERATION)),
        ("put", 3, Kind::One(&OPERATION)),
        ("post", 4, Kind::One(&OPERATION)),
        ("delete", 5, Kind::One(&OPERATION)),
        ("patch", 8, Kind::One(&OPERATION)),
        ("parameters", 9, Kind::Each(&Kind::Parameter)),
    ],
    extensions: 10,
};

static BODY_PARAMETER: Message = Message {
    fields: &[
        ("description", 1, Kind::Text),
        ("name", 2, Kind::Text),
        ("in", 3, Kind::Text),
        ("required", 4, Kind::Flag),
        ("schema", 5, Kind::One(&SCHEMA)),
    ],
    extensions: 6,
};

static QUERY_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Kind::Flag),
        ("in", 2, Kind::Text),
        ("description", 3, Kind::Text),
        ("name", 4, Kind::Text),
        ("type", 6, Kind::Text),
        ("uniqueItems", 20, Kind::Flag),
    ],
    extensions: 23,
};

static PATH_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Kind::Flag),
        ("in", 2, Kind::Text),
        ("description", 3, Kind::Text),
        ("name", 4, Kind::Text),
        ("type", 5, Kind::Text),
        ("uniqueItems", 19, Kind::Flag),
    ],
    extensions: 22,
};

static INFO: Message =
    Message { fields: &[("title", 1, Kind::Text), ("version", 2, Kind::Text)], extensions: 7 };

/// The document over all group versions as protobuf.
pub fn v2_document_protobuf(group_versions: &[GroupVersion]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, 1, &Kind::Text, &json!("2.0"));
    write(&mut out, 2, &Kind::One(&INFO), &json!({ "title": "Kubernetes", "version": "unversioned" }));
    let mut paths = Vec::new();
    for (path, entry) in v2::path_entries(group_versions) {
        write_named(&mut paths, 2, &path, &Kind::One(&PATH), &entry);
    }
    write_bytes(&mut out, 8, &paths);
    let mut definitions = Vec::new();
    v2::for_each_definition(group_versions, |name, schema| {
        write_named(&mut definitions, 1, name, &Kind::One(&SCHEMA), &schema);
    });
    write_bytes(&mut out, 9, &definitions);
    out
}

fn write(out: &mut Vec<u8>, number: u32, kind: &Kind, value: &Value) {
    match kind {
        Kind::Text => write_bytes(out, number, value.as_str().unwrap_or_default().as_bytes()),
        Kind::Flag => write_integer(out, number, u64::from(value == true)),
        Kind::Count => write_integer(out, number, value.as_u64().unwrap_or_default()),
        Kind::Number => write_number(out, number, value.as_f64().unwrap_or_default()),
        Kind::Any => write_nested(out, number, |out| write_bytes(out, 2, value.to_string().as_bytes())),
        Kind::One(message) => write_nested(out, number, |out| write_message(out, message, value)),
        Kind::Each(kind) => {
            value.as_array().into_iter().flatten().for_each(|item| write(out, number, kind, item))
        }
        Kind::In(inner, kind) => write_nested(out, number, |out| write(out, *inner, kind, value)),
        Kind::Named(inner, kind) => write_nested(out, number, |out| {
            for (name, value) in value.as_object().into_iter().flatten() {
                write_named(out, *inner, name, kind, value);
            }
        }),
        Kind::SchemaOrFlag => write_nested(out, number, |out| match value {
            Value::Bool(_) => write(out, 2, &Kind::Flag, value),
            _ => write(out, 1, &Kind::One(&SCHEMA), value),
        }),
        Kind::Parameter => write(out, number, &Kind::In(1, parameter_kind(value)), value),
    }
}

/// Where the message of a parameter stands among its alternatives.
fn parameter_kind(parameter: &Value) -> &'static Kind {
    static BODY: Kind = Kind::In(1, &Kind::One(&BODY_PARAMETER));
    static PATH: Kind = Kind::In(2, &Kind::In(4, &Kind::One(&PATH_PARAMETER)));
    static QUERY: Kind = Kind::In(2, &Kind::In(3, &Kind::One(&QUERY_PARAMETER)));
    match parameter["in"].as_str() {
        Some("body") => &BODY,
        Some("path") => &PATH,
        _ => &QUERY,
    }
}

fn write_message(out: &mut Vec<u8>, message: &Message, value: &Value) {
    let none = Map::new();
    let object = value.as_object().unwrap_or(&none);
    for (key, number, kind) in message.fields {
        if let Some(value) = object.get(*key) {
            write(out, *number, kind, value);
        }
    }
    for (key, value) in object.iter().filter(|(key, _)| key.starts_with("x-")) {
        write_named(out, message.extensions, key, &Kind::Any, value);
    }
}

fn write_named(out: &mut Vec<u8>, number: u32, name: &str, kind: &Kind, value: &Value) {
    write_nested(out, number, |out| {
        write_bytes(out, 1, name.as_bytes());
        write(out, 2, kind, value);
    });
}

fn write_nested(out: &mut Vec<u8>, number: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    write_bytes(out, number, &inner);
}

fn write_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    write_varint(out, u64::from(number) << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn write_integer(out: &mut Vec<u8>, number: u32, value: u64) {
    write_varint(out, u64::from(number) << 3);
    write_varint(out, value);
}

fn write_number(out: &mut Vec<u8>, number: u32, value: f64) {
    write_varint(out, u64::from(number) << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &Kind, value: Value, expect: &[u8]) {
        let mut out = Vec::new();
        write(&mut out, 1, kind, &value);
        assert_eq!(out, expect, "{value}");
    }

    #[test]
    fn each_kind_is_written_as_protobuf_says() {
        check(&Kind::Text, json!("ab"), &[0x0a, 2, b'a', b'b']);
        check(&Kind::Flag, json!(true), &[0x08, 1]);
        check(&Kind::Count, json!(300), &[0x08, 0xac, 0x02]);
        check(&Kind::Number, json!(1), &[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        check(&Kind::Any, json!({}), &[0x0a, 4, 0x12, 2, b'{', b'}']);
        check(&Kind::Each(&Kind::Text), json!(["a", "b"]), &[0x0a, 1, b'a', 0x0a, 1, b'b']);
        check(&Kind::In(2, &Kind::Text), json!("a"), &[0x0a, 3, 0x12, 1, b'a']);
        check(
            &Kind::Named(1, &Kind::Text),
            json!({ "k": "v" }),
            &[0x0a, 8, 0x0a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'],
        );
        check(&Kind::SchemaOrFlag, json!(true), &[0x0a, 2, 0x10, 1]);
    }

    #[test]
    fn a_message_keeps_its_extensions() {
        let title = [0x0a, 1, b't'];
        let extension = [0x3a, 10, 0x0a, 3, b'x', b'-', b'a', 0x12, 3, 0x12, 1, b'1'];
        let expect = [&[0x0a, 15][..], &title, &extension].concat();
        check(&Kind::One(&INFO), json!({ "title": "t", "x-a": 1, "unknown": 1 }), &expect);
    }
}
