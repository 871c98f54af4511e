//! Deployments: rolls from one pod template to the next through replica sets.
//!
//! Start at [`DeploymentController::reconcile`]. It gathers the replica sets into a [`Rollout`], decides what sizes
//! they should have ([`sizes`], numbers only), finds or makes the set of the template as it is ([`revision`]), and says
//! how far it got ([`status`]). The steps follow upstream's: paused deployments and those that were just scaled only
//! keep proportions; otherwise the strategy decides; old sets beyond the history limit go when all is done.

mod revision;
pub(crate) mod sizes;
mod status;

use crate::common::{claims, claims::Claims, write};
use api::selector::Selector;
use api::{Key, meta, pod};
use client::PatchType;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use serde_json::json;
use sizes::{Bounds, Size};
use std::collections::BTreeMap;

/// The controller of Deployments.
pub(crate) enum DeploymentController {}

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    deployment: &'a Deployment,
    spec: &'a DeploymentSpec,
    selector: Selector,
    claims: Claims<'a, ReplicaSet>,
    caches: &'a Snapshot,
}

impl Controller for DeploymentController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "deployment-controller";
    const WATCHES: &'static [Watch] =
        &[Watch::of::<Deployment>(), Watch::mapped::<ReplicaSet>(set_wakes), Watch::mapped::<Pod>(pod_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let deployment = caches.at::<Deployment>(key)?;
        let spec = &deployment.spec;
        let selector = Selector::of(&spec.selector).ok()?;
        let claims = claims::claims_of(caches, deployment, &selector, |_| true);
        Some(Observed { deployment, spec, selector, claims, caches })
    }

    fn reconcile(observed: Observed<'_>, now: Timestamp) -> Plan {
        let Observed { deployment, spec, selector, claims, .. } = &observed;
        if selector.is_empty() {
            return selects_everything(deployment);
        }
        let claimed = claims.actions(*deployment);
        if !claimed.is_empty() {
            // What is patched now would be patched from a stale version below.
            return Plan::of(claimed);
        }
        let mut rollout = Rollout::of(deployment, spec, claims.all());
        if deployment.metadata.deletion_timestamp.is_some() {
            return rollout.only_status(now);
        }
        rollout.renew();
        if spec.paused.unwrap_or(false) || rollout.was_scaled() {
            rollout.rescale();
            return rollout.plan_scaled(now);
        }
        if rollout.new.is_none() && rollout.name_is_taken(observed.caches) {
            return rollout.evade_collision();
        }
        rollout.roll(observed.caches);
        rollout.plan(now)
    }
}

fn set_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let selects = |it: &Deployment| Selector::of(&it.spec.selector).ok();
    claims::claimants::<Deployment>(change, caches, selects)
}

/// Recreating waits for old pods to end, which shows in no replica set.
fn pod_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let over = change.new.as_ref().and_then(|it| it.get::<Pod>()).is_none_or(pod::is_finished);
    if !over {
        return Vec::new();
    }
    let sets = claims::owner_keys(change, <ReplicaSet as api::Resource>::KIND);
    let sets = sets.iter().filter_map(|it| caches.object(it));
    let deployments =
        sets.filter_map(|it| runtime::controller::owner_key(it, <Deployment as api::Resource>::KIND));
    let recreates = |key: &Key| {
        let deployment = caches.at::<Deployment>(key);
        deployment.is_some_and(|it| sizes::is_recreate(&it.spec))
    };
    deployments.filter(recreates).collect()
}

fn selects_everything(deployment: &Deployment) -> Plan {
    let message = "This deployment is selecting all pods. A non-empty selector is required.";
    let old = deployment.status.clone().unwrap_or_default();
    let seen = DeploymentStatus { observed_generation: deployment.metadata.generation, ..old };
    let Some(status) = write::status(deployment, deployment.status.as_ref(), &seen) else {
        return Plan::nothing();
    };
    Plan::of(vec![write::warning(deployment, "SelectingAll", message), status])
}

/// A deployment with its replica sets, and what shall become of them.
struct Rollout<'a> {
    deployment: &'a Deployment,
    spec: &'a DeploymentSpec,
    bounds: Bounds,
    /// The set of the template as it is.
    new: Option<Member<'a>>,
    /// The others, oldest first.
    old: Vec<Member<'a>>,
    /// The set that has to be made because there is no `new`.
    fresh: Option<ReplicaSet>,
}

/// A replica set, and what shall become of it.
struct Member<'a> {
    set: &'a ReplicaSet,
    replicas: i32,
    annotations: BTreeMap<String, String>,
    min_ready_seconds: Option<i32>,
}

