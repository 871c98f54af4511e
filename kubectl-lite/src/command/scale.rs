//! `scale`: how many replicas there shall be.

use super::outcome::Outcome;
use crate::args::{DryRun, Scale};
use crate::error::Failures;
use crate::print::at;
use crate::request::Call;
use crate::resolve::{Target, selected, targets};
use crate::session::Session;
use anyhow::{Result, bail};
use client::PatchType;
use serde_json::{Map, Value, json};

/// Runs the command.
pub(super) async fn run(session: &Session, args: Scale) -> Result<()> {
    args.files.check()?;
    let Some(replicas) = args.replicas else { bail!("required flag(s) \"replicas\" not set") };
    if replicas < 0 {
        bail!("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    let outcome = Outcome::of(&args.output, args.dry_run.mode()?)?;
    let named = targets(session, &args.what, &args.files, &args.selecting).await?;
    let selects = args.all || args.selecting.selector.is_some();
    if named.is_empty() || (!selects && named.iter().any(|it| it.name.is_none())) {
        bail!("resource(s) were provided, but no name was specified: add a name, --all or --selector");
    }
    let mut failures = Failures::default();
    for target in selected(session, named, &args.selecting).await? {
        failures.keep(one(session, &args, &outcome, replicas, &target).await);
    }
    failures.into_result()
}

async fn one(
    session: &Session,
    args: &Scale,
    outcome: &Outcome,
    replicas: i32,
    target: &Target,
) -> Result<()> {
    let path = target.below("scale");
    let mut meta = Map::new();
    if args.current_replicas >= 0 || args.resource_version.is_some() || outcome.dry_run == DryRun::Client {
        let scale = session.json(Call::get(&path)).await?;
        check(args, &scale)?;
        // What was checked must still hold when the change arrives.
        meta.insert("resourceVersion".into(), scale["metadata"]["resourceVersion"].clone());
    }
    if outcome.dry_run != DryRun::Client {
        let patch = json!({"metadata": meta, "spec": {"replicas": replicas}});
        let call = Call::patch(&path, PatchType::Merge, &patch).with("dryRun", outcome.dry_run.query());
        session.json(call).await?;
    }
    let object = session.get(&target.resource, &target.namespace, target.name()).await?;
    outcome.say(&target.resource, &object, "scaled")
}

fn check(args: &Scale, scale: &Value) -> Result<()> {
    let now = at(scale, "spec.replicas").as_i64().unwrap_or(0);
    if args.current_replicas >= 0 && now != i64::from(args.current_replicas) {
        bail!("Expected replicas to be {}, was {now}", args.current_replicas);
    }
    match &args.resource_version {
        Some(wanted) if scale["metadata"]["resourceVersion"] != **wanted => {
            bail!(
                "Expected resource version to be {wanted}, was {}",
                crate::print::text(scale, "metadata.resourceVersion")
            )
        }
        _ => Ok(()),
    }
}
