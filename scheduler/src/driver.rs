//! Does what decisions say: assumes, binds, tells people.
//!
//! One task decides, one pod after another, from a snapshot that it alone changes. Bindings run beside it: the pod is
//! assumed to be on its node at once, so the next decision counts it, and an assumption that turns out wrong is undone.

use crate::framework::{Decision, schedule};
use crate::plugins::PLUGINS;
use crate::pod_info::PodInfo;
use crate::queue::{Cause, Queue};
use crate::snapshot::Snapshot;
use crate::verdicts::{Verdict, Verdicts};
use api::k8s::api::core::v1::{Node, Pod};
use api::{Key, Object, Resource, Subresource, Time};
use client::{Client, PatchType};
use daemon::metrics::{Counter, Histogram, Registry};
use daemon::{Clock, Random, Tasks, clock};
use runtime::plan::Note;
use runtime::{Change, Informers, Recorder};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore};

/// How a scheduler is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pods that name this scheduler are ours.
    pub name: String,
    /// Breaks ties.
    pub seed: u64,
    /// So many bindings run at once.
    pub bindings: usize,
    /// Where decisions are remembered.
    pub verdicts: Verdicts,
}

impl Default for Config {
    fn default() -> Self {
        Self { name: "default-scheduler".to_owned(), seed: 0, bindings: 64, verdicts: Verdicts::default() }
    }
}

/// What the deciding task, the bindings and the informers share.
struct Scheduler {
    config: Config,
    client: Client,
    recorder: Recorder,
    clock: Clock,
    meters: Meters,
    /// Held for moments only.
    state: Mutex<State>,
    /// Told when a pod may be in line.
    wake: Notify,
}

#[derive(Default)]
struct State {
    cluster: Snapshot,
    queue: Queue,
    /// The pods in the queue, as they are now.
    pending: std::collections::HashMap<Key, Arc<PodInfo>>,
}

/// Kubernetes' scheduler metrics, by their names.
struct Meters {
    scheduled: Counter,
    unschedulable: Counter,
    failed: Counter,
    decided: Histogram,
}

impl Meters {
    fn new(metrics: &Registry) -> Self {
        let attempts = |result| {
            let help = "Number of attempts to schedule pods, by the result";
            metrics.counter("scheduler_schedule_attempts_total", help, &[("result", result)])
        };
        let bounds = &[1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0];
        let name = "scheduler_scheduling_algorithm_duration_seconds";
        Self {
            scheduled: attempts("scheduled"),
            unschedulable: attempts("unschedulable"),
            failed: attempts("error"),
            decided: metrics.histogram(name, "Scheduling algorithm latency in seconds", &[], bounds),
        }
    }
}

/// Starts a scheduler; `tasks` owns it.
pub async fn run(
    config: Config,
    client: Client,
    clock: Clock,
    random: Random,
    metrics: Registry,
    tasks: Tasks,
) -> anyhow::Result<()> {
    let informers = Informers::new(client.clone(), tasks.clone(), random.clone());
    let recorder = Recorder::start(client.clone(), &config.name, "", clock.clone(), &tasks);
    let meters = Meters::new(&metrics);
    let bindings = Arc::new(Semaphore::new(config.bindings));
    let state = Mutex::default();
    let scheduler =
        Arc::new(Scheduler { config, client, recorder, clock, meters, state, wake: Notify::default() });
    let token = tasks.token();
    let owner = tasks.clone();
    tasks.spawn("scheduler", async move {
        _ = token.run_until_cancelled(scheduler.work(&informers, bindings, owner)).await;
    });
    Ok(())
}

impl Scheduler {
    async fn work(self: Arc<Self>, informers: &Informers, bindings: Arc<Semaphore>, tasks: Tasks) {
        let (nodes, pods) = (informers.of(Node::KIND), informers.of(Pod::KIND));
        nodes.synced().await;
        pods.synced().await;
        let scheduler = Arc::clone(&self);
        nodes.subscribe(Box::new(move |change| scheduler.node_changed(change)));
        let scheduler = Arc::clone(&self);
        pods.subscribe(Box::new(move |change| scheduler.pod_changed(change)));
        loop {
            let pod = self.next().await;
            let permit = Arc::clone(&bindings).acquire_owned().await.expect("the semaphore is never closed");
            let decision = self.decide(&pod);
            let scheduler = Arc::clone(&self);
            tasks.spawn("binding", async move {
                scheduler.carry_out(&pod, decision).await;
                drop(permit);
            });
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("nobody panics while holding this lock"))
    }

    async fn next(&self) -> Arc<PodInfo> {
        loop {
            let woken = self.wake.notified();
            let (pod, moment) = self.with(|state| (state.next(), state.queue.next_moment()));
            match (pod, moment) {
                (Some(pod), _) => return pod,
                (None, None) => woken.await,
                (None, Some(moment)) => tokio::select! {
                    () = woken => {}
                    () = clock::sleep_until(moment) => {}
                },
            }
        }
    }

    /// Decides, and counts the pod on its node at once.
    fn decide(&self, pod: &Arc<PodInfo>) -> Decision {
        let started = clock::instant();
        let cluster = self.with(|state| state.cluster.clone());
        let decision = schedule(pod, &cluster, self.config.seed);
        if let Some(node) = &decision.node {
            self.with(|state| state.cluster.put_pod(node, Arc::clone(pod)));
        }
        self.meters.decided.observe_duration(clock::instant().duration_since(started));
        let verdict = Verdict { pod: pod.key.clone(), at: self.clock.now(), decision: decision.clone() };
        self.config.verdicts.push(verdict);
        decision
    }

