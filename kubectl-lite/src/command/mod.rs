//! One module for each command. Start at [`run`]; a command reads its arguments, asks the server, prints.

mod apply;
mod auth;
mod cluster;
mod config;
mod create;
mod delete;
mod describe;
mod drain;
mod edit;
mod events;
mod exec;
mod explain;
mod expose;
mod forward;
mod get;
mod logs;
mod mark;
mod nodes;
mod outcome;
mod patch;
mod pods;
mod replace;
mod rollout;
mod run;
mod scale;
mod set;
mod wait;

use crate::args::{Cli, Command};
use crate::session::Session;
use anyhow::Result;

/// Does what was typed.
pub(crate) async fn run(cli: Cli) -> Result<()> {
    if let Command::Config(args) = cli.command {
        return config::run(&cli.global, args.command);
    }
    let session = Session::open(&cli.global)?;
    let session = &session;
    match cli.command {
        Command::Get(args) => get::run(session, args).await,
        Command::Describe(args) => describe::run(session, args).await,
        Command::Apply(args) => apply::run(session, args).await,
        Command::Create(args) => create::run(session, args).await,
        Command::Replace(args) => replace::run(session, args).await,
        Command::Patch(args) => patch::run(session, args).await,
        Command::Edit(args) => edit::run(session, args).await,
        Command::Delete(args) => delete::run(session, args).await,
        Command::Label(args) => mark::run(session, mark::Mark::Labels, args.what, args.marking).await,
        Command::Annotate(args) => mark::run(session, mark::Mark::Annotations, args.what, args.marking).await,
        Command::Set(args) => set::run(session, args.command).await,
        Command::Scale(args) => scale::run(session, args).await,
        Command::Rollout(args) => rollout::run(session, args.command).await,
        Command::Expose(args) => expose::run(session, args).await,
        Command::Run(args) => run::run(session, args).await,
        Command::Logs(args) => logs::run(session, args).await,
        Command::Exec(args) => exec::exec(session, args).await,
        Command::Attach(args) => exec::attach(session, args).await,
        Command::PortForward(args) => forward::run(session, args).await,
        Command::Wait(args) => wait::run(session, args).await,
        Command::Events(args) => events::run(session, args).await,
        Command::Explain(args) => explain::run(session, args).await,
        Command::Cordon(args) => nodes::cordon(session, &args, true).await,
        Command::Uncordon(args) => nodes::cordon(session, &args, false).await,
        Command::Drain(args) => drain::run(session, args).await,
        Command::Taint(args) => nodes::taint(session, args).await,
        Command::Auth(args) => auth::run(session, args.command).await,
        Command::ApiResources(args) => cluster::api_resources(session, args).await,
        Command::ApiVersions => cluster::api_versions(session).await,
        Command::ClusterInfo => cluster::cluster_info(session).await,
        Command::Config(_) => unreachable!("it was run above, without a session"),
        Command::Version(args) => cluster::version(session, args).await,
    }
}
