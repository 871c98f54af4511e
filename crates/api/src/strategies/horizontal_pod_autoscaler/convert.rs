//! The two encodings of an autoscaler. What v1 has no fields for is in annotations of its own, so that going there and
//! back loses nothing.

use super::annotations::{self, BEHAVIOR, CONDITIONS, CURRENT, METRICS, Measured, Metric};
use super::behavior::Behavior;
use super::cpu_at;
use k8s_openapi::api::autoscaling::v1::{
    CrossVersionObjectReference as OldReference, HorizontalPodAutoscaler as OldAutoscaler,
    HorizontalPodAutoscalerSpec as OldSpec, HorizontalPodAutoscalerStatus as OldStatus,
};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus, MetricSpec, MetricStatus, MetricValueStatus,
    ResourceMetricStatus,
};

/// What an autoscaler aims at when it says nothing.
pub(super) const DEFAULT_PERCENT: i32 = 80;
const CPU: &str = "cpu";
const RESOURCE: &str = "Resource";

/// The autoscaler of v2 that says the same.
pub fn to_new(old: OldAutoscaler) -> HorizontalPodAutoscaler {
    let OldAutoscaler { mut metadata, spec, status } = old;
    let mut metrics: Vec<MetricSpec> = annotations::take::<Vec<Metric>>(&mut metadata, METRICS)
        .into_iter()
        .flatten()
        .map(Into::into)
        .collect();
    metrics.extend(spec.target_cpu_utilization_percentage.map(cpu_at));
    if metrics.is_empty() {
        metrics.push(cpu_at(DEFAULT_PERCENT));
    }
    let behavior = annotations::take::<Behavior>(&mut metadata, BEHAVIOR).filter(|it| !it.is_empty());
    let measured = annotations::take::<Vec<Measured>>(&mut metadata, CURRENT);
    let conditions = annotations::take::<Vec<HorizontalPodAutoscalerCondition>>(&mut metadata, CONDITIONS);
    annotations::remove(&mut metadata, annotations::ALL);
    let target = spec.scale_target_ref;
    HorizontalPodAutoscaler {
        metadata,
        spec: HorizontalPodAutoscalerSpec {
            behavior: behavior.map(Into::into),
            max_replicas: spec.max_replicas,
            metrics: Some(metrics),
            min_replicas: spec.min_replicas,
            scale_target_ref: CrossVersionObjectReference {
                api_version: target.api_version,
                kind: target.kind,
                name: target.name,
            },
        },
        status: status.map(|it| new_status(it, measured, conditions)),
    }
}

fn new_status(
    old: OldStatus,
    measured: Option<Vec<Measured>>,
    conditions: Option<Vec<HorizontalPodAutoscalerCondition>>,
) -> HorizontalPodAutoscalerStatus {
    let cpu = |percent| {
        let current =
            MetricValueStatus { average_utilization: Some(percent), ..MetricValueStatus::default() };
        let resource = Some(ResourceMetricStatus { current, name: CPU.to_owned() });
        vec![MetricStatus { type_: RESOURCE.to_owned(), resource, ..MetricStatus::default() }]
    };
    let measured = measured.map(|it| it.into_iter().map(Into::into).collect());
    HorizontalPodAutoscalerStatus {
        conditions: conditions.filter(|it| !it.is_empty()),
        current_metrics: measured.or_else(|| old.current_cpu_utilization_percentage.map(cpu)),
        current_replicas: Some(old.current_replicas),
        desired_replicas: old.desired_replicas,
        last_scale_time: old.last_scale_time,
        observed_generation: old.observed_generation,
    }
}

