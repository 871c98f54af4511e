//! How a ReplicaSet behaves.

use crate::field::Errors;
use crate::resources::Subresource;
use crate::strategies::cells::{CONTAINERS, IMAGES, SELECTOR, sorted};
use crate::strategies::defaults::value;
use crate::strategies::pod;
use crate::strategies::quantities;
use crate::strategies::workload::{NAMES_PODS, name_warning, scale_selector, wide_cells};
use crate::strategy::{Behaviour, Column, ScaleView, SelectableField, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct ReplicaSetStrategy;

pub(crate) const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::number("Desired", "How many pods are wanted."),
    Column::number("Current", "How many pods there are."),
    Column::number("Ready", "How many pods are ready."),
    Column::AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

impl Behaviour for ReplicaSetStrategy {
    type Object = ReplicaSet;
    const COLUMNS: &'static [Column] = COLUMNS;
    const FIELDS: &'static [&'static str] = &["status.replicas"];

    fn quantities(object: &mut ReplicaSet, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(object.spec.template.as_mut(), visit);
    }

    fn set_defaults(set: &mut ReplicaSet) {
        value(&mut set.spec.replicas, 1);
        pod::defaults::template(set.spec.template.get_or_insert_default());
    }

    fn prepare_create(set: &mut ReplicaSet) {
        set.status = Some(ReplicaSetStatus::default());
    }

    fn warnings_create(object: &ReplicaSet) -> Vec<String> {
        name_warning(&object.metadata, NAMES_PODS)
    }

    fn validate(object: &ReplicaSet) -> Errors {
        crate::validation::workload::replica_set(object)
    }

    fn validate_update(object: &ReplicaSet, old: &ReplicaSet) -> Errors {
        crate::validation::workload::replica_set_update(object, old)
    }

    fn validate_below(new: &ReplicaSet, _old: &ReplicaSet, _below: Subresource) -> Errors {
        crate::validation::status::replica_set(new)
    }

    fn cells(set: &ReplicaSet, now: Timestamp) -> Vec<Value> {
        let status = set.status.clone().unwrap_or_default();
        let mut cells = vec![
            name_cell(&set.metadata),
            set.spec.replicas.unwrap_or(0).into(),
            status.replicas.into(),
            status.ready_replicas.unwrap_or(0).into(),
            age_cell(&set.metadata, now),
        ];
        cells.extend(wide_cells(set.spec.template.as_ref(), &sorted(&set.spec.selector)));
        cells
    }

    fn fields(set: &ReplicaSet) -> Vec<SelectableField> {
        let replicas = set.status.as_ref().map_or(0, |it| it.replicas);
        vec![("status.replicas", replicas.to_string())]
    }

    fn scale(set: &ReplicaSet) -> Option<ScaleView> {
        Some(ScaleView {
            desired: set.spec.replicas.unwrap_or(0),
            current: set.status.as_ref().map_or(0, |it| it.replicas),
            selector: scale_selector(&set.spec.selector),
        })
    }

    fn set_scale(set: &mut ReplicaSet, replicas: i32) {
        set.spec.replicas = Some(replicas);
    }
}
