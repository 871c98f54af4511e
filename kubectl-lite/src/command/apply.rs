//! `apply`: objects become as files say, whoever else changed them.

use super::outcome::Outcome;
use crate::apply::{LAST_APPLIED, last_applied, plan_patch, remembered};
use crate::args::{Apply, ApplyCommand, DryRun, Selecting, ViewLastApplied};
use crate::error::{During, Failures, refusal};
use crate::manifest::{self, Manifest};
use crate::output;
use crate::print::format;
use crate::print::text;
use crate::request::Call;
use crate::resolve::targets;
use crate::session::Session;
use anyhow::{Result, bail};
use api::selector::Selector;
use api::status::reason;
use client::PatchType;
use serde_json::{Value, json};

/// What was asked for, checked.
struct Request {
    args: Apply,
    outcome: Outcome,
    validation: &'static str,
    selector: Option<Selector>,
}

/// Runs the command.
pub(super) async fn run(session: &Session, mut args: Apply) -> Result<()> {
    if let Some(ApplyCommand::ViewLastApplied(args)) = args.command.take() {
        return view_last_applied(session, args).await;
    }
    let request = checked(args)?;
    let mut failures = Failures::default();
    for document in manifest::load(&request.args.files)? {
        if request.selects(&document.value) {
            let applied = match document.resolve(session).await {
                Ok(manifest) => request.apply(session, &manifest).await,
                Err(error) => Err(error),
            };
            failures.keep(applied);
        }
    }
    failures.into_result()
}

