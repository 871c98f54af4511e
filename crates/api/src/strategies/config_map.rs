//! How a ConfigMap behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::ConfigMap;

/// See the module.
#[derive(Debug)]
pub struct ConfigMapStrategy;

impl Behaviour for ConfigMapStrategy {
    type Object = ConfigMap;
}
