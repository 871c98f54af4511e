//! The node agent: runs the pods that are bound to its node.
//!
//! Start at [`run`]. One worker per pod ([`worker`]) observes ([`observed`]), decides ([`plan`], pure) and has it done:
//! by a container engine ([`container_runtime`]), on disk ([`volumes`]), through the API ([`cluster`]). What users see
//! is computed from the same observation ([`status`], pure). The node reports itself ([`node`]) and serves logs, commands
//! and metrics ([`server`]).
//!
//! The agent refuses to remember: labels on containers ([`labels`]) are its only memory, so it can be killed at any
//! instant, and adopts what runs when it starts again.

pub mod cluster;
pub mod compose;
pub mod config;
pub mod container_runtime;
pub mod events;
mod hooks;
pub mod images;
pub mod intent;
pub mod labels;
pub mod node;
pub mod observed;
pub mod plan;
pub mod probes;
mod run;
pub mod server;
pub mod status;
pub mod volumes;
pub mod worker;

pub use config::{Capacity, Config, Credentials};
pub use run::{run, run_with};