/// The autoscaler of v1 that says the same.
pub fn to_old(new: HorizontalPodAutoscaler) -> OldAutoscaler {
    let HorizontalPodAutoscaler { mut metadata, spec, status } = new;
    annotations::remove(&mut metadata, annotations::ALL);
    let metrics = spec.metrics.unwrap_or_default();
    let percent = metrics.iter().find(|it| is_cpu(it)).and_then(utilization);
    let others: Vec<Metric> =
        metrics.into_iter().filter(|it| !(is_cpu(it) && utilization(it).is_some())).map(Into::into).collect();
    if !others.is_empty() {
        annotations::put(&mut metadata, METRICS, &others);
    }
    if let Some(behavior) = spec.behavior {
        annotations::put(&mut metadata, BEHAVIOR, &Behavior::from(behavior));
    }
    let target = spec.scale_target_ref;
    let status = status.map(|it| old_status(it, &mut metadata));
    OldAutoscaler {
        metadata,
        spec: OldSpec {
            max_replicas: spec.max_replicas,
            min_replicas: spec.min_replicas,
            scale_target_ref: OldReference {
                api_version: target.api_version,
                kind: target.kind,
                name: target.name,
            },
            target_cpu_utilization_percentage: percent,
        },
        status,
    }
}

fn is_cpu(metric: &MetricSpec) -> bool {
    metric.type_ == RESOURCE && metric.resource.as_ref().is_some_and(|it| it.name == CPU)
}

fn utilization(metric: &MetricSpec) -> Option<i32> {
    metric.resource.as_ref().and_then(|it| it.target.average_utilization)
}

fn old_status(new: HorizontalPodAutoscalerStatus, metadata: &mut crate::ObjectMeta) -> OldStatus {
    let measured = new.current_metrics.unwrap_or_default();
    let cpu = |it: &MetricStatus| {
        let resource = it.resource.as_ref().filter(|it| it.name == CPU)?;
        resource.current.average_utilization.filter(|_| it.type_ == RESOURCE)
    };
    let percent = measured.iter().filter_map(cpu).next_back();
    if !measured.is_empty() {
        let measured: Vec<Measured> = measured.into_iter().map(Into::into).collect();
        annotations::put(metadata, CURRENT, &measured);
    }
    if let Some(conditions) = new.conditions.filter(|it| !it.is_empty()) {
        annotations::put(metadata, CONDITIONS, &conditions);
    }
    OldStatus {
        current_cpu_utilization_percentage: percent,
        current_replicas: new.current_replicas.unwrap_or(0),
        desired_replicas: new.desired_replicas,
        last_scale_time: new.last_scale_time,
        observed_generation: new.observed_generation,
    }
}

