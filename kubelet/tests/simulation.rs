//! Whole lives of pods on the fake engine, with time that passes only when everybody waits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::{sync::Arc, time::Duration};

use api::k8s::api::core::v1::{ContainerStatus, Pod};
use daemon::{Clock, clock};
use kubelet::container_runtime::{ContainerRuntime, fake::FakeRuntime};
use serde_json::{Value, json};
use support::{Node, Setting};

struct World {
    node: Node,
    engine: FakeRuntime,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
        let engine = FakeRuntime::new(clock.clone());
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start(setting(&engine, &clock, folder.path()));
        World { node, engine, clock, folder }
    }

    /// The agent dies and another one starts.
    async fn restart(&mut self) {
        self.node.tasks.shutdown().await;
        self.node = Node::restart(setting(&self.engine, &self.clock, self.folder.path()), &self.node.cluster);
    }
}

fn setting<'a>(engine: &FakeRuntime, clock: &Clock, folder: &'a std::path::Path) -> Setting<'a> {
    let runtime: Arc<dyn ContainerRuntime> = Arc::new(engine.clone());
    Setting {
        runtime,
        clock: clock.clone(),
        folder,
        cluster_name: "sim",
        network: Some("sim".to_owned()),
        range: "10.1.0.0/16",
        pause_image: "pause",
    }
}

fn running(script: &str) -> Value {
    json!({ "containers": [container("main", script)], "restartPolicy": "Always" })
}

fn container(name: &str, script: &str) -> Value {
    let words: Vec<&str> = script.split(' ').collect();
    json!({ "name": name, "image": "app:1", "command": words })
}

fn main(pod: &Pod) -> ContainerStatus {
    pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_pod_runs_and_goes_without_a_trace() {
    let world = World::new();
    let cluster = &world.node.cluster;
    cluster.create("web", running("run"));
    let pod = cluster.ready("web").await;
    assert_eq!(pod.status.as_ref().unwrap().pod_ip.as_deref(), Some("10.1.0.2"));
    assert_eq!(cluster.reasons("web"), ["Pulled", "Created", "Started"]);
    cluster.delete("web", 30);
    cluster.gone("web").await;
    assert_eq!(world.engine.count(), 0);
    assert_eq!(world.engine.history().last().map(String::as_str), Some("remove main 0"));
    assert!(cluster.reasons("web").contains(&"Killing"));
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_followed_by_longer_and_longer_waits() {
    let world = World::new();
    let cluster = &world.node.cluster;
    cluster.create("crashy", running("exit 3 1"));
    let begun = world.clock.now();
    let mut starts = Vec::new();
    for restarts in 1..=4 {
        let pod = cluster
            .wait("crashy", |pod| {
                pod.is_some_and(|pod| {
                    pod.status.is_some()
                        && main(pod).restart_count == restarts
                        && main(pod).state.unwrap().running.is_some()
                })
            })
            .await
            .unwrap();
        assert_eq!(main(&pod).last_state.unwrap().terminated.unwrap().exit_code, 3);
        starts.push(world.clock.since(begun).as_secs());
    }
    let waits: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0] - 1).collect();
    assert_eq!(waits, [10, 20, 40]);
}

