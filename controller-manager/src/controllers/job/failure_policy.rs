//! What a job's pod failure policy makes of one failed pod.

use api::meta;
use k8s_openapi::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// What a failure leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It counts against the limits.
    Count,
    /// It does not count.
    Ignore,
    /// The whole job fails; the text says why.
    FailJob(String),
    /// The index fails for good.
    FailIndex,
}

/// The outcome of the first rule that fits.
pub(super) fn judge(policy: Option<&PodFailurePolicy>, failed: &Pod) -> Outcome {
    let rules = policy.into_iter().flat_map(|it| &it.rules).enumerate();
    for (index, rule) in rules {
        let Some(why) = fits(rule, failed) else { continue };
        return match rule.action.as_str() {
            "Ignore" => Outcome::Ignore,
            "FailIndex" => Outcome::FailIndex,
            "FailJob" => Outcome::FailJob(format!("{why} matching FailJob rule at index {index}")),
            _ => Outcome::Count,
        };
    }
    Outcome::Count
}

/// How the rule fits the pod, if it does.
fn fits(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let (namespace, name) = (meta::namespace(&pod.metadata), meta::name(&pod.metadata));
    if let Some(codes) = &rule.on_exit_codes {
        let (container, code) = container_that_fits(codes, pod)?;
        return Some(format!(
            "Container {container} for pod {namespace}/{name} failed with exit code {code}"
        ));
    }
    let patterns = rule.on_pod_conditions.iter().flatten();
    let found = patterns.into_iter().find(|it| has_condition(pod, it))?;
    Some(format!("Pod {namespace}/{name} has condition {}", found.type_))
}

fn container_that_fits<'a>(
    codes: &PodFailurePolicyOnExitCodesRequirement,
    pod: &'a Pod,
) -> Option<(&'a str, i32)> {
    let status = pod.status.as_ref()?;
    let all = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let named = all.filter(|it| codes.container_name.as_ref().is_none_or(|name| *name == it.name));
    let ended = named.filter_map(|it| Some((it.name.as_str(), exit_code(it)?)));
    ended.into_iter().find(|(_, code)| *code != 0 && codes.values.contains(code) == (codes.operator == "In"))
}

fn exit_code(status: &ContainerStatus) -> Option<i32> {
    Some(status.state.as_ref()?.terminated.as_ref()?.exit_code)
}

fn has_condition(pod: &Pod, pattern: &PodFailurePolicyOnPodConditionsPattern) -> bool {
    let wanted = pattern.status.as_deref().unwrap_or("True");
    api::pod::condition(pod, &pattern.type_).is_some_and(|it| it.status == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(rules: Value, expect: Outcome) {
        let policy: PodFailurePolicy = serde_json::from_value(json!({"rules": rules})).unwrap();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"namespace": "d", "name": "p"},
            "status": {
                "conditions": [{"type": "DisruptionTarget", "status": "True"}],
                "containerStatuses": [{"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                    "state": {"terminated": {"exitCode": 42}}}],
            },
        }))
        .unwrap();
        assert_eq!(judge(Some(&policy), &pod), expect);
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let codes = |operator: &str, values: Value| json!({"operator": operator, "values": values});
        let rule = |action: &str, codes: Value| json!({"action": action, "onExitCodes": codes});
        let on =
            |type_: &str| json!({"action": "Ignore", "onPodConditions": [{"type": type_, "status": "True"}]});
        check(json!([]), Outcome::Count);
        check(json!([rule("Ignore", codes("In", json!([1])))]), Outcome::Count);
        check(json!([rule("FailIndex", codes("NotIn", json!([1])))]), Outcome::FailIndex);
        check(json!([on("Other"), on("DisruptionTarget")]), Outcome::Ignore);
        let message = "Container main for pod d/p failed with exit code 42 matching FailJob rule at index 1";
        check(
            json!([on("Other"), rule("FailJob", codes("In", json!([42])))]),
            Outcome::FailJob(message.to_owned()),
        );
    }
}
