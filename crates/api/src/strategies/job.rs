//! How a Job behaves. A job selects its own pods by its UID, unless the user insists on another selector.

use crate::field::{Errors, Path};
use crate::meta;
use crate::resources::Subresource;
use crate::strategies::cells::{CONTAINERS, IMAGES, SELECTOR, selector};
use crate::strategies::defaults::{text, value};
use crate::strategies::pod;
use crate::strategies::quantities;
use crate::strategies::workload::{NAMES_PODS, name_warning, wide_cells};
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, human_duration, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct JobStrategy;

/// Label of a job's pods: the job's UID.
pub const UID_LABEL: &str = "batch.kubernetes.io/controller-uid";
/// Label of a job's pods: the job's name.
pub const NAME_LABEL: &str = "batch.kubernetes.io/job-name";
/// The older spellings of [`UID_LABEL`] and [`NAME_LABEL`].
pub(crate) const OLDER_LABELS: [&str; 2] = ["controller-uid", "job-name"];

impl Behaviour for JobStrategy {
    type Object = Job;
    const ORPHANS: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Status", "How far the job is."),
        Column::text("Completions", "How many of the wanted completions there are."),
        Column::text("Duration", "How long the job took, or has been running."),
        Column::AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ];
    const FIELDS: &'static [&'static str] = &["status.successful"];

    fn quantities(object: &mut Job, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(object.spec.as_mut().map(|it| &mut it.template), visit);
    }

    fn set_defaults(job: &mut Job) {
        default_spec(job.spec.get_or_insert_default());
        label_as_template(job);
    }

    fn prepare_create(job: &mut Job) {
        job.status = Some(JobStatus::default());
        let (name, uid) = (meta::name(&job.metadata).to_owned(), meta::uid(&job.metadata).to_owned());
        let spec = job.spec.get_or_insert_default();
        if spec.manual_selector != Some(true) {
            select_own_pods(spec, &name, &uid);
        }
        label_as_template(job);
    }

    fn validate(object: &Job) -> Errors {
        crate::validation::batch::job(object)
    }

    fn validate_update(object: &Job, old: &Job) -> Errors {
        crate::validation::batch::job_update(object, old)
    }

    fn warnings_create(object: &Job) -> Vec<String> {
        name_warning(&object.metadata, NAMES_PODS)
    }

    fn warnings(object: &Job) -> Vec<String> {
        let template = object.spec.as_ref().map(|it| &it.template);
        let path = Path::new("spec").child("template");
        template.map(|it| pod::warnings::template(&path, it)).unwrap_or_default()
    }

    fn validate_below(new: &Job, old: &Job, _below: Subresource) -> Errors {
        crate::validation::status::job(new, old)
    }

    fn cells(job: &Job, now: Timestamp) -> Vec<Value> {
        let spec = job.spec.as_ref();
        let mut cells = vec![
            name_cell(&job.metadata),
            status_of(job).into(),
            completions_of(job).into(),
            duration_of(job, now).into(),
            age_cell(&job.metadata, now),
        ];
        let selector = selector(spec.and_then(|it| it.selector.as_ref()));
        cells.extend(wide_cells(spec.map(|it| &it.template), &selector));
        cells
    }

    fn fields(job: &Job) -> Vec<SelectableField> {
        let succeeded = job.status.as_ref().and_then(|it| it.succeeded).unwrap_or(0);
        vec![("status.successful", succeeded.to_string())]
    }
}

/// Fills the spec of a CronJob's template: the rest of it is for the jobs that are made from it.
pub(crate) fn default_template(spec: &mut JobSpec) {
    for rule in spec.pod_failure_policy.iter_mut().flat_map(|it| &mut it.rules) {
        for pattern in rule.on_pod_conditions.iter_mut().flatten() {
            text(&mut pattern.status, "True");
        }
    }
    pod::defaults::template(&mut spec.template);
}

fn default_spec(spec: &mut JobSpec) {
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    value(&mut spec.parallelism, 1);
    let per_index = spec.backoff_limit_per_index.is_some();
    value(&mut spec.backoff_limit, if per_index { i32::MAX } else { 6 });
    text(&mut spec.completion_mode, "NonIndexed");
    value(&mut spec.suspend, false);
    let replacement = if spec.pod_failure_policy.is_some() { "Failed" } else { "TerminatingOrFailed" };
    text(&mut spec.pod_replacement_policy, replacement);
    default_template(spec);
}

/// A job without labels gets those of its template, the generated ones included.
fn label_as_template(job: &mut Job) {
    let template = job.spec.as_ref().and_then(|it| it.template.metadata.as_ref());
    if job.metadata.labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
        job.metadata.labels = template.and_then(|it| it.labels.clone()).filter(|it| !it.is_empty());
    }
}

fn select_own_pods(spec: &mut JobSpec, name: &str, uid: &str) {
    let labels = spec.template.metadata.get_or_insert_default().labels.get_or_insert_default();
    for (key, value) in
        [(UID_LABEL, uid), (NAME_LABEL, name), (OLDER_LABELS[0], uid), (OLDER_LABELS[1], name)]
    {
        labels.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    let selector = spec.selector.get_or_insert_default().match_labels.get_or_insert_default();
    selector.entry(UID_LABEL.to_owned()).or_insert_with(|| uid.to_owned());
}

fn status_of(job: &Job) -> &'static str {
    let conditions = job.status.as_ref().and_then(|it| it.conditions.as_deref()).unwrap_or_default();
    let has = |type_: &str| conditions.iter().any(|it| it.type_ == type_ && it.status == "True");
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if job.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions_of(job: &Job) -> String {
    let succeeded = job.status.as_ref().and_then(|it| it.succeeded).unwrap_or(0);
    let spec = job.spec.as_ref();
    match (spec.and_then(|it| it.completions), spec.and_then(|it| it.parallelism).unwrap_or(0)) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration_of(job: &Job, now: Timestamp) -> String {
    let Some(status) = &job.status else { return String::new() };
    let Some(start) = &status.start_time else { return String::new() };
    let end = status.completion_time.as_ref().map_or(now, |it| it.0);
    human_duration(end.duration_since(start.0).as_secs())
}
