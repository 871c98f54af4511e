//! What is wrong with the expressions of policies and webhooks, which the vocabulary of the API cannot judge.

use super::index::VARIABLES;
use crate::admission::{Attempt, Plugin, View};
use crate::webhooks::condition::{self, Expression};
use api::field::{Error, Errors, Path};
use api::k8s::api::admissionregistration::v1::{
    MatchCondition, MutatingAdmissionPolicy, MutatingAdmissionPolicySpec, MutatingWebhookConfiguration,
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicySpec, ValidatingWebhookConfiguration,
};
use api::validation::names;
use api::{ApiError, Object};
use std::collections::BTreeSet;
use structural::cel::Program;

/// Most match conditions of a webhook or a policy.
const MOST_CONDITIONS: usize = 64;

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
    if let Some(policy) = object.get::<MutatingAdmissionPolicy>() {
        let spec = policy.spec.clone().unwrap_or_default();
        mutation_errors(&mut errors, &Path::new("spec"), &spec);
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
    // What a policy does not have its expressions cannot read.
    let without = |left_out: &[&str]| -> Vec<&'static str> {
        let params = if spec.param_kind.is_none() { "params" } else { "" };
        VARIABLES.iter().copied().filter(|it| *it != params && !left_out.contains(it)).collect()
    };
    let all = without(&[]);
    let conditions = path.child("matchConditions");
    condition_errors(errors, &conditions, spec.match_conditions.as_deref(), &without(&["variables"]));
    for (index, variable) in spec.variables.iter().flatten().enumerate() {
        let path = path.child("variables").index(index).child("expression");
        expression(errors, &path, &variable.expression, &all, |_| true, "");
    }
    for (index, it) in spec.validations.iter().flatten().enumerate() {
        let path = path.child("validations").index(index);
        boolean(errors, &path.child("expression"), &it.expression, &all);
        if let Some(text) = it.message_expression.as_deref().filter(|it| !it.trim().is_empty()) {
            // A message is made of what the request says, not of what its user may do.
            self::text(errors, &path.child("messageExpression"), text, &without(&["authorizer"]));
        }
    }
    for (index, it) in spec.audit_annotations.iter().flatten().enumerate() {
        let path = path.child("auditAnnotations").index(index).child("valueExpression");
        if it.value_expression.trim().is_empty() {
            errors.push(Error::required(&path, "valueExpression is not specified"));
        } else {
            let fits = |it: &Program| it.may_be_text() || it.may_be_null();
            expression(
                errors,
                &path,
                &it.value_expression,
                &all,
                fits,
                "must evaluate to string or null_type",
            );
        }
    }
}

fn mutation_errors(errors: &mut Errors, path: &Path, spec: &MutatingAdmissionPolicySpec) {
    let params = if spec.param_kind.is_none() { "params" } else { "" };
    let all: Vec<&str> = VARIABLES.iter().copied().filter(|it| *it != params).collect();
    let plain: Vec<&str> = all.iter().copied().filter(|it| *it != "variables").collect();
    condition_errors(errors, &path.child("matchConditions"), spec.match_conditions.as_deref(), &plain);
    for (index, variable) in spec.variables.iter().flatten().enumerate() {
        let path = path.child("variables").index(index).child("expression");
        change(errors, &path, &variable.expression, &all, |_| true, "");
    }
    for (index, it) in spec.mutations.iter().flatten().enumerate() {
        let path = path.child("mutations").index(index);
        if let Some(configuration) = &it.apply_configuration {
            let (path, source) = (path.child("applyConfiguration"), configuration.expression.as_deref());
            let (path, source) = (path.child("expression"), source.unwrap_or_default());
            change(errors, &path, source, &all, Program::may_be_object, "must evaluate to Object");
        }
        if let Some(patch) = &it.json_patch {
            let (path, source) = (path.child("jsonPatch"), patch.expression.as_deref());
            let (path, source) = (path.child("expression"), source.unwrap_or_default());
            change(errors, &path, source, &all, Program::may_be_patch, "must evaluate to list(JSONPatch)");
        }
    }
}

/// An expression that makes changes.
fn change(
    errors: &mut Errors,
    path: &Path,
    source: &str,
    variables: &[&str],
    fits: impl Fn(&Program) -> bool,
    unfit: &str,
) {
    compiled(errors, path, source, |source| Expression::compile_mutation(source, variables), fits, unfit);
}

fn condition_errors(
    errors: &mut Errors,
    path: &Path,
    conditions: Option<&[MatchCondition]>,
    variables: &[&str],
) {
    let (conditions, mut seen) = (conditions.unwrap_or_default(), BTreeSet::new());
    if conditions.len() > MOST_CONDITIONS {
        errors.push(Error::too_many(path, conditions.len(), MOST_CONDITIONS));
    }
    for (index, condition) in conditions.iter().enumerate() {
        let (path, name) = (path.index(index), condition.name.as_str());
        match name {
            "" => errors.push(Error::required(&path.child("name"), "")),
            _ if !seen.insert(name) => errors.push(Error::duplicate(&path.child("name"), name)),
            _ => errors.extend(
                names::qualified_name(name)
                    .into_iter()
                    .map(|it| Error::invalid(&path.child("name"), name, it)),
            ),
        }
        boolean(errors, &path.child("expression"), &condition.expression, variables);
    }
}

fn boolean(errors: &mut Errors, path: &Path, source: &str, variables: &[&str]) {
    expression(errors, path, source, variables, Program::may_be_bool, "must evaluate to bool");
}

fn text(errors: &mut Errors, path: &Path, source: &str, variables: &[&str]) {
    expression(errors, path, source, variables, Program::may_be_text, "must evaluate to string");
}

fn expression(
    errors: &mut Errors,
    path: &Path,
    source: &str,
    variables: &[&str],
    fits: impl Fn(&Program) -> bool,
    unfit: &str,
) {
    compiled(errors, path, source, |source| Expression::compile(source, variables), fits, unfit);
}

fn compiled(
    errors: &mut Errors,
    path: &Path,
    source: &str,
    compile: impl Fn(&str) -> Expression,
    fits: impl Fn(&Program) -> bool,
    unfit: &str,
) {
    if source.trim().is_empty() {
        errors.push(Error::required(path, "expression is not specified"));
        return;
    }
    let compiled = compile(source);
    if let Some(why) = compiled.error() {
        errors.push(Error::invalid(path, source, why));
    } else if !compiled.may_be(fits) {
        errors.push(Error::invalid(path, source, unfit));
    }
}
