//! The vocabulary of the cluster: every kind, and the one table that names them.
//!
//! Start at [`resources`], the table. Each row says what the API server, the store, the clients and the
//! command line need to know of a kind; [`strategy`] says how a kind behaves (defaults, validation, columns).
//! [`object`] holds an object of any kind, [`path`] is the only place that spells an API path or a store key,
//! and [`status`] is how a request fails.
//!
//! Nothing here does I/O, reads a clock or draws a random number.
#![warn(missing_docs)]

pub mod custom;
pub mod delete;
pub mod field;
pub mod meta;
pub mod object;
pub mod owner;
pub mod path;
pub mod pod;
pub mod quantity;
pub mod quota;
pub mod resources;
pub mod selector;
pub mod status;
pub mod strategies;
pub mod strategy;
pub mod validation;
pub mod yaml;

pub use k8s_openapi as k8s;
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
pub use object::{Key, Object, Resource};
pub use resources::{Kind, Scope, Subresource};
pub use status::ApiError;
pub use validation::meta as meta_validation;