impl<'a> Member<'a> {
    fn of(set: &'a ReplicaSet) -> Self {
        Self {
            set,
            replicas: set.spec.replicas.unwrap_or(1),
            annotations: set.metadata.annotations.clone().unwrap_or_default(),
            min_ready_seconds: set.spec.min_ready_seconds,
        }
    }

    /// What the set is asked for now.
    fn asked(&self) -> i32 {
        self.set.spec.replicas.unwrap_or(1)
    }

    /// Replicas that a set is no longer asked for do not count as available, and a status that is about an older size
    /// says nothing for certain.
    fn size(&self) -> Size {
        let status = self.set.status.as_ref();
        let available = status.and_then(|it| it.available_replicas).unwrap_or(0).min(self.replicas);
        let annotated = revision::number(self.set, revision::MOST);
        if self.is_observed() {
            Size { replicas: self.replicas, available, unsure: 0, annotated }
        } else {
            Size { replicas: self.replicas, available: 0, unsure: self.replicas, annotated }
        }
    }

    /// Whether the set's status is about its size as it is.
    fn is_observed(&self) -> bool {
        let seen = self.set.status.as_ref().and_then(|it| it.observed_generation).unwrap_or(0);
        seen >= self.set.metadata.generation.unwrap_or(0)
    }

    fn resize(&mut self, replicas: i32, bounds: Bounds) {
        self.replicas = replicas;
        revision::note_bounds(&mut self.annotations, bounds);
    }

    /// The one patch that makes the set what it shall be, with its event.
    fn write(&self, deployment: &Deployment) -> Option<Action> {
        let before = Self::of(self.set);
        let tree = |it: &Self| {
            json!({
                "metadata": {"annotations": it.annotations},
                "spec": {"replicas": it.replicas, "minReadySeconds": it.min_ready_seconds},
            })
        };
        let change = write::difference(&tree(&before), &tree(self))?;
        let key = write::key_of(self.set);
        let events = scaled(deployment, &key.name, before.replicas, self.replicas).into_iter().collect();
        Some(write::told(write::guarded_patch(key, &self.set.metadata, None, change), events, Vec::new()))
    }

    /// Whether nothing depends on the set any more.
    fn is_spent(&self) -> bool {
        self.asked() == 0
            && self.replicas == 0
            && self.set.status.as_ref().is_none_or(|it| it.replicas == 0)
            && self.is_observed()
            && self.set.metadata.deletion_timestamp.is_none()
    }
}

fn scaled(deployment: &Deployment, set: &str, from: i32, to: i32) -> Option<Action> {
    let way = match to.cmp(&from) {
        std::cmp::Ordering::Greater => "up",
        std::cmp::Ordering::Less => "down",
        std::cmp::Ordering::Equal => return None,
    };
    let message = format!("Scaled {way} replica set {set} from {from} to {to}");
    Some(write::normal(deployment, "ScalingReplicaSet", message))
}

impl<'a> Rollout<'a> {
    fn of(deployment: &'a Deployment, spec: &'a DeploymentSpec, mut sets: Vec<&'a ReplicaSet>) -> Self {
        sets.sort_by_key(|it| (&it.metadata.creation_timestamp, &it.metadata.name));
        let new = sets.iter().position(|it| revision::is_of(it, &spec.template)).map(|at| sets.remove(at));
        Self {
            deployment,
            spec,
            bounds: Bounds::of(spec),
            new: new.map(Member::of),
            old: sets.into_iter().map(Member::of).collect(),
            fresh: None,
        }
    }

