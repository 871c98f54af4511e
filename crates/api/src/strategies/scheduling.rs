//! How a PriorityClass and a RuntimeClass behave.

use crate::field::Errors;
use crate::strategies::defaults::{text, value};
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// A PriorityClass.
#[derive(Debug)]
pub struct PriorityClassStrategy;
/// A RuntimeClass.
#[derive(Debug)]
pub struct RuntimeClassStrategy;

impl Behaviour for PriorityClassStrategy {
    type Object = PriorityClass;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::number("Value", "The priority of its pods."),
        Column { kind: "boolean", ..Column::text("Global-Default", "Whether pods without a class get it.") },
        Column::AGE,
        Column::text("PreemptionPolicy", "Whether its pods may push others out."),
    ];

    fn set_defaults(class: &mut PriorityClass) {
        text(&mut class.preemption_policy, "PreemptLowerPriority");
        value(&mut class.value, 0);
    }

    fn validate(object: &PriorityClass) -> Errors {
        crate::validation::cluster::priority_class(object)
    }

    fn validate_update(object: &PriorityClass, old: &PriorityClass) -> Errors {
        crate::validation::cluster::priority_class_update(object, old)
    }

    fn cells(class: &PriorityClass, now: Timestamp) -> Vec<Value> {
        vec![
            name_cell(&class.metadata),
            class.value.unwrap_or(0).into(),
            class.global_default.unwrap_or(false).into(),
            age_cell(&class.metadata, now),
            class.preemption_policy.clone().unwrap_or_default().into(),
        ]
    }
}

impl Behaviour for RuntimeClassStrategy {
    type Object = RuntimeClass;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Handler", "The runtime's name for it."), Column::AGE];

    fn quantities(object: &mut RuntimeClass, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::list(object.overhead.as_mut().and_then(|it| it.pod_fixed.as_mut()), visit);
    }

    fn validate(object: &RuntimeClass) -> Errors {
        crate::validation::cluster::runtime_class(object)
    }

    fn validate_update(object: &RuntimeClass, old: &RuntimeClass) -> Errors {
        crate::validation::cluster::runtime_class_update(object, old)
    }

    fn cells(class: &RuntimeClass, now: Timestamp) -> Vec<Value> {
        vec![name_cell(&class.metadata), class.handler.clone().into(), age_cell(&class.metadata, now)]
    }
}
