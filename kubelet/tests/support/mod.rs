//! A small cluster in memory behind the worker's seam, and a node on any engine: what the tests in this folder share.
#![allow(dead_code, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use api::{
    k8s::api::core::v1::{ConfigMap, Pod, Secret, Service},
    quantity::Amount,
};
use daemon::{Clock, Random, Tasks, clock};
use futures::{FutureExt, future::BoxFuture};
use jiff::SignedDuration;
use kubelet::{
    cluster::{Cluster, Result, Token},
    compose::NodeFacts,
    container_runtime::ContainerRuntime,
    events::Event,
    labels::Owner,
    volumes::TokenNeed,
    worker::{Manager, PodChange, Shared},
};
use network::AddressBook;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

/// The cluster: pods with their versions, sources, and what was told. It behaves as the API server does where the agent
/// can see it.
pub(crate) struct Memory {
    state: Mutex<State>,
    changed: Notify,
    clock: Clock,
    changes: mpsc::UnboundedSender<PodChange>,
}

#[derive(Default)]
struct State {
    version: u64,
    pods: BTreeMap<String, Pod>,
    config_maps: BTreeMap<String, ConfigMap>,
    secrets: BTreeMap<String, Secret>,
    services: Vec<Arc<Service>>,
    events: Vec<(String, Event)>,
    writes: u64,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Stores a pod as the API server would, and tells the node.
    pub(crate) fn put(&self, mut pod: Pod) -> Pod {
        let mut state = self.state();
        state.version += 1;
        let name = pod.metadata.name.clone().unwrap();
        let version = state.version;
        pod.metadata.resource_version = Some(version.to_string());
        pod.metadata.namespace.get_or_insert_with(|| "default".to_owned());
        pod.metadata.uid.get_or_insert_with(|| format!("uid-{name}-{version}"));
        state.pods.insert(name, pod.clone());
        drop(state);
        let _node_is_gone = self.changes.send(PodChange::Present(Arc::new(pod.clone())));
        self.changed.notify_waiters();
        pod
    }

    /// A pod from JSON.
    pub(crate) fn create(&self, name: &str, spec: Value) -> Pod {
        let pod = json!({ "metadata": { "name": name, "generation": 1 }, "spec": spec });
        self.put(serde_json::from_value(pod).unwrap())
    }

    /// Changes a pod.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Pod)) {
        let mut pod = self.pod(name).unwrap();
        change(&mut pod);
        self.put(pod);
    }

    /// Marks a pod as deleted; without any grace it goes at once.
    pub(crate) fn delete(&self, name: &str, grace: i64) {
        if grace == 0 {
            return self.remove(name);
        }
        let at = self.clock.now() + SignedDuration::from_secs(grace);
        self.change(name, |pod| {
            pod.metadata.deletion_timestamp = Some(api::Time(at));
            pod.metadata.deletion_grace_period_seconds = Some(grace);
        });
    }

    fn remove(&self, name: &str) {
        if let Some(pod) = self.state().pods.remove(name) {
            let _node_is_gone = self.changes.send(PodChange::Gone(Arc::new(pod)));
        }
        self.changed.notify_waiters();
    }

    pub(crate) fn pod(&self, name: &str) -> Option<Pod> {
        self.state().pods.get(name).cloned()
    }

    pub(crate) fn add_config_map(&self, map: Value) {
        let map: ConfigMap = serde_json::from_value(map).unwrap();
        self.state().config_maps.insert(map.metadata.name.clone().unwrap(), map);
    }

    pub(crate) fn add_secret(&self, secret: Value) {
        let secret: Secret = serde_json::from_value(secret).unwrap();
        self.state().secrets.insert(secret.metadata.name.clone().unwrap(), secret);
    }

    /// Reasons of the events about a pod, in order.
    pub(crate) fn reasons(&self, name: &str) -> Vec<&'static str> {
        let state = self.state();
        state.events.iter().filter(|(pod, _)| pod == name).map(|(_, event)| event.reason).collect()
    }

    /// How many statuses were written.
    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Waits until a pod is as it should be; `None` is a pod that is gone.
    pub(crate) async fn wait(&self, name: &str, holds: impl Fn(Option<&Pod>) -> bool) -> Option<Pod> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                let pod = self.pod(name);
                if holds(pod.as_ref()) {
                    return pod;
                }
                changed.await;
            }
        };
        match clock::timeout(PATIENCE, wait).await {
            Ok(pod) => pod,
            Err(_) => {
                let pod = serde_json::to_string_pretty(&self.pod(name)).unwrap();
                panic!(
                    "pod {name} did not become what it should; it is {pod} with the events {:#?}",
                    self.state().events
                )
            }
        }
    }

    pub(crate) async fn ready(&self, name: &str) -> Pod {
        self.wait(name, |pod| pod.is_some_and(api::pod::is_ready)).await.unwrap()
    }

    pub(crate) async fn phase(&self, name: &str, phase: &str) -> Pod {
        self.wait(name, |pod| pod.is_some_and(|it| api::pod::phase(it) == phase)).await.unwrap()
    }

    pub(crate) async fn gone(&self, name: &str) {
        self.wait(name, |pod| pod.is_none()).await;
    }
}

/// How long a test waits for what should happen. With paused time this is no time at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Applies a status patch as strategic merge does: conditions and addresses merge, everything else is replaced.
fn merged(status: Value, patch: &Value) -> Value {
    let mut status = if status.is_object() { status } else { json!({}) };
    for (field, value) in patch.as_object().unwrap() {
        let key = match field.as_str() {
            "conditions" => Some("type"),
            "podIPs" => Some("ip"),
            _ => None,
        };
        match key {
            _ if value.is_null() => {
                status.as_object_mut().unwrap().remove(field);
            }
            Some(key) => status[field] = merged_list(status[field].take(), value, key),
            None => status[field] = value.clone(),
        }
    }
    status
}

