//! What is wrong with disruption budgets and autoscalers.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{
    at_most_all, int_or_percent, label_selector, one_of, optional_one_of, shown,
};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricSpec};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

/// What is wrong with a PodDisruptionBudget.
pub fn disruption_budget(budget: &PodDisruptionBudget) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = budget.spec.clone().unwrap_or_default();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.push(Error::invalid(&path, shown(&spec), detail));
    }
    for (name, value) in [("minAvailable", &spec.min_available), ("maxUnavailable", &spec.max_unavailable)] {
        if let Some(value) = value {
            int_or_percent(&mut errors, &path.child(name), value);
            at_most_all(&mut errors, &path.child(name), value);
        }
    }
    if let Some(selector) = &spec.selector {
        label_selector(&mut errors, &path.child("selector"), selector);
    }
    let policy = spec.unhealthy_pod_eviction_policy.as_deref();
    let known = ["AlwaysAllow", "IfHealthyBudget"];
    optional_one_of(&mut errors, &path.child("unhealthyPodEvictionPolicy"), policy, &known);
    errors
}

/// What is wrong with a HorizontalPodAutoscaler.
pub fn autoscaler(scaler: &HorizontalPodAutoscaler) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &scaler.spec);
    let minimum = spec.min_replicas.unwrap_or(1);
    if minimum < 1 {
        errors.push(Error::invalid(
            &path.child("minReplicas"),
            minimum,
            "must be greater than or equal to 1",
        ));
    }
    if spec.max_replicas < 1 {
        errors.push(Error::invalid(&path.child("maxReplicas"), spec.max_replicas, "must be greater than 0"));
    } else if spec.max_replicas < minimum {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.push(Error::invalid(&path.child("maxReplicas"), spec.max_replicas, detail));
    }
    let target = path.child("scaleTargetRef");
    for (name, value) in [("kind", &spec.scale_target_ref.kind), ("name", &spec.scale_target_ref.name)] {
        if value.is_empty() {
            errors.push(Error::required(&target.child(name), ""));
        }
    }
    for (index, it) in spec.metrics.iter().flatten().enumerate() {
        metric(&mut errors, &path.child("metrics").index(index), it);
    }
    errors
}

fn metric(errors: &mut Errors, path: &Path, metric: &MetricSpec) {
    let types = ["ContainerResource", "External", "Object", "Pods", "Resource"];
    one_of(errors, &path.child("type"), Some(&metric.type_), &types);
    let (name, given) = match metric.type_.as_str() {
        "ContainerResource" => ("containerResource", metric.container_resource.is_some()),
        "External" => ("external", metric.external.is_some()),
        "Object" => ("object", metric.object.is_some()),
        "Pods" => ("pods", metric.pods.is_some()),
        "Resource" => ("resource", metric.resource.is_some()),
        _ => return,
    };
    if !given {
        let detail = format!("must populate information for the given metric source ({})", metric.type_);
        errors.push(Error::required(&path.child(name), detail));
    }
}
