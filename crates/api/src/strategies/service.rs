//! How a Service behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::Service;

/// See the module.
#[derive(Debug)]
pub struct ServiceStrategy;

impl Behaviour for ServiceStrategy {
    type Object = Service;
}
