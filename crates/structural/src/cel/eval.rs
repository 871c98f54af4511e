//! Running an expression: a walk over its tree that pays for each step, so that everything ends.
//!
//! `&&` and `||` do not care for order: an error on one side is no error when the other side decides. Running out of
//! budget always is one.

use super::ast::{Call, Element, Expr, How, Kind, Loop};
use super::error::EvalError;
use super::functions::{Meter, Outcome};
use super::operators::{entry, equal, negate, operate};
use super::value::{List, Text, Val};
use std::rc::Rc;

/// Variables by name.
pub(crate) type Scope<'a> = Vec<(&'a str, Val<'a>)>;

/// What `authorizer` has as a field.
pub(crate) const REQUEST_RESOURCE: &str = "requestResource";

/// Names of types, which are values.
pub(crate) const TYPES: [(&str, &str); 11] = [
    ("bool", "bool"),
    ("bytes", "bytes"),
    ("double", "double"),
    ("int", "int"),
    ("list", "list"),
    ("map", "map"),
    ("null_type", "null_type"),
    ("string", "string"),
    ("type", "type"),
    ("uint", "uint"),
    ("optional_type", "optional_type"),
];

/// Runs an expression.
pub(crate) fn run<'a>(expr: &'a Expr, scope: Scope<'a>, meter: &Meter) -> Outcome<'a> {
    Eval { scope, meter }.eval(expr)
}

struct Eval<'a, 'm> {
    scope: Scope<'a>,
    meter: &'m Meter,
}

fn truth(value: &Val<'_>) -> Result<bool, EvalError> {
    match value {
        Val::Bool(it) => Ok(*it),
        _ => Err(EvalError::no_such_overload()),
    }
}

