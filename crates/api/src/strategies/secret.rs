//! How a Secret behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::Secret;

/// See the module.
#[derive(Debug)]
pub struct SecretStrategy;

impl Behaviour for SecretStrategy {
    type Object = Secret;
}
