//! What is wrong with the expressions of policies and webhooks, which the vocabulary of the API cannot judge.

use super::index::VARIABLES;
use crate::admission::{Attempt, Plugin, View};
use crate::webhooks::condition::{self, Expression};
use api::field::{Error, Errors, Path};
use api::k8s::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicySpec,
    ValidatingWebhookConfiguration,
};
use api::{ApiError, Object};
use structural::cel::Program;

/// See the module.
pub(crate) struct Expressions;

impl Plugin for Expressions {
    fn validate(&self, attempt: &Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let Some(new) = attempt.object.as_deref() else { return Ok(()) };
        // What was let in once stays; only a change is judged.
        if attempt.old.is_some_and(|old| old.same_spec(new)) {
            return Ok(());
        }
        let errors = errors_of(new);
        if errors.is_empty() {
            return Ok(());
        }
        Err(ApiError::invalid(attempt.kind.row(), &attempt.key.name, &errors))
    }
}

fn errors_of(object: &Object) -> Errors {
    let mut errors = Errors::new();
    if let Some(policy) = object.get::<ValidatingAdmissionPolicy>() {
        let spec = policy.spec.clone().unwrap_or_default();
        policy_errors(&mut errors, &Path::new("spec"), &spec);
    }
    let mutating = object.get::<MutatingWebhookConfiguration>().and_then(|it| it.webhooks.as_ref());
    let validating = object.get::<ValidatingWebhookConfiguration>().and_then(|it| it.webhooks.as_ref());
    let mutating = mutating.into_iter().flatten().map(|it| it.match_conditions.as_deref());
    let validating = validating.into_iter().flatten().map(|it| it.match_conditions.as_deref());
    for (index, conditions) in mutating.chain(validating).enumerate() {
        let path = Path::new("webhooks").index(index).child("matchConditions");
        condition_errors(&mut errors, &path, conditions, condition::VARIABLES);
    }
    errors
}

fn policy_errors(errors: &mut Errors, path: &Path, spec: &ValidatingAdmissionPolicySpec) {
    let rules = spec.match_constraints.as_ref().and_then(|it| it.resource_rules.as_ref());
    if spec.match_constraints.is_none() {
        errors.push(Error::required(&path.child("matchConstraints"), ""));
    } else if rules.is_none_or(Vec::is_empty) {
        errors.push(Error::required(&path.child("matchConstraints").child("resourceRules"), ""));
    }
    let (validations, annotations) = (path.child("validations"), path.child("auditAnnotations"));
    if spec.validations.iter().flatten().count() + spec.audit_annotations.iter().flatten().count() == 0 {
        let detail = "validations or auditAnnotations must be present";
        errors.push(Error::required(&validations, detail));
    }
    condition_errors(errors, &path.child("matchConditions"), spec.match_conditions.as_deref(), VARIABLES);
    for (index, variable) in spec.variables.iter().flatten().enumerate() {
        let path = path.child("variables").index(index).child("expression");
        expression(errors, &path, &variable.expression, VARIABLES, |_| true, "");
    }
    for (index, it) in spec.validations.iter().flatten().enumerate() {
        let path = validations.index(index);
        boolean(errors, &path.child("expression"), &it.expression, VARIABLES);
        if let Some(text) = it.message_expression.as_deref().filter(|it| !it.is_empty()) {
            self::text(errors, &path.child("messageExpression"), text);
        }
        let known = ["Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge"];
        if let Some(reason) = it.reason.as_deref().filter(|it| !it.is_empty() && !known.contains(it)) {
            errors.push(Error::not_supported(&path.child("reason"), reason, &known));
        }
    }
    for (index, it) in spec.audit_annotations.iter().flatten().enumerate() {
        let path = annotations.index(index).child("valueExpression");
        expression(errors, &path, &it.value_expression, VARIABLES, |_| true, "");
    }
}

fn condition_errors(
    errors: &mut Errors,
    path: &Path,
    conditions: Option<&[MatchCondition]>,
    variables: &[&str],
) {
    for (index, condition) in conditions.unwrap_or_default().iter().enumerate() {
        let path = path.index(index);
        if condition.name.is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        }
        boolean(errors, &path.child("expression"), &condition.expression, variables);
    }
}

fn boolean(errors: &mut Errors, path: &Path, source: &str, variables: &[&str]) {
    expression(errors, path, source, variables, Program::may_be_bool, "must evaluate to bool");
}

fn text(errors: &mut Errors, path: &Path, source: &str) {
    expression(errors, path, source, VARIABLES, Program::may_be_text, "must evaluate to string");
}

fn expression(
    errors: &mut Errors,
    path: &Path,
    source: &str,
    variables: &[&str],
    fits: impl Fn(&Program) -> bool,
    unfit: &str,
) {
    if source.trim().is_empty() {
        errors.push(Error::required(path, "expression is not specified"));
        return;
    }
    let compiled = Expression::compile(source, variables);
    if let Some(why) = compiled.error() {
        errors.push(Error::invalid(path, source, why));
    } else if !compiled.may_be(fits) {
        errors.push(Error::invalid(path, source, unfit));
    }
}
