//! What can be typed: clap's structs, one for each command, named after kubectl's flags.
//!
//! Start at [`Cli`]. These are the low arguments: words as they stand. What they mean is checked by the commands, which
//! turn them into formats, selectors and targets before anything is sent.

mod change;
mod config;
mod create;
mod flags;
mod read;
mod run;

pub(crate) use change::*;
pub(crate) use config::*;
pub(crate) use create::*;
pub(crate) use flags::*;
pub(crate) use read::*;
pub(crate) use run::*;

use crate::output;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Controls a Kubernetes cluster: a small kubectl.
#[derive(Debug, Parser)]
#[command(name = "kubectl-lite", disable_help_subcommand = false, subcommand_required = true)]
pub(crate) struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct Global {
    /// Path to the kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The name of the kubeconfig context to use
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// The namespace of this request
    #[arg(short, long, global = true)]
    pub(crate) namespace: Option<String>,
    /// The address of the API server
    #[arg(short, long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Bearer token
    #[arg(long, global = true)]
    pub(crate) token: Option<String>,
    /// Path to the certificate of the authority that signed the server's
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) as_user: Option<String>,
    /// Group to impersonate, may be repeated
    #[arg(long, global = true, value_name = "GROUP")]
    pub(crate) as_group: Vec<String>,
    /// UID to impersonate
    #[arg(long, global = true, value_name = "UID")]
    pub(crate) as_uid: Option<String>,
    /// Accepted and ignored
    #[arg(long, global = true, value_name = "DURATION", hide = true)]
    pub(crate) request_timeout: Option<String>,
    /// Accepted and ignored
    #[arg(short, long = "v", global = true, hide = true)]
    pub(crate) verbosity: Option<String>,
    /// Accepted and ignored
    #[arg(long, global = true, hide = true)]
    pub(crate) cache_dir: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show objects
    Get(Get),
    /// Show an object with everything around it
    Describe(Describe),
    /// Create or change objects so that they are as files say
    Apply(Apply),
    /// Create an object from a file or from arguments
    Create(Create),
    /// Replace objects by what files say
    Replace(Replace),
    /// Change fields of an object
    Patch(Patch),
    /// Change objects in an editor
    Edit(Edit),
    /// Delete objects
    Delete(Delete),
    /// Set or remove labels
    Label(Label),
    /// Set or remove annotations
    Annotate(Annotate),
    /// Change images, environment or resources of a pod template
    Set(Set),
    /// Change how many replicas there are
    Scale(Scale),
    /// Watch, repeat or take back changes of a pod template
    Rollout(Rollout),
    /// Make a service for pods
    Expose(Expose),
    /// Run an image in a pod
    Run(Run),
    /// Print the logs of containers
    Logs(Logs),
    /// Run a command in a container
    Exec(Exec),
    /// Attach to a running container
    Attach(Attach),
    /// Forward local ports to a pod
    PortForward(PortForward),
    /// Wait until objects are as they should be
    Wait(Wait),
    /// List events
    Events(Events),
    /// Say what the fields of a kind mean
    Explain(Explain),
    /// Mark a node as unschedulable
    Cordon(Nodes),
    /// Mark a node as schedulable
    Uncordon(Nodes),
    /// Move the pods off a node
    Drain(Drain),
    /// Set or remove taints of nodes
    Taint(Taint),
    /// Ask what you may do, and who you are
    Auth(Auth),
    /// List the kinds of the server
    ApiResources(ApiResources),
    /// List the API versions of the server
    ApiVersions,
    /// Show the addresses of the control plane
    ClusterInfo,
    /// Show and change kubeconfig files
    Config(Config),
    /// Show the versions of client and server
    Version(Version),
}

/// Reads the command line.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut matches = with_valued_switches(Cli::command()).try_get_matches_from(words)?;
    Cli::from_arg_matches_mut(&mut matches)
}

/// Lets every switch take a value as kubectl's do: `--wait`, `--wait=false`.
fn with_valued_switches(command: clap::Command) -> clap::Command {
    let valued = |arg: clap::Arg| {
        if !matches!(arg.get_action(), ArgAction::SetTrue) {
            return arg;
        }
        let has_default = !arg.get_default_values().is_empty();
        let arg = arg.action(ArgAction::Set).num_args(0..=1).require_equals(true);
        let arg = arg.default_missing_value("true").value_name("BOOL");
        let arg = arg.hide_possible_values(true).hide_default_value(true);
        if has_default { arg } else { arg.default_value("false") }
    };
    command.mut_args(valued).mut_subcommands(with_valued_switches)
}

/// Says what clap says; a wrong usage ends with 1, as kubectl's does.
pub(crate) fn exit_code_of(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = output::text(&text.to_string());
        return ExitCode::SUCCESS;
    }
    output::note(text.to_string().trim_end());
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(line: &str) -> Command {
        let words = std::iter::once("kubectl-lite").chain(line.split(' ')).map(OsString::from);
        parse(words).unwrap_or_else(|error| panic!("{line}: {error}")).command
    }

    #[test]
    fn the_flags_do_not_clash() {
        with_valued_switches(Cli::command()).debug_assert();
    }

    #[test]
    fn switches_take_values() {
        let wait = |line: &str| match parsed(line) {
            Command::Delete(it) => it.wait,
            other => panic!("{other:?}"),
        };
        assert!(wait("delete pod a"));
        assert!(!wait("delete pod a --wait=false"));
        assert!(wait("delete pod a --wait --now"));
    }

    #[test]
    fn short_switches_stand_together() {
        let Command::Exec(exec) = parsed("exec -it web -n x -- sh -c ls") else { panic!("it is exec") };
        assert!(exec.stdin && exec.tty);
        assert_eq!(exec.pod.as_deref(), Some("web"));
        assert_eq!(exec.command, ["sh", "-c", "ls"]);
    }
}
