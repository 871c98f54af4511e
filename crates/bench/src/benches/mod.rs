//! One file per bench, one row per file.

use crate::report::Section;
use crate::setting::Setting;
use anyhow::{Context, Result};
use clap::ValueEnum;

mod fan_out;
mod https;
mod idle;
mod pods;
mod scheduling;
mod store;
mod up;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// Durable writes and reads of the store
    Store,
    /// The API server over HTTPS
    Api,
    /// Decisions of the scheduler, alone and through the API server
    Sched,
    /// From `skiff up` to Ready nodes
    Up,
    /// A cluster at rest
    Idle,
    /// Starting and deleting pods
    Pods,
}

impl Bench {
    pub(crate) const ALL: &[Self] = &[Self::Store, Self::Api, Self::Sched, Self::Up, Self::Idle, Self::Pods];

    /// Whether programs other than this one are measured.
    pub(crate) fn needs_programs(self) -> bool {
        matches!(self, Self::Api | Self::Up | Self::Idle | Self::Pods)
    }

    pub(crate) fn run(self, setting: &Setting) -> Result<Vec<Section>> {
        match self {
            Self::Store => one_thread()?.block_on(store::run(setting)),
            Self::Api => one_thread()?.block_on(https::run(setting)),
            Self::Sched => scheduling::run(setting),
            Self::Up => one_thread()?.block_on(up::run(setting)),
            Self::Idle => one_thread()?.block_on(idle::run(setting)),
            Self::Pods => one_thread()?.block_on(pods::run(setting)),
        }
    }
}

/// A runtime for the asking side: one thread has the least to hand over.
fn one_thread() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start a runtime")
}
