//! What a worker knows of its pod on this node: the one input of planning and of the status besides the pod itself.
//!
//! Start at [`Observed`]. Everything that must outlive the agent is read from container labels
//! ([`Observed::see`]); what may be forgotten (a pull that failed, probe counts, hooks under way) is kept beside it and
//! starts afresh after a restart. This is data with small changes; deciding happens in [`crate::plan`].

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use jiff::Timestamp;

use crate::{
    container_runtime::{Container, ContainerId, Exit, State},
    labels::Identity,
    probes::ProbeState,
};

/// What a worker knows of its pod on this node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The pause container.
    pub sandbox: Sandbox,
    /// Every container by name, oldest attempt first.
    pub attempts: BTreeMap<String, Vec<Attempt>>,
    /// Pause containers that are no longer the pod's: to be removed.
    pub stale: BTreeSet<ContainerId>,
    /// The pod's folders and files.
    pub volumes: Volumes,
    /// What could not be done lately.
    pub troubles: BTreeMap<Target, Trouble>,
    /// What is being worked on right now: at most one thing per target.
    pub busy: BTreeSet<Target>,
    /// When the sizes of the pod's limited folders were last measured.
    pub measured_at: Option<Timestamp>,
    /// Why the pod must leave the node although nobody deleted it.
    pub eviction: Option<Eviction>,
    /// How far the pod's end has come.
    pub end: End,
}

/// What is worked on, one thing at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The pause container.
    Sandbox,
    /// The pod's folders and files.
    Volumes,
    /// The sizes of the pod's limited folders.
    Usage,
    /// A container, by name.
    Container(String),
    /// A hook of a container.
    Hook(String),
    /// A probe of a container.
    Probe(String, crate::probes::Kind),
    /// A dead container that is being removed.
    Remains(ContainerId),
    /// The pod's object in the API.
    Object,
}

/// The pause container.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sandbox {
    /// There is none.
    #[default]
    Absent,
    /// It was made and has not been started.
    Created(SandboxFacts),
    /// It runs: the pod has its namespaces and its address.
    Running(SandboxFacts),
    /// It has ended, which ends the pod's network.
    Exited(SandboxFacts),
}

/// Which pause container, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxFacts {
    /// Which.
    pub id: ContainerId,
    /// The pod's own address; `None` on the host's network.
    pub address: Option<IpAddr>,
}

impl Sandbox {
    /// Which container it is, and where.
    pub fn facts(&self) -> Option<&SandboxFacts> {
        match self {
            Sandbox::Absent => None,
            Sandbox::Created(facts) | Sandbox::Running(facts) | Sandbox::Exited(facts) => Some(facts),
        }
    }

    /// Which container it is.
    pub fn id(&self) -> Option<&ContainerId> {
        self.facts().map(|facts| &facts.id)
    }

    /// The one that containers may join now.
    pub fn running(&self) -> Option<&SandboxFacts> {
        if let Sandbox::Running(facts) = self { Some(facts) } else { None }
    }
}

/// One container of the pod's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which.
    pub id: ContainerId,
    /// How many of the same name came before.
    pub number: u32,
    /// The image as the pod named it then.
    pub image: String,
    /// The image that it runs.
    pub image_id: String,
    /// The pause container it joined.
    pub sandbox: Option<ContainerId>,
    /// Seconds to wait after its end.
    pub backoff: u32,
    /// The signal that asks it to stop.
    pub stop_signal: String,
    /// What it is doing.
    pub state: State,
    /// Its last words, once it has ended.
    pub message: Option<String>,
    /// How far its start has come.
    pub post_start: Hook,
    /// Set once it has been asked to stop.
    pub stopping: Option<Stopping>,
    /// What its probes found.
    pub probes: BTreeMap<crate::probes::Kind, ProbeState>,
}

impl Attempt {
    /// Since when it runs, if it does.
    pub fn running_since(&self) -> Option<Timestamp> {
        if let State::Running { started_at } = self.state { Some(started_at) } else { None }
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<&Exit> {
        if let State::Exited(exit) = &self.state { Some(exit) } else { None }
    }
}

/// How far a hook has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hook {
    /// Not begun.
    #[default]
    Pending,
    /// Over, or not needed.
    Done,
    /// It failed.
    Failed,
}

/// A container on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Stopping {
    /// When its grace period began.
    pub since: Timestamp,
    /// Why.
    pub cause: StopCause,
    /// The preStop hook.
    pub pre_stop: Hook,
    /// When it was sent its stop signal.
    pub signalled_at: Option<Timestamp>,
    /// It was sent SIGKILL.
    pub killed: bool,
}

/// Why a container is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// The pod ends: it was deleted, has finished, or failed as a whole.
    PodEnds,
    /// Its liveness probe failed.
    Liveness,
    /// Its startup probe failed.
    Startup,
    /// Its postStart hook failed.
    PostStart,
    /// The pod now names another image.
    Changed,
    /// The pause container is gone, and with it the network.
    SandboxLost,
}

/// The pod's folders and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volumes {
    /// Not there yet.
    #[default]
    Missing,
    /// There, as new as they were then; live ones are looked at again.
    Ready {
        /// When they were last written.
        at: Timestamp,
    },
    /// Removed at the pod's end.
    Removed,
}

