//! How a ServiceAccount behaves.

use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct ServiceAccountStrategy;

impl Behaviour for ServiceAccountStrategy {
    type Object = ServiceAccount;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Secrets", "How many secrets it may use."), Column::AGE];

    fn cells(account: &ServiceAccount, now: Timestamp) -> Vec<Value> {
        let secrets = account.secrets.as_ref().map_or(0, |it| it.len());
        vec![name_cell(&account.metadata), secrets.into(), age_cell(&account.metadata, now)]
    }
}
