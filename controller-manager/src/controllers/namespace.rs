//! Empties namespaces that were asked to go, and lets them go when nothing is left.
//!
//! Start at [`NamespaceController::reconcile`]. Pods go first, so that what they use outlives them; then everything
//! else. The server refuses new objects in a terminating namespace, so a cache that has seen the revision of the
//! termination misses nothing; for those that have not, the server itself is asked before the last step.

use crate::common::{every, write};
use api::{Key, Kind, Resource, Subresource, Time, meta};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, NamespaceStatus, Pod};
use runtime::controller::Wakes;
use runtime::{Action, Change, Controller, Objects, Plan, Snapshot, Watch};
use std::collections::BTreeMap;

/// The controller of Namespaces.
pub(crate) enum NamespaceController {}

/// The finalizer that only this controller removes.
const FINALIZER: &str = "kubernetes";

const CONTENT: [Watch; every::NAMESPACED] = every::namespaced(Wakes::Map(content_wakes));

const WATCHES: [Watch; every::NAMESPACED + 1] = {
    let mut all = [Watch::of::<Namespace>(); every::NAMESPACED + 1];
    let mut at = 0;
    while at < every::NAMESPACED {
        all[at + 1] = CONTENT[at];
        at += 1;
    }
    all
};

/// What a decision depends on: a terminating namespace and what is left in it.
pub(crate) struct Observed<'a> {
    namespace: &'a Namespace,
    left: Vec<Left>,
    /// Kinds whose caches may miss objects of before the termination.
    unsure: Vec<Kind>,
}

/// What is left of one kind.
struct Left {
    kind: Kind,
    count: usize,
    /// How many have not been asked to go.
    unmarked: usize,
    /// How many have been asked, and take their time.
    held: usize,
    /// How many objects each finalizer holds.
    finalizers: BTreeMap<String, usize>,
}

impl Controller for NamespaceController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "namespace-controller";
    const WATCHES: &'static [Watch] = &WATCHES;
    const CUSTOM: Option<Wakes> = Some(Wakes::Map(content_wakes));

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let namespace = caches.at::<Namespace>(key)?;
        namespace.metadata.deletion_timestamp.as_ref()?;
        let finalizers = namespace.spec.as_ref()?.finalizers.as_ref()?;
        if !finalizers.iter().any(|it| it == FINALIZER) {
            return None;
        }
        let since = namespace.metadata.resource_version.as_ref()?.parse().ok()?;
        let kinds = content(caches);
        let left = kinds.iter().filter_map(|it| left_of(*it, caches.of_kind(*it)?, &key.name)).collect();
        let unsure = kinds.into_iter().filter(|it| caches.revision(*it) < since).collect();
        Some(Observed { namespace, left, unsure })
    }

    fn reconcile(observed: Observed<'_>, now: Timestamp) -> Plan {
        if observed.left.is_empty() {
            return Plan::of(observed.last_steps());
        }
        let pods_are_left = observed.left.iter().any(|it| it.kind == Pod::KIND);
        let due = observed.left.iter().filter(|it| !pods_are_left || it.kind == Pod::KIND);
        let namespace = meta::name(&observed.namespace.metadata);
        let mut actions: Vec<Action> = due
            .filter(|it| it.unmarked > 0)
            .map(|it| Action::DeleteAll { kind: it.kind, namespace: namespace.to_owned() })
            .collect();
        // What merely hasn't left the caches yet is not worth a write for each.
        if actions.is_empty() && observed.left.iter().any(|it| it.held > 0) {
            actions.extend(observed.status(now));
        }
        Plan::of(actions)
    }
}

/// The kinds that live in namespaces, in the table's order, then custom ones.
fn content(caches: &Snapshot) -> Vec<Kind> {
    let built_in: Vec<Kind> = CONTENT.iter().map(|it| it.kind).collect();
    let is_custom = |it: &Kind| it.row().namespaced() && !built_in.contains(it);
    let mut custom: Vec<Kind> = caches.kinds().filter(is_custom).collect();
    custom.sort();
    built_in.into_iter().chain(custom).collect()
}

/// What lives in a terminating namespace concerns it.
fn content_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(object) = change.latest() else { return Vec::new() };
    let namespace = caches.get::<Namespace>("", meta::namespace(object.meta()));
    namespace.filter(|it| it.metadata.deletion_timestamp.is_some()).map(write::key_of).into_iter().collect()
}

