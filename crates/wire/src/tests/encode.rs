//! The other direction, for round trips: JSON to bytes by the same table. It writes what it is given and no zeros of
//! unset fields; the bodies that real clients sent are in `tests/fixtures`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::descriptor::{self, Field, Form, Kind, Message, Shape};

/// The whole body: magic, envelope, object.
pub(crate) fn body(object: &Value) -> Vec<u8> {
    let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let message = descriptor::message_of(api_version, kind).unwrap();
    envelope(api_version, kind, &members(message, object.as_object().unwrap()))
}

pub(crate) fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), bytes(1, &type_meta), bytes(2, raw), bytes(3, b""), bytes(4, b"")].concat()
}

pub(crate) fn varint(number: u32, value: i64) -> Vec<u8> {
    [bare(u64::from(number) << 3), bare(value.cast_unsigned())].concat()
}

pub(crate) fn bytes(number: u32, value: &[u8]) -> Vec<u8> {
    [bare(u64::from(number) << 3 | 2), bare(value.len() as u64), value.to_vec()].concat()
}

fn bare(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn members(message: &Message, object: &Map<String, Value>) -> Vec<u8> {
    message.fields.iter().flat_map(|field| member(field, object)).collect()
}

fn member(field: &Field, object: &Map<String, Value>) -> Vec<u8> {
    if field.json.is_empty() {
        let Kind::Message(index) = field.kind else { unreachable!("only messages are embedded") };
        return bytes(field.number, &members(descriptor::message(index), object));
    }
    let Some(content) = object.get(field.json) else { return Vec::new() };
    match field.shape {
        Shape::One => value(field.number, field.kind, content),
        Shape::Many => content
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|item| value(field.number, field.kind, item))
            .collect(),
        Shape::Map => content
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(key, content)| {
                bytes(field.number, &[bytes(1, key.as_bytes()), value(2, field.kind, content)].concat())
            })
            .collect(),
    }
}

fn value(number: u32, kind: Kind, content: &Value) -> Vec<u8> {
    match kind {
        Kind::Text => bytes(number, content.as_str().unwrap().as_bytes()),
        Kind::Bytes => bytes(number, &STANDARD.decode(content.as_str().unwrap()).unwrap()),
        Kind::Bool => varint(number, i64::from(content.as_bool().unwrap())),
        Kind::Int => varint(number, content.as_i64().unwrap()),
        Kind::Double => {
            [bare(u64::from(number) << 3 | 1), content.as_f64().unwrap().to_le_bytes().to_vec()].concat()
        }
        Kind::Message(index) => bytes(number, &form(descriptor::message(index), content)),
    }
}

fn form(message: &Message, content: &Value) -> Vec<u8> {
    let only = |index: usize| {
        let field = &message.fields[index];
        member(field, &Map::from_iter([(field.json.to_owned(), content.clone())]))
    };
    match message.form {
        Form::Object => members(message, content.as_object().unwrap()),
        Form::Quantity => bytes(1, content.as_str().unwrap().as_bytes()),
        Form::IntOrString => match content {
            Value::String(text) => [varint(1, 1), varint(2, 0), bytes(3, text.as_bytes())].concat(),
            number => [varint(1, 0), varint(2, number.as_i64().unwrap()), bytes(3, b"")].concat(),
        },
        Form::Time | Form::MicroTime => {
            let time: Timestamp = content.as_str().unwrap().parse().unwrap();
            [varint(1, time.as_second()), varint(2, i64::from(time.subsec_nanosecond()))].concat()
        }
        Form::Json => bytes(1, content.to_string().as_bytes()),
        Form::Items => only(0),
        Form::OneOrMany => only(usize::from(content.is_array())),
        Form::SchemaOrBool => only(usize::from(content.is_object())),
    }
}
