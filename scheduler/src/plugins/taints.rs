//! Taints keep pods away unless they tolerate them; PreferNoSchedule only makes a node less liked.

use crate::framework::{Plugin, Reject, normalize};
use crate::queue::Cause;
use crate::{NodeInfo, PodInfo, Snapshot};
use api::k8s::api::core::v1::{PodSpec, Taint, Toleration};
use std::sync::Arc;

pub(super) struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reject>> {
        let keeps_away = |it: &&Taint| matches!(it.effect.as_str(), "NoSchedule" | "NoExecute");
        let untolerated = node.taints().iter().filter(keeps_away).find(|it| !tolerates(pod.spec(), it));
        untolerated.map_or(Ok(()), |it| {
            let value = it.value.as_deref().unwrap_or_default();
            Err(vec![Reject::because(format!("node(s) had untolerated taint {{{}: {value}}}", it.key))])
        })
    }
    fn score(&self, pod: &PodInfo, nodes: &[Arc<NodeInfo>], _: &Snapshot) -> Option<Vec<i64>> {
        let disliked = |node: &NodeInfo| {
            let soft = node.taints().iter().filter(|it| it.effect == "PreferNoSchedule");
            soft.filter(|it| !tolerates(pod.spec(), it)).count() as i64
        };
        Some(normalize(nodes.iter().map(|it| disliked(it)).collect(), true))
    }
    fn weight(&self) -> i64 {
        3
    }
    fn wakes_on(&self) -> &'static [Cause] {
        &[Cause::NodeAdded, Cause::NodeChanged]
    }
}

/// Whether a pod tolerates a taint.
pub(crate) fn tolerates(spec: &PodSpec, taint: &Taint) -> bool {
    spec.tolerations.iter().flatten().any(|it| matches(it, taint))
}

fn matches(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
    if given(&toleration.effect).is_some_and(|it| it != taint.effect) {
        return false;
    }
    if given(&toleration.key).is_some_and(|it| it != taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => {
            given(&toleration.key).is_some()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::plugins::fixtures::{check, cluster, node, pod};
    use serde_json::{Value, json};

    fn tainted(effect: &str) -> Value {
        json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": effect}]}})
    }

    #[test]
    fn taints_keep_away_those_who_do_not_tolerate_them() {
        let cluster = cluster([node("a", tainted("NoSchedule"))]);
        let tolerating = |it: Value| pod("p", json!({"tolerations": [it]}));
        let refused = "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}.";
        check(&pod("p", json!({})), &cluster, refused);
        check(&tolerating(json!({"key": "gpu", "operator": "Exists"})), &cluster, "a");
        check(&tolerating(json!({"key": "gpu", "value": "yes", "effect": "NoSchedule"})), &cluster, "a");
        check(&tolerating(json!({"operator": "Exists"})), &cluster, "a");
        check(&tolerating(json!({"key": "gpu", "value": "no"})), &cluster, refused);
        check(
            &tolerating(json!({"key": "gpu", "operator": "Exists", "effect": "NoExecute"})),
            &cluster,
            refused,
        );
    }

    #[test]
    fn soft_taints_are_avoided_where_possible() {
        let soft = cluster([node("a", tainted("PreferNoSchedule")), node("b", json!({}))]);
        check(&pod("p", json!({})), &soft, "b");
        check(&pod("p", json!({})), &cluster([node("a", tainted("PreferNoSchedule"))]), "a");
    }
}
