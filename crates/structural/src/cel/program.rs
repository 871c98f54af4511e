//! An expression over variables of any type: what match conditions and admission policies evaluate.

use super::check::check;
use super::error::{CompileError, EvalError};
use super::eval;
use super::functions::Meter;
use super::functions::access::{Access, Authority};
use super::message::{self, Messages};
use super::parser::parse;
use super::types::{Opaque, Type};
use super::value::Val;
use super::{ast::Expr, check::Checked};
use serde_json::Value;
use std::rc::Rc;

/// The variable that answers questions about rights.
const AUTHORIZER: &str = "authorizer";

/// A compiled expression.
///
/// ```
/// use serde_json::json;
/// use structural::cel::{CALL_BUDGET, Program};
///
/// let program = Program::compile("object.spec.replicas <= params.most", &["object", "params"])?;
/// let (object, params) = (json!({"spec": {"replicas": 3}}), json!({"most": 5}));
/// assert_eq!(program.evaluate(&[("object", &object), ("params", &params)], CALL_BUDGET)?, json!(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    source: String,
    expr: Expr,
    is_bool: bool,
    is_text: bool,
    is_null: bool,
    is_object: bool,
    is_patch: bool,
}

impl Program {
    /// Compiles an expression that may read these variables. `authorizer` is who decides about rights; the types of the
    /// others are not known, so a field that does not exist
    /// is an error when the expression runs, not when it is compiled.
    pub fn compile(expression: &str, variables: &[&str]) -> Result<Self, CompileError> {
        Ok(Self::with(expression, &untyped(variables), Messages::None)?.0)
    }

    /// The same for expressions that make changes (KEP-3962): they may make objects of the types `Object`, `Object.FIELD`
    /// and so on, and `JSONPatch`.
    pub fn compile_mutation(expression: &str, variables: &[&str]) -> Result<Self, CompileError> {
        Ok(Self::with(expression, &untyped(variables), Messages::Mutations)?.0)
    }

    /// Compiles an expression over variables of known types, and gives its type and cost.
    pub(crate) fn typed(source: &str, variables: &[(&str, Type)]) -> Result<(Self, Checked), CompileError> {
        Self::with(source, variables, Messages::None)
    }

    fn with(
        source: &str,
        variables: &[(&str, Type)],
        messages: Messages,
    ) -> Result<(Self, Checked), CompileError> {
        let mut expr = parse(source)?;
        let checked = check(source, &mut expr, variables, messages)?;
        let is_bool = matches!(checked.kind, Type::Bool | Type::Dyn);
        let is_text = matches!(checked.kind, Type::String(_) | Type::Dyn);
        let is_null = matches!(checked.kind, Type::Null | Type::Dyn);
        let is_object = message::may_be_object(&checked.kind);
        let is_patch = message::may_be_patch(&checked.kind);
        Ok((
            Self { source: source.to_owned(), expr, is_bool, is_text, is_null, is_object, is_patch },
            checked,
        ))
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether its value can be a boolean; conditions and validations must give one.
    pub fn may_be_bool(&self) -> bool {
        self.is_bool
    }

    /// Whether its value can be a text; messages must give one.
    pub fn may_be_text(&self) -> bool {
        self.is_text
    }

    /// Whether its value can be null; an annotation is then left out.
    pub fn may_be_null(&self) -> bool {
        self.is_null
    }

    /// Whether its value can be an `Object`; an apply configuration must be one.
    pub fn may_be_object(&self) -> bool {
        self.is_object
    }

    /// Whether its value can be a list of `JSONPatch`.
    pub fn may_be_patch(&self) -> bool {
        self.is_patch
    }

    /// Whether it reads a variable.
    pub fn reads(&self, variable: &str) -> bool {
        self.expr.reads(variable)
    }

    /// The value over these variables, as JSON. Reading a variable that is not bound is an error. `budget` is what the evaluation
    /// may cost ([`super::CALL_BUDGET`]).
    pub fn evaluate(&self, bindings: &[(&str, &Value)], budget: u64) -> Result<Value, EvalError> {
        self.evaluate_counted(bindings, None, budget).0
    }

    /// The value, and what it cost: for callers that share one budget among many expressions. `authority` is what the
    /// variable `authorizer` asks.
    pub fn evaluate_counted(
        &self,
        bindings: &[(&str, &Value)],
        authority: Option<&dyn Authority>,
        budget: u64,
    ) -> (Result<Value, EvalError>, u64) {
        let meter = Meter::new(budget);
        let mut scope: eval::Scope<'_> =
            bindings.iter().map(|(name, value)| (*name, Val::of(value, None))).collect();
        scope.extend(authority.map(|it| (AUTHORIZER, Val::Access(Rc::new(Access::new(it))))));
        let value = eval::run(&self.expr, scope, &meter).and_then(|it| it.json(&meter));
        (value, budget - meter.left())
    }

    /// The value over variables that are values already.
    pub(crate) fn run<'a>(&'a self, scope: eval::Scope<'a>, meter: &Meter) -> Result<Val<'a>, EvalError> {
        eval::run(&self.expr, scope, meter)
    }
}

/// Variables of which nothing is known but how rights are asked for.
fn untyped<'a>(variables: &[&'a str]) -> Vec<(&'a str, Type)> {
    let kind = |name: &str| if name == AUTHORIZER { Type::Opaque(Opaque::Authorizer) } else { Type::Dyn };
    variables.iter().map(|it| (*it, kind(it))).collect()
}
