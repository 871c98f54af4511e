//! The cluster's controllers: a library of pure code and a thin loop that runs it.
//!
//! Start at [`controllers::CONTROLLERS`], the table of all of them. Each is two functions, `observe` and `reconcile`
//! (see `runtime::controller`); `common` is what several share. Only [`run()`] knows a connection or a task.
#![warn(missing_docs)]

mod common;
pub mod controllers;
mod run;

pub use controllers::CONTROLLERS;
pub use run::{Config, run};
