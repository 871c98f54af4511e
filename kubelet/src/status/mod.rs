//! A pod's status, from what it should be, what is observed, what was reported before, and the time.
//!
//! Start at [`pod_status`]. It is pure, so the whole status can be checked without a container. Conditions that others
//! own (readiness gates) are kept as they are; times of transitions are kept while nothing changes.

mod conditions;
mod containers;
mod patch;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use api::k8s::api::core::v1::{Container, ContainerStatus, HostIP, Pod, PodIP, PodSpec, PodStatus};
use api::k8s::apimachinery::pkg::apis::meta::v1::Time;
use jiff::Timestamp;

use crate::{
    intent::{self, Finish, phase},
    observed::{Observed, Sandbox},
};

pub use containers::{has_started, is_ready};
pub use patch::patch_of;

/// What a status tells of the node besides the pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'a> {
    /// The node's addresses.
    pub node_addresses: &'a [IpAddr],
    /// The time.
    pub now: Timestamp,
}

/// The status of a pod; `previous` is the one that was reported last.
pub fn pod_status(pod: &Pod, observed: &Observed, previous: &PodStatus, facts: &Facts<'_>) -> PodStatus {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let finish = intent::finish_of(pod, observed, facts.now);
    let of = |list: &[Container], role, before: &Option<Vec<ContainerStatus>>| {
        let context = containers::Context { pod, spec, observed, finish: finish.as_ref(), now: facts.now };
        let statuses = list.iter().map(|it| context.status_of(it, role, find(before, &it.name)));
        Some(statuses.collect::<Vec<_>>()).filter(|it| !it.is_empty())
    };
    let added: Vec<Container> =
        spec.ephemeral_containers.iter().flatten().map(crate::plan::as_container).collect();
    let mut status = previous.clone();
    let inits = spec.init_containers.as_deref().unwrap_or_default();
    status.init_container_statuses = of(inits, intent::Role::Init, &previous.init_container_statuses);
    status.container_statuses = of(&spec.containers, intent::Role::Main, &previous.container_statuses);
    status.ephemeral_container_statuses =
        of(&added, intent::Role::Ephemeral, &previous.ephemeral_container_statuses);
    status.observed_generation = pod.metadata.generation;
    status.qos_class = previous.qos_class.clone().or_else(|| Some(api::pod::qos_class(spec).to_owned()));
    status.start_time = previous.start_time.clone().or_else(|| Some(seconds(facts.now)));
    set_addresses(&mut status, spec, &observed.sandbox, facts.node_addresses);
    set_phase(&mut status, spec, observed, finish.as_ref());
    conditions::set(&mut status, pod, spec, observed, facts.now);
    status
}

fn find<'a>(list: &'a Option<Vec<ContainerStatus>>, name: &str) -> Option<&'a ContainerStatus> {
    list.iter().flatten().find(|it| it.name == name)
}

/// The API keeps whole seconds; what is written must equal what comes back.
fn seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).expect("a timestamp's second is in a timestamp's range"))
}

fn set_addresses(status: &mut PodStatus, spec: &PodSpec, sandbox: &Sandbox, node: &[IpAddr]) {
    let host = |it: &IpAddr| HostIP { ip: it.to_string() };
    status.host_ip = node.first().map(ToString::to_string);
    status.host_ips = Some(node.iter().map(host).collect::<Vec<_>>()).filter(|it| !it.is_empty());
    let own: Vec<IpAddr> = match sandbox.running() {
        Some(_) if spec.host_network == Some(true) => node.to_vec(),
        Some(facts) => facts.address.into_iter().collect(),
        // A pod that has ended is still known by the address it had.
        None => return,
    };
    status.pod_ip = own.first().map(ToString::to_string);
    status.pod_ips = Some(own.iter().map(|it| PodIP { ip: it.to_string() }).collect());
}

fn set_phase(status: &mut PodStatus, spec: &PodSpec, observed: &Observed, finish: Option<&Finish>) {
    let Some(finish) = finish else {
        status.phase = Some(phase_of(spec, observed).to_owned());
        (status.reason, status.message) = (None, None);
        return;
    };
    status.phase = Some(final_phase(status, finish).to_owned());
    if let Some(reason) = finish.reason {
        status.reason = Some(reason.to_owned());
        status.message.clone_from(&finish.message);
    }
}

/// A phase is final when nothing runs any more: whoever replaces the pod may rely on that.
fn final_phase(status: &PodStatus, finish: &Finish) -> &'static str {
    let runs = |it: &ContainerStatus| it.state.as_ref().is_some_and(|state| state.running.is_some());
    let mut all =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    match status.phase.as_deref() {
        Some(phase::SUCCEEDED | phase::FAILED) => finish.phase,
        before if all.any(runs) => {
            if before == Some(phase::RUNNING) {
                phase::RUNNING
            } else {
                phase::PENDING
            }
        }
        _ => finish.phase,
    }
}

/// The phase of a pod that shall run.
fn phase_of(spec: &PodSpec, observed: &Observed) -> &'static str {
    let begun = |it: &Container| {
        observed
            .attempts
            .get(&it.name)
            .is_some_and(|all| all.iter().any(|it| it.running_since().is_some() || it.exit().is_some()))
    };
    // A container that has never begun (its image is missing, say) keeps the whole pod pending.
    if !spec.containers.is_empty() && spec.containers.iter().all(begun) {
        phase::RUNNING
    } else {
        phase::PENDING
    }
}
