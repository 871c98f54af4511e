//! `config`: kubeconfig files.

use clap::{Args, Subcommand};

/// `config`
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What to do with the kubeconfig.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the merged kubeconfig
    View(ConfigView),
    /// List the contexts
    GetContexts(GetContexts),
    /// List the clusters
    GetClusters,
    /// List the users
    GetUsers,
    /// Show the context in use
    CurrentContext,
    /// Use another context
    #[command(alias = "use")]
    UseContext(ConfigName),
    /// Add or change a context
    SetContext(SetContext),
    /// Add or change a cluster
    SetCluster(ConfigName),
    /// Add or change a user
    SetCredentials(SetCredentials),
    /// Rename a context
    RenameContext(RenameContext),
    /// Remove a context
    DeleteContext(ConfigName),
    /// Remove a cluster
    DeleteCluster(ConfigName),
    /// Remove a user
    DeleteUser(ConfigName),
}

/// A name.
#[derive(Debug, Args)]
pub(crate) struct ConfigName {
    /// The name
    pub(crate) name: String,
}

/// `config view`
#[derive(Debug, Args)]
pub(crate) struct ConfigView {
    /// Show certificates and keys
    #[arg(long)]
    pub(crate) raw: bool,
    /// Put files that are named into the output
    #[arg(long)]
    pub(crate) flatten: bool,
    /// Only what the context in use needs
    #[arg(long)]
    pub(crate) minify: bool,
    /// yaml, json or jsonpath=...
    #[arg(short, long, default_value = "yaml")]
    pub(crate) output: String,
}

/// `config get-contexts`
#[derive(Debug, Args)]
pub(crate) struct GetContexts {
    /// Only this one
    pub(crate) name: Option<String>,
    /// name
    #[arg(short, long)]
    pub(crate) output: Option<String>,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// `config set-context`
#[derive(Debug, Args)]
pub(crate) struct SetContext {
    /// The context
    pub(crate) name: Option<String>,
    /// Change the context in use
    #[arg(long)]
    pub(crate) current: bool,
    /// The cluster
    #[arg(long)]
    pub(crate) cluster: Option<String>,
    /// The user
    #[arg(long)]
    pub(crate) user: Option<String>,
}

/// `config set-credentials`
#[derive(Debug, Args)]
pub(crate) struct SetCredentials {
    /// The user
    pub(crate) name: String,
    /// The certificate's file
    #[arg(long)]
    pub(crate) client_certificate: Option<std::path::PathBuf>,
    /// The key's file
    #[arg(long)]
    pub(crate) client_key: Option<std::path::PathBuf>,
}

/// `config rename-context`
#[derive(Debug, Args)]
pub(crate) struct RenameContext {
    /// The name now
    pub(crate) old: String,
    /// The name then
    pub(crate) new: String,
}
