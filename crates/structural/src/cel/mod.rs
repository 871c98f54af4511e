//! CEL, the expression language of rules and admission.
//!
//! Start at [`Program`] for expressions over variables of any type (match conditions, admission policies), and at
//! `rule` for `x-kubernetes-validations`, which knows the types of all fields. A text goes through `lexer`, `parser`
//! (a tree with the macros kept), `check` (types, overloads, estimated cost) and `eval` (a walk that pays for each step).
//!
//! It is written here because Kubernetes refuses rules by their types and their estimated cost before they ever run, and
//! stops those that run too long; interpreters that only evaluate can do neither.

mod ast;
mod check;
mod error;
mod escape;
mod eval;
mod functions;
mod lexer;
mod message;
mod operators;
mod parser;
mod program;
pub(crate) mod rule;
pub(crate) mod time;
mod types;
pub(crate) mod url;
mod value;

pub use error::{CompileError, EvalError};
pub use functions::access::{Answer, Authority, Question};
pub use program::Program;
pub(crate) use types::{REQUEST, Type};

use crate::schema::Structural;

/// What one evaluation may cost.
pub const CALL_BUDGET: u64 = 1_000_000;
/// What all rules of one object may cost together.
pub const OBJECT_BUDGET: u64 = 10_000_000;
/// What one rule may cost by estimate.
pub const ESTIMATE_LIMIT: u64 = 10_000_000;
/// What all rules of one schema may cost by estimate.
pub const SCHEMA_ESTIMATE_LIMIT: u64 = 100_000_000;

/// The type that a schema's values have in rules, and fewest bytes that one takes.
pub(crate) fn types_of(schema: &Structural, is_root: bool) -> Option<(Type, u64)> {
    let own = Type::of(schema, is_root)?;
    let least = own.least_size();
    Some((own, least))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
