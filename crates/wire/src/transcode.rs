//! Walks a message's bytes and its descriptor together and builds JSON.
//!
//! Start at [`object`]. What Go's JSON would leave out is left out here ([`Zero`]), so that a body means the same in
//! both formats. Messages are kept even when empty: `emptyDir: {}` is a choice.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use crate::descriptor::{self, Field, Kind, Message, Shape, Zero};
use crate::error::Problem;
use crate::forms;
use crate::reader::{Reader, Wire};

/// Real objects stay below 40; a schema that nests deeper than this is an attack on the stack.
const MAX_DEPTH: u32 = 100;

/// A problem and the JSON path at which it was met.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) problem: Problem,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Fault { path: String::new(), problem }
    }
}

impl Fault {
    /// The same fault seen from the parent of `name`.
    fn below(mut self, name: &str) -> Self {
        if !name.is_empty() {
            let dot = if self.path.is_empty() { "" } else { "." };
            self.path = format!("{name}{dot}{}", self.path);
        }
        self
    }
}

/// Adds the members of a message to `object`.
pub(crate) fn object(message: &Message, bytes: &[u8], object: &mut Map<String, Value>) -> Result<(), Fault> {
    members(message, bytes, MAX_DEPTH, object)
}

/// A whole message as JSON. `depth` is how many levels may still open below.
fn message(message: &Message, bytes: &[u8], depth: u32) -> Result<Value, Fault> {
    let depth = depth.checked_sub(1).ok_or(Problem::TooDeep)?;
    if let Some(value) = forms::leaf(message.form, bytes) {
        return Ok(value?);
    }
    let mut object = Map::new();
    members(message, bytes, depth, &mut object)?;
    Ok(forms::branch(message, object))
}

fn members(
    message: &Message,
    bytes: &[u8],
    depth: u32,
    object: &mut Map<String, Value>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.next_field()? {
        let Some(field) = message.field(number) else { continue };
        member(field, wire, depth, object).map_err(|fault| fault.below(field.json))?;
    }
    Ok(())
}

fn member(field: &Field, wire: Wire<'_>, depth: u32, object: &mut Map<String, Value>) -> Result<(), Fault> {
    match (field.shape, field.kind) {
        (Shape::One, Kind::Message(index)) if field.json.is_empty() => {
            let depth = depth.checked_sub(1).ok_or(Problem::TooDeep)?;
            members(descriptor::message(index), wire.bytes()?, depth, object)?;
        }
        (Shape::One, kind) => {
            let value = value(kind, wire, depth)?;
            if !(value.is_null() || field.zero == Zero::Drop && is_zero(&value)) {
                object.insert(field.json.to_owned(), value);
            }
        }
        (Shape::Many, kind) => {
            let member = object.entry(field.json).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(items) = member else { return Ok(()) };
            items_of(kind, wire, depth, items)?;
        }
        (Shape::Map, kind) => {
            let (key, value) = entry(kind, wire.bytes()?, depth)?;
            let member = object.entry(field.json).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(entries) = member else { return Ok(()) };
            entries.insert(key, value);
        }
    }
    Ok(())
}

/// One item, or as many as a packed field holds.
fn items_of(kind: Kind, wire: Wire<'_>, depth: u32, items: &mut Vec<Value>) -> Result<(), Fault> {
    if let (Kind::Int | Kind::Bool, Wire::Bytes(packed)) = (kind, wire) {
        let mut reader = Reader::new(packed);
        while let Some(number) = reader.next_varint()? {
            items.push(value(kind, Wire::Varint(number), depth)?);
        }
        return Ok(());
    }
    items.push(value(kind, wire, depth)?);
    Ok(())
}

/// A map entry is a message of a key and a value, either of which may be missing and then is its type's zero.
fn entry(kind: Kind, bytes: &[u8], depth: u32) -> Result<(String, Value), Fault> {
    let (mut key, mut content) = ("", None);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.next_field()? {
        match number {
            1 => key = wire.text()?,
            2 => content = Some(wire),
            _ => {}
        }
    }
    let value =
        value(kind, content.unwrap_or_else(|| zero_of(kind)), depth).map_err(|fault| fault.below(key))?;
    Ok((key.to_owned(), value))
}

fn zero_of(kind: Kind) -> Wire<'static> {
    match kind {
        Kind::Text | Kind::Bytes | Kind::Message(_) => Wire::Bytes(&[]),
        Kind::Bool | Kind::Int => Wire::Varint(0),
        Kind::Double => Wire::Fixed64(0),
    }
}

fn value(kind: Kind, wire: Wire<'_>, depth: u32) -> Result<Value, Fault> {
    Ok(match kind {
        Kind::Text => Value::from(wire.text()?),
        Kind::Bytes => Value::from(STANDARD.encode(wire.bytes()?)),
        Kind::Bool => Value::from(wire.varint()? != 0),
        Kind::Int => Value::from(wire.varint()?.cast_signed()),
        Kind::Double => number(wire.double()?)?,
        Kind::Message(index) => message(descriptor::message(index), wire.bytes()?, depth)?,
    })
}

/// Go writes a whole double without a fraction, and so does this.
fn number(double: f64) -> Result<Value, Problem> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() <= EXACT {
        return Ok(Value::from(double as i64));
    }
    Number::from_f64(double).map(Value::Number).ok_or(Problem::NotFinite)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty(),
        _ => false,
    }
}
