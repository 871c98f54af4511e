//! How a Deployment behaves.

use crate::field::{Errors, Path};
use crate::resources::Subresource;
use crate::strategies::cells::{CONTAINERS, IMAGES, SELECTOR, sorted};
use crate::strategies::defaults::{text, value};
use crate::strategies::pod;
use crate::strategies::quantities;
use crate::strategies::workload::{NAMES_PODS, name_warning, percent, scale_selector, wide_cells};
use crate::strategy::{Behaviour, Column, ScaleView, StatusMeta, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct DeploymentStrategy;

impl Behaviour for DeploymentStrategy {
    type Object = Deployment;
    const STATUS_META: StatusMeta = StatusMeta::WithoutLabels;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Ready", "How many of the wanted pods are ready."),
        Column::number("Up-to-date", "How many pods have the current template."),
        Column::number("Available", "How many pods have been ready for long enough."),
        Column::AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ];

    fn quantities(object: &mut Deployment, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(Some(&mut object.spec.template), visit);
    }

    fn set_defaults(deployment: &mut Deployment) {
        default_spec(&mut deployment.spec);
    }

    fn prepare_create(deployment: &mut Deployment) {
        deployment.status = Some(DeploymentStatus::default());
    }

    fn validate(object: &Deployment) -> Errors {
        crate::validation::workload::deployment(object)
    }

    fn validate_update(object: &Deployment, old: &Deployment) -> Errors {
        crate::validation::workload::deployment_update(object, old)
    }

    fn warnings_create(object: &Deployment) -> Vec<String> {
        name_warning(&object.metadata, NAMES_PODS)
    }

    fn warnings(object: &Deployment) -> Vec<String> {
        pod::warnings::template(&Path::new("spec").child("template"), &object.spec.template)
    }

    fn validate_below(new: &Deployment, old: &Deployment, _below: Subresource) -> Errors {
        crate::validation::status::deployment(new, old)
    }

    fn cells(deployment: &Deployment, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (&deployment.spec, deployment.status.clone().unwrap_or_default());
        let mut cells = vec![
            name_cell(&deployment.metadata),
            format!("{}/{}", status.ready_replicas.unwrap_or(0), spec.replicas.unwrap_or(0)).into(),
            status.updated_replicas.unwrap_or(0).into(),
            status.available_replicas.unwrap_or(0).into(),
            age_cell(&deployment.metadata, now),
        ];
        cells.extend(wide_cells(Some(&spec.template), &sorted(&spec.selector)));
        cells
    }

    fn scale(deployment: &Deployment) -> Option<ScaleView> {
        Some(ScaleView {
            desired: deployment.spec.replicas.unwrap_or(0),
            current: deployment.status.as_ref().and_then(|it| it.replicas).unwrap_or(0),
            selector: scale_selector(&deployment.spec.selector),
        })
    }

    fn set_scale(deployment: &mut Deployment, replicas: i32) {
        deployment.spec.replicas = Some(replicas);
    }
}

fn default_spec(spec: &mut DeploymentSpec) {
    value(&mut spec.replicas, 1);
    value(&mut spec.revision_history_limit, 10);
    value(&mut spec.progress_deadline_seconds, 600);
    let strategy = spec.strategy.get_or_insert_default();
    text(&mut strategy.type_, "RollingUpdate");
    if strategy.type_.as_deref() == Some("RollingUpdate") {
        let rolling = strategy.rolling_update.get_or_insert_default();
        percent(&mut rolling.max_surge, 25);
        percent(&mut rolling.max_unavailable, 25);
    }
    pod::defaults::template(&mut spec.template);
}
