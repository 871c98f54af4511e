//! How each kind behaves: one file per kind, or per family of small kinds. The table names each.
//!
//! Start at [`config_map`], a small one, then [`pod`]. A file holds defaults, columns and selectable fields.

pub mod admission;
pub mod api_service;
pub(crate) mod cells;
pub mod certificate;
pub mod cluster_network;
pub mod config_map;
pub mod controller_revision;
pub mod cron_job;
pub mod custom_resource_definition;
pub mod daemon_set;
pub(crate) mod defaults;
pub mod deployment;
pub mod dynamic_resource;
pub mod endpoint_slice;
pub mod endpoints;
pub mod event;
pub mod flow_control;
pub mod horizontal_pod_autoscaler;
pub mod ingress;
pub mod job;
pub mod lease;
pub mod namespace;
pub mod network_policy;
pub mod node;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod;
pub mod pod_disruption_budget;
pub mod pod_template;
pub(crate) mod quantities;
pub mod quota;
pub mod rbac;
pub mod replica_set;
pub mod replication_controller;
pub mod scheduling;
pub mod secret;
pub mod service;
pub mod service_account;
pub mod stateful_set;
pub mod storage;
pub(crate) mod workload;

#[cfg(test)]
mod tests;
