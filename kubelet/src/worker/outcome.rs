//! What came of the things that were begun, and what it changes in what is observed. All of it is pure.

use std::collections::BTreeMap;

use api::k8s::api::core::v1::Pod;
use jiff::Timestamp;

use crate::{
    cluster::{ClusterError, Token},
    container_runtime::{Container, ContainerId, Exit, RuntimeError, State},
    events::{self, Event},
    observed::{End, Eviction, Hook, Observed, Sandbox, SandboxFacts, Target, Trouble, Volumes},
    probes::{self, Kind, Success},
    volumes::{self, TokenNeed},
};

use super::{execute, trouble};

pub(crate) use super::prepare::Made;

/// What came of something begun.
#[derive(Debug)]
pub enum Outcome {
    /// A pause container was made, or why not.
    SandboxCreated(Result<SandboxFacts, String>),
    /// A pause container was started; the address it got if the engine chose it.
    SandboxStarted {
        /// Which.
        id: ContainerId,
        /// Its address, or why it was not started. It is removed then.
        result: Result<Option<std::net::IpAddr>, String>,
    },
    /// The pod's volumes were written, with these tokens.
    VolumesWritten(Result<BTreeMap<TokenNeed, Token>, String>),
    /// The pod's volumes were removed.
    VolumesRemoved(Result<(), String>),
    /// The folders with a size limit were measured: names and bytes.
    Measured(Vec<(String, u64)>),
    /// A container was made.
    Created {
        /// Its name in the pod.
        container: String,
        /// What was made, or why not.
        result: Result<Box<Made>, Failure>,
    },
    /// A container was started.
    Started {
        /// Its name in the pod.
        container: String,
        /// Which attempt.
        id: ContainerId,
        /// Why it was not.
        result: Result<(), RuntimeError>,
        /// When.
        at: Timestamp,
    },
    /// A hook has ended.
    HookRan {
        /// Of which container.
        container: String,
        /// Of which attempt.
        id: Option<ContainerId>,
        /// Which hook.
        kind: HookKind,
        /// What went wrong.
        result: Result<(), String>,
    },
    /// A signal was sent.
    Signalled {
        /// To which container.
        container: String,
        /// To which attempt.
        id: ContainerId,
        /// Whether it was SIGKILL.
        killed: bool,
        /// Why it was not.
        result: Result<(), RuntimeError>,
        /// When.
        at: Timestamp,
    },
    /// A probe was carried out.
    Probed {
        /// Of which container.
        container: String,
        /// Of which attempt.
        id: ContainerId,
        /// Which probe.
        kind: Kind,
        /// What it found.
        found: probes::Outcome,
    },
    /// A container was removed.
    Removed {
        /// Which.
        id: ContainerId,
        /// Why it was not.
        result: Result<(), RuntimeError>,
    },
    /// A container was looked at; `None` when it is gone.
    Looked {
        /// Which.
        id: ContainerId,
        /// What it is doing, with its last words.
        found: Result<Option<Box<Seen>>, RuntimeError>,
    },
    /// The status was sent; the pod as it is then, `None` when it is gone.
    StatusWritten(Result<Option<Box<Pod>>, ClusterError>),
    /// The pod's object was deleted.
    ObjectDeleted(Result<(), ClusterError>),
    /// What was to be done had become pointless.
    Nothing,
}

/// A container that was looked at, with its last words if it has ended.
pub(crate) type Seen = (Container, Option<String>);

/// Which hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// The one after the start.
    PostStart,
    /// The one before the stop signal.
    PreStop,
}

/// Why a container was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    reason: &'static str,
    message: String,
    image: String,
}

impl Failure {
    /// A container of this image was not made for this reason.
    pub fn container(reason: &'static str, message: String, image: &str) -> Failure {
        Failure { reason, message, image: image.to_owned() }
    }
}

