//! How a StatefulSet behaves.

use crate::field::{Errors, Path};
use crate::resources::Subresource;
use crate::strategies::cells::{CONTAINERS, IMAGES};
use crate::strategies::defaults::{text, value};
use crate::strategies::quantities;
use crate::strategies::workload::{NAMES_PODS, name_warning, scale_selector, wide_cells};
use crate::strategies::{persistent_volume_claim, pod};
use crate::strategy::{Behaviour, Column, ScaleView, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetStatus};
use k8s_openapi::api::core::v1::PersistentVolumeClaimStatus;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct StatefulSetStrategy;

impl Behaviour for StatefulSetStrategy {
    type Object = StatefulSet;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Ready", "How many of the wanted pods are ready."),
        Column::AGE,
        CONTAINERS,
        IMAGES,
    ];

    fn quantities(object: &mut StatefulSet, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(Some(&mut object.spec.template), visit);
        for claim in object.spec.volume_claim_templates.iter_mut().flatten() {
            quantities::claim(claim.spec.as_mut(), visit);
        }
    }

    fn set_defaults(set: &mut StatefulSet) {
        default_spec(&mut set.spec);
    }

    fn prepare_create(set: &mut StatefulSet) {
        set.status = Some(StatefulSetStatus { available_replicas: Some(0), ..StatefulSetStatus::default() });
    }

    fn validate(object: &StatefulSet) -> Errors {
        crate::validation::workload::stateful_set(object)
    }

    fn validate_update(object: &StatefulSet, old: &StatefulSet) -> Errors {
        crate::validation::workload::stateful_set_update(object, old)
    }

    fn warnings_create(object: &StatefulSet) -> Vec<String> {
        name_warning(&object.metadata, NAMES_PODS)
    }

    fn warnings(object: &StatefulSet) -> Vec<String> {
        pod::warnings::template(&Path::new("spec").child("template"), &object.spec.template)
    }

    fn validate_below(new: &StatefulSet, old: &StatefulSet, _below: Subresource) -> Errors {
        crate::validation::status::stateful_set(new, old)
    }

    fn cells(set: &StatefulSet, now: Timestamp) -> Vec<Value> {
        let ready = set.status.as_ref().and_then(|it| it.ready_replicas).unwrap_or(0);
        let [names, images, _] = wide_cells(Some(&set.spec.template), "");
        vec![
            name_cell(&set.metadata),
            format!("{ready}/{}", set.spec.replicas.unwrap_or(0)).into(),
            age_cell(&set.metadata, now),
            names,
            images,
        ]
    }

    fn scale(set: &StatefulSet) -> Option<ScaleView> {
        Some(ScaleView {
            desired: set.spec.replicas.unwrap_or(0),
            current: set.status.as_ref().map_or(0, |it| it.replicas),
            selector: scale_selector(&set.spec.selector),
        })
    }

    fn set_scale(set: &mut StatefulSet, replicas: i32) {
        set.spec.replicas = Some(replicas);
    }
}

fn default_spec(spec: &mut StatefulSetSpec) {
    text(&mut spec.pod_management_policy, "OrderedReady");
    value(&mut spec.replicas, 1);
    value(&mut spec.revision_history_limit, 10);
    let retention = spec.persistent_volume_claim_retention_policy.get_or_insert_default();
    text(&mut retention.when_deleted, "Retain");
    text(&mut retention.when_scaled, "Retain");
    let strategy = spec.update_strategy.get_or_insert_default();
    text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        value(&mut strategy.rolling_update.get_or_insert_default().partition, 0);
    }
    for claim in spec.volume_claim_templates.iter_mut().flatten() {
        persistent_volume_claim::default_spec(claim.spec.get_or_insert_default());
        let pending = PersistentVolumeClaimStatus { phase: Some("Pending".to_owned()), ..Default::default() };
        value(&mut claim.status, pending);
    }
    pod::defaults::template(&mut spec.template);
}
