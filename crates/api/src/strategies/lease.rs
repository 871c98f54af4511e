//! How a Lease behaves.

use crate::field::Errors;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct LeaseStrategy;

impl Behaviour for LeaseStrategy {
    type Object = Lease;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Holder", "Who holds the lease."), Column::AGE];

    fn set_defaults(lease: &mut Lease) {
        lease.spec.get_or_insert_default();
    }

    fn validate(object: &Lease) -> Errors {
        crate::validation::cluster::lease(object)
    }

    fn cells(lease: &Lease, now: Timestamp) -> Vec<Value> {
        let holder = lease.spec.as_ref().and_then(|it| it.holder_identity.clone());
        vec![name_cell(&lease.metadata), holder.unwrap_or_default().into(), age_cell(&lease.metadata, now)]
    }
}
