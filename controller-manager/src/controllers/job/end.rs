//! When and how a job ends.

use super::failure_policy::{self, Outcome};
use super::indexes::Indexes;
use super::ledger::{Ledger, Stage, is_indexed};
use crate::common::pods;
use api::{Time, pod};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{JobCondition, JobSpec, JobStatus, SuccessPolicyRule};
use k8s_openapi::api::core::v1::Pod;
use std::time::Duration;

/// The end of a job has been decided, and its pods are still being counted.
const CRITERIA_MET: &str = "SuccessCriteriaMet";
const FAILURE_TARGET: &str = "FailureTarget";
/// The job is over.
pub(in crate::controllers) const COMPLETE: &str = "Complete";
pub(in crate::controllers) const FAILED: &str = "Failed";

/// How a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub success: bool,
    pub reason: String,
    pub message: String,
}

impl End {
    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { success: false, reason: reason.to_owned(), message: message.into() }
    }

    fn success(reason: &str, message: impl Into<String>) -> Self {
        Self { success: true, reason: reason.to_owned(), message: message.into() }
    }

    /// The condition that says that the end is decided.
    pub(super) fn decided(&self, now: Timestamp) -> JobCondition {
        self.condition(if self.success { CRITERIA_MET } else { FAILURE_TARGET }, now)
    }

    /// The condition that says that the job is over.
    pub(super) fn over(&self, now: Timestamp) -> JobCondition {
        self.condition(if self.success { COMPLETE } else { FAILED }, now)
    }

    fn condition(&self, type_: &str, now: Timestamp) -> JobCondition {
        condition(type_, "True", &self.reason, &self.message, now)
    }
}

/// A condition in the making.
pub(super) fn condition(
    type_: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> JobCondition {
    JobCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    }
}

/// Whether a condition of this type is true.
pub(in crate::controllers) fn is_true(status: Option<&JobStatus>, type_: &str) -> bool {
    find(status, type_).is_some_and(|it| it.status == "True")
}

/// The condition of this type.
pub(super) fn find<'a>(status: Option<&'a JobStatus>, type_: &str) -> Option<&'a JobCondition> {
    status?.conditions.iter().flatten().find(|it| it.type_ == type_)
}

/// Whether the job is over.
pub(crate) fn is_over(status: Option<&JobStatus>) -> bool {
    is_true(status, COMPLETE) || is_true(status, FAILED)
}

/// The end that was decided before.
pub(super) fn decided(status: Option<&JobStatus>) -> Option<End> {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let of = |type_: &str, success| {
        let found = find(status, type_).filter(|it| it.status == "True")?;
        Some(End { success, reason: text(&found.reason), message: text(&found.message) })
    };
    of(CRITERIA_MET, true)
        .or_else(|| of(FAILURE_TARGET, false))
        .or_else(|| of(COMPLETE, true))
        .or_else(|| of(FAILED, false))
}

/// What the decision means for pods that have not ended.
pub(super) fn stage_of(end: Option<&End>) -> Stage {
    match end {
        None => Stage::Running,
        Some(end) if end.success => Stage::Succeeding,
        Some(_) => Stage::Failing,
    }
}

/// Decides whether the job ends now.
pub(super) fn judge(
    spec: &JobSpec,
    ledger: &Ledger<'_>,
    started: Option<Timestamp>,
    now: Timestamp,
) -> Option<End> {
    policy_failure(spec, ledger)
        .or_else(|| too_many_failures(spec, ledger))
        .or_else(|| too_late(spec, started, now))
        .or_else(|| lost_indexes(spec, ledger))
        .or_else(|| policy_success(spec, ledger))
        .or_else(|| completion(spec, ledger))
}

fn policy_failure(spec: &JobSpec, ledger: &Ledger<'_>) -> Option<End> {
    let policy = spec.pod_failure_policy.as_ref()?;
    ledger.failures.iter().find_map(|it| match failure_policy::judge(Some(policy), it) {
        Outcome::FailJob(why) => Some(End::failure("PodFailurePolicy", why)),
        _ => None,
    })
}

