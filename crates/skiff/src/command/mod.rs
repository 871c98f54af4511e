//! One command, one file.

mod down;
mod image;
mod kubeconfig;
mod node;
mod ready;
mod status;
mod up;

use crate::args::{Args, Command};
use crate::home::Folder;
use crate::{separate, serve};
use anyhow::{Context, Result};
use std::io::Write;
use std::process::ExitCode;

/// Runs what the user asked for.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.command {
        Command::Serve { folder } => serve_in_background(&Folder::at(&folder)),
        Command::Restore { from, data } => finish(restore(&from, &data)),
        other => finish(runtime().and_then(|it| it.block_on(asynchronous(other)))),
    }
}

async fn asynchronous(command: Command) -> Result<()> {
    match command {
        Command::Up(up) => up::run(up).await,
        Command::Down(name) => down::down(&name.name).await,
        Command::Stop(name) => down::stop(&name.name).await,
        Command::Status { name } => status::run(name.as_deref()).await,
        Command::Node(command) => node::run(command).await,
        Command::Image(command) => image::run(command).await,
        Command::Kubeconfig { cluster, output } => kubeconfig::run(&cluster.name, output.as_deref()),
        Command::Serve { .. } | Command::Restore { .. } => unreachable!("these are not asynchronous"),
    }
}

fn serve_in_background(folder: &Folder) -> ExitCode {
    let options = daemon::Options::default();
    let folder = folder.clone();
    daemon::run(options, |tasks| async move {
        let cluster = crate::cluster::Cluster::load(&folder.description())?;
        if cluster.context("there is no cluster in this folder")?.separate {
            separate::supervise(folder, tasks).await
        } else {
            serve::serve(folder, tasks).await
        }
    })
}

fn restore(from: &std::path::Path, data: &std::path::Path) -> Result<()> {
    store::Store::restore(from, data).with_context(|| format!("failed to restore {}", data.display()))?;
    say(&format!("restored {} from {}", data.display(), from.display()));
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.context("failed to start")
}

fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line on standard output. That nobody reads it is no reason to fail.
pub(crate) fn say(line: &str) {
    _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on standard error.
pub(crate) fn complain(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}