/// Something that could not be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// The waiting reason that users know, such as `ErrImagePull`.
    pub reason: &'static str,
    /// What went wrong and what to do about it.
    pub message: String,
    /// The image concerned: a pod that names another one is tried at once.
    pub image: String,
    /// How often in a row.
    pub times: u32,
    /// When it happened last.
    pub at: Timestamp,
    /// When to try again.
    pub retry_at: Timestamp,
}

/// Why a pod must leave the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// Becomes the pod's reason.
    pub reason: &'static str,
    /// Becomes the pod's message.
    pub message: String,
}

/// How far the pod's end has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Nothing of it.
    #[default]
    Open,
    /// The object is gone from the API: nobody reads a status any more.
    Gone,
    /// All containers have ended and the final status is known; the remains may go.
    Settled,
    /// Nothing is left on the node and the API has been told.
    Told,
}

impl Observed {
    /// The newest attempt of a container.
    pub fn latest(&self, container: &str) -> Option<&Attempt> {
        self.attempts.get(container)?.last()
    }

    /// The attempt before the newest.
    pub fn previous(&self, container: &str) -> Option<&Attempt> {
        self.attempts.get(container)?.iter().rev().nth(1)
    }

    /// The newest attempt of a container, to change.
    pub fn latest_mut(&mut self, container: &str) -> Option<&mut Attempt> {
        self.attempts.get_mut(container)?.last_mut()
    }

    /// The attempt with this identifier, to change.
    pub fn attempt_mut(&mut self, id: &ContainerId) -> Option<&mut Attempt> {
        self.attempts.values_mut().flatten().find(|it| it.id == *id)
    }

    /// All attempts of all containers.
    pub fn all(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.values().flatten()
    }

    /// Whether an attempt joined the present pause container.
    pub fn is_current(&self, attempt: &Attempt) -> bool {
        attempt.sandbox.is_some() && attempt.sandbox.as_ref() == self.sandbox.id()
    }

    /// What the engine says of one container, new or known.
    pub fn see(&mut self, container: Container) {
        let Some(identity) = Identity::read(&container.labels) else { return };
        if identity.is_sandbox() {
            return self.see_sandbox(container);
        }
        if let Some(known) = self.attempt_mut(&container.id) {
            known.state = container.state;
            return;
        }
        self.add(&identity.container.clone(), adopted(identity, container));
    }

    /// Adds an attempt in its place.
    pub fn add(&mut self, container: &str, attempt: Attempt) {
        let attempts = self.attempts.entry(container.to_owned()).or_default();
        let place = attempts.partition_point(|it| it.number <= attempt.number);
        attempts.insert(place, attempt);
    }

    /// A container is gone from the engine.
    pub fn forget(&mut self, id: &ContainerId) {
        self.stale.remove(id);
        if self.sandbox.id() == Some(id) {
            self.sandbox = Sandbox::Absent;
        }
        for attempts in self.attempts.values_mut() {
            attempts.retain(|it| it.id != *id);
        }
        self.attempts.retain(|_, attempts| !attempts.is_empty());
    }

    fn see_sandbox(&mut self, container: Container) {
        let facts = SandboxFacts { id: container.id, address: container.address };
        match self.sandbox.facts() {
            Some(known)
                if known.id != facts.id && container.state.is_live() && self.sandbox.running().is_none() =>
            {
                self.stale.insert(known.id.clone());
            }
            Some(known) if known.id != facts.id => {
                self.stale.insert(facts.id);
                return;
            }
            _ => {}
        }
        let address =
            facts.address.or(self.sandbox.facts().filter(|it| it.id == facts.id).and_then(|it| it.address));
        let facts = SandboxFacts { address, ..facts };
        self.sandbox = match container.state {
            State::Created => Sandbox::Created(facts),
            State::Running { .. } => Sandbox::Running(facts),
            State::Exited(_) => Sandbox::Exited(facts),
        };
    }

    /// Asks a container to stop from `now` on. A container that stops with its pod shares the pod's grace period.
    pub fn begin_stop(&mut self, container: &str, cause: StopCause, now: Timestamp) {
        let ending = |it: &Attempt| {
            it.stopping.as_ref().filter(|it| it.cause == StopCause::PodEnds).map(|it| it.since)
        };
        let since = if cause == StopCause::PodEnds { self.all().filter_map(ending).min() } else { None };
        let since = since.unwrap_or(now);
        if let Some(attempt) = self.latest_mut(container)
            && attempt.stopping.is_none()
        {
            let (pre_stop, signalled_at, killed) = (Hook::Pending, None, false);
            attempt.stopping = Some(Stopping { since, cause, pre_stop, signalled_at, killed });
        }
    }
}

impl State {
    /// Whether it runs or may still be started.
    pub fn is_live(&self) -> bool {
        !matches!(self, State::Exited(_))
    }
}

/// An attempt that an earlier life of the agent made: its hooks are over, its probes begin anew.
fn adopted(identity: Identity, container: Container) -> Attempt {
    let post_start = if container.state == State::Created { Hook::Pending } else { Hook::Done };
    Attempt {
        id: container.id,
        number: identity.attempt,
        image: identity.image,
        image_id: container.image_id,
        sandbox: identity.sandbox,
        backoff: identity.backoff,
        stop_signal: identity.stop_signal,
        state: container.state,
        message: None,
        post_start,
        stopping: None,
        probes: BTreeMap::new(),
    }
}
