//! What is wrong with what a job says of failure and success: KEP-3329 and KEP-3998.

use super::INDEXED;
use crate::field::{Error, Errors, Path};
use crate::validation::common::{all, not_negative, one_of, shown};
use crate::validation::names;
use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicyRule,
};
use std::collections::BTreeSet;

/// Most rules of a policy, and most patterns of a rule.
const MOST_RULES: usize = 20;
/// Most exit codes of a rule.
const MOST_CODES: usize = 255;
/// Most bytes of a list of indexes.
const MOST_OF_INDEXES: usize = 64 * 1024;
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];

pub(super) fn policies(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    failure(errors, &path.child("podFailurePolicy").child("rules"), spec);
    success(errors, &path.child("successPolicy"), spec);
    if let Some(policy) = spec.pod_replacement_policy.as_deref() {
        let both: &[&str] = &["Failed", "TerminatingOrFailed"];
        let known = if spec.pod_failure_policy.is_some() { &both[..1] } else { both };
        if !known.contains(&policy) {
            errors.push(Error::not_supported(&path.child("podReplacementPolicy"), policy, known));
        }
    }
}

fn failure(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    let Some(policy) = &spec.pod_failure_policy else { return };
    if policy.rules.len() > MOST_RULES {
        errors.push(Error::too_many(path, policy.rules.len(), MOST_RULES));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        failure_rule(errors, &path.index(index), rule, spec);
    }
}

fn failure_rule(errors: &mut Errors, path: &Path, rule: &PodFailurePolicyRule, spec: &JobSpec) {
    let action = path.child("action");
    match rule.action.as_str() {
        "" => {
            let detail = r#"valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#;
            errors.push(Error::required(&action, detail));
        }
        "FailIndex" if spec.backoff_limit_per_index.is_none() => {
            let detail = "requires the backoffLimitPerIndex to be set";
            errors.push(Error::invalid(&action, "FailIndex", detail));
        }
        known if ACTIONS.contains(&known) => {}
        other => errors.push(Error::not_supported(&action, other, &ACTIONS)),
    }
    if let Some(codes) = &rule.on_exit_codes {
        exit_codes(errors, &path.child("onExitCodes"), codes, spec);
    }
    let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
    conditions(errors, &path.child("onPodConditions"), rule);
    let detail = match (rule.on_exit_codes.is_some(), patterns.is_empty()) {
        (true, false) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (false, true) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    errors.push(Error::invalid_as_a_whole(path, detail));
}

fn conditions(errors: &mut Errors, path: &Path, rule: &PodFailurePolicyRule) {
    let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
    if patterns.len() > MOST_RULES {
        errors.push(Error::too_many(path, patterns.len(), MOST_RULES));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let path = path.index(index);
        all(errors, &path.child("type"), &pattern.type_, names::qualified_name(&pattern.type_));
        let status = pattern.status.as_deref();
        one_of(errors, &path.child("status"), status, &["False", "True", "Unknown"]);
    }
}

fn exit_codes(
    errors: &mut Errors,
    path: &Path,
    codes: &PodFailurePolicyOnExitCodesRequirement,
    spec: &JobSpec,
) {
    one_of(errors, &path.child("operator"), Some(&codes.operator), &["In", "NotIn"]);
    let template = spec.template.spec.as_ref();
    let containers = || {
        template.into_iter().flat_map(|it| it.containers.iter().chain(it.init_containers.iter().flatten()))
    };
    if let Some(name) = codes.container_name.as_ref()
        && !containers().any(|it| it.name == *name)
    {
        let detail = "must be one of the container or initContainer names in the pod template";
        errors.push(Error::invalid(&path.child("containerName"), name.as_str(), detail));
    }
    let path = path.child("values");
    if codes.values.is_empty() {
        errors.push(Error::invalid(&path, shown(&codes.values), "at least one value is required"));
    } else if codes.values.len() > MOST_CODES {
        errors.push(Error::too_many(&path, codes.values.len(), MOST_CODES));
    }
    let mut seen = BTreeSet::new();
    for (index, code) in codes.values.iter().enumerate() {
        if codes.operator == "In" && *code == 0 {
            errors.push(Error::invalid(&path.index(index), 0, "must not be 0 for the In operator"));
        }
        if !seen.insert(code) {
            errors.push(Error::duplicate(&path.index(index), *code));
        }
    }
    if !codes.values.is_sorted() {
        errors.push(Error::invalid(&path, shown(&codes.values), "must be ordered"));
    }
}

fn success(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    let Some(policy) = &spec.success_policy else { return };
    if spec.completion_mode.as_deref() != Some(INDEXED) {
        errors.push(Error::invalid(path, shown(policy), "requires indexed completion mode"));
        return;
    }
    let path = path.child("rules");
    if policy.rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(Error::required(&path, detail));
    }
    if policy.rules.len() > MOST_RULES {
        errors.push(Error::too_many(&path, policy.rules.len(), MOST_RULES));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        success_rule(errors, &path.index(index), rule, spec.completions.unwrap_or(0));
    }
}

