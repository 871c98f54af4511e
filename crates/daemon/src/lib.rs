//! What every daemon shares: reading time, drawing chance, owning tasks, counting, logging, starting and stopping.
//!
//! Start at [`run()`], which a thin `main` calls with the daemon's own start function; what that function receives is
//! [`Tasks`], the owner of everything it spawns. [`Clock`] and [`Random`] are handed down from there as arguments, so
//! that a test can put a paused clock and a seed in their place.
//!
//! This crate refuses to know Kubernetes: no kinds, no API paths, no HTTP. What it counts is named by those who count.

pub mod args;
mod aside;
mod chain;
pub mod clock;
pub mod follow;
mod heap;
pub mod logging;
pub mod metrics;
pub mod random;
mod run;
pub mod signal;
pub mod tasks;

pub use aside::aside;
pub use chain::chain;
pub use clock::Clock;
pub use random::Random;
pub use run::{Options, run};
pub use tasks::Tasks;
