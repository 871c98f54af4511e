//! How the rules of deletion apply to an object: its kind's grace, default propagation, and what holds it.

use api::delete::{self, Deletion, Propagation};
use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{Namespace, ReplicationController};
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::{Kind, Object, Resource};
use jiff::Timestamp;

/// Decides what a delete does.
pub(crate) fn plan(object: &Object, options: &DeleteOptions, now: Timestamp) -> Deletion {
    let kind = object.kind();
    let grace = kind.row().strategy.grace(object, options.grace_period_seconds);
    let propagation = delete::propagation_of(options, object.meta(), default_propagation(kind));
    match delete::plan_delete(object, grace, propagation, now) {
        Deletion::Remove if is_held(object) => mark_namespace(object, now),
        Deletion::Mark(marked) if is_held(object) => mark_namespace(&marked, now),
        plan => plan,
    }
}

/// What becomes of dependents when the client does not say. Upstream's oldest kinds leave them.
fn default_propagation(kind: Kind) -> Propagation {
    if kind == Job::KIND || kind == ReplicationController::KIND {
        Propagation::Orphan
    } else {
        Propagation::Background
    }
}

/// Whether something besides its metadata keeps a deleted object: a namespace stays as long as its spec has finalizers.
pub(crate) fn is_held(object: &Object) -> bool {
    let namespace = object.get::<Namespace>();
    let finalizers = namespace.and_then(|it| it.spec.as_ref()?.finalizers.as_ref());
    finalizers.is_some_and(|it| !it.is_empty())
}

fn mark_namespace(object: &Object, now: Timestamp) -> Deletion {
    let mut marked = object.clone();
    if let Some(namespace) = marked.get_mut::<Namespace>() {
        let meta = &mut namespace.metadata;
        if meta.deletion_timestamp.is_none() {
            meta.deletion_timestamp = Some(api::Time(now));
        }
        meta.deletion_grace_period_seconds = None;
        namespace.status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }
    if marked == *object { Deletion::Pending } else { Deletion::Mark(Box::new(marked)) }
}
