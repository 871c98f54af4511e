//! A pod's conditions: one function for each, and the times at which they changed.

use api::k8s::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, PodSpec, PodStatus};
use jiff::Timestamp;

use crate::{
    intent::phase,
    observed::{Observed, Sandbox},
};

use super::seconds;

/// What a condition says.
#[derive(Default)]
struct Verdict {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Verdict {
    fn yes() -> Verdict {
        Verdict { holds: true, ..Verdict::default() }
    }

    fn no(reason: &'static str, message: Option<String>) -> Verdict {
        Verdict { holds: false, reason: Some(reason), message }
    }
}

/// Sets the conditions that the agent owns; the others stay as they are.
pub(super) fn set(status: &mut PodStatus, pod: &Pod, spec: &PodSpec, observed: &Observed, now: Timestamp) {
    let containers = containers_ready(status, spec);
    let ready = ready(status, spec, &containers);
    let own = [
        ("PodReadyToStartContainers", sandbox_ready(observed)),
        ("Initialized", initialized(status, spec)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", Verdict::yes()),
    ];
    let mut conditions = status.conditions.take().unwrap_or_default();
    for (type_, verdict) in own {
        put(&mut conditions, type_, verdict, pod.metadata.generation, now);
    }
    status.conditions = Some(conditions);
}

fn put(all: &mut Vec<PodCondition>, type_: &str, verdict: Verdict, generation: Option<i64>, now: Timestamp) {
    let status = if verdict.holds { "True" } else { "False" };
    let before = all.iter_mut().find(|it| it.type_ == type_);
    let since =
        before.as_ref().filter(|it| it.status == status).and_then(|it| it.last_transition_time.clone());
    let condition = PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.map(str::to_owned),
        message: verdict.message,
        last_transition_time: since.or_else(|| Some(seconds(now))),
        last_probe_time: None,
        observed_generation: generation,
    };
    match before {
        Some(before) => *before = condition,
        None => all.push(condition),
    }
}

fn sandbox_ready(observed: &Observed) -> Verdict {
    Verdict { holds: matches!(observed.sandbox, Sandbox::Running(_)), ..Verdict::default() }
}

fn initialized(status: &PodStatus, spec: &PodSpec) -> Verdict {
    let done = |container: &Container, it: &ContainerStatus| {
        if api::pod::is_sidecar(container) { it.started == Some(true) } else { it.ready }
    };
    let begun = status.container_statuses.iter().flatten().any(|it| it.container_id.is_some());
    let incomplete = names(spec.init_containers.as_deref(), status.init_container_statuses.as_deref(), done);
    match status.phase.as_deref() {
        Some(phase::SUCCEEDED) => Verdict { reason: Some("PodCompleted"), ..Verdict::yes() },
        _ if begun || incomplete.is_empty() => Verdict::yes(),
        Some(phase::FAILED) => Verdict::no("PodFailed", None),
        _ => {
            let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
            Verdict::no("ContainersNotInitialized", Some(message))
        }
    }
}

fn containers_ready(status: &PodStatus, spec: &PodSpec) -> Verdict {
    let ready = |_: &Container, it: &ContainerStatus| it.ready;
    let sidecars: Vec<Container> =
        spec.init_containers.iter().flatten().filter(|it| api::pod::is_sidecar(it)).cloned().collect();
    let mut unready = names(Some(&sidecars), status.init_container_statuses.as_deref(), ready);
    unready.extend(names(Some(&spec.containers), status.container_statuses.as_deref(), ready));
    match status.phase.as_deref() {
        Some(phase::SUCCEEDED) => Verdict::no("PodCompleted", None),
        Some(phase::FAILED) => Verdict::no("PodFailed", None),
        _ if unready.is_empty() => Verdict::yes(),
        _ => {
            let message = format!("containers with unready status: [{}]", unready.join(" "));
            Verdict::no("ContainersNotReady", Some(message))
        }
    }
}

/// Ready: all containers are, and all gates are open.
fn ready(status: &PodStatus, spec: &PodSpec, containers: &Verdict) -> Verdict {
    if !containers.holds {
        return Verdict { holds: false, reason: containers.reason, message: containers.message.clone() };
    }
    let find = |type_: &str| status.conditions.iter().flatten().find(|it| it.type_ == type_);
    let gates = spec.readiness_gates.iter().flatten().map(|gate| gate.condition_type.as_str());
    let closed = gates.filter_map(|gate| match find(gate) {
        None => Some(format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.")),
        Some(condition) if condition.status == "True" => None,
        Some(condition) => Some(format!(
            "the status of pod readiness gate \"{gate}\" is not \"True\", but {}",
            condition.status
        )),
    });
    match closed.collect::<Vec<_>>() {
        closed if closed.is_empty() => Verdict::yes(),
        closed => Verdict::no("ReadinessGatesNotReady", Some(closed.join(", "))),
    }
}

/// The containers of which `holds` does not say yes.
fn names<'a>(
    containers: Option<&'a [Container]>,
    statuses: Option<&[ContainerStatus]>,
    holds: impl Fn(&Container, &ContainerStatus) -> bool,
) -> Vec<&'a str> {
    let find = |name: &str| statuses.into_iter().flatten().find(|it| it.name == name);
    let all = containers.into_iter().flatten();
    all.filter(|it| !find(&it.name).is_some_and(|status| holds(it, status)))
        .map(|it| it.name.as_str())
        .collect()
}
