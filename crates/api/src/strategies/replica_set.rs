//! How a ReplicaSet behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::apps::v1::ReplicaSet;

/// See the module.
#[derive(Debug)]
pub struct ReplicaSetStrategy;

impl Behaviour for ReplicaSetStrategy {
    type Object = ReplicaSet;
}
