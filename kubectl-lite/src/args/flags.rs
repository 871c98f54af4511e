//! Flags that several commands share.

use anyhow::{Result, bail};
use clap::Args;

/// Files that name or hold objects.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Files {
    /// File, folder, or - for standard input; may be repeated
    #[arg(short, long)]
    pub(crate) filename: Vec<String>,
    /// Look into the folders of --filename too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// Kustomizations are not built
    #[arg(short, long, hide = true)]
    pub(crate) kustomize: Option<String>,
}

impl Files {
    /// Refuses what is not supported.
    pub(crate) fn check(&self) -> Result<()> {
        if self.kustomize.is_some() {
            bail!("kustomizations are not built here: run `kustomize build DIR | kubectl-lite apply -f -`");
        }
        Ok(())
    }
}

/// Which objects, beyond names.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selecting {
    /// Labels to match, such as app=web,tier!=db
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Fields to match, such as spec.nodeName=one
    #[arg(long)]
    pub(crate) field_selector: Option<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
}

/// How a change is pretended.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DryRunFlag {
    /// none, server or client: only show what would be sent
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "unchanged", value_name = "MODE")]
    pub(crate) dry_run: Option<String>,
}

/// How a change is pretended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DryRun {
    /// It is done.
    #[default]
    None,
    /// Nothing is sent.
    Client,
    /// The server goes through it and stores nothing.
    Server,
}

impl DryRunFlag {
    /// The meaning of the word.
    pub(crate) fn mode(&self) -> Result<DryRun> {
        Ok(match self.dry_run.as_deref() {
            None | Some("none") => DryRun::None,
            Some("client" | "unchanged") => DryRun::Client,
            Some("server") => DryRun::Server,
            Some(other) => {
                bail!("Invalid dry-run value ({other:?}). Must be \"none\", \"server\", or \"client\".")
            }
        })
    }
}

impl DryRun {
    /// The query parameter `dryRun`.
    pub(crate) fn query(self) -> Option<&'static str> {
        (self == Self::Server).then_some("All")
    }

    /// What stands behind the outcome.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

/// What a command prints of the objects that it changed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OutputFlag {
    /// yaml, json, name, jsonpath=..., custom-columns=...
    #[arg(short, long)]
    pub(crate) output: Option<String>,
    /// Keep managedFields in yaml and json
    #[arg(long)]
    pub(crate) show_managed_fields: bool,
}

/// How strictly the server looks at fields it does not know.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ValidateFlag {
    /// strict, warn or ignore fields that the kind does not have
    #[arg(long, num_args = 0..=1, default_missing_value = "strict", require_equals = true, default_value = "strict")]
    pub(crate) validate: String,
}

impl ValidateFlag {
    /// The query parameter `fieldValidation`.
    pub(crate) fn query(&self) -> Result<&'static str> {
        Ok(match self.validate.as_str() {
            "strict" | "true" => "Strict",
            "warn" => "Warn",
            "ignore" | "false" => "Ignore",
            other => bail!(
                "invalid - validate option {other:?}; must be one of: strict (or true), warn, ignore (or false)"
            ),
        })
    }
}
