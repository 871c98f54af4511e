//! CronJobs: makes a job whenever the schedule comes due.
//!
//! Start at [`CronJobController::reconcile`]. A job's name tells the minute it was due, so that the same time never
//! starts two jobs, whatever crashes when. When times were missed, only the latest is made up for.

mod schedule;

use super::job::end;
use crate::common::write;
use api::{Key, ObjectMeta, Resource, Time, meta, owner};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use runtime::{Action, Controller, Plan, Snapshot, Watch};
use schedule::Schedule;
use std::time::Duration;

/// The controller of CronJobs.
pub(crate) enum CronJobController {}

/// Annotation of a job: when it was due.
const DUE: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// More missed times than this are worth a warning.
const MANY_MISSED: i64 = 100;

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    cron: &'a CronJob,
    jobs: Vec<&'a Job>,
}

impl Controller for CronJobController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "cronjob-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<CronJob>(), Watch::owned::<Job, CronJob>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let cron = caches.at::<CronJob>(key)?;
        Some(Observed { cron, jobs: caches.controlled_by::<Job>(meta::uid(&cron.metadata)).collect() })
    }

    fn reconcile(Observed { cron, jobs }: Observed<'_>, now: Timestamp) -> Plan {
        let mut sync = Sync { cron, jobs, now, status: CronJobStatus::default(), actions: Vec::new() };
        sync.take_stock();
        let again = if cron.metadata.deletion_timestamp.is_some() { None } else { sync.run_if_due() };
        sync.clean_up();
        sync.actions.extend(write::status(cron, cron.status.as_ref(), &sync.status));
        let plan = Plan::of(sync.actions);
        again.into_iter().fold(plan, Plan::again_after)
    }
}

/// One look at a CronJob: what it does, and the status that it will have.
struct Sync<'a> {
    cron: &'a CronJob,
    jobs: Vec<&'a Job>,
    now: Timestamp,
    status: CronJobStatus,
    actions: Vec<Action>,
}

/// The times that matter now.
struct Times {
    /// The latest time that has come and was not served.
    due: Option<Timestamp>,
    /// How many times have come, at least.
    missed: i64,
    /// The next time to come.
    next: Option<Timestamp>,
}

impl Sync<'_> {
    /// Brings the status up to what the jobs show.
    fn take_stock(&mut self) {
        self.status = self.cron.status.clone().unwrap_or_default();
        let before = self.status.active.take().unwrap_or_default();
        let mut active = Vec::new();
        for job in self.jobs.clone() {
            let known = before.iter().find(|it| it.uid == job.metadata.uid);
            let name = meta::name(&job.metadata);
            match (known, outcome_of(job)) {
                (Some(reference), None) => active.push(reference.clone()),
                (Some(_), Some(how)) => {
                    let message = format!("Saw completed job: {name}, condition: {how}");
                    self.actions.push(write::normal(self.cron, "SawCompletedJob", message));
                }
                (None, None) if meta::annotation(&job.metadata, DUE).is_some() => {
                    active.push(reference_to(job))
                }
                (None, None) => {
                    let message = format!("Saw a job that the controller did not create or forgot: {name}");
                    self.actions.push(write::warning(self.cron, "UnexpectedJob", message));
                }
                (None, Some(_)) => {}
            }
            let success = job.status.as_ref().and_then(|it| it.completion_time.clone());
            self.status.last_successful_time = self.status.last_successful_time.take().max(success);
        }
        let gone = before.iter().filter(|it| !self.jobs.iter().any(|job| job.metadata.uid == it.uid));
        for it in gone {
            let message = format!("Active job went missing: {}", it.name.as_deref().unwrap_or_default());
            self.actions.push(write::normal(self.cron, "MissingJob", message));
        }
        self.status.active = (!active.is_empty()).then_some(active);
    }

    /// Starts a job if a time has come. Returns how long until the next one.
    fn run_if_due(&mut self) -> Option<Duration> {
        let spec = &self.cron.spec;
        let Some(zone) = zone_of(spec.time_zone.as_deref()) else {
            let zone = spec.time_zone.clone().unwrap_or_default();
            self.warn("UnknownTimeZone", format!("invalid timeZone: {zone:?}"));
            return None;
        };
        let Some(schedule) = Schedule::parse(&spec.schedule, zone.clone()) else {
            self.warn("UnparseableSchedule", format!("unparseable schedule: {:?}", spec.schedule));
            return None;
        };
        if spec.suspend.unwrap_or(false) {
            return None;
        }
        let times = self.times(&schedule)?;
        if let Some(due) = times.due {
            if times.missed > MANY_MISSED {
                let advice = "Set or decrease .spec.startingDeadlineSeconds or check clock skew";
                self.warn("TooManyMissedTimes", format!("too many missed start times. {advice}"));
            }
            self.serve(due, &zone);
        }
        let wait = times.next?.duration_since(self.now);
        Some(Duration::try_from(wait).unwrap_or_default().max(Duration::from_millis(1)))
    }

    fn warn(&mut self, reason: &str, message: String) {
        self.actions.push(write::warning(self.cron, reason, message));
    }

    fn times(&self, schedule: &Schedule) -> Option<Times> {
        let last = self.status.last_schedule_time.as_ref().or(self.cron.metadata.creation_timestamp.as_ref());
        let mut earliest = last.map_or(self.now, |it| it.0);
        if let Some(seconds) = self.cron.spec.starting_deadline_seconds {
            let oldest = self.now.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(earliest);
            earliest = earliest.max(oldest);
        }
        let first = schedule.next(earliest)?;
        if first > self.now {
            return Some(Times { due: None, missed: 0, next: Some(first) });
        }
        let second = schedule.next(first);
        let Some(gap) = second.map(|it| it.duration_since(first).as_secs().max(1)) else {
            return Some(Times { due: Some(first), missed: 1, next: None });
        };
        let missed = self.now.duration_since(first).as_secs() / gap + 1;
        // Times are as good as evenly spaced; a long gap is not walked through step by step.
        let skip = SignedDuration::from_secs(gap.saturating_mul((missed - MANY_MISSED).max(0)));
        let (mut due, mut next) = (first, second);
        if skip.is_positive() {
            due = schedule.next(first.saturating_add(skip).ok()?)?;
            next = schedule.next(due);
        }
        while let Some(it) = next.filter(|it| *it <= self.now) {
            due = it;
            next = schedule.next(it);
        }
        Some(Times { due: Some(due), missed, next })
    }

    /// Starts the job of one time, if the policies let it.
    fn serve(&mut self, due: Timestamp, zone: &TimeZone) {
        let spec = &self.cron.spec;
        let late =
            spec.starting_deadline_seconds.is_some_and(|it| self.now.duration_since(due).as_secs() > it);
        if late {
            return self.warn("MissSchedule", format!("Missed scheduled time to start a job: {due}"));
        }
        let active = self.status.active.clone().unwrap_or_default();
        match spec.concurrency_policy.as_deref() {
            Some("Forbid") if !active.is_empty() => {
                let why =
                    "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.actions.push(write::normal(self.cron, "JobAlreadyActive", why));
                return;
            }
            Some("Replace") => {
                let replaced =
                    self.jobs.iter().filter(|it| active.iter().any(|of| of.uid == it.metadata.uid));
                let deletions: Vec<Action> = replaced.map(|it| delete(self.cron, it)).collect();
                self.actions.extend(deletions);
                self.status.active = None;
            }
            _ => {}
        }
        self.actions.push(create(self.cron, due, zone));
        self.status.last_schedule_time = Some(Time(due));
    }

    /// Deletes the oldest finished jobs beyond the history limits.
    fn clean_up(&mut self) {
        let spec = &self.cron.spec;
        for (how, limit) in [
            (end::COMPLETE, spec.successful_jobs_history_limit),
            (end::FAILED, spec.failed_jobs_history_limit),
        ] {
            let Some(limit) = limit.and_then(|it| usize::try_from(it).ok()) else { continue };
            let mut ended: Vec<&Job> =
                self.jobs.iter().copied().filter(|it| outcome_of(it) == Some(how)).collect();
            ended.retain(|it| it.metadata.deletion_timestamp.is_none());
            ended.sort_by_key(|it| {
                (it.status.as_ref().and_then(|it| it.start_time.clone()), &it.metadata.name)
            });
            let surplus = ended.len().saturating_sub(limit);
            self.actions.extend(ended[..surplus].iter().map(|it| delete(self.cron, it)));
        }
    }
}

