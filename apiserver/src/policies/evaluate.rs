//! Running a policy's expressions over one request and one parameter.

use super::index::{Policy, Validation};
use crate::webhooks::condition::{Expression, Outcome};
use crate::webhooks::index::FailurePolicy;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use structural::cel::{Authority, OBJECT_BUDGET};

/// The longest message that an expression may make.
const LONGEST_MESSAGE: usize = 5 << 10;

/// The longest annotation, in characters; what is longer is cut.
const LONGEST_ANNOTATION: usize = 10 << 10;

/// Why a policy does not let a request pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) message: String,
    /// Invalid, if it does not say otherwise.
    pub(crate) reason: Option<String>,
    /// Which of the validations failed.
    pub(crate) index: usize,
}

impl Denial {
    pub(crate) fn plain(message: String) -> Self {
        Self { message, reason: None, index: 0 }
    }
}

/// What expressions read, and what they may still cost.
pub(crate) struct Scope<'a> {
    object: &'a Value,
    old: &'a Value,
    request: &'a Value,
    params: &'a Value,
    namespace: &'a Value,
    pub(super) rights: &'a dyn Authority,
    variables: Value,
    /// Why variables have no value, by name: it matters only to what reads them.
    failed: BTreeMap<String, String>,
    budget: u64,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        object: &'a Value,
        old: &'a Value,
        request: &'a Value,
        params: &'a Value,
        namespace: &'a Value,
        rights: &'a dyn Authority,
    ) -> Self {
        let (variables, failed) = (Value::Object(Map::new()), BTreeMap::new());
        Self { object, old, request, params, namespace, rights, variables, failed, budget: OBJECT_BUDGET }
    }

    pub(super) fn bindings(&self) -> [(&'static str, &Value); 6] {
        [
            ("object", self.object),
            ("oldObject", self.old),
            ("request", self.request),
            ("params", self.params),
            ("namespaceObject", self.namespace),
            ("variables", &self.variables),
        ]
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Result<Value, String> {
        let mut budget = self.budget;
        let result = daemon::aside(|| expression.evaluate(&self.bindings(), self.rights, &mut budget));
        self.budget = budget;
        result.map_err(|error| self.explained(expression, error))
    }

    /// An expression that misses a variable says why the variable has no value.
    fn explained(&self, expression: &Expression, error: String) -> String {
        let missing = self.failed.iter().find(|(name, _)| error.ends_with(&format!("no such key: {name}")));
        match missing {
            None => error,
            Some((name, why)) => format!(
                "expression '{}' resulted in error: composited variable {name:?} fails to evaluate: {why}",
                expression.source
            ),
        }
    }

    /// Gives a variable its value; later ones may read it.
    pub(super) fn define(&mut self, name: &str, expression: &Expression) {
        match self.value(expression) {
            Ok(value) => {
                if let Value::Object(variables) = &mut self.variables {
                    variables.insert(name.to_owned(), value);
                }
            }
            Err(error) => drop(self.failed.insert(name.to_owned(), error)),
        }
    }
}

/// Everything that a policy has against what the scope holds, and what it wants noted.
pub(crate) fn evaluate(policy: &Policy, mut scope: Scope<'_>) -> (Vec<Denial>, Vec<(String, String)>) {
    for (name, expression) in &policy.variables {
        scope.define(name, expression);
    }
    let fails = policy.failure == FailurePolicy::Fail;
    match policy.conditions.evaluate(&scope.bindings(), scope.rights) {
        Outcome::Met => {}
        Outcome::Unmet => return Default::default(),
        Outcome::Failed(why) => {
            return (fails.then(|| Denial::plain(why)).into_iter().collect(), Vec::new());
        }
    }
    let mut denials = Vec::new();
    for (index, validation) in policy.validations.iter().enumerate() {
        match scope.value(&validation.expression) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => denials.push(Denial {
                message: message_of(validation, &mut scope),
                reason: validation.reason.clone(),
                index,
            }),
            Err(error) if fails => denials.push(Denial { index, ..Denial::plain(error) }),
            Err(_) => {}
        }
    }
    let (failed, noted) = annotate(policy, &mut scope);
    denials.extend(failed.into_iter().filter(|_| fails));
    (denials, noted)
}

/// What the client reads: what the expression makes, what the policy says, or the expression that failed.
fn message_of(validation: &Validation, scope: &mut Scope<'_>) -> String {
    let made = validation.message_expression.as_ref().map(|it| scope.value(it));
    if let Some(Ok(Value::String(text))) = made {
        let text = text.trim();
        if !text.is_empty() && !text.contains('\n') && text.len() <= LONGEST_MESSAGE {
            return text.to_owned();
        }
    }
    match validation.message.as_deref().map(str::trim).filter(|it| !it.is_empty()) {
        Some(message) => message.to_owned(),
        None => format!("failed expression: {}", validation.expression.source.trim()),
    }
}

/// What the policy wants noted; an expression that fails counts like any other.
fn annotate(policy: &Policy, scope: &mut Scope<'_>) -> (Vec<Denial>, Vec<(String, String)>) {
    let (mut denials, mut noted) = (Vec::new(), Vec::new());
    for (key, expression) in &policy.annotations {
        match scope.value(expression) {
            Ok(Value::String(value)) => {
                let value: String = value.trim().chars().take(LONGEST_ANNOTATION).collect();
                noted.extend((!value.is_empty()).then(|| (key.clone(), value)));
            }
            Ok(_) => {}
            Err(error) => denials.push(Denial::plain(error)),
        }
    }
    (denials, noted)
}
