//! JSON values as upstream compares, orders and prints them.
//!
//! Numbers are equal by what they say, not by how they are written, and every two values have an order, whatever their
//! types: sets of fields need it.

use std::cmp::Ordering;
use std::fmt::{Display, Formatter, Result};

use serde_json::{Map, Number, Value};

/// Whether two values say the same.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let has = |(name, value)| right.get(name).is_some_and(|other| same(value, other));
            left.len() == right.len() && left.iter().all(has)
        }
        _ => left == right,
    }
}

/// A total order: numbers, texts, truth values, lists, objects, null.
pub(crate) fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => order_lists(left, right),
        (Value::Object(left), Value::Object(right)) => order_objects(left, right),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

fn order_numbers(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn order_lists(left: &[Value], right: &[Value]) -> Ordering {
    let items = left.iter().zip(right).map(|(left, right)| order(left, right));
    items.into_iter().find(|it| it.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}

fn order_objects(left: &Map<String, Value>, right: &Map<String, Value>) -> Ordering {
    let fields = left.iter().zip(right);
    let mut orders = fields.map(|(left, right)| left.0.cmp(right.0).then_with(|| order(left.1, right.1)));
    orders.find(|it| it.is_ne()).unwrap_or_else(|| left.len().cmp(&right.len()))
}

/// A value within a path: texts are quoted.
pub(crate) struct InPath<'a>(pub(crate) &'a Value);

impl Display for InPath<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self.0 {
            Value::String(text) => write!(formatter, "{text:?}"),
            other => other.fmt(formatter),
        }
    }
}

/// A value as Go's `%v` prints it.
pub(crate) struct Go<'a>(pub(crate) &'a Value);

impl Display for Go<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self.0 {
            Value::Null => formatter.write_str("<nil>"),
            Value::String(text) => formatter.write_str(text),
            Value::Array(items) => {
                formatter.write_str("[")?;
                joined(formatter, items, |formatter, item| Go(item).fmt(formatter))?;
                formatter.write_str("]")
            }
            Value::Object(fields) => {
                formatter.write_str("map[")?;
                joined(formatter, fields, |formatter, (name, value)| {
                    write!(formatter, "{name}:{}", Go(value))
                })?;
                formatter.write_str("]")
            }
            scalar => scalar.fmt(formatter),
        }
    }
}

fn joined<T>(
    formatter: &mut Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut print: impl FnMut(&mut Formatter<'_>, T) -> Result,
) -> Result {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            formatter.write_str(" ")?;
        }
        print(formatter, item)?;
    }
    Ok(())
}

/// The name of the Go type that holds such a value after decoding.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if integer(number).is_some() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_by_what_they_say() {
        assert!(same(&json!({ "a": [1, 2.0] }), &json!({ "a": [1.0, 2] })));
        assert!(!same(&json!(1), &json!("1")));
        assert!(!same(&json!([1]), &json!([1, 1])));
        assert!(!same(&json!({ "a": null }), &json!({})));
    }

    #[test]
    fn every_two_values_have_an_order() {
        let sorted = [
            json!(-1),
            json!(0.5),
            json!(1),
            json!(u64::MAX),
            json!("a"),
            json!("b"),
            json!(false),
            json!(true),
            json!([1]),
            json!([1, 2]),
            json!({ "a": 1 }),
            json!({ "a": 2 }),
            json!(null),
        ];
        for (at, left) in sorted.iter().enumerate() {
            for (other, right) in sorted.iter().enumerate() {
                assert_eq!(order(left, right), at.cmp(&other), "{left} and {right}");
            }
        }
    }

    #[test]
    fn values_print_as_upstream_prints_them() {
        assert_eq!(InPath(&json!("a\"b")).to_string(), r#""a\"b""#);
        assert_eq!(InPath(&json!(80)).to_string(), "80");
        assert_eq!(Go(&json!({ "a": ["x", null], "b": 1 })).to_string(), "map[a:[x <nil>] b:1]");
        assert_eq!(go_type(&json!(1.5)), "float64");
    }
}
