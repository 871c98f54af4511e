//! What type an expression has and what it costs at most, before it runs. Names of fields are resolved on the way: the
//! spelling of an expression becomes the name in values.

use super::ast::{Call, Element, Expr, How, Kind, Loop, Operator};
use super::error::CompileError;
use super::eval::{REQUEST_RESOURCE, TYPES};
use super::functions::{self, Param};
use super::message::{self, Messages};
use super::types::{Opaque, REQUEST, Type};
use crate::pattern::Pattern;
use std::rc::Rc;

/// An expression's type and its highest cost.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) kind: Type,
    pub(crate) cost: u64,
}

/// Checks an expression over variables of known types.
pub(crate) fn check(
    source: &str,
    expr: &mut Expr,
    variables: &[(&str, Type)],
    messages: Messages,
) -> Result<Checked, CompileError> {
    let scope = variables.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect();
    Checker { source, scope, messages }.check(expr)
}

struct Checker<'s> {
    source: &'s str,
    scope: Vec<(String, Type)>,
    messages: Messages,
}

type Outcome = Result<Checked, CompileError>;

fn found(kind: Type, cost: u64) -> Outcome {
    Ok(Checked { kind, cost })
}

impl Checker<'_> {
    fn fail<T>(&self, at: usize, message: impl AsRef<str>) -> Result<T, CompileError> {
        Err(CompileError::at(self.source, at, message))
    }

    fn check(&mut self, expr: &mut Expr) -> Outcome {
        let at = expr.at;
        match &mut expr.kind {
            Kind::Null => found(Type::Null, 0),
            Kind::Bool(_) => found(Type::Bool, 0),
            Kind::Int(_) => found(Type::Int, 0),
            Kind::Uint(_) => found(Type::Uint, 0),
            Kind::Double(_) => found(Type::Double, 0),
            Kind::String(text) => found(Type::String(text.chars().count() as u64), 0),
            Kind::Bytes(bytes) => found(Type::Bytes(bytes.len() as u64), 0),
            Kind::Ident(name) => self.variable(at, name),
            Kind::Select { of, field, optional } => {
                let of = self.check(of)?;
                let kind = self.field(at, &of.kind, field, *optional)?;
                found(kind, of.cost + 1)
            }
            Kind::Has { of, field } => {
                let of = self.check(of)?;
                self.field(at, &of.kind, field, false)?;
                found(Type::Bool, of.cost + 1)
            }
            Kind::Index { of, key, optional } => {
                let (of, key) = (self.check(of)?, self.check(key)?);
                let kind = self.index(at, &of.kind, &key.kind, *optional)?;
                found(kind, sum([&of, &key]) + 1)
            }
            Kind::Call(call) => self.call(at, call),
            Kind::Not(of) => {
                let of = self.boolean(of, "!_")?;
                found(Type::Bool, of.cost + 1)
            }
            Kind::Negate(of) => {
                let of = self.check(of)?;
                match of.kind {
                    Type::Int | Type::Double | Type::Dyn => found(of.kind, of.cost + 1),
                    other => self.no_overload(at, "-_", &[other]),
                }
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.check(left)?, self.check(right)?);
                self.binary(at, *operator, &left, &right)
            }
            Kind::And(list) => self.junction(list, "_&&_"),
            Kind::Or(list) => self.junction(list, "_||_"),
            Kind::Choose(three) => self.choose(at, three),
            Kind::List(list) => self.list(list),
            Kind::Map(entries) => self.map(entries),
            Kind::Message { name, fields } => self.message(at, name, fields),
            Kind::Loop(it) => self.repeat(at, it),
        }
    }

    fn variable(&self, at: usize, name: &str) -> Outcome {
        if let Some((_, kind)) = self.scope.iter().rev().find(|it| it.0 == name) {
            return found(kind.clone(), 1);
        }
        if TYPES.iter().any(|it| it.0 == name) {
            return found(Type::Meta, 1);
        }
        self.fail(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    /// A field's type; its spelling is replaced by its name.
    fn field(&self, at: usize, of: &Type, field: &mut String, optional: bool) -> Result<Type, CompileError> {
        let kind = match of {
            Type::Optional(inner) => {
                let kind = self.field(at, inner, field, false)?;
                return Ok(as_optional(kind));
            }
            Type::Dyn | Type::Message(_) => Type::Dyn,
            Type::Opaque(Opaque::Authorizer) if field == REQUEST_RESOURCE => {
                Type::Opaque(Opaque::ResourceCheck)
            }
            Type::Map(_, value, _) => (**value).clone(),
            Type::Object(fields) => match fields.get(field) {
                Some((name, kind)) => {
                    let kind = kind.clone();
                    field.clone_from(name);
                    kind
                }
                None => return self.fail(at, format!("undefined field '{field}'")),
            },
            other => return self.fail(at, format!("type '{other}' does not support field selection")),
        };
        Ok(if optional { as_optional(kind) } else { kind })
    }

    fn index(&self, at: usize, of: &Type, key: &Type, optional: bool) -> Result<Type, CompileError> {
        let kind = match (of, key) {
            (Type::Optional(inner), key) => return Ok(as_optional(self.index(at, inner, key, false)?)),
            (Type::Dyn, _) => Type::Dyn,
            (Type::List(item, _), Type::Int | Type::Dyn) => (**item).clone(),
            (Type::Map(known, value, _), key) if known.agrees(key) => (**value).clone(),
            (of, key) => return self.no_overload(at, "_[_]", &[of.clone(), key.clone()]),
        };
        Ok(if optional { as_optional(kind) } else { kind })
    }

    fn no_overload<T>(&self, at: usize, name: &str, types: &[Type]) -> Result<T, CompileError> {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        let message = format!("found no matching overload for '{name}' applied to '({})'", types.join(", "));
        self.fail(at, message)
    }

    fn boolean(&mut self, expr: &mut Expr, operator: &str) -> Outcome {
        let checked = self.check(expr)?;
        match checked.kind {
            Type::Bool | Type::Dyn => Ok(checked),
            other => self.no_overload(expr.at, operator, &[other]),
        }
    }

    fn junction(&mut self, list: &mut [Expr], operator: &str) -> Outcome {
        let mut cost = 0u64;
        for expr in list {
            cost = cost.saturating_add(self.boolean(expr, operator)?.cost);
        }
        found(Type::Bool, cost)
    }

    fn choose(&mut self, at: usize, three: &mut [Expr; 3]) -> Outcome {
        let [condition, yes, no] = three;
        let condition = self.boolean(condition, "_?_:_")?;
        let (yes, no) = (self.check(yes)?, self.check(no)?);
        if !yes.kind.agrees(&no.kind) {
            return self.no_overload(at, "_?_:_", &[condition.kind, yes.kind, no.kind]);
        }
        found(yes.kind.joined(&no.kind), condition.cost.saturating_add(yes.cost.max(no.cost)))
    }

    fn elements<'e>(&mut self, list: impl Iterator<Item = &'e mut Element>) -> Outcome {
        let (mut kind, mut cost) = (None, 0u64);
        for element in list {
            let checked = self.check(&mut element.value)?;
            let own = match checked.kind {
                Type::Optional(inner) if element.optional => (*inner).clone(),
                kind => kind,
            };
            kind = Some(kind.map_or_else(|| own.clone(), |known: Type| known.joined(&own)));
            cost = cost.saturating_add(checked.cost);
        }
        found(kind.unwrap_or(Type::Dyn), cost)
    }

    fn list(&mut self, list: &mut [Element]) -> Outcome {
        let count = list.len() as u64;
        let items = self.elements(list.iter_mut())?;
        found(Type::List(Rc::new(items.kind), count), items.cost.saturating_add(10))
    }

    fn map(&mut self, entries: &mut [(Expr, Element)]) -> Outcome {
        let count = entries.len() as u64;
        let (mut key, mut cost) = (None, 30u64);
        for (expr, _) in entries.iter_mut() {
            let checked = self.check(expr)?;
            cost = cost.saturating_add(checked.cost);
            key = Some(key.map_or_else(|| checked.kind.clone(), |known: Type| known.joined(&checked.kind)));
        }
        let values = self.elements(entries.iter_mut().map(|it| &mut it.1))?;
        let kind = Type::Map(Rc::new(key.unwrap_or(Type::Dyn)), Rc::new(values.kind), count);
        found(kind, cost.saturating_add(values.cost))
    }

    /// An object of a named type; its fields are of the types that the name says.
    fn message(&mut self, at: usize, name: &str, fields: &mut [(String, Element)]) -> Outcome {
        if !message::exists(name, self.messages) {
            return self.fail(at, format!("undeclared reference to '{name}' (in container '')"));
        }
        let mut cost = 40u64;
        for (field, element) in fields {
            let checked = self.check(&mut element.value)?;
            cost = cost.saturating_add(checked.cost);
            let kind = match checked.kind {
                Type::Optional(inner) if element.optional => (*inner).clone(),
                kind => kind,
            };
            message::check_field(name, field, &kind).or_else(|why| self.fail(element.value.at, why))?;
        }
        found(Type::Message(name.into()), cost)
    }

    fn binary(&self, at: usize, operator: Operator, left: &Checked, right: &Checked) -> Outcome {
        let Some(kind) = kind_of(operator, &left.kind, &right.kind) else {
            return self.no_overload(at, operator.name(), &[left.kind.clone(), right.kind.clone()]);
        };
        let (one, two) = (left.kind.size(), right.kind.size());
        let own = match operator {
            Operator::In if matches!(right.kind, Type::List(..)) => two,
            Operator::Add => (one + two).div_ceil(10),
            _ => one.min(two).div_ceil(10),
        };
        found(kind, sum([left, right]).saturating_add(own.max(1)))
    }

    fn call(&mut self, at: usize, call: &mut Call) -> Outcome {
        let (mut types, mut cost) = (Vec::new(), 0u64);
        for arg in &mut call.args {
            let checked = self.check(arg)?;
            cost = cost.saturating_add(checked.cost);
            types.push(checked.kind);
        }
        if functions::named(&call.name, call.member).next().is_none() {
            return self.fail(at, format!("undeclared reference to '{}' (in container '')", call.name));
        }
        let (mut kind, sizes): (Option<Type>, Vec<u64>) = (None, types.iter().map(Type::size).collect());
        let (size, mut own) = (sizes.iter().fold(0u64, |sum, it| sum.saturating_add(*it)), 0);
        for function in functions::named(&call.name, call.member) {
            let mut bound = None;
            if accepts(function.params, &types, &mut bound) {
                let result = function.result.result(bound, size.min(REQUEST));
                kind = Some(kind.map_or_else(|| result.clone(), |known| known.joined(&result)));
                own = function.cost.of(&sizes).max(own);
                call.functions.push(function);
            }
        }
        let Some(kind) = kind else { return self.no_overload(at, &call.name, &types) };
        self.compile_pattern(call)?;
        found(kind, cost.saturating_add(own))
    }

    /// A pattern that is a literal is compiled once, and must compile.
    fn compile_pattern(&self, call: &mut Call) -> Result<(), CompileError> {
        let takes_pattern = matches!(call.name.as_str(), "matches" | "find" | "findAll");
        let Some(Expr { kind: Kind::String(source), at, .. }) = call.args.get(1).filter(|_| takes_pattern)
        else {
            return Ok(());
        };
        match Pattern::compile(source) {
            Ok(pattern) => call.pattern = Some(pattern),
            Err(error) => return self.fail(*at, format!("invalid matches argument: {error}")),
        }
        Ok(())
    }

    fn repeat(&mut self, at: usize, it: &mut Loop) -> Outcome {
        let range = self.check(&mut it.range)?;
        let variables = self.variables(at, it, &range.kind)?;
        let depth = self.scope.len();
        self.scope.extend(it.names.iter().cloned().zip(variables.clone()));
        let filter = it.filter.as_mut().map(|filter| self.boolean(filter, "_?_:_")).transpose();
        let body = self.check(&mut it.body);
        self.scope.truncate(depth);
        let (filter, body) = (filter?, body?);
        let asks = matches!(it.how, How::All | How::Exists | How::ExistsOne | How::Filter);
        if asks && !matches!(body.kind, Type::Bool | Type::Dyn) {
            return self.no_overload(it.body.at, "_&&_", &[Type::Bool, body.kind]);
        }
        let round = body.cost.saturating_add(filter.map_or(0, |it| it.cost)).saturating_add(2);
        let rounds = if matches!(range.kind, Type::Optional(_)) { 1 } else { range.kind.size() };
        let cost = range.cost.saturating_add(round.saturating_mul(rounds)).saturating_add(1);
        found(loop_type(it.how, &range.kind, &variables, body.kind), cost)
    }

    /// The types of a loop's variables.
    fn variables(&self, at: usize, it: &Loop, range: &Type) -> Result<Vec<Type>, CompileError> {
        let inside = matches!(it.how, How::OptMap | How::OptFlatMap);
        Ok(match (range, it.names.len()) {
            (Type::Dyn, count) => vec![Type::Dyn; count],
            (Type::Optional(inner), 1) if inside => vec![(**inner).clone()],
            (Type::List(item, _), 1) if !inside => vec![(**item).clone()],
            (Type::List(item, _), _) if !inside => vec![Type::Int, (**item).clone()],
            (Type::Map(key, _, _), 1) if !inside => vec![(**key).clone()],
            (Type::Map(key, value, _), _) if !inside => vec![(**key).clone(), (**value).clone()],
            (other, _) => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension \
                                       (must be list, map, or dynamic)"
                );
                return self.fail(at, message);
            }
        })
    }
}

