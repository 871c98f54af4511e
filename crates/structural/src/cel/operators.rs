//! Arithmetic, equality and order. Numbers of different types are equal when they mean the same number; arithmetic
//! mixes no types and never wraps around.

use super::ast::Operator;
use super::error::EvalError;
use super::functions::{Meter, Outcome};
use super::value::{List, Map, Val};
use crate::schema::{ListType, Structural};
use std::cmp::Ordering;

/// An operator's value.
pub(crate) fn operate<'a>(meter: &Meter, operator: Operator, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    let ordered =
        |wanted: fn(Ordering) -> bool| Ok(Val::Bool(compare(meter, left, right)?.is_some_and(wanted)));
    match operator {
        Operator::Add => add(meter, left, right),
        Operator::Equal => Ok(Val::Bool(equal(meter, left, right)?)),
        Operator::NotEqual => Ok(Val::Bool(!equal(meter, left, right)?)),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterEqual => ordered(Ordering::is_ge),
        Operator::In => within(meter, left, right),
        Operator::Subtract => subtract(left, right),
        Operator::Multiply => multiply(left, right),
        Operator::Divide => divide(left, right),
        Operator::Modulo => modulo(left, right),
    }
}

fn overflow() -> EvalError {
    EvalError::failed("integer overflow")
}

fn int<'a>(number: Option<i64>) -> Outcome<'a> {
    number.map(Val::Int).ok_or_else(overflow)
}

fn uint<'a>(number: Option<u64>) -> Outcome<'a> {
    number.map(Val::Uint).ok_or_else(|| EvalError::failed("unsigned integer overflow"))
}

/// Sums, and concatenations by the list type of the first list.
pub(crate) fn add<'a>(meter: &Meter, left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    match (left, right) {
        (Val::Int(one), Val::Int(two)) => int(one.checked_add(*two)),
        (Val::Uint(one), Val::Uint(two)) => uint(one.checked_add(*two)),
        (Val::Double(one), Val::Double(two)) => Ok(Val::Double(one + two)),
        (Val::String(one), Val::String(two)) => {
            meter.text(one.len() + two.len())?;
            Ok(Val::made(format!("{}{}", &**one, &**two)))
        }
        (Val::Bytes(one), Val::Bytes(two)) => {
            meter.text(one.len() + two.len())?;
            Ok(Val::Bytes([&**one, &**two].concat().into()))
        }
        (Val::List(one), Val::List(two)) => concatenate(meter, one, two),
        (Val::Duration(one), Val::Duration(two)) => {
            one.checked_add(*two).map(Val::Duration).ok_or_else(overflow)
        }
        (Val::Timestamp(at), Val::Duration(by)) | (Val::Duration(by), Val::Timestamp(at)) => {
            at.checked_add(*by).map(Val::Timestamp).map_err(|_| EvalError::failed("timestamp overflow"))
        }
        _ => Err(EvalError::no_such_overload()),
    }
}

fn concatenate<'a>(meter: &Meter, one: &List<'a>, two: &List<'a>) -> Outcome<'a> {
    meter.charge((one.len() + two.len()) as u64)?;
    let mut items: Vec<Val<'a>> = one.iter().collect();
    let (schema, kept) = (one.schema(), one.len());
    for item in two.iter() {
        match same_item(meter, schema, &items[..kept], &item)? {
            None => items.push(item),
            Some(at) if schema.is_some_and(|it| it.list_type == ListType::Map) => items[at] = item,
            Some(_) => {}
        }
    }
    Ok(Val::list(items))
}

