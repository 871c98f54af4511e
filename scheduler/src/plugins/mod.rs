//! One file per rule, one row per file.

use crate::framework::Plugin;

mod affinity;
mod balance;
mod name;
mod ports;
mod resources;
mod spread;
mod taints;
mod unschedulable;

/// Every rule, in the order in which they are asked: the cheap and frequent rejections first.
pub const PLUGINS: &[&dyn Plugin] = &[
    &unschedulable::NodeUnschedulable,
    &name::NodeName,
    &taints::TaintToleration,
    &affinity::NodeAffinity,
    &ports::NodePorts,
    &resources::NodeResourcesFit,
    &balance::BalancedAllocation,
    &spread::Spread,
];

#[cfg(test)]
pub(crate) mod fixtures;