fn checked(args: Apply) -> Result<Request> {
    args.files.check()?;
    if args.files.filename.is_empty() {
        bail!("must specify one of -f and -k");
    }
    let dry_run = args.dry_run.mode()?;
    if args.server_side && dry_run == DryRun::Client {
        bail!("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
    }
    if args.force_conflicts && !args.server_side {
        bail!("--force-conflicts only works with --server-side");
    }
    Ok(Request {
        outcome: Outcome::of(&args.output, dry_run)?,
        validation: args.validate.query()?,
        selector: args.selector.as_deref().map(Selector::parse).transpose()?,
        args,
    })
}

impl Request {
    fn selects(&self, object: &Value) -> bool {
        let labels = serde_json::from_value(object["metadata"]["labels"].clone()).unwrap_or_default();
        self.selector.as_ref().is_none_or(|it| it.matches(Some(&labels)))
    }

    async fn apply(&self, session: &Session, manifest: &Manifest) -> Result<()> {
        if self.args.server_side {
            return self.apply_on_server(session, manifest).await;
        }
        if manifest.name.is_empty() {
            bail!(
                "error from {:?}: cannot use generate name with apply: use create, or set metadata.name",
                manifest.source
            );
        }
        let modified = remembered(&manifest.value);
        let current = session.find(&manifest.resource, &manifest.namespace, &manifest.name).await;
        match current.map_err(|error| during("retrieving current configuration of", manifest, error))? {
            None => self.create(session, manifest, &modified).await,
            Some(current) => self.change(session, manifest, &modified, current).await,
        }
    }

    async fn apply_on_server(&self, session: &Session, manifest: &Manifest) -> Result<()> {
        let path = manifest.resource.object(&manifest.namespace, &manifest.name);
        let call = Call::patch(path, PatchType::Apply, &manifest.value)
            .with("fieldManager", Some(self.args.field_manager.as_deref().unwrap_or("kubectl")))
            .with("force", Some(self.args.force_conflicts));
        let object = session.json(self.flagged(call)).await;
        let object = object.map_err(|error| conflicts_explained(during("applying", manifest, error)))?;
        self.outcome.say(&manifest.resource, &object, "serverside-applied")
    }

    fn flagged(&self, call: Call) -> Call {
        call.with("fieldValidation", Some(self.validation)).with("dryRun", self.outcome.dry_run.query())
    }

    fn manager(&self) -> &str {
        self.args.field_manager.as_deref().unwrap_or("kubectl-client-side-apply")
    }

    async fn create(&self, session: &Session, manifest: &Manifest, modified: &Value) -> Result<()> {
        if self.outcome.dry_run == DryRun::Client {
            return self.outcome.say(&manifest.resource, modified, "created");
        }
        let call = Call::post(manifest.resource.collection(&manifest.namespace), modified)
            .with("fieldManager", Some(self.manager()));
        let object = session.json(self.flagged(call)).await;
        let object = object.map_err(|error| during("creating", manifest, error))?;
        self.outcome.say(&manifest.resource, &object, "created")
    }

    async fn change(
        &self,
        session: &Session,
        manifest: &Manifest,
        modified: &Value,
        current: Value,
    ) -> Result<()> {
        if current["metadata"]["annotations"].get(LAST_APPLIED).is_none() {
            warn_of_missing_memory(manifest);
        }
        let planned = plan_patch(last_applied(&current).as_ref(), modified, &current);
        if planned.patch == json!({}) {
            return self.outcome.say(&manifest.resource, &current, "unchanged");
        }
        if self.outcome.dry_run == DryRun::Client {
            return self.outcome.say(&manifest.resource, &current, "configured");
        }
        let path = manifest.resource.object(&manifest.namespace, &manifest.name);
        let call = Call::patch(path, planned.kind, &planned.patch).with("fieldManager", Some(self.manager()));
        match session.json(self.flagged(call)).await {
            Ok(object) => self.outcome.say(&manifest.resource, &object, "configured"),
            Err(error) if self.args.force && is_stuck(&error) => {
                self.recreate(session, manifest, modified).await
            }
            Err(error) => Err(during("applying patch to", manifest, error)),
        }
    }

    async fn recreate(&self, session: &Session, manifest: &Manifest, modified: &Value) -> Result<()> {
        super::delete::and_wait(session, &manifest.resource, &manifest.namespace, &manifest.name).await?;
        let call = Call::post(manifest.resource.collection(&manifest.namespace), modified)
            .with("fieldManager", Some(self.manager()));
        let object = session.json(self.flagged(call)).await;
        let object = object.map_err(|error| during("creating", manifest, error))?;
        self.outcome.say(&manifest.resource, &object, "configured")
    }
}

fn during(verb: &'static str, manifest: &Manifest, error: anyhow::Error) -> anyhow::Error {
    During { verb, source_name: manifest.source.clone(), error }.into()
}

fn is_stuck(error: &anyhow::Error) -> bool {
    refusal(error).is_some_and(|it| matches!(it.reason(), reason::INVALID | reason::CONFLICT))
}

/// A conflict of owners says what can be done about it.
fn conflicts_explained(error: anyhow::Error) -> anyhow::Error {
    let conflict = error
        .downcast_ref::<During>()
        .is_some_and(|it| refusal(&it.error).is_some_and(|it| it.reason() == reason::CONFLICT));
    if !conflict {
        return error;
    }
    anyhow::anyhow!(
        "{}\nPlease review the fields above--they currently have other managers. Here\nare the ways you can resolve \
         this warning:\n* If you intend to manage all of these fields, please re-run the apply\n  command with the \
         `--force-conflicts` flag.\n* If you do not intend to manage all of the fields, please edit your\n  manifest to \
         remove references to the fields that should keep their\n  current managers.\n* You may co-own fields by \
         updating your manifest to match the existing\n  value; in this case, you'll become the manager if the other \
         manager(s)\n  stop managing the field (remove it from their configuration).\nSee \
         https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts",
        conflict_text(&error)
    )
}

fn conflict_text(error: &anyhow::Error) -> String {
    let message =
        error.downcast_ref::<During>().and_then(|it| refusal(&it.error)).map(|it| it.message().to_owned());
    format!("error: {}", message.unwrap_or_default())
}

fn warn_of_missing_memory(manifest: &Manifest) {
    output::note(format!(
        "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. kubectl \
         apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl \
         apply. The missing annotation will be patched automatically.",
        manifest.resource.qualified(),
        manifest.name
    ));
}

async fn view_last_applied(session: &Session, args: ViewLastApplied) -> Result<()> {
    for target in targets(session, &args.what, &args.files, &Selecting::default()).await? {
        let object = session.get(&target.resource, &target.namespace, target.name()).await?;
        let Some(applied) = last_applied(&object) else {
            bail!(
                "no last-applied-configuration annotation found on resource: {}",
                text(&object, "metadata.name")
            );
        };
        output::text(&if args.output == "json" { format::json(&applied) } else { format::yaml(&applied) })?;
    }
    Ok(())
}
