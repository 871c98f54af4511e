//! How a Pod behaves: [`defaults`] fills it, [`columns`] shows it.

pub(crate) mod columns;
pub(crate) mod defaults;
pub(crate) mod warnings;

use crate::field::Errors;
use crate::strategies::quantities;
use crate::strategies::workload::name_warning;
use crate::strategy::{Behaviour, Column, SelectableField, StatusMeta};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct PodStrategy;

/// What a pod that is held by gates says from the start (KEP-3521). The scheduler has the next word, when the last gate
/// has gone.
fn gated() -> PodCondition {
    PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some("SchedulingGated".to_owned()),
        message: Some("Scheduling is blocked due to non-empty scheduling gates".to_owned()),
        ..PodCondition::default()
    }
}

impl Behaviour for PodStrategy {
    type Object = Pod;
    const RETURNS_DELETED: bool = true;
    const STATUS_META: StatusMeta = StatusMeta::WithoutOwners;
    const COLUMNS: &'static [Column] = columns::COLUMNS;
    const FIELDS: &'static [&'static str] = &[
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ];

    fn quantities(object: &mut Pod, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::pod(object.spec.as_mut(), visit);
    }

    fn set_defaults(pod: &mut Pod) {
        defaults::pod(pod.spec.get_or_insert_default());
    }

    fn prepare_create(pod: &mut Pod) {
        let spec = pod.spec.get_or_insert_default();
        pod.status = Some(PodStatus {
            phase: Some("Pending".to_owned()),
            qos_class: Some(crate::pod::qos_class(spec).to_owned()),
            conditions: crate::pod::is_gated(spec).then(|| vec![gated()]),
            ..PodStatus::default()
        });
    }

    fn prepare_update(pod: &mut Pod, old: &Pod) {
        let qos = old.status.as_ref().and_then(|it| it.qos_class.clone());
        if let Some(status) = &mut pod.status {
            status.qos_class = qos.or_else(|| status.qos_class.take());
        }
    }

    fn validate(object: &Pod) -> Errors {
        crate::validation::pod::validate(object)
    }

    fn validate_create(object: &Pod) -> Errors {
        crate::validation::pod::validate_create(object)
    }

    fn validate_update(object: &Pod, old: &Pod) -> Errors {
        crate::validation::pod::update::validate(object, old)
    }

    fn warnings(pod: &Pod) -> Vec<String> {
        warnings::pod(pod)
    }

    fn warnings_create(pod: &Pod) -> Vec<String> {
        name_warning(&pod.metadata, "the Pod's hostname")
    }

    fn cells(pod: &Pod, now: Timestamp) -> Vec<Value> {
        columns::cells(pod, now)
    }

    fn fields(pod: &Pod) -> Vec<SelectableField> {
        let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
        let text = |it: Option<&String>| it.cloned().unwrap_or_default();
        let first =
            status.and_then(|it| it.pod_ips.as_ref()).and_then(|it| it.first()).map(|it| it.ip.clone());
        let address = first.or_else(|| status.and_then(|it| it.pod_ip.clone()));
        let host_network = spec.and_then(|it| it.host_network).unwrap_or(false);
        vec![
            ("spec.nodeName", text(spec.and_then(|it| it.node_name.as_ref()))),
            ("spec.restartPolicy", text(spec.and_then(|it| it.restart_policy.as_ref()))),
            ("spec.schedulerName", text(spec.and_then(|it| it.scheduler_name.as_ref()))),
            ("spec.serviceAccountName", text(spec.and_then(|it| it.service_account_name.as_ref()))),
            ("spec.hostNetwork", host_network.to_string()),
            ("status.phase", text(status.and_then(|it| it.phase.as_ref()))),
            ("status.podIP", address.unwrap_or_default()),
            // Upstream takes this selector and gives it no value.
            ("status.podIPs", String::new()),
            ("status.nominatedNodeName", text(status.and_then(|it| it.nominated_node_name.as_ref()))),
        ]
    }

    /// An unscheduled or finished pod has nobody to wait for.
    fn grace(pod: &Pod, requested: Option<i64>) -> Option<i64> {
        if crate::pod::node_name(pod).is_empty() || crate::pod::is_finished(pod) {
            return Some(0);
        }
        let own = pod.spec.as_ref().and_then(|it| it.termination_grace_period_seconds);
        // A negative period means the shortest one that still lets the agent act.
        let grace = requested.or(own).unwrap_or(30);
        Some(if grace < 0 { 1 } else { grace })
    }
}
