//! What is wrong with jobs, once or by schedule.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{immutable, label_selector, not_negative, one_of, optional_one_of};
use crate::validation::{pod, schedule, workload};
use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;

/// Most bytes of a CronJob's name: its jobs' names are longer by eleven.
const CRON_JOB_NAME_LENGTH: usize = 52;

/// What is wrong with a Job.
pub fn job(job: &Job) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = job.spec.clone().unwrap_or_default();
    match &spec.selector {
        Some(selector) => {
            label_selector(&mut errors, &path.child("selector"), selector);
            workload::matches_template(&mut errors, &path.child("template"), selector, &spec.template);
        }
        None => errors.push(Error::required(&path.child("selector"), "")),
    }
    job_spec(&mut errors, &path, &spec);
    errors
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
    if job.manual_selector == Some(true) {
        errors.push(Error::not_supported(&path.child("manualSelector"), true, &["nil", "false"]));
    }
    job_spec(&mut errors, &path, &job);
    let name = crate::meta::name(&cron_job.metadata);
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
    optional_one_of(
        errors,
        &path.child("completionMode"),
        spec.completion_mode.as_deref(),
        &["Indexed", "NonIndexed"],
    );
    if spec.completion_mode.as_deref() == Some("Indexed") {
        if spec.completions.is_none() {
            errors.push(Error::required(&path.child("completions"), "when completion mode is Indexed"));
        }
    } else if spec.backoff_limit_per_index.is_some() {
        let detail = "requires indexed completion mode";
        errors.push(Error::invalid(
            &path.child("backoffLimitPerIndex"),
            spec.backoff_limit_per_index,
            detail,
        ));
    }
    let replacement = ["Failed", "TerminatingOrFailed"];
    optional_one_of(
        errors,
        &path.child("podReplacementPolicy"),
        spec.pod_replacement_policy.as_deref(),
        &replacement,
    );
    failure_policy(errors, &path.child("podFailurePolicy"), spec);
    pod::template(errors, &path.child("template"), &spec.template);
    let policy = spec.template.spec.as_ref().and_then(|it| it.restart_policy.as_deref());
    if policy == Some("Always") {
        let path = path.child("template").child("spec").child("restartPolicy");
        errors.push(Error::required(&path, r#"valid values: "OnFailure", "Never""#));
    }
}

fn failure_policy(errors: &mut Errors, path: &Path, spec: &JobSpec) {
    let Some(policy) = &spec.pod_failure_policy else { return };
    let restart = spec.template.spec.as_ref().and_then(|it| it.restart_policy.as_deref());
    if restart != Some("Never") {
        let detail = "only \"Never\" is supported for restartPolicy when podFailurePolicy is specified";
        errors.push(Error::invalid(path, restart.unwrap_or_default(), detail));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        let path = path.child("rules").index(index);
        let actions = ["Count", "FailIndex", "FailJob", "Ignore"];
        one_of(errors, &path.child("action"), Some(&rule.action), &actions);
        if let Some(codes) = &rule.on_exit_codes {
            let path = path.child("onExitCodes");
            one_of(errors, &path.child("operator"), Some(&codes.operator), &["In", "NotIn"]);
            if codes.values.is_empty() {
                errors.push(Error::invalid(&path.child("values"), "", "at least one value is required"));
            }
            if codes.operator == "In" && codes.values.contains(&0) {
                let detail = "must not be 0 for the In operator";
                errors.push(Error::invalid(&path.child("values"), 0, detail));
            }
        }
        let patterns = rule.on_pod_conditions.as_ref().is_some_and(|it| !it.is_empty());
        if patterns == rule.on_exit_codes.is_some() {
            let detail = "specifying one of OnExitCodes and OnPodConditions is required";
            errors.push(Error::invalid(&path, rule.action.as_str(), detail));
        }
    }
}
