//! Pods of one owner prefer different nodes and zones, as upstream's default topology spreading has it.

use crate::framework::{BEST, Plugin, normalize};
use crate::{NodeInfo, PodInfo, Snapshot};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) struct Spread;

const ZONE: &str = "topology.kubernetes.io/zone";

impl Plugin for Spread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }
    fn score(&self, pod: &PodInfo, nodes: &[Arc<NodeInfo>], cluster: &Snapshot) -> Option<Vec<i64>> {
        let owner = owner_of(pod)?;
        let counts =
            cluster.count_pods(|it| owner_of(it) == Some(owner) && it.key.namespace == pod.key.namespace);
        let on_node = |node: &NodeInfo| counts.get(node.name()).copied().unwrap_or(0);
        let mut in_zone: HashMap<&str, i64> = HashMap::new();
        for node in cluster.nodes() {
            *in_zone.entry(zone_of(node)).or_default() += on_node(node);
        }
        let by_node = normalize(nodes.iter().map(|it| on_node(it)).collect(), true);
        let zoned = nodes.iter().any(|it| !zone_of(it).is_empty());
        if !zoned {
            return Some(by_node);
        }
        let by_zone = normalize(nodes.iter().map(|it| in_zone[zone_of(it)]).collect(), true);
        // Zones fail together more rarely but hurt more: upstream gives them two thirds.
        Some(by_node.iter().zip(by_zone).map(|(node, zone)| ((node + 2 * zone) / 3).min(BEST)).collect())
    }
    fn weight(&self) -> i64 {
        2
    }
}

fn owner_of(pod: &PodInfo) -> Option<&str> {
    api::owner::controller(pod.pod.meta()).map(|it| it.uid.as_str())
}

fn zone_of(node: &NodeInfo) -> &str {
    node.labels().and_then(|it| it.get(ZONE)).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use crate::plugins::fixtures::{check, cluster, node, pod};
    use crate::{PodInfo, Snapshot};
    use api::k8s::api::core::v1::Pod;
    use serde_json::json;
    use std::sync::Arc;

    fn owned(name: &str) -> PodInfo {
        let mut value = pod(name, json!({})).pod().clone();
        value.metadata.owner_references = Some(vec![api::OwnerReference {
            uid: "rs".to_owned(),
            controller: Some(true),
            ..Default::default()
        }]);
        PodInfo::of(&Arc::new(Pod::into(value))).expect("a pod")
    }

    fn three() -> Snapshot {
        cluster(["a", "b", "c"].map(|it| node(it, json!({}))))
    }

    #[test]
    fn siblings_go_to_different_nodes() {
        let mut cluster = three();
        cluster.put_pod("a", Arc::new(owned("1")));
        cluster.put_pod("c", Arc::new(owned("2")));
        check(&owned("3"), &cluster, "b");
    }

    #[test]
    fn siblings_go_to_different_zones() {
        let zone = |name: &str, zone: &str| node(name, json!({"metadata": {"labels": {super::ZONE: zone}}}));
        let mut cluster = cluster([zone("a", "x"), zone("b", "x"), zone("c", "y")]);
        cluster.put_pod("a", Arc::new(owned("1")));
        check(&owned("2"), &cluster, "c");
    }
}
