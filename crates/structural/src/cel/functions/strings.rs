//! Functions on texts: CEL's own, its string extension, and Kubernetes' `find` and `findAll`. Positions count characters.

use super::{Cost, Function, Meter, Outcome, Param, global, int, member, text};
use crate::cel::error::EvalError;
use crate::cel::value::Val;
use Param::{Bool, Int, List as ListOf, ListString, String as Str};

pub(super) const FUNCTIONS: &[Function] = &[
    member("contains", &[Str, Str], Bool, Cost::Product, |_, args| {
        Ok(Val::Bool(text(args, 0).contains(text(args, 1))))
    }),
    member("startsWith", &[Str, Str], Bool, Cost::Second, |_, args| {
        Ok(Val::Bool(text(args, 0).starts_with(text(args, 1))))
    }),
    member("endsWith", &[Str, Str], Bool, Cost::Second, |_, args| {
        Ok(Val::Bool(text(args, 0).ends_with(text(args, 1))))
    }),
    member("matches", &[Str, Str], Bool, Cost::Match, matches),
    global("matches", &[Str, Str], Bool, Cost::Match, matches),
    member("find", &[Str, Str], Str, Cost::Match, |meter, args| {
        let pattern = meter.pattern(text(args, 1))?;
        Ok(Val::made(pattern.regex().find(text(args, 0)).map_or("", |it| it.as_str())))
    }),
    member("findAll", &[Str, Str], ListString, Cost::Match, find_all),
    member("findAll", &[Str, Str, Int], ListString, Cost::Match, find_all),
    member("charAt", &[Str, Int], Str, Cost::First, char_at),
    member("indexOf", &[Str, Str], Int, Cost::Product, index_of),
    member("indexOf", &[Str, Str, Int], Int, Cost::Product, index_of),
    member("lastIndexOf", &[Str, Str], Int, Cost::Product, last_index_of),
    member("lastIndexOf", &[Str, Str, Int], Int, Cost::Product, last_index_of),
    member("join", &[ListString], Str, Cost::Items, join),
    member("join", &[ListString, Str], Str, Cost::Items, join),
    member("lowerAscii", &[Str], Str, Cost::First, |_, args| {
        Ok(Val::made(text(args, 0).to_ascii_lowercase()))
    }),
    member("upperAscii", &[Str], Str, Cost::First, |_, args| {
        Ok(Val::made(text(args, 0).to_ascii_uppercase()))
    }),
    member("trim", &[Str], Str, Cost::First, |_, args| Ok(Val::made(text(args, 0).trim()))),
    member("reverse", &[Str], Str, Cost::First, |_, args| {
        Ok(Val::made(text(args, 0).chars().rev().collect::<String>()))
    }),
    member("replace", &[Str, Str, Str], Str, Cost::Product, replace),
    member("replace", &[Str, Str, Str, Int], Str, Cost::Product, replace),
    member("split", &[Str, Str], ListString, Cost::First, split),
    member("split", &[Str, Str, Int], ListString, Cost::First, split),
    member("substring", &[Str, Int], Str, Cost::First, substring),
    member("substring", &[Str, Int, Int], Str, Cost::First, substring),
    member("format", &[Str, ListOf], Str, Cost::First, format),
    global("jsonpatch.escapeKey", &[Str], Str, Cost::First, |_, args| {
        Ok(Val::made(text(args, 0).replace('~', "~0").replace('/', "~1")))
    }),
    global("strings.quote", &[Str], Str, Cost::First, |_, args| {
        Ok(Val::made(format!("{:?}", text(args, 0))))
    }),
];

fn matches<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    Ok(Val::Bool(meter.pattern(text(args, 1))?.is_match(text(args, 0))))
}

fn find_all<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let pattern = meter.pattern(text(args, 1))?;
    let most = usize::try_from(int(args, 2, -1)).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for part in pattern.regex().find_iter(text(args, 0)).take(most) {
        meter.charge(1)?;
        found.push(Val::made(part.as_str()));
    }
    Ok(Val::list(found))
}

fn out_of_range<'a>(index: i64) -> Outcome<'a> {
    Err(EvalError::failed(format!("index out of range: {index}")))
}

/// Where a character starts, in bytes; the end counts too.
fn byte_of(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    text.char_indices().map(|it| it.0).chain([text.len()]).nth(index)
}

fn char_at<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let (source, index) = (text(args, 0), int(args, 1, 0));
    match byte_of(source, index) {
        Some(at) => Ok(Val::made(source[at..].chars().take(1).collect::<String>())),
        None => out_of_range(index),
    }
}

/// A position in bytes as a position in characters.
fn position<'a>(source: &str, at: Option<usize>) -> Outcome<'a> {
    Ok(Val::Int(at.map_or(-1, |it| source[..it].chars().count() as i64)))
}

fn index_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let (source, start) = (text(args, 0), int(args, 2, 0));
    let Some(from) = byte_of(source, start) else { return out_of_range(start) };
    position(source, source[from..].find(text(args, 1)).map(|it| it + from))
}

