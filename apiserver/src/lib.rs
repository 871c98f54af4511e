//! The API server: every object of the cluster, over HTTPS and for callers of the same process.
//!
//! Start at [`start`]. A request passes `front` (who asks, for what, with which right), then one of the generic `handlers`;
//! reads are answered by the watch `cache`, writes pass `admission` and the kind's strategy on their way to the store.
//! Nothing here is written per kind: routes, discovery and handlers follow from the table of crate `api`.
//!
//! This is the only crate that touches the store.

mod accept;
mod admission;
mod allocate;
mod audit;
mod authn;
mod authz;
mod body;
mod bootstrap;
mod cache;
mod catalogue;
mod config;
mod custom;
mod deletion;
mod discovery;
mod documents;
mod endpoints;
mod fairness;
mod front;
mod handlers;
mod housekeeping;
mod https;
mod in_process;
mod kept;
mod metadata;
mod metrics;
mod notes;
mod options;
mod ownership;
mod policies;
mod pretty;
mod proxy;
mod request;
mod respond;
mod reviews;
mod server;
mod shape;
mod shares;
mod state;
mod strict;
mod vault;
mod versions;
mod webhooks;

#[cfg(test)]
mod tests;

pub use access::UserInfo;
pub use audit::{AuditConfig, AuditError, PolicyError, Target as AuditTarget};
pub use config::{Config, Material, Storage};
pub use in_process::InProcess;
pub use server::{Error, Server, start};
