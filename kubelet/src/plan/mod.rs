//! What is to be done for a pod, from what it should be, what is observed, and the time.
//!
//! Start at [`plan_pod`]. It is pure: the same inputs give the same [`Plan`], nothing is called, no clock is read. The
//! worker carries the actions out, several at a time, and plans again whenever something changed. An action is planned
//! only when its target is not busy and what it builds on is there, so a plan never has an order of its own:
//!
//! - the pause container first, then init containers one by one, then everything else ([`run`]);
//! - a container that shall stop gets its hook, its signal and, when the grace period is over, SIGKILL ([`stop`]);
//! - a pod that ends stops its containers, then its sidecars from last to first, then leaves nothing behind ([`end`]).

mod end;
mod run;
mod stop;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod stage;

use api::k8s::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};
use jiff::{SignedDuration, Timestamp};

use crate::{
    container_runtime::ContainerId,
    events::Note,
    intent::{self, Intent, Role},
    observed::{Attempt, Observed, StopCause, Target},
    probes,
};

/// What is to be done now, and when to look again if nothing happens until then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What to begin, all at the same time.
    pub actions: Vec<Action>,
    /// What users should be told, once each.
    pub notes: Vec<Note>,
    /// When time alone will change the plan.
    pub wake_at: Option<Timestamp>,
}

/// One thing to begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make the pod's folders and files, or bring them up to date.
    WriteVolumes,
    /// Measure the folders that have a size limit.
    MeasureVolumes,
    /// Make the pause container.
    CreateSandbox,
    /// Start the pause container.
    StartSandbox(ContainerId),
    /// Make a container, with its image and its environment.
    Create {
        /// Which.
        container: String,
        /// How many of that name came before.
        number: u32,
        /// Seconds to wait after its end.
        backoff: u32,
    },
    /// Start a container that was made.
    Start {
        /// Which.
        container: String,
        /// Its attempt.
        id: ContainerId,
    },
    /// Run the hook that follows the start.
    PostStart(String),
    /// Ask a container to stop: its grace period begins.
    Stop {
        /// Which.
        container: String,
        /// Why.
        cause: StopCause,
    },
    /// Run the hook that precedes the stop signal.
    PreStop {
        /// Which.
        container: String,
        /// By when it must be over.
        deadline: Timestamp,
    },
    /// Send a signal.
    Signal {
        /// Which container.
        container: String,
        /// Its attempt.
        id: ContainerId,
        /// The signal's name.
        signal: String,
    },
    /// Carry out a probe.
    Probe {
        /// Of which container.
        container: String,
        /// Which of its probes.
        kind: probes::Kind,
    },
    /// Remove what is left of a container, killing it if it runs.
    Remove(ContainerId),
    /// Compute the final status: nothing runs any more.
    Settle,
    /// Remove the pod's folders and files.
    RemoveVolumes,
    /// Delete the pod's object for good.
    DeleteObject,
}

/// SIGKILL, which no process can ignore.
pub const SIGKILL: &str = "SIGKILL";

/// What is to be done for a pod.
pub fn plan_pod(pod: &Pod, observed: &Observed, now: Timestamp) -> Plan {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let mut view = View { pod, spec, observed, now, plan: Plan::default() };
    match intent::intent_of(pod, observed, now) {
        Intent::Run => view.run(),
        Intent::Finish(_) => view.finish(),
        Intent::Terminate => view.terminate(),
    }
    view.sweep();
    view.plan
}

/// What the parts of the plan look at, and the plan they add to.
struct View<'a> {
    pod: &'a Pod,
    spec: &'a PodSpec,
    observed: &'a Observed,
    now: Timestamp,
    plan: Plan,
}

impl<'a> View<'a> {
    fn act(&mut self, action: Action) {
        self.plan.actions.push(action);
    }

    fn wake(&mut self, at: Timestamp) {
        self.plan.wake_at = Some(self.plan.wake_at.map_or(at, |it| it.min(at)));
    }

    fn is_busy(&self, target: &Target) -> bool {
        self.observed.busy.contains(target)
    }

    fn is_container_busy(&self, container: &str) -> bool {
        self.is_busy(&Target::Container(container.to_owned()))
    }

    /// Whether a trouble says to wait; the plan wakes when it is over.
    fn waits(&mut self, target: &Target, image: Option<&str>) -> bool {
        let Some(trouble) = self.observed.troubles.get(target) else { return false };
        let other_image = image.is_some_and(|image| image != trouble.image);
        if other_image || trouble.retry_at <= self.now {
            return false;
        }
        self.wake(trouble.retry_at);
        true
    }

    /// The containers that are not init containers, with their roles.
    fn late(&self) -> impl Iterator<Item = (Container, Role)> + use<'a> {
        let mains = self.spec.containers.iter().map(|it| (it.clone(), Role::Main));
        let added = self.spec.ephemeral_containers.iter().flatten();
        mains.chain(added.map(|it| (as_container(it), Role::Ephemeral)))
    }

    /// Removes what nobody will look at any more: all but the last two attempts of each container, and pause
    /// containers that were replaced.
    fn sweep(&mut self) {
        let old = self.observed.attempts.values().flat_map(|attempts| {
            let keep = attempts.len().saturating_sub(2);
            attempts[..keep].iter().filter(|it| !it.state.is_live()).map(|it| it.id.clone())
        });
        let remains: Vec<ContainerId> = old.chain(self.observed.stale.iter().cloned()).collect();
        for id in remains {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: ContainerId) {
        let action = Action::Remove(id.clone());
        if !self.is_busy(&Target::Remains(id)) && !self.plan.actions.contains(&action) {
            self.act(action);
        }
    }
}

/// An ephemeral container in the shape of any other.
pub fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let it = ephemeral.clone();
    Container {
        args: it.args,
        command: it.command,
        env: it.env,
        env_from: it.env_from,
        image: it.image,
        image_pull_policy: it.image_pull_policy,
        name: it.name,
        resources: it.resources,
        security_context: it.security_context,
        stdin: it.stdin,
        stdin_once: it.stdin_once,
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        tty: it.tty,
        volume_mounts: it.volume_mounts,
        working_dir: it.working_dir,
        ..Container::default()
    }
}

/// The first wait after a container that ended a second time.
const FIRST_BACKOFF: u32 = 10;
/// The longest wait between two attempts.
const LONGEST_BACKOFF: u32 = 300;
/// A container that ran this long starts with a clean record.
const FORGIVEN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Seconds to wait before the attempt that follows this one.
fn wait_after(attempt: &Attempt) -> u32 {
    match attempt.exit() {
        Some(exit) if has_run_long(exit) => 0,
        _ => attempt.backoff,
    }
}

/// The wait that the next attempt is made with: 0, 10, 20, 40, … 300 seconds.
fn next_backoff(attempt: &Attempt) -> u32 {
    match wait_after(attempt) {
        0 => FIRST_BACKOFF,
        wait => (wait * 2).min(LONGEST_BACKOFF),
    }
}

fn has_run_long(exit: &crate::container_runtime::Exit) -> bool {
    exit.started_at.is_some_and(|started| exit.finished_at.duration_since(started) >= FORGIVEN_AFTER)
}

/// When the attempt after this one may start; `None` while it has not ended.
pub fn restart_at(attempt: &Attempt) -> Option<Timestamp> {
    let wait = SignedDuration::from_secs(wait_after(attempt).into());
    attempt.exit()?.finished_at.checked_add(wait).ok()
}

/// Seconds that a container waits before it is started again.
pub fn backoff_of(attempt: &Attempt) -> u32 {
    wait_after(attempt)
}
