//! Commands that change or remove objects.

use super::{DryRunFlag, Files, OutputFlag, Selecting, ValidateFlag};
use clap::{Args, Subcommand};

/// `apply`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Apply {
    #[command(subcommand)]
    pub(crate) command: Option<ApplyCommand>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    #[command(flatten)]
    pub(crate) validate: ValidateFlag,
    /// Let the server merge
    #[arg(long)]
    pub(crate) server_side: bool,
    /// Take fields that others own, with --server-side
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    /// The name under which fields are owned
    #[arg(long)]
    pub(crate) field_manager: Option<String>,
    /// Delete and create again what cannot be changed
    #[arg(long)]
    pub(crate) force: bool,
    /// Only objects with these labels
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Accepted and ignored: what the files say always wins
    #[arg(long, default_value = "true", hide = true)]
    pub(crate) overwrite: bool,
}

/// What else can be done with what was applied.
#[derive(Debug, Subcommand)]
pub(crate) enum ApplyCommand {
    /// Show what was applied last
    ViewLastApplied(ViewLastApplied),
}

/// `apply view-last-applied`
#[derive(Debug, Args)]
pub(crate) struct ViewLastApplied {
    /// TYPE NAME or TYPE/NAME
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    /// yaml or json
    #[arg(short, long, default_value = "yaml")]
    pub(crate) output: String,
}

/// `replace`
#[derive(Debug, Args)]
pub(crate) struct Replace {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    #[command(flatten)]
    pub(crate) validate: ValidateFlag,
    /// Delete and create again
    #[arg(long)]
    pub(crate) force: bool,
}

/// `edit`
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// TYPE NAME or TYPE/NAME
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) validate: ValidateFlag,
}

/// `patch`
#[derive(Debug, Args)]
pub(crate) struct Patch {
    /// TYPE NAME or TYPE/NAME
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    /// The patch, as JSON or YAML
    #[arg(short, long, allow_hyphen_values = true)]
    pub(crate) patch: Option<String>,
    /// A file that holds the patch
    #[arg(long)]
    pub(crate) patch_file: Option<String>,
    /// json, merge or strategic
    #[arg(long = "type", default_value = "strategic")]
    pub(crate) kind: String,
    /// A subresource such as status
    #[arg(long)]
    pub(crate) subresource: Option<String>,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
}

/// `delete`
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// TYPE[,TYPE] NAME... or TYPE/NAME...
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// All objects of the kind in the namespace
    #[arg(long)]
    pub(crate) all: bool,
    /// Seconds that the object gets to end by itself; negative for its own default
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    pub(crate) grace_period: i64,
    /// Do not wait for the end of what runs, with --grace-period=0
    #[arg(long)]
    pub(crate) force: bool,
    /// Give one second to end
    #[arg(long)]
    pub(crate) now: bool,
    /// Wait until the objects are gone
    #[arg(long, default_value = "true")]
    pub(crate) wait: bool,
    /// How long to wait; 0 is as long as it takes
    #[arg(long, default_value = "0s")]
    pub(crate) timeout: String,
    /// background, orphan or foreground
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "background", default_value = "background")]
    pub(crate) cascade: String,
    /// Say nothing when an object isn't there
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    /// name
    #[arg(short, long)]
    pub(crate) output: Option<String>,
}

/// `label`
#[derive(Debug, Args)]
pub(crate) struct Label {
    /// TYPE NAME... or TYPE/NAME..., then KEY=VALUE to set and KEY- to remove
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) marking: Marking,
}

/// `annotate`
#[derive(Debug, Args)]
pub(crate) struct Annotate {
    /// TYPE NAME... or TYPE/NAME..., then KEY=VALUE to set and KEY- to remove
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) marking: Marking,
}

/// Flags of `label` and `annotate`.
#[derive(Debug, Args)]
pub(crate) struct Marking {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    /// Replace values that are there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// All objects of the kind in the namespace
    #[arg(long)]
    pub(crate) all: bool,
    /// Show what is there
    #[arg(long)]
    pub(crate) list: bool,
    /// Only change this revision of the object
    #[arg(long)]
    pub(crate) resource_version: Option<String>,
}

/// `set`
#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(subcommand)]
    pub(crate) command: SetCommand,
}

/// What to set.
#[derive(Debug, Subcommand)]
pub(crate) enum SetCommand {
    /// Set images: CONTAINER=IMAGE..., * for all containers
    Image(SetWords),
    /// Set environment variables: KEY=VALUE..., KEY- to remove
    Env(SetWords),
    /// Set requests and limits
    Resources(SetResources),
    /// Set the service account
    #[command(name = "serviceaccount", alias = "sa")]
    ServiceAccount(SetWords),
}

