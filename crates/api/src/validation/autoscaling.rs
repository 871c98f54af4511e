//! What is wrong with autoscalers.
//!
//! Start at [`autoscaler`]. The version of what an autoscaler refers to is asked for only where it is written anew, since
//! older servers took any.

use crate::field::{Error, Errors, Path};
use crate::quantity::amount;
use crate::validation::common::{all, not_negative, required};
use crate::validation::names::{self, path_segment};
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, CrossVersionObjectReference, ExternalMetricSource, HPAScalingPolicy,
    HPAScalingRules, HorizontalPodAutoscaler, MetricIdentifier, MetricSpec, MetricTarget, ObjectMetricSource,
    PodsMetricSource, ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const LONGEST_PERIOD: i32 = 1800;
const LONGEST_WINDOW: i32 = 3600;
const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const NO_GROUP: &str = "apiVersion must specify API group";
const BOTH: &str = "may not set both a target raw value and a target utilization";

/// What is wrong with a HorizontalPodAutoscaler, new or changed.
pub fn autoscaler(scaler: &HorizontalPodAutoscaler) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &scaler.spec);
    let minimum = spec.min_replicas.unwrap_or(1);
    let (least, most) = (path.child("minReplicas"), path.child("maxReplicas"));
    if minimum < 1 {
        errors.push(Error::invalid(&least, minimum, "must be greater than or equal to 1"));
    }
    if spec.max_replicas < 1 {
        errors.push(Error::invalid(&most, spec.max_replicas, "must be greater than 0"));
    }
    if spec.max_replicas < minimum {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(Error::invalid(&most, spec.max_replicas, detail));
    }
    reference(&mut errors, &path.child("scaleTargetRef"), &spec.scale_target_ref);
    for (index, it) in spec.metrics.iter().flatten().enumerate() {
        metric(&mut errors, &path.child("metrics").index(index), it);
    }
    let behavior = spec.behavior.as_ref();
    for (name, it) in [
        ("scaleUp", behavior.and_then(|it| it.scale_up.as_ref())),
        ("scaleDown", behavior.and_then(|it| it.scale_down.as_ref())),
    ] {
        it.into_iter().for_each(|it| rules(&mut errors, &path.child("behavior").child(name), it));
    }
    errors.extend(scaler.status.iter().flat_map(|it| {
        let (mut errors, path) = (Errors::new(), Path::new("status"));
        not_negative(&mut errors, &path.child("currentReplicas"), it.current_replicas.map(Into::into));
        not_negative(&mut errors, &path.child("desiredReplicas"), Some(it.desired_replicas.into()));
        errors
    }));
    errors
}

/// What is wrong with a new one besides.
pub fn new_autoscaler(scaler: &HorizontalPodAutoscaler) -> Errors {
    let mut errors = Errors::new();
    target_version(&mut errors, &scaler.spec.scale_target_ref);
    object_versions(&mut errors, scaler);
    errors
}

/// What is wrong with a changed one besides.
pub fn changed_autoscaler(scaler: &HorizontalPodAutoscaler, old: &HorizontalPodAutoscaler) -> Errors {
    let (mut errors, mut before) = (Errors::new(), Errors::new());
    let (target, former) = (&scaler.spec.scale_target_ref, &old.spec.scale_target_ref);
    if (&target.kind, &target.api_version) != (&former.kind, &former.api_version) {
        target_version(&mut errors, target);
    }
    object_versions(&mut before, old);
    if before.is_empty() {
        object_versions(&mut errors, scaler);
    }
    errors
}

fn target_version(errors: &mut Errors, target: &CrossVersionObjectReference) {
    let path = Path::new("spec").child("scaleTargetRef").child("apiVersion");
    let version = target.api_version.as_deref().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    // The one kind of the core group that scales may leave the version out.
    if group.is_empty() && target.kind != "ReplicationController" {
        errors.push(Error::invalid(&path, version, NO_GROUP));
    }
    well_formed(errors, &path, version);
}

fn object_versions(errors: &mut Errors, scaler: &HorizontalPodAutoscaler) {
    let path = Path::new("spec").child("metrics");
    for (index, it) in scaler.spec.metrics.iter().flatten().enumerate() {
        if let Some(object) = &it.object {
            let path = path.index(index).child("object").child("describedObject").child("apiVersion");
            well_formed(errors, &path, object.described_object.api_version.as_deref().unwrap_or_default());
        }
    }
}

