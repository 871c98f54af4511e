//! Functions on lists, maps and optional values: `size`, Kubernetes' list library, CEL's set and list extensions.

use super::{Cost, Function, Meter, Outcome, Param, global, int, member};
use crate::cel::error::EvalError;
use crate::cel::operators::{add, compare, equal};
use crate::cel::value::Val;
use Param::{A, Any, Bool, Bytes, Int, List as ListOf, ListA, Map, OptionalA, String as Str};
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    global("size", &[Str], Int, Cost::First, size),
    global("size", &[Bytes], Int, Cost::One, size),
    global("size", &[ListOf], Int, Cost::One, size),
    global("size", &[Map], Int, Cost::One, size),
    member("size", &[Str], Int, Cost::First, size),
    member("size", &[Bytes], Int, Cost::One, size),
    member("size", &[ListOf], Int, Cost::One, size),
    member("size", &[Map], Int, Cost::One, size),
    member("isSorted", &[ListA], Bool, Cost::Items, |meter, args| {
        let items = items(args, 0);
        for pair in items.windows(2) {
            if compare(meter, &pair[0], &pair[1])? == Some(Ordering::Greater) {
                return Ok(Val::Bool(false));
            }
        }
        Ok(Val::Bool(true))
    }),
    member("sum", &[ListA], A, Cost::Items, |meter, args| {
        let mut items = items(args, 0).into_iter();
        let Some(first) = items.next() else { return Ok(Val::Int(0)) };
        items.try_fold(first, |sum, it| add(meter, &sum, &it))
    }),
    member("min", &[ListA], A, Cost::Items, |meter, args| extreme(meter, args, "min", Ordering::Less)),
    member("max", &[ListA], A, Cost::Items, |meter, args| extreme(meter, args, "max", Ordering::Greater)),
    member("indexOf", &[ListA, A], Int, Cost::Items, |meter, args| {
        position(meter, items(args, 0).iter().enumerate(), &args[1])
    }),
    member("lastIndexOf", &[ListA, A], Int, Cost::Items, |meter, args| {
        position(meter, items(args, 0).iter().enumerate().rev(), &args[1])
    }),
    member("distinct", &[ListA], ListA, Cost::Items, |meter, args| {
        let mut out: Vec<Val<'_>> = Vec::new();
        for item in items(args, 0) {
            if !contains(meter, &out, &item)? {
                out.push(item);
            }
        }
        Ok(Val::list(out))
    }),
    member("reverse", &[ListA], ListA, Cost::Items, |_, args| {
        Ok(Val::list(items(args, 0).into_iter().rev().collect()))
    }),
    member("slice", &[ListA, Int, Int], ListA, Cost::Items, slice),
    member("sort", &[ListA], ListA, Cost::Items, sort),
    member("flatten", &[ListOf], ListOf, Cost::Items, |meter, args| flatten(meter, args, 1)),
    member("flatten", &[ListOf, Int], ListOf, Cost::Items, |meter, args| {
        flatten(meter, args, int(args, 1, 1))
    }),
    member("first", &[ListA], OptionalA, Cost::One, |_, args| {
        Ok(optional(items(args, 0).into_iter().next()))
    }),
    member("last", &[ListA], OptionalA, Cost::One, |_, args| Ok(optional(items(args, 0).pop()))),
    global("lists.range", &[Int], ListOf, Cost::One, |meter, args| {
        let count = int(args, 0, 0).max(0);
        meter.charge(count as u64)?;
        Ok(Val::list((0..count).map(Val::Int).collect()))
    }),
    global("sets.contains", &[ListA, ListA], Bool, Cost::Items, |meter, args| {
        Ok(Val::Bool(within(meter, &items(args, 1), &items(args, 0))?))
    }),
    global("sets.equivalent", &[ListA, ListA], Bool, Cost::Items, |meter, args| {
        let (one, two) = (items(args, 0), items(args, 1));
        Ok(Val::Bool(within(meter, &one, &two)? && within(meter, &two, &one)?))
    }),
    global("sets.intersects", &[ListA, ListA], Bool, Cost::Items, |meter, args| {
        let two = items(args, 1);
        for item in items(args, 0) {
            if contains(meter, &two, &item)? {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }),
    global("optional.of", &[A], OptionalA, Cost::One, |_, args| Ok(args[0].clone().some())),
    global("optional.none", &[], OptionalA, Cost::One, |_, _| Ok(Val::Optional(None))),
    global("optional.ofNonZeroValue", &[A], OptionalA, Cost::One, |_, args| {
        Ok(optional(Some(args[0].clone()).filter(|it| !it.is_zero())))
    }),
    member("hasValue", &[OptionalA], Bool, Cost::One, |_, args| Ok(Val::Bool(inner(args).is_some()))),
    member("value", &[OptionalA], A, Cost::One, |_, args| {
        inner(args).ok_or_else(|| EvalError::failed("optional.none() dereference"))
    }),
    member("orValue", &[OptionalA, A], A, Cost::One, |_, args| {
        Ok(inner(args).unwrap_or_else(|| args[1].clone()))
    }),
    member("or", &[OptionalA, OptionalA], OptionalA, Cost::One, |_, args| {
        Ok(if inner(args).is_some() { args[0].clone() } else { args[1].clone() })
    }),
    global("dyn", &[Any], Any, Cost::One, |_, args| Ok(args[0].clone())),
];

fn items<'a>(args: &[Val<'a>], index: usize) -> Vec<Val<'a>> {
    match args.get(index) {
        Some(Val::List(list)) => list.iter().collect(),
        _ => Vec::new(),
    }
}

