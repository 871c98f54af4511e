//! Functions: one row each, with its types, its cost and what it does side by side.
//!
//! Start at [`Function`]. The checker picks the rows whose types fit, the evaluator the first of these that fits the
//! values. A row pays for what it reads before it runs; a row that makes more than it reads pays for that itself.

pub(crate) mod access;
mod convert;
mod kubernetes;
mod lists;
mod network;
mod strings;
mod times;

use super::error::EvalError;
use super::types::{Opaque, Type};
use super::value::Val;
use crate::pattern::Pattern;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What a call gives.
pub(crate) type Outcome<'a> = Result<Val<'a>, EvalError>;

/// A function of one name and one list of types.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Whether it is called on its first argument.
    pub(crate) member: bool,
    pub(crate) params: &'static [Param],
    pub(crate) result: Param,
    pub(crate) cost: Cost,
    pub(crate) run: for<'a> fn(&Meter, &[Val<'a>]) -> Outcome<'a>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A type in a row. `A` is any type, the same wherever it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param {
    Any,
    A,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    Meta,
    List,
    ListA,
    ListString,
    Map,
    OptionalA,
    Opaque(Opaque),
}

/// What a call costs by the sizes of its arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cost {
    /// Always the same.
    One,
    /// Reading the first argument, ten characters or one item a step.
    First,
    /// Reading the second argument.
    Second,
    /// Reading the first for each part of the second.
    Product,
    /// Reading every item of the first.
    Items,
    /// Running a pattern, the second, over a text.
    Match,
    /// Asking about rights, as much as upstream says.
    Rights,
}

impl Cost {
    /// The cost for arguments of these sizes.
    pub(crate) fn of(self, sizes: &[u64]) -> u64 {
        let size = |index: usize| sizes.get(index).copied().unwrap_or_default();
        let tenth = |index: usize| size(index).div_ceil(10);
        1 + match self {
            Self::One => 0,
            Self::First => tenth(0),
            Self::Second => tenth(1),
            Self::Product => tenth(0).saturating_mul(tenth(1).max(1)),
            Self::Items => size(0),
            Self::Rights => RIGHTS_COST - 1,
            Self::Match => (tenth(0) + 1).saturating_mul(size(1).div_ceil(4)),
        }
    }
}

/// What an evaluation has left, and the patterns that it compiled.
pub(crate) struct Meter {
    left: Cell<u64>,
    patterns: RefCell<Vec<Rc<Pattern>>>,
}

/// Compiling a pattern that is not a literal costs as much as many steps.
const PATTERN_COST: u64 = 2_000;
/// What one question about rights costs.
const RIGHTS_COST: u64 = 350_000;
/// Most patterns that are kept.
const PATTERNS: usize = 8;

impl Meter {
    pub(crate) fn new(budget: u64) -> Self {
        Self { left: Cell::new(budget), patterns: RefCell::default() }
    }

    /// What may still be spent.
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Pays for something that is about to be done.
    pub(crate) fn charge(&self, cost: u64) -> Result<(), EvalError> {
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.unwrap_or_default());
        left.map(|_| ()).ok_or(EvalError::Budget)
    }

    /// Pays for a text of so many bytes that is about to be made.
    pub(crate) fn text(&self, bytes: usize) -> Result<(), EvalError> {
        self.charge(bytes as u64 / 10)
    }

    /// A pattern of the input.
    pub(crate) fn pattern(&self, source: &str) -> Result<Rc<Pattern>, EvalError> {
        let mut patterns = self.patterns.borrow_mut();
        if let Some(known) = patterns.iter().find(|it| it.source() == source) {
            return Ok(Rc::clone(known));
        }
        self.charge(PATTERN_COST)?;
        let pattern = Rc::new(Pattern::compile(source).map_err(EvalError::failed)?);
        if patterns.len() == PATTERNS {
            patterns.remove(0);
        }
        patterns.push(Rc::clone(&pattern));
        Ok(pattern)
    }
}

