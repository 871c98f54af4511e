//! What `kubectl get pods` shows. The status column tells the most telling thing about the containers.

use crate::pod;
use crate::strategies::cells::{NONE, or_none, since};
use crate::strategy::{Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};
use serde_json::Value;

pub(crate) const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    Column::text("Status", "The aggregate status of the containers in this pod."),
    Column::text("Restarts", "How often the containers of this pod were restarted, and when last."),
    Column::AGE,
    Column::text("IP", "The address allocated to the pod.").wide(),
    Column::text("Node", "The node on which the pod runs.").wide(),
    Column::text("Nominated Node", "The node on which the pod may run after preemption.").wide(),
    Column::text("Readiness Gates", "How many of the pod's readiness gates hold.").wide(),
];

pub(crate) fn cells(pod: &Pod, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(pod);
    let status = pod.status.as_ref();
    let total = pod.spec.as_ref().map_or(0, |spec| {
        spec.containers.len() + spec.init_containers.iter().flatten().filter(|it| pod::is_sidecar(it)).count()
    });
    let address = status.and_then(|it| {
        it.pod_ips.as_ref().and_then(|it| it.first()).map(|it| it.ip.as_str()).or(it.pod_ip.as_deref())
    });
    vec![
        name_cell(&pod.metadata),
        format!("{}/{total}", summary.ready).into(),
        summary.reason(pod).into(),
        summary.restarts.text(now).into(),
        age_cell(&pod.metadata, now),
        or_none(address).into(),
        or_none(Some(pod::node_name(pod))).into(),
        or_none(status.and_then(|it| it.nominated_node_name.as_deref())).into(),
        readiness_gates(pod).into(),
    ]
}

/// Restarts of some containers, and when the last one ended.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i32,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &ContainerStatus) {
        self.count += status.restart_count;
        let ended = status.last_state.as_ref().and_then(|it| it.terminated.as_ref());
        self.last = self.last.max(ended.and_then(|it| it.finished_at.as_ref()).map(|it| it.0));
    }

    fn text(self, now: Timestamp) -> String {
        match self.last {
            Some(last) if self.count != 0 => format!("{} ({} ago)", self.count, since(Some(last), now)),
            _ => self.count.to_string(),
        }
    }
}

/// What is read off the container statuses.
struct Summary {
    reason: String,
    ready: usize,
    restarts: Restarts,
}

impl Summary {
    fn of(pod: &Pod) -> Self {
        let Some(status) = &pod.status else {
            return Self { reason: String::new(), ready: 0, restarts: Restarts::default() };
        };
        let mut summary =
            Self { reason: initial_reason(pod, status), ready: 0, restarts: Restarts::default() };
        let mut sidecars = Restarts::default();
        let initializing = summary.read_init(pod, status, &mut sidecars);
        if !initializing || pod::condition(pod, "Initialized").is_some_and(|it| it.status == "True") {
            summary.restarts = sidecars;
            summary.read_containers(pod, status);
        }
        summary
    }

    /// Reads init containers up to the first that is not done; whether there is one.
    fn read_init(&mut self, pod: &Pod, status: &PodStatus, sidecars: &mut Restarts) -> bool {
        let specs = pod.spec.as_ref().and_then(|it| it.init_containers.as_deref()).unwrap_or_default();
        for (index, container) in status.init_container_statuses.iter().flatten().enumerate() {
            let sidecar = specs.iter().any(|it| it.name == container.name && pod::is_sidecar(it));
            self.restarts.add(container);
            if sidecar {
                sidecars.add(container);
            }
            let terminated = container.state.as_ref().and_then(|it| it.terminated.as_ref());
            let waiting = container.state.as_ref().and_then(|it| it.waiting.as_ref());
            let waiting = waiting.and_then(|it| it.reason.as_deref()).unwrap_or_default();
            match terminated {
                Some(terminated) if terminated.exit_code == 0 => continue,
                _ if sidecar && container.started == Some(true) => {
                    self.ready += usize::from(container.ready);
                    continue;
                }
                Some(terminated) => self.reason = format!("Init:{}", exit_reason(terminated)),
                None if !waiting.is_empty() && waiting != "PodInitializing" => {
                    self.reason = format!("Init:{waiting}");
                }
                None => self.reason = format!("Init:{index}/{}", specs.len()),
            }
            return true;
        }
        false
    }