/// The identifiers of all containers that are believed to be there, and whether they run.
pub(super) fn known(observed: &Observed) -> BTreeMap<ContainerId, bool> {
    let attempts = observed.all().map(|it| (it.id.clone(), it.running_since().is_some()));
    let running = observed.sandbox.running().is_some();
    let sandbox = observed.sandbox.id().map(|id| (id.clone(), running));
    attempts.chain(sandbox).chain(observed.stale.iter().map(|id| (id.clone(), false))).collect()
}

/// Takes in one outcome; what users should be told.
pub(crate) fn apply(pod: &Pod, observed: &mut Observed, outcome: Outcome, now: Timestamp) -> Vec<Event> {
    match outcome {
        Outcome::SandboxCreated(result) => sandbox_created(observed, result, now),
        Outcome::SandboxStarted { id, result } => sandbox_started(observed, &id, result, now),
        Outcome::VolumesWritten(result) => volumes_written(observed, result.map(drop), now),
        Outcome::VolumesRemoved(result) => volumes_removed(observed, result, now),
        Outcome::Measured(sizes) => measured(pod, observed, &sizes, now),
        Outcome::Created { container, result } => created(observed, &container, result, now),
        Outcome::Started { container, id, result, at } => started(observed, &container, &id, result, at),
        Outcome::HookRan { container, id, kind, result } => hook_ran(observed, &container, id, kind, result),
        Outcome::Signalled { container: _, id, killed, result, at } => {
            signalled(observed, &id, killed, result, at);
            Vec::new()
        }
        Outcome::Probed { container, id, kind, found } => probed(pod, observed, &container, &id, kind, found),
        Outcome::Removed { id, result } => removed(observed, &id, result),
        Outcome::ObjectDeleted(result) => deleted(observed, result, now),
        Outcome::Looked { .. } | Outcome::StatusWritten(_) | Outcome::Nothing => Vec::new(),
    }
}

/// Notes a trouble, counting how often in a row.
pub(super) fn note_trouble(
    observed: &mut Observed,
    target: Target,
    reason: &'static str,
    message: String,
    image: &str,
    now: Timestamp,
) {
    let before = observed.troubles.get(&target).filter(|it| it.reason == reason && it.image == image);
    let times = before.map_or(0, |it| it.times) + 1;
    observed.troubles.insert(target, trouble(reason, message, image, times, now));
}

/// The API did not know the pod: what became of it the watch will tell, soon.
pub(super) fn absent(now: Timestamp) -> Trouble {
    trouble("Absent", "the pod is gone from the API".to_owned(), "", 1, now)
}

fn sandbox_created(
    observed: &mut Observed,
    result: Result<SandboxFacts, String>,
    now: Timestamp,
) -> Vec<Event> {
    match result {
        Ok(facts) => {
            observed.troubles.remove(&Target::Sandbox);
            observed.sandbox = Sandbox::Created(facts);
            Vec::new()
        }
        Err(why) => sandbox_failed(observed, &why, now),
    }
}

fn sandbox_started(
    observed: &mut Observed,
    id: &ContainerId,
    result: Result<Option<std::net::IpAddr>, String>,
    now: Timestamp,
) -> Vec<Event> {
    match result {
        Ok(address) => {
            // It may have ended, and been looked at, before the news of its start arrived.
            if let Sandbox::Created(facts) = &observed.sandbox
                && facts.id == *id
            {
                let address = address.or(facts.address);
                observed.sandbox = Sandbox::Running(SandboxFacts { id: id.clone(), address });
            }
            Vec::new()
        }
        Err(why) => {
            observed.forget(id);
            sandbox_failed(observed, &why, now)
        }
    }
}

fn sandbox_failed(observed: &mut Observed, why: &str, now: Timestamp) -> Vec<Event> {
    let message = format!("Failed to create pod sandbox: {why}");
    note_trouble(observed, Target::Sandbox, "FailedCreatePodSandBox", message.clone(), "", now);
    vec![events::warning("FailedCreatePodSandBox", message)]
}

