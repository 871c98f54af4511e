//! The books of a job: which pods have ended how, and which of them are in the status already.
//!
//! A pod carries a finalizer until it is counted, so that no completion is lost or counted twice whatever crashes
//! when. A pod that has ended goes through three steps, each of which is visible before the next:
//!
//! 1. its UID is written into `status.uncountedTerminatedPods` (for an indexed success: its index is written);
//! 2. its finalizer is removed;
//! 3. its UID leaves the status, and the counter goes up.

use super::failure_policy::{self, Outcome};
use super::indexes::Indexes;
use super::shape::{self, FINALIZER};
use api::{meta, pod};
use k8s_openapi::api::batch::v1::{Job, JobSpec, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use std::collections::{BTreeSet, HashMap};

/// At most so many pods are counted in one plan.
const BATCH: usize = 500;

/// What the pods of a job have come to.
pub(super) struct Ledger<'a> {
    /// Pods that have neither ended nor been asked to.
    pub active: Vec<&'a Pod>,
    /// Pods that were asked to end and have not.
    pub terminating: Vec<&'a Pod>,
    /// Pods that have failed, counted or not.
    pub failures: Vec<&'a Pod>,
    /// Pods that have succeeded, counted or not.
    pub successes: Vec<&'a Pod>,
    /// Successes, those that are yet to be counted included.
    pub succeeded: i32,
    /// Failures, those that are yet to be counted included.
    pub failed: i32,
    /// The counters as they may be written now.
    pub counted: (i32, i32),
    /// What the status must name before the finalizers of [`Ledger::settled`] go.
    pub uncounted: UncountedTerminatedPods,
    /// Pods that lose their finalizer once the status is written.
    pub settled: Vec<&'a Pod>,
    /// Indexes that have succeeded.
    pub done: Indexes,
    /// Indexes that have failed for good.
    pub lost: Indexes,
    /// How often each index has failed.
    pub attempts: HashMap<i32, i32>,
}

/// Whether a job gives its pods indexes.
pub(super) fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some("Indexed")
}

/// Whether only pods that have come to their end are failures and may be replaced.
pub(super) fn waits_for_end(spec: &JobSpec) -> bool {
    spec.pod_failure_policy.is_some() || spec.pod_replacement_policy.as_deref() == Some("Failed")
}

/// What becomes of pods that have not ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The job goes on.
    Running,
    /// The job has failed: what is left counts as failed.
    Failing,
    /// The job has succeeded: what is left does not count.
    Succeeding,
}

