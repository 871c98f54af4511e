//! What nodes that come, go and fail mean for pods.

use api::{Key, Subresource};
use client::PatchType;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;
use std::collections::BTreeSet;
use testkit::{Cluster, objects, wait};

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_gets_no_pods() {
    let cluster = Cluster::start(2).await;
    let node = Key::of::<Node>("", "node-1");
    let cordon = json!({"spec": {"unschedulable": true}});
    cluster.client().patch(&node, None, PatchType::Merge, &cordon).await.expect("it is cordoned");
    cluster.client().create(&objects::deployment("web", 3)).await.expect("it is created");
    let pods = wait::ready_pods(cluster.client(), 3).await;
    let nodes: BTreeSet<&str> = pods.iter().map(api::pod::node_name).collect();
    assert_eq!(nodes, BTreeSet::from(["node-2"]));
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_comes_back_adopts_what_runs() {
    let mut cluster = Cluster::start(1).await;
    cluster.client().create(&objects::deployment("web", 2)).await.expect("it is created");
    wait::rolled_out(cluster.client(), "web").await;
    let before = cluster.engine("node-1").history();
    cluster.stop_node("node-1").await;
    assert_eq!(cluster.running().len(), 2, "{:?}", cluster.running());
    cluster.start_node("node-1").await;
    wait::ready_pods(cluster.client(), 2).await;
    assert_eq!(cluster.engine("node-1").history(), before);
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_lost_node_run_elsewhere() {
    let mut cluster = Cluster::start(2).await;
    cluster.client().create(&objects::deployment("web", 2)).await.expect("it is created");
    wait::rolled_out(cluster.client(), "web").await;
    cluster.stop_node("node-1").await;
    // Kubernetes waits 40 s for the heartbeat, and pods tolerate a lost node for 300 s.
    wait::within(std::time::Duration::from_secs(900), "two Ready pods on node-2", async || {
        let pods: Vec<Pod> = wait::all(cluster.client()).await;
        let ready =
            pods.iter().filter(|it| api::pod::is_ready(it) && api::pod::node_name(it) == "node-2").count();
        if ready == 2 { Ok(()) } else { Err(format!("{ready} are")) }
    })
    .await;
    cluster.start_node("node-1").await;
    wait::ready_pods(cluster.client(), 2).await;
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_repairs_a_status_that_somebody_else_has_written() {
    let cluster = Cluster::start(1).await;
    let key = Key::of::<Node>("", "node-1");
    let is_ready = |node: &Node| {
        let status = node.status.as_ref();
        let conditions = status.and_then(|it| it.conditions.as_deref()).unwrap_or_default();
        let whole = status.is_some_and(|it| it.node_info.is_some() && it.capacity.is_some());
        whole && conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True")
    };
    wait::until(cluster.client(), &key, "it is ready", is_ready).await;
    let lost = json!({"status": {"conditions": null, "capacity": null, "nodeInfo": null}});
    let written = cluster.client().patch(&key, Some(Subresource::Status), PatchType::Merge, &lost).await;
    let written: Node = written.expect("the patch is taken").take().expect("a node");
    assert!(!is_ready(&written));
    let from = cluster.clock().now();
    wait::until(cluster.client(), &key, "it is ready again", is_ready).await;
    let took = cluster.clock().since(from);
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
    // It is written once, and not at each heartbeat then.
    let revision = |node: Node| node.metadata.resource_version;
    let before = revision(cluster.client().get::<Node>("", "node-1").await.expect("it is there"));
    daemon::clock::sleep(std::time::Duration::from_secs(60)).await;
    let after = revision(cluster.client().get::<Node>("", "node-1").await.expect("it is there"));
    assert_eq!(after, before);
    cluster.stop().await;
}
