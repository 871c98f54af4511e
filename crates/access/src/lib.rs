//! Who a user is and what they may do: access decisions as pure functions.
//!
//! Start at [`identity`] (a user) and [`attributes`] (what a request wants to do). [`Authorizer`] decides by
//! roles and bindings as upstream's RBAC does, [`node`] narrows what a node agent may touch, [`reviews`]
//! translates access reviews, and [`bootstrap`] holds the roles that every cluster starts with.
//!
//! Nothing here does I/O, reads a clock or authenticates anybody: the API server proves who is asking, keeps
//! the [`Authorizer`] up to date from its watch cache, and turns a refusal into an answer.
#![warn(missing_docs)]

pub mod attributes;
pub mod bootstrap;
pub mod bootstrap_token;
pub mod identity;
pub mod node;
pub mod rbac;
pub mod reviews;

pub use attributes::{Attributes, ResourceTarget, Target};
pub use identity::UserInfo;
pub use rbac::{Authorizer, Decision};