    fn read_containers(&mut self, pod: &Pod, status: &PodStatus) {
        let mut running = false;
        for container in status.container_statuses.iter().flatten().rev() {
            self.restarts.add(container);
            let Some(state) = &container.state else { continue };
            let waiting = state.waiting.as_ref().and_then(|it| it.reason.as_deref()).unwrap_or_default();
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if let Some(terminated) = &state.terminated {
                self.reason = exit_reason(terminated);
            } else if container.ready && state.running.is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            self.reason = if pod::is_ready(pod) { "Running" } else { "NotReady" }.to_owned();
        }
    }

    fn reason(&self, pod: &Pod) -> String {
        let lost = pod.status.as_ref().and_then(|it| it.reason.as_deref()) == Some("NodeLost");
        match pod::deletion_requested(pod) {
            true if lost => "Unknown".to_owned(),
            true if !pod::is_finished(pod) => "Terminating".to_owned(),
            _ => self.reason.clone(),
        }
    }
}

fn initial_reason(pod: &Pod, status: &PodStatus) -> String {
    let gated =
        pod::condition(pod, "PodScheduled").is_some_and(|it| it.reason.as_deref() == Some("SchedulingGated"));
    if gated {
        return "SchedulingGated".to_owned();
    }
    status.reason.clone().filter(|it| !it.is_empty()).or_else(|| status.phase.clone()).unwrap_or_default()
}

fn exit_reason(terminated: &ContainerStateTerminated) -> String {
    match (terminated.reason.as_deref(), terminated.signal.unwrap_or(0)) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, 0) => format!("ExitCode:{}", terminated.exit_code),
        (_, signal) => format!("Signal:{signal}"),
    }
}

fn readiness_gates(pod: &Pod) -> String {
    let gates = pod.spec.as_ref().and_then(|it| it.readiness_gates.as_deref()).unwrap_or_default();
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let holds = |type_: &str| pod::condition(pod, type_).is_some_and(|it| it.status == "True");
    format!("{}/{}", gates.iter().filter(|it| holds(&it.condition_type)).count(), gates.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn status_ready_and_restarts() {
        #[track_caller]
        fn check(spec: Value, status: Value, expect: [&str; 3]) {
            let pod: Pod = serde_json::from_value(json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "a"}, "spec": spec, "status": status}))
            .expect("it is a pod");
            let got = cells(&pod, "2026-01-01T00:10:00Z".parse().expect("a time"));
            assert_eq!(got[1..4], expect.map(Value::from));
        }
        let two = json!({"containers": [{"name": "a"}, {"name": "b"}]});
        let init = json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]});
        let status = |name: &str, ready: bool, restarts: i32, state: Value| {
            json!({"name": name, "ready": ready, "restartCount": restarts, "state": state, "image": "", "imageID": "",
                "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:09:30Z"}}})
        };
        let running = json!({"running": {}});
        check(two.clone(), json!({"phase": "Pending"}), ["0/2", "Pending", "0"]);
        let up = status("a", true, 0, running.clone());
        let crashing = status("b", false, 3, json!({"waiting": {"reason": "CrashLoopBackOff"}}));
        check(
            two.clone(),
            json!({"phase": "Running", "containerStatuses": [up, crashing]}),
            ["1/2", "CrashLoopBackOff", "3 (30s ago)"],
        );
        let done = status("b", false, 0, json!({"terminated": {"exitCode": 0, "reason": "Completed"}}));
        check(
            two.clone(),
            json!({"phase": "Running", "containerStatuses": [up, done]}),
            ["1/2", "NotReady", "0"],
        );
        let died = status("b", false, 0, json!({"terminated": {"exitCode": 3}}));
        check(two, json!({"phase": "Failed", "containerStatuses": [died]}), ["0/2", "ExitCode:3", "0"]);
        let starting = status("i", false, 0, running);
        check(
            init.clone(),
            json!({"phase": "Pending", "initContainerStatuses": [starting]}),
            ["0/1", "Init:0/1", "0"],
        );
        let failed = status("i", false, 2, json!({"terminated": {"exitCode": 1, "reason": "Error"}}));
        check(
            init,
            json!({"phase": "Pending", "initContainerStatuses": [failed]}),
            ["0/1", "Init:Error", "2 (30s ago)"],
        );
    }
}
