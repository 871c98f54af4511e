//! Pod Security (KEP-2579): pods have to keep to the level that their namespace's labels name.
//!
//! Start at [`PodSecurity`]. What the labels say is in [`policy`], what a level forbids in [`checks`]. Templates of
//! workloads and pods that are there already are never refused: their authors are warned.

mod baseline;
mod checks;
mod containers;
mod policy;
mod restricted;
#[cfg(test)]
mod tests;

use super::{Attempt, Operation, Plugin, View};
use api::k8s::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use api::k8s::api::batch::v1::{CronJob, Job};
use api::k8s::api::core::v1::{
    Container, Namespace, Pod, PodSpec, PodTemplate, PodTemplateSpec, ReplicationController,
};
use api::meta;
use api::{ApiError, Object, Resource};
use checks::Subject;
use policy::{LevelVersion, PREFIX, Policy};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// See the module.
pub(super) struct PodSecurity;

/// So many pods of a namespace are looked at when its level changes.
const MOST_PODS: usize = 3000;

impl Plugin for PodSecurity {
    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(object) = attempt.object.as_deref() else { return Ok(()) };
        if attempt.kind == Namespace::KIND && attempt.subresource.is_empty() {
            return check_labels(attempt, object);
        }
        let Some(pod) = object.get::<Pod>().filter(|_| matters(attempt, object)) else { return Ok(()) };
        let policy = policy_of(view, &attempt.key.namespace);
        view.notes.annotate(format!("{PREFIX}enforce-policy"), policy.enforce.to_string());
        audit(policy.audit, &subject(pod), view);
        let enforced = policy.enforce;
        let violations = checks::violations(enforced, &subject(pod));
        if violations.is_empty() {
            return Ok(());
        }
        let detail = checks::detail(&violations);
        Err(attempt.forbidden(&format!("violates PodSecurity \"{enforced}\": {detail}")))
    }

    fn warnings(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<Vec<String>, ApiError> {
        let Some(object) = attempt.object.as_deref() else { return Ok(Vec::new()) };
        if attempt.kind == Namespace::KIND && attempt.subresource.is_empty() {
            return warn_of_pods(attempt, object, view);
        }
        let judged = match object.get::<Pod>() {
            Some(_) => matters(attempt, object),
            None => attempt.subresource.is_empty(),
        };
        let Some(subject) = judged.then(|| subject_of(object)).flatten() else { return Ok(Vec::new()) };
        let policy = policy_of(view, &attempt.key.namespace);
        // A pod's were noted before it could be refused.
        audit(policy.audit, &subject, view);
        let level = policy.warn;
        let violations = checks::violations(level, &subject);
        if violations.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![format!("would violate PodSecurity \"{level}\": {}", checks::detail(&violations))])
    }
}

/// Notes what the level of the audit log would not let pass.
fn audit(level: LevelVersion, subject: &Subject<'_>, view: &View<'_>) {
    let violations = checks::violations(level, subject);
    if !violations.is_empty() {
        let told = format!("would violate PodSecurity \"{level}\": {}", checks::detail(&violations));
        view.notes.annotate(format!("{PREFIX}audit-violations"), told);
    }
}

static NOTHING: LazyLock<PodSpec> = LazyLock::new(PodSpec::default);

/// A pod, or what a workload makes pods of.
fn subject_of(object: &Object) -> Option<Subject<'_>> {
    if let Some(pod) = object.get::<Pod>() {
        return Some(subject(pod));
    }
    let template = template_of(object)?;
    let annotations = template.metadata.as_ref().and_then(|it| it.annotations.as_ref());
    Some(Subject { annotations, spec: template.spec.as_ref().unwrap_or(&NOTHING) })
}

fn subject(pod: &Pod) -> Subject<'_> {
    Subject { annotations: pod.metadata.annotations.as_ref(), spec: pod.spec.as_ref().unwrap_or(&NOTHING) }
}

fn template_of(object: &Object) -> Option<&PodTemplateSpec> {
    if let Some(it) = object.get::<Deployment>() {
        return Some(&it.spec.template);
    }
    if let Some(it) = object.get::<ReplicaSet>() {
        return it.spec.template.as_ref();
    }
    if let Some(it) = object.get::<StatefulSet>() {
        return Some(&it.spec.template);
    }
    if let Some(it) = object.get::<DaemonSet>() {
        return Some(&it.spec.template);
    }
    if let Some(it) = object.get::<Job>() {
        return it.spec.as_ref().map(|it| &it.template);
    }
    if let Some(it) = object.get::<CronJob>() {
        return it.spec.job_template.spec.as_ref().map(|it| &it.template);
    }
    if let Some(it) = object.get::<ReplicationController>() {
        return it.spec.as_ref()?.template.as_ref();
    }
    object.get::<PodTemplate>()?.template.as_ref()
}

