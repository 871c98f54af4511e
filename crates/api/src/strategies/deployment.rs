//! How a Deployment behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::apps::v1::Deployment;

/// See the module.
#[derive(Debug)]
pub struct DeploymentStrategy;

impl Behaviour for DeploymentStrategy {
    type Object = Deployment;
}
