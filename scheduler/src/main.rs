//! The scheduler as a process of its own.

use clap::Parser;
use daemon::args::LogArgs;
use daemon::metrics::Registry;
use daemon::{Clock, Random};
use std::path::PathBuf;
use std::process::ExitCode;

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
        let client = runtime::connect(&args.kubeconfig, &tasks)?;
        let config = scheduler::Config { name: args.scheduler_name, ..scheduler::Config::default() };
        scheduler::run(config, client, Clock::system(), Random::system(), Registry::new(), tasks).await
    })
}
