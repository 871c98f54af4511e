//! How a Pod behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::Pod;

/// See the module.
#[derive(Debug)]
pub struct PodStrategy;

impl Behaviour for PodStrategy {
    type Object = Pod;
}