fn last_index_of<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let (source, wanted) = (text(args, 0), text(args, 1));
    let last = int(args, 2, source.chars().count() as i64);
    let Some(last) = byte_of(source, last) else { return out_of_range(last) };
    let end = (last + wanted.len()).min(source.len());
    let end = (end..=source.len()).find(|it| source.is_char_boundary(*it)).unwrap_or(source.len());
    position(source, source[..end].rfind(wanted))
}

fn join<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let Some(Val::List(list)) = args.first() else { return Err(EvalError::no_such_overload()) };
    let mut out = String::new();
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            out.push_str(text(args, 1));
        }
        if let Val::String(part) = &item {
            meter.text(part.len() + text(args, 1).len())?;
            out.push_str(part);
        }
    }
    Ok(Val::made(out))
}

fn replace<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let (source, from, to) = (text(args, 0), text(args, 1), text(args, 2));
    let most = usize::try_from(int(args, 3, -1)).unwrap_or(usize::MAX);
    let count = source.matches(from).take(most).count();
    meter.text(source.len().saturating_add(count.saturating_mul(to.len())))?;
    Ok(Val::made(source.replacen(from, to, most)))
}

fn split<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let (source, separator) = (text(args, 0), text(args, 1));
    let most = int(args, 2, -1);
    let parts: Vec<&str> = match usize::try_from(most) {
        Ok(0) => Vec::new(),
        Ok(most) => source.splitn(most, separator).collect(),
        Err(_) if separator.is_empty() => source.split("").filter(|it| !it.is_empty()).collect(),
        Err(_) => source.split(separator).collect(),
    };
    meter.charge(parts.len() as u64)?;
    Ok(Val::list(parts.into_iter().map(Val::made).collect()))
}

fn substring<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let source = text(args, 0);
    let (start, end) = (int(args, 1, 0), int(args, 2, source.chars().count() as i64));
    match (byte_of(source, start), byte_of(source, end)) {
        (Some(from), Some(to)) if from <= to => Ok(Val::made(&source[from..to])),
        (Some(_), Some(_)) => {
            Err(EvalError::failed(format!("invalid substring range. start: {start}, end: {end}")))
        }
        (None, _) => out_of_range(start),
        _ => out_of_range(end),
    }
}

/// `%s`, `%d`, `%f`, `%e`, `%x`, `%b`, `%o`, with a precision where it makes sense.
fn format<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let Some(Val::List(values)) = args.get(1) else { return Err(EvalError::no_such_overload()) };
    let (mut out, mut next, mut chars) = (String::new(), 0, text(args, 0).chars().peekable());
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut precision = String::new();
        if chars.next_if_eq(&'.').is_some() {
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                precision.push(digit);
            }
        }
        let (Some(verb), Some(value)) = (chars.next(), values.get(next)) else {
            return Err(EvalError::failed(format!("index {next} out of range")));
        };
        next += 1;
        let part = formatted(meter, verb, precision.parse().ok().filter(|it| *it <= 100), &value)?;
        meter.text(part.len())?;
        out.push_str(&part);
    }
    Ok(Val::made(out))
}

fn formatted(
    meter: &Meter,
    verb: char,
    precision: Option<usize>,
    value: &Val<'_>,
) -> Result<String, EvalError> {
    Ok(match (verb, value) {
        ('s', value) => shown(meter, value)?,
        ('d', Val::Int(_) | Val::Uint(_)) => value.label(),
        ('f', Val::Double(it)) => format!("{it:.*}", precision.unwrap_or(6)),
        ('f', Val::Int(it)) => format!("{:.*}", precision.unwrap_or(6), *it as f64),
        ('e', Val::Double(it)) => format!("{it:.*e}", precision.unwrap_or(6)),
        ('x', Val::Int(it)) => format!("{it:x}"),
        ('X', Val::Int(it)) => format!("{it:X}"),
        ('x', Val::String(it)) => it.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('b', Val::Int(it)) => format!("{it:b}"),
        ('b', Val::Bool(it)) => u8::from(*it).to_string(),
        ('o', Val::Int(it)) => format!("{it:o}"),
        (verb, _) => {
            return Err(EvalError::failed(format!(
                "unrecognized formatting clause {verb:?} for its argument"
            )));
        }
    })
}

/// A value in `%s`: lists and maps without quotes around their texts.
fn shown(meter: &Meter, value: &Val<'_>) -> Result<String, EvalError> {
    meter.charge(1)?;
    Ok(match value {
        Val::List(list) => {
            let items: Vec<String> = list.iter().map(|it| shown(meter, &it)).collect::<Result<_, _>>()?;
            format!("[{}]", items.join(", "))
        }
        Val::Map(map) => {
            let entry = |(key, value): &(Val<'_>, Val<'_>)| {
                Ok(format!("{}:{}", shown(meter, key)?, shown(meter, value)?))
            };
            let entries: Vec<String> = map.entries().iter().map(entry).collect::<Result<_, EvalError>>()?;
            format!("{{{}}}", entries.join(", "))
        }
        other => {
            meter.text(usize::try_from(other.size()).unwrap_or(usize::MAX))?;
            other.label()
        }
    })
}
