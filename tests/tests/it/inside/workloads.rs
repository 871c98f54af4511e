//! What becomes of deployments, jobs and pods.

use api::{Key, Subresource};
use client::PatchType;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Cluster, objects, wait};

async fn patch(cluster: &Cluster, key: &Key, patch: Value) {
    cluster.client().patch(key, None, PatchType::Merge, &patch).await.expect("the patch is taken");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_spreads_its_pods_and_heals() {
    let cluster = Cluster::start(3).await;
    cluster.client().create(&objects::deployment("web", 3)).await.expect("it is created");
    wait::rolled_out(cluster.client(), "web").await;
    let pods = wait::ready_pods(cluster.client(), 3).await;
    let nodes: BTreeSet<&str> = pods.iter().map(api::pod::node_name).collect();
    assert_eq!(nodes.len(), 3, "{nodes:?}");
    let addresses: BTreeSet<_> = pods.iter().filter_map(|it| it.status.as_ref()?.pod_ip.clone()).collect();
    assert_eq!(addresses.len(), 3, "{addresses:?}");

    let victim = Key::of::<Pod>("default", api::meta::name(&pods[0].metadata));
    cluster.client().delete(&victim, &DeleteOptions::default()).await.expect("it is deleted");
    wait::gone(cluster.client(), &victim).await;
    wait::ready_pods(cluster.client(), 3).await;
    assert_eq!(cluster.running().len(), 3, "{:?}", cluster.running());
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_roll_out_replaces_every_pod_and_keeps_the_old_set() {
    let cluster = Cluster::start(2).await;
    let key = Key::of::<Deployment>("default", "web");
    cluster.client().create(&objects::deployment("web", 4)).await.expect("it is created");
    wait::rolled_out(cluster.client(), "web").await;
    let before = uids(&wait::ready_pods(cluster.client(), 4).await);

    let containers = json!([{"name": "main", "image": "skiff/hello:v2"}]);
    patch(&cluster, &key, json!({"spec": {"template": {"spec": {"containers": containers}}}})).await;
    wait::rolled_out(cluster.client(), "web").await;
    let pods = wait::ready_pods(cluster.client(), 4).await;
    assert!(uids(&pods).is_disjoint(&before));
    let image = |it: &Pod| it.spec.as_ref()?.containers.first()?.image.clone();
    assert!(pods.iter().all(|it| image(it).as_deref() == Some("skiff/hello:v2")));
    let sets: Vec<ReplicaSet> = wait::all(cluster.client()).await;
    let mut sizes: Vec<i32> = sets.iter().filter_map(|it| it.spec.replicas).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 4]);
    cluster.stop().await;
}

fn uids(pods: &[Pod]) -> BTreeSet<String> {
    pods.iter().map(|it| api::meta::uid(&it.metadata).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn scaling_goes_both_ways() {
    let cluster = Cluster::start(2).await;
    let key = Key::of::<Deployment>("default", "web");
    cluster.client().create(&objects::deployment("web", 1)).await.expect("it is created");
    for replicas in [5, 0, 2] {
        let scale = json!({"spec": {"replicas": replicas}});
        let below = Some(Subresource::Scale);
        let patched = client::request::patch(&key, below, PatchType::Merge, &scale);
        cluster.client().bytes(patched).await.expect("the scale is taken");
        wait::ready_pods(cluster.client(), replicas).await;
    }
    assert_eq!(cluster.running().len(), 2, "{:?}", cluster.running());
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn deleting_a_deployment_leaves_nothing() {
    let cluster = Cluster::start(2).await;
    let key = Key::of::<Deployment>("default", "web");
    cluster.client().create(&objects::deployment("web", 3)).await.expect("it is created");
    wait::rolled_out(cluster.client(), "web").await;
    cluster.client().delete(&key, &DeleteOptions::default()).await.expect("it is deleted");
    wait::eventually("nothing left", async || {
        let (sets, pods) =
            (wait::all::<ReplicaSet>(cluster.client()).await, wait::all::<Pod>(cluster.client()).await);
        let left =
            (sets.len(), pods.len(), cluster.engine("node-1").count() + cluster.engine("node-2").count());
        if left == (0, 0, 0) { Ok(()) } else { Err(format!("(sets, pods, containers) = {left:?}")) }
    })
    .await;
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_completes_and_a_failing_one_gives_up() {
    let cluster = Cluster::start(1).await;
    let condition = |job: &Job, type_: &str| {
        let conditions = job.status.iter().flat_map(|it| it.conditions.iter().flatten());
        conditions.into_iter().any(|it| it.type_ == type_ && it.status == "True")
    };
    cluster.client().create(&objects::job("good", 3, &["exit", "0", "2"])).await.expect("it is created");
    let mut bad = objects::job("bad", 1, &["exit", "7"]);
    bad.spec.as_mut().expect("it has a spec").backoff_limit = Some(1);
    cluster.client().create(&bad).await.expect("it is created");

    let key = Key::of::<Job>("default", "good");
    let good = wait::until::<Job>(cluster.client(), &key, "complete", |it| condition(it, "Complete")).await;
    assert_eq!(good.status.and_then(|it| it.succeeded), Some(3));
    let key = Key::of::<Job>("default", "bad");
    let bad = wait::until::<Job>(cluster.client(), &key, "failed", |it| condition(it, "Failed")).await;
    assert_eq!(bad.status.and_then(|it| it.failed), Some(2));
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ends_is_started_again() {
    let cluster = Cluster::start(1).await;
    let mut pod = objects::pod("restless");
    pod.spec = Some(objects::pod_spec(objects::container(&["exit", "1", "3"])));
    cluster.client().create(&pod).await.expect("it is created");
    let key = Key::of::<Pod>("default", "restless");
    let pod = wait::until::<Pod>(cluster.client(), &key, "started three times", |it| restarts(it) >= 2).await;
    assert_eq!(api::pod::phase(&pod), "Running");
    cluster.stop().await;
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|it| it.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|it| it.restart_count).sum()
}
