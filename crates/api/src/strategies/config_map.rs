//! How a ConfigMap behaves.

use crate::field::Errors;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct ConfigMapStrategy;

impl Behaviour for ConfigMapStrategy {
    type Object = ConfigMap;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Data", "How many keys there are."), Column::AGE];

    fn validate(object: &ConfigMap) -> Errors {
        crate::validation::config::config_map(object)
    }

    fn validate_update(object: &ConfigMap, old: &ConfigMap) -> Errors {
        crate::validation::config::config_map_update(object, old)
    }

    fn cells(map: &ConfigMap, now: Timestamp) -> Vec<Value> {
        let keys =
            map.data.as_ref().map_or(0, |it| it.len()) + map.binary_data.as_ref().map_or(0, |it| it.len());
        vec![name_cell(&map.metadata), keys.into(), age_cell(&map.metadata, now)]
    }
}
