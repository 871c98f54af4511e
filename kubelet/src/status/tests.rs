use std::collections::BTreeMap;

use api::k8s::api::core::v1::{Pod, PodStatus};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::{
    container_runtime::{ContainerId, Exit, State},
    observed::{Attempt, Hook, SandboxFacts, Target, Trouble},
};

fn now() -> Timestamp {
    "2030-01-01T00:10:00Z".parse().unwrap()
}

fn pod(spec: Value) -> Pod {
    let meta = json!({ "name": "p", "namespace": "ns", "uid": "u", "generation": 3 });
    serde_json::from_value(json!({ "metadata": meta, "spec": spec })).unwrap()
}

/// A node's view of a pod whose containers are as a text says: `main:running side:exited:3:1`.
fn observed(text: &str) -> Observed {
    let sandbox = ContainerId::from("pause");
    let facts = SandboxFacts { id: sandbox.clone(), address: Some("10.1.0.2".parse().unwrap()) };
    let mut observed = Observed { sandbox: Sandbox::Running(facts), ..Observed::default() };
    for word in text.split_whitespace() {
        let parts: Vec<&str> = word.split(':').collect();
        let started_at = now() - SignedDuration::from_secs(5);
        let state = match parts[1] {
            "running" => State::Running { started_at },
            "created" => State::Created,
            _ => State::Exited(Exit {
                code: parts[2].parse().unwrap(),
                out_of_memory: false,
                started_at: Some(started_at),
                finished_at: now(),
                error: String::new(),
            }),
        };
        let number = parts.get(3).map_or(0, |it| it.parse().unwrap());
        let attempt = Attempt {
            id: ContainerId::from(format!("{}{number}", parts[0])),
            number,
            image: "app:1".to_owned(),
            image_id: "sha256:1".to_owned(),
            sandbox: Some(sandbox.clone()),
            backoff: if number == 0 { 0 } else { 10 },
            stop_signal: "SIGTERM".to_owned(),
            state,
            message: None,
            post_start: Hook::Done,
            stopping: None,
            probes: BTreeMap::new(),
        };
        observed.add(parts[0], attempt);
    }
    observed
}

fn status_of(pod: &Pod, observed: &Observed) -> PodStatus {
    let node = ["192.0.2.1".parse().unwrap()];
    let facts = Facts { node_addresses: &node, now: now() };
    pod_status(pod, observed, &pod.status.clone().unwrap_or_default(), &facts)
}

/// Phase, the conditions that hold, and each container's state, in one line.
fn told(status: &PodStatus) -> String {
    let state = |it: &ContainerStatus| {
        let state = it.state.clone().unwrap_or_default();
        let text = match (state.waiting, state.running, state.terminated) {
            (Some(waiting), ..) => waiting.reason.unwrap_or_default(),
            (_, Some(_), _) => "Running".to_owned(),
            (.., Some(ended)) => format!("{}({})", ended.reason.unwrap_or_default(), ended.exit_code),
            _ => "?".to_owned(),
        };
        format!("{}:{text}{}", it.name, if it.ready { "+" } else { "" })
    };
    let holds: Vec<&str> = status
        .conditions
        .iter()
        .flatten()
        .filter(|it| it.status == "True")
        .map(|it| match it.type_.as_str() {
            "PodReadyToStartContainers" => "network",
            "Initialized" => "init",
            "ContainersReady" => "containers",
            "Ready" => "ready",
            _ => "",
        })
        .filter(|it| !it.is_empty())
        .collect();
    let lists = [&status.init_container_statuses, &status.container_statuses];
    let containers: Vec<String> = lists.into_iter().flatten().flatten().map(state).collect();
    format!("{} [{}] {}", status.phase.as_deref().unwrap_or_default(), holds.join(" "), containers.join(" "))
}

#[track_caller]
fn check(policy: &str, inits: &[&str], containers: &str, expect: &str) {
    let container = |name: &str| json!({ "name": name, "image": "app:1" });
    let init = |name: &&str| match name.strip_prefix('~') {
        Some(name) => json!({ "name": name, "image": "app:1", "restartPolicy": "Always" }),
        None => container(name),
    };
    let spec = json!({
        "restartPolicy": policy,
        "initContainers": inits.iter().map(init).collect::<Vec<_>>(),
        "containers": [container("main")],
    });
    assert_eq!(told(&status_of(&pod(spec), &observed(containers))), expect, "{containers}");
}

