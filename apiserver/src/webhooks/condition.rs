//! Match conditions: expressions over the request that say whether a webhook or a policy is asked at all.

use super::rights::Rights;
use super::subject::Subject;
use crate::state::State;
use api::k8s::api::admissionregistration::v1::MatchCondition;
use api::{ApiError, Kind};
use serde_json::Value;
use structural::cel::{Authority, Program};

/// What all match conditions of one webhook or policy may cost together.
const BUDGET: u64 = structural::cel::OBJECT_BUDGET / 4;
/// What match conditions of webhooks may read.
pub(crate) const VARIABLES: &[&str] = &["object", "oldObject", "request", "authorizer"];

/// An expression, compiled; one that does not compile fails when it runs.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) source: String,
    program: Result<Program, String>,
}

impl Expression {
    pub(crate) fn compile(source: &str, variables: &[&str]) -> Self {
        let program = Program::compile(source, variables).map_err(|it| format!("compilation failed: {it}"));
        Self { source: source.to_owned(), program }
    }

    /// One that makes changes, and so may make objects.
    pub(crate) fn compile_mutation(source: &str, variables: &[&str]) -> Self {
        let program =
            Program::compile_mutation(source, variables).map_err(|it| format!("compilation failed: {it}"));
        Self { source: source.to_owned(), program }
    }

    /// Why it does not compile.
    pub(crate) fn error(&self) -> Option<&str> {
        self.program.as_ref().err().map(String::as_str)
    }

    /// Whether it can only give a boolean, or a text; what does not compile can give anything.
    pub(crate) fn may_be(&self, wanted: impl Fn(&Program) -> bool) -> bool {
        self.program.as_ref().map_or(true, wanted)
    }

    /// The value; takes what it costs from the budget.
    pub(crate) fn evaluate(
        &self,
        bindings: &[(&str, &Value)],
        rights: &dyn Authority,
        budget: &mut u64,
    ) -> Result<Value, String> {
        let failed =
            |why: &dyn std::fmt::Display| format!("expression '{}' resulted in error: {why}", self.source);
        let program = self.program.as_ref().map_err(|it| failed(it))?;
        let (result, cost) = program.evaluate_counted(bindings, Some(rights), *budget);
        *budget = budget.saturating_sub(cost);
        result.map_err(|it| failed(&it))
    }
}

/// What conditions come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Met,
    Unmet,
    /// None was unmet, and at least one has no value.
    Failed(String),
}

/// All conditions of a webhook or policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions(Vec<Expression>);

impl Conditions {
    pub(crate) fn of(conditions: Option<&[MatchCondition]>, variables: &[&str]) -> Self {
        let conditions = conditions.unwrap_or_default().iter();
        Self(conditions.map(|it| Expression::compile(&it.expression, variables)).collect())
    }

    /// Evaluates all of them: one that is unmet outweighs those that fail.
    pub(crate) fn evaluate(&self, bindings: &[(&str, &Value)], rights: &dyn Authority) -> Outcome {
        let (mut budget, mut errors) = (BUDGET, Vec::new());
        for condition in &self.0 {
            match condition.evaluate(bindings, rights, &mut budget) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => return Outcome::Unmet,
                Err(error) => errors.push(error),
            }
        }
        match errors.as_slice() {
            [] => Outcome::Met,
            [one] => Outcome::Failed(one.clone()),
            many => Outcome::Failed(format!("[{}]", many.join(", "))),
        }
    }

    /// What they come to for a webhook that knows the resource as `seen`.
    pub(crate) fn judge(
        &self,
        state: &State,
        subject: &Subject<'_>,
        seen: Kind,
    ) -> Result<Outcome, ApiError> {
        if self.0.is_empty() {
            return Ok(Outcome::Met);
        }
        let (object, old) = subject.seen_as(seen)?;
        let request = subject.facts.request(seen);
        let bindings = [("object", &object), ("oldObject", &old), ("request", &request)];
        Ok(self.evaluate(&bindings, &Rights::of(state, &subject.facts, seen)))
    }
}