fn volumes_written(observed: &mut Observed, result: Result<(), String>, now: Timestamp) -> Vec<Event> {
    match result {
        Ok(()) => {
            observed.troubles.remove(&Target::Volumes);
            observed.volumes = Volumes::Ready { at: now };
            Vec::new()
        }
        Err(why) => {
            note_trouble(observed, Target::Volumes, "FailedMount", why.clone(), "", now);
            vec![events::warning("FailedMount", why)]
        }
    }
}

fn volumes_removed(observed: &mut Observed, result: Result<(), String>, now: Timestamp) -> Vec<Event> {
    match result {
        Ok(()) => observed.volumes = Volumes::Removed,
        Err(why) => note_trouble(observed, Target::Volumes, "FailedUnmount", why, "", now),
    }
    Vec::new()
}

fn measured(pod: &Pod, observed: &mut Observed, sizes: &[(String, u64)], now: Timestamp) -> Vec<Event> {
    observed.measured_at = Some(now);
    let limits = pod.spec.as_ref().map(volumes::limits_of).unwrap_or_default();
    let size_of = |name: &str| sizes.iter().find(|(volume, _)| volume == name).map_or(0, |(_, size)| *size);
    let Some(over) = limits.into_iter().find(|it| size_of(&it.volume) > it.bytes) else { return Vec::new() };
    let message =
        format!("Usage of EmptyDir volume \"{}\" exceeds the limit \"{}\".", over.volume, over.text);
    let event = events::warning(EVICTED, message.clone());
    let first = observed.eviction.is_none();
    observed.eviction.get_or_insert(Eviction { reason: EVICTED, message });
    if first { vec![event] } else { Vec::new() }
}

/// The reason of a pod that had to leave its node.
const EVICTED: &str = "Evicted";

fn created(
    observed: &mut Observed,
    container: &str,
    result: Result<Box<Made>, Failure>,
    now: Timestamp,
) -> Vec<Event> {
    let target = Target::Container(container.to_owned());
    match result {
        Ok(made) => {
            observed.troubles.remove(&target);
            observed.add(container, made.attempt);
            made.events
        }
        Err(Failure { reason, message, image }) => {
            let event = failed_event(reason, &message).of(container);
            note_trouble(observed, target, reason, message, &image, now);
            let told = events::warning("Failed", format!("Error: {reason}")).of(container);
            if reason == crate::images::PULL { vec![event, told] } else { vec![event] }
        }
    }
}

fn failed_event(reason: &'static str, message: &str) -> Event {
    match reason {
        crate::images::INVALID_NAME => events::warning("InspectFailed", message),
        crate::images::NEVER_PULL | crate::images::PULL => events::warning("Failed", message),
        _ => events::warning("Failed", format!("Error: {message}")),
    }
}

fn started(
    observed: &mut Observed,
    container: &str,
    id: &ContainerId,
    result: Result<(), RuntimeError>,
    at: Timestamp,
) -> Vec<Event> {
    let Some(attempt) = observed.attempt_mut(id) else { return Vec::new() };
    match result {
        Ok(()) => {
            // It may have ended, and been looked at, before the news of its start arrived.
            if attempt.state == State::Created {
                attempt.state = State::Running { started_at: at };
            }
            vec![events::normal("Started", format!("Started container {container}")).of(container)]
        }
        Err(error) => {
            let error = error.to_string();
            let message = format!("Error: failed to start container \"{container}\": {error}");
            let exit =
                Exit { code: START_ERROR, out_of_memory: false, started_at: None, finished_at: at, error };
            attempt.state = State::Exited(exit);
            vec![events::warning("Failed", message).of(container)]
        }
    }
}

/// The exit code of a container that could not be started.
const START_ERROR: i32 = 128;

