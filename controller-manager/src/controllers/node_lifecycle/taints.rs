//! Which taints a node's conditions ask for.

use api::Time;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Condition, its status, and the taint that it asks for.
const BY_CONDITION: &[(&str, &str, &str)] = &[
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
];

/// The taints that the node should have: those of others as they are, ours by its conditions. What evicts pods says
/// since when.
pub(super) fn of(node: &Node, old: &[Taint], now: Timestamp) -> Vec<Taint> {
    let wanted = wanted(node);
    let is_wanted = |it: &Taint| wanted.iter().any(|(key, effect)| it.key == *key && it.effect == *effect);
    let mut all: Vec<Taint> = old.iter().filter(|it| !is_ours(it) || is_wanted(it)).cloned().collect();
    for (key, effect) in &wanted {
        if !all.iter().any(|it| it.key == *key && it.effect == *effect) {
            all.push(Taint { key: (*key).to_owned(), effect: (*effect).to_owned(), ..Taint::default() });
        }
    }
    for taint in all.iter_mut().filter(|it| it.effect == "NoExecute") {
        taint.time_added.get_or_insert(Time(now));
    }
    all
}

fn wanted(node: &Node) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    let conditions = node.status.iter().flat_map(|it| it.conditions.iter().flatten());
    for condition in conditions {
        let rows = BY_CONDITION
            .iter()
            .filter(|(type_, status, _)| condition.type_ == *type_ && condition.status == *status);
        for (type_, _, key) in rows {
            wanted.push((*key, "NoSchedule"));
            if *type_ == "Ready" {
                wanted.push((*key, "NoExecute"));
            }
        }
    }
    if node.spec.as_ref().is_some_and(|it| it.unschedulable == Some(true)) {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    wanted
}

fn is_ours(taint: &Taint) -> bool {
    let by_condition = BY_CONDITION.iter().any(|(_, _, key)| taint.key == *key);
    by_condition && matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
        || taint.key == UNSCHEDULABLE && taint.effect == "NoSchedule"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(spec: Value, conditions: &[(&str, &str)], expect: &[&str]) {
        let conditions: Vec<Value> =
            conditions.iter().map(|(type_, status)| json!({"type": type_, "status": status})).collect();
        let node: Node =
            serde_json::from_value(json!({"spec": spec, "status": {"conditions": conditions}})).unwrap();
        let old = node.spec.as_ref().and_then(|it| it.taints.clone()).unwrap_or_default();
        let taints = of(&node, &old, Timestamp::UNIX_EPOCH);
        let got: Vec<String> = taints.iter().map(|it| format!("{}:{}", it.key, it.effect)).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn taints_follow_conditions() {
        let taint = |key: &str, effect: &str| json!({"key": key, "effect": effect});
        check(json!({}), &[("Ready", "True")], &[]);
        check(
            json!({}),
            &[("Ready", "False"), ("DiskPressure", "True")],
            &[
                "node.kubernetes.io/not-ready:NoSchedule",
                "node.kubernetes.io/not-ready:NoExecute",
                "node.kubernetes.io/disk-pressure:NoSchedule",
            ],
        );
        check(
            json!({"taints": [taint(NOT_READY, "NoSchedule"), taint("mine", "NoSchedule")]}),
            &[("Ready", "True")],
            &["mine:NoSchedule"],
        );
        check(json!({"unschedulable": true}), &[], &["node.kubernetes.io/unschedulable:NoSchedule"]);
        check(json!({"taints": [taint(UNSCHEDULABLE, "NoSchedule")]}), &[], &[]);
    }
}