/// The condition with which a job ended, if it has.
fn outcome_of(job: &Job) -> Option<&'static str> {
    [end::COMPLETE, end::FAILED].into_iter().find(|it| end::is_true(job.status.as_ref(), it))
}

/// Without a name, times are UTC's.
fn zone_of(name: Option<&str>) -> Option<TimeZone> {
    match name {
        None => Some(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok(),
    }
}

fn reference_to(job: &Job) -> ObjectReference {
    ObjectReference {
        api_version: Some(Job::KIND.row().api_version()),
        kind: Some(Job::KIND.row().kind.to_owned()),
        name: job.metadata.name.clone(),
        namespace: job.metadata.namespace.clone(),
        resource_version: job.metadata.resource_version.clone(),
        uid: job.metadata.uid.clone(),
        field_path: None,
    }
}

fn create(cron: &CronJob, due: Timestamp, zone: &TimeZone) -> Action {
    let template = &cron.spec.job_template;
    let described = template.metadata.clone().unwrap_or_default();
    let mut metadata = ObjectMeta {
        name: Some(format!("{}-{}", meta::name(&cron.metadata), due.as_second() / 60)),
        namespace: cron.metadata.namespace.clone(),
        labels: described.labels,
        annotations: described.annotations,
        owner_references: Some(vec![owner::controller_of(cron)]),
        ..ObjectMeta::default()
    };
    meta::set_annotation(&mut metadata, DUE, &local(due, zone));
    let job = Job { metadata, spec: template.spec.clone(), status: None };
    let well = write::normal(cron, "SuccessfulCreate", "Created job {name}");
    let badly = write::warning(cron, "FailedCreate", "Error creating job: {error}");
    write::told(Action::Create(job.into()), vec![well], vec![badly])
}

/// A time with its offset from UTC.
fn local(time: Timestamp, zone: &TimeZone) -> String {
    let format = if zone == &TimeZone::UTC { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

fn delete(cron: &CronJob, job: &Job) -> Action {
    let options = DeleteOptions {
        propagation_policy: Some("Background".to_owned()),
        ..write::only_this(&job.metadata)
    };
    let well = write::normal(cron, "SuccessfulDelete", "Deleted job {name}");
    let badly = write::warning(cron, "FailedDelete", "Deleted job: {error}");
    write::told(Action::Delete { key: write::key_of(job), options }, vec![well], vec![badly])
}
