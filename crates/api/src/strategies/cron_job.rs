//! How a CronJob behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::batch::v1::CronJob;

/// See the module.
#[derive(Debug)]
pub struct CronJobStrategy;

impl Behaviour for CronJobStrategy {
    type Object = CronJob;
}
