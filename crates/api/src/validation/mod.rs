//! What is wrong with an object, in upstream's words, so that users and tools meet the messages they know.
//!
//! Start at [`meta`], which every kind passes; then [`pod`]. [`names`] holds the formats. A kind's rules are called
//! from its strategy. Whether other objects exist is not asked here: that is admission's or a controller's.

pub mod address;
pub mod admission;
pub mod autoscaling;
pub mod batch;
pub mod certificate;
pub mod cluster;
pub(crate) mod common;
pub mod config;
pub mod csi;
pub mod definition;
pub mod endpoints;
pub mod event;
pub mod extension;
pub mod meta;
pub mod names;
pub mod network;
pub mod pod;
pub mod policy;
pub mod quota;
pub mod rbac;
pub mod schedule;
pub mod service;
pub mod status;
pub mod storage;
pub mod workload;

#[cfg(test)]
mod tests;