    /// The new set, then the old ones.
    fn all(&self) -> impl Iterator<Item = &Member<'a>> {
        self.new.iter().chain(&self.old)
    }

    /// The revision of the template as it is.
    fn revision(&self) -> i64 {
        let newest = self.old.iter().map(|it| revision::revision_of(&it.set.metadata)).max().unwrap_or(0);
        let own = self.new.as_ref().map_or(0, |it| revision::revision_of(&it.set.metadata));
        own.max(newest + 1)
    }

    /// Gives the new set what it takes over from its deployment.
    fn renew(&mut self) {
        let revision = self.revision();
        if let Some(new) = &mut self.new {
            new.annotations = revision::annotations(self.deployment, new.set, revision);
            new.min_ready_seconds = self.spec.min_ready_seconds;
        }
    }

    /// Whether the deployment was given another size since its sets were scaled.
    fn was_scaled(&self) -> bool {
        let outdated = |it: &&Member<'_>| {
            revision::number(it.set, revision::DESIRED).is_some_and(|it| it != self.bounds.replicas)
        };
        self.all().filter(|it| it.replicas > 0).any(|it| outdated(&it))
    }

    /// Gives each set its share of a new size.
    fn rescale(&mut self) {
        let bounds = self.bounds;
        let saturated = self.new.as_ref().is_some_and(|it| {
            let size = it.size();
            size.replicas == bounds.replicas && size.available == bounds.replicas
        });
        let rolling = !sizes::is_recreate(self.spec);
        let mut active: Vec<&mut Member<'a>> =
            self.new.iter_mut().chain(&mut self.old).filter(|it| it.replicas > 0).collect();
        match active.len() {
            0 => {
                let latest = self.new.as_mut().or(self.old.last_mut());
                latest.into_iter().for_each(|it| it.resize(bounds.replicas, bounds));
            }
            1 => active[0].resize(bounds.replicas, bounds),
            _ if saturated => self.old.iter_mut().for_each(|it| it.resize(0, bounds)),
            _ if rolling => share_out(active, bounds),
            _ => {}
        }
    }

    /// Takes the strategy's next step.
    fn roll(&mut self, caches: &Snapshot) {
        if sizes::is_recreate(self.spec) { self.recreate(caches) } else { self.roll_over() }
    }

    fn recreate(&mut self, caches: &Snapshot) {
        let bounds = self.bounds;
        if self.old.iter().any(|it| it.replicas > 0) {
            self.old.iter_mut().filter(|it| it.replicas > 0).for_each(|it| it.resize(0, bounds));
            return;
        }
        if self.old.iter().any(|it| still_runs(it.set, caches)) {
            return;
        }
        match &mut self.new {
            Some(new) if new.replicas != bounds.replicas => new.resize(bounds.replicas, bounds),
            Some(_) => {}
            None => self.make(bounds.replicas),
        }
    }

    fn roll_over(&mut self) {
        let bounds = self.bounds;
        let others = self.old.iter().map(|it| it.replicas).sum();
        let new = match &mut self.new {
            Some(new) => {
                let size = bounds.new_size(new.replicas, others);
                if size != new.replicas {
                    return new.resize(size, bounds);
                }
                new.size()
            }
            None => {
                let replicas = bounds.new_size(0, others);
                self.make(replicas);
                Size { replicas, ..Size::default() }
            }
        };
        let old: Vec<Size> = self.old.iter().map(Member::size).collect();
        for (it, size) in self.old.iter_mut().zip(bounds.old_sizes(new, &old)) {
            if size != it.replicas {
                it.resize(size, bounds);
            }
        }
    }

    fn make(&mut self, replicas: i32) {
        let mut set = revision::fresh(self.deployment, self.spec, self.revision());
        revision::note_bounds(set.metadata.annotations.get_or_insert_default(), self.bounds);
        set.spec.replicas = Some(replicas);
        self.fresh = Some(set);
    }

    fn name_is_taken(&self, caches: &Snapshot) -> bool {
        let fresh = revision::fresh(self.deployment, self.spec, 0);
        caches.object(&write::key_of(&fresh)).is_some()
    }

    /// Another template has the same hash: the next one is salted.
    fn evade_collision(&self) -> Plan {
        let mut new = self.deployment.status.clone().unwrap_or_default();
        new.collision_count = Some(new.collision_count.unwrap_or(0) + 1);
        Plan::of(self.write_status(&new).into_iter().collect())
    }

    fn write_status(&self, new: &DeploymentStatus) -> Option<Action> {
        write::status(self.deployment, self.deployment.status.as_ref(), new)
    }

    fn only_status(&self, now: Timestamp) -> Plan {
        Plan::of(self.write_status(&status::observed(self, now)).into_iter().collect())
    }

    /// Carries the scaling of a paused or rescaled deployment out.
    fn plan_scaled(&self, now: Timestamp) -> Plan {
        let mut new = status::observed(self, now);
        if let Some(condition) = status::pausing(self.deployment, self.spec, now) {
            status::set(&mut new, condition);
        }
        let mut actions = self.resizes();
        if self.spec.paused.unwrap_or(false) {
            actions.extend(self.clean_up());
        }
        actions.extend(self.write_status(&new));
        actions.extend(self.own_revision());
        Plan::of(actions)
    }

    /// Carries a step of the strategy out.
    fn plan(&self, now: Timestamp) -> Plan {
        let mut new = status::observed(self, now);
        if let Some(condition) = status::pausing(self.deployment, self.spec, now) {
            status::set(&mut new, condition);
        }
        let mut actions: Vec<Action> = self.creation(now).into_iter().collect();
        match &self.fresh {
            Some(fresh) => self.note_creation(fresh, &mut new, now),
            None => {
                self.note_found(&mut new, now);
                status::judge_progress(self, &mut new, now);
            }
        }
        actions.extend(self.resizes());
        if status::is_complete(self, &new) {
            actions.extend(self.clean_up());
        }
        actions.extend(self.write_status(&new));
        actions.extend(self.own_revision());
        let plan = Plan::of(actions);
        match status::lateness(self, &new, now) {
            Some(wait) => plan.again_after(wait),
            None => plan,
        }
    }

    fn resizes(&self) -> Vec<Action> {
        self.all().filter_map(|it| it.write(self.deployment)).collect()
    }

    fn creation(&self, now: Timestamp) -> Option<Action> {
        let fresh = self.fresh.as_ref()?;
        let name = meta::name(&fresh.metadata);
        let replicas = fresh.spec.replicas.unwrap_or(0);
        let message = format!("Failed to create new replica set {name:?}: {{error}}");
        let mut failed = self.deployment.status.clone().unwrap_or_default();
        if status::deadline_of(self.spec).is_some() {
            let reason = "ReplicaSetCreateError";
            status::set(
                &mut failed,
                status::condition(status::PROGRESSING, "False", reason, message.clone(), now),
            );
        }
        let mut badly: Vec<Action> = self.write_status(&failed).into_iter().collect();
        badly.push(write::warning(self.deployment, "ReplicaSetCreateError", message));
        let well = scaled(self.deployment, name, 0, replicas).into_iter().collect();
        Some(write::told(Action::Create(fresh.clone().into()), well, badly))
    }

    fn note_creation(&self, fresh: &ReplicaSet, status: &mut DeploymentStatus, now: Timestamp) {
        let message = format!("Created new replica set {:?}", meta::name(&fresh.metadata));
        self.note(status, "NewReplicaSetCreated", message, now);
    }

    fn note_found(&self, status: &mut DeploymentStatus, now: Timestamp) {
        let Some(new) = &self.new else { return };
        if status::find(status, status::PROGRESSING).is_none() {
            let message = format!("Found new replica set {:?}", meta::name(&new.set.metadata));
            self.note(status, "FoundNewReplicaSet", message, now);
        }
    }

    fn note(&self, status: &mut DeploymentStatus, reason: &str, message: String, now: Timestamp) {
        if status::deadline_of(self.spec).is_some() {
            status::set(status, status::condition(status::PROGRESSING, "True", reason, message, now));
        }
    }

    /// Writes the revision into the deployment itself, where users look for it. Last, because it is not guarded: the
    /// status before it has changed the deployment.
    fn own_revision(&self) -> Option<Action> {
        if self.new.is_none() && self.fresh.is_none() {
            return None;
        }
        let revision = self.revision();
        if revision::revision_of(&self.deployment.metadata) == revision {
            return None;
        }
        let patch = json!({"metadata": {"annotations": {revision::REVISION: revision.to_string()}}});
        Some(Action::Patch {
            key: write::key_of(self.deployment),
            below: None,
            kind: PatchType::Merge,
            patch,
        })
    }

    /// Deletes the oldest spent sets beyond the history limit.
    fn clean_up(&self) -> Vec<Action> {
        let Some(limit) = self.spec.revision_history_limit.filter(|it| *it != i32::MAX) else {
            return Vec::new();
        };
        let mut kept: Vec<&Member<'_>> =
            self.old.iter().filter(|it| it.set.metadata.deletion_timestamp.is_none()).collect();
        kept.sort_by_key(|it| revision::revision_of(&it.set.metadata));
        let surplus = kept.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        kept[..surplus].iter().filter(|it| it.is_spent()).map(|it| write::delete(it.set)).collect()
    }
}

/// Shares a new size out among the sets that have replicas; the largest take what rounding leaves over.
fn share_out(mut active: Vec<&mut Member<'_>>, bounds: Bounds) {
    let total: i32 = active.iter().map(|it| it.replicas).sum();
    // Stable: among equals, the newer set comes first when there is more to give, the older when there is less.
    active.sort_by_key(|it| std::cmp::Reverse(it.set.metadata.creation_timestamp.clone()));
    if total > bounds.most() {
        active.reverse();
    }
    active.sort_by_key(|it| std::cmp::Reverse(it.replicas));
    let sizes: Vec<Size> = active.iter().map(|it| it.size()).collect();
    for (it, size) in active.into_iter().zip(bounds.shares(&sizes)) {
        it.resize(size, bounds);
    }
}

/// Whether a set that is asked for nothing has pods that have not ended.
fn still_runs(set: &ReplicaSet, caches: &Snapshot) -> bool {
    set.status.as_ref().is_some_and(|it| it.replicas > 0)
        || caches.controlled_by::<Pod>(meta::uid(&set.metadata)).any(|it| !pod::is_finished(it))
}

#[cfg(test)]
mod tests;
