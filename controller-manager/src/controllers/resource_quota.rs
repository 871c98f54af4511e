//! Keeps the status of quotas right: what they are about, and what is used now that something is gone.
//!
//! What is new the API server charges itself when it lets it in, so only what ends wakes this. The server counts again
//! when the status is written, so a cache that lags behind gives nothing away twice.

use crate::common::{every, write};
use api::quota::{self, Holdings, Usage};
use api::{Key, Kind, Object, meta};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota, ResourceQuotaStatus};
use runtime::controller::Wakes;
use runtime::{Change, Controller, Plan, Snapshot, Watch};

/// The controller of ResourceQuotas.
pub(crate) enum ResourceQuotaController {}

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    quota: &'a ResourceQuota,
    caches: &'a Snapshot,
}

impl Controller for ResourceQuotaController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "resourcequota-controller";
    const WATCHES: &'static [Watch] = &WATCHES;
    const CUSTOM: Option<Wakes> = Some(Wakes::Map(wakes));

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let quota = caches.at::<ResourceQuota>(key)?;
        quota.metadata.deletion_timestamp.is_none().then_some(Observed { quota, caches })
    }

    fn reconcile(Observed { quota, caches }: Observed<'_>, now: Timestamp) -> Plan {
        let hard = quota.spec.as_ref().and_then(|it| it.hard.clone()).unwrap_or_default();
        let namespace = Namespace { caches, name: meta::namespace(&quota.metadata) };
        let used = quota::used(quota, &hard, &namespace, now);
        let status = ResourceQuotaStatus { hard: some(hard), used: some(used) };
        Plan::of(write::status(quota, quota.status.as_ref(), &status).into_iter().collect())
    }
}

const WATCHES: [Watch; every::NAMESPACED] = every::namespaced(Wakes::Map(wakes));

/// A quota's own change wakes it; so does the end of an object that it counts, and a change of what such a one uses.
fn wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(object) = change.latest() else { return Vec::new() };
    let own = change.new.as_ref().and_then(|it| it.get::<ResourceQuota>()).map(write::key_of);
    let counts = |it: &&ResourceQuota| {
        let hard = it.spec.as_ref().and_then(|it| it.hard.as_ref());
        hard.is_some_and(|it| it.keys().any(|it| quota::counts(object.kind(), it)))
    };
    let quotas = caches.in_namespace::<ResourceQuota>(meta::namespace(object.meta()));
    // Whether usage changed costs more to find out than whether anybody asks.
    let mut keys: Vec<Key> = quotas.filter(counts).map(write::key_of).collect();
    if !keys.is_empty() && !frees(change) {
        keys.clear();
    }
    keys.extend(own);
    keys.dedup();
    keys
}

/// Whether something may be used no longer.
fn frees(change: &Change) -> bool {
    let (Some(new), Some(old)) = (&change.new, &change.old) else { return change.new.is_none() };
    if !quota::is_measured(new.kind()) {
        return false;
    }
    let deadline = |it: &Object| it.get::<Pod>().and_then(|it| it.spec.as_ref()?.active_deadline_seconds);
    // Lateness is a matter of the clock, and comes to nothing here: such a pod is soon gone.
    let usage = |it: &Object| quota::usage(it, Timestamp::MIN);
    usage(new) != usage(old) || deadline(new) != deadline(old)
}

fn some(usage: Usage) -> Option<Usage> {
    (!usage.is_empty()).then_some(usage)
}

/// What a namespace holds, as far as the caches know.
struct Namespace<'a> {
    caches: &'a Snapshot,
    name: &'a str,
}

impl Holdings for Namespace<'_> {
    fn kind(&self, resource: &str) -> Option<Kind> {
        let built_in = quota::built_in_kind(resource).filter(|it| self.caches.of_kind(it.stored()).is_some());
        built_in.or_else(|| self.caches.kinds().find(|it| it.row().qualified() == resource))
    }

    fn number(&self, kind: Kind) -> usize {
        self.caches.of_kind(kind).map_or(0, |it| it.in_namespace(kind, self.name).count())
    }

    fn each(&self, kind: Kind, visit: &mut dyn FnMut(&Object)) {
        let objects = self.caches.of_kind(kind).into_iter().flat_map(|it| it.in_namespace(kind, self.name));
        objects.for_each(|it| visit(it));
    }
}
