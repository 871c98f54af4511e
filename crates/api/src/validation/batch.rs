//! What is wrong with jobs, once or by schedule.

mod policies;

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::selector::{Labels, Selector};
use crate::strategies::job::{NAME_LABEL, OLDER_LABELS, UID_LABEL};
use crate::validation::common::{
    domain_prefixed_path, immutable, label_selector, not_negative, one_of, optional_one_of, shown,
};
use crate::validation::{names, pod, schedule, workload};
use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;

/// Most bytes of a CronJob's name: its jobs' names are longer by eleven.
const CRON_JOB_NAME_LENGTH: usize = 52;
/// Most bytes of the name of who manages a job.
const MOST_OF_MANAGER: usize = 63;
/// Most pods at a time, and most failed indexes, of an indexed job; more completions have limits of their own.
const MOST_INDEXES: i32 = 100_000;
/// The same with more completions than [`MOST_INDEXES`].
const FEWER_INDEXES: i32 = 10_000;
const INDEXED: &str = "Indexed";

/// What is wrong with a Job.
pub fn job(job: &Job) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = job.spec.clone().unwrap_or_default();
    own_pods(&mut errors, &path, job, &spec);
    job_spec(&mut errors, &path, &spec);
    match &spec.selector {
        Some(selector) => label_selector(&mut errors, &path.child("selector"), selector),
        None => errors.push(Error::required(&path.child("selector"), "")),
    }
    workload::matches_template(&mut errors, &path.child("template"), spec.selector.as_ref(), &spec.template);
    hostnames(&mut errors, job, &spec);
    errors
}

/// A job that selects its own pods tells them by its UID and its name, and by nothing else.
fn own_pods(errors: &mut Errors, path: &Path, job: &Job, spec: &JobSpec) {
    let Some(selector) = spec.selector.as_ref().filter(|_| spec.manual_selector != Some(true)) else {
        return;
    };
    let (name, uid) = (meta::name(&job.metadata), meta::uid(&job.metadata));
    let own = [(OLDER_LABELS[0], uid), (OLDER_LABELS[1], name), (UID_LABEL, uid), (NAME_LABEL, name)];
    let labels = spec.template.metadata.as_ref().and_then(|it| it.labels.as_ref());
    for (key, value) in own {
        let below = path.child("template").child("metadata").child("labels").key(key);
        match labels.and_then(|it| it.get(key)) {
            Some(given) if given == value => {}
            Some(_) => errors.push(Error::invalid(&below, shown(&labels), format!("must be '{value}'"))),
            None => errors.push(Error::required(&below, format!("must be '{value}'"))),
        }
    }
    let expected: Labels = own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    if !Selector::of(selector).is_ok_and(|it| it.matches(Some(&expected))) {
        errors.push(Error::invalid(
            &path.child("selector"),
            shown(selector),
            "`selector` not auto-generated",
        ));
    }
}

/// Pods of an indexed job have the job's name with their index for a hostname.
fn hostnames(errors: &mut Errors, job: &Job, spec: &JobSpec) {
    let Some(completions) = spec.completions.filter(|it| *it > 0) else { return };
    let name = meta::name(&job.metadata);
    let longest = format!("{name}-{}", completions - 1);
    if spec.completion_mode.as_deref() == Some(INDEXED) && !names::dns_label(&longest).is_empty() {
        let detail = format!("will not able to create pod with invalid DNS label: {longest}");
        errors.push(Error::invalid(&Path::new("metadata").child("name"), name, detail));
    }
}

