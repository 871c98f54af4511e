//! `patch`: one patch, as it was typed.

use super::outcome::Outcome;
use crate::args::{DryRun, Patch, Selecting};
use crate::error::Failures;
use crate::request::Call;
use crate::resolve::{Target, targets};
use crate::session::Session;
use anyhow::{Context, Result, bail};
use client::PatchType;
use openapi::facts::type_of;
use serde_json::Value;

/// Runs the command.
pub(super) async fn run(session: &Session, args: Patch) -> Result<()> {
    args.files.check()?;
    let kind = match args.kind.as_str() {
        "json" => PatchType::Json,
        "merge" => PatchType::Merge,
        "strategic" => PatchType::Strategic,
        other => bail!("--type must be one of [json merge strategic], not {other:?}"),
    };
    let patch = patch_of(&args)?;
    let outcome = Outcome::of(&args.output, args.dry_run.mode()?)?;
    let found = targets(session, &args.what, &args.files, &Selecting::default()).await?;
    if found.iter().any(|it| it.name.is_none()) || found.is_empty() {
        bail!("resource name is required: give TYPE/NAME");
    }
    let mut failures = Failures::default();
    for target in &found {
        failures.keep(one(session, &args, &outcome, kind, &patch, target).await);
    }
    failures.into_result()
}

fn patch_of(args: &Patch) -> Result<Value> {
    let text = match (&args.patch, &args.patch_file) {
        (Some(text), None) => text.clone(),
        (None, Some(path)) => {
            std::fs::read_to_string(path).with_context(|| format!("unable to read patch file {path}"))?
        }
        _ => bail!("must specify --patch or --patch-file containing the contents of the patch"),
    };
    let mut documents = api::yaml::documents(&text).with_context(|| format!("unable to parse {text:?}"))?;
    match documents.len() {
        1 => Ok(documents.remove(0)),
        _ => bail!("unable to parse {text:?}: a patch is one document"),
    }
}

async fn one(
    session: &Session,
    args: &Patch,
    outcome: &Outcome,
    kind: PatchType,
    patch: &Value,
    target: &Target,
) -> Result<()> {
    let before = session.get(&target.resource, &target.namespace, target.name()).await?;
    let path = args.subresource.as_ref().map_or_else(|| target.path(), |it| target.below(it));
    let after = if outcome.dry_run == DryRun::Client {
        patched_here(target, kind, patch, &before)?
    } else {
        let call = Call::patch(path, kind, patch).with("dryRun", outcome.dry_run.query());
        session.json(call.with("fieldManager", Some("kubectl-patch"))).await?
    };
    let unchanged = without_bookkeeping(&before) == without_bookkeeping(&after);
    outcome.say(&target.resource, &after, if unchanged { "patched (no change)" } else { "patched" })
}

/// Dry runs on this side merge here.
fn patched_here(target: &Target, kind: PatchType, patch: &Value, before: &Value) -> Result<Value> {
    let resource = &target.resource;
    Ok(match kind {
        PatchType::Json => ::patch::json_patch(before, patch.to_string().as_bytes())?,
        PatchType::Merge => ::patch::merge_patch(before, patch)?,
        PatchType::Strategic | PatchType::Apply => {
            match type_of(&resource.group, &resource.version, &resource.kind) {
                Some(schema) => ::patch::strategic_merge(before, patch, schema)?,
                None => {
                    bail!("strategic merge patch is not supported for {}: use --type merge", resource.label())
                }
            }
        }
    })
}

/// What changes with every write.
fn without_bookkeeping(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["resourceVersion", "generation", "managedFields"] {
            meta.remove(field);
        }
    }
    object
}
