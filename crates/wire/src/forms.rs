//! Messages whose JSON is not an object of their fields.
//!
//! Start at [`Form`]'s variants. [`leaf`] reads the small fixed messages straight from their bytes, [`branch`] reshapes
//! the members that the walk found. What Go's JSON writes as `null` comes back as `Value::Null`, and the caller leaves
//! such a member out.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::descriptor::{Form, Message};
use crate::error::Problem;
use crate::reader::{Reader, Wire};

/// The first second of the year 1; RFC 3339 has no earlier years. Later than 9999 is more than `Timestamp` holds.
const FIRST_SECOND: i64 = -62_135_596_800;

/// The value of a message that holds scalars only, or None when the form is not one of those.
pub(crate) fn leaf(form: Form, bytes: &[u8]) -> Option<Result<Value, Problem>> {
    match form {
        Form::Quantity => Some(quantity(bytes)),
        Form::IntOrString => Some(int_or_string(bytes)),
        Form::Time => Some(time(bytes, "%Y-%m-%dT%H:%M:%SZ")),
        Form::MicroTime => Some(time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")),
        Form::Json => Some(raw_json(bytes)),
        Form::Object | Form::Items | Form::OneOrMany | Form::SchemaOrBool => None,
    }
}

/// The value of a message whose members have been read, under the names of the table.
pub(crate) fn branch(message: &Message, mut members: Map<String, Value>) -> Value {
    let mut take = |index: usize| message.fields.get(index).and_then(|field| members.remove(field.json));
    match message.form {
        Form::Items => take(0).unwrap_or_else(|| Value::Array(Vec::new())),
        Form::OneOrMany => take(1).or_else(|| take(0)).unwrap_or(Value::Null),
        Form::SchemaOrBool => take(1).or_else(|| take(0)).unwrap_or(Value::Bool(false)),
        _ => Value::Object(members),
    }
}

/// Calls `visit` with every field.
fn scan<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(u32, Wire<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.next_field()? {
        visit(number, wire)?;
    }
    Ok(())
}

/// An empty quantity is Go's zero value, which prints as 0.
fn quantity(bytes: &[u8]) -> Result<Value, Problem> {
    let mut text = "0";
    scan(bytes, |number, wire| {
        if number == 1 {
            text = Some(wire.text()?).filter(|text| !text.is_empty()).unwrap_or("0");
        }
        Ok(())
    })?;
    Ok(Value::from(text))
}

fn int_or_string(bytes: &[u8]) -> Result<Value, Problem> {
    let (mut is_text, mut number, mut text) = (false, 0, "");
    scan(bytes, |field, wire| {
        match field {
            1 => is_text = wire.varint()? != 0,
            2 => number = wire.varint()?.cast_signed(),
            3 => text = wire.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(if is_text { Value::from(text) } else { Value::from(number) })
}

/// An empty message is Go's zero time, which is null in JSON.
fn time(bytes: &[u8], format: &str) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0, 0);
    scan(bytes, |number, wire| {
        match number {
            1 => seconds = wire.varint()?.cast_signed(),
            2 => nanos = i32::try_from(wire.varint()?.cast_signed()).map_err(|_| Problem::Time)?,
            _ => {}
        }
        Ok(())
    })?;
    let in_range = seconds >= FIRST_SECOND && (0..1_000_000_000).contains(&nanos);
    let timestamp = Timestamp::new(seconds, nanos).ok().filter(|_| in_range).ok_or(Problem::Time)?;
    Ok(Value::from(timestamp.strftime(format).to_string()))
}

fn raw_json(bytes: &[u8]) -> Result<Value, Problem> {
    let mut raw: &[u8] = &[];
    scan(bytes, |number, wire| {
        if number == 1 {
            raw = wire.bytes()?;
        }
        Ok(())
    })?;
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(raw).map_err(|error| Problem::Json(error.to_string()))
}
