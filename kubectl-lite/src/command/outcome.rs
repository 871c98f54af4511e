//! What commands that change objects say: `pod/web created`, or the object in the format that was asked for.

use crate::args::{DryRun, OutputFlag};
use crate::output;
use crate::print::format::{Format, without_managed_fields};
use crate::print::text;
use crate::resolve::Resource;
use anyhow::Result;
use serde_json::Value;

/// How outcomes are told.
#[derive(Debug)]
pub(super) struct Outcome {
    format: Option<Format>,
    keeps_managed_fields: bool,
    /// How the change is pretended.
    pub(super) dry_run: DryRun,
}

impl Outcome {
    /// Reads the flags.
    pub(super) fn of(flag: &OutputFlag, dry_run: DryRun) -> Result<Self> {
        let format = flag.output.as_deref().map(|it| Format::parse(Some(it))).transpose()?;
        Ok(Self { format, keeps_managed_fields: flag.show_managed_fields, dry_run })
    }

    /// Tells what was done to an object.
    pub(super) fn say(&self, resource: &Resource, object: &Value, operation: &str) -> Result<()> {
        match &self.format {
            None => {
                let name = resource.named(text(object, "metadata.name"));
                output::line(format!("{name} {operation}{}", self.dry_run.suffix()))
            }
            Some(format) if self.keeps_managed_fields => output::text(&format.object(resource, object)?),
            Some(format) => output::text(&format.object(resource, &without_managed_fields(object.clone()))?),
        }
    }
}
