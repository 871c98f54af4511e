//! Watches over nodes: a node whose heartbeat stops is Unknown, and its conditions become taints.
//!
//! Start at [`NodeController::reconcile`]. What the taints then do to pods is the business of
//! [`super::taint_eviction`] (those that run) and of the scheduler (those that wait).

mod taints;

use crate::common::{pods, write};
use api::{Key, Subresource, Time, meta, pod};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition, NodeStatus, Pod, PodCondition};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use serde_json::json;

/// The controller of Nodes.
pub(crate) enum NodeController {}

/// Where the agents keep their heartbeats.
const LEASES: &str = "kube-node-lease";
/// So long a node may be silent.
const GRACE: SignedDuration = SignedDuration::from_secs(40);
/// So long a new node may take to say its first word.
const STARTUP_GRACE: SignedDuration = SignedDuration::from_secs(60);
/// The conditions that only the agent knows.
const AGENTS: &[&str] = &["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    node: &'a Node,
    lease: Option<&'a Lease>,
    /// Pods on the node that claim to be ready, as long as the node is not.
    ready_pods: Vec<&'a Pod>,
}

impl Controller for NodeController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "node-lifecycle-controller";
    const WATCHES: &'static [Watch] =
        &[Watch::of::<Node>(), Watch::mapped::<Lease>(lease_wakes), Watch::read::<Pod>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let node = caches.at::<Node>(key)?;
        let lease = caches.get::<Lease>(LEASES, &key.name);
        let silent = ready_of(node).is_some_and(|it| it.status != "True");
        let on_it = |it: &&Pod| silent && pod::node_name(it) == key.name && pod::is_ready(it);
        let ready_pods = if silent { caches.all::<Pod>().filter(on_it).collect() } else { Vec::new() };
        Some(Observed { node, lease, ready_pods })
    }

    fn reconcile(observed: Observed<'_>, now: Timestamp) -> Plan {
        let (heard, grace) = observed.last_heard();
        if let Some(wait) = pods::until(heard, grace, now) {
            return observed.plan_taints(now).again_after(wait);
        }
        match observed.unknown(now) {
            Some(status) => {
                let name = meta::name(&observed.node.metadata);
                let message = format!("Node {name} status is now: NodeNotReady");
                Plan::of(vec![status, write::normal(observed.node, "NodeNotReady", message)])
            }
            None => observed.plan_taints(now),
        }
    }
}

fn lease_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let lease = change.latest().filter(|it| meta::namespace(it.meta()) == LEASES);
    let node = lease.and_then(|it| caches.get::<Node>("", meta::name(it.meta())));
    node.map(write::key_of).into_iter().collect()
}

fn ready_of(node: &Node) -> Option<&NodeCondition> {
    node.status.as_ref()?.conditions.iter().flatten().find(|it| it.type_ == "Ready")
}

impl Observed<'_> {
    /// When the node was last heard of, and how long it may be silent from then on.
    fn last_heard(&self) -> (Timestamp, SignedDuration) {
        let renewed = self.lease.and_then(|it| it.spec.as_ref()?.renew_time.as_ref()).map(|it| it.0);
        let posted = ready_of(self.node).filter(|it| it.status != "Unknown");
        let posted = posted.and_then(|it| it.last_heartbeat_time.as_ref()).map(|it| it.0);
        match renewed.max(posted) {
            Some(heard) => (heard, GRACE),
            None => {
                let created = self.node.metadata.creation_timestamp.as_ref();
                (created.map_or(Timestamp::UNIX_EPOCH, |it| it.0), STARTUP_GRACE)
            }
        }
    }

    /// Says that nobody knows how the node is.
    fn unknown(&self, now: Timestamp) -> Option<Action> {
        let old = self.node.status.as_ref();
        let mut conditions = old.and_then(|it| it.conditions.clone()).unwrap_or_default();
        for type_ in AGENTS {
            match conditions.iter_mut().find(|it| it.type_ == *type_) {
                Some(known) if known.status == "Unknown" => {}
                Some(known) => {
                    known.status = "Unknown".to_owned();
                    known.reason = Some("NodeStatusUnknown".to_owned());
                    known.message = Some("Kubelet stopped posting node status.".to_owned());
                    known.last_transition_time = Some(Time(now));
                }
                None => conditions.push(NodeCondition {
                    type_: (*type_).to_owned(),
                    status: "Unknown".to_owned(),
                    reason: Some("NodeStatusNeverUpdated".to_owned()),
                    message: Some("Kubelet never posted node status.".to_owned()),
                    last_heartbeat_time: self.node.metadata.creation_timestamp.clone(),
                    last_transition_time: Some(Time(now)),
                }),
            }
        }
        let new = NodeStatus { conditions: Some(conditions), ..old.cloned().unwrap_or_default() };
        write::status(self.node, old, &new)
    }

    fn plan_taints(&self, now: Timestamp) -> Plan {
        let old = self.node.spec.as_ref().and_then(|it| it.taints.clone()).unwrap_or_default();
        let new = taints::of(self.node, &old, now);
        let mut actions = Vec::new();
        if new != old {
            let list = if new.is_empty() { json!(null) } else { json!(new) };
            let patch = json!({"spec": {"taints": list}});
            actions.push(write::guarded_patch(write::key_of(self.node), &self.node.metadata, None, patch));
        }
        actions.extend(self.ready_pods.iter().flat_map(|it| unready(it, now)));
        Plan::of(actions)
    }
}

/// A pod on a node that is not ready serves nobody.
fn unready(it: &Pod, now: Timestamp) -> [Action; 2] {
    let conditions = it.status.iter().flat_map(|it| it.conditions.iter().flatten()).cloned();
    let changed: Vec<PodCondition> = conditions
        .map(|it| match it.type_.as_str() {
            "Ready" => PodCondition {
                status: "False".to_owned(),
                reason: Some("NodeNotReady".to_owned()),
                last_transition_time: Some(Time(now)),
                ..it
            },
            _ => it,
        })
        .collect();
    let patch = json!({"status": {"conditions": changed}});
    [
        write::guarded_patch(write::key_of(it), &it.metadata, Some(Subresource::Status), patch),
        write::warning(it, "NodeNotReady", "Node is not ready"),
    ]
}
