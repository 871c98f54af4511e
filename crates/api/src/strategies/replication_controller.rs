//! How a ReplicationController behaves.

use crate::field::Errors;
use crate::resources::Subresource;
use crate::strategies::cells::map_selector;
use crate::strategies::defaults::value;
use crate::strategies::pod;
use crate::strategies::quantities;
use crate::strategies::replica_set;
use crate::strategies::workload::{NAMES_PODS, name_warning, wide_cells};
use crate::strategy::{Behaviour, Column, ScaleView, SelectableField, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ReplicationController, ReplicationControllerStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct ReplicationControllerStrategy;

impl Behaviour for ReplicationControllerStrategy {
    type Object = ReplicationController;
    const ORPHANS: bool = true;
    const COLUMNS: &'static [Column] = replica_set::COLUMNS;
    const FIELDS: &'static [&'static str] = &["status.replicas"];

    fn quantities(object: &mut ReplicationController, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(object.spec.as_mut().and_then(|it| it.template.as_mut()), visit);
    }

    /// Without a selector or labels, those of the template are taken.
    fn set_defaults(controller: &mut ReplicationController) {
        let spec = controller.spec.get_or_insert_default();
        value(&mut spec.replicas, 1);
        let template = spec.template.get_or_insert_default();
        pod::defaults::template(template);
        let labels = template.metadata.as_ref().and_then(|it| it.labels.clone()).filter(|it| !it.is_empty());
        if spec.selector.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
            spec.selector.clone_from(&labels);
        }
        if controller.metadata.labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
            controller.metadata.labels = labels;
        }
    }

    fn prepare_create(controller: &mut ReplicationController) {
        controller.status = Some(ReplicationControllerStatus::default());
    }

    fn warnings_create(object: &ReplicationController) -> Vec<String> {
        name_warning(&object.metadata, NAMES_PODS)
    }

    fn validate(object: &ReplicationController) -> Errors {
        crate::validation::workload::replication_controller(object)
    }

    fn validate_below(
        new: &ReplicationController,
        _old: &ReplicationController,
        _below: Subresource,
    ) -> Errors {
        crate::validation::status::replication_controller(new)
    }

    fn cells(controller: &ReplicationController, now: Timestamp) -> Vec<Value> {
        let spec = controller.spec.clone().unwrap_or_default();
        let status = controller.status.clone().unwrap_or_default();
        let mut cells = vec![
            name_cell(&controller.metadata),
            spec.replicas.unwrap_or(0).into(),
            status.replicas.into(),
            status.ready_replicas.unwrap_or(0).into(),
            age_cell(&controller.metadata, now),
        ];
        cells.extend(wide_cells(spec.template.as_ref(), &map_selector(spec.selector.as_ref())));
        cells
    }

    fn fields(controller: &ReplicationController) -> Vec<SelectableField> {
        let replicas = controller.status.as_ref().map_or(0, |it| it.replicas);
        vec![("status.replicas", replicas.to_string())]
    }

    fn scale(controller: &ReplicationController) -> Option<ScaleView> {
        let spec = controller.spec.as_ref()?;
        Some(ScaleView {
            desired: spec.replicas.unwrap_or(0),
            current: controller.status.as_ref().map_or(0, |it| it.replicas),
            selector: map_selector(spec.selector.as_ref()),
        })
    }

    fn set_scale(controller: &mut ReplicationController, replicas: i32) {
        controller.spec.get_or_insert_default().replicas = Some(replicas);
    }
}
