//! What a v1 autoscaler has no fields for, as upstream writes it into annotations: metrics besides CPU utilization,
//! what was measured, conditions and behavior.
//!
//! Start at [`take`] and [`put`]. [`super::behavior`] has the form of the behavior. Annotations that are not well-formed are left out, as upstream does: they must not make
//! an object unreadable.

use crate::ObjectMeta;
use crate::quantity;
use k8s_openapi::api::autoscaling::v1::CrossVersionObjectReference as OldReference;
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, ContainerResourceMetricStatus, CrossVersionObjectReference,
    ExternalMetricSource, ExternalMetricStatus, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget,
    MetricValueStatus, ObjectMetricSource, ObjectMetricStatus, PodsMetricSource, PodsMetricStatus,
    ResourceMetricSource, ResourceMetricStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

/// Metrics besides CPU utilization.
pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
/// What was measured.
pub(super) const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
/// Conditions.
pub(super) const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
/// How fast to scale.
pub(super) const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
/// All of them.
pub(super) const ALL: &[&str] = &[METRICS, CURRENT, CONDITIONS, BEHAVIOR];
/// Those that stand for a part of the status.
pub(super) const OF_STATUS: &[&str] = &[CURRENT, CONDITIONS];

/// Takes what an annotation says; nothing when it is not there or not well-formed.
pub(super) fn take<T: DeserializeOwned>(meta: &mut ObjectMeta, name: &str) -> Option<T> {
    let text = meta.annotations.as_mut()?.remove(name)?;
    serde_json::from_str(&text).ok()
}

/// Writes an annotation.
pub(super) fn put<T: Serialize>(meta: &mut ObjectMeta, name: &str, value: &T) {
    let text = serde_json::to_string(value).expect("what annotations hold serializes to JSON");
    meta.annotations.get_or_insert_default().insert(name.to_owned(), text);
}

/// Takes annotations away, and the empty map that this leaves.
pub(super) fn remove(meta: &mut ObjectMeta, names: &[&str]) {
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| !names.contains(&name.as_str()));
        if annotations.is_empty() {
            meta.annotations = None;
        }
    }
}

/// An amount that was checked when it was read. One that is left out is nothing.
#[derive(Clone, Serialize)]
pub(super) struct Amount(pub(super) Quantity);

impl Amount {
    fn or_nothing(quantity: Option<Quantity>) -> Self {
        quantity.map_or_else(Self::default, Self)
    }
}

impl Default for Amount {
    fn default() -> Self {
        Self(Quantity("0".to_owned()))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Quantity::deserialize(deserializer)?;
        quantity::canonical(&given.0).map(|it| Self(Quantity(it))).map_err(D::Error::custom)
    }
}

pub(super) fn bare(amount: Option<Amount>) -> Option<Quantity> {
    amount.map(|it| it.0)
}

fn target(type_: &str) -> MetricTarget {
    MetricTarget { type_: type_.to_owned(), ..MetricTarget::default() }
}

fn new_reference(it: OldReference) -> CrossVersionObjectReference {
    CrossVersionObjectReference { api_version: it.api_version, kind: it.kind, name: it.name }
}

fn old_reference(it: CrossVersionObjectReference) -> OldReference {
    OldReference { api_version: it.api_version, kind: it.kind, name: it.name }
}

/// What is aimed at, of resources.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceAim {
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_utilization: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Amount>,
}

impl From<MetricTarget> for ResourceAim {
    fn from(it: MetricTarget) -> Self {
        Self {
            target_average_utilization: it.average_utilization,
            target_average_value: it.average_value.map(Amount),
        }
    }
}

impl From<ResourceAim> for MetricTarget {
    fn from(it: ResourceAim) -> Self {
        let type_ = if it.target_average_utilization.is_some() { "Utilization" } else { "AverageValue" };
        Self {
            average_utilization: it.target_average_utilization,
            average_value: bare(it.target_average_value),
            ..target(type_)
        }
    }
}

/// What was measured, of resources.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_utilization: Option<i32>,
    current_average_value: Amount,
}

impl From<MetricValueStatus> for ResourceValue {
    fn from(it: MetricValueStatus) -> Self {
        Self {
            current_average_utilization: it.average_utilization,
            current_average_value: Amount::or_nothing(it.average_value),
        }
    }
}

impl From<ResourceValue> for MetricValueStatus {
    fn from(it: ResourceValue) -> Self {
        Self {
            average_utilization: it.current_average_utilization,
            average_value: Some(it.current_average_value.0),
            value: None,
        }
    }
}

/// A metric, or what was measured of it, of the resources of pods or of one container in them.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct OfResource<T> {
    name: String,
    #[serde(flatten)]
    what: T,
    #[serde(skip_serializing_if = "String::is_empty")]
    container: String,
}

/// A metric of an object.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectSource {
    target: OldReference,
    metric_name: String,
    target_value: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_value: Option<Amount>,
}

/// A metric of pods.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodsSource {
    metric_name: String,
    target_average_value: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
}

/// A metric of something outside the cluster.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExternalSource {
    metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_value: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Amount>,
}

/// A metric.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric {
    #[serde(rename = "type")]
    type_: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<PodsSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<OfResource<ResourceAim>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_resource: Option<OfResource<ResourceAim>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<ExternalSource>,
}

