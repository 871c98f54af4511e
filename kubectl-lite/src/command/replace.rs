//! `replace`: objects become exactly as files say.

use super::outcome::Outcome;
use crate::apply::{LAST_APPLIED, remembered};
use crate::args::{DryRun, Replace};
use crate::error::{During, Failures};
use crate::manifest::{self, Manifest};
use crate::request::Call;
use crate::session::Session;
use anyhow::{Result, bail};

/// Runs the command.
pub(super) async fn run(session: &Session, args: Replace) -> Result<()> {
    args.files.check()?;
    if args.files.filename.is_empty() {
        bail!("must specify --filename or --kustomize");
    }
    let outcome = Outcome::of(&args.output, args.dry_run.mode()?)?;
    let validation = args.validate.query()?;
    let mut failures = Failures::default();
    for document in manifest::load(&args.files)? {
        let manifest = document.resolve(session).await?;
        let source = manifest.source.clone();
        let replaced = one(session, &args, &outcome, validation, manifest).await;
        failures
            .keep(replaced.map_err(|error| During { verb: "replacing", source_name: source, error }.into()));
    }
    failures.into_result()
}

async fn one(
    session: &Session,
    args: &Replace,
    outcome: &Outcome,
    validation: &str,
    mut manifest: Manifest,
) -> Result<()> {
    if manifest.value["metadata"]["annotations"].get(LAST_APPLIED).is_some() {
        manifest.value = remembered(&manifest.value);
    }
    let flagged = |call: Call| {
        let call =
            call.with("fieldManager", Some("kubectl-replace")).with("fieldValidation", Some(validation));
        call.with("dryRun", outcome.dry_run.query())
    };
    if outcome.dry_run == DryRun::Client {
        return outcome.say(&manifest.resource, &manifest.value, "replaced");
    }
    let path = manifest.resource.object(&manifest.namespace, &manifest.name);
    if args.force {
        if session.find(&manifest.resource, &manifest.namespace, &manifest.name).await?.is_some() {
            super::delete::and_wait(session, &manifest.resource, &manifest.namespace, &manifest.name).await?;
        }
        let call = Call::post(manifest.resource.collection(&manifest.namespace), &manifest.value);
        return outcome.say(&manifest.resource, &session.json(flagged(call)).await?, "replaced");
    }
    let object = session.json(flagged(Call::put(path, &manifest.value))).await?;
    outcome.say(&manifest.resource, &object, "replaced")
}
