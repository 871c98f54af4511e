//! One worker per pod: it observes, plans, begins what was planned, and takes in what comes of it.
//!
//! Start at [`Worker::run`]. A worker is a single task; what it has begun runs inside it, several things at a time, so
//! that nothing about a pod is ever done twice at once and no lock is needed. [`execute`] does single things,
//! [`outcome`] takes in what came of them (pure), [`manager`] owns the workers of a node.

mod execute;
mod manager;
pub(crate) mod outcome;
mod prepare;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use api::k8s::api::core::v1::{Pod, PodStatus};
use daemon::{Clock, Random, Tasks, clock};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use network::AddressBook;
use tokio::sync::{mpsc, oneshot};

use crate::{
    cluster::{Cluster, Token},
    compose::NodeFacts,
    container_runtime::{self, ContainerId, ContainerRuntime, ContainerSpec, Listed, RuntimeError},
    events::{self, Event},
    images,
    observed::{End, Eviction, Observed, Sandbox, Target, Trouble, Volumes},
    plan::{self, Action},
    status,
    volumes::TokenNeed,
};

pub use manager::{Manager, PodChange};
pub use outcome::Outcome;

/// What all workers of a node share.
pub struct Shared {
    /// The engine.
    pub runtime: Arc<dyn ContainerRuntime>,
    /// The API.
    pub cluster: Arc<dyn Cluster>,
    /// The node.
    pub node: NodeFacts,
    /// Folder of all pods' folders.
    pub pods_dir: PathBuf,
    /// The time.
    pub clock: Clock,
    /// Chance, for names of folders.
    pub random: Random,
    /// Who holds which pod address; `None` when the engine chooses them. Locked for an allocation only.
    pub addresses: Option<Mutex<AddressBook>>,
    /// Owns the workers and the blocking work.
    pub tasks: Tasks,
}

impl Shared {
    /// Makes a container. The engine goes on making it when nobody waits any more, so that the agent, told to stop,
    /// stays until it is made: whoever clears up after the agent then finds it.
    async fn create(&self, spec: ContainerSpec) -> container_runtime::Result<ContainerId> {
        let (answer, answered) = oneshot::channel();
        let runtime = self.runtime.clone();
        self.tasks.spawn("create a container", async move {
            let _nobody_waits = answer.send(runtime.create(&spec).await);
        });
        let stopping = || Err(RuntimeError::Unavailable("the agent is stopping".to_owned()));
        answered.await.unwrap_or_else(|_| stopping())
    }
}

/// What a worker is told.
#[derive(Clone, Debug)]
pub enum Message {
    /// The pod as it is now.
    Pod(Arc<Pod>),
    /// The pod's object is gone from the API.
    Gone,
    /// Something happened to a container.
    Look(ContainerId),
    /// All containers of the pod that the engine has.
    Listed(Vec<Listed>),
    /// The node needs the pod to leave.
    Evict(Eviction),
}

/// The future of something begun, with what it works on.
type Work = BoxFuture<'static, (Option<Target>, Outcome)>;

/// One pod's worker.
pub struct Worker {
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    observed: Observed,
    inbox: mpsc::UnboundedReceiver<Message>,
    work: FuturesUnordered<Work>,
    /// The status that holds; frozen once the pod has settled.
    status: PodStatus,
    /// The status that was sent last, and the version of the pod that came of it.
    sent: Option<(PodStatus, u64)>,
    /// Containers that are being looked at, and whether to look once more.
    looking: BTreeMap<ContainerId, Again>,
    /// Keys of the notes that were told.
    told: BTreeSet<String>,
    /// Tokens that need not be asked for again yet.
    tokens: BTreeMap<TokenNeed, Token>,
}

/// Whether to look at a container once more when the present look is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// Whether something changed that may change the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Made,
    None,
}

/// Whether the worker goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    GoesOn,
    Over,
}