/// What is wrong with a change of a Job.
pub fn job_update(new: &Job, old: &Job) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let suspended = old.spec.as_ref().and_then(|it| it.suspend) == Some(true)
        && old.status.as_ref().is_none_or(|it| it.start_time.is_none());
    let (new, old) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let elastic = new.completion_mode.as_deref() == Some("Indexed")
        && new.completions == new.parallelism
        && old.completions == old.parallelism;
    if !elastic {
        immutable(&mut errors, &path.child("completions"), &new.completions, &old.completions);
    }
    immutable(&mut errors, &path.child("selector"), &new.selector, &old.selector);
    let template = if suspended { with_directives_of(&new.template, &old.template) } else { old.template };
    immutable(&mut errors, &path.child("template"), &new.template, &template);
    immutable(&mut errors, &path.child("completionMode"), &new.completion_mode, &old.completion_mode);
    immutable(&mut errors, &path.child("podFailurePolicy"), &new.pod_failure_policy, &old.pod_failure_policy);
    let (limit, old_limit) = (&new.backoff_limit_per_index, &old.backoff_limit_per_index);
    immutable(&mut errors, &path.child("backoffLimitPerIndex"), limit, old_limit);
    immutable(&mut errors, &path.child("managedBy"), &new.managed_by, &old.managed_by);
    immutable(&mut errors, &path.child("successPolicy"), &new.success_policy, &old.success_policy);
    errors
}

/// The old template with the new one's scheduling directives, which may change before the job has started.
fn with_directives_of(new: &PodTemplateSpec, old: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = old.clone();
    if let (Some(to), Some(from)) = (&mut template.metadata, &new.metadata) {
        to.labels.clone_from(&from.labels);
        to.annotations.clone_from(&from.annotations);
    }
    if let (Some(to), Some(from)) = (&mut template.spec, &new.spec) {
        to.affinity.clone_from(&from.affinity);
        to.node_selector.clone_from(&from.node_selector);
        to.tolerations.clone_from(&from.tolerations);
        to.scheduling_gates.clone_from(&from.scheduling_gates);
        for (to, from) in to.containers.iter_mut().zip(&from.containers) {
            to.resources.clone_from(&from.resources);
        }
    }
    template
}

/// What is wrong with a CronJob.
pub fn cron_job(cron_job: &CronJob) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &cron_job.spec);
    let schedule_path = path.child("schedule");
    if spec.schedule.is_empty() {
        errors.push(Error::required(&schedule_path, ""));
    } else if spec.schedule.contains("TZ") {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(Error::invalid(&schedule_path, spec.schedule.as_str(), detail));
    } else if let Err(error) = schedule::check(&spec.schedule) {
        errors.push(Error::invalid(&schedule_path, spec.schedule.as_str(), error.to_string()));
    }
    time_zone(&mut errors, &path.child("timeZone"), spec.time_zone.as_deref());
    let policies = ["Allow", "Forbid", "Replace"];
    one_of(&mut errors, &path.child("concurrencyPolicy"), spec.concurrency_policy.as_deref(), &policies);
    not_negative(&mut errors, &path.child("startingDeadlineSeconds"), spec.starting_deadline_seconds);
    for (name, value) in [
        ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
    ] {
        not_negative(&mut errors, &path.child(name), value.map(i64::from));
    }
    let path = path.child("jobTemplate").child("spec");
    let job = spec.job_template.spec.clone().unwrap_or_default();
    if let Some(selector) = &job.selector {
        let detail = "`selector` will be auto-generated";
        errors.push(Error::invalid(&path.child("selector"), shown(selector), detail));
    }
    if job.manual_selector == Some(true) {
        errors.push(Error::not_supported(&path.child("manualSelector"), true, &["nil", "false"]));
    }
    job_spec(&mut errors, &path, &job);
    let name = meta::name(&cron_job.metadata);
    if name.len() > CRON_JOB_NAME_LENGTH {
        let detail = format!("must be no more than {CRON_JOB_NAME_LENGTH} characters");
        errors.push(Error::invalid(&Path::new("metadata").child("name"), name, detail));
    }
    errors
}

fn time_zone(errors: &mut Errors, path: &Path, zone: Option<&str>) {
    match zone {
        Some("") => errors.push(Error::invalid(path, "", "timeZone must be nil or non-empty string")),
        Some(zone) if zone.eq_ignore_ascii_case("local") => {
            let detail =
                "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
            errors.push(Error::invalid(path, zone, detail));
        }
        Some(zone) if jiff::tz::TimeZone::get(zone).is_err() => {
            errors.push(Error::invalid(path, zone, format!("unknown time zone {zone}")));
        }
        _ => {}
    }
}

