//! Short ways to write nodes and pods in the rules' tables.

use crate::{Decision, PodInfo, Snapshot, schedule};
use api::Object;
use api::k8s::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use std::sync::Arc;

/// A node of 4 cores, 8 GiB and 10 pods, with `change` merged over it.
pub(crate) fn node(name: &str, change: Value) -> Arc<Object> {
    let mut value = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}},
    });
    merge(&mut value, change);
    Arc::new(serde_json::from_value::<Node>(value).expect("a node").into())
}

/// A pod with one container, with `change` merged over its spec.
pub(crate) fn pod(name: &str, change: Value) -> PodInfo {
    let mut value = json!({
        "metadata": {"name": name, "namespace": "d", "uid": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main"}]},
    });
    merge(&mut value["spec"], change);
    let pod: Pod = serde_json::from_value(value).expect("a pod");
    PodInfo::of(&Arc::new(pod.into())).expect("a pod")
}

/// A pod that asks for CPU and memory.
pub(crate) fn hungry(name: &str, cpu: &str, memory: &str) -> PodInfo {
    let requests = json!({"cpu": cpu, "memory": memory});
    pod(name, json!({"containers": [{"name": "main", "resources": {"requests": requests}}]}))
}

/// A cluster of these nodes.
pub(crate) fn cluster(nodes: impl IntoIterator<Item = Arc<Object>>) -> Snapshot {
    let mut cluster = Snapshot::default();
    nodes.into_iter().for_each(|it| cluster.put_node(it));
    cluster
}

/// Where the pod goes, or why it goes nowhere.
#[track_caller]
pub(crate) fn check(pod: &PodInfo, cluster: &Snapshot, expect: &str) {
    let decision: Decision = schedule(pod, cluster, 0);
    let told = decision.node.clone().unwrap_or_else(|| {
        let message = decision.message();
        message.split(" preemption:").next().unwrap_or_default().to_owned()
    });
    assert_eq!(told, expect);
}

fn merge(value: &mut Value, change: Value) {
    match (value, change) {
        (Value::Object(value), Value::Object(change)) => {
            for (key, it) in change {
                merge(value.entry(key).or_insert(Value::Null), it);
            }
        }
        (value, change) => *value = change,
    }
}