impl<'a> Eval<'a, '_> {
    fn eval(&mut self, expr: &'a Expr) -> Outcome<'a> {
        self.meter.charge(1)?;
        match &expr.kind {
            Kind::Null => Ok(Val::Null),
            Kind::Bool(it) => Ok(Val::Bool(*it)),
            Kind::Int(it) => Ok(Val::Int(*it)),
            Kind::Uint(it) => Ok(Val::Uint(*it)),
            Kind::Double(it) => Ok(Val::Double(*it)),
            Kind::String(text) => Ok(Val::borrowed(text)),
            Kind::Bytes(bytes) => {
                // They are copied, each time that a loop comes by.
                self.meter.text(bytes.len())?;
                Ok(Val::Bytes(bytes.as_slice().into()))
            }
            Kind::Ident(name) => self.variable(name),
            Kind::Select { of, field, optional } => {
                let of = self.eval(of)?;
                select(&of, field, *optional)
            }
            Kind::Has { of, field } => {
                let of = self.eval(of)?;
                has(&of, field).map(Val::Bool)
            }
            Kind::Index { of, key, optional } => {
                let (of, key) = (self.eval(of)?, self.eval(key)?);
                self.index(&of, &key, *optional)
            }
            Kind::Call(call) => self.call(call),
            Kind::Not(of) => Ok(Val::Bool(!truth(&self.eval(of)?)?)),
            Kind::Negate(of) => negate(&self.eval(of)?),
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                operate(self.meter, *operator, &left, &right)
            }
            Kind::And(list) => self.junction(list, false),
            Kind::Or(list) => self.junction(list, true),
            Kind::Choose(three) => {
                let yes = truth(&self.eval(&three[0])?)?;
                self.eval(if yes { &three[1] } else { &three[2] })
            }
            Kind::List(list) => self.list(list),
            Kind::Map(entries) => self.map(entries),
            Kind::Message { fields, .. } => self.message(fields),
            Kind::Loop(it) => self.repeat(it),
        }
    }

    fn variable(&self, name: &'a str) -> Outcome<'a> {
        if let Some((_, value)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        match TYPES.iter().find(|it| it.0 == name) {
            Some((_, name)) => Ok(Val::Type(name)),
            None => Err(EvalError::failed(format!("no such attribute(s): {name}"))),
        }
    }

    /// `&&` (decided by false) and `||` (decided by true).
    fn junction(&mut self, list: &'a [Expr], decides: bool) -> Outcome<'a> {
        let mut failed = None;
        for expr in list {
            match self.eval(expr).and_then(|it| truth(&it)) {
                Ok(it) if it == decides => return Ok(Val::Bool(decides)),
                Ok(_) => {}
                Err(EvalError::Budget) => return Err(EvalError::Budget),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(Val::Bool(!decides)), Err)
    }

    fn list(&mut self, list: &'a [Element]) -> Outcome<'a> {
        let mut items = Vec::with_capacity(list.len());
        for element in list {
            items.extend(self.element(element)?);
        }
        Ok(Val::list(items))
    }

    /// An element; none if it is optional and absent.
    fn element(&mut self, element: &'a Element) -> Result<Option<Val<'a>>, EvalError> {
        match (self.eval(&element.value)?, element.optional) {
            (Val::Optional(inner), true) => Ok(inner.map(|it| (*it).clone())),
            (value, _) => Ok(Some(value)),
        }
    }

    fn map(&mut self, entries: &'a [(Expr, Element)]) -> Outcome<'a> {
        let mut out: Vec<(Val<'a>, Val<'a>)> = Vec::with_capacity(entries.len());
        for (key, element) in entries {
            let key = self.eval(key)?;
            for (known, _) in &out {
                if equal(self.meter, known, &key)? {
                    return Err(EvalError::failed(format!("Failed with repeated key: {}", key.label())));
                }
            }
            if let Some(value) = self.element(element)? {
                out.push((key, value));
            }
        }
        Ok(Val::map(out))
    }

    /// An object is a map from then on.
    fn message(&mut self, fields: &'a [(String, Element)]) -> Outcome<'a> {
        let mut out = Vec::with_capacity(fields.len());
        for (field, element) in fields {
            out.extend(self.element(element)?.map(|value| (Val::borrowed(field), value)));
        }
        Ok(Val::map(out))
    }

    fn index(&self, of: &Val<'a>, key: &Val<'a>, optional: bool) -> Outcome<'a> {
        if let Val::Optional(inner) = of {
            return match inner {
                Some(inner) => Ok(as_optional(self.index(inner, key, true)?)),
                None => Ok(Val::Optional(None)),
            };
        }
        let found = match (of, key) {
            (Val::List(list), Val::Int(_) | Val::Uint(_) | Val::Double(_)) => item(list, key),
            (Val::Map(map), key) => entry(self.meter, map, key)?,
            _ => return Err(EvalError::no_such_overload()),
        };
        match found {
            Some(value) if optional => Ok(value.some()),
            Some(value) => Ok(value),
            None if optional => Ok(Val::Optional(None)),
            None if matches!(of, Val::List(_)) => {
                Err(EvalError::failed(format!("index out of bounds: {}", key.label())))
            }
            None => Err(EvalError::no_such_key(key.label())),
        }
    }

    fn call(&mut self, call: &'a Call) -> Outcome<'a> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.eval(arg)?);
        }
        let fits = |it: &&&super::functions::Function| {
            it.params.len() == args.len() && it.params.iter().zip(&args).all(|(param, arg)| param.fits(arg))
        };
        let function = call.functions.iter().find(fits).ok_or_else(EvalError::no_such_overload)?;
        let sizes: Vec<u64> = args.iter().map(Val::size).collect();
        self.meter.charge(function.cost.of(&sizes))?;
        if let (Some(pattern), [Val::String(text), _], "matches") = (&call.pattern, &args[..], function.name)
        {
            return Ok(Val::Bool(pattern.is_match(text)));
        }
        (function.run)(self.meter, &args)
    }

    /// The rounds of a loop: what its variables are in each.
    fn rounds(&mut self, range: &Val<'a>, names: usize) -> Result<Vec<Vec<Val<'a>>>, EvalError> {
        self.meter.charge(range.size())?;
        match range {
            Val::List(list) if names == 1 => Ok(list.iter().map(|it| vec![it]).collect()),
            Val::List(list) => {
                Ok(list.iter().enumerate().map(|(at, it)| vec![Val::Int(at as i64), it]).collect())
            }
            Val::Map(map) if names == 1 => Ok(map.entries().into_iter().map(|it| vec![it.0]).collect()),
            Val::Map(map) => Ok(map.entries().into_iter().map(|(key, value)| vec![key, value]).collect()),
            _ => Err(EvalError::no_such_overload()),
        }
    }

    fn repeat(&mut self, it: &'a Loop) -> Outcome<'a> {
        let range = self.eval(&it.range)?;
        if matches!(it.how, How::OptMap | How::OptFlatMap) {
            return self.inside(it, &range);
        }
        let (mut collected, mut entries, mut count, mut failed) = (Vec::new(), Vec::new(), 0, None);
        for round in self.rounds(&range, it.names.len())? {
            let first = round[0].clone();
            let result = self.round(it, round);
            match (it.how, result) {
                (_, Err(EvalError::Budget)) => return Err(EvalError::Budget),
                (_, Ok(None)) => {}
                (How::All | How::Exists, Err(error)) => failed = failed.or(Some(error)),
                (_, Err(error)) => return Err(error),
                (How::Map | How::TransformList, Ok(Some(value))) => collected.push(value),
                (How::TransformMap, Ok(Some(value))) => entries.push((first, value)),
                (how, Ok(Some(value))) => match (how, truth(&value)?) {
                    (How::All, false) => return Ok(Val::Bool(false)),
                    (How::Exists, true) => return Ok(Val::Bool(true)),
                    (How::ExistsOne, true) => count += 1,
                    (How::Filter, true) => collected.push(first),
                    _ => {}
                },
            }
        }
        match (it.how, failed) {
            (_, Some(error)) => Err(error),
            (How::All | How::Exists, None) => Ok(Val::Bool(it.how == How::All)),
            (How::ExistsOne, None) => Ok(Val::Bool(count == 1)),
            (How::TransformMap, None) => Ok(Val::map(entries)),
            _ => Ok(Val::list(collected)),
        }
    }

    /// One round's value; none if the loop's filter leaves it out.
    fn round(&mut self, it: &'a Loop, values: Vec<Val<'a>>) -> Result<Option<Val<'a>>, EvalError> {
        let depth = self.scope.len();
        self.scope.extend(it.names.iter().map(String::as_str).zip(values));
        let result = self.filtered(it);
        self.scope.truncate(depth);
        result
    }

    fn filtered(&mut self, it: &'a Loop) -> Result<Option<Val<'a>>, EvalError> {
        if let Some(filter) = &it.filter
            && !truth(&self.eval(filter)?)?
        {
            return Ok(None);
        }
        self.eval(&it.body).map(Some)
    }

    fn inside(&mut self, it: &'a Loop, range: &Val<'a>) -> Outcome<'a> {
        match range {
            Val::Optional(None) => Ok(Val::Optional(None)),
            Val::Optional(Some(inner)) => {
                let value = self.round(it, vec![(**inner).clone()])?.unwrap_or(Val::Null);
                Ok(if it.how == How::OptMap { value.some() } else { value })
            }
            _ => Err(EvalError::no_such_overload()),
        }
    }
}

fn as_optional(value: Val<'_>) -> Val<'_> {
    if matches!(value, Val::Optional(_)) { value } else { value.some() }
}

fn item<'a>(list: &List<'a>, key: &Val<'a>) -> Option<Val<'a>> {
    let index = match key {
        Val::Int(it) => usize::try_from(*it).ok(),
        Val::Uint(it) => usize::try_from(*it).ok(),
        Val::Double(it) if it.fract() == 0.0 && *it >= 0.0 => Some(*it as usize),
        _ => None,
    };
    list.get(index?)
}

fn select<'a>(of: &Val<'a>, field: &str, optional: bool) -> Outcome<'a> {
    match of {
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(inner)) => Ok(as_optional(select(inner, field, true)?)),
        Val::Map(map) => match map.field(field) {
            Some(value) if optional => Ok(value.some()),
            Some(value) => Ok(value),
            None if optional => Ok(Val::Optional(None)),
            None => Err(EvalError::no_such_key(field)),
        },
        Val::Access(access) if field == REQUEST_RESOURCE => {
            Ok(Val::Access(Rc::new(access.request_resource())))
        }
        _ => Err(EvalError::no_such_overload()),
    }
}

fn has(of: &Val<'_>, field: &str) -> Result<bool, EvalError> {
    match of {
        Val::Optional(inner) => inner.as_deref().map_or(Ok(false), |it| has(it, field)),
        Val::Map(map) => Ok(map.field(field).is_some()),
        _ => Err(EvalError::no_such_overload()),
    }
}

/// A text's own copy of what a message expression gave.
pub(crate) fn text_of(value: &Val<'_>) -> Option<String> {
    match value {
        Val::String(Text::Borrowed(text)) => Some((*text).to_owned()),
        Val::String(Text::Made(text)) => Some((**text).to_owned()),
        _ => None,
    }
}
