//! What a deployment says of itself: counts, and the conditions Available, Progressing and ReplicaFailure.
//!
//! Reasons and messages are upstream's: `kubectl rollout status` and people's scripts read them.

use super::Rollout;
use crate::common::pods;
use api::{Time, meta};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentSpec, DeploymentStatus, ReplicaSet, ReplicaSetStatus,
};
use std::time::Duration;

pub(super) const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
const NEW_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
const PAUSED: &str = "DeploymentPaused";

/// How long a roll-out may make no progress; nothing when it may do so for ever.
pub(super) fn deadline_of(spec: &DeploymentSpec) -> Option<SignedDuration> {
    let seconds = spec.progress_deadline_seconds.filter(|it| *it != i32::MAX)?;
    Some(SignedDuration::from_secs(seconds.into()))
}

/// A condition in the making.
pub(super) fn condition(
    type_: &str,
    status: &str,
    reason: &str,
    message: String,
    now: Timestamp,
) -> DeploymentCondition {
    DeploymentCondition {
        type_: Some(type_.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    }
}

/// The condition of this type.
pub(super) fn find<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.iter().flatten().find(|it| it.type_.as_deref() == Some(type_))
}

/// Sets a condition, unless its status and reason are those it has.
pub(super) fn set(status: &mut DeploymentStatus, new: DeploymentCondition) {
    let same = |it: &DeploymentCondition| it.status == new.status && it.reason == new.reason;
    if !find(status, new.type_.as_deref().unwrap_or_default()).is_some_and(same) {
        replace(status, new);
    }
}

/// Sets a condition; the time of its transition stays when its status does.
fn replace(status: &mut DeploymentStatus, mut new: DeploymentCondition) {
    if let Some(old) =
        find(status, new.type_.as_deref().unwrap_or_default()).filter(|it| it.status == new.status)
    {
        new.last_transition_time.clone_from(&old.last_transition_time);
    }
    remove(status, new.type_.as_deref().unwrap_or_default());
    status.conditions.get_or_insert_default().push(new);
}

fn remove(status: &mut DeploymentStatus, type_: &str) {
    status.conditions.iter_mut().for_each(|it| it.retain(|it| it.type_.as_deref() != Some(type_)));
    status.conditions = status.conditions.take().filter(|it| !it.is_empty());
}

/// The status as the replica sets show it: counts and availability.
pub(super) fn observed(rollout: &Rollout<'_>, now: Timestamp) -> DeploymentStatus {
    let sum = |count: fn(&ReplicaSetStatus) -> Option<i32>| -> i32 {
        rollout.all().filter_map(|it| it.set.status.as_ref()).filter_map(count).sum()
    };
    let some = |it: i32| (it > 0).then_some(it);
    let old = rollout.deployment.status.as_ref();
    let asked: i32 = rollout.all().map(|it| it.asked()).sum();
    let available = sum(|it| it.available_replicas);
    let updated = rollout.new.as_ref().and_then(|it| it.set.status.as_ref()).map_or(0, |it| it.replicas);
    let mut status = DeploymentStatus {
        observed_generation: rollout.deployment.metadata.generation,
        replicas: some(sum(|it| Some(it.replicas))),
        updated_replicas: some(updated),
        ready_replicas: some(sum(|it| it.ready_replicas)),
        available_replicas: some(available),
        unavailable_replicas: some(asked - available),
        terminating_replicas: Some(sum(|it| it.terminating_replicas)),
        collision_count: old.and_then(|it| it.collision_count),
        conditions: old.and_then(|it| it.conditions.clone()),
    };
    set(&mut status, availability(available >= rollout.bounds.fewest(), now));
    status
}

fn availability(enough: bool, now: Timestamp) -> DeploymentCondition {
    let (status, reason, has) = if enough {
        ("True", "MinimumReplicasAvailable", "has")
    } else {
        ("False", "MinimumReplicasUnavailable", "does not have")
    };
    condition(AVAILABLE, status, reason, format!("Deployment {has} minimum availability."), now)
}

/// Whether every replica is of the template as it is and available.
pub(super) fn is_complete(rollout: &Rollout<'_>, status: &DeploymentStatus) -> bool {
    let wanted = Some(rollout.bounds.replicas).filter(|it| *it != 0);
    status.updated_replicas == wanted
        && status.replicas == wanted
        && status.available_replicas == wanted
        && status.observed_generation >= rollout.deployment.metadata.generation
}

/// Adds what a roll-out has come to.
pub(super) fn judge_progress(rollout: &Rollout<'_>, status: &mut DeploymentStatus, now: Timestamp) {
    match deadline_of(rollout.spec) {
        None => remove(status, PROGRESSING),
        Some(_) if is_settled(status) => {}
        Some(deadline) => {
            if let Some(new) = progress(rollout, status, deadline, now) {
                if new.reason.as_deref() == Some("ReplicaSetUpdated") {
                    replace(status, new);
                } else {
                    set(status, new);
                }
            }
        }
    }
    match replica_failure(rollout) {
        Some(failure) => set(status, failure),
        None => remove(status, REPLICA_FAILURE),
    }
}

