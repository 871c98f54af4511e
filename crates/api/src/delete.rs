//! What deleting an object means: one pure decision for every kind.
//!
//! An object goes at once, or it is marked (deletionTimestamp, grace period, finalizers) and goes when the last
//! finalizer does or when the agent deletes it with grace 0. Deleting a marked object again may shorten its grace,
//! never lengthen it. An update that empties the finalizers runs [`after_update`].

use crate::object::Object;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Time};

/// Deleting waits for dependents that block it.
pub const FOREGROUND: &str = "foregroundDeletion";
/// Deleting leaves the dependents alone.
pub const ORPHAN: &str = "orphan";

/// What to do with an object that shall be deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Deletion {
    /// Remove it from the store.
    Remove,
    /// Store this marked form of it.
    Mark(Box<Object>),
    /// It is marked already and nothing changes.
    Pending,
}

/// How dependents shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// After the owner, by the garbage collector.
    Background,
    /// Before the owner.
    Foreground,
    /// Not at all.
    Orphan,
}

/// The propagation that the options and the object's finalizers ask for.
pub fn propagation_of(options: &DeleteOptions, meta: &ObjectMeta, default: Propagation) -> Propagation {
    match options.propagation_policy.as_deref() {
        Some("Foreground") => return Propagation::Foreground,
        Some("Orphan") => return Propagation::Orphan,
        Some(_) => return Propagation::Background,
        None => {}
    }
    match options.orphan_dependents {
        Some(true) => return Propagation::Orphan,
        Some(false) => return Propagation::Background,
        None => {}
    }
    let has = |name: &str| meta.finalizers.iter().flatten().any(|it| it == name);
    if has(ORPHAN) {
        Propagation::Orphan
    } else if has(FOREGROUND) {
        Propagation::Foreground
    } else {
        default
    }
}

/// Decides what a delete does. `grace` is the kind's answer to the requested grace period: `None` for kinds that go
/// at once.
pub fn plan_delete(
    object: &Object,
    grace: Option<i64>,
    propagation: Propagation,
    now: Timestamp,
) -> Deletion {
    let mut marked = object.clone();
    let meta = marked.meta_mut();
    set_finalizers(meta, propagation);
    let blocked = meta.finalizers.as_ref().is_some_and(|it| !it.is_empty());
    let grace = grace.unwrap_or(0).max(0);
    if grace == 0 && !blocked {
        return Deletion::Remove;
    }
    mark(meta, grace, now);
    if marked == *object { Deletion::Pending } else { Deletion::Mark(Box::new(marked)) }
}

/// Whether an updated object must be removed now: it is marked, its grace is over and no finalizer is left.
pub fn after_update(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some()
        && meta.deletion_grace_period_seconds.unwrap_or(0) == 0
        && meta.finalizers.as_ref().is_none_or(Vec::is_empty)
}

fn set_finalizers(meta: &mut ObjectMeta, propagation: Propagation) {
    let mut finalizers = meta.finalizers.take().unwrap_or_default();
    let wanted = match propagation {
        Propagation::Background => None,
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Orphan => Some(ORPHAN),
    };
    finalizers.retain(|it| Some(it.as_str()) == wanted || (it != FOREGROUND && it != ORPHAN));
    if let Some(wanted) = wanted
        && !finalizers.iter().any(|it| it == wanted)
    {
        finalizers.push(wanted.to_owned());
    }
    meta.finalizers = (!finalizers.is_empty()).then_some(finalizers);
}

/// Marks, or shortens the grace of an object that is marked already.
fn mark(meta: &mut ObjectMeta, grace: i64, now: Timestamp) {
    if meta.deletion_timestamp.is_some() && meta.deletion_grace_period_seconds.unwrap_or(0) <= grace {
        return;
    }
    if meta.deletion_timestamp.is_none() {
        meta.generation = meta.generation.map(|it| it + 1);
    }
    meta.deletion_timestamp = Some(Time(now.saturating_add(SignedDuration::from_secs(grace)).unwrap_or(now)));
    meta.deletion_grace_period_seconds = Some(grace);
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;

    fn pod(finalizers: &[&str], grace: Option<i64>) -> Object {
        let mut pod = Pod::default();
        if !finalizers.is_empty() {
            pod.metadata.finalizers = Some(finalizers.iter().map(|it| (*it).to_owned()).collect());
        }
        if let Some(grace) = grace {
            mark(&mut pod.metadata, grace, Timestamp::UNIX_EPOCH);
        }
        pod.into()
    }

    #[track_caller]
    fn check(object: &Object, grace: Option<i64>, propagation: Propagation, expect: &str) {
        let got = match plan_delete(object, grace, propagation, Timestamp::UNIX_EPOCH) {
            Deletion::Remove => "remove".to_owned(),
            Deletion::Pending => "pending".to_owned(),
            Deletion::Mark(object) => format!(
                "mark {} {:?}",
                object.meta().deletion_grace_period_seconds.unwrap_or(-1),
                object.meta().finalizers.clone().unwrap_or_default()
            ),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn marks_shortens_and_removes() {
        use Propagation::{Background, Foreground, Orphan};
        check(&pod(&[], None), None, Background, "remove");
        check(&pod(&[], None), Some(0), Background, "remove");
        check(&pod(&[], None), Some(30), Background, "mark 30 []");
        check(&pod(&[], Some(30)), Some(30), Background, "pending");
        check(&pod(&[], Some(30)), Some(60), Background, "pending");
        check(&pod(&[], Some(30)), Some(5), Background, "mark 5 []");
        check(&pod(&[], Some(30)), Some(0), Background, "remove");
        check(&pod(&["a/b"], None), None, Background, r#"mark 0 ["a/b"]"#);
        check(&pod(&["a/b"], Some(0)), None, Background, "pending");
        check(&pod(&[], None), None, Foreground, r#"mark 0 ["foregroundDeletion"]"#);
        check(&pod(&["foregroundDeletion"], Some(0)), None, Orphan, r#"mark 0 ["orphan"]"#);
    }
}