/// Where a set has the item, or a list of type map one of the same keys.
fn same_item<'a>(
    meter: &Meter,
    schema: Option<&Structural>,
    items: &[Val<'a>],
    item: &Val<'a>,
) -> Result<Option<usize>, EvalError> {
    let Some(schema) = schema.filter(|it| it.list_type != ListType::Atomic) else { return Ok(None) };
    for (index, other) in items.iter().enumerate() {
        let same = match schema.list_type {
            ListType::Map => same_keys(meter, &schema.map_keys, other, item)?,
            _ => equal(meter, other, item)?,
        };
        if same {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn same_keys<'a>(meter: &Meter, keys: &[String], one: &Val<'a>, two: &Val<'a>) -> Result<bool, EvalError> {
    let (Val::Map(one), Val::Map(two)) = (one, two) else { return Ok(false) };
    for key in keys {
        let same = match (one.field(key), two.field(key)) {
            (Some(one), Some(two)) => equal(meter, &one, &two)?,
            (one, two) => one.is_none() && two.is_none(),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn subtract<'a>(left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    match (left, right) {
        (Val::Int(one), Val::Int(two)) => int(one.checked_sub(*two)),
        (Val::Uint(one), Val::Uint(two)) => uint(one.checked_sub(*two)),
        (Val::Double(one), Val::Double(two)) => Ok(Val::Double(one - two)),
        (Val::Duration(one), Val::Duration(two)) => {
            one.checked_sub(*two).map(Val::Duration).ok_or_else(overflow)
        }
        (Val::Timestamp(one), Val::Timestamp(two)) => Ok(Val::Duration(one.duration_since(*two))),
        (Val::Timestamp(at), Val::Duration(by)) => {
            at.checked_sub(*by).map(Val::Timestamp).map_err(|_| EvalError::failed("timestamp overflow"))
        }
        _ => Err(EvalError::no_such_overload()),
    }
}

fn multiply<'a>(left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    match (left, right) {
        (Val::Int(one), Val::Int(two)) => int(one.checked_mul(*two)),
        (Val::Uint(one), Val::Uint(two)) => uint(one.checked_mul(*two)),
        (Val::Double(one), Val::Double(two)) => Ok(Val::Double(one * two)),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn divide<'a>(left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    match (left, right) {
        (Val::Int(_), Val::Int(0)) | (Val::Uint(_), Val::Uint(0)) => {
            Err(EvalError::failed("division by zero"))
        }
        (Val::Int(one), Val::Int(two)) => int(one.checked_div(*two)),
        (Val::Uint(one), Val::Uint(two)) => uint(one.checked_div(*two)),
        (Val::Double(one), Val::Double(two)) => Ok(Val::Double(one / two)),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn modulo<'a>(left: &Val<'a>, right: &Val<'a>) -> Outcome<'a> {
    match (left, right) {
        (Val::Int(_), Val::Int(0)) | (Val::Uint(_), Val::Uint(0)) => {
            Err(EvalError::failed("modulus by zero"))
        }
        (Val::Int(one), Val::Int(two)) => int(one.checked_rem(*two)),
        (Val::Uint(one), Val::Uint(two)) => uint(one.checked_rem(*two)),
        _ => Err(EvalError::no_such_overload()),
    }
}

/// The negative of a number.
pub(crate) fn negate<'a>(value: &Val<'a>) -> Outcome<'a> {
    match value {
        Val::Int(number) => int(number.checked_neg()),
        Val::Double(number) => Ok(Val::Double(-number)),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn within<'a>(meter: &Meter, wanted: &Val<'a>, range: &Val<'a>) -> Outcome<'a> {
    match range {
        Val::List(list) => {
            for item in list.iter() {
                if equal(meter, &item, wanted)? {
                    return Ok(Val::Bool(true));
                }
            }
            Ok(Val::Bool(false))
        }
        Val::Map(map) => Ok(Val::Bool(entry(meter, map, wanted)?.is_some())),
        _ => Err(EvalError::no_such_overload()),
    }
}

/// A map's value for a key.
pub(crate) fn entry<'a>(meter: &Meter, map: &Map<'a>, key: &Val<'a>) -> Result<Option<Val<'a>>, EvalError> {
    if let (Val::String(name), Map::Json(..)) = (key, map) {
        meter.charge(1)?;
        return Ok(map.field(name));
    }
    if let Map::Made(entries) = map {
        for (known, value) in entries.iter() {
            if equal(meter, known, key)? {
                return Ok(Some(value.clone()));
            }
        }
    }
    Ok(None)
}

/// A number as others see it.
enum Number {
    Whole(i128),
    Real(f64),
}

fn number(value: &Val<'_>) -> Option<Number> {
    match value {
        Val::Int(it) => Some(Number::Whole(i128::from(*it))),
        Val::Uint(it) => Some(Number::Whole(i128::from(*it))),
        Val::Double(it) => Some(Number::Real(*it)),
        _ => None,
    }
}

fn order(one: &Number, two: &Number) -> Option<Ordering> {
    match (one, two) {
        (Number::Whole(one), Number::Whole(two)) => Some(one.cmp(two)),
        (Number::Whole(one), Number::Real(two)) => (*one as f64).partial_cmp(two),
        (Number::Real(one), Number::Whole(two)) => one.partial_cmp(&(*two as f64)),
        (Number::Real(one), Number::Real(two)) => one.partial_cmp(two),
    }
}

/// Whether two values are the same. Values of types that do not mix are different.
pub(crate) fn equal<'a>(meter: &Meter, left: &Val<'a>, right: &Val<'a>) -> Result<bool, EvalError> {
    meter.charge(1)?;
    if let (Some(one), Some(two)) = (number(left), number(right)) {
        return Ok(order(&one, &two) == Some(Ordering::Equal));
    }
    Ok(match (left, right) {
        (Val::Null, Val::Null) | (Val::Optional(None), Val::Optional(None)) => true,
        (Val::Bool(one), Val::Bool(two)) => one == two,
        (Val::String(one), Val::String(two)) => {
            meter.text(one.len().min(two.len()))?;
            **one == **two
        }
        (Val::Bytes(one), Val::Bytes(two)) => {
            meter.text(one.len().min(two.len()))?;
            one == two
        }
        (Val::Timestamp(one), Val::Timestamp(two)) => one == two,
        (Val::Duration(one), Val::Duration(two)) => one == two,
        (Val::List(one), Val::List(two)) => equal_lists(meter, one, two)?,
        (Val::Map(one), Val::Map(two)) => equal_maps(meter, one, two)?,
        (Val::Optional(Some(one)), Val::Optional(Some(two))) => equal(meter, one, two)?,
        (Val::Type(one), Val::Type(two)) => one == two,
        (Val::Quantity(one), Val::Quantity(two)) => one == two,
        (Val::Url(one), Val::Url(two)) => one == two,
        (Val::Ip(one), Val::Ip(two)) => one == two,
        (Val::Cidr(one), Val::Cidr(two)) => one == two,
        (Val::Semver(_, one), Val::Semver(_, two)) => one == two,
        _ => false,
    })
}

/// Sets and lists of type map are the same in any order.
fn equal_lists<'a>(meter: &Meter, one: &List<'a>, two: &List<'a>) -> Result<bool, EvalError> {
    if one.len() != two.len() {
        return Ok(false);
    }
    let schema = one.schema().or(two.schema()).filter(|it| it.list_type != ListType::Atomic);
    if schema.is_none() {
        for (one, two) in one.iter().zip(two.iter()) {
            if !equal(meter, &one, &two)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let others: Vec<Val<'a>> = two.iter().collect();
    for item in one.iter() {
        match same_item(meter, schema, &others, &item)? {
            Some(at) if equal(meter, &others[at], &item)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn equal_maps<'a>(meter: &Meter, one: &Map<'a>, two: &Map<'a>) -> Result<bool, EvalError> {
    if one.len() != two.len() {
        return Ok(false);
    }
    for (key, value) in one.entries() {
        match entry(meter, two, &key)? {
            Some(other) if equal(meter, &value, &other)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The order of two values; none if a number is not a number.
pub(crate) fn compare<'a>(
    meter: &Meter,
    left: &Val<'a>,
    right: &Val<'a>,
) -> Result<Option<Ordering>, EvalError> {
    meter.charge(1)?;
    if let (Some(one), Some(two)) = (number(left), number(right)) {
        return Ok(order(&one, &two));
    }
    Ok(Some(match (left, right) {
        (Val::Bool(one), Val::Bool(two)) => one.cmp(two),
        (Val::String(one), Val::String(two)) => {
            meter.text(one.len().min(two.len()))?;
            (**one).cmp(&**two)
        }
        (Val::Bytes(one), Val::Bytes(two)) => one.cmp(two),
        (Val::Timestamp(one), Val::Timestamp(two)) => one.cmp(two),
        (Val::Duration(one), Val::Duration(two)) => one.cmp(two),
        _ => return Err(EvalError::no_such_overload()),
    }))
}