impl Param {
    /// Whether an argument of a type may stand here; `bound` is what `A` stands for so far.
    pub(crate) fn accepts(self, given: &Type, bound: &mut Option<Type>) -> bool {
        let mut same = |given: &Type| match bound {
            Some(known) if !known.agrees(given) => false,
            Some(known) => {
                *known = known.joined(given);
                true
            }
            None => {
                *bound = Some(given.clone());
                true
            }
        };
        match (self, given) {
            (Self::Any, _) => true,
            (Self::A, given) => same(given),
            (Self::ListA, Type::List(item, _)) => same(item),
            (Self::OptionalA, Type::Optional(inner)) => same(inner),
            (_, Type::Dyn) => true,
            (Self::List, Type::List(..)) | (Self::Map, Type::Map(..)) => true,
            (Self::ListString, Type::List(item, _)) => matches!(**item, Type::String(_) | Type::Dyn),
            (Self::Bool, Type::Bool) | (Self::Int, Type::Int) | (Self::Uint, Type::Uint) => true,
            (Self::Double, Type::Double)
            | (Self::String, Type::String(_))
            | (Self::Bytes, Type::Bytes(_)) => true,
            (Self::Timestamp, Type::Timestamp) | (Self::Duration, Type::Duration) => true,
            (Self::Meta, Type::Meta) => true,
            (Self::Opaque(one), Type::Opaque(two)) => one == *two,
            _ => false,
        }
    }

    /// The type of a result; made texts and lists are at most as large as all the arguments.
    pub(crate) fn result(self, bound: Option<Type>, size: u64) -> Type {
        let bound = || bound.clone().unwrap_or(Type::Dyn);
        match self {
            Self::Any => Type::Dyn,
            Self::A => bound(),
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::String => Type::String(size),
            Self::Bytes => Type::Bytes(size),
            Self::Timestamp => Type::Timestamp,
            Self::Duration => Type::Duration,
            Self::Meta => Type::Meta,
            Self::List => Type::List(Rc::new(Type::Dyn), size),
            Self::ListA => Type::List(Rc::new(bound()), size),
            Self::ListString => Type::List(Rc::new(Type::String(size)), size),
            Self::Map => {
                let values = Type::List(Rc::new(Type::String(size)), size);
                Type::Map(Rc::new(Type::String(size)), Rc::new(values), size)
            }
            Self::OptionalA => Type::Optional(Rc::new(bound())),
            Self::Opaque(opaque) => Type::Opaque(opaque),
        }
    }

    /// Whether a value may stand here.
    pub(crate) fn fits(self, value: &Val<'_>) -> bool {
        match (self, value) {
            (Self::Any | Self::A, _) => true,
            (Self::ListString, Val::List(list)) => list.iter().all(|it| matches!(it, Val::String(_))),
            (Self::List | Self::ListA, Val::List(_)) | (Self::Map, Val::Map(_)) => true,
            (Self::Bool, Val::Bool(_)) | (Self::Int, Val::Int(_)) | (Self::Uint, Val::Uint(_)) => true,
            (Self::Double, Val::Double(_))
            | (Self::String, Val::String(_))
            | (Self::Bytes, Val::Bytes(_)) => true,
            (Self::Timestamp, Val::Timestamp(_)) | (Self::Duration, Val::Duration(_)) => true,
            (Self::Meta, Val::Type(_)) | (Self::OptionalA, Val::Optional(_)) => true,
            (Self::Opaque(opaque), value) => opaque.name() == value.type_name(),
            _ => false,
        }
    }
}

/// A row for a function that is called by its name.
const fn global(
    name: &'static str,
    params: &'static [Param],
    result: Param,
    cost: Cost,
    run: for<'a> fn(&Meter, &[Val<'a>]) -> Outcome<'a>,
) -> Function {
    Function { name, member: false, params, result, cost, run }
}

/// A row for a function that is called on its first argument.
const fn member(
    name: &'static str,
    params: &'static [Param],
    result: Param,
    cost: Cost,
    run: for<'a> fn(&Meter, &[Val<'a>]) -> Outcome<'a>,
) -> Function {
    Function { name, member: true, params, result, cost, run }
}

const TABLES: [&[Function]; 7] = [
    access::FUNCTIONS,
    strings::FUNCTIONS,
    lists::FUNCTIONS,
    convert::FUNCTIONS,
    times::FUNCTIONS,
    kubernetes::FUNCTIONS,
    network::FUNCTIONS,
];

pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().copied().flatten()
}

/// Whether there is a function of that name.
pub(crate) fn exists(name: &str) -> bool {
    all().any(|it| it.name == name)
}

/// Every function of that name that is called in that way.
pub(crate) fn named(name: &str, member: bool) -> impl Iterator<Item = &'static Function> {
    all().filter(move |it| it.name == name && it.member == member)
}

/// A text argument; the row's types say that it is one.
fn text<'v>(args: &'v [Val<'_>], index: usize) -> &'v str {
    match args.get(index) {
        Some(Val::String(text)) => text,
        _ => "",
    }
}

/// A number argument, or what stands for one that is not given.
fn int(args: &[Val<'_>], index: usize, otherwise: i64) -> i64 {
    match args.get(index) {
        Some(Val::Int(number)) => *number,
        _ => otherwise,
    }
}
