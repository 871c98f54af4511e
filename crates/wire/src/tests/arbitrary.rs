//! Objects of any kind, drawn from a stream of choices by the table itself. No zeros: whether those survive is the
//! business of other tests.

use serde_json::{Map, Value, json};

use crate::descriptor::{self, Field, Form, KINDS, Kind, Message, Shape};

/// Random bytes; zero, the smallest choice everywhere, once they have run out.
pub(crate) struct Choices<'a>(pub(crate) std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(*self.0.next().unwrap_or(&0)) % limit
    }
}

pub(crate) fn object(choices: &mut Choices<'_>) -> Value {
    let kinds: Vec<_> = KINDS.iter().filter(|(api_version, _, _)| *api_version != "*").collect();
    let (api_version, kind, index) = kinds[choices.below(kinds.len())];
    let mut object = members(descriptor::message(*index), choices, 6);
    object.insert("apiVersion".to_owned(), json!(api_version));
    object.insert("kind".to_owned(), json!(kind));
    Value::Object(object)
}

fn members(message: &Message, choices: &mut Choices<'_>, depth: usize) -> Map<String, Value> {
    let mut object = Map::new();
    for field in message.fields {
        if field.json.is_empty() {
            let Kind::Message(index) = field.kind else { unreachable!("only messages are embedded") };
            object.append(&mut members(descriptor::message(index), choices, depth));
        } else if choices.below(2) == 1
            && let Some(value) = member(field, choices, depth)
        {
            object.insert(field.json.to_owned(), value);
        }
    }
    object
}

fn member(field: &Field, choices: &mut Choices<'_>, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match field.shape {
        Shape::One => value(field.kind, choices, depth)?,
        Shape::Many => {
            Value::Array((0..=choices.below(2)).filter_map(|_| value(field.kind, choices, depth)).collect())
        }
        Shape::Map => json!({ text(choices): value(field.kind, choices, depth)? }),
    })
    .filter(|value| value.as_array().is_none_or(|items| !items.is_empty()))
}

fn value(kind: Kind, choices: &mut Choices<'_>, depth: usize) -> Option<Value> {
    Some(match kind {
        Kind::Text => json!(text(choices)),
        Kind::Bytes => json!(["AQ==", "AAE=", "////"][choices.below(3)]),
        Kind::Bool => json!(true),
        Kind::Int => json!([1, -1, 127, 128, i64::from(i32::MAX), i64::MIN, i64::MAX][choices.below(7)]),
        Kind::Double => [json!(1), json!(0.5), json!(-1e300)][choices.below(3)].clone(),
        Kind::Message(index) => form(descriptor::message(index), choices, depth)?,
    })
}

fn text(choices: &mut Choices<'_>) -> String {
    ["a", "ünï", "a/b.c", "\u{10ffff}\n\"", &"long".repeat(99)][choices.below(5)].to_owned()
}

fn form(message: &Message, choices: &mut Choices<'_>, depth: usize) -> Option<Value> {
    Some(match message.form {
        Form::Object => Value::Object(members(message, choices, depth)),
        Form::Quantity => json!(["100m", "1Gi", "0"][choices.below(3)]),
        Form::IntOrString => [json!(80), json!(-7), json!("50%")][choices.below(3)].clone(),
        Form::Time => {
            json!(["1970-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "0001-01-01T00:00:00Z"][choices.below(3)])
        }
        Form::MicroTime => {
            json!(["2024-02-29T12:00:00.000001Z", "1969-12-31T23:59:59.000000Z"][choices.below(2)])
        }
        Form::Json => [json!({"a": [1, 2.5, null]}), json!("x"), json!(true)][choices.below(3)].clone(),
        Form::Items | Form::OneOrMany => {
            let index = if message.form == Form::Items { 0 } else { choices.below(2) };
            member(&message.fields[index], choices, depth)?
        }
        Form::SchemaOrBool => match choices.below(3) {
            2 => member(&message.fields[1], choices, depth)?,
            choice => json!(choice == 1),
        },
    })
}
