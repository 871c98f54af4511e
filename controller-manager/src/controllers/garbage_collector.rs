//! Collects what has lost its owners.
//!
//! Start at [`GarbageCollector::reconcile`], which asks of one object: is it going and holding its dependents
//! ([`plan_orphans`], [`plan_foreground`]), or has it owners that are gone or going ([`plan_dependent`])? Owners that a
//! cache does not show are looked up live before anything is deleted. References never cross namespaces: an owner of
//! another namespace does not exist, and an object without a namespace cannot be owned by one that has it.

use crate::common::claims::drop_owners;
use crate::common::{every, write};
use api::delete::{FOREGROUND, ORPHAN};
use api::{Key, Kind, Object, OwnerReference, meta, owner};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use runtime::controller::Wakes;
use runtime::plan::Note;
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use serde_json::json;

/// The garbage collector.
pub(crate) enum GarbageCollector {}

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    object: &'a Object,
    caches: &'a Snapshot,
}

impl Controller for GarbageCollector {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "garbage-collector-controller";
    const WATCHES: &'static [Watch] = &WATCHES;
    const CUSTOM: Option<Wakes> = Some(Wakes::Map(wakes));

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        Some(Observed { object: caches.object(key)?, caches })
    }

    fn reconcile(Observed { object, caches }: Observed<'_>, _now: Timestamp) -> Plan {
        if holds(object, ORPHAN) {
            plan_orphans(object, caches)
        } else if holds(object, FOREGROUND) {
            plan_foreground(object, caches)
        } else if object.meta().deletion_timestamp.is_some() {
            Plan::nothing()
        } else {
            plan_dependent(object, caches)
        }
    }
}

const WATCHES: [Watch; every::OWNABLE] = every::ownable(Wakes::Map(wakes));

/// Wakes the object itself, its owners that wait for their dependents, and its dependents when it goes.
fn wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let mut keys = Vec::new();
    if let Some(new) = &change.new
        && concerns(new, caches)
    {
        keys.push(new.key());
    }
    for object in change.objects() {
        let owners = owner::owners(object.meta()).iter().filter_map(|it| key_of_owner(object, it, caches));
        keys.extend(owners.filter(|it| caches.object(it).is_some_and(|it| holds(it, FOREGROUND))));
    }
    if let Some(old) = &change.old
        && is_going(old, change.new.as_deref())
    {
        keys.extend(caches.dependents(owner::uid(old)).map(|it| it.key()));
    }
    keys.dedup();
    keys
}

/// Whether there may be something to do about the object itself.
fn concerns(object: &Object, caches: &Snapshot) -> bool {
    if object.meta().deletion_timestamp.is_some() {
        return holds(object, ORPHAN) || holds(object, FOREGROUND);
    }
    let owners = owner::owners(object.meta()).iter();
    owners.map(|it| judge(object, it, caches)).any(|it| !matches!(it, Verdict::Solid))
}

/// Whether dependents of the old object must be looked at: it is gone, or it has begun to wait for them.
fn is_going(old: &Object, new: Option<&Object>) -> bool {
    match new {
        None => true,
        Some(new) => {
            owner::uid(old) != owner::uid(new) || (holds(new, FOREGROUND) && !holds(old, FOREGROUND))
        }
    }
}

/// Whether the object is going and has this finalizer.
fn holds(object: &Object, finalizer: &str) -> bool {
    object.meta().deletion_timestamp.is_some() && meta::has_finalizer(object.meta(), finalizer)
}

