//! How a Node behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::Node;

/// See the module.
#[derive(Debug)]
pub struct NodeStrategy;

impl Behaviour for NodeStrategy {
    type Object = Node;
}