fn too_many_failures(spec: &JobSpec, ledger: &Ledger<'_>) -> Option<End> {
    let limit =
        spec.backoff_limit.unwrap_or(if spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 });
    let exceeded = ledger.failed > limit || restarted_too_often(spec, ledger, limit);
    exceeded.then(|| End::failure("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
}

/// Pods that restart in place count by their restarts.
fn restarted_too_often(spec: &JobSpec, ledger: &Ledger<'_>, limit: i32) -> bool {
    let policy = spec.template.spec.as_ref().and_then(|it| it.restart_policy.as_deref());
    if policy != Some("OnFailure") {
        return false;
    }
    let restarts: i32 = ledger.active.iter().map(|it| restarts_of(it)).sum();
    restarts > 0 && restarts >= limit
}

fn restarts_of(it: &Pod) -> i32 {
    let Some(status) = &it.status else { return 0 };
    status
        .container_statuses
        .iter()
        .chain(&status.init_container_statuses)
        .flatten()
        .map(|it| it.restart_count)
        .sum()
}

fn too_late(spec: &JobSpec, started: Option<Timestamp>, now: Timestamp) -> Option<End> {
    let limit = SignedDuration::from_secs(spec.active_deadline_seconds?);
    let late = now.duration_since(started?) >= limit && !spec.suspend.unwrap_or(false);
    late.then(|| End::failure("DeadlineExceeded", "Job was active longer than specified deadline"))
}

/// How long until the deadline.
pub(super) fn deadline(spec: &JobSpec, started: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let limit = SignedDuration::from_secs(spec.active_deadline_seconds?);
    pods::until(started?, limit, now).filter(|_| !spec.suspend.unwrap_or(false))
}

fn lost_indexes(spec: &JobSpec, ledger: &Ledger<'_>) -> Option<End> {
    spec.backoff_limit_per_index?;
    let lost = ledger.lost.len();
    if spec.max_failed_indexes.is_some_and(|most| lost > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(End::failure("MaxFailedIndexesExceeded", message));
    }
    let all_ended = lost > 0 && lost + ledger.done.len() >= spec.completions.unwrap_or(0);
    (all_ended && ledger.active.is_empty()).then(|| End::failure("FailedIndexes", "Job has failed indexes"))
}

fn policy_success(spec: &JobSpec, ledger: &Ledger<'_>) -> Option<End> {
    if !is_indexed(spec) {
        return None;
    }
    let rules = &spec.success_policy.as_ref()?.rules;
    let index = rules.iter().position(|it| is_met(it, spec, ledger))?;
    Some(End::success("SuccessPolicy", format!("Matched rules at index {index}")))
}

fn is_met(rule: &SuccessPolicyRule, spec: &JobSpec, ledger: &Ledger<'_>) -> bool {
    let Some(text) = &rule.succeeded_indexes else {
        return rule.succeeded_count.is_some_and(|it| ledger.done.len() >= it);
    };
    let wanted = Indexes::parse(text, spec.completions.unwrap_or(0));
    let done =
        i32::try_from(wanted.0.iter().filter(|it| ledger.done.contains(**it)).count()).unwrap_or(i32::MAX);
    done >= rule.succeeded_count.unwrap_or(wanted.len())
}

fn completion(spec: &JobSpec, ledger: &Ledger<'_>) -> Option<End> {
    let enough = match spec.completions {
        Some(completions) => ledger.succeeded >= completions,
        None => ledger.succeeded > 0,
    };
    (enough && ledger.active.is_empty())
        .then(|| End::success("CompletionsReached", "Reached expected number of succeeded pods"))
}

/// How long until failed pods may be replaced: ten seconds after the first failure in a row, twice as long after each
/// further one.
pub(super) fn backoff(
    spec: &JobSpec,
    failures: &[&Pod],
    successes: &[&Pod],
    ended_at: impl Fn(&Pod) -> Option<Timestamp>,
    now: Timestamp,
) -> Option<Duration> {
    let last_success = successes.iter().filter_map(|it| ended_at(it)).max();
    let counts = |it: &&&Pod| failure_policy::judge(spec.pod_failure_policy.as_ref(), it) != Outcome::Ignore;
    let ends = failures.iter().filter(counts).filter_map(|it| ended_at(it));
    let ends: Vec<Timestamp> = ends.filter(|it| last_success.is_none_or(|success| *it > success)).collect();
    let last = *ends.iter().max()?;
    pods::until(last, wait_after(ends.len()), now)
}

/// How long to wait after so many failures in a row.
pub(super) fn wait_after(failures: usize) -> SignedDuration {
    const FIRST: i64 = 10;
    const LONGEST: i64 = 600;
    let doublings = failures.saturating_sub(1).min(10);
    SignedDuration::from_secs((FIRST << doublings).min(LONGEST))
}

/// Whether the pod is ready; nothing else counts as ready in a job's status.
pub(super) fn ready(ledger: &Ledger<'_>) -> usize {
    ledger.active.iter().filter(|it| pod::is_ready(it)).count()
}
