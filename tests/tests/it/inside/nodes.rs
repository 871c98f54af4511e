//! What nodes that come, go and fail mean for pods.

use api::Key;
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
