//! How a PodDisruptionBudget behaves.

use crate::field::Errors;
use crate::strategies::cells::int_or_string;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct PodDisruptionBudgetStrategy;

impl Behaviour for PodDisruptionBudgetStrategy {
    type Object = PodDisruptionBudget;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Min Available", "How many pods must stay available."),
        Column::text("Max Unavailable", "How many pods may be unavailable."),
        Column::number("Allowed Disruptions", "How many pods may be evicted now."),
        Column::AGE,
    ];

    fn prepare_create(budget: &mut PodDisruptionBudget) {
        let zero = Some(0);
        budget.status = Some(PodDisruptionBudgetStatus {
            current_healthy: zero,
            desired_healthy: zero,
            disruptions_allowed: zero,
            expected_pods: zero,
            ..PodDisruptionBudgetStatus::default()
        });
    }

    fn validate(object: &PodDisruptionBudget) -> Errors {
        crate::validation::policy::disruption_budget(object)
    }

    fn cells(budget: &PodDisruptionBudget, now: Timestamp) -> Vec<Value> {
        let spec = budget.spec.clone().unwrap_or_default();
        let shown = |it: Option<_>| it.as_ref().map_or_else(|| "N/A".to_owned(), int_or_string);
        let allowed = budget.status.as_ref().and_then(|it| it.disruptions_allowed).unwrap_or(0);
        vec![
            name_cell(&budget.metadata),
            shown(spec.min_available).into(),
            shown(spec.max_unavailable).into(),
            allowed.into(),
            age_cell(&budget.metadata, now),
        ]
    }
}
