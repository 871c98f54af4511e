//! The command line.

use clap::{Args as Arguments, Parser, Subcommand};
use std::path::PathBuf;

/// Kubernetes clusters on your Docker Engine, ready in a second.
#[derive(Debug, Parser)]
#[command(name = "skiff", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a cluster, or continue one that was stopped
    Up(Up),
    /// Remove a cluster with everything in it
    Down(Name),
    /// Stop a cluster's processes and containers, and keep its objects for the next `up`
    Stop(Name),
    /// Show clusters and their nodes
    Status {
        /// Just this cluster
        #[arg(long)]
        name: Option<String>,
    },
    /// Add, stop, start or remove nodes
    #[command(subcommand)]
    Node(Node),
    /// The images that skiff brings along
    #[command(subcommand)]
    Image(Image),
    /// Write a kubeconfig for a cluster
    Kubeconfig {
        #[command(flatten)]
        cluster: Name,
        /// The file, instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Put a snapshot of a store in the place of a broken one
    Restore {
        /// The snapshot, such as CLUSTER/data/store/snapshots/NAME
        #[arg(long, value_name = "SNAPSHOT")]
        from: PathBuf,
        /// The store's folder, such as CLUSTER/data/store; what is there is kept beside it
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
    },
    /// Run a cluster's processes: what `up` starts in the background
    #[command(hide = true)]
    Serve {
        /// The cluster's folder
        #[arg(long)]
        folder: PathBuf,
    },
}

#[derive(Debug, Arguments)]
pub(crate) struct Name {
    /// The cluster
    #[arg(long, default_value = "dev")]
    pub(crate) name: String,
}

#[derive(Debug, Arguments)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) cluster: Name,
    /// How many nodes the cluster shall have [default: 3, or as many as it has]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=200))]
    pub(crate) nodes: Option<u8>,
    /// Write the kubeconfig to this file instead of merging it into yours
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Stay, and show what the cluster says
    #[arg(long)]
    pub(crate) foreground: bool,
    /// Run each daemon as a process of its own, to see and kill them one by one
    #[arg(long)]
    pub(crate) separate: bool,
    /// Log requests as this policy says (audit.k8s.io/v1), to audit.log in the cluster's folder
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_policy_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Add a node
    Add {
        #[command(flatten)]
        cluster: Name,
        /// The node's name [default: CLUSTER-NUMBER]
        node: Option<String>,
    },
    /// Switch a node off, with its containers
    Stop(OneNode),
    /// Switch a node on again
    Start(OneNode),
    /// Remove a node for good
    Rm(OneNode),
}

#[derive(Debug, Arguments)]
pub(crate) struct OneNode {
    #[command(flatten)]
    pub(crate) cluster: Name,
    /// The node's name or number
    pub(crate) node: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// List the images and whether Docker has them
    Ls,
    /// Load the images into Docker
    Build,
    /// Remove the images from Docker
    Rm,
}