fn merged_list(list: Value, patch: &Value, key: &str) -> Value {
    let mut list: Vec<Value> = list.as_array().cloned().unwrap_or_default();
    for item in patch.as_array().unwrap() {
        let place = list.iter().position(|it| it[key] == item[key]);
        match (place, item["$patch"] == "delete") {
            (Some(place), true) => drop(list.remove(place)),
            (None, true) => {}
            (Some(place), false) => {
                for (field, value) in item.as_object().unwrap() {
                    if value.is_null() {
                        list[place].as_object_mut().unwrap().remove(field);
                    } else {
                        list[place][field] = value.clone();
                    }
                }
            }
            (None, false) => list.push(item.clone()),
        }
    }
    Value::Array(list)
}

impl Cluster for Memory {
    fn config_map<'a>(&'a self, _: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<ConfigMap>>> {
        async { Ok(self.state().config_maps.get(name).cloned()) }.boxed()
    }

    fn secret<'a>(&'a self, _: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<Secret>>> {
        async { Ok(self.state().secrets.get(name).cloned()) }.boxed()
    }

    fn token<'a>(&'a self, _: &'a Pod, need: &'a TokenNeed) -> BoxFuture<'a, Result<Token>> {
        let expires_at = self.clock.now() + SignedDuration::from_secs(need.seconds);
        async move { Ok(Token { text: format!("token for {:?}", need.audience), expires_at }) }.boxed()
    }

    fn services<'a>(&'a self, _: &'a Pod) -> BoxFuture<'a, Vec<Arc<Service>>> {
        async { self.state().services.clone() }.boxed()
    }

    fn write_status<'a>(&'a self, pod: &'a Pod, patch: &'a Value) -> BoxFuture<'a, Result<Option<Pod>>> {
        async {
            let name = pod.metadata.name.as_deref().unwrap();
            let Some(mut stored) = self.pod(name).filter(|it| it.metadata.uid == pod.metadata.uid) else {
                return Ok(None);
            };
            let status = serde_json::to_value(&stored.status).unwrap();
            stored.status = Some(serde_json::from_value(merged(status, &patch["status"])).unwrap());
            self.state().writes += 1;
            Ok(Some(self.put(stored)))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Result<()>> {
        async {
            self.remove(pod.metadata.name.as_deref().unwrap());
            Ok(())
        }
        .boxed()
    }

    fn record(&self, pod: &Pod, event: &Event) {
        self.state().events.push((pod.metadata.name.clone().unwrap(), event.clone()));
        self.changed.notify_waiters();
    }
}

/// A node with its workers.
pub(crate) struct Node {
    pub(crate) cluster: Arc<Memory>,
    pub(crate) tasks: Tasks,
}

/// What differs between nodes.
pub(crate) struct Setting<'a> {
    pub(crate) runtime: Arc<dyn ContainerRuntime>,
    pub(crate) clock: Clock,
    pub(crate) folder: &'a Path,
    pub(crate) cluster_name: &'a str,
    pub(crate) network: Option<String>,
    pub(crate) range: &'a str,
    pub(crate) pause_image: &'a str,
}

impl Node {
    /// Starts the workers of a node on an engine, with a cluster of its own.
    pub(crate) fn start(setting: Setting<'_>) -> Node {
        let (sender, receiver) = mpsc::unbounded_channel();
        let clock = setting.clock.clone();
        let cluster = Memory { state: Mutex::default(), changed: Notify::new(), clock, changes: sender };
        Node::run(setting, Arc::new(cluster), receiver)
    }

    /// Starts an agent anew: the cluster and the engine are as they were.
    pub(crate) fn restart(setting: Setting<'_>, old: &Memory) -> Node {
        let (sender, receiver) = mpsc::unbounded_channel();
        let state = std::mem::take(&mut *old.state());
        for pod in state.pods.values() {
            sender.send(PodChange::Present(Arc::new(pod.clone()))).unwrap();
        }
        sender.send(PodChange::Synced).unwrap();
        let clock = setting.clock.clone();
        let cluster = Memory { state: Mutex::new(state), changed: Notify::new(), clock, changes: sender };
        Node::run(setting, Arc::new(cluster), receiver)
    }

    fn run(setting: Setting<'_>, cluster: Arc<Memory>, receiver: mpsc::UnboundedReceiver<PodChange>) -> Node {
        let tasks = Tasks::new();
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let node = NodeFacts {
            owner: Owner { cluster: setting.cluster_name.to_owned(), node: "one".to_owned() },
            addresses: vec![host],
            allocatable: BTreeMap::from([
                ("cpu".to_owned(), Amount::whole(4)),
                ("memory".to_owned(), Amount::whole(8 << 30)),
            ]),
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            host_resolv_conf: String::new(),
            network: setting.network,
            pause_image: setting.pause_image.to_owned(),
        };
        let shared = Arc::new(Shared {
            runtime: setting.runtime,
            cluster: cluster.clone(),
            node,
            pods_dir: setting.folder.join("pods"),
            clock: setting.clock,
            random: Random::seeded(1),
            addresses: Some(Mutex::new(AddressBook::new(setting.range.parse().unwrap()))),
            tasks: tasks.clone(),
        });
        tasks.spawn("workers", Manager::new(shared, receiver).run());
        Node { cluster, tasks }
    }
}
