//! A pod fits where enough is left of everything it asks for, and prefers the emptier node.

use crate::framework::{BEST, Plugin, Reject};
use crate::queue::Cause;
use crate::{NodeInfo, PodInfo, Snapshot};
use std::sync::Arc;

pub(super) struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reject>> {
        let mut rejects = Vec::new();
        if node.pods.len() as i64 + 1 > node.most_pods {
            rejects.push(Reject::because("Too many pods"));
        }
        let (asked, offered, taken) = (&pod.requests, &node.allocatable, &node.requested);
        let mut check = |name: &str, asked: i64, offered: i64, taken: i64| {
            if asked > 0 && asked > offered - taken {
                rejects.push(Reject::because(format!("Insufficient {name}")));
            }
        };
        check("cpu", asked.cpu, offered.cpu, taken.cpu);
        check("memory", asked.memory, offered.memory, taken.memory);
        for (name, asked) in &asked.other {
            let of = |it: &crate::Resources| it.other.get(name).copied().unwrap_or(0);
            check(name, *asked, of(offered), of(taken));
        }
        if rejects.is_empty() { Ok(()) } else { Err(rejects) }
    }
    fn score(&self, pod: &PodInfo, nodes: &[Arc<NodeInfo>], _: &Snapshot) -> Option<Vec<i64>> {
        Some(nodes.iter().map(|it| (free(it, pod, Of::Cpu) + free(it, pod, Of::Memory)) / 2).collect())
    }
    fn wakes_on(&self) -> &'static [Cause] {
        &[Cause::NodeAdded, Cause::NodeChanged, Cause::PodGone]
    }
}

enum Of {
    Cpu,
    Memory,
}

/// The share that would be left, from 0 to [`BEST`].
fn free(node: &NodeInfo, pod: &PodInfo, of: Of) -> i64 {
    let (offered, used) = match of {
        Of::Cpu => (node.allocatable.cpu, node.likely.cpu + pod.likely.cpu),
        Of::Memory => (node.allocatable.memory, node.likely.memory + pod.likely.memory),
    };
    if offered == 0 { 0 } else { ((offered - used).max(0) as i128 * BEST as i128 / offered as i128) as i64 }
}

#[cfg(test)]
mod tests {
    use crate::plugins::fixtures::{check, cluster, hungry, node, pod};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn pods_fit_where_enough_is_left() {
        let mut cluster = cluster([node("a", json!({})), node("b", json!({}))]);
        cluster.put_pod("a", Arc::new(hungry("first", "3", "1Gi")));
        check(&hungry("p", "2", "1Gi"), &cluster, "b");
        check(
            &hungry("p", "5", "9Gi"),
            &cluster,
            "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.",
        );
        cluster.put_pod("b", Arc::new(hungry("second", "4", "1Gi")));
        check(&hungry("p", "2", "1Gi"), &cluster, "0/2 nodes are available: 2 Insufficient cpu.");
        cluster.remove_pod(&hungry("second", "4", "1Gi").key);
        check(&hungry("p", "2", "1Gi"), &cluster, "b");
    }

    #[test]
    fn a_full_node_takes_no_more_pods() {
        let mut cluster = cluster([node("a", json!({"status": {"allocatable": {"pods": "1"}}}))]);
        check(&pod("p", json!({})), &cluster, "a");
        cluster.put_pod("a", Arc::new(pod("first", json!({}))));
        check(&pod("p", json!({})), &cluster, "0/1 nodes are available: 1 Too many pods.");
    }

    #[test]
    fn starts_count_by_their_peak_and_sidecars_by_their_sum() {
        let asks = |cpu: &str| json!({"requests": {"cpu": cpu}});
        let starting = pod(
            "p",
            json!({
                "initContainers": [
                    {"name": "side", "restartPolicy": "Always", "resources": asks("1")},
                    {"name": "init", "resources": asks("3500m")},
                ],
                "containers": [{"name": "main", "resources": asks("1")}],
            }),
        );
        assert_eq!(starting.requests.cpu, 4500);
        let sidecars = pod(
            "p",
            json!({
                "initContainers": [{"name": "side", "restartPolicy": "Always", "resources": asks("1")}],
                "containers": [{"name": "main", "resources": asks("1")}],
            }),
        );
        assert_eq!(sidecars.requests.cpu, 2000);
    }

    #[test]
    fn unknown_resources_are_asked_of_the_node() {
        let cluster = cluster([
            node("a", json!({})),
            node("b", json!({"status": {"allocatable": {"example.com/gpu": "2"}}})),
        ]);
        let wanting = |count: &str| {
            let resources = json!({"requests": {"example.com/gpu": count}});
            pod("p", json!({"containers": [{"name": "c", "resources": resources}]}))
        };
        check(&wanting("2"), &cluster, "b");
        check(&wanting("3"), &cluster, "0/2 nodes are available: 2 Insufficient example.com/gpu.");
    }
}