impl From<MetricSpec> for Metric {
    fn from(it: MetricSpec) -> Self {
        let resource =
            |name, target: MetricTarget, container| OfResource { name, what: target.into(), container };
        Self {
            type_: it.type_,
            object: it.object.map(Into::into),
            pods: it.pods.map(|it| PodsSource {
                metric_name: it.metric.name,
                target_average_value: Amount::or_nothing(it.target.average_value),
                selector: it.metric.selector,
            }),
            resource: it.resource.map(|it| resource(it.name, it.target, String::new())),
            container_resource: it.container_resource.map(|it| resource(it.name, it.target, it.container)),
            external: it.external.map(|it| ExternalSource {
                metric_name: it.metric.name,
                metric_selector: it.metric.selector,
                target_value: it.target.value.map(Amount),
                target_average_value: it.target.average_value.map(Amount),
            }),
        }
    }
}

impl From<Metric> for MetricSpec {
    fn from(it: Metric) -> Self {
        Self {
            type_: it.type_,
            object: it.object.map(Into::into),
            pods: it.pods.map(Into::into),
            resource: it.resource.map(|it| ResourceMetricSource { name: it.name, target: it.what.into() }),
            container_resource: it.container_resource.map(|it| ContainerResourceMetricSource {
                container: it.container,
                name: it.name,
                target: it.what.into(),
            }),
            external: it.external.map(Into::into),
        }
    }
}

impl From<ObjectMetricSource> for ObjectSource {
    fn from(it: ObjectMetricSource) -> Self {
        Self {
            target: old_reference(it.described_object),
            metric_name: it.metric.name,
            target_value: Amount::or_nothing(it.target.value),
            selector: it.metric.selector,
            average_value: it.target.average_value.map(Amount),
        }
    }
}

impl From<ObjectSource> for ObjectMetricSource {
    fn from(it: ObjectSource) -> Self {
        let type_ = if it.average_value.is_some() { "AverageValue" } else { "Value" };
        let (value, average_value) = (Some(it.target_value.0), bare(it.average_value));
        Self {
            described_object: new_reference(it.target),
            metric: MetricIdentifier { name: it.metric_name, selector: it.selector },
            target: MetricTarget { value, average_value, ..target(type_) },
        }
    }
}

impl From<PodsSource> for PodsMetricSource {
    fn from(it: PodsSource) -> Self {
        let average_value = Some(it.target_average_value.0);
        Self {
            metric: MetricIdentifier { name: it.metric_name, selector: it.selector },
            target: MetricTarget { average_value, ..target("AverageValue") },
        }
    }
}

impl From<ExternalSource> for ExternalMetricSource {
    fn from(it: ExternalSource) -> Self {
        let type_ = if it.target_value.is_some() { "Value" } else { "AverageValue" };
        let (value, average_value) = (bare(it.target_value), bare(it.target_average_value));
        Self {
            metric: MetricIdentifier { name: it.metric_name, selector: it.metric_selector },
            target: MetricTarget { value, average_value, ..target(type_) },
        }
    }
}

/// What was measured of an object.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectValue {
    target: OldReference,
    metric_name: String,
    current_value: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_value: Option<Amount>,
}

/// What was measured of pods.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodsValue {
    metric_name: String,
    current_average_value: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
}

/// What was measured outside the cluster.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExternalValue {
    metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_selector: Option<LabelSelector>,
    current_value: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_value: Option<Amount>,
}

/// What was measured.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Measured {
    #[serde(rename = "type")]
    type_: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<PodsValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<OfResource<ResourceValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_resource: Option<OfResource<ResourceValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<ExternalValue>,
}

impl From<MetricStatus> for Measured {
    fn from(it: MetricStatus) -> Self {
        let resource = |name, current: MetricValueStatus, container| OfResource {
            name,
            what: current.into(),
            container,
        };
        Self {
            type_: it.type_,
            object: it.object.map(|it| ObjectValue {
                target: old_reference(it.described_object),
                metric_name: it.metric.name,
                current_value: Amount::or_nothing(it.current.value),
                selector: it.metric.selector,
                average_value: it.current.average_value.map(Amount),
            }),
            pods: it.pods.map(|it| PodsValue {
                metric_name: it.metric.name,
                current_average_value: Amount::or_nothing(it.current.average_value),
                selector: it.metric.selector,
            }),
            resource: it.resource.map(|it| resource(it.name, it.current, String::new())),
            container_resource: it.container_resource.map(|it| resource(it.name, it.current, it.container)),
            external: it.external.map(|it| ExternalValue {
                metric_name: it.metric.name,
                metric_selector: it.metric.selector,
                current_value: Amount::or_nothing(it.current.value),
                current_average_value: it.current.average_value.map(Amount),
            }),
        }
    }
}

impl From<Measured> for MetricStatus {
    fn from(it: Measured) -> Self {
        let named = |name, selector| MetricIdentifier { name, selector };
        let current = |value: Option<Amount>, average: Option<Amount>| MetricValueStatus {
            average_utilization: None,
            average_value: bare(average),
            value: bare(value),
        };
        Self {
            type_: it.type_,
            object: it.object.map(|it| ObjectMetricStatus {
                current: current(Some(it.current_value), it.average_value),
                described_object: new_reference(it.target),
                metric: named(it.metric_name, it.selector),
            }),
            pods: it.pods.map(|it| PodsMetricStatus {
                current: current(None, Some(it.current_average_value)),
                metric: named(it.metric_name, it.selector),
            }),
            resource: it.resource.map(|it| ResourceMetricStatus { current: it.what.into(), name: it.name }),
            container_resource: it.container_resource.map(|it| ContainerResourceMetricStatus {
                container: it.container,
                current: it.what.into(),
                name: it.name,
            }),
            external: it.external.map(|it| ExternalMetricStatus {
                current: current(Some(it.current_value), it.current_average_value),
                metric: named(it.metric_name, it.metric_selector),
            }),
        }
    }
}
