//! A container that shall stop: hook, stop signal, and SIGKILL when its grace period is over.

use api::k8s::api::core::v1::{Container, Probe};
use jiff::{SignedDuration, Timestamp};

use crate::{
    intent::Intent,
    observed::{Attempt, Hook, StopCause, Stopping, Target},
};

use super::{Action, SIGKILL, View};

/// However short the grace period is, a container gets this long to react to its stop signal.
const SHORTEST: SignedDuration = SignedDuration::from_secs(2);
/// The grace period of a pod that names none.
const DEFAULT_GRACE: i64 = 30;

impl View<'_> {
    /// Takes the stopping of a running container one step further.
    pub(super) fn stop(&mut self, container: &Container, attempt: &Attempt) {
        let Some(stopping) = &attempt.stopping else { return };
        if stopping.killed || self.is_container_busy(&container.name) {
            return;
        }
        let over = self.grace_ends(container, stopping);
        match stopping.signalled_at {
            Some(at) => self.kill(container, attempt, over.max(plus(at, SHORTEST))),
            None if self.now < over && self.runs_hook(container, stopping, over) => self.wake(over),
            None => self.signal(container, attempt, &attempt.stop_signal),
        }
    }

    /// Begins the preStop hook if there is one; whether it has to be waited for.
    fn runs_hook(&mut self, container: &Container, stopping: &Stopping, deadline: Timestamp) -> bool {
        let has_hook = container.lifecycle.as_ref().is_some_and(|it| it.pre_stop.is_some());
        if !has_hook || stopping.pre_stop != Hook::Pending {
            return false;
        }
        if !self.is_busy(&Target::Hook(container.name.clone())) {
            self.act(Action::PreStop { container: container.name.clone(), deadline });
        }
        true
    }

    fn kill(&mut self, container: &Container, attempt: &Attempt, due: Timestamp) {
        if due <= self.now { self.signal(container, attempt, SIGKILL) } else { self.wake(due) }
    }

    fn signal(&mut self, container: &Container, attempt: &Attempt, signal: &str) {
        let (container, id) = (container.name.clone(), attempt.id.clone());
        self.act(Action::Signal { container, id, signal: signal.to_owned() });
    }

    /// When the container's grace period is over. A pod that was deleted meanwhile may shorten it.
    fn grace_ends(&self, container: &Container, stopping: &Stopping) -> Timestamp {
        let own = self.grace_of(container, stopping.cause);
        let ending = crate::intent::intent_of(self.pod, self.observed, self.now) != Intent::Run;
        let grace = if ending { own.min(self.grace_of(container, StopCause::PodEnds)) } else { own };
        plus(stopping.since, grace.max(SHORTEST))
    }

    fn grace_of(&self, container: &Container, cause: StopCause) -> SignedDuration {
        let probe = match cause {
            StopCause::Liveness => container.liveness_probe.as_ref(),
            StopCause::Startup => container.startup_probe.as_ref(),
            // The containers of a pod without a network have nothing to finish.
            StopCause::SandboxLost => return SHORTEST,
            StopCause::PodEnds | StopCause::PostStart | StopCause::Changed => None,
        };
        let of_probe = probe.and_then(|it: &Probe| it.termination_grace_period_seconds);
        let of_deletion =
            self.pod.metadata.deletion_grace_period_seconds.filter(|_| cause == StopCause::PodEnds);
        let of_pod = self.spec.termination_grace_period_seconds;
        SignedDuration::from_secs(of_probe.or(of_deletion).or(of_pod).unwrap_or(DEFAULT_GRACE))
    }
}

fn plus(moment: Timestamp, duration: SignedDuration) -> Timestamp {
    moment.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
