//! A cordoned node takes no new pods, but for those that tolerate it.

use super::taints::tolerates;
use crate::framework::{Plugin, Reject};
use crate::queue::Cause;
use crate::{NodeInfo, PodInfo};
use api::k8s::api::core::v1::Taint;

pub(super) struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reject>> {
        let spec = node.node().and_then(|it| it.spec.as_ref());
        if spec.is_none_or(|it| it.unschedulable != Some(true)) {
            return Ok(());
        }
        let taint = Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        };
        if tolerates(pod.spec(), &taint) {
            return Ok(());
        }
        Err(vec![Reject::because("node(s) were unschedulable")])
    }
    fn wakes_on(&self) -> &'static [Cause] {
        &[Cause::NodeAdded, Cause::NodeChanged]
    }
}

#[cfg(test)]
mod tests {
    use crate::plugins::fixtures::{check, cluster, node, pod};
    use serde_json::json;

    #[test]
    fn cordoned_nodes_take_only_those_who_tolerate_it() {
        let cluster = cluster([node("a", json!({"spec": {"unschedulable": true}}))]);
        check(&pod("p", json!({})), &cluster, "0/1 nodes are available: 1 node(s) were unschedulable.");
        let toleration = json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"});
        check(&pod("p", json!({"tolerations": [toleration]})), &cluster, "a");
    }
}
