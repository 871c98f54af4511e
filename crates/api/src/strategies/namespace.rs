//! How a Namespace behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::Namespace;

/// See the module.
#[derive(Debug)]
pub struct NamespaceStrategy;

impl Behaviour for NamespaceStrategy {
    type Object = Namespace;
}