#[tokio::test(start_paused = true)]
async fn grace_is_respected_and_then_over() {
    let world = World::new();
    let cluster = &world.node.cluster;
    cluster.create("stubborn", running("stubborn"));
    cluster.ready("stubborn").await;
    let begun = world.clock.now();
    cluster.delete("stubborn", 8);
    cluster.gone("stubborn").await;
    let took = world.clock.since(begun);
    assert!(took >= Duration::from_secs(8) && took < Duration::from_secs(9), "{took:?}");
    let signals: Vec<String> =
        world.engine.history().into_iter().filter(|it| it.starts_with("SIG")).collect();
    assert_eq!(signals, ["SIGTERM main 0", "SIGKILL main 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_agent_adopts_what_runs() {
    let mut world = World::new();
    world.node.cluster.create("web", running("run"));
    world.node.cluster.create("crashy", running("exit 1 5"));
    let before = world.node.cluster.ready("web").await;
    clock::sleep(Duration::from_secs(60)).await;
    let history = world.engine.history().iter().filter(|it| it.contains("main 0")).count();
    world.restart().await;
    clock::sleep(Duration::from_secs(60)).await;
    let after = world.node.cluster.ready("web").await;
    assert_eq!(main(&before).container_id, main(&after).container_id);
    assert_eq!(before.status.unwrap().pod_ip, after.status.unwrap().pod_ip);
    let now = world.engine.history().iter().filter(|it| it.contains("main 0")).count();
    assert!(now <= history + 1, "nothing but an old attempt's remains was touched");
    assert!(main(&world.node.cluster.pod("crashy").unwrap()).restart_count >= 3);
}

#[tokio::test(start_paused = true)]
async fn containers_without_a_pod_are_removed() {
    let mut world = World::new();
    world.node.cluster.create("web", running("run"));
    world.node.cluster.ready("web").await;
    world.node.tasks.shutdown().await;
    world.node.cluster.delete("web", 0);
    world.restart().await;
    clock::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.engine.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_pause_container_takes_its_pod_through_a_clean_restart() {
    let world = World::new();
    let cluster = &world.node.cluster;
    cluster.create("web", running("run"));
    cluster.ready("web").await;
    let engine = &world.engine;
    let all = engine.list(&Default::default()).await.unwrap();
    let pause = all.iter().find(|it| it.labels["io.kubernetes.container.name"] == "POD").unwrap();
    engine.kill(&pause.id);
    cluster
        .wait("web", |pod| pod.is_some_and(|pod| main(pod).restart_count == 1 && api::pod::is_ready(pod)))
        .await;
    let history = engine.history();
    let place = |line: &str| history.iter().rposition(|it| it == line).unwrap();
    assert!(place("SIGTERM main 0") < place("create pause"), "{history:?}");
    assert!(place("remove pause") < place("create pause"), "{history:?}");
}

#[tokio::test(start_paused = true)]
async fn init_containers_and_sidecars_keep_their_order() {
    let world = World::new();
    let cluster = &world.node.cluster;
    let mut sidecar = container("side", "run");
    sidecar["restartPolicy"] = json!("Always");
    cluster.create(
        "job",
        json!({
            "restartPolicy": "Never",
            "initContainers": [container("first", "exit 0 2"), sidecar, container("second", "exit 0 2")],
            "containers": [container("main", "exit 0 5")],
        }),
    );
    let done = cluster.phase("job", "Succeeded").await;
    assert_eq!(main(&done).state.unwrap().terminated.unwrap().reason.as_deref(), Some("Completed"));
    clock::sleep(Duration::from_secs(1)).await;
    let history = world.engine.history();
    let starts: Vec<&str> = history.iter().filter_map(|it| it.strip_prefix("start ")).collect();
    assert_eq!(starts, ["pause", "first 0", "side 0", "second 0", "main 0"]);
    assert_eq!(world.engine.running(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_is_told_and_can_be_mended() {
    let world = World::new();
    let cluster = &world.node.cluster;
    let spec =
        json!({ "containers": [{ "name": "main", "image": "missing:1", "imagePullPolicy": "Never" }] });
    cluster.create("web", spec);
    let waits = |reason: &'static str| {
        move |pod: Option<&Pod>| {
            let state = pod.and_then(|pod| pod.status.as_ref().map(|_| main(pod).state.unwrap_or_default()));
            state.and_then(|it| it.waiting).and_then(|it| it.reason).as_deref() == Some(reason)
        }
    };
    let pod = cluster.wait("web", waits("ErrImageNeverPull")).await.unwrap();
    assert!(
        main(&pod).state.unwrap().waiting.unwrap().message.unwrap().contains("docker build -t missing:1 .")
    );
    cluster.change("web", |pod| {
        let container = &mut pod.spec.as_mut().unwrap().containers[0];
        container.image_pull_policy = Some("IfNotPresent".to_owned());
        container.image = Some("missing:2".to_owned());
    });
    cluster.wait("web", waits("ErrImagePull")).await;
    cluster.wait("web", waits("ImagePullBackOff")).await;
    cluster.change("web", |pod| pod.spec.as_mut().unwrap().containers[0].image = Some("app:1".to_owned()));
    cluster.ready("web").await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_over_its_deadline_fails() {
    let world = World::new();
    let mut spec = running("run");
    spec["activeDeadlineSeconds"] = json!(5);
    world.node.cluster.create("late", spec);
    let pod = world.node.cluster.phase("late", "Failed").await;
    assert_eq!(pod.status.unwrap().reason.as_deref(), Some("DeadlineExceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_liveness_failure_restarts_and_readiness_does_not() {
    let world = World::new();
    let cluster = &world.node.cluster;
    let probe =
        |word: &str| json!({ "exec": { "command": [word] }, "periodSeconds": 1, "failureThreshold": 2 });
    let mut live = container("main", "run");
    live["livenessProbe"] = probe("false");
    cluster.create("live", json!({ "containers": [live] }));
    let mut shy = container("main", "run");
    shy["readinessProbe"] = probe("false");
    cluster.create("shy", json!({ "containers": [shy] }));
    cluster
        .wait("live", |pod| pod.is_some_and(|pod| pod.status.is_some() && main(pod).restart_count == 1))
        .await;
    let shy = cluster.pod("shy").unwrap();
    assert!(!main(&shy).ready && main(&shy).restart_count == 0);
    assert!(cluster.reasons("live").contains(&"Killing") && cluster.reasons("shy").contains(&"Unhealthy"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_pod_costs_no_writes() {
    let world = World::new();
    let cluster = &world.node.cluster;
    cluster.create("web", running("run"));
    cluster.ready("web").await;
    let before = cluster.writes();
    clock::sleep(Duration::from_secs(3600)).await;
    assert_eq!(cluster.writes(), before);
}

#[tokio::test(start_paused = true)]
async fn a_folder_over_its_limit_evicts_the_pod() {
    let world = World::new();
    let cluster = &world.node.cluster;
    let mut spec = running("run");
    spec["volumes"] = json!([{ "name": "v", "emptyDir": { "sizeLimit": "1Mi" } }]);
    let pod = cluster.create("big", spec);
    cluster.ready("big").await;
    let folder = world.folder.path().join("pods").join(pod.metadata.uid.unwrap()).join("volumes/v");
    std::fs::write(folder.join("x"), vec![1; 2 << 20]).unwrap();
    let pod = cluster.phase("big", "Failed").await;
    assert_eq!(pod.status.unwrap().reason.as_deref(), Some("Evicted"));
    assert!(cluster.reasons("big").contains(&"Evicted"));
}