impl Worker {
    /// A worker for a pod whose containers, if it has any, are `known`.
    pub fn new(
        shared: Arc<Shared>,
        pod: Arc<Pod>,
        known: Vec<Listed>,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Worker {
        let status = pod.status.clone().unwrap_or_default();
        let mut worker = Worker {
            shared,
            pod,
            observed: Observed::default(),
            inbox,
            work: FuturesUnordered::new(),
            status,
            sent: None,
            looking: BTreeMap::new(),
            told: BTreeSet::new(),
            tokens: BTreeMap::new(),
        };
        for container in known {
            worker.look(container.id);
        }
        worker
    }

    /// Works until nothing of the pod is left, here and in the API.
    pub async fn run(mut self) {
        // What runs already has to be known before anything is planned.
        while !self.looking.is_empty() {
            if self.wait(None).await == Life::Over {
                return;
            }
        }
        loop {
            let now = self.shared.clock.now();
            self.report(now);
            let plan = plan::plan_pod(&self.pod, &self.observed, now);
            let wake_at = earliest(plan.wake_at, self.turning_at(now));
            for note in plan.notes {
                if self.told.insert(note.key) {
                    self.tell(&note.event);
                }
            }
            let begun = plan.actions.into_iter().map(|action| self.begin(action, now)).collect::<Vec<_>>();
            if begun.contains(&Progress::Made) {
                continue;
            }
            let over = self.observed.end == End::Gone && self.is_empty() && self.work.is_empty();
            if over || self.wait(wake_at).await == Life::Over {
                return;
            }
        }
    }

    /// Whether nothing of the pod is left on the node.
    fn is_empty(&self) -> bool {
        let observed = &self.observed;
        observed.volumes == Volumes::Removed
            && observed.sandbox == Sandbox::Absent
            && observed.attempts.is_empty()
            && observed.stale.is_empty()
    }

    /// Waits for something to happen, and takes in all that has.
    async fn wait(&mut self, wake_at: Option<Timestamp>) -> Life {
        let nap = wake_at.map(|at| self.shared.clock.until(at));
        tokio::select! {
            biased;
            Some((target, outcome)) = self.work.next() => self.take(target, outcome),
            message = self.inbox.recv() => match message {
                Some(message) => self.hear(message),
                None => return Life::Over,
            },
            () = nap_for(nap) => {}
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.hear(message);
        }
        Life::GoesOn
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Pod(pod) => self.update(pod),
            Message::Gone => self.observed.end = End::Gone,
            Message::Look(id) => self.look(id),
            Message::Listed(listed) => self.compare(listed),
            Message::Evict(eviction) => self.observed.eviction = Some(eviction),
        }
    }

    /// Takes a newer version of the pod; changed labels or annotations are written to its volumes at once.
    fn update(&mut self, pod: Arc<Pod>) {
        if version_of(&pod) < version_of(&self.pod) {
            return;
        }
        let (old, new) = (&self.pod.metadata, &pod.metadata);
        let changed = old.labels != new.labels || old.annotations != new.annotations;
        if let (true, Volumes::Ready { .. }) = (changed, self.observed.volumes) {
            self.observed.volumes = Volumes::Ready { at: Timestamp::MIN };
        }
        self.pod = pod;
    }

    /// Looks at a container; one look at a time, and another one after it when something happened meanwhile.
    fn look(&mut self, id: ContainerId) {
        if let Some(again) = self.looking.get_mut(&id) {
            *again = Again::Yes;
            return;
        }
        self.looking.insert(id.clone(), Again::No);
        let look = execute::look(self.shared.clone(), self.pod.clone(), id);
        self.work.push(Box::pin(async { (None, look.await) }));
    }

    /// Compares with what the engine has: events may have been lost.
    fn compare(&mut self, listed: Vec<Listed>) {
        let known: BTreeMap<ContainerId, bool> = outcome::known(&self.observed);
        for container in &listed {
            if known.get(&container.id) != Some(&container.running) {
                self.look(container.id.clone());
            }
        }
        let lost = known.keys().filter(|id| !listed.iter().any(|it| it.id == **id)).cloned();
        for id in lost.collect::<Vec<_>>() {
            self.look(id);
        }
    }

    /// Takes in what came of something begun.
    fn take(&mut self, target: Option<Target>, outcome: Outcome) {
        if let Some(target) = &target {
            self.observed.busy.remove(target);
        }
        let now = self.shared.clock.now();
        match outcome {
            Outcome::StatusWritten(result) => self.status_written(result, now),
            Outcome::Looked { id, found } => {
                let again = self.looking.remove(&id);
                let events = outcome::looked(&self.pod, &mut self.observed, &id, found, now);
                self.tell_all(events);
                if again == Some(Again::Yes) {
                    self.look(id);
                }
            }
            other => {
                if let Outcome::VolumesWritten(Ok(tokens)) = &other {
                    self.tokens.extend(tokens.clone());
                }
                let events = outcome::apply(&self.pod, &mut self.observed, other, now);
                self.tell_all(events);
            }
        }
    }

