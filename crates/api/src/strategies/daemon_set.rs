//! How a DaemonSet behaves.

use crate::field::{Errors, Path};
use crate::resources::Subresource;
use crate::strategies::cells::{CONTAINERS, IMAGES, SELECTOR, labels, sorted};
use crate::strategies::defaults::{text, value};
use crate::strategies::pod;
use crate::strategies::quantities;
use crate::strategies::workload::wide_cells;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct DaemonSetStrategy;

impl Behaviour for DaemonSetStrategy {
    type Object = DaemonSet;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::number("Desired", "How many nodes should run the pod."),
        Column::number("Current", "How many nodes run the pod and should."),
        Column::number("Ready", "How many nodes have the pod ready."),
        Column::number("Up-to-date", "How many nodes run the current template."),
        Column::number("Available", "How many nodes have had the pod ready for long enough."),
        Column::text("Node Selector", "Labels of the nodes that run the pod."),
        Column::AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ];

    fn quantities(object: &mut DaemonSet, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(Some(&mut object.spec.template), visit);
    }

    fn set_defaults(set: &mut DaemonSet) {
        default_spec(&mut set.spec);
    }

    fn prepare_create(set: &mut DaemonSet) {
        set.status = Some(DaemonSetStatus::default());
    }

    fn validate(object: &DaemonSet) -> Errors {
        crate::validation::workload::daemon_set(object)
    }

    fn validate_update(object: &DaemonSet, old: &DaemonSet) -> Errors {
        crate::validation::workload::daemon_set_update(object, old)
    }

    fn warnings(object: &DaemonSet) -> Vec<String> {
        pod::warnings::template(&Path::new("spec").child("template"), &object.spec.template)
    }

    fn validate_below(new: &DaemonSet, old: &DaemonSet, _below: Subresource) -> Errors {
        crate::validation::status::daemon_set(new, old)
    }

    fn cells(set: &DaemonSet, now: Timestamp) -> Vec<Value> {
        let status = set.status.clone().unwrap_or_default();
        let nodes = set.spec.template.spec.as_ref().and_then(|it| it.node_selector.as_ref());
        let mut cells = vec![
            name_cell(&set.metadata),
            status.desired_number_scheduled.into(),
            status.current_number_scheduled.into(),
            status.number_ready.into(),
            status.updated_number_scheduled.unwrap_or(0).into(),
            status.number_available.unwrap_or(0).into(),
            labels(nodes).into(),
            age_cell(&set.metadata, now),
        ];
        cells.extend(wide_cells(Some(&set.spec.template), &sorted(&set.spec.selector)));
        cells
    }
}

fn default_spec(spec: &mut DaemonSetSpec) {
    value(&mut spec.revision_history_limit, 10);
    let strategy = spec.update_strategy.get_or_insert_default();
    text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling = strategy.rolling_update.get_or_insert_default();
        value(&mut rolling.max_unavailable, IntOrString::Int(1));
        value(&mut rolling.max_surge, IntOrString::Int(0));
    }
    pod::defaults::template(&mut spec.template);
}