fn optional(value: Option<Val<'_>>) -> Val<'_> {
    value.map_or(Val::Optional(None), Val::some)
}

fn inner<'a>(args: &[Val<'a>]) -> Option<Val<'a>> {
    match args.first() {
        Some(Val::Optional(Some(inner))) => Some((**inner).clone()),
        _ => None,
    }
}

fn size<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let size = match &args[0] {
        Val::String(text) => text.chars().count() as u64,
        other => other.size(),
    };
    Ok(Val::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn extreme<'a>(meter: &Meter, args: &[Val<'a>], name: &str, wanted: Ordering) -> Outcome<'a> {
    let mut items = items(args, 0).into_iter();
    let Some(mut best) = items.next() else {
        return Err(EvalError::failed(format!("{name} called on empty list")));
    };
    for item in items {
        if compare(meter, &item, &best)? == Some(wanted) {
            best = item;
        }
    }
    Ok(best)
}

fn position<'v, 'a: 'v>(
    meter: &Meter,
    items: impl Iterator<Item = (usize, &'v Val<'a>)>,
    wanted: &Val<'a>,
) -> Outcome<'a> {
    for (index, item) in items {
        if equal(meter, item, wanted)? {
            return Ok(Val::Int(index as i64));
        }
    }
    Ok(Val::Int(-1))
}

fn contains<'a>(meter: &Meter, items: &[Val<'a>], wanted: &Val<'a>) -> Result<bool, EvalError> {
    for item in items {
        if equal(meter, item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn within<'a>(meter: &Meter, few: &[Val<'a>], many: &[Val<'a>]) -> Result<bool, EvalError> {
    for item in few {
        if !contains(meter, many, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn slice<'a>(_: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    let items = items(args, 0);
    let (start, end) = (int(args, 1, 0), int(args, 2, 0));
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| items.get(start..end)) {
        Some(part) => Ok(Val::list(part.to_vec())),
        None => {
            Err(EvalError::failed(format!("cannot slice({start}, {end}), list is length {}", items.len())))
        }
    }
}

fn sort<'a>(meter: &Meter, args: &[Val<'a>]) -> Outcome<'a> {
    Ok(Val::list(sorted(meter, items(args, 0))?))
}

/// Merges sorted halves. The standard library's sort panics over values without a total order, such as a list with
/// something that is not a number, and cannot stop at an error.
fn sorted<'a>(meter: &Meter, mut left: Vec<Val<'a>>) -> Result<Vec<Val<'a>>, EvalError> {
    let right = left.split_off(left.len() / 2);
    if left.is_empty() {
        return Ok(right);
    }
    let (left, right) = (sorted(meter, left)?, sorted(meter, right)?);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    for item in right {
        while let Some(other) = left.peek() {
            if compare(meter, other, &item)? == Some(Ordering::Greater) {
                break;
            }
            merged.extend(left.next());
        }
        merged.push(item);
    }
    merged.extend(left);
    Ok(merged)
}

fn flatten<'a>(meter: &Meter, args: &[Val<'a>], depth: i64) -> Outcome<'a> {
    let mut flat = items(args, 0);
    for _ in 0..depth.clamp(0, 10) {
        let mut next = Vec::new();
        for item in flat {
            match item {
                Val::List(list) => {
                    meter.charge(list.len() as u64)?;
                    next.extend(list.iter());
                }
                other => next.push(other),
            }
        }
        flat = next;
    }
    Ok(Val::list(flat))
}