/// What an owner reference has come to.
enum Verdict {
    /// The owner is there.
    Solid,
    /// The owner is there and waits for its dependents to go.
    Waiting,
    /// The caches say that the owner is gone.
    Dangling(Key),
    /// The reference makes no sense here; the object is left alone.
    Senseless(&'static str),
}

fn judge(object: &Object, reference: &OwnerReference, caches: &Snapshot) -> Verdict {
    let Some(kind) = kind_of(reference, caches) else {
        return Verdict::Senseless("");
    };
    if kind.row().namespaced() && object.meta().namespace.is_none() {
        return Verdict::Senseless("OwnerRefInvalidNamespace");
    }
    let key = key_in(kind, object, reference);
    match caches.object(&key) {
        Some(owner) if owner::uid(owner) != reference.uid => Verdict::Dangling(key),
        Some(owner) if holds(owner, FOREGROUND) => Verdict::Waiting,
        Some(_) => Verdict::Solid,
        None => Verdict::Dangling(key),
    }
}

/// The kind of an owner: of the table, or a custom one that is followed.
fn kind_of(reference: &OwnerReference, caches: &Snapshot) -> Option<Kind> {
    let (api_version, kind) = (&reference.api_version, &reference.kind);
    Kind::named(api_version, kind).or_else(|| caches.named(api_version, kind))
}

fn key_in(kind: Kind, object: &Object, reference: &OwnerReference) -> Key {
    let namespace = if kind.row().namespaced() { meta::namespace(object.meta()) } else { "" };
    Key { kind, namespace: namespace.to_owned(), name: reference.name.clone() }
}

fn key_of_owner(object: &Object, reference: &OwnerReference, caches: &Snapshot) -> Option<Key> {
    kind_of(reference, caches).map(|it| key_in(it, object, reference))
}

/// The objects that name `object` as an owner and could be owned by it.
fn dependents<'a>(object: &'a Object, caches: &'a Snapshot) -> impl Iterator<Item = &'a Object> {
    let namespace = object.meta().namespace.as_ref();
    caches
        .dependents(owner::uid(object))
        .map(|it| &**it)
        .filter(move |it| namespace.is_none() || it.meta().namespace.as_ref() == namespace)
}

/// Every dependent forgets its owner, then the owner may go.
fn plan_orphans(object: &Object, caches: &Snapshot) -> Plan {
    let uid = owner::uid(object);
    let forget = |it: &Object| {
        let left = owner::owners(it.meta()).iter().filter(|it| it.uid != uid).cloned().collect();
        drop_owners(it.key(), it.meta(), left)
    };
    let releases: Vec<Action> = dependents(object, caches).map(forget).collect();
    let mut actions = Vec::new();
    if !releases.is_empty() {
        actions.push(Action::SlowStart(releases));
    }
    actions.push(remove_finalizer(object, ORPHAN));
    Plan::of(actions)
}

/// The owner may go when no dependent blocks it any more. The dependents themselves are woken on their own.
fn plan_foreground(object: &Object, caches: &Snapshot) -> Plan {
    let uid = owner::uid(object);
    let blocks = |it: &Object| {
        let own = owner::owners(it.meta()).iter().filter(|it| it.uid == uid);
        own.into_iter().any(|it| it.block_owner_deletion == Some(true))
    };
    if dependents(object, caches).any(blocks) {
        return Plan::nothing();
    }
    Plan::of(vec![remove_finalizer(object, FOREGROUND)])
}

fn remove_finalizer(object: &Object, finalizer: &str) -> Action {
    let left: Vec<&String> =
        object.meta().finalizers.iter().flatten().filter(|it| *it != finalizer).collect();
    let left = if left.is_empty() { json!(null) } else { json!(left) };
    write::guarded_patch(object.key(), object.meta(), None, json!({"metadata": {"finalizers": left}}))
}

/// Deletes the object when no owner is left to keep it, or drops the owners that are gone.
fn plan_dependent(object: &Object, caches: &Snapshot) -> Plan {
    let (mut solid, mut gone, mut waiting) = (Vec::new(), Vec::new(), 0);
    let mut actions = Vec::new();
    for reference in owner::owners(object.meta()) {
        match judge(object, reference, caches) {
            Verdict::Solid => solid.push(reference.clone()),
            Verdict::Waiting => waiting += 1,
            Verdict::Dangling(key) => {
                actions.extend(misplaced(object, reference, &key, caches));
                gone.push((key, reference.uid.clone()));
            }
            Verdict::Senseless("") => return Plan::nothing(),
            Verdict::Senseless(_) => return Plan::of(vec![invalid(object, reference, "")]),
        }
    }
    if gone.is_empty() && waiting == 0 {
        return Plan::nothing();
    }
    let then = if solid.is_empty() {
        delete(object, waiting > 0 && dependents(object, caches).next().is_some())
    } else {
        drop_owners(object.key(), object.meta(), solid)
    };
    actions.push(if gone.is_empty() { then } else { Action::WhenGone { gone, then: Box::new(then) } });
    Plan::of(actions)
}

fn delete(object: &Object, foreground: bool) -> Action {
    let propagation = if foreground || meta::has_finalizer(object.meta(), FOREGROUND) {
        "Foreground"
    } else if meta::has_finalizer(object.meta(), ORPHAN) {
        "Orphan"
    } else {
        "Background"
    };
    let mut options =
        DeleteOptions { propagation_policy: Some(propagation.to_owned()), ..write::only_this(object.meta()) };
    if let Some(preconditions) = &mut options.preconditions {
        preconditions.resource_version.clone_from(&object.meta().resource_version);
    }
    Action::Delete { key: object.key(), options }
}

/// Tells the user when the owner that is missing here lives in another namespace.
fn misplaced(object: &Object, reference: &OwnerReference, key: &Key, caches: &Snapshot) -> Option<Action> {
    let elsewhere = |it: &&std::sync::Arc<Object>| owner::uid(it) == reference.uid;
    caches.of_kind(key.kind)?.iter().find(elsewhere)?;
    Some(invalid(object, reference, &key.namespace))
}

fn invalid(object: &Object, reference: &OwnerReference, namespace: &str) -> Action {
    let OwnerReference { api_version, kind, name, uid, .. } = reference;
    let which = format!("[{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}]");
    let why = if namespace.is_empty() {
        format!("ownerRef {which} is namespaced and cannot own a cluster-scoped object")
    } else {
        format!("ownerRef {which} does not exist in namespace {namespace:?}")
    };
    Action::Event(Note::warning(object, "OwnerRefInvalidNamespace", why))
}