/// Whether a write of a pod can break a rule that was kept before: upstream looks at new pods, and at changes of images
/// and of the annotations that once held seccomp profiles.
fn matters(attempt: &Attempt<'_>, object: &Object) -> bool {
    if !matches!(attempt.subresource, "" | "ephemeralcontainers" | "resize") {
        return false;
    }
    let old = attempt.old.and_then(|it| it.get::<Pod>());
    match (attempt.operation, object.get::<Pod>(), old) {
        (Operation::Update, Some(new), Some(old)) => {
            images(new) != images(old) || seccomp(new) != seccomp(old)
        }
        (operation, ..) => operation != Operation::Delete,
    }
}

fn images(pod: &Pod) -> Vec<(&str, Option<&str>)> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let plain = spec.init_containers.iter().flatten().chain(&spec.containers);
    let plain = plain.map(|Container { name, image, .. }| (name.as_str(), image.as_deref()));
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    plain.chain(ephemeral.map(|it| (it.name.as_str(), it.image.as_deref()))).collect()
}

fn seccomp(pod: &Pod) -> BTreeMap<&str, &str> {
    let all = pod.metadata.annotations.iter().flatten();
    let named = all.filter(|(name, _)| name.contains("seccomp.security.alpha.kubernetes.io/"));
    named.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn policy_of(view: &View<'_>, namespace: &str) -> Policy {
    let entry = view.entry::<Namespace>("", namespace);
    entry.and_then(|it| it.labels().map(|it| Policy::of(it).0)).unwrap_or_default()
}

/// Labels that make no sense are refused, unless they made none before.
fn check_labels(attempt: &Attempt<'_>, new: &Object) -> Result<(), ApiError> {
    let errors = |it: &Object| it.meta().labels.as_ref().map(|it| Policy::of(it).1).unwrap_or_default();
    let new = errors(new);
    let before = attempt.old.map(errors).unwrap_or_default();
    if attempt.operation == Operation::Delete || new.is_empty() || new == before {
        return Ok(());
    }
    Err(ApiError::invalid(attempt.kind.row(), &attempt.key.name, &new))
}

/// Names the pods that a namespace's new level would not let in.
fn warn_of_pods(attempt: &Attempt<'_>, new: &Object, view: &View<'_>) -> Result<Vec<String>, ApiError> {
    let enforced = |it: &Object| it.meta().labels.as_ref().map(|it| Policy::of(it).0.enforce);
    let now = enforced(new).unwrap_or_default();
    let Some(before) = attempt.old.map(|it| enforced(it).unwrap_or_default()) else { return Ok(Vec::new()) };
    if !now.is_news_after(before) {
        return Ok(Vec::new());
    }
    let pods = view.within::<Pod>(&attempt.key.name)?;
    let typed = pods.iter().filter_map(|it| it.get::<Pod>());
    Ok(warnings_of_pods(&attempt.key.name, now, pods.len(), typed.take(MOST_PODS)))
}

fn warnings_of_pods<'a>(
    namespace: &str,
    enforced: LevelVersion,
    total: usize,
    pods: impl Iterator<Item = &'a Pod>,
) -> Vec<String> {
    let mut by_reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pod in pods {
        let violations = checks::violations(enforced, &subject(pod));
        if !violations.is_empty() {
            by_reasons.entry(checks::reasons(&violations)).or_default().push(meta::name(&pod.metadata));
        }
    }
    let mut each: Vec<String> = by_reasons.iter().map(|(reasons, names)| line(reasons, names)).collect();
    each.sort();
    let mut warnings = Vec::new();
    if total > MOST_PODS {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {MOST_PODS} of {total} existing pods"
        ));
    }
    if !each.is_empty() {
        warnings.push(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{enforced}\""
        ));
    }
    warnings.append(&mut each);
    warnings
}

fn line(reasons: &str, names: &[&str]) -> String {
    let first = names.iter().min().copied().unwrap_or_default();
    match names.len() {
        0 | 1 => format!("{first}: {reasons}"),
        2 => format!("{first} (and 1 other pod): {reasons}"),
        more => format!("{first} (and {} other pods): {reasons}", more - 1),
    }
}
