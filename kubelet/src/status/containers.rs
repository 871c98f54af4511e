//! The status of one container: waiting, running or terminated, what it was before, whether it is ready.

use api::k8s::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, Pod, PodSpec,
};
use jiff::Timestamp;

use crate::{
    container_runtime::{Exit, State},
    events, images,
    intent::{self, Finish, Role},
    observed::{Attempt, Hook, Observed, Target},
    plan,
    probes::Kind,
};

use super::seconds;

/// What the statuses of all containers of a pod depend on.
pub(super) struct Context<'a> {
    pub(super) pod: &'a Pod,
    pub(super) spec: &'a PodSpec,
    pub(super) observed: &'a Observed,
    pub(super) finish: Option<&'a Finish>,
    pub(super) now: Timestamp,
}

impl Context<'_> {
    pub(super) fn status_of(
        &self,
        container: &Container,
        role: Role,
        before: Option<&ContainerStatus>,
    ) -> ContainerStatus {
        let role = if role == Role::Init && api::pod::is_sidecar(container) { Role::Sidecar } else { role };
        match self.observed.latest(&container.name) {
            Some(attempt) if attempt.state == State::Created && self.tells_of_another(attempt, before) => {
                before.cloned().unwrap_or_default()
            }
            Some(attempt) => self.status_with(container, role, attempt, before),
            None => self.status_without(container, role, before),
        }
    }

    /// An attempt that is about to start changes nothing of what was told of its predecessor.
    fn tells_of_another(&self, attempt: &Attempt, before: Option<&ContainerStatus>) -> bool {
        let ended = before.and_then(|it| it.state.as_ref()).is_some_and(|it| it.running.is_none());
        attempt.number > 0 && ended
    }

    fn status_with(
        &self,
        container: &Container,
        role: Role,
        attempt: &Attempt,
        before: Option<&ContainerStatus>,
    ) -> ContainerStatus {
        let state = self.state_of(container, role, attempt);
        let last = match (&attempt.state, &state.terminated) {
            (State::Exited(_), None) => Some(terminated(attempt)),
            _ => self.observed.previous(&container.name).map(terminated),
        };
        let running = state.running.is_some();
        ContainerStatus {
            name: container.name.clone(),
            image: image_of(container, attempt),
            image_id: images::reported_id(&attempt.image_id),
            // One that was made and never started is not told of: whoever replaces it is no restart.
            container_id: (attempt.state != State::Created).then(|| format!("docker://{}", attempt.id)),
            restart_count: i32::try_from(attempt.number).unwrap_or(i32::MAX),
            ready: match role {
                Role::Init => attempt.exit().is_some_and(|exit| exit.code == 0),
                Role::Ephemeral => false,
                Role::Main | Role::Sidecar => running && is_ready(container, attempt),
            },
            started: Some(running && has_started(container, attempt)),
            state: Some(state),
            last_state: Some(last.or_else(|| before?.last_state.clone()).unwrap_or_default()),
            resources: container.resources.clone().filter(|_| running),
            ..ContainerStatus::default()
        }
    }

    fn state_of(&self, container: &Container, role: Role, attempt: &Attempt) -> ContainerState {
        match &attempt.state {
            State::Running { started_at } => ContainerState {
                running: Some(ContainerStateRunning { started_at: Some(seconds(*started_at)) }),
                ..ContainerState::default()
            },
            State::Created => self.waiting_before(container, role),
            State::Exited(exit) => self.after(container, role, attempt, exit),
        }
    }

    /// A container that has ended: over for good, waiting for its next attempt, or unable to get one.
    fn after(&self, container: &Container, role: Role, attempt: &Attempt, exit: &Exit) -> ContainerState {
        let ends = self.finish.is_some() || self.pod.metadata.deletion_timestamp.is_some();
        let again = !ends
            && (intent::restarts(self.spec, container, role, exit.code)
                || intent::is_changed(container, attempt));
        if !again {
            return terminated(attempt);
        }
        if let Some(state) = self.trouble(container) {
            return state;
        }
        if plan::restart_at(attempt).is_some_and(|due| due > self.now) {
            let message = events::back_off_message(self.pod, &container.name, attempt);
            return waiting("CrashLoopBackOff", Some(message));
        }
        terminated(attempt)
    }

    /// No container is there: not yet, not any more, or it was lost.
    fn status_without(
        &self,
        container: &Container,
        role: Role,
        before: Option<&ContainerStatus>,
    ) -> ContainerStatus {
        let ends = self.finish.is_some() || self.pod.metadata.deletion_timestamp.is_some();
        if let Some(before) = before.filter(|it| it.container_id.is_some()) {
            let mut kept = before.clone();
            (kept.ready, kept.started) = (role == Role::Init && kept.ready, Some(false));
            kept.state = Some(self.lost(container, role, before, ends));
            return kept;
        }
        let fallback = ContainerStatus {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            started: Some(false),
            last_state: Some(ContainerState::default()),
            ..ContainerStatus::default()
        };
        ContainerStatus { state: Some(self.waiting_before(container, role)), ..fallback }
    }

    /// The state of a container that was reported before and is no longer on the node.
    fn lost(
        &self,
        container: &Container,
        role: Role,
        before: &ContainerStatus,
        ends: bool,
    ) -> ContainerState {
        match &before.state {
            Some(state) if state.terminated.is_some() => state.clone(),
            _ if ends => ContainerState {
                terminated: Some(ContainerStateTerminated {
                    exit_code: 137,
                    reason: Some("ContainerStatusUnknown".to_owned()),
                    message: Some(
                        "The container could not be located when the pod was terminated".to_owned(),
                    ),
                    ..ContainerStateTerminated::default()
                }),
                ..ContainerState::default()
            },
            _ => self.waiting_before(container, role),
        }
    }

    /// Why a container that has not begun is waiting.
    fn waiting_before(&self, container: &Container, role: Role) -> ContainerState {
        if let Some(state) = self.trouble(container) {
            return state;
        }
        let inits = self.spec.init_containers.as_ref().is_some_and(|it| !it.is_empty());
        let reason = if inits && role != Role::Ephemeral { "PodInitializing" } else { "ContainerCreating" };
        waiting(reason, None)
    }

    fn trouble(&self, container: &Container) -> Option<ContainerState> {
        let trouble = self.observed.troubles.get(&Target::Container(container.name.clone()))?;
        (trouble.image == container.image.as_deref().unwrap_or_default()).then(|| {
            let (reason, message) = images::waiting_of(trouble, self.now);
            waiting(reason, Some(message))
        })
    }
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

