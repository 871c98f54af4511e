//! What is wrong with the kinds that keep pods running: deployments, replica sets, stateful sets, daemon sets.

use crate::field::{Error, Errors, Path};
use crate::selector::{Labels, Selector};
use crate::validation::common::{
    at_most_all, immutable, int_or_percent, is_empty, label_selector, not_negative, number_of, one_of,
    optional, optional_one_of, shown,
};
use crate::validation::storage::claim_spec;
use crate::validation::{names, pod};
use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, DaemonSetSpec, Deployment, DeploymentSpec, ReplicaSet, StatefulSet,
    StatefulSetSpec,
};
use k8s_openapi::api::core::v1::{PodTemplate, PodTemplateSpec, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// What is wrong with a Deployment.
pub fn deployment(deployment: &Deployment) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &deployment.spec);
    numbers(
        &mut errors,
        &path,
        &[
            ("replicas", spec.replicas),
            ("minReadySeconds", spec.min_ready_seconds),
            ("revisionHistoryLimit", spec.revision_history_limit),
            ("progressDeadlineSeconds", spec.progress_deadline_seconds),
        ],
    );
    selected_template(&mut errors, &path, Maker::ReplicaSet, &spec.selector, &spec.template);
    deployment_strategy(&mut errors, &path.child("strategy"), spec);
    if let Some(deadline) = spec.progress_deadline_seconds
        && deadline <= spec.min_ready_seconds.unwrap_or(0)
    {
        let path = path.child("progressDeadlineSeconds");
        errors.push(Error::invalid(&path, deadline, "must be greater than minReadySeconds"));
    }
    errors
}

/// What is wrong with a change of a Deployment.
pub fn deployment_update(new: &Deployment, old: &Deployment) -> Errors {
    selector_update(&new.spec.selector, &old.spec.selector)
}

/// What is wrong with a ReplicaSet.
pub fn replica_set(set: &ReplicaSet) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &set.spec);
    numbers(&mut errors, &path, &[("replicas", spec.replicas), ("minReadySeconds", spec.min_ready_seconds)]);
    match &spec.template {
        Some(template) => {
            selected_template(&mut errors, &path, Maker::ReplicaSet, &spec.selector, template);
        }
        None => errors.push(Error::required(&path.child("template"), "")),
    }
    errors
}

/// What is wrong with a change of a ReplicaSet.
pub fn replica_set_update(new: &ReplicaSet, old: &ReplicaSet) -> Errors {
    selector_update(&new.spec.selector, &old.spec.selector)
}

/// What is wrong with a ReplicationController.
pub fn replication_controller(controller: &ReplicationController) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = controller.spec.clone().unwrap_or_default();
    numbers(&mut errors, &path, &[("replicas", spec.replicas), ("minReadySeconds", spec.min_ready_seconds)]);
    let selector = LabelSelector { match_labels: spec.selector, match_expressions: None };
    match &spec.template {
        Some(template) => {
            selected_template(&mut errors, &path, Maker::ReplicationController, &selector, template);
        }
        None => errors.push(Error::required(&path.child("template"), "")),
    }
    errors
}

/// What is wrong with a StatefulSet.
pub fn stateful_set(set: &StatefulSet) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &set.spec);
    numbers(
        &mut errors,
        &path,
        &[
            ("replicas", spec.replicas),
            ("minReadySeconds", spec.min_ready_seconds),
            ("revisionHistoryLimit", spec.revision_history_limit),
        ],
    );
    stateful_strategies(&mut errors, &path, spec);
    selected_template(&mut errors, &path, Maker::StatefulSet, &spec.selector, &spec.template);
    let start = spec.ordinals.as_ref().and_then(|it| it.start);
    not_negative(&mut errors, &path.child("ordinals.start"), start.map(i64::from));
    optional(&mut errors, &path.child("serviceName"), spec.service_name.as_deref(), names::dns_label);
    for (index, claim) in spec.volume_claim_templates.iter().flatten().enumerate() {
        let path = path.child("volumeClaimTemplates").index(index).child("spec");
        claim_spec(&mut errors, &path, &claim.spec.clone().unwrap_or_default());
    }
    errors
}

/// What is wrong with a change of a StatefulSet.
pub fn stateful_set_update(new: &StatefulSet, old: &StatefulSet) -> Errors {
    let (new, old) = (&new.spec, &old.spec);
    let allowed = StatefulSetSpec {
        replicas: new.replicas,
        ordinals: new.ordinals.clone(),
        template: new.template.clone(),
        update_strategy: new.update_strategy.clone(),
        revision_history_limit: new.revision_history_limit,
        persistent_volume_claim_retention_policy: new.persistent_volume_claim_retention_policy.clone(),
        min_ready_seconds: new.min_ready_seconds,
        ..old.clone()
    };
    if allowed == *new {
        return Errors::new();
    }
    let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    vec![Error::forbidden(&Path::new("spec"), detail)]
}

