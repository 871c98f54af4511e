//! A pod that names its node goes there or nowhere.

use crate::framework::{Plugin, Reject};
use crate::queue::Cause;
use crate::{NodeInfo, PodInfo};

pub(super) struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reject>> {
        match pod.node() {
            Some(name) if name != node.name() => {
                Err(vec![Reject::because("node(s) didn't match the requested node name")])
            }
            _ => Ok(()),
        }
    }
    fn wakes_on(&self) -> &'static [Cause] {
        &[Cause::NodeAdded]
    }
}