fn well_formed(errors: &mut Errors, path: &Path, version: &str) {
    if version.matches('/').count() > 1 {
        errors.push(Error::invalid(path, version, format!("unexpected GroupVersion string: {version}")));
    }
}

fn reference(errors: &mut Errors, path: &Path, reference: &CrossVersionObjectReference) {
    for (name, value) in [("kind", &reference.kind), ("name", &reference.name)] {
        required(errors, &path.child(name), value, path_segment);
    }
}

fn metric(errors: &mut Errors, path: &Path, metric: &MetricSpec) {
    let type_ = metric.type_.as_str();
    if type_.is_empty() {
        errors.push(Error::required(&path.child("type"), "must specify a metric source type"));
    }
    if !TYPES.contains(&type_) {
        errors.push(Error::not_supported(&path.child("type"), type_, &TYPES));
    }
    sources(errors, path, metric);
    let given = [
        ("Object", "object", metric.object.is_some()),
        ("External", "external", metric.external.is_some()),
        ("Pods", "pods", metric.pods.is_some()),
        ("Resource", "resource", metric.resource.is_some()),
        ("ContainerResource", "containerResource", metric.container_resource.is_some()),
    ];
    let several = given.iter().filter(|(_, _, given)| *given).count() > 1;
    for (of, name, given) in given {
        if of == type_ && !given {
            let detail = "must populate information for the given metric source";
            errors.push(Error::required(&path.child(name), detail));
        }
        if of != type_ && given && several {
            errors.push(Error::forbidden(&path.child(name), "must populate the given metric source only"));
        }
    }
}

/// What is wrong with the first source that is given; there should be no other.
fn sources(errors: &mut Errors, path: &Path, metric: &MetricSpec) {
    if let Some(it) = &metric.object {
        object(errors, &path.child("object"), it);
    } else if let Some(it) = &metric.external {
        external(errors, &path.child("external"), it);
    } else if let Some(it) = &metric.pods {
        pods(errors, &path.child("pods"), it);
    } else if let Some(it) = &metric.resource {
        resource(errors, &path.child("resource"), it);
    } else if let Some(it) = &metric.container_resource {
        container(errors, &path.child("containerResource"), it);
    }
}

fn object(errors: &mut Errors, path: &Path, source: &ObjectMetricSource) {
    reference(errors, &path.child("describedObject"), &source.described_object);
    identifier(errors, &path.child("metric"), &source.metric);
    let (path, aim) = (path.child("target"), &source.target);
    target(errors, &path, aim);
    if aim.value.is_none() && aim.average_value.is_none() {
        let detail = "must set either a target value or averageValue";
        errors.push(Error::required(&path.child("averageValue"), detail));
    }
}

fn external(errors: &mut Errors, path: &Path, source: &ExternalMetricSource) {
    identifier(errors, &path.child("metric"), &source.metric);
    let (path, aim) = (path.child("target"), &source.target);
    target(errors, &path, aim);
    match (&aim.value, &aim.average_value) {
        (None, None) => {
            let detail = "must set either a target value for metric or a per-pod target";
            errors.push(Error::required(&path.child("averageValue"), detail));
        }
        (Some(_), Some(_)) => {
            let detail = "may not set both a target value for metric and a per-pod target";
            errors.push(Error::forbidden(&path.child("value"), detail));
        }
        _ => {}
    }
}

fn pods(errors: &mut Errors, path: &Path, source: &PodsMetricSource) {
    identifier(errors, &path.child("metric"), &source.metric);
    let path = path.child("target");
    target(errors, &path, &source.target);
    if source.target.average_value.is_none() {
        let detail = "must specify a positive target averageValue";
        errors.push(Error::required(&path.child("averageValue"), detail));
    }
}

fn resource(errors: &mut Errors, path: &Path, source: &ResourceMetricSource) {
    if source.name.is_empty() {
        errors.push(Error::required(&path.child("name"), "must specify a resource name"));
    }
    of_resource(errors, &path.child("target"), &source.target);
}