/// Words after the objects.
#[derive(Debug, Args)]
pub(crate) struct SetWords {
    /// TYPE NAME or TYPE/NAME..., then what to set
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) setting: Setting,
}

/// `set resources`
#[derive(Debug, Args)]
pub(crate) struct SetResources {
    /// TYPE NAME or TYPE/NAME...
    pub(crate) what: Vec<String>,
    /// Such as cpu=100m,memory=64Mi
    #[arg(long)]
    pub(crate) requests: Option<String>,
    /// Such as cpu=200m,memory=128Mi
    #[arg(long)]
    pub(crate) limits: Option<String>,
    #[command(flatten)]
    pub(crate) setting: Setting,
}

/// Flags of `set`.
#[derive(Debug, Args)]
pub(crate) struct Setting {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    /// Containers to change; * for all
    #[arg(short, long, default_value = "*")]
    pub(crate) containers: String,
    /// All objects of the kind in the namespace
    #[arg(long)]
    pub(crate) all: bool,
}

/// `scale`
#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// TYPE NAME... or TYPE/NAME...
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// How many there shall be
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) replicas: Option<i32>,
    /// Only if there are so many now
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    pub(crate) current_replicas: i32,
    /// Only this revision of the object
    #[arg(long)]
    pub(crate) resource_version: Option<String>,
    /// All objects of the kind in the namespace
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
}

/// `rollout`
#[derive(Debug, Args)]
pub(crate) struct Rollout {
    #[command(subcommand)]
    pub(crate) command: RolloutCommand,
}

/// What to do with a roll-out.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Wait for the roll-out and say how it goes
    Status(RolloutStatus),
    /// List the revisions
    History(RolloutHistory),
    /// Go back to an earlier revision
    Undo(RolloutUndo),
    /// Replace all pods
    Restart(RolloutTarget),
    /// Stop acting on changes of the template
    Pause(RolloutTarget),
    /// Act on changes again
    Resume(RolloutTarget),
}

/// Objects of a `rollout` command.
#[derive(Debug, Args)]
pub(crate) struct RolloutTarget {
    /// TYPE NAME or TYPE/NAME
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
}

/// `rollout status`
#[derive(Debug, Args)]
pub(crate) struct RolloutStatus {
    #[command(flatten)]
    pub(crate) target: RolloutTarget,
    /// Wait for the end
    #[arg(short, long, default_value = "true")]
    pub(crate) watch: bool,
    /// How long to wait; 0 is as long as it takes
    #[arg(long, default_value = "0s")]
    pub(crate) timeout: String,
}

/// `rollout history`
#[derive(Debug, Args)]
pub(crate) struct RolloutHistory {
    #[command(flatten)]
    pub(crate) target: RolloutTarget,
    /// Show this revision's template
    #[arg(long, default_value_t = 0)]
    pub(crate) revision: i64,
}

/// `rollout undo`
#[derive(Debug, Args)]
pub(crate) struct RolloutUndo {
    #[command(flatten)]
    pub(crate) target: RolloutTarget,
    /// The revision to go to; 0 for the one before
    #[arg(long, default_value_t = 0)]
    pub(crate) to_revision: i64,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
}

/// `cordon`, `uncordon`
#[derive(Debug, Args)]
pub(crate) struct Nodes {
    /// NODE...
    pub(crate) nodes: Vec<String>,
    /// The nodes with these labels
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
}

/// `drain`
#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    pub(crate) nodes: Nodes,
    /// Leave pods of daemon sets where they are
    #[arg(long)]
    pub(crate) ignore_daemonsets: bool,
    /// Go on when pods have emptyDir volumes, whose data is lost
    #[arg(long)]
    pub(crate) delete_emptydir_data: bool,
    /// Go on when pods have no controller and are lost
    #[arg(long)]
    pub(crate) force: bool,
    /// Delete pods even where disruption budgets forbid it
    #[arg(long)]
    pub(crate) disable_eviction: bool,
    /// Seconds that pods get to end; negative for their own
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    pub(crate) grace_period: i64,
    /// How long to wait; 0 is as long as it takes
    #[arg(long, default_value = "0s")]
    pub(crate) timeout: String,
    /// Only pods with these labels
    #[arg(long)]
    pub(crate) pod_selector: Option<String>,
}

/// `taint`
#[derive(Debug, Args)]
pub(crate) struct Taint {
    /// nodes NODE..., then KEY=VALUE:EFFECT to set and KEY[:EFFECT]- to remove
    pub(crate) what: Vec<String>,
    /// The nodes with these labels
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// All nodes
    #[arg(long)]
    pub(crate) all: bool,
    /// Replace taints that are there
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
}