/// What is wrong with a DaemonSet.
pub fn daemon_set(set: &DaemonSet) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &set.spec);
    numbers(
        &mut errors,
        &path,
        &[("minReadySeconds", spec.min_ready_seconds), ("revisionHistoryLimit", spec.revision_history_limit)],
    );
    selected_template(&mut errors, &path, Maker::DaemonSet, &spec.selector, &spec.template);
    daemon_strategy(&mut errors, &path.child("updateStrategy"), spec);
    errors
}

/// What is wrong with a change of a DaemonSet.
pub fn daemon_set_update(new: &DaemonSet, old: &DaemonSet) -> Errors {
    selector_update(&new.spec.selector, &old.spec.selector)
}

/// What is wrong with a ControllerRevision.
pub fn controller_revision(revision: &ControllerRevision) -> Errors {
    let mut errors = Errors::new();
    not_negative(&mut errors, &Path::new("revision"), revision.revision);
    if revision.data.0.is_null() {
        errors.push(Error::required(&Path::new("data"), "data is mandatory"));
    }
    errors
}

/// What is wrong with a change of a ControllerRevision, which is a snapshot.
pub fn controller_revision_update(new: &ControllerRevision, old: &ControllerRevision) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("data"), &new.data, &old.data);
    errors
}

/// What is wrong with a PodTemplate.
pub fn pod_template(object: &PodTemplate) -> Errors {
    let mut errors = Errors::new();
    let template = object.template.clone().unwrap_or_default();
    pod::template(&mut errors, &Path::new("template"), &template);
    errors
}

fn numbers(errors: &mut Errors, path: &Path, numbers: &[(&str, Option<i32>)]) {
    for (name, value) in numbers {
        not_negative(errors, &path.child(name), value.map(i64::from));
    }
}

fn selector_update(new: &LabelSelector, old: &LabelSelector) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("spec").child("selector"), new, old);
    errors
}

/// Who makes pods of a template, as messages name them: a Deployment leaves that to its replica sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ReplicationController,
}

/// The selector must be there and choose the pods that the template makes; they must restart.
///
/// An empty selector counts as one that is missing: the types do not tell them apart.
fn selected_template(
    errors: &mut Errors,
    path: &Path,
    maker: Maker,
    selector: &LabelSelector,
    template: &PodTemplateSpec,
) {
    if !is_empty(selector) {
        label_selector(errors, &path.child("selector"), selector);
    } else if maker != Maker::DaemonSet {
        errors.push(Error::required(&path.child("selector"), ""));
    }
    let path = path.child("template");
    let given = Some(selector).filter(|it| !is_empty(it));
    if maker != Maker::ReplicationController || given.is_some() {
        matches_template(errors, &path, given, template);
    }
    pod::template(errors, &path, template);
    let spec = template.spec.as_ref();
    if let Some(policy) = spec.and_then(|it| it.restart_policy.as_deref()).filter(|it| *it != "Always") {
        let path = path.child("spec").child("restartPolicy");
        // A policy that does not exist at all has been refused already.
        if matches!(policy, "OnFailure" | "Never") {
            errors.push(Error::not_supported(&path, policy, &["Always"]));
        }
    }
    if spec.is_some_and(|it| it.active_deadline_seconds.is_some()) {
        let path = path.child("spec").child("activeDeadlineSeconds");
        let detail = format!("activeDeadlineSeconds in {maker:?} is not Supported");
        errors.push(Error::forbidden(&path, detail));
    }
}

/// The selector must choose the pods that the template makes; one that is missing chooses nothing.
pub(crate) fn matches_template(
    errors: &mut Errors,
    path: &Path,
    selector: Option<&LabelSelector>,
    template: &PodTemplateSpec,
) {
    let given = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
    let labels: Labels = given.cloned().unwrap_or_default();
    let chosen = |it: &LabelSelector| {
        is_empty(it) || Selector::of(it).is_ok_and(|it| !it.is_empty() && it.matches(Some(&labels)))
    };
    if !selector.is_some_and(chosen) {
        let path = path.child("metadata").child("labels");
        errors.push(Error::invalid(&path, shown(&given), "`selector` does not match template `labels`"));
    }
}