fn container(errors: &mut Errors, path: &Path, source: &ContainerResourceMetricSource) {
    if source.name.is_empty() {
        errors.push(Error::required(&path.child("name"), "must specify a resource name"));
    }
    if source.container.is_empty() {
        errors.push(Error::required(&path.child("container"), "must specify a container"));
    } else {
        all(errors, &path.child("container"), &source.container, names::dns_label(&source.container));
    }
    of_resource(errors, &path.child("target"), &source.target);
}

fn of_resource(errors: &mut Errors, path: &Path, aim: &MetricTarget) {
    target(errors, path, aim);
    match (aim.average_utilization, &aim.average_value) {
        (None, None) => {
            let detail = "must set either a target raw value or a target utilization";
            errors.push(Error::required(&path.child("averageUtilization"), detail));
        }
        (Some(_), Some(_)) => errors.push(Error::forbidden(&path.child("averageValue"), BOTH)),
        _ => {}
    }
}

fn target(errors: &mut Errors, path: &Path, aim: &MetricTarget) {
    if aim.type_.is_empty() {
        errors.push(Error::required(&path.child("type"), "must specify a metric target type"));
    }
    if !["Utilization", "Value", "AverageValue"].contains(&aim.type_.as_str()) {
        let detail = "must be either Utilization, Value, or AverageValue";
        errors.push(Error::invalid(&path.child("type"), aim.type_.as_str(), detail));
    }
    positive(errors, &path.child("value"), aim.value.as_ref());
    positive(errors, &path.child("averageValue"), aim.average_value.as_ref());
    if let Some(percent) = aim.average_utilization.filter(|it| *it < 1) {
        errors.push(Error::invalid(&path.child("averageUtilization"), percent, "must be greater than 0"));
    }
}

fn positive(errors: &mut Errors, path: &Path, quantity: Option<&Quantity>) {
    // `value` is rounded up: it is above zero as soon as the amount is.
    if let Some(quantity) = quantity.filter(|it| amount(it).value() <= 0) {
        errors.push(Error::invalid(path, quantity.0.as_str(), "must be positive"));
    }
}

fn identifier(errors: &mut Errors, path: &Path, metric: &MetricIdentifier) {
    if metric.name.is_empty() {
        errors.push(Error::required(&path.child("name"), "must specify a metric name"));
    } else {
        all(errors, &path.child("name"), &metric.name, path_segment(&metric.name));
    }
}

fn rules(errors: &mut Errors, path: &Path, rules: &HPAScalingRules) {
    let window = path.child("stabilizationWindowSeconds");
    match rules.stabilization_window_seconds {
        Some(it) if it < 0 => {
            errors.push(Error::invalid(&window, it, "must be greater than or equal to zero"));
        }
        Some(it) if it > LONGEST_WINDOW => {
            let detail = format!("must be less than or equal to {LONGEST_WINDOW}");
            errors.push(Error::invalid(&window, it, detail));
        }
        _ => {}
    }
    let known = ["Disabled", "Max", "Min"];
    if let Some(it) = rules.select_policy.as_deref().filter(|it| !known.contains(it)) {
        errors.push(Error::not_supported(&path.child("selectPolicy"), it, &known));
    }
    let policies = rules.policies.as_deref().unwrap_or_default();
    if policies.is_empty() {
        errors.push(Error::required(&path.child("policies"), "must specify at least one Policy"));
    }
    for (index, it) in policies.iter().enumerate() {
        policy(errors, &path.child("policies").index(index), it);
    }
    if let Some(tolerance) = rules.tolerance.as_ref().filter(|it| amount(it).is_negative()) {
        let detail = "must be greater or equal to zero";
        errors.push(Error::invalid(&path.child("tolerance"), tolerance.0.as_str(), detail));
    }
}

fn policy(errors: &mut Errors, path: &Path, policy: &HPAScalingPolicy) {
    let known = ["Percent", "Pods"];
    if !known.contains(&policy.type_.as_str()) {
        errors.push(Error::not_supported(&path.child("type"), policy.type_.as_str(), &known));
    }
    let period = path.child("periodSeconds");
    for (path, it) in [(&path.child("value"), policy.value), (&period, policy.period_seconds)] {
        if it <= 0 {
            errors.push(Error::invalid(path, it, "must be greater than zero"));
        }
    }
    if policy.period_seconds > LONGEST_PERIOD {
        let detail = format!("must be less than or equal to {LONGEST_PERIOD}");
        errors.push(Error::invalid(&period, policy.period_seconds, detail));
    }
}
