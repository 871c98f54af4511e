//! Jobs: runs pods until enough of them have succeeded.
//!
//! Start at [`JobController::reconcile`]. The books are kept in [`ledger`], with a finalizer on each pod that has yet
//! to be counted; [`end`] decides when the job is over; [`work`] says which pods to start and stop; [`shape`] knows
//! what they look like. An end has two steps, as upstream's: it is decided (`SuccessCriteriaMet`, `FailureTarget`), and
//! when no pod is left that could still be counted, the job is over (`Complete`, `Failed`).

pub(crate) mod end;
mod failure_policy;
mod indexes;
mod ledger;
mod shape;
mod work;

use crate::common::{claims, claims::Claims, write};
use api::selector::Selector;
use api::{Key, Resource, Time, meta, owner};
use end::End;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use ledger::Ledger;
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use std::time::Duration;

/// The controller of Jobs.
pub(crate) enum JobController {}

const SUSPENDED: &str = "Suspended";
const NAME_LABEL: &str = "batch.kubernetes.io/job-name";
const OURS: &str = "kubernetes.io/job-controller";

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    /// The job with its pods, as long as there is one that is ours.
    job: Option<(&'a Job, &'a JobSpec, Claims<'a, Pod>)>,
    /// Pods that still wait to be counted by a job that is no longer theirs.
    strays: Vec<&'a Pod>,
}

impl Controller for JobController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "job-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<Job>(), Watch::mapped::<Pod>(pod_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let Some(job) = caches.at::<Job>(key) else {
            let all = caches.in_namespace::<Pod>(&key.namespace);
            return Some(Observed { job: None, strays: all.filter(|it| is_stray(it, &key.name)).collect() });
        };
        let spec = job.spec.as_ref()?;
        if spec.managed_by.as_deref().is_some_and(|it| it != OURS) {
            return None;
        }
        let selector = Selector::of(spec.selector.as_ref()?).ok().filter(|it| !it.is_empty())?;
        let claims = claims::claims_of(caches, job, &selector, |_| true);
        let free = caches.uncontrolled::<Pod>(&key.namespace);
        let lost = |it: &&Pod| is_stray(it, &key.name) && !selector.matches(it.metadata.labels.as_ref());
        Some(Observed { strays: free.filter(lost).collect(), job: Some((job, spec, claims)) })
    }

    fn reconcile(observed: Observed<'_>, now: Timestamp) -> Plan {
        let mut actions: Vec<Action> = observed.strays.iter().map(|it| shape::untrack(it)).collect();
        let Some((job, spec, claims)) = observed.job else { return Plan::of(actions) };
        actions.extend(claims.actions(job));
        if !actions.is_empty() {
            // What is patched now would be patched from a stale version below.
            return Plan::of(actions);
        }
        let decided = end::decided(job.status.as_ref());
        let ledger = Ledger::of(job, spec, &claims.owned, end::stage_of(decided.as_ref()));
        Sync { job, spec, ledger, decided, now }.plan()
    }
}

/// Whether the pod waits for a job of this name that does not know it.
fn is_stray(it: &Pod, job: &str) -> bool {
    let named = match owner::controller(&it.metadata) {
        Some(owner) => owner.kind == Job::KIND.row().kind && owner.name == job,
        None => meta::label(&it.metadata, NAME_LABEL) == Some(job),
    };
    named && ledger::is_tracked(it)
}

fn pod_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let selects =
        |it: &Job| Selector::of(it.spec.as_ref()?.selector.as_ref()?).ok().filter(|it| !it.is_empty());
    let mut keys = claims::claimants::<Job>(change, caches, selects);
    let free = change.new.as_ref().and_then(|it| it.get::<Pod>());
    let tracked = free.filter(|it| owner::controller(&it.metadata).is_none() && ledger::is_tracked(it));
    let named = tracked.and_then(|it| Some((it, meta::label(&it.metadata, NAME_LABEL)?)));
    keys.extend(named.map(|(it, name)| Key::of::<Job>(meta::namespace(&it.metadata), name)));
    keys
}

/// One look at a job.
struct Sync<'a> {
    job: &'a Job,
    spec: &'a JobSpec,
    ledger: Ledger<'a>,
    /// The end that was decided before.
    decided: Option<End>,
    now: Timestamp,
}

