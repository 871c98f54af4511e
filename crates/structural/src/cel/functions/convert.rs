//! Conversions between types.

use super::{Cost, Function, Meter, Outcome, Param, global, text};
use crate::cel::error::EvalError;
use crate::cel::time;
use crate::cel::value::Val;
use Param::{Any, Bool, Bytes, Double, Duration, Int, Meta, String as Str, Timestamp, Uint};

pub(super) const FUNCTIONS: &[Function] = &[
    global("int", &[Int], Int, Cost::One, same),
    global("int", &[Uint], Int, Cost::One, int_of),
    global("int", &[Double], Int, Cost::One, int_of),
    global("int", &[Str], Int, Cost::First, int_of),
    global("int", &[Timestamp], Int, Cost::One, int_of),
    global("int", &[Duration], Int, Cost::One, int_of),
    global("uint", &[Uint], Uint, Cost::One, same),
    global("uint", &[Int], Uint, Cost::One, uint_of),
    global("uint", &[Double], Uint, Cost::One, uint_of),
    global("uint", &[Str], Uint, Cost::First, uint_of),
    global("double", &[Double], Double, Cost::One, same),
    global("double", &[Int], Double, Cost::One, double_of),
    global("double", &[Uint], Double, Cost::One, double_of),
    global("double", &[Str], Double, Cost::First, double_of),
    global("string", &[Str], Str, Cost::One, same),
    global("string", &[Any], Str, Cost::First, string_of),
    global("bytes", &[Bytes], Bytes, Cost::One, same),
    global("bytes", &[Str], Bytes, Cost::First, |_, args| Ok(Val::Bytes(text(args, 0).as_bytes().into()))),
    global("bool", &[Bool], Bool, Cost::One, same),
    global("bool", &[Str], Bool, Cost::One, |_, args| match text(args, 0) {
        "1" | "t" | "true" | "TRUE" | "True" => Ok(Val::Bool(true)),
        "0" | "f" | "false" | "FALSE" | "False" => Ok(Val::Bool(false)),
        _ => Err(EvalError::failed("type conversion error from 'string' to 'bool'")),
    }),
    global("timestamp", &[Timestamp], Timestamp, Cost::One, same),
    global("timestamp", &[Str], Timestamp, Cost::First, timestamp_of),
    global("timestamp", &[Int], Timestamp, Cost::One, timestamp_of),
    global("duration", &[Duration], Duration, Cost::One, same),
    global("duration", &[Str], Duration, Cost::First, |_, args| {
        let duration = time::parse_duration(text(args, 0)).map(Val::Duration);
        duration.ok_or_else(|| EvalError::failed("type conversion error from 'string' to 'duration'"))
    }),
    global("type", &[Any], Meta, Cost::One, |_, args| Ok(Val::Type(args[0].type_name()))),
];

fn same<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    Ok(args[0].clone())
}

fn out_of_range() -> EvalError {
    EvalError::failed("integer overflow")
}

fn not_converted(value: &Val<'_>, to: &str) -> EvalError {
    EvalError::failed(format!("type conversion error from '{}' to '{to}'", value.type_name()))
}

fn int_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let number = match &args[0] {
        Val::Uint(it) => i64::try_from(*it).map_err(|_| out_of_range())?,
        Val::Double(it) if it.is_finite() && it.abs() < 9.2e18 => *it as i64,
        Val::Double(_) => return Err(out_of_range()),
        Val::String(text) => text.parse().map_err(|_| not_converted(&args[0], "int"))?,
        Val::Timestamp(it) => it.as_second(),
        Val::Duration(it) => i64::try_from(it.as_nanos()).map_err(|_| out_of_range())?,
        other => return Err(not_converted(other, "int")),
    };
    Ok(Val::Int(number))
}

fn uint_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let number = match &args[0] {
        Val::Int(it) => u64::try_from(*it).map_err(|_| out_of_range())?,
        Val::Double(it) if *it >= 0.0 && *it < 1.8e19 => *it as u64,
        Val::Double(_) => return Err(out_of_range()),
        Val::String(text) => text.parse().map_err(|_| not_converted(&args[0], "uint"))?,
        other => return Err(not_converted(other, "uint")),
    };
    Ok(Val::Uint(number))
}

fn double_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    Ok(Val::Double(match &args[0] {
        Val::Int(it) => *it as f64,
        Val::Uint(it) => *it as f64,
        Val::String(text) => text.parse().map_err(|_| not_converted(&args[0], "double"))?,
        other => return Err(not_converted(other, "double")),
    }))
}

fn string_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    match &args[0] {
        Val::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Val::made(text)),
            Err(_) => Err(EvalError::failed("invalid UTF-8 in bytes, cannot convert to string")),
        },
        Val::Null | Val::List(_) | Val::Map(_) | Val::Optional(_) | Val::Type(_) | Val::Quantity(_) => {
            Err(EvalError::no_such_overload())
        }
        Val::Double(it) => Ok(Val::made(it.to_string())),
        other => Ok(Val::made(other.label())),
    }
}

fn timestamp_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let timestamp = match &args[0] {
        Val::Int(seconds) => jiff::Timestamp::from_second(*seconds).ok(),
        _ => time::parse_timestamp(text(args, 0)),
    };
    timestamp.map(Val::Timestamp).ok_or_else(|| not_converted(&args[0], "timestamp"))
}