    fn tell_all(&self, events: Vec<Event>) {
        events.iter().for_each(|it| self.tell(it));
    }

    fn tell(&self, event: &Event) {
        self.shared.cluster.record(&self.pod, event);
    }

    /// Begins one thing. What needs no waiting is done at once, and asks for another plan.
    fn begin(&mut self, action: Action, now: Timestamp) -> Progress {
        match action {
            Action::Stop { container, cause } => {
                self.observed.begin_stop(&container, cause, now);
                self.tell(&events::killing(&container, cause));
                return Progress::Made;
            }
            Action::Settle => {
                self.observed.end = End::Settled;
                return Progress::Made;
            }
            Action::DeleteObject if self.observed.end == End::Gone => return Progress::None,
            _ => {}
        }
        let tokens = self.tokens.clone();
        let (target, work) =
            execute::begin(&self.shared, &self.pod, &mut self.observed, &tokens, action, now);
        self.observed.busy.insert(target.clone());
        self.work.push(Box::pin(async { (Some(target), work.await) }));
        Progress::None
    }

    /// Computes the status and sends it when it differs from what the API has.
    fn report(&mut self, now: Timestamp) {
        let before = self.pod.status.clone().unwrap_or_default();
        if self.observed.end == End::Open {
            let facts = status::Facts { node_addresses: &self.shared.node.addresses, now };
            self.status = status::pod_status(&self.pod, &self.observed, &before, &facts);
        }
        let waits = self.observed.troubles.get(&Target::Object).is_some_and(|it| it.retry_at > now);
        let reads = self.observed.end != End::Gone && self.observed.end != End::Told;
        if !reads || waits || self.observed.busy.contains(&Target::Object) || self.is_sent() {
            return;
        }
        let uid = self.pod.metadata.uid.clone().unwrap_or_default();
        let Some(patch) = status::patch_of(&uid, &before, &self.status) else { return };
        self.sent = Some((self.status.clone(), version_of(&self.pod)));
        self.observed.busy.insert(Target::Object);
        let (shared, pod) = (self.shared.clone(), self.pod.clone());
        self.work.push(Box::pin(async move {
            let result = shared.cluster.write_status(&pod, &patch).await.map(|it| it.map(Box::new));
            (Some(Target::Object), Outcome::StatusWritten(result))
        }));
    }

    /// The same status is not sent twice to the same version of the pod, whatever the API made of it.
    fn is_sent(&self) -> bool {
        self.sent
            .as_ref()
            .is_some_and(|(status, version)| *status == self.status && *version == version_of(&self.pod))
    }

    fn status_written(&mut self, result: crate::cluster::Result<Option<Box<Pod>>>, now: Timestamp) {
        match result {
            Ok(Some(pod)) => {
                self.observed.troubles.remove(&Target::Object);
                if let Some((_, version)) = &mut self.sent {
                    *version = version_of(&pod);
                }
                self.update(Arc::from(pod));
            }
            // Whether the pod is gone, the watch will tell.
            Ok(None) => self.observed.troubles.extend([(Target::Object, outcome::absent(now))]),
            Err(error) => {
                self.sent = None;
                tracing::debug!(%error, pod = events::full_name(&self.pod), "failed to write the status");
                outcome::note_trouble(
                    &mut self.observed,
                    Target::Object,
                    "FailedStatus",
                    error.to_string(),
                    "",
                    now,
                );
            }
        }
    }

    /// When a failed pull begins to show as waiting for the next one.
    fn turning_at(&self, now: Timestamp) -> Option<Timestamp> {
        let pulls = self.observed.troubles.values().filter(|it| it.reason == images::PULL);
        pulls.map(images::turns_at).filter(|at| *at > now).min()
    }
}

async fn nap_for(nap: Option<Duration>) {
    match nap {
        Some(nap) => clock::sleep(nap).await,
        None => std::future::pending().await,
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

/// The pod's version, in the API server's count.
pub(crate) fn version_of(pod: &Pod) -> u64 {
    pod.metadata.resource_version.as_ref().and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// A trouble that has to do with time alone.
pub(crate) fn trouble(
    reason: &'static str,
    message: String,
    image: &str,
    times: u32,
    now: Timestamp,
) -> Trouble {
    let wait = jiff::SignedDuration::try_from(images::retry_after(reason, times))
        .unwrap_or(jiff::SignedDuration::MAX);
    let retry_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    Trouble { reason, message, image: image.to_owned(), times, at: now, retry_at }
}
