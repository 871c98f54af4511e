//! Commands that only look.

use super::{Files, OutputFlag, Selecting};
use clap::{Args, Subcommand};

/// `get`
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// TYPE[,TYPE] [NAME...] or TYPE/NAME...
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    /// After the list, show every change
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Show changes only, without the list first
    #[arg(long)]
    pub(crate) watch_only: bool,
    /// Say of each change what kind of change it is
    #[arg(long)]
    pub(crate) output_watch_events: bool,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
    /// Show all labels as the last column
    #[arg(long)]
    pub(crate) show_labels: bool,
    /// Show the value of a label as a column
    #[arg(short = 'L', long, value_delimiter = ',')]
    pub(crate) label_columns: Vec<String>,
    /// Show the kind before each name
    #[arg(long)]
    pub(crate) show_kind: bool,
    /// Sort by a field, such as .metadata.name
    #[arg(long)]
    pub(crate) sort_by: Option<String>,
    /// Say nothing when an object isn't there
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    /// At most so many objects in one answer; 0 for all
    #[arg(long, default_value_t = 500)]
    pub(crate) chunk_size: u32,
    /// Read any path of the server
    #[arg(long, value_name = "PATH")]
    pub(crate) raw: Option<String>,
    /// Read a subresource such as status or scale
    #[arg(long)]
    pub(crate) subresource: Option<String>,
    /// Accepted; columns always come from the server
    #[arg(long, hide = true)]
    pub(crate) server_print: bool,
}

/// `describe`
#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// TYPE [NAME...] or TYPE/NAME...
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// Show the object's events
    #[arg(long, default_value = "true")]
    pub(crate) show_events: bool,
}

/// `logs`
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// POD, TYPE/NAME, then perhaps a container
    pub(crate) what: Vec<String>,
    /// Keep printing what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// The container
    #[arg(short, long)]
    pub(crate) container: Option<String>,
    /// All containers of the pod
    #[arg(long)]
    pub(crate) all_containers: bool,
    /// The container's instance before the last restart
    #[arg(short, long)]
    pub(crate) previous: bool,
    /// So many lines from the end; -1 for all
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) tail: Option<i64>,
    /// Only what is newer than this long ago, such as 5s, 2m, 3h
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Only what is newer than this time
    #[arg(long)]
    pub(crate) since_time: Option<String>,
    /// Stop after so many bytes
    #[arg(long)]
    pub(crate) limit_bytes: Option<i64>,
    /// Begin each line with its time
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Begin each line with pod and container
    #[arg(long)]
    pub(crate) prefix: bool,
    /// The pods with these labels
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Go on when one log cannot be read
    #[arg(long)]
    pub(crate) ignore_errors: bool,
    /// Accepted; logs are followed all at once
    #[arg(long, hide = true)]
    pub(crate) max_log_requests: Option<u32>,
}

/// `explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// TYPE[.FIELD...]
    pub(crate) what: String,
    /// Show the fields of the fields
    #[arg(long)]
    pub(crate) recursive: bool,
    /// A version other than the preferred one, such as apps/v1
    #[arg(long)]
    pub(crate) api_version: Option<String>,
}

/// `wait`
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// TYPE NAME..., TYPE/NAME... or TYPE with --selector or --all
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// delete, create, condition=NAME[=VALUE] or jsonpath={EXPRESSION}[=VALUE]
    #[arg(long = "for", value_name = "CONDITION")]
    pub(crate) condition: Vec<String>,
    /// All objects of the kind
    #[arg(long)]
    pub(crate) all: bool,
    /// How long to wait; 0 looks once, a negative time waits a week
    #[arg(long, default_value = "30s", allow_hyphen_values = true)]
    pub(crate) timeout: String,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
}

/// `events`
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The events of one object, such as pod/web
    #[arg(long = "for", value_name = "TYPE/NAME")]
    pub(crate) about: Option<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only events of these types, such as Warning
    #[arg(long, value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
}

/// `auth`
#[derive(Debug, Args)]
pub(crate) struct Auth {
    #[command(subcommand)]
    pub(crate) command: AuthCommand,
}

/// What to ask.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Ask whether you may do something
    CanI(CanI),
    /// Ask who you are
    Whoami(OutputFlag),
}

/// `auth can-i`
#[derive(Debug, Args)]
pub(crate) struct CanI {
    /// VERB then TYPE, TYPE/NAME or /PATH
    pub(crate) what: Vec<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Say nothing, only exit with 0 or 1
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// A subresource such as log
    #[arg(long, default_value = "")]
    pub(crate) subresource: String,
    /// List everything that you may do
    #[arg(long)]
    pub(crate) list: bool,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// `api-resources`
#[derive(Debug, Args)]
pub(crate) struct ApiResources {
    /// Only kinds that live in namespaces, or that do not
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) namespaced: Option<bool>,
    /// Only kinds of one group
    #[arg(long)]
    pub(crate) api_group: Option<String>,
    /// Only kinds that can do all of these
    #[arg(long, value_delimiter = ',')]
    pub(crate) verbs: Vec<String>,
    /// Only kinds of these categories
    #[arg(long, value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
    /// wide or name
    #[arg(short, long)]
    pub(crate) output: Option<String>,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
    /// name or kind
    #[arg(long)]
    pub(crate) sort_by: Option<String>,
    /// Accepted; nothing is cached
    #[arg(long, hide = true)]
    pub(crate) cached: bool,
}

/// `version`
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// Only the client's version
    #[arg(long)]
    pub(crate) client: bool,
    /// yaml or json
    #[arg(short, long)]
    pub(crate) output: Option<String>,
}
