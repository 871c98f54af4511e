//! Which pods a job starts and stops.

use super::ledger::{Ledger, is_indexed, waits_for_end};
use super::{end, shape};
use crate::common::{pods, write};
use crate::controllers::replicas::victims;
use api::pod;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Pod;
use runtime::Action;
use std::collections::BTreeSet;
use std::time::Duration;

/// At most so many pods are started in one plan.
const BURST: usize = 500;

/// Pods to start and stop, and when to look again.
#[derive(Default)]
pub(super) struct Work {
    pub actions: Vec<Action>,
    pub again: Option<Duration>,
}

impl Work {
    fn of(writes: Vec<Action>) -> Self {
        let actions = if writes.is_empty() { Vec::new() } else { vec![Action::SlowStart(writes)] };
        Self { actions, again: None }
    }
}

/// The job is at its end: what still runs is stopped, and counted when it has.
pub(super) fn stop_all(job: &Job, ledger: &Ledger<'_>) -> Work {
    Work::of(ledger.active.iter().map(|it| stop(job, it)).collect())
}

/// The job is suspended: what runs is stopped and never counted.
pub(super) fn withdraw_all(job: &Job, ledger: &Ledger<'_>) -> Work {
    Work::of(ledger.active.iter().map(|it| withdraw(job, it)).collect())
}

/// Starts or withdraws pods until as many are active as should be.
pub(super) fn balance(job: &Job, spec: &JobSpec, ledger: &Ledger<'_>, now: Timestamp) -> Work {
    let wanted = wanted(spec, ledger);
    let superfluous = superfluous(spec, ledger, wanted, now);
    if !superfluous.is_empty() {
        return Work::of(superfluous.into_iter().map(|it| withdraw(job, it)).collect());
    }
    let ending = if waits_for_end(spec) { ledger.terminating.len() } else { 0 };
    let missing = wanted.saturating_sub(ledger.active.len() + ending).min(BURST);
    if missing == 0 {
        return Work::default();
    }
    if spec.backoff_limit_per_index.is_none()
        && let Some(wait) = end::backoff(spec, &ledger.failures, &ledger.successes, shape::ended_at, now)
    {
        return Work { actions: Vec::new(), again: Some(wait) };
    }
    if !is_indexed(spec) {
        return Work::of(vec![start(job, shape::plain(job, spec)); missing]);
    }
    start_indexes(job, spec, ledger, missing, now)
}

/// How many pods should be active.
fn wanted(spec: &JobSpec, ledger: &Ledger<'_>) -> usize {
    let parallelism = spec.parallelism.unwrap_or(1).max(0);
    let wanted = match spec.completions {
        Some(completions) => parallelism.min(completions - ledger.succeeded - ledger.lost.len()),
        None if ledger.succeeded > 0 => return ledger.active.len(),
        None => parallelism,
    };
    usize::try_from(wanted).unwrap_or(0)
}

/// Active pods that should not be: those whose index is wrong, taken or done, then those that will be missed least.
fn superfluous<'a>(spec: &JobSpec, ledger: &Ledger<'a>, wanted: usize, now: Timestamp) -> Vec<&'a Pod> {
    let (mut superfluous, mut rest) = (Vec::new(), Vec::new());
    let mut taken = BTreeSet::new();
    for it in &ledger.active {
        let index = shape::index_of(it).filter(|it| *it < spec.completions.unwrap_or(0));
        let fits = |index: i32| !ledger.done.contains(index) && taken.insert(index);
        if !is_indexed(spec) || index.is_some_and(fits) {
            rest.push(*it);
        } else {
            superfluous.push(*it);
        }
    }
    let more = rest.len().saturating_sub(wanted);
    superfluous.extend(victims::choose(&rest, &rest, more, now));
    superfluous
}

fn start_indexes(job: &Job, spec: &JobSpec, ledger: &Ledger<'_>, missing: usize, now: Timestamp) -> Work {
    let mut taken: BTreeSet<i32> = ledger.active.iter().filter_map(|it| shape::index_of(it)).collect();
    if waits_for_end(spec) {
        taken.extend(ledger.terminating.iter().filter_map(|it| shape::index_of(it)));
    }
    let open = (0..spec.completions.unwrap_or(0))
        .filter(|it| !taken.contains(it) && !ledger.done.contains(*it) && !ledger.lost.contains(*it));
    let (mut starts, mut again) = (Vec::new(), None::<Duration>);
    for index in open {
        if starts.len() == missing {
            break;
        }
        match wait_of(spec, ledger, index, now) {
            Some(wait) => again = Some(again.map_or(wait, |it| it.min(wait))),
            None => {
                let attempts = ledger.attempts.get(&index).copied().unwrap_or(0);
                starts.push(start(job, shape::indexed(job, spec, index, attempts)));
            }
        }
    }
    Work { again, ..Work::of(starts) }
}

/// How long until an index that has failed may be tried again.
fn wait_of(spec: &JobSpec, ledger: &Ledger<'_>, index: i32, now: Timestamp) -> Option<Duration> {
    spec.backoff_limit_per_index?;
    let attempts = usize::try_from(*ledger.attempts.get(&index)?).ok().filter(|it| *it > 0)?;
    let own = ledger.failures.iter().filter(|it| shape::index_of(it) == Some(index));
    let last = own.filter_map(|it| shape::ended_at(it)).max()?;
    pods::until(last, end::wait_after(attempts), now)
}

fn start(job: &Job, pod: Pod) -> Action {
    let well = write::normal(job, "SuccessfulCreate", "Created pod: {name}");
    let badly = write::warning(job, "FailedCreate", "Error creating: {error}");
    write::told(Action::Create(pod.into()), vec![well], vec![badly])
}

fn stop(job: &Job, it: &Pod) -> Action {
    let well = write::normal(job, "SuccessfulDelete", "Deleted pod: {name}");
    let badly = write::warning(job, "FailedDelete", "Error deleting: {error}");
    write::told(write::delete(it), vec![well], vec![badly])
}

/// Without its finalizer, a pod is not counted when it ends.
fn withdraw(job: &Job, it: &Pod) -> Action {
    debug_assert!(pod::is_active(it), "only active pods are withdrawn");
    write::told(shape::untrack(it), vec![stop(job, it)], Vec::new())
}
