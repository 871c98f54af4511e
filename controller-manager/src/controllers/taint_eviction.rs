//! Evicts running pods from nodes whose `NoExecute` taints they do not tolerate, or no longer.

use crate::common::{pods, write};
use api::{Key, Subresource, Time, pod};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, PodCondition, Taint, Toleration};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use serde_json::json;

/// The controller of taint-based evictions. Its keys are pods.
pub(crate) enum TaintEvictionController {}

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    pod: &'a Pod,
    taints: Vec<&'a Taint>,
}

impl Controller for TaintEvictionController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "taint-eviction-controller";
    const WATCHES: &'static [Watch] = &[Watch::mapped::<Pod>(pod_wakes), Watch::mapped::<Node>(node_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let pod = caches.at::<Pod>(key).filter(|it| pod::is_active(it))?;
        let taints = evicting(caches.get::<Node>("", pod::node_name(pod))?);
        (!taints.is_empty()).then_some(Observed { pod, taints })
    }

    fn reconcile(Observed { pod, taints }: Observed<'_>, now: Timestamp) -> Plan {
        match stay(pod, &taints) {
            Stay::Forever => Plan::nothing(),
            Stay::Until(moment) => match pods::until(moment, SignedDuration::ZERO, now) {
                Some(wait) => Plan::nothing().again_after(wait),
                None => evict(pod, now),
            },
        }
    }
}

/// Pods on nodes without such taints concern nobody.
fn pod_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(pod) = change.new.as_ref().and_then(|it| it.get::<Pod>()) else { return Vec::new() };
    let node = caches.get::<Node>("", pod::node_name(pod));
    node.filter(|it| !evicting(it).is_empty()).map(|_| write::key_of(pod)).into_iter().collect()
}

/// A node whose such taints have changed concerns its pods.
fn node_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(new) = change.new.as_ref().and_then(|it| it.get::<Node>()) else { return Vec::new() };
    let before = change.old.as_ref().and_then(|it| it.get::<Node>()).map(evicting).unwrap_or_default();
    if evicting(new) == before {
        return Vec::new();
    }
    let name = api::meta::name(&new.metadata);
    caches.all::<Pod>().filter(|it| pod::node_name(it) == name).map(write::key_of).collect()
}

fn evicting(node: &Node) -> Vec<&Taint> {
    let all = node.spec.iter().flat_map(|it| it.taints.iter().flatten());
    all.filter(|it| it.effect == "NoExecute").collect()
}

/// How long a pod may stay.
#[derive(Debug, PartialEq, Eq)]
enum Stay {
    Forever,
    Until(Timestamp),
}

/// The first moment at which a taint is not tolerated any more.
fn stay(pod: &Pod, taints: &[&Taint]) -> Stay {
    let tolerations: Vec<&Toleration> =
        pod.spec.iter().flat_map(|it| it.tolerations.iter().flatten()).collect();
    let ends = taints.iter().filter_map(|taint| {
        let fitting: Vec<&&Toleration> = tolerations.iter().filter(|it| tolerates(it, taint)).collect();
        if fitting.is_empty() {
            return Some(Timestamp::MIN);
        }
        let seconds = fitting.iter().filter_map(|it| it.toleration_seconds).min()?;
        let since = taint.time_added.as_ref().map_or(Timestamp::MAX, |it| it.0);
        Some(since.saturating_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX))
    });
    ends.min().map_or(Stay::Forever, Stay::Until)
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let is_open = |it: &Option<String>| it.as_deref().unwrap_or_default().is_empty();
    let same = |it: &Option<String>, other: &str| it.as_deref().unwrap_or_default() == other;
    if !is_open(&toleration.effect) && !same(&toleration.effect, &taint.effect) {
        return false;
    }
    if !is_open(&toleration.key) && !same(&toleration.key, &taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        _ => !is_open(&toleration.key) && same(&toleration.value, taint.value.as_deref().unwrap_or_default()),
    }
}

fn evict(pod: &Pod, now: Timestamp) -> Plan {
    let name = write::key_of(pod);
    let message = format!("Marking for deletion Pod {}/{}", name.namespace, name.name);
    let why = "Taint manager: deleting due to NoExecute taint";
    Plan::of(vec![
        write::normal(pod, "TaintManagerEviction", message),
        disrupt(pod, "DeletionByTaintManager", why, None, now),
        write::delete(pod),
    ])
}

/// Says in the pod's status why it is deleted, and what phase that ends it in.
pub(super) fn disrupt(pod: &Pod, reason: &str, why: &str, phase: Option<&str>, now: Timestamp) -> Action {
    const TYPE: &str = "DisruptionTarget";
    let before = pod.status.iter().flat_map(|it| it.conditions.iter().flatten());
    let mut conditions: Vec<PodCondition> = before.filter(|it| it.type_ != TYPE).cloned().collect();
    conditions.push(PodCondition {
        type_: TYPE.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(why.to_owned()),
        last_transition_time: Some(Time(now)),
        ..PodCondition::default()
    });
    let mut patch = json!({"status": {"conditions": conditions}});
    if let Some(phase) = phase {
        patch["status"]["phase"] = json!(phase);
    }
    write::guarded_patch(write::key_of(pod), &pod.metadata, Some(Subresource::Status), patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn tolerations_say_how_long_a_pod_stays() {
        let check = |tolerations: Value, expect: Option<i64>| {
            let pod: Pod =
                serde_json::from_value(json!({"spec": {"containers": [], "tolerations": tolerations}}))
                    .unwrap();
            let taint: Taint = serde_json::from_value(json!({
                "key": "k", "value": "v", "effect": "NoExecute", "timeAdded": "1970-01-01T00:00:00Z",
            }))
            .unwrap();
            let expect = match expect {
                None => Stay::Forever,
                Some(-1) => Stay::Until(Timestamp::MIN),
                Some(seconds) => Stay::Until(Timestamp::from_second(seconds).unwrap()),
            };
            assert_eq!(stay(&pod, &[&taint]), expect);
        };
        check(json!([]), Some(-1));
        check(json!([{"operator": "Exists"}]), None);
        check(json!([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}]), Some(-1));
        check(json!([{"key": "k", "operator": "Exists", "tolerationSeconds": 300}]), Some(300));
        check(json!([{"key": "k", "value": "v", "tolerationSeconds": 5}, {"operator": "Exists"}]), Some(5));
        check(json!([{"key": "k", "value": "other"}]), Some(-1));
        check(json!([{"operator": "Exists", "tolerationSeconds": -3}]), Some(0));
    }
}
