//! The scheduler as a process of its own.

use anyhow::Context;
use clap::Parser;
use client::Client;
use client::https::Https;
use client::kubeconfig::Kubeconfig;
use daemon::args::LogArgs;
use daemon::metrics::Registry;
use daemon::{Clock, Random};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Chooses a node for each pod.
#[derive(Debug, Parser)]
#[command(name = "scheduler", version)]
struct Args {
    /// Where the API server is, and who asks
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Pods that name this scheduler are ours
    #[arg(long, default_value = "default-scheduler")]
    scheduler_name: String,
    #[command(flatten)]
    log: LogArgs,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = daemon::Options { log: args.log.clone(), ..daemon::Options::default() };
    daemon::run(options, |tasks| async move {
        let credentials = Kubeconfig::load(&args.kubeconfig)?.credentials(None)?;
        let client = Client::new(Arc::new(Https::new(&credentials).context("failed to set up a client")?));
        let config = scheduler::Config { name: args.scheduler_name, ..scheduler::Config::default() };
        scheduler::run(config, client, Clock::system(), Random::system(), Registry::new(), tasks).await
    })
}
