//! Who belongs to whom: a workload owns what its selector matches, takes in orphans and lets go of strangers.
//!
//! The rules are upstream's: an object with another controller is never touched; one with none is adopted while its
//! labels match; one of ours whose labels no longer match is released. A workload on its way out claims nothing new.

use crate::common::write;
use api::selector::Selector;
use api::{Key, Kind, OwnerReference, Resource, meta, owner};
use runtime::{Action, Change, Snapshot};
use serde_json::json;

/// What a workload owns, and what it should own or let go.
pub(crate) struct Claims<'a, K> {
    /// What it controls and its selector matches.
    pub owned: Vec<&'a K>,
    /// What its selector matches and nobody controls.
    pub orphans: Vec<&'a K>,
    /// What it controls and its selector no longer matches.
    pub strangers: Vec<&'a K>,
}

/// Gathers the claims of `owner` on objects of kind `K` that pass `counts`.
pub(crate) fn claims_of<'a, K: Resource, O: Resource>(
    caches: &'a Snapshot,
    owner: &'a O,
    selector: &Selector,
    counts: impl Fn(&K) -> bool,
) -> Claims<'a, K> {
    let matches = |it: &&K| selector.matches(it.meta().labels.as_ref());
    let mine = caches.controlled_by::<K>(meta::uid(owner.meta())).filter(|it| counts(it));
    let (owned, strangers) = mine.partition(matches);
    if owner.meta().deletion_timestamp.is_some() {
        return Claims { owned, orphans: Vec::new(), strangers: Vec::new() };
    }
    let free = caches.uncontrolled::<K>(meta::namespace(owner.meta())).filter(|it| counts(it));
    let orphans = free.filter(|it| it.meta().deletion_timestamp.is_none()).filter(matches).collect();
    Claims { owned, orphans, strangers }
}

impl<'a, K: Resource> Claims<'a, K> {
    /// What belongs to the owner once its claims are made good.
    pub(crate) fn all(&self) -> Vec<&'a K> {
        self.owned.iter().chain(&self.orphans).copied().collect()
    }

    /// Makes the claims good.
    pub(crate) fn actions<O: Resource>(&self, owner: &O) -> Vec<Action> {
        let releases = self.strangers.iter().map(|it| release(*it, meta::uid(owner.meta())));
        let adoptions = self.orphans.iter().map(|it| adopt(*it, owner));
        releases.chain(adoptions).collect()
    }
}

fn adopt<K: Resource, O: Resource>(orphan: &K, owner: &O) -> Action {
    Action::Adopt {
        key: write::key_of(orphan),
        uid: meta::uid(orphan.meta()).to_owned(),
        owner_key: write::key_of(owner),
        owner: owner::controller_of(owner),
    }
}

/// Removes the owner with this UID from the object's owner references.
pub(crate) fn release<K: Resource>(object: &K, uid: &str) -> Action {
    let left = owner::owners(object.meta()).iter().filter(|it| it.uid != uid).cloned().collect();
    drop_owners(write::key_of(object), object.meta(), left)
}

/// Leaves the object just these owner references.
pub(crate) fn drop_owners(key: Key, object: &api::ObjectMeta, left: Vec<OwnerReference>) -> Action {
    let left = if left.is_empty() { json!(null) } else { json!(left) };
    write::guarded_patch(key, object, None, json!({"metadata": {"ownerReferences": left}}))
}

/// The keys that a change of an object of kind `K` wakes: its controller of kind `O` before and after, or, while
/// nobody controls it, every `O` that could adopt it.
pub(crate) fn claimants<O: Resource>(
    change: &Change,
    caches: &Snapshot,
    selects: impl Fn(&O) -> Option<Selector>,
) -> Vec<Key> {
    let mut keys = owner_keys(change, O::KIND);
    let Some(new) = &change.new else { return keys };
    if owner::controller(new.meta()).is_some() {
        return keys;
    }
    let labels = new.meta().labels.as_ref();
    let namespace = meta::namespace(new.meta());
    let could =
        caches.in_namespace::<O>(namespace).filter(|it| selects(it).is_some_and(|it| it.matches(labels)));
    keys.extend(could.map(write::key_of));
    keys
}

/// The keys of the object's controllers of this kind, before the change and after it.
pub(crate) fn owner_keys(change: &Change, kind: Kind) -> Vec<Key> {
    let mut keys: Vec<Key> =
        change.objects().filter_map(|it| runtime::controller::owner_key(it, kind)).collect();
    keys.dedup();
    keys
}
