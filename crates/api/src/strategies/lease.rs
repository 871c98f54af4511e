//! How a Lease behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::coordination::v1::Lease;

/// See the module.
#[derive(Debug)]
pub struct LeaseStrategy;

impl Behaviour for LeaseStrategy {
    type Object = Lease;
}
