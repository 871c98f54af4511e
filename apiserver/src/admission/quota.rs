//! Resource quotas: each write that needs more takes it from its namespace's quotas, in one transaction with the write.
//!
//! Start at [`charges`], the last step before a write. What is used stands in the quotas' status; the charge is written
//! together with the object and on the condition that the quota is as it was read, so two writes never take the same
//! place, and a write that fails takes nothing. The quota controller gives back what is no longer used; [`Recount`] sees
//! to it that what it writes is right, however far its caches are behind.

use super::{Attempt, Operation, Plugin, View};
use crate::cache::entry::Entry;
use crate::cache::watcher::within;
use crate::handlers::change::stored_key;
use crate::state::State;
use crate::versions::to_stored;
use api::k8s::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service};
use api::quota::{self, Holdings, Usage};
use api::{ApiError, Kind, Object, Resource};
use std::sync::Arc;
use store::{Condition, Op};

/// What has to be written together with an object.
#[derive(Default)]
pub(crate) struct Charges {
    pub(crate) conditions: Vec<Condition>,
    /// To be written after the object: a cache that has seen the charge has then seen what was charged for.
    pub(crate) ops: Vec<Op>,
}

impl Charges {
    /// Whether the write concerns no quota.
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.ops.is_empty()
    }
}

/// What a write takes from the quotas of its namespace, or why there is not enough left.
pub(crate) fn charges(state: &State, attempt: &Attempt<'_>) -> Result<Charges, ApiError> {
    let mut charges = Charges::default();
    let Some(new) = attempt.object.as_deref().filter(|it| is_charged(attempt, it)) else {
        return Ok(charges);
    };
    for entry in quotas(state, &attempt.key.namespace)? {
        let object = entry.object().map_err(ApiError::internal)?;
        let Some(quota) = object.get::<ResourceQuota>() else { continue };
        if is_unsettled(quota) {
            charges.conditions.push(unchanged(&entry));
        }
        let counted = counted(state, quota, new);
        let quota = counted.as_ref().unwrap_or(quota);
        let used =
            quota::charge(quota, new, attempt.old, state.now()).map_err(|it| attempt.forbidden(&it))?;
        if let Some(used) = used {
            charges.conditions.push(unchanged(&entry));
            charges.ops.push(write(&entry, quota, used)?);
        }
    }
    Ok(charges)
}

/// Everything is charged when it is made, and what can grow when it grows.
fn is_charged(attempt: &Attempt<'_>, object: &Object) -> bool {
    let namespaced = !attempt.key.namespace.is_empty();
    namespaced
        && match (attempt.operation, attempt.subresource) {
            (Operation::Create, "") => true,
            (Operation::Update, "") => {
                object.get::<Service>().is_some() || object.get::<PersistentVolumeClaim>().is_some()
            }
            (Operation::Update, "resize") => object.get::<Pod>().is_some(),
            _ => false,
        }
}

fn quotas(state: &State, namespace: &str) -> Result<Vec<Arc<Entry>>, ApiError> {
    let snapshot = state.cached(ResourceQuota::KIND)?.now(0);
    Ok(within(&snapshot, namespace).cloned().collect())
}

/// Whether somebody still has to count what the quota is about: nothing may slip in unseen meanwhile.
fn is_unsettled(quota: &ResourceQuota) -> bool {
    let wanted = quota.spec.as_ref().and_then(|it| it.hard.as_ref());
    wanted != quota.status.as_ref().and_then(|it| it.hard.as_ref())
}

fn unchanged(entry: &Entry) -> Condition {
    Condition::Revision(stored_key(entry), entry.revision)
}

/// The quota with a fresh count of a custom kind, which no controller follows.
fn counted(state: &State, quota: &ResourceQuota, new: &Object) -> Option<ResourceQuota> {
    let kind = new.kind();
    if Kind::all().any(|it| it == kind) || !quota::concerns(quota, new) {
        return None;
    }
    let mut counted = quota.clone();
    recount(state, &mut counted);
    Some(counted)
}

fn write(entry: &Entry, quota: &ResourceQuota, used: Usage) -> Result<Op, ApiError> {
    let mut quota = quota.clone();
    quota.metadata.resource_version = None;
    quota.status.get_or_insert_default().used = Some(used);
    let stored = to_stored(quota.into())?;
    Ok(Op::Put { key: stored_key(entry), value: stored.to_json().into() })
}

/// What a quota's status says to be used is what the server itself counts, whoever writes it.
pub(super) struct Recount;

impl Plugin for Recount {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        if attempt.operation != Operation::Update || attempt.subresource != "status" {
            return Ok(());
        }
        if let Some(quota) = attempt.object.as_mut().and_then(|it| it.get_mut::<ResourceQuota>()) {
            recount(view.state, quota);
        }
        Ok(())
    }
}

fn recount(state: &State, quota: &mut ResourceQuota) {
    let namespace = quota.metadata.namespace.clone().unwrap_or_default();
    let Some(hard) = quota.status.as_ref().and_then(|it| it.hard.clone()) else { return };
    let used = quota::used(quota, &hard, &Namespace { state, name: &namespace }, state.now());
    quota.status.get_or_insert_default().used = Some(used);
}

/// What a namespace holds, as the caches have it.
struct Namespace<'a> {
    state: &'a State,
    name: &'a str,
}

impl Holdings for Namespace<'_> {
    fn kind(&self, resource: &str) -> Option<Kind> {
        quota::built_in_kind(resource).or_else(|| self.state.catalogue.now().stored(resource))
    }

    fn number(&self, kind: Kind) -> usize {
        let Some(cached) = self.state.caches.of(kind) else { return 0 };
        within(&cached.now(0), self.name).count()
    }

    fn each(&self, kind: Kind, visit: &mut dyn FnMut(&Object)) {
        let Some(cached) = self.state.caches.of(kind) else { return };
        for entry in within(&cached.now(0), self.name) {
            match entry.object() {
                Ok(object) => visit(&object),
                Err(error) => tracing::error!(%error, "an object is not counted"),
            }
        }
    }
}
