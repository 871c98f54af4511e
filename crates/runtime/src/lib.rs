//! The control loop itself: what turns pure controllers into running ones.
//!
//! A controller is two functions: [`Controller::observe`] gathers what a decision depends on from caches, and
//! [`Controller::reconcile`] decides. Everything else lives here, once:
//!
//! ```text
//!  API server --list, watch--> watcher --> cache --change--> queue --key--> driver --snapshot--> observe, reconcile
//!      ^                                     |                  ^                                      |
//!      |                                     +--- floor --------+                                    plan
//!      +------------------------------------ executor <------------------------------------------------+
//! ```
//!
//! Read in this order: [`controller`] (the two functions), [`plan`] (what they return), [`cache`] (what they read),
//! [`watcher`] (how caches are filled), [`queue`] (which key is next, and why), [`floor`] (why a key may have to wait),
//! [`executor`] (how plans are carried out), [`driver`] (the loop around it all), [`trace`] (what it remembers).
//!
//! Nothing here knows a kind's meaning, and no controller knows a clock, a connection or a task.
#![warn(missing_docs)]

pub mod cache;
pub mod connect;
pub mod controller;
pub mod custom;
pub mod driver;
pub mod events;
pub mod executor;
pub mod floor;
pub mod informers;
pub mod plan;
pub mod queue;
pub mod trace;
pub mod watcher;

pub use cache::{Change, Objects, Snapshot};
pub use connect::connect;
pub use controller::{Controller, Registration, Wakes, Watch};
pub use driver::{Driver, Settings};
pub use events::Recorder;
pub use informers::Informers;
pub use plan::{Action, Plan};