/// Whether the roll-out was complete before and still is, so that a pod that dies now is no lack of progress.
fn is_settled(status: &DeploymentStatus) -> bool {
    status.replicas == status.updated_replicas
        && find(status, PROGRESSING).is_some_and(|it| it.reason.as_deref() == Some(NEW_SET_AVAILABLE))
}

fn progress(
    rollout: &Rollout<'_>,
    status: &DeploymentStatus,
    deadline: SignedDuration,
    now: Timestamp,
) -> Option<DeploymentCondition> {
    let whose = subject(rollout);
    let say =
        |status, reason, how: &str| condition(PROGRESSING, status, reason, format!("{whose} {how}"), now);
    if is_complete(rollout, status) {
        Some(say("True", NEW_SET_AVAILABLE, "has successfully progressed."))
    } else if has_moved(rollout.deployment.status.as_ref(), status) {
        Some(say("True", "ReplicaSetUpdated", "is progressing."))
    } else if is_late(status, deadline, now) {
        Some(say("False", DEADLINE_EXCEEDED, "has timed out progressing."))
    } else {
        None
    }
}

fn subject(rollout: &Rollout<'_>) -> String {
    match &rollout.new {
        Some(new) => format!("ReplicaSet {:?}", meta::name(&new.set.metadata)),
        None => format!("Deployment {:?}", meta::name(&rollout.deployment.metadata)),
    }
}

/// Whether anything got better since the last status.
fn has_moved(old: Option<&DeploymentStatus>, new: &DeploymentStatus) -> bool {
    let none = DeploymentStatus::default();
    let old = old.unwrap_or(&none);
    let outdated = |it: &DeploymentStatus| it.replicas.unwrap_or(0) - it.updated_replicas.unwrap_or(0);
    new.updated_replicas > old.updated_replicas
        || outdated(new) < outdated(old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

fn is_late(status: &DeploymentStatus, deadline: SignedDuration, now: Timestamp) -> bool {
    let Some(current) = find(status, PROGRESSING) else { return false };
    match current.reason.as_deref() {
        Some(NEW_SET_AVAILABLE | PAUSED) => false,
        Some(DEADLINE_EXCEEDED) => true,
        _ => current.last_update_time.as_ref().is_some_and(|it| now.duration_since(it.0) > deadline),
    }
}

/// How long until the roll-out could be late.
pub(super) fn lateness(rollout: &Rollout<'_>, status: &DeploymentStatus, now: Timestamp) -> Option<Duration> {
    let deadline = deadline_of(rollout.spec)?;
    let current = find(status, PROGRESSING)?;
    let settled = matches!(current.reason.as_deref(), Some(DEADLINE_EXCEEDED | NEW_SET_AVAILABLE | PAUSED));
    if settled || is_complete(rollout, status) {
        return None;
    }
    pods::until(current.last_update_time.as_ref()?.0, deadline + SignedDuration::from_secs(1), now)
}

/// The failure of the new set, or else of an old one.
fn replica_failure(rollout: &Rollout<'_>) -> Option<DeploymentCondition> {
    let failure = |it: &ReplicaSet| {
        let found = it
            .status
            .as_ref()?
            .conditions
            .iter()
            .flatten()
            .find(|it| it.type_.as_deref() == Some(REPLICA_FAILURE))?;
        Some(DeploymentCondition {
            type_: found.type_.clone(),
            status: found.status.clone(),
            reason: found.reason.clone(),
            message: found.message.clone(),
            last_update_time: found.last_transition_time.clone(),
            last_transition_time: found.last_transition_time.clone(),
        })
    };
    rollout.all().find_map(|it| failure(it.set))
}

/// What pausing or resuming does to the condition Progressing; nothing when it says so already.
pub(super) fn pausing(
    deployment: &Deployment,
    spec: &DeploymentSpec,
    now: Timestamp,
) -> Option<DeploymentCondition> {
    deadline_of(spec)?;
    let current = deployment.status.as_ref().and_then(|it| find(it, PROGRESSING));
    let reason = current.and_then(|it| it.reason.as_deref());
    match (spec.paused.unwrap_or(false), reason) {
        (_, Some(DEADLINE_EXCEEDED)) | (true, Some(PAUSED)) => None,
        (true, _) => Some(condition(PROGRESSING, "Unknown", PAUSED, "Deployment is paused".to_owned(), now)),
        (false, Some(PAUSED)) => {
            let message = "Deployment is resumed".to_owned();
            Some(condition(PROGRESSING, "Unknown", "DeploymentResumed", message, now))
        }
        (false, _) => None,
    }
}
