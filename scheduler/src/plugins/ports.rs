//! Two pods cannot have the same port of the host.

use crate::framework::{Plugin, Reject};
use crate::queue::Cause;
use crate::{NodeInfo, PodInfo};

pub(super) struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reject>> {
        if pod.host_ports.is_empty() {
            return Ok(());
        }
        let taken = node.pods.values().flat_map(|it| &it.host_ports);
        if taken.into_iter().any(|it| pod.host_ports.iter().any(|wanted| clash(wanted, it))) {
            return Err(vec![Reject::because("node(s) didn't have free ports for the requested pod ports")]);
        }
        Ok(())
    }
    fn wakes_on(&self) -> &'static [Cause] {
        &[Cause::NodeAdded, Cause::PodGone]
    }
}

fn clash(one: &(String, String, i32), other: &(String, String, i32)) -> bool {
    let any = |it: &str| it == "0.0.0.0";
    one.1 == other.1 && one.2 == other.2 && (one.0 == other.0 || any(&one.0) || any(&other.0))
}

#[cfg(test)]
mod tests {
    use crate::plugins::fixtures::{check, cluster, node, pod};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_port_of_the_host_is_given_once() {
        let wanting = |name: &str, port: i32, ip: &str| {
            pod(
                name,
                json!({"containers": [{"name": "c", "ports": [{"containerPort": 1, "hostPort": port, "hostIP": ip}]}]}),
            )
        };
        let mut cluster = cluster([node("a", json!({}))]);
        cluster.put_pod("a", Arc::new(wanting("first", 80, "127.0.0.1")));
        check(&wanting("p", 81, ""), &cluster, "a");
        check(&wanting("p", 80, "10.0.0.1"), &cluster, "a");
        let refused =
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.";
        check(&wanting("p", 80, ""), &cluster, refused);
    }
}
