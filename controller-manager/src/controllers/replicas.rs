//! Keeps a number of like pods: the one controller behind ReplicaSets and ReplicationControllers.
//!
//! Start at [`Replicas::reconcile`]. It makes its claims good, creates or deletes what differs from the wanted number
//! (the pods that will be missed least go first, see [`victims`]), and writes what it saw into the status. What a kind
//! looks like is the business of [`Replicated`], implemented beside its row.

pub(super) mod victims;

use crate::common::{claims, claims::Claims, pods, write};
use api::selector::Selector;
use api::{Key, Resource, pod};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use serde::Serialize;
use std::marker::PhantomData;

/// At most so many pods are created or deleted in one plan.
const BURST: usize = 500;

/// A kind that keeps a number of like pods.
pub(super) trait Replicated: Resource {
    /// The controller's name.
    const CONTROLLER: &'static str;
    /// The status of the kind.
    type Status: Serialize;
    /// How many pods.
    fn replicas(&self) -> i32;
    /// How long a pod must be ready to count as available.
    fn min_ready_seconds(&self) -> i32;
    /// Which pods are its own; nothing when the selector makes no sense or is empty.
    fn selector(&self) -> Option<Selector>;
    /// What its pods look like.
    fn template(&self) -> Option<&PodTemplateSpec>;
    /// The status as it is.
    fn status(&self) -> Option<&Self::Status>;
    /// The status as it should be.
    fn status_of(&self, counts: &Counts, failure: &Failure) -> Self::Status;
}

/// What was counted for the status.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub replicas: i32,
    pub fully_labeled: i32,
    pub ready: i32,
    pub available: i32,
    pub terminating: i32,
}

/// What becomes of the condition `ReplicaFailure`.
pub(super) enum Failure {
    /// It stays as it is.
    Keep,
    /// It goes: the pods are as many as wanted.
    Clear,
    /// It says so: a pod could not be created or deleted.
    Set { reason: &'static str, message: String, now: Timestamp },
}

/// The controller of one kind.
pub(super) struct Replicas<K>(PhantomData<K>);

/// What a decision depends on.
pub(super) struct Observed<'a, K> {
    set: &'a K,
    template: &'a PodTemplateSpec,
    /// Pods that have not run to their end.
    claims: Claims<'a, Pod>,
    /// Pods of the sets that share this one's controller, this one's own included.
    related: Vec<&'a Pod>,
}

impl<K: Replicated> Controller for Replicas<K> {
    type Observed<'a> = Observed<'a, K>;
    const NAME: &'static str = K::CONTROLLER;
    const WATCHES: &'static [Watch] = &[Watch::of::<K>(), Watch::mapped::<Pod>(pod_wakes::<K>)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a, K>> {
        let set = caches.at::<K>(key)?;
        let selector = set.selector()?;
        Some(Observed {
            set,
            template: set.template()?,
            claims: claims::claims_of(caches, set, &selector, |it| !pod::is_finished(it)),
            related: related(caches, set),
        })
    }

    fn reconcile(observed: Observed<'_, K>, now: Timestamp) -> Plan {
        let Observed { set, template, claims, .. } = &observed;
        let all = claims.all();
        let active: Vec<&Pod> = all.iter().copied().filter(|it| pod::is_active(it)).collect();
        let counts = counts_of(*set, template, &all, now);
        let going = set.meta().deletion_timestamp.is_some();
        let mut actions = claims.actions(*set);
        let missing = if going { 0 } else { i64::from(set.replicas()) - active.len() as i64 };
        if missing == 0 {
            let failure = if going { Failure::Keep } else { Failure::Clear };
            actions.extend(status(*set, &counts, &failure));
        } else {
            // The status follows when the caches show what came of it.
            actions.push(observed.scale(missing, &active, &counts, now));
        }
        let plan = Plan::of(actions);
        match pods::next_available(active, set.min_ready_seconds(), now) {
            Some(wait) => plan.again_after(wait),
            None => plan,
        }
    }
}

fn pod_wakes<K: Replicated>(change: &Change, caches: &Snapshot) -> Vec<Key> {
    claims::claimants::<K>(change, caches, K::selector)
}

fn related<'a, K: Replicated>(caches: &'a Snapshot, set: &'a K) -> Vec<&'a Pod> {
    let pods_of = |it: &'a K| caches.controlled_by::<Pod>(api::meta::uid(it.meta()));
    match api::owner::controller(set.meta()) {
        Some(owner) => caches.controlled_by::<K>(&owner.uid).flat_map(pods_of).collect(),
        None => pods_of(set).collect(),
    }
}

fn status<K: Replicated>(set: &K, counts: &Counts, failure: &Failure) -> Option<Action> {
    write::status(set, set.status(), &set.status_of(counts, failure))
}

impl<K: Replicated> Observed<'_, K> {
    fn scale(&self, missing: i64, active: &[&Pod], counts: &Counts, now: Timestamp) -> Action {
        let number = usize::try_from(missing.unsigned_abs()).unwrap_or(BURST).min(BURST);
        let (writes, reason) = if missing > 0 {
            (vec![self.creation(); number], "FailedCreate")
        } else {
            let victims = victims::choose(active, &self.related, number, now);
            (victims.into_iter().map(|it| self.deletion(it)).collect(), "FailedDelete")
        };
        let failure = Failure::Set { reason, message: runtime::plan::ERROR.to_owned(), now };
        let badly = status(self.set, counts, &failure).into_iter().collect();
        write::told(Action::SlowStart(writes), Vec::new(), badly)
    }

    fn creation(&self) -> Action {
        let create = Action::Create(pods::from_template(self.template, self.set).into());
        let well = write::normal(self.set, "SuccessfulCreate", "Created pod: {name}");
        let badly = write::warning(self.set, "FailedCreate", "Error creating: {error}");
        write::told(create, vec![well], vec![badly])
    }

    fn deletion(&self, victim: &Pod) -> Action {
        let well = write::normal(self.set, "SuccessfulDelete", "Deleted pod: {name}");
        let badly = write::warning(self.set, "FailedDelete", "Error deleting: {error}");
        write::told(write::delete(victim), vec![well], vec![badly])
    }
}

fn counts_of<K: Replicated>(set: &K, template: &PodTemplateSpec, all: &[&Pod], now: Timestamp) -> Counts {
    let wanted = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
    let labeled = |it: &Pod| {
        let labels = it.metadata.labels.as_ref();
        wanted.into_iter().flatten().all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
    };
    let mut counts = Counts::default();
    for it in all {
        if pod::deletion_requested(it) {
            counts.terminating += 1;
            continue;
        }
        counts.replicas += 1;
        counts.fully_labeled += i32::from(labeled(it));
        counts.ready += i32::from(pod::is_ready(it));
        counts.available += i32::from(pod::is_available(it, set.min_ready_seconds(), now));
    }
    counts
}

#[cfg(test)]
mod tests;