fn sum<const N: usize>(parts: [&Checked; N]) -> u64 {
    parts.iter().fold(0, |sum, it| sum.saturating_add(it.cost))
}

fn as_optional(kind: Type) -> Type {
    if matches!(kind, Type::Optional(_)) { kind } else { Type::Optional(Rc::new(kind)) }
}

fn accepts(params: &[Param], types: &[Type], bound: &mut Option<Type>) -> bool {
    params.len() == types.len() && params.iter().zip(types).all(|(param, kind)| param.accepts(kind, bound))
}

fn loop_type(how: How, range: &Type, variables: &[Type], body: Type) -> Type {
    match how {
        How::All | How::Exists | How::ExistsOne => Type::Bool,
        How::Filter => Type::List(Rc::new(variables[0].clone()), range.size()),
        How::Map | How::TransformList => Type::List(Rc::new(body), range.size()),
        How::TransformMap => Type::Map(Rc::new(variables[0].clone()), Rc::new(body), range.size()),
        How::OptMap => Type::Optional(Rc::new(body)),
        How::OptFlatMap => as_optional(body),
    }
}

/// The type of an operator's value; none if it does not take these types.
fn kind_of(operator: Operator, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Bool, Bytes, Double, Duration, Dyn, Int, List, Map, String, Timestamp, Uint};
    let numbers = |it: &Type| matches!(it, Int | Uint | Double | Dyn);
    Some(match (operator, left, right) {
        (Operator::Equal | Operator::NotEqual, one, two) if one.agrees(two) => Bool,
        (Operator::In, _, Dyn) => Bool,
        (Operator::In, one, List(item, _)) if item.agrees(one) => Bool,
        (Operator::In, one, Map(key, _, _)) if key.agrees(one) => Bool,
        (Operator::Equal | Operator::NotEqual | Operator::In, ..) => return None,
        (Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual, one, two) => {
            let ordered = matches!(one, Bool | String(_) | Bytes(_) | Timestamp | Duration | Dyn);
            let mixed = numbers(one) && numbers(two);
            return (mixed || (ordered || matches!(two, Dyn)) && one.agrees(two)).then_some(Bool);
        }
        (_, Dyn, _) | (_, _, Dyn) => Dyn,
        (Operator::Add, String(one), String(two)) => String(one.saturating_add(*two)),
        (Operator::Add, Bytes(one), Bytes(two)) => Bytes(one.saturating_add(*two)),
        (Operator::Add, List(one, a), List(two, b)) if one.agrees(two) => {
            List(Rc::new(one.joined(two)), a.saturating_add(*b))
        }
        (Operator::Add, Timestamp, Duration) | (Operator::Add, Duration, Timestamp) => Timestamp,
        (Operator::Subtract, Timestamp, Duration) => Timestamp,
        (Operator::Subtract, Timestamp, Timestamp) => Duration,
        (Operator::Add | Operator::Subtract, Duration, Duration) => Duration,
        (_, Int, Int) => Int,
        (_, Uint, Uint) => Uint,
        (Operator::Modulo, ..) => return None,
        (_, Double, Double) => Double,
        _ => return None,
    })
}
