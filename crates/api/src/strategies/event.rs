//! How a Event behaves.

use crate::strategy::Behaviour;
use k8s_openapi::api::core::v1::Event;

/// See the module.
#[derive(Debug)]
pub struct EventStrategy;

impl Behaviour for EventStrategy {
    type Object = Event;
}
