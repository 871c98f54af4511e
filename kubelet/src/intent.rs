//! What a pod is to become on this node, and whether a container that ended is started again.
//!
//! Planning and status both ask here, so that they never disagree.

use api::k8s::api::core::v1::{Container, Pod, PodSpec};
use jiff::{SignedDuration, Timestamp};

use crate::observed::{Attempt, End, Observed};

/// What a pod is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It runs.
    Run,
    /// Its work is over: nothing is started, what runs is stopped, what is left stays for those who read its logs.
    Finish(Finish),
    /// It was deleted: everything goes.
    Terminate,
}

/// How a pod finishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// `Succeeded` or `Failed`.
    pub phase: &'static str,
    /// Why, when the agent ended it.
    pub reason: Option<&'static str>,
    /// The same for people.
    pub message: Option<String>,
}

/// The phases of a pod.
pub mod phase {
    #![allow(missing_docs, reason = "each is the upstream phase of that name")]
    pub const PENDING: &str = "Pending";
    pub const RUNNING: &str = "Running";
    pub const SUCCEEDED: &str = "Succeeded";
    pub const FAILED: &str = "Failed";
}

/// The reason of a pod that ran longer than it was allowed to.
pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";

/// What this pod is to become.
pub fn intent_of(pod: &Pod, observed: &Observed, now: Timestamp) -> Intent {
    if pod.metadata.deletion_timestamp.is_some() || observed.end >= End::Gone {
        return Intent::Terminate;
    }
    finish_of(pod, observed, now).map_or(Intent::Run, Intent::Finish)
}

/// How the pod finishes, if its work is over.
pub fn finish_of(pod: &Pod, observed: &Observed, now: Timestamp) -> Option<Finish> {
    let spec = pod.spec.as_ref()?;
    finished_before(pod)
        .or_else(|| evicted(observed))
        .or_else(|| deadline_exceeded(pod, now))
        .or_else(|| init_failed(spec, observed))
        .or_else(|| mains_ended(spec, observed))
}

/// A pod that has finished stays finished, whatever became of its containers.
fn finished_before(pod: &Pod) -> Option<Finish> {
    let phase = match api::pod::phase(pod) {
        phase::SUCCEEDED => phase::SUCCEEDED,
        phase::FAILED => phase::FAILED,
        _ => return None,
    };
    // Reason and message are kept from the status that says so.
    Some(Finish { phase, reason: None, message: None })
}

fn evicted(observed: &Observed) -> Option<Finish> {
    let eviction = observed.eviction.as_ref()?;
    Some(failed(eviction.reason, eviction.message.clone()))
}

fn deadline_exceeded(pod: &Pod, now: Timestamp) -> Option<Finish> {
    (deadline_of(pod)? <= now).then(|| {
        failed(DEADLINE_EXCEEDED, "Pod was active on the node longer than the specified deadline".to_owned())
    })
}

/// Until when the pod may run.
pub fn deadline_of(pod: &Pod) -> Option<Timestamp> {
    let seconds = pod.spec.as_ref()?.active_deadline_seconds?;
    let start = pod.status.as_ref()?.start_time.as_ref()?;
    start.0.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn failed(reason: &'static str, message: String) -> Finish {
    Finish { phase: phase::FAILED, reason: Some(reason), message: Some(message) }
}

fn init_failed(spec: &PodSpec, observed: &Observed) -> Option<Finish> {
    if mains_begun(spec, observed) {
        return None;
    }
    let inits = spec.init_containers.iter().flatten().filter(|it| !api::pod::is_sidecar(it));
    let mut exits = inits.filter_map(|init| Some((init, observed.latest(&init.name)?.exit()?.code)));
    exits.any(|(init, code)| code != 0 && !restarts(spec, init, Role::Init, code)).then_some(Finish {
        phase: phase::FAILED,
        reason: None,
        message: None,
    })
}

fn mains_ended(spec: &PodSpec, observed: &Observed) -> Option<Finish> {
    let codes: Option<Vec<i32>> =
        spec.containers.iter().map(|it| ended_for_good(spec, observed, it)).collect();
    let phase = match codes?.as_slice() {
        [] => return None,
        codes if codes.iter().all(|code| *code == 0) => phase::SUCCEEDED,
        _ => phase::FAILED,
    };
    Some(Finish { phase, reason: None, message: None })
}

/// The exit code of a container that will not be started again.
fn ended_for_good(spec: &PodSpec, observed: &Observed, container: &Container) -> Option<i32> {
    let attempt = observed.latest(&container.name)?;
    let code = attempt.exit()?.code;
    (!restarts(spec, container, Role::Main, code) && !is_changed(container, attempt)).then_some(code)
}

/// Whether the pod now names another image than this attempt was made from.
pub fn is_changed(container: &Container, attempt: &Attempt) -> bool {
    container.image.as_deref().unwrap_or_default() != attempt.image
}

/// Whether any main container has been made: initialization is over then.
pub fn mains_begun(spec: &PodSpec, observed: &Observed) -> bool {
    let current = |name: &str| observed.latest(name).is_some_and(|it| observed.is_current(it));
    spec.containers.iter().any(|it| current(&it.name))
}

/// What a container is in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container that goes on running beside the others.
    Sidecar,
    /// One of the pod's own.
    Main,
    /// Added to a running pod; never restarted.
    Ephemeral,
}

/// Whether a container that ended with this code is started again.
pub fn restarts(spec: &PodSpec, container: &Container, role: Role, code: i32) -> bool {
    match role {
        Role::Ephemeral => return false,
        Role::Sidecar => return true,
        Role::Init | Role::Main => {}
    }
    if rules_restart(container, code) {
        return true;
    }
    let policy = container.restart_policy.as_deref().or(spec.restart_policy.as_deref()).unwrap_or("Always");
    match policy {
        "Never" => false,
        "OnFailure" => code != 0,
        // An init container that succeeded is done, whatever the policy.
        _ => role != Role::Init || code != 0,
    }
}

/// Whether one of the container's own rules asks for a restart after this code.
fn rules_restart(container: &Container, code: i32) -> bool {
    container.restart_policy_rules.iter().flatten().any(|rule| {
        rule.exit_codes.as_ref().is_some_and(|codes| {
            let listed = codes.values.iter().flatten().any(|value| *value == code);
            rule.action == "Restart" && if codes.operator == "NotIn" { !listed } else { listed }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policy: &str, role: Role, code: i32, expect: bool) {
        let spec = PodSpec { restart_policy: Some(policy.to_owned()), ..PodSpec::default() };
        assert_eq!(restarts(&spec, &Container::default(), role, code), expect, "{policy} {role:?} {code}");
    }

    #[test]
    fn policy_role_and_code_decide() {
        check("Always", Role::Main, 0, true);
        check("OnFailure", Role::Main, 0, false);
        check("OnFailure", Role::Main, 1, true);
        check("Never", Role::Main, 1, false);
        check("Always", Role::Init, 0, false);
        check("Always", Role::Init, 1, true);
        check("Never", Role::Init, 1, false);
        check("Never", Role::Sidecar, 0, true);
        check("Always", Role::Ephemeral, 1, false);
    }
}