    async fn carry_out(&self, pod: &PodInfo, decision: Decision) {
        match &decision.node {
            Some(node) => self.bind(pod, node).await,
            None => self.give_up(pod, &decision).await,
        }
    }

    async fn bind(&self, pod: &PodInfo, node: &str) {
        let body = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod.key.name, "namespace": pod.key.namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        match self.client.create_below(&pod.key, Subresource::Binding, &body).await {
            Ok(_) => {
                self.meters.scheduled.inc();
                let Key { namespace, name, .. } = &pod.key;
                let message = format!("Successfully assigned {namespace}/{name} to {node}");
                self.recorder.record(Note::normal(&pod.pod, "Scheduled", message));
            }
            Err(error) => {
                self.meters.failed.inc();
                tracing::debug!(pod = %pod.key, node, why = daemon::chain(&error), "failed to bind");
                self.with(|state| {
                    state.cluster.remove_pod(&pod.key);
                    state.queue.fail(&pod.key, clock::instant());
                });
                self.wake.notify_one();
            }
        }
    }

    /// Tells why the pod fits nowhere, and lets it wait.
    async fn give_up(&self, pod: &PodInfo, decision: &Decision) {
        self.meters.unschedulable.inc();
        let message = decision.message();
        self.recorder.record(Note::warning(&pod.pod, "FailedScheduling", &message));
        if !is_told(pod.pod(), &message) {
            self.tell(pod, &message).await;
        }
        self.with(|state| state.queue.wait(&pod.key, decision.rejecting(), clock::instant()));
        self.wake.notify_one();
    }

    async fn tell(&self, pod: &PodInfo, message: &str) {
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": Time(self.clock.now()),
        });
        let patch = json!({"metadata": {"uid": pod.uid}, "status": {"conditions": [condition]}});
        let told = self.client.patch(&pod.key, Some(Subresource::Status), PatchType::Strategic, &patch).await;
        if let Err(error) = told {
            tracing::debug!(pod = %pod.key, why = daemon::chain(&error), "failed to tell why it is pending");
        }
    }

    fn node_changed(&self, change: Option<&Change>) {
        let Some(change) = change else { return };
        self.with(|state| {
            let cause = match (&change.old, &change.new) {
                (_, None) => {
                    let name = change.key().map(|it| it.name).unwrap_or_default();
                    return state.cluster.remove_node(&name);
                }
                (None, Some(_)) => Cause::NodeAdded,
                (Some(_), Some(_)) => Cause::NodeChanged,
            };
            let worth =
                change.old.as_ref().zip(change.new.as_ref()).is_none_or(|(old, new)| matters(old, new));
            if let Some(node) = &change.new {
                state.cluster.put_node(Arc::clone(node));
            }
            if worth {
                state.happened(cause);
            }
        });
        self.wake.notify_one();
    }

    fn pod_changed(&self, change: Option<&Change>) {
        let Some(change) = change else { return };
        let Some(key) = change.key() else { return };
        self.with(|state| match change.new.as_ref().and_then(PodInfo::of) {
            Some(pod) if !api::pod::is_finished(pod.pod()) => match pod.node() {
                Some(node) => state.bound(node.to_owned(), Arc::new(pod)),
                None => state.wanting(pod, &self.config.name),
            },
            _ => state.gone(&key),
        });
        self.wake.notify_one();
    }
}

impl State {
    fn next(&mut self) -> Option<Arc<PodInfo>> {
        loop {
            let key = self.queue.take(clock::instant())?;
            if let Some(pod) = self.pending.get(&key) {
                return Some(Arc::clone(pod));
            }
            self.queue.remove(&key);
        }
    }

    fn happened(&mut self, cause: Cause) {
        let wakes = |rule: &str| PLUGINS.iter().any(|it| it.name() == rule && it.wakes_on().contains(&cause));
        self.queue.happened(wakes, clock::instant());
    }

    fn bound(&mut self, node: String, pod: Arc<PodInfo>) {
        self.pending.remove(&pod.key);
        self.queue.remove(&pod.key);
        self.cluster.put_pod(&node, pod);
    }

    /// A pod without a node: ours, and ready to be placed?
    fn wanting(&mut self, pod: PodInfo, scheduler: &str) {
        let spec = pod.spec();
        let gated = api::pod::is_gated(spec);
        let ours = spec.scheduler_name.as_deref().unwrap_or("default-scheduler") == scheduler;
        let key = pod.key.clone();
        if !ours || gated || pod.pod.meta().deletion_timestamp.is_some() {
            return self.gone(&key);
        }
        let same = self.pending.get(&key).is_some_and(|it| it.uid == pod.uid && it.spec() == pod.spec());
        let priority = pod.priority;
        self.pending.insert(key.clone(), Arc::new(pod));
        if !same && self.cluster.place_of(&key).is_none() {
            self.queue.add(&key, priority, clock::instant());
        }
    }

    fn gone(&mut self, key: &Key) {
        self.pending.remove(key);
        self.queue.remove(key);
        if self.cluster.place_of(key).is_some() {
            self.cluster.remove_pod(key);
            self.happened(Cause::PodGone);
        }
    }
}

/// Whether a node's change may let a pod fit: heartbeats do not.
fn matters(old: &Object, new: &Object) -> bool {
    let offered =
        |it: &Object| it.get::<Node>().and_then(|it| it.status.clone()).and_then(|it| it.allocatable);
    old.meta().labels != new.meta().labels || !old.same_spec(new) || offered(old) != offered(new)
}

/// Whether the pod's condition says so already.
fn is_told(pod: &Pod, message: &str) -> bool {
    let condition = api::pod::condition(pod, "PodScheduled");
    condition.is_some_and(|it| it.status == "False" && it.message.as_deref() == Some(message))
}
