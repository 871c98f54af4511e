//! Collects pods that nobody else will: on nodes that are gone, going without ever having been on a node, and ended
//! ones beyond what is worth keeping.

use super::taint_eviction::disrupt;
use crate::common::{pods, write};
use api::{Key, Resource, meta, pod};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};

/// The collector of pods.
pub(crate) enum PodGarbageCollector {}

/// So many pods that have ended are kept.
const KEPT: usize = 12_500;
/// A pod may be younger than the news of its node.
const PATIENCE: SignedDuration = SignedDuration::from_secs(40);

/// Why a pod has to go.
pub(crate) enum Observed<'a> {
    /// Its node is not there.
    Homeless(&'a Pod),
    /// It was asked to go before it had a node.
    Unplaced(&'a Pod),
    /// It has ended, and there are too many newer ones.
    Surplus(&'a Pod),
}

impl Controller for PodGarbageCollector {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "pod-garbage-collector-controller";
    const WATCHES: &'static [Watch] = &[Watch::mapped::<Pod>(pod_wakes), Watch::mapped::<Node>(node_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        verdict(caches.at::<Pod>(key)?, caches)
    }

    fn reconcile(observed: Observed<'_>, now: Timestamp) -> Plan {
        match observed {
            Observed::Homeless(it) => {
                let created = it.metadata.creation_timestamp.as_ref().map_or(now, |it| it.0);
                match pods::until(created, PATIENCE, now) {
                    Some(wait) => Plan::nothing().again_after(wait),
                    None => plan_homeless(it, now),
                }
            }
            Observed::Unplaced(it) => Plan::of(vec![remove(it)]),
            Observed::Surplus(it) => Plan::of(vec![remove(it)]),
        }
    }
}

fn verdict<'a>(it: &'a Pod, caches: &'a Snapshot) -> Option<Observed<'a>> {
    let node = pod::node_name(it);
    if node.is_empty() {
        let held = it.metadata.deletion_grace_period_seconds == Some(0);
        return (pod::deletion_requested(it) && !held).then_some(Observed::Unplaced(it));
    }
    if caches.get::<Node>("", node).is_none() {
        return Some(Observed::Homeless(it));
    }
    is_surplus(it, caches).then_some(Observed::Surplus(it))
}

fn is_surplus(it: &Pod, caches: &Snapshot) -> bool {
    let few = caches.of_kind(Pod::KIND).is_none_or(|it| it.len() <= KEPT);
    if few || !pod::is_finished(it) || pod::deletion_requested(it) {
        return false;
    }
    let newer = |other: &&Pod| other.metadata.creation_timestamp > it.metadata.creation_timestamp;
    caches.all::<Pod>().filter(|it| pod::is_finished(it)).filter(newer).count() >= KEPT
}

fn pod_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let new = change.new.as_ref().and_then(|it| it.get::<Pod>());
    new.filter(|it| verdict(it, caches).is_some()).map(write::key_of).into_iter().collect()
}

fn node_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(gone) = change.old.as_ref().filter(|_| change.new.is_none()) else { return Vec::new() };
    let name = meta::name(gone.meta());
    caches.all::<Pod>().filter(|it| pod::node_name(it) == name).map(write::key_of).collect()
}

/// The node may have come back meanwhile, so the server is asked first.
fn plan_homeless(it: &Pod, now: Timestamp) -> Plan {
    let gone = vec![(Key::of::<Node>("", pod::node_name(it)), String::new())];
    let end = if pod::is_finished(it) {
        remove(it)
    } else {
        let failed = disrupt(it, "DeletionByPodGC", "PodGC: node no longer exists", Some("Failed"), now);
        write::told(failed, vec![remove(it)], Vec::new())
    };
    Plan::of(vec![Action::WhenGone { gone, then: Box::new(end) }])
}

/// Nobody is there to end it in an orderly way.
fn remove(it: &Pod) -> Action {
    let options = DeleteOptions { grace_period_seconds: Some(0), ..write::only_this(&it.metadata) };
    Action::Delete { key: write::key_of(it), options }
}
