//! How a ControllerRevision behaves: a snapshot of a template that never changes.

use crate::field::Errors;
use crate::owner;
use crate::strategies::cells::NONE;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use crate::validation::workload;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct ControllerRevisionStrategy;

impl Behaviour for ControllerRevisionStrategy {
    type Object = ControllerRevision;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Controller", "The workload whose template this is."),
        Column::number("Revision", "The number of the revision."),
        Column::AGE,
    ];

    fn validate(object: &ControllerRevision) -> Errors {
        workload::controller_revision(object)
    }

    fn validate_update(object: &ControllerRevision, old: &ControllerRevision) -> Errors {
        workload::controller_revision_update(object, old)
    }

    fn cells(revision: &ControllerRevision, now: Timestamp) -> Vec<Value> {
        let controller = owner::controller(&revision.metadata).map_or_else(
            || NONE.to_owned(),
            |it| {
                let group = it.api_version.split_once('/').map_or("", |(group, _)| group);
                let dot = if group.is_empty() { "" } else { "." };
                format!("{}{dot}{group}/{}", it.kind.to_lowercase(), it.name)
            },
        );
        vec![
            name_cell(&revision.metadata),
            controller.into(),
            revision.revision.unwrap_or(0).into(),
            age_cell(&revision.metadata, now),
        ]
    }
}
