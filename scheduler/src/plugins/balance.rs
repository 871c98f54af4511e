//! Prefers the node whose CPU and memory would be used evenly, so that neither runs out with the other left over.

use crate::framework::{BEST, Plugin};
use crate::{NodeInfo, PodInfo, Snapshot};
use std::sync::Arc;

pub(super) struct BalancedAllocation;

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }
    fn score(&self, pod: &PodInfo, nodes: &[Arc<NodeInfo>], _: &Snapshot) -> Option<Vec<i64>> {
        let share = |used: i64, offered: i64| {
            if offered == 0 { 1.0 } else { (used as f64 / offered as f64).min(1.0) }
        };
        let balance = |node: &NodeInfo| {
            let cpu = share(node.requested.cpu + pod.requests.cpu, node.allocatable.cpu);
            let memory = share(node.requested.memory + pod.requests.memory, node.allocatable.memory);
            // The standard deviation of two numbers is half their distance.
            ((1.0 - (cpu - memory).abs() / 2.0) * BEST as f64) as i64
        };
        Some(nodes.iter().map(|it| balance(it)).collect())
    }
}