fn is_zero(value: Option<&IntOrString>) -> bool {
    value.and_then(number_of) == Some(0)
}

fn deployment_strategy(errors: &mut Errors, path: &Path, spec: &DeploymentSpec) {
    let strategy = spec.strategy.clone().unwrap_or_default();
    let rolling = strategy.rolling_update.as_ref();
    match strategy.type_.as_deref() {
        Some("Recreate") if rolling.is_some() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(Error::forbidden(&path.child("rollingUpdate"), detail));
        }
        Some("RollingUpdate") => {
            let path = path.child("rollingUpdate");
            let Some(rolling) = rolling else {
                errors.push(Error::required(&path, "this should be defaulted and never be nil"));
                return;
            };
            let (surge, unavailable) = (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref());
            if let Some(value) = unavailable {
                int_or_percent(errors, &path.child("maxUnavailable"), value);
                at_most_all(errors, &path.child("maxUnavailable"), value);
            }
            if let Some(value) = surge {
                int_or_percent(errors, &path.child("maxSurge"), value);
            }
            if is_zero(surge) && is_zero(unavailable) {
                let detail = "may not be 0 when `maxSurge` is 0";
                errors.push(Error::invalid(&path.child("maxUnavailable"), shown(&unavailable), detail));
            }
        }
        type_ => one_of(errors, &path.child("type"), type_, &["Recreate", "RollingUpdate"]),
    }
}

fn stateful_strategies(errors: &mut Errors, path: &Path, spec: &StatefulSetSpec) {
    match spec.pod_management_policy.as_deref().unwrap_or_default() {
        "" => errors.push(Error::required(&path.child("podManagementPolicy"), "")),
        "OrderedReady" | "Parallel" => {}
        other => {
            let detail = "must be 'OrderedReady' or 'Parallel'";
            errors.push(Error::invalid(&path.child("podManagementPolicy"), other, detail));
        }
    }
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    let path_of_strategy = path.child("updateStrategy");
    match strategy.type_.as_deref().unwrap_or_default() {
        "" => errors.push(Error::required(&path_of_strategy, "")),
        "OnDelete" if strategy.rolling_update.is_some() => {
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            errors.push(Error::invalid(
                &path_of_strategy.child("rollingUpdate"),
                shown(&strategy.rolling_update),
                detail,
            ));
        }
        "OnDelete" | "RollingUpdate" => {}
        _ => {
            let detail = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(Error::invalid(&path_of_strategy, shown(&strategy), detail));
        }
    }
    if let Some(rolling) = &strategy.rolling_update {
        let path = path_of_strategy.child("rollingUpdate");
        not_negative(errors, &path.child("partition"), rolling.partition.map(i64::from));
        if let Some(value) = &rolling.max_unavailable {
            int_or_percent(errors, &path.child("maxUnavailable"), value);
            at_most_all(errors, &path.child("maxUnavailable"), value);
        }
    }
    let policy = spec.persistent_volume_claim_retention_policy.clone().unwrap_or_default();
    let path = path.child("persistentVolumeClaimRetentionPolicy");
    for (name, value) in [("whenDeleted", policy.when_deleted), ("whenScaled", policy.when_scaled)] {
        optional_one_of(errors, &path.child(name), value.as_deref(), &["Retain", "Delete"]);
    }
}

fn daemon_strategy(errors: &mut Errors, path: &Path, spec: &DaemonSetSpec) {
    let strategy = spec.update_strategy.clone().unwrap_or_default();
    one_of(errors, &path.child("type"), strategy.type_.as_deref(), &["OnDelete", "RollingUpdate"]);
    let Some(rolling) =
        strategy.rolling_update.filter(|_| strategy.type_.as_deref() == Some("RollingUpdate"))
    else {
        return;
    };
    let path = path.child("rollingUpdate");
    let (surge, unavailable) = (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref());
    for (name, value) in [("maxUnavailable", unavailable), ("maxSurge", surge)] {
        if let Some(value) = value {
            int_or_percent(errors, &path.child(name), value);
            at_most_all(errors, &path.child(name), value);
        }
    }
    if is_zero(surge) && is_zero(unavailable) {
        let detail = "cannot be 0 when maxSurge is 0";
        errors.push(Error::required(&path.child("maxUnavailable"), detail));
    } else if !is_zero(surge) && surge.is_some() && !is_zero(unavailable) && unavailable.is_some() {
        let detail = "may not be set when maxUnavailable is non-zero";
        errors.push(Error::invalid(&path.child("maxSurge"), shown(&surge), detail));
    }
}
