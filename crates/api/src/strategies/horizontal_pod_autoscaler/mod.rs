//! How a HorizontalPodAutoscaler behaves. It is stored as v2; [`v1`] is another encoding of it: [`convert`].

mod annotations;
mod behavior;
pub mod convert;
pub mod v1;

pub use v1::OldAutoscalerStrategy;

use crate::field::Errors;
use crate::strategies::cells::{NONE, UNKNOWN, UNSET};
use crate::strategies::defaults::{text, value};
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec,
    HorizontalPodAutoscalerStatus, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
    ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct HorizontalPodAutoscalerStrategy;

impl Behaviour for HorizontalPodAutoscalerStrategy {
    type Object = HorizontalPodAutoscaler;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Reference", "What is scaled."),
        Column::text("Targets", "Each metric's value, and what it should be."),
        Column::text("MinPods", "The least number of pods."),
        Column::text("MaxPods", "The greatest number of pods."),
        Column::number("Replicas", "How many pods there are."),
        Column::AGE,
    ];

    fn quantities(object: &mut HorizontalPodAutoscaler, visit: &mut dyn FnMut(&mut Quantity)) {
        for metric in object.spec.metrics.iter_mut().flatten() {
            quantities::metric(metric, visit);
        }
        let behavior = object.spec.behavior.iter_mut();
        let rules = behavior.flat_map(|it| [&mut it.scale_up, &mut it.scale_down]).flatten();
        rules.filter_map(|it| it.tolerance.as_mut()).for_each(visit);
    }

    /// The annotations of v1 are dropped: what they would say has fields here.
    fn set_defaults(scaler: &mut HorizontalPodAutoscaler) {
        annotations::remove(&mut scaler.metadata, annotations::ALL);
        default_spec(&mut scaler.spec);
    }

    fn prepare_create(scaler: &mut HorizontalPodAutoscaler) {
        scaler.status = Some(HorizontalPodAutoscalerStatus::default());
    }

    fn validate(object: &HorizontalPodAutoscaler) -> Errors {
        crate::validation::autoscaling::autoscaler(object)
    }

    fn validate_create(object: &HorizontalPodAutoscaler) -> Errors {
        crate::validation::autoscaling::new_autoscaler(object)
    }

    fn validate_update(object: &HorizontalPodAutoscaler, old: &HorizontalPodAutoscaler) -> Errors {
        crate::validation::autoscaling::changed_autoscaler(object, old)
    }

    fn cells(scaler: &HorizontalPodAutoscaler, now: Timestamp) -> Vec<Value> {
        let spec = &scaler.spec;
        let minimum = spec.min_replicas.map_or_else(|| UNSET.to_owned(), |it| it.to_string());
        let current = scaler.status.as_ref().and_then(|it| it.current_replicas).unwrap_or(0);
        vec![
            name_cell(&scaler.metadata),
            format!("{}/{}", spec.scale_target_ref.kind, spec.scale_target_ref.name).into(),
            targets(scaler).into(),
            minimum.into(),
            spec.max_replicas.to_string().into(),
            current.into(),
            age_cell(&scaler.metadata, now),
        ]
    }
}

fn default_spec(spec: &mut HorizontalPodAutoscalerSpec) {
    value(&mut spec.min_replicas, 1);
    let metrics = spec.metrics.get_or_insert_default();
    if metrics.is_empty() {
        metrics.push(cpu_at(convert::DEFAULT_PERCENT));
    }
    if let Some(behavior) = &mut spec.behavior {
        let up = behavior.scale_up.get_or_insert_default();
        default_rules(up, &[("Pods", 4), ("Percent", 100)]);
        value(&mut up.stabilization_window_seconds, 0);
        default_rules(behavior.scale_down.get_or_insert_default(), &[("Percent", 100)]);
    }
}

fn cpu_at(percent: i32) -> MetricSpec {
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(percent),
        ..MetricTarget::default()
    };
    let resource = ResourceMetricSource { name: "cpu".to_owned(), target };
    MetricSpec { type_: "Resource".to_owned(), resource: Some(resource), ..MetricSpec::default() }
}

fn default_rules(rules: &mut HPAScalingRules, policies: &[(&str, i32)]) {
    text(&mut rules.select_policy, "Max");
    let policy = |(type_, value): &(&str, i32)| HPAScalingPolicy {
        type_: (*type_).to_owned(),
        value: *value,
        period_seconds: 15,
    };
    value(&mut rules.policies, policies.iter().map(policy).collect());
}

fn targets(scaler: &HorizontalPodAutoscaler) -> String {
    let specs = scaler.spec.metrics.as_deref().unwrap_or_default();
    let status = scaler.status.as_ref().and_then(|it| it.current_metrics.as_deref()).unwrap_or_default();
    let mut shown: Vec<String> =
        specs.iter().enumerate().map(|(index, spec)| metric(spec, status.get(index))).collect();
    let more = shown.len().saturating_sub(2);
    match shown.len() {
        0 => NONE.to_owned(),
        1 | 2 => shown.join(", "),
        _ => {
            shown.truncate(2);
            format!("{} + {more} more...", shown.join(", "))
        }
    }
}

fn metric(spec: &MetricSpec, status: Option<&MetricStatus>) -> String {
    let status = status.cloned().unwrap_or_default();
    match spec.type_.as_str() {
        "Resource" => spec.resource.as_ref().map_or_else(String::new, |it| {
            format!("{}: {}", it.name, of_resource(&it.target, status.resource.map(|it| it.current)))
        }),
        "ContainerResource" => spec.container_resource.as_ref().map_or_else(String::new, |it| {
            format!(
                "{}: {}",
                it.name,
                of_resource(&it.target, status.container_resource.map(|it| it.current))
            )
        }),
        "Pods" => spec.pods.as_ref().map_or_else(String::new, |it| {
            let current = status.pods.map(|it| it.current).and_then(|it| it.average_value);
            ratio(current.map(|it| it.0), it.target.average_value.as_ref().map(|it| it.0.clone()))
        }),
        "Object" => spec
            .object
            .as_ref()
            .map_or_else(String::new, |it| of_value(&it.target, status.object.map(|it| it.current))),
        "External" => spec
            .external
            .as_ref()
            .map_or_else(String::new, |it| of_value(&it.target, status.external.map(|it| it.current))),
        _ => "<unknown type>".to_owned(),
    }
}

fn ratio(current: Option<String>, target: Option<String>) -> String {
    let current = current.unwrap_or_else(|| UNKNOWN.to_owned());
    format!("{current}/{}", target.unwrap_or_else(|| "<auto>".to_owned()))
}

fn of_resource(target: &MetricTarget, current: Option<MetricValueStatus>) -> String {
    let current = current.unwrap_or_default();
    match &target.average_value {
        Some(average) => ratio(current.average_value.map(|it| it.0), Some(average.0.clone())),
        None => {
            let percent = |it: Option<i32>| it.map(|it| format!("{it}%"));
            ratio(percent(current.average_utilization), percent(target.average_utilization))
        }
    }
}

fn of_value(target: &MetricTarget, current: Option<MetricValueStatus>) -> String {
    let current = current.unwrap_or_default();
    match &target.average_value {
        Some(average) => {
            let shown = ratio(current.average_value.map(|it| it.0), Some(average.0.clone()));
            format!("{shown} (avg)")
        }
        None => ratio(current.value.map(|it| it.0), target.value.as_ref().map(|it| it.0.clone())),
    }
}
