//! How a Job behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::batch::v1::Job;

/// See the module.
#[derive(Debug)]
pub struct JobStrategy;

impl Behaviour for JobStrategy {
    type Object = Job;
}