fn left_of(kind: Kind, objects: &Objects, namespace: &str) -> Option<Left> {
    let mut left = Left { kind, count: 0, unmarked: 0, held: 0, finalizers: BTreeMap::new() };
    for object in objects.in_namespace(kind, namespace) {
        left.count += 1;
        let marked = object.meta().deletion_timestamp.is_some();
        left.unmarked += usize::from(!marked);
        left.held += usize::from(marked);
        for finalizer in object.meta().finalizers.iter().flatten() {
            *left.finalizers.entry(finalizer.clone()).or_default() += 1;
        }
    }
    (left.count > 0).then_some(left)
}

impl Observed<'_> {
    /// Makes sure that nothing is left, and lets the namespace go.
    fn last_steps(&self) -> Vec<Action> {
        let name = meta::name(&self.namespace.metadata);
        let ensure = |kind: &Kind| Action::EnsureNone { kind: *kind, namespace: name.to_owned() };
        let checks: Vec<Action> = self.unsure.iter().map(ensure).collect();
        let mut object = self.namespace.clone();
        if let Some(finalizers) = object.spec.as_mut().and_then(|it| it.finalizers.as_mut()) {
            finalizers.retain(|it| it != FINALIZER);
        }
        let finalize = Action::Update { object: object.into(), below: Some(Subresource::Finalize) };
        if checks.is_empty() { vec![finalize] } else { vec![Action::SlowStart(checks), finalize] }
    }

    fn status(&self, now: Timestamp) -> Option<Action> {
        let old = self.namespace.status.as_ref();
        let mut conditions = old.and_then(|it| it.conditions.clone()).unwrap_or_default();
        for new in self.conditions(now) {
            set(&mut conditions, new);
        }
        let new = NamespaceStatus { phase: Some("Terminating".to_owned()), conditions: Some(conditions) };
        write::status(self.namespace, old, &new)
    }

    fn conditions(&self, now: Timestamp) -> [NamespaceCondition; 5] {
        let condition = |type_: &str, status: &str, reason: &str, message: String| NamespaceCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: Some(Time(now)),
        };
        let fine = |type_, reason, message: &str| condition(type_, "False", reason, message.to_owned());
        [
            fine(
                "NamespaceDeletionDiscoveryFailure",
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            fine(
                "NamespaceDeletionGroupVersionParsingFailure",
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            fine(
                "NamespaceDeletionContentFailure",
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            match self.remaining() {
                None => {
                    fine("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed")
                }
                Some(it) => condition("NamespaceContentRemaining", "True", "SomeResourcesRemain", it),
            },
            match self.holding() {
                None => fine(
                    "NamespaceFinalizersRemaining",
                    "ContentHasNoFinalizers",
                    "All content-preserving finalizers finished",
                ),
                Some(it) => condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", it),
            },
        ]
    }

    fn remaining(&self) -> Option<String> {
        let mut parts: Vec<String> = self
            .left
            .iter()
            .map(|it| {
                let row = it.kind.row();
                format!("{}.{} has {} resource instances", row.plural, row.group, it.count)
            })
            .collect();
        parts.sort();
        (!parts.is_empty()).then(|| format!("Some resources are remaining: {}", parts.join(", ")))
    }

    fn holding(&self) -> Option<String> {
        let mut held: BTreeMap<&str, usize> = BTreeMap::new();
        for (finalizer, count) in self.left.iter().flat_map(|it| &it.finalizers) {
            *held.entry(finalizer).or_default() += count;
        }
        let parts: Vec<String> = held
            .iter()
            .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
            .collect();
        (!parts.is_empty())
            .then(|| format!("Some content in the namespace has finalizers remaining: {}", parts.join(", ")))
    }
}

/// Sets a condition; its time moves only with its status.
fn set(conditions: &mut Vec<NamespaceCondition>, mut new: NamespaceCondition) {
    match conditions.iter_mut().find(|it| it.type_ == new.type_) {
        Some(old) => {
            if old.status == new.status {
                new.last_transition_time.clone_from(&old.last_transition_time);
            }
            *old = new;
        }
        None => conditions.push(new),
    }
}
