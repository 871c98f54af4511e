//! One file per kind that has rules of its own; the table names each.

pub mod config_map;
pub mod cron_job;
pub mod deployment;
pub mod event;
pub mod job;
pub mod lease;
pub mod namespace;
pub mod node;
pub mod pod;
pub mod replica_set;
pub mod secret;
pub mod service;