fn hook_ran(
    observed: &mut Observed,
    container: &str,
    id: Option<ContainerId>,
    kind: HookKind,
    result: Result<(), String>,
) -> Vec<Event> {
    let Some(attempt) = id.and_then(|id| observed.attempt_mut(&id)) else { return Vec::new() };
    let after = if result.is_ok() { Hook::Done } else { Hook::Failed };
    let reason = match kind {
        HookKind::PostStart => {
            attempt.post_start = after;
            "FailedPostStartHook"
        }
        HookKind::PreStop => {
            if let Some(stopping) = &mut attempt.stopping {
                stopping.pre_stop = after;
            }
            "FailedPreStopHook"
        }
    };
    // A hook that is cut off by its container's end has not failed by itself.
    let lives = attempt.running_since().is_some();
    let failed = result.err().filter(|_| lives || kind == HookKind::PreStop);
    let name = if kind == HookKind::PostStart { "PostStart" } else { "PreStop" };
    failed
        .map(|why| events::warning(reason, format!("{name}Hook failed: {why}")).of(container))
        .into_iter()
        .collect()
}

fn signalled(
    observed: &mut Observed,
    id: &ContainerId,
    killed: bool,
    result: Result<(), RuntimeError>,
    at: Timestamp,
) {
    let Some(stopping) = observed.attempt_mut(id).and_then(|it| it.stopping.as_mut()) else { return };
    match result {
        // A conflict says that it does not run any more: the look that follows its end will tell.
        Ok(()) | Err(RuntimeError::Conflict(_) | RuntimeError::NotFound(_)) => {}
        Err(error) => tracing::warn!(%error, container = %id, "failed to send a signal"),
    }
    // Sent or not, the grace period goes on, and ends with SIGKILL.
    stopping.signalled_at = stopping.signalled_at.or(Some(at));
    stopping.killed = killed;
}

fn probed(
    pod: &Pod,
    observed: &mut Observed,
    container: &str,
    id: &ContainerId,
    kind: Kind,
    found: probes::Outcome,
) -> Vec<Event> {
    let spec = execute::find(pod, container);
    let Some(probe) = spec.as_ref().and_then(|it| kind.of(it)) else { return Vec::new() };
    let Some(attempt) = observed.attempt_mut(id).filter(|it| it.running_since().is_some()) else {
        return Vec::new();
    };
    let stopping = attempt.stopping.is_some();
    attempt.probes.entry(kind).or_default().record(probe, found.success);
    if found.success == Success::Yes || stopping {
        return Vec::new();
    }
    vec![events::warning("Unhealthy", format!("{kind} probe failed: {}", found.output)).of(container)]
}

fn removed(observed: &mut Observed, id: &ContainerId, result: Result<(), RuntimeError>) -> Vec<Event> {
    match result {
        Ok(()) => observed.forget(id),
        Err(error) => {
            tracing::warn!(%error, container = %id, "failed to remove a container; it is tried again")
        }
    }
    Vec::new()
}

fn deleted(observed: &mut Observed, result: Result<(), ClusterError>, now: Timestamp) -> Vec<Event> {
    match result {
        Ok(()) if observed.end == End::Settled => observed.end = End::Told,
        Ok(()) => {}
        Err(error) => note_trouble(observed, Target::Object, "FailedDelete", error.to_string(), "", now),
    }
    Vec::new()
}

/// Takes in a look at a container.
pub(crate) fn looked(
    pod: &Pod,
    observed: &mut Observed,
    id: &ContainerId,
    found: Result<Option<Box<Seen>>, RuntimeError>,
    now: Timestamp,
) -> Vec<Event> {
    match found {
        Ok(None) => observed.forget(id),
        Ok(Some(seen)) => {
            let (container, message) = *seen;
            observed.see(container);
            if let Some(attempt) = observed.attempt_mut(id) {
                attempt.message = message;
            }
        }
        Err(error) => {
            let pod = events::full_name(pod);
            tracing::warn!(%error, container = %id, pod, at = %now, "failed to look at a container");
        }
    }
    Vec::new()
}