/// Replaces the status: the field, and the annotations that stand for parts of it.
pub fn copy_status(to: &mut OldAutoscaler, from: &OldAutoscaler) {
    to.status.clone_from(&from.status);
    annotations::remove(&mut to.metadata, annotations::OF_STATUS);
    let of_status = from.metadata.annotations.iter().flatten();
    let of_status = of_status.filter(|(name, _)| annotations::OF_STATUS.contains(&name.as_str()));
    let of_status: Vec<_> = of_status.map(|(name, text)| (name.clone(), text.clone())).collect();
    if !of_status.is_empty() {
        to.metadata.annotations.get_or_insert_default().extend(of_status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn new(value: Value) -> HorizontalPodAutoscaler {
        let mut whole = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"});
        whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn old(value: Value) -> OldAutoscaler {
        let mut whole = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler"});
        whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[track_caller]
    fn annotation(scaler: &OldAutoscaler, name: &str) -> Value {
        let text = scaler.metadata.annotations.as_ref().and_then(|it| it.get(name)).expect("it is there");
        serde_json::from_str(text).unwrap()
    }

    /// One of each sort of metric, measured, with conditions and behavior.
    fn everything() -> HorizontalPodAutoscaler {
        let about = json!({"apiVersion": "v1", "kind": "Service", "name": "web"});
        let average = json!({"type": "AverageValue", "averageValue": "10"});
        let selector = json!({"matchLabels": {"a": "b"}});
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}});
        new(json!({
            "metadata": {"name": "h", "annotations": {"mine": "stays"}},
            "spec": {
                "minReplicas": 2, "maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}], "tolerance": "50m"}},
                "metrics": [
                    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
                    {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "main",
                        "target": {"type": "Utilization", "averageUtilization": 50}}},
                    {"type": "Pods", "pods": {"metric": {"name": "queue", "selector": selector}, "target": average}},
                    {"type": "Object", "object": {"describedObject": about, "metric": {"name": "hits"},
                        "target": {"type": "Value", "value": "2k"}}},
                    {"type": "External", "external": {"metric": {"name": "jobs", "selector": selector}, "target": average}},
                    cpu,
                ],
            },
            "status": {
                "currentReplicas": 3, "desiredReplicas": 4, "lastScaleTime": "2026-01-01T00:00:00Z",
                "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40, "averageValue": "20m"}}},
                    {"type": "Pods", "pods": {"metric": {"name": "queue"}, "current": {"averageValue": "7"}}},
                    {"type": "Object", "object": {"describedObject": about, "metric": {"name": "hits"}, "current": {"value": "1k"}}},
                    {"type": "External", "external": {"metric": {"name": "jobs"}, "current": {"averageValue": "3", "value": "0"}}},
                ],
                "conditions": [{"type": "AbleToScale", "status": "True", "reason": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            },
        }))
    }

    #[test]
    fn there_and_back_nothing_is_lost() {
        let scaler = everything();
        let old = to_old(scaler.clone());
        assert_eq!(old.spec.target_cpu_utilization_percentage, Some(60));
        assert_eq!(old.status.as_ref().unwrap().current_cpu_utilization_percentage, Some(40));
        assert_eq!(old.metadata.annotations.as_ref().unwrap()["mine"], "stays");
        assert_eq!(to_new(old), scaler);
    }

    #[test]
    fn annotations_read_as_upstreams() {
        let old = to_old(everything());
        assert_eq!(
            annotation(&old, METRICS)[2],
            json!({"type": "Pods", "pods": {"metricName": "queue", "targetAverageValue": "10", "selector": {"matchLabels": {"a": "b"}}}})
        );
        assert_eq!(
            annotation(&old, METRICS)[1],
            json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "targetAverageUtilization": 50, "container": "main"}})
        );
        assert_eq!(
            annotation(&old, CURRENT)[0],
            json!({"type": "Resource", "resource": {"name": "cpu", "currentAverageUtilization": 40, "currentAverageValue": "20m"}})
        );
        assert_eq!(annotation(&old, CONDITIONS)[0]["type"], "AbleToScale");
        let down = json!({"StabilizationWindowSeconds": null, "SelectPolicy": null, "Tolerance": "50m",
            "Policies": [{"Type": "Pods", "Value": 1, "PeriodSeconds": 60}]});
        assert_eq!(annotation(&old, BEHAVIOR), json!({"ScaleUp": null, "ScaleDown": down}));
    }

    #[test]
    fn what_is_not_well_formed_is_left_out() {
        let metrics = |it: OldAutoscaler| serde_json::to_value(to_new(it).spec.metrics).unwrap();
        let scaler = |annotations: Value, percent: Value| {
            let spec = json!({"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "targetCPUUtilizationPercentage": percent});
            old(json!({"metadata": {"annotations": annotations}, "spec": spec}))
        };
        let cpu = |percent: i32| json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}}]);
        assert_eq!(metrics(scaler(json!({}), Value::Null)), cpu(80));
        assert_eq!(metrics(scaler(json!({METRICS: "not JSON"}), json!(30))), cpu(30));
        let wrong = r#"[{"type":"Pods","pods":{"metricName":"a","targetAverageValue":"much"}}]"#;
        assert_eq!(metrics(scaler(json!({METRICS: wrong}), json!(30))), cpu(30));
        let none = to_new(scaler(json!({BEHAVIOR: "{}", CONDITIONS: "7"}), Value::Null));
        assert_eq!((none.spec.behavior, none.metadata.annotations), (None, None));
    }

    #[test]
    fn annotations_of_the_status_go_with_it() {
        let mut edited = to_old(everything());
        edited.metadata.annotations = None;
        copy_status(&mut edited, &to_old(everything()));
        let names: Vec<_> = edited.metadata.annotations.unwrap().into_keys().collect();
        assert_eq!(names, [CONDITIONS, CURRENT]);
    }
}
