//! What tests need to see a cluster live: one in a process, objects to put in it, and ways to wait for what comes of it.
//!
//! Start at [`Cluster`]: API server on the memory store, scheduler, controllers and any number of nodes on engines that
//! behave without running anything. With paused time it lives through minutes in a moment, and a seed repeats it:
//!
//! ```
//! use testkit::{Cluster, objects, wait};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
//! let cluster = Cluster::start(3).await;
//! cluster.client().create(&objects::deployment("web", 2)).await.unwrap();
//! wait::rolled_out(cluster.client(), "web").await;
//! # cluster.stop().await;
//! # });
//! ```
//!
//! Nothing that ships depends on this, and nothing here asserts: tests do.
#![warn(missing_docs)]

mod cluster;
pub mod objects;
pub mod wait;

pub use cluster::Cluster;