/// How an attempt ended; the empty state while it has not.
fn terminated(attempt: &Attempt) -> ContainerState {
    let Some(exit) = attempt.exit() else { return ContainerState::default() };
    let message = attempt.message.clone().or_else(|| Some(exit.error.clone()).filter(|it| !it.is_empty()));
    let terminated = ContainerStateTerminated {
        container_id: Some(format!("docker://{}", attempt.id)),
        exit_code: exit.code,
        finished_at: Some(seconds(exit.finished_at)),
        message,
        reason: Some(reason_of(exit).to_owned()),
        signal: None,
        started_at: Some(seconds(exit.started_at.unwrap_or(exit.finished_at))),
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

fn reason_of(exit: &Exit) -> &'static str {
    match exit {
        Exit { out_of_memory: true, .. } => "OOMKilled",
        Exit { started_at: None, .. } => "StartError",
        Exit { code: 0, .. } => "Completed",
        _ => "Error",
    }
}

fn image_of(container: &Container, attempt: &Attempt) -> String {
    if attempt.image.is_empty() { container.image.clone().unwrap_or_default() } else { attempt.image.clone() }
}

/// Whether a running container is past its hook and its startup probe.
pub fn has_started(container: &Container, attempt: &Attempt) -> bool {
    let probed = container.startup_probe.is_none() || passed(attempt, Kind::Startup);
    attempt.running_since().is_some() && attempt.post_start == Hook::Done && probed
}

/// Whether a running container takes traffic: without a readiness probe as soon as it has started.
pub fn is_ready(container: &Container, attempt: &Attempt) -> bool {
    let probed = container.readiness_probe.is_none() || passed(attempt, Kind::Readiness);
    has_started(container, attempt) && probed
}

fn passed(attempt: &Attempt, kind: Kind) -> bool {
    attempt.probes.get(&kind).is_some_and(|it| it.passed == Some(true))
}
