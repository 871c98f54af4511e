//! Commands about what runs in containers.

use super::{DryRunFlag, OutputFlag};
use clap::Args;

/// `exec`
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// POD or TYPE/NAME
    pub(crate) pod: Option<String>,
    /// The container
    #[arg(short, long)]
    pub(crate) container: Option<String>,
    /// Pass standard input
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Standard input is a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Print nothing but what the command prints
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The command and its arguments
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// `attach`
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// POD or TYPE/NAME
    pub(crate) pod: String,
    /// The container
    #[arg(short, long)]
    pub(crate) container: Option<String>,
    /// Pass standard input
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Standard input is a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Print nothing but what the container prints
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `port-forward`
#[derive(Debug, Args)]
pub(crate) struct PortForward {
    /// POD or TYPE/NAME
    pub(crate) pod: String,
    /// LOCAL:REMOTE, PORT for both, or :REMOTE for any local port
    #[arg(required = true)]
    pub(crate) ports: Vec<String>,
    /// Local addresses to listen on
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1")]
    pub(crate) address: Vec<String>,
}

/// `run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The pod's name
    pub(crate) name: String,
    /// The image
    #[arg(long)]
    pub(crate) image: String,
    /// Always, IfNotPresent or Never
    #[arg(long)]
    pub(crate) image_pull_policy: Option<String>,
    /// Always, OnFailure or Never
    #[arg(long, default_value = "Always")]
    pub(crate) restart: String,
    /// Labels, such as app=web,tier=front
    #[arg(short = 'l', long)]
    pub(crate) labels: Option<String>,
    /// Annotations, may be repeated
    #[arg(long)]
    pub(crate) annotations: Vec<String>,
    /// Environment variables KEY=VALUE, may be repeated
    #[arg(long)]
    pub(crate) env: Vec<String>,
    /// The port that the container serves
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Take the words after -- as the command instead of its arguments
    #[arg(long)]
    pub(crate) command: bool,
    /// Attach when the container runs
    #[arg(long)]
    pub(crate) attach: bool,
    /// Pass standard input
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Standard input is a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Delete the pod at the end
    #[arg(long)]
    pub(crate) rm: bool,
    /// Print nothing but what the container prints
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    /// Arguments of the image's program
    #[arg(last = true)]
    pub(crate) words: Vec<String>,
}

/// `expose`
#[derive(Debug, Args)]
pub(crate) struct Expose {
    /// TYPE NAME or TYPE/NAME
    pub(crate) what: Vec<String>,
    /// The service's port
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The containers' port, a number or a name
    #[arg(long)]
    pub(crate) target_port: Option<String>,
    /// The service's name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// ClusterIP, NodePort or LoadBalancer
    #[arg(long = "type")]
    pub(crate) kind: Option<String>,
    /// TCP, UDP or SCTP
    #[arg(long)]
    pub(crate) protocol: Option<String>,
    /// The service's selector instead of the object's
    #[arg(long)]
    pub(crate) selector: Option<String>,
    /// The service's address, or None
    #[arg(long)]
    pub(crate) cluster_ip: Option<String>,
    /// Labels of the service
    #[arg(short = 'l', long)]
    pub(crate) labels: Option<String>,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
}
