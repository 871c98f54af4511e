//! The cluster as one decision sees it: nodes with what is promised on each.
//!
//! Persistent: the driver changes its own in place, and a decision's clone is O(1) and stays as it is. Work is
//! proportional to what changed: a pod that comes or goes touches its node only.

use crate::pod_info::{PodInfo, Resources};
use api::k8s::api::core::v1::{Node, Taint};
use api::quantity::amount;
use api::{Key, Object};
use std::collections::HashMap;
use std::sync::Arc;

/// A node, as the scheduler sees it.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// The node itself; nothing while only its pods are known.
    pub object: Option<Arc<Object>>,
    /// What it offers.
    pub allocatable: Resources,
    /// How many pods it takes.
    pub most_pods: i64,
    /// What is promised.
    pub requested: Resources,
    /// What scoring assumes to be in use.
    pub likely: Resources,
    /// The pods on it, by key.
    pub pods: imbl::OrdMap<Key, Arc<PodInfo>>,
}

impl NodeInfo {
    /// The node, once it is known.
    pub fn node(&self) -> Option<&Node> {
        self.object.as_ref().and_then(|it| it.get())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.node().and_then(|it| it.metadata.name.as_deref()).unwrap_or_default()
    }

    /// Its labels.
    pub fn labels(&self) -> Option<&api::selector::Labels> {
        self.node().and_then(|it| it.metadata.labels.as_ref())
    }

    /// Its taints.
    pub fn taints(&self) -> &[Taint] {
        let spec = self.node().and_then(|it| it.spec.as_ref());
        spec.and_then(|it| it.taints.as_deref()).unwrap_or_default()
    }

    fn empty() -> Self {
        Self {
            object: None,
            allocatable: Resources::default(),
            most_pods: 0,
            requested: Resources::default(),
            likely: Resources::default(),
            pods: imbl::OrdMap::new(),
        }
    }

    fn learn(&mut self, object: Arc<Object>) {
        let status = object.get::<Node>().and_then(|it| it.status.as_ref());
        let offered = status.and_then(|it| it.allocatable.as_ref().or(it.capacity.as_ref()));
        let offered = offered.into_iter().flatten().map(|(name, it)| (name.clone(), amount(it))).collect();
        let mut allocatable = Resources::of(&offered);
        self.most_pods = allocatable.other.remove("pods").unwrap_or(0);
        self.allocatable = allocatable;
        self.object = Some(object);
    }

    fn count(&mut self, pod: &PodInfo, sign: i64) {
        self.requested.add(&pod.requests, sign);
        self.likely.add(&pod.likely, sign);
    }
}

/// The cluster as one decision sees it.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    nodes: imbl::OrdMap<String, Arc<NodeInfo>>,
    /// Where each pod is counted.
    places: imbl::HashMap<Key, String>,
}

impl Snapshot {
    /// Every known node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<NodeInfo>> {
        self.nodes.values().filter(|it| it.object.is_some())
    }

    /// One node.
    pub fn node(&self, name: &str) -> Option<&Arc<NodeInfo>> {
        self.nodes.get(name).filter(|it| it.object.is_some())
    }

    /// A node is new or has changed.
    pub fn put_node(&mut self, object: Arc<Object>) {
        let name = object.meta().name.clone().unwrap_or_default();
        self.change(name, |it| it.learn(object));
    }

    /// A node is gone. Its pods are remembered until they go too.
    pub fn remove_node(&mut self, name: &str) {
        let Some(info) = self.nodes.get(name) else { return };
        if info.pods.is_empty() {
            self.nodes.remove(name);
        } else {
            self.change(name.to_owned(), |it| it.object = None);
        }
    }

    /// A pod is on a node: bound, or assumed to be soon.
    pub fn put_pod(&mut self, node: &str, pod: Arc<PodInfo>) {
        self.remove_pod(&pod.key);
        self.places.insert(pod.key.clone(), node.to_owned());
        self.change(node.to_owned(), |it| {
            it.count(&pod, 1);
            it.pods.insert(pod.key.clone(), pod);
        });
    }

    /// A pod is gone, or its assumption was wrong.
    pub fn remove_pod(&mut self, key: &Key) {
        let Some(node) = self.places.remove(key) else { return };
        self.change(node, |it| {
            if let Some(pod) = it.pods.remove(key) {
                it.count(&pod, -1);
            }
        });
    }

    /// Where a pod is counted.
    pub fn place_of(&self, key: &Key) -> Option<&str> {
        self.places.get(key).map(String::as_str)
    }

    /// How many pods of each node a test accepts, for rules that spread.
    pub fn count_pods(&self, accept: impl Fn(&PodInfo) -> bool) -> HashMap<&str, i64> {
        let counts =
            self.nodes().map(|node| (node.name(), node.pods.values().filter(|it| accept(it)).count() as i64));
        counts.collect()
    }

    fn change(&mut self, name: String, change: impl FnOnce(&mut NodeInfo)) {
        let info = self.nodes.entry(name).or_insert_with(|| Arc::new(NodeInfo::empty()));
        change(Arc::make_mut(info));
    }
}
