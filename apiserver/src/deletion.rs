//! How the rules of deletion apply to an object: its kind's grace, default propagation, and what holds it.

use api::Object;
use api::delete::{self, Deletion, Propagation};
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use jiff::Timestamp;

/// Decides what a delete does.
pub(crate) fn plan(object: &Object, options: &DeleteOptions, now: Timestamp) -> Deletion {
    let strategy = object.kind().row().strategy;
    let default = if strategy.orphans() { Propagation::Orphan } else { Propagation::Background };
    let grace = strategy.grace(object, options.grace_period_seconds);
    let propagation = delete::propagation_of(options, object.meta(), default);
    match delete::plan_delete(object, grace, propagation, now) {
        Deletion::Remove if is_held(object) => mark(object, now),
        Deletion::Mark(marked) if is_held(object) => mark(&marked, now),
        plan => plan,
    }
}

/// Whether something besides its metadata keeps a deleted object: a namespace stays as long as its spec has finalizers.
pub(crate) fn is_held(object: &Object) -> bool {
    object.kind().row().strategy.is_held(object)
}

fn mark(object: &Object, now: Timestamp) -> Deletion {
    let mut marked = object.clone();
    let meta = marked.meta_mut();
    if meta.deletion_timestamp.is_none() {
        meta.deletion_timestamp = Some(api::Time(now));
    }
    meta.deletion_grace_period_seconds = None;
    object.kind().row().strategy.mark_held(&mut marked);
    if marked == *object { Deletion::Pending } else { Deletion::Mark(Box::new(marked)) }
}
