//! One file per controller, one row per controller.
//!
//! A controller is pure: it names no task, no connection and no clock. To add one, write its file and its row.

use runtime::Registration;

pub mod certificate;
mod cluster_role;
mod cron_job;
mod deployment;
mod garbage_collector;
mod job;
mod namespace;
mod node_lifecycle;
mod pod_gc;
mod replica_set;
mod replicas;
mod replication_controller;
mod resource_quota;
pub mod root_ca;
mod service_account;
mod storage_protection;
mod taint_eviction;
mod token_cleaner;
pub mod tokens;
mod ttl_after_finished;

/// Every controller that the manager runs.
pub const CONTROLLERS: &[Registration] = &[
    Registration::of::<deployment::DeploymentController>(),
    Registration::of::<replica_set::ReplicaSetController>(),
    Registration::of::<replication_controller::ReplicationControllerController>(),
    Registration::of::<job::JobController>(),
    Registration::of::<cron_job::CronJobController>(),
    Registration::of::<ttl_after_finished::TtlController>(),
    Registration::of::<namespace::NamespaceController>(),
    Registration::of::<garbage_collector::GarbageCollector>(),
    Registration::of::<pod_gc::PodGarbageCollector>(),
    Registration::of::<node_lifecycle::NodeController>(),
    Registration::of::<taint_eviction::TaintEvictionController>(),
    Registration::of::<service_account::ServiceAccountController>(),
    Registration::of::<tokens::TokensController>(),
    Registration::of::<root_ca::RootCaController>(),
    Registration::of::<cluster_role::ClusterRoleController>(),
    Registration::of::<certificate::approving::ApprovingController>(),
    Registration::of::<certificate::signing::SigningController>(),
    Registration::of::<certificate::cleaning::CleaningController>(),
    Registration::of::<token_cleaner::TokenCleaner>(),
    Registration::of::<resource_quota::ResourceQuotaController>(),
    Registration::of::<storage_protection::ClaimProtection>(),
    Registration::of::<storage_protection::VolumeProtection>(),
];