impl<'a> Ledger<'a> {
    pub(super) fn of(job: &'a Job, spec: &'a JobSpec, pods: &[&'a Pod], stage: Stage) -> Self {
        let completions = spec.completions.unwrap_or(0);
        let status = job.status.as_ref();
        let text = |it: Option<&String>| Indexes::parse(it.map_or("", String::as_str), completions);
        let mut ledger = Self {
            active: pods.iter().copied().filter(|it| pod::is_active(it)).collect(),
            terminating: pods.iter().copied().filter(|it| is_terminating(it)).collect(),
            failures: Vec::new(),
            successes: Vec::new(),
            succeeded: 0,
            failed: 0,
            counted: status.map_or((0, 0), |it| (it.succeeded.unwrap_or(0), it.failed.unwrap_or(0))),
            uncounted: UncountedTerminatedPods::default(),
            settled: Vec::new(),
            done: text(status.and_then(|it| it.completed_indexes.as_ref())),
            lost: text(status.and_then(|it| it.failed_indexes.as_ref())),
            attempts: HashMap::new(),
        };
        ledger.carry_over(status.and_then(|it| it.uncounted_terminated_pods.as_ref()), pods);
        for it in pods {
            ledger.enter(it, spec, stage, job.metadata.deletion_timestamp.is_some());
        }
        ledger.close(spec);
        ledger
    }

    /// Keeps the UIDs whose pods still have their finalizer; the others are counted now.
    fn carry_over(&mut self, before: Option<&UncountedTerminatedPods>, pods: &[&Pod]) {
        let held: BTreeSet<&str> =
            pods.iter().filter(|it| is_tracked(it)).map(|it| meta::uid(&it.metadata)).collect();
        let split = |uids: Option<&Vec<String>>| -> (Vec<String>, i32) {
            let all: Vec<String> = uids.into_iter().flatten().cloned().collect();
            let kept: Vec<String> = all.iter().filter(|it| held.contains(it.as_str())).cloned().collect();
            let counted = i32::try_from(all.len() - kept.len()).unwrap_or(i32::MAX);
            (kept, counted)
        };
        let (succeeded, more_succeeded) = split(before.and_then(|it| it.succeeded.as_ref()));
        let (failed, more_failed) = split(before.and_then(|it| it.failed.as_ref()));
        self.counted.0 += more_succeeded;
        self.counted.1 += more_failed;
        self.uncounted = UncountedTerminatedPods { succeeded: Some(succeeded), failed: Some(failed) };
    }

    fn enter(&mut self, it: &'a Pod, spec: &JobSpec, stage: Stage, going: bool) {
        let succeeded = pod::phase(it) == "Succeeded";
        let stopped = pod::deletion_requested(it) && !succeeded;
        let failed =
            pod::phase(it) == "Failed" || stopped && (stage == Stage::Failing || !waits_for_end(spec));
        if succeeded {
            self.successes.push(it);
        } else if failed {
            self.failures.push(it);
            self.note_attempt(it, spec);
        }
        if !is_tracked(it) || self.settled.len() >= BATCH {
            return;
        }
        let over = succeeded || failed || stage == Stage::Succeeding && stopped;
        if over {
            self.count(it, spec, succeeded, stage);
        }
        if over || going {
            self.settled.push(it);
        }
    }

    fn count(&mut self, it: &Pod, spec: &JobSpec, succeeded: bool, stage: Stage) {
        let uid = meta::uid(&it.metadata);
        let knows = |uids: &Option<Vec<String>>| uids.iter().flatten().any(|it| it == uid);
        if knows(&self.uncounted.succeeded) || knows(&self.uncounted.failed) {
            return;
        }
        let index = shape::index_of(it).filter(|index| *index < spec.completions.unwrap_or(0));
        match (succeeded, is_indexed(spec), index) {
            (true, true, Some(index)) => drop(self.done.0.insert(index)),
            (true, false, _) => self.uncounted.succeeded.get_or_insert_default().push(uid.to_owned()),
            (_, true, None) => {}
            (false, ..) => {
                let ignored = failure_policy::judge(spec.pod_failure_policy.as_ref(), it) == Outcome::Ignore;
                if !ignored && (stage != Stage::Succeeding || pod::phase(it) == "Failed") {
                    self.uncounted.failed.get_or_insert_default().push(uid.to_owned());
                }
            }
        }
    }

    fn note_attempt(&mut self, it: &Pod, spec: &JobSpec) {
        let Some(limit) = spec.backoff_limit_per_index else { return };
        let Some(index) = shape::index_of(it) else { return };
        let outcome = failure_policy::judge(spec.pod_failure_policy.as_ref(), it);
        let attempts = shape::attempts_of(it) + i32::from(outcome != Outcome::Ignore);
        let most = self.attempts.entry(index).or_default();
        *most = attempts.max(*most);
        if *most > limit || outcome == Outcome::FailIndex {
            self.lost.0.insert(index);
        }
    }

    fn close(&mut self, spec: &JobSpec) {
        let number =
            |uids: &Option<Vec<String>>| i32::try_from(uids.as_ref().map_or(0, Vec::len)).unwrap_or(0);
        let done = &self.done;
        self.lost.0.retain(|it| !done.contains(*it));
        self.failed = self.counted.1 + number(&self.uncounted.failed);
        if is_indexed(spec) {
            self.counted.0 = self.done.len();
            self.succeeded = self.done.len();
        } else {
            self.succeeded = self.counted.0 + number(&self.uncounted.succeeded);
        }
    }

    /// Whether every pod that has ended is in the counters.
    pub(super) fn is_closed(&self) -> bool {
        let none = |uids: &Option<Vec<String>>| uids.as_ref().is_none_or(Vec::is_empty);
        none(&self.uncounted.succeeded) && none(&self.uncounted.failed) && self.settled.is_empty()
    }
}

fn is_terminating(it: &Pod) -> bool {
    pod::deletion_requested(it) && !pod::is_finished(it)
}

/// Whether the pod has yet to be counted.
pub(super) fn is_tracked(it: &Pod) -> bool {
    meta::has_finalizer(&it.metadata, FINALIZER)
}
