//! What a job's pods look like.

use crate::common::{pods, write};
use api::{meta, pod};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodSpec};
use runtime::Action;
use serde_json::json;

/// Keeps a pod until it is counted.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// Label and annotation of the pods of indexed jobs.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// Annotation: how often the pod's index had failed before.
const ATTEMPTS: &str = "batch.kubernetes.io/job-index-failure-count";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// What the server appends to complete a name.
const SUFFIX: usize = 5;
const LONGEST_NAME: usize = 63;

/// The completion index of a pod.
pub(super) fn index_of(it: &Pod) -> Option<i32> {
    meta::annotation(&it.metadata, INDEX)?.parse().ok().filter(|it| *it >= 0)
}

/// How often the pod's index had failed before.
pub(super) fn attempts_of(it: &Pod) -> i32 {
    meta::annotation(&it.metadata, ATTEMPTS).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// A pod of a job that gives no indexes.
pub(super) fn plain(job: &Job, spec: &JobSpec) -> Pod {
    let mut pod = pods::from_template(&spec.template, job);
    pod.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
    pod.metadata.generate_name = Some(prefix(meta::name(&job.metadata), ""));
    pod
}

/// The pod of one index, which has failed so often before.
pub(super) fn indexed(job: &Job, spec: &JobSpec, index: i32, attempts: i32) -> Pod {
    let mut pod = plain(job, spec);
    let name = meta::name(&job.metadata);
    let text = index.to_string();
    pod.metadata.generate_name = Some(prefix(name, &format!("-{text}")));
    meta::set_annotation(&mut pod.metadata, INDEX, &text);
    meta::set_label(&mut pod.metadata, INDEX, &text);
    if spec.backoff_limit_per_index.is_some() {
        meta::set_annotation(&mut pod.metadata, ATTEMPTS, &attempts.to_string());
    }
    let spec = pod.spec.get_or_insert_default();
    spec.hostname.get_or_insert_with(|| format!("{name}-{text}"));
    tell_index(spec);
    pod
}

fn prefix(name: &str, index: &str) -> String {
    let most = LONGEST_NAME - SUFFIX - 1 - index.len();
    // Names are ASCII.
    format!("{}{index}-", &name[..name.len().min(most)])
}

fn tell_index(spec: &mut PodSpec) {
    let field = ObjectFieldSelector { field_path: format!("metadata.labels['{INDEX}']"), api_version: None };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    let variable = EnvVar { name: VARIABLE.to_owned(), value_from: Some(source), value: None };
    let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
    let without = |it: &&mut Container| it.env.iter().flatten().all(|it| it.name != VARIABLE);
    for container in containers.filter(without) {
        container.env.get_or_insert_default().push(variable.clone());
    }
}

/// Lets a pod go that is counted.
pub(super) fn untrack(it: &Pod) -> Action {
    let left: Vec<&String> = it.metadata.finalizers.iter().flatten().filter(|it| *it != FINALIZER).collect();
    let left = if left.is_empty() { json!(null) } else { json!(left) };
    let patch = json!({"metadata": {"finalizers": left}});
    write::guarded_patch(write::key_of(it), &it.metadata, None, patch)
}

/// When the pod ended, as well as one can tell.
pub(super) fn ended_at(it: &Pod) -> Option<Timestamp> {
    let statuses = it.status.as_ref().and_then(|it| it.container_statuses.as_deref()).unwrap_or_default();
    let ends = statuses.iter().filter_map(|it| it.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let unready = || pod::condition(it, "Ready")?.last_transition_time.as_ref();
    let gone = || it.metadata.deletion_timestamp.as_ref();
    ends.max().or_else(unready).or_else(gone).or(it.metadata.creation_timestamp.as_ref()).map(|it| it.0)
}
