//! One file per controller, one row per controller.
//!
//! A controller is pure: it names no task, no connection and no clock. To add one, write its file and its row.

use runtime::Registration;

mod cluster_role;
mod deployment;
mod garbage_collector;
mod namespace;
mod replica_set;
mod replicas;
mod replication_controller;
pub mod root_ca;
mod service_account;

/// Every controller that the manager runs.
pub const CONTROLLERS: &[Registration] = &[
    Registration::of::<deployment::DeploymentController>(),
    Registration::of::<replica_set::ReplicaSetController>(),
    Registration::of::<replication_controller::ReplicationControllerController>(),
    Registration::of::<namespace::NamespaceController>(),
    Registration::of::<garbage_collector::GarbageCollector>(),
    Registration::of::<service_account::ServiceAccountController>(),
    Registration::of::<root_ca::RootCaController>(),
    Registration::of::<cluster_role::ClusterRoleController>(),
];
