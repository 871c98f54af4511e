//! Chooses a node for each pod.
//!
//! The decision is one pure function, [`schedule`]: a pod and an immutable [`Snapshot`] in, a [`Decision`] out that
//! holds every verdict and every score. Each rule is a [`Plugin`] in a file of its own ([`plugins`]). Around it,
//! [`queue`] says which pod is next and [`driver`] does what a decision says: it assumes, binds, and tells people.
//!
//! The scheduler never starts anything; the node's agent sees the binding and does.

mod driver;
mod framework;
pub mod plugins;
mod pod_info;
pub mod queue;
mod snapshot;
mod verdicts;

pub use driver::{Config, run};
pub use framework::{Decision, NodeVerdict, Plugin, Reject, Score, schedule};
pub use pod_info::{PodInfo, Resources};
pub use snapshot::{NodeInfo, Snapshot};
pub use verdicts::{Verdict, Verdicts};