fn job_spec(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    for (name, value) in [
        ("parallelism", spec.parallelism),
        ("completions", spec.completions),
        ("backoffLimit", spec.backoff_limit),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ] {
        not_negative(errors, &path.child(name), value.map(i64::from));
    }
    not_negative(errors, &path.child("activeDeadlineSeconds"), spec.active_deadline_seconds);
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        let path = path.child("backoffLimitPerIndex");
        errors.push(Error::required(&path, "when maxFailedIndexes is specified"));
    }
    if let Some(manager) = &spec.managed_by {
        managed_by(errors, &path.child("managedBy"), manager);
    }
    let modes = ["Indexed", "NonIndexed"];
    optional_one_of(errors, &path.child("completionMode"), spec.completion_mode.as_deref(), &modes);
    if spec.completion_mode.as_deref() == Some(INDEXED) {
        indexed(errors, path, spec);
    } else {
        not_indexed(errors, path, spec);
    }
    policies::policies(errors, path, spec);
    pod::template(errors, &path.child("template"), &spec.template);
    restart_policy(errors, &path.child("template").child("spec").child("restartPolicy"), spec);
}

fn restart_policy(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    let policy = spec.template.spec.as_ref().and_then(|it| it.restart_policy.as_deref());
    match policy.unwrap_or_default() {
        "" | "Always" => errors.push(Error::required(path, r#"valid values: "OnFailure", "Never""#)),
        "OnFailure" if spec.pod_failure_policy.is_some() => {
            let detail = r#"only "Never" is supported when podFailurePolicy is specified"#;
            errors.push(Error::invalid(path, "OnFailure", detail));
        }
        "OnFailure" | "Never" => {}
        other => errors.push(Error::not_supported(path, other, &["Never", "OnFailure"])),
    }
}

/// Who else than the job controller looks after the job (KEP-4368): a name with a domain.
fn managed_by(errors: &mut Errors, path: &Path, manager: &str) {
    domain_prefixed_path(errors, path, manager);
    if manager.len() > MOST_OF_MANAGER {
        errors.push(Error::too_long(path, MOST_OF_MANAGER));
    }
}

fn indexed(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    let (parallelism, failed) = (spec.parallelism.unwrap_or(0), spec.max_failed_indexes.unwrap_or(0));
    let mut wrong = |name: &str, value: i32, detail: String| {
        errors.push(Error::invalid(&path.child(name), value, detail));
    };
    if parallelism > MOST_INDEXES {
        let detail =
            format!("must be less than or equal to {MOST_INDEXES} when completion mode is {INDEXED}");
        wrong("parallelism", parallelism, detail);
    }
    if spec.completions.is_some_and(|it| failed > it) {
        wrong("maxFailedIndexes", failed, "must be less than or equal to completions".to_owned());
    }
    if failed > MOST_INDEXES {
        wrong("maxFailedIndexes", failed, format!("must be less than or equal to {MOST_INDEXES}"));
    }
    if spec.completions.is_some_and(|it| it > MOST_INDEXES) && spec.backoff_limit_per_index.is_some() {
        let detail = format!(
            "must be less than or equal to {FEWER_INDEXES} when completions are above {MOST_INDEXES} and used with backoff limit per index"
        );
        for (name, value) in [("parallelism", parallelism), ("maxFailedIndexes", failed)] {
            if value > FEWER_INDEXES {
                wrong(name, value, detail.clone());
            }
        }
        if spec.max_failed_indexes.is_none() {
            let detail = format!("must be specified when completions is above {MOST_INDEXES}");
            errors.push(Error::required(&path.child("maxFailedIndexes"), detail));
        }
    }
    if spec.completions.is_none() {
        let detail = format!("when completion mode is {INDEXED}");
        errors.push(Error::required(&path.child("completions"), detail));
    }
}

fn not_indexed(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    for (name, value) in [
        ("backoffLimitPerIndex", spec.backoff_limit_per_index),
        ("maxFailedIndexes", spec.max_failed_indexes),
    ] {
        if let Some(value) = value {
            errors.push(Error::invalid(&path.child(name), value, "requires indexed completion mode"));
        }
    }
}