#[test]
fn phases_conditions_and_states_follow_the_containers() {
    check("Always", &[], "", "Pending [network init] main:ContainerCreating");
    check("Always", &[], "main:created", "Pending [network init] main:ContainerCreating");
    check("Always", &[], "main:running", "Running [network init ready containers] main:Running+");
    check("Always", &[], "main:exited:1", "Running [network init] main:Error(1)");
    check("Always", &[], "main:exited:1:0 main:exited:1:1", "Running [network init] main:CrashLoopBackOff");
    check("Never", &[], "main:exited:1", "Failed [network init] main:Error(1)");
    check("Never", &[], "main:exited:0", "Succeeded [network init] main:Completed(0)");
    check("OnFailure", &[], "main:exited:0", "Succeeded [network init] main:Completed(0)");
    check("Always", &["i"], "i:running", "Pending [network] i:Running main:PodInitializing");
    check("Never", &["i"], "i:exited:3", "Failed [network] i:Error(3) main:PodInitializing");
    check(
        "Always",
        &["i"],
        "i:exited:0 main:running",
        "Running [network init ready containers] i:Completed(0)+ main:Running+",
    );
    check("Always", &["~s"], "s:running", "Pending [network init] s:Running+ main:PodInitializing");
    // A phase is final only when the sidecar has gone too.
    check("Never", &["~s"], "s:running main:exited:0", "Pending [network init] s:Running+ main:Completed(0)");
    check(
        "Never",
        &["~s"],
        "s:exited:0 main:exited:0",
        "Succeeded [network init] s:Completed(0) main:Completed(0)",
    );
}

#[test]
fn troubles_show_as_the_reason_to_wait() {
    let pod = pod(json!({ "containers": [{ "name": "main", "image": "app:1" }] }));
    let mut observed = observed("");
    let mut trouble = Trouble {
        reason: crate::images::PULL,
        message: "no registry".to_owned(),
        image: "app:1".to_owned(),
        times: 1,
        at: now(),
        retry_at: now() + SignedDuration::from_secs(10),
    };
    observed.troubles.insert(Target::Container("main".to_owned()), trouble.clone());
    assert!(told(&status_of(&pod, &observed)).ends_with("main:ErrImagePull"));
    trouble.at = now() - crate::images::SHOWN_AS_ERROR;
    observed.troubles.insert(Target::Container("main".to_owned()), trouble.clone());
    assert!(told(&status_of(&pod, &observed)).ends_with("main:ImagePullBackOff"));
    trouble.image = "app:0".to_owned();
    observed.troubles.insert(Target::Container("main".to_owned()), trouble);
    assert!(told(&status_of(&pod, &observed)).ends_with("main:ContainerCreating"));
}

#[test]
fn gates_of_others_hold_readiness_and_are_kept() {
    let gates = json!([{ "conditionType": "example.com/open" }]);
    let mut pod =
        pod(json!({ "containers": [{ "name": "main", "image": "app:1" }], "readinessGates": gates }));
    let closed = status_of(&pod, &observed("main:running"));
    assert!(told(&closed).starts_with("Running [network init containers]"));
    let gate = json!({ "conditions": [{ "type": "example.com/open", "status": "True" }] });
    pod.status = Some(serde_json::from_value(gate).unwrap());
    let open = status_of(&pod, &observed("main:running"));
    assert!(told(&open).starts_with("Running [network init ready containers]"));
    assert!(open.conditions.unwrap().iter().any(|it| it.type_ == "example.com/open"));
}

#[test]
fn times_stay_while_nothing_changes_and_addresses_outlive_the_pod() {
    let mut pod =
        pod(json!({ "restartPolicy": "Never", "containers": [{ "name": "main", "image": "app:1" }] }));
    let first = status_of(&pod, &observed("main:running"));
    assert_eq!((first.pod_ip.as_deref(), first.host_ip.as_deref()), (Some("10.1.0.2"), Some("192.0.2.1")));
    assert_eq!((first.observed_generation, first.qos_class.as_deref()), (Some(3), Some("BestEffort")));
    pod.status = Some(first.clone());
    assert_eq!(status_of(&pod, &observed("main:running")), first);
    assert_eq!(patch_of("u", &first, &first), None);
    let mut ended = observed("main:exited:0");
    ended.sandbox = Sandbox::Absent;
    let last = status_of(&pod, &ended);
    assert_eq!(last.pod_ip, first.pod_ip);
    let patch = patch_of("u", &first, &last).unwrap();
    assert_eq!(patch["metadata"]["uid"], "u");
    let changed: Vec<&str> = patch["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(changed, ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"]);
    assert_eq!(patch["status"].get("podIP"), None);
}

#[test]
fn containers_that_are_gone_are_remembered() {
    let mut pod =
        pod(json!({ "restartPolicy": "Never", "containers": [{ "name": "main", "image": "app:1" }] }));
    pod.status = Some(status_of(&pod, &observed("main:exited:7")));
    assert!(told(&status_of(&pod, &Observed::default())).ends_with("main:Error(7)"));
    pod.status = Some(status_of(&pod, &observed("main:running")));
    pod.metadata.deletion_timestamp = Some(api::Time(now()));
    assert!(told(&status_of(&pod, &Observed::default())).ends_with("main:ContainerStatusUnknown(137)"));
}