impl Sync<'_> {
    fn plan(&self) -> Plan {
        let over = end::is_over(self.job.status.as_ref());
        let untracked: Vec<Action> = self.ledger.settled.iter().map(|it| shape::untrack(it)).collect();
        if over {
            return Plan::of(untracked);
        }
        let started = self.started();
        let end = self.decided.clone().or_else(|| end::judge(self.spec, &self.ledger, started, self.now));
        let work = self.work(end.as_ref());
        let (status, events) = self.status(end.as_ref(), started);
        let mut actions: Vec<Action> =
            write::status(self.job, self.job.status.as_ref(), &status).into_iter().collect();
        actions.extend(events);
        if !untracked.is_empty() {
            actions.push(Action::SlowStart(untracked));
        }
        actions.extend(work.actions);
        let deadline = end::deadline(self.spec, started, self.now).filter(|_| end.is_none());
        let plan = Plan::of(actions);
        deadline.into_iter().chain(work.again).fold(plan, Plan::again_after)
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend.unwrap_or(false)
    }

    fn was_suspended(&self) -> bool {
        end::is_true(self.job.status.as_ref(), SUSPENDED)
    }

    /// When the job was started, or resumed.
    fn started(&self) -> Option<Timestamp> {
        let before = self.job.status.as_ref().and_then(|it| it.start_time.as_ref()).map(|it| it.0);
        match (self.is_suspended(), self.was_suspended()) {
            (true, _) => before,
            (false, true) => Some(self.now),
            (false, false) => before.or(Some(self.now)),
        }
    }

    fn work(&self, end: Option<&End>) -> work::Work {
        if self.job.metadata.deletion_timestamp.is_some() {
            return work::Work::default();
        }
        match end {
            Some(_) => work::stop_all(self.job, &self.ledger),
            None if self.is_suspended() => work::withdraw_all(self.job, &self.ledger),
            None => work::balance(self.job, self.spec, &self.ledger, self.now),
        }
    }

    fn status(&self, end: Option<&End>, started: Option<Timestamp>) -> (JobStatus, Vec<Action>) {
        let ledger = &self.ledger;
        let some = |it: i32| (it != 0).then_some(it);
        let number = |it: usize| i32::try_from(it).unwrap_or(i32::MAX);
        let list = |it: &Option<Vec<String>>| it.clone().filter(|it| !it.is_empty());
        let old = self.job.status.clone().unwrap_or_default();
        let per_index = self.spec.backoff_limit_per_index.is_some();
        let mut status = JobStatus {
            active: some(number(ledger.active.len())),
            ready: Some(number(end::ready(ledger))),
            terminating: Some(number(ledger.terminating.len())),
            succeeded: some(ledger.counted.0),
            failed: some(ledger.counted.1),
            completed_indexes: ledger.done.to_text(),
            failed_indexes: per_index.then(|| ledger.lost.to_text().unwrap_or_default()),
            start_time: started.map(Time),
            completion_time: old.completion_time,
            conditions: old.conditions,
            uncounted_terminated_pods: Some(UncountedTerminatedPods {
                succeeded: list(&ledger.uncounted.succeeded),
                failed: list(&ledger.uncounted.failed),
            }),
        };
        let mut events = Vec::new();
        match end {
            Some(end) => self.note_end(end, &mut status, &mut events),
            None => self.note_suspension(&mut status, &mut events),
        }
        (status, events)
    }

    fn note_end(&self, end: &End, status: &mut JobStatus, events: &mut Vec<Action>) {
        set(status, end.decided(self.now));
        if !(self.ledger.active.is_empty() && self.ledger.terminating.is_empty() && self.ledger.is_closed()) {
            return;
        }
        set(status, end.over(self.now));
        if end.success {
            status.completion_time = Some(Time(self.now));
            events.push(write::normal(self.job, "Completed", "Job completed"));
        } else {
            events.push(write::warning(self.job, &end.reason, end.message.clone()));
        }
    }

    fn note_suspension(&self, status: &mut JobStatus, events: &mut Vec<Action>) {
        let (value, reason, event, message) = match (self.is_suspended(), self.was_suspended()) {
            (true, false) => ("True", "JobSuspended", "Suspended", "Job suspended"),
            (false, true) => ("False", "JobResumed", "Resumed", "Job resumed"),
            _ => return,
        };
        set(status, end::condition(SUSPENDED, value, reason, message, self.now));
        events.push(write::normal(self.job, event, message));
    }
}

/// Sets a condition, unless its status is the one it has.
fn set(status: &mut JobStatus, new: JobCondition) {
    let conditions = status.conditions.get_or_insert_default();
    match conditions.iter_mut().find(|it| it.type_ == new.type_) {
        Some(old) if old.status == new.status => {}
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}

/// How long until a job that is over shall be deleted; nothing when it need not be.
pub(crate) fn time_left(job: &Job, now: Timestamp) -> Option<Duration> {
    let ttl = job.spec.as_ref()?.ttl_seconds_after_finished?;
    let over = [end::COMPLETE, end::FAILED].into_iter().find_map(|it| end::find(job.status.as_ref(), it));
    let since = over.filter(|it| it.status == "True")?.last_transition_time.as_ref()?.0;
    let wait = jiff::SignedDuration::from_secs(ttl.into());
    Some(crate::common::pods::until(since, wait, now).unwrap_or_default())
}

#[cfg(test)]
mod tests;