fn success_rule(errors: &mut Errors, path: &Path, rule: &SuccessPolicyRule, completions: i32) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(Error::required(path, detail));
    }
    let mut total = None;
    if let Some(text) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if text.len() > MOST_OF_INDEXES {
            errors.push(Error::too_long(&path, MOST_OF_INDEXES));
        }
        let counted = count_indexes(text, completions).map_err(|why| {
            let detail = format!("error parsing succeededIndexes: {why}");
            errors.push(Error::invalid(&path, text.as_str(), detail));
        });
        total = Some(counted.unwrap_or(0));
    }
    let Some(count) = rule.succeeded_count else { return };
    let path = path.child("succeededCount");
    not_negative(errors, &path, Some(i64::from(count)));
    let mut at_most = |most: i32, what: &str| {
        if count > most {
            let detail = format!("must be less than or equal to {most} (the number of {what})");
            errors.push(Error::invalid(&path, count, detail));
        }
    };
    at_most(completions, "specified completions");
    if let Some(total) = total {
        at_most(total, "indexes in the specified succeededIndexes field");
    }
}

/// How many indexes a list such as `0,2-4` has, each below `completions`.
fn count_indexes(text: &str, completions: i32) -> Result<i32, String> {
    let (mut last, mut total) = (-1, 0);
    for interval in text.split(',').filter(|_| !text.is_empty()) {
        let (first, end) = interval_of(interval, completions)?;
        if last >= first {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = end;
    }
    Ok(total)
}

fn interval_of(text: &str, completions: i32) -> Result<(i32, i32), String> {
    let index = |part: &str| {
        let number: i32 =
            part.parse().map_err(|_| format!("cannot convert string to integer for index: {part:?}"))?;
        if number >= completions { Err(format!("too large index: {part:?}")) } else { Ok(number) }
    };
    match text.split('-').collect::<Vec<_>>()[..] {
        [one] => index(one).map(|it| (it, it)),
        [first, end] => match (index(first)?, index(end)?) {
            (first, end) if first >= end => {
                Err(format!("non-increasing order, previous: {first}, current: {end}"))
            }
            interval => Ok(interval),
        },
        _ => Err(format!(
            "the fragment {text:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_counted() {
        let check = |text: &str, expect: Result<i32, &str>| {
            assert_eq!(count_indexes(text, 5), expect.map_err(str::to_owned), "{text}");
        };
        check("", Ok(0));
        check("0,2-4", Ok(4));
        check("5", Err("too large index: \"5\""));
        check("a", Err("cannot convert string to integer for index: \"a\""));
        check("2-1", Err("non-increasing order, previous: 2, current: 1"));
        check("2,1", Err("non-increasing order, previous: 2, current: 1"));
    }
}
