//! `rollout`: watch, list, take back, repeat or hold changes of a pod template.

use super::describe::owned;
use crate::args::{DryRun, RolloutCommand, RolloutHistory, RolloutStatus, RolloutTarget, RolloutUndo};
use crate::error::Failures;
use crate::output;
use crate::print::rollout::{Progress, Revision, history, progress, revision};
use crate::print::{at, text};
use crate::request::Call;
use crate::resolve::{Resource, Target, selected, targets};
use crate::session::{Session, Wanted};
use anyhow::{Result, anyhow, bail};
use client::PatchType;
use daemon::clock;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use serde_json::{Value, json};

const REVISION: &str = "deployment.kubernetes.io/revision";
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Runs the command.
pub(super) async fn run(session: &Session, command: RolloutCommand) -> Result<()> {
    match command {
        RolloutCommand::Status(args) => status(session, args).await,
        RolloutCommand::History(args) => show_history(session, args).await,
        RolloutCommand::Undo(args) => undo(session, args).await,
        RolloutCommand::Restart(args) => restart(session, args).await,
        RolloutCommand::Pause(args) => hold(session, args, true).await,
        RolloutCommand::Resume(args) => hold(session, args, false).await,
    }
}

async fn objects(session: &Session, args: &RolloutTarget) -> Result<Vec<(Target, Value)>> {
    let named = targets(session, &args.what, &args.files, &args.selecting).await?;
    if named.is_empty() {
        bail!("required resource not specified");
    }
    let mut found = Vec::new();
    for target in selected(session, named, &args.selecting).await? {
        let object = session.get(&target.resource, &target.namespace, target.name()).await?;
        found.push((target, object));
    }
    Ok(found)
}

async fn status(session: &Session, args: RolloutStatus) -> Result<()> {
    let timeout = super::wait::timeout_of(&args.timeout)?;
    for (target, object) in objects(session, &args.target).await? {
        let followed = follow(session, &target, object, args.watch);
        match timeout {
            None => followed.await?,
            Some(timeout) => clock::timeout(timeout, followed)
                .await
                .unwrap_or_else(|_| Err(anyhow!("timed out waiting for the condition")))?,
        }
    }
    Ok(())
}

async fn follow(session: &Session, target: &Target, object: Value, watch: bool) -> Result<()> {
    let mut said = String::new();
    let mut revision = text(&object, "metadata.resourceVersion").to_owned();
    if is_over(&target.resource, &object, &mut said)? || !watch {
        return Ok(());
    }
    let fields = format!("metadata.name={}", target.name());
    let wanted = Wanted { fields: Some(&fields), ..Wanted::all(&target.resource, &target.namespace) };
    loop {
        let mut changes = session.stream(wanted.watch(Some(&revision))).await?;
        while let Some(change) = changes.next_json().await? {
            match text(&change, "type") {
                "DELETED" => bail!("object has been deleted"),
                "ERROR" => break,
                "BOOKMARK" => {}
                _ if is_over(&target.resource, &change["object"], &mut said)? => return Ok(()),
                _ => {}
            }
        }
        let object = session.get(&target.resource, &target.namespace, target.name()).await?;
        if is_over(&target.resource, &object, &mut said)? {
            return Ok(());
        }
        text(&object, "metadata.resourceVersion").clone_into(&mut revision);
    }
}

/// Says how far it is, if that is news.
fn is_over(resource: &Resource, object: &Value, said: &mut String) -> Result<bool> {
    let Progress { text, done } = progress(resource, object)?;
    if text != *said {
        output::line(&text)?;
        *said = text;
    }
    Ok(done)
}

/// The revisions of an object, oldest first.
async fn revisions(session: &Session, target: &Target, object: &Value) -> Result<Vec<Revision>> {
    let number_of = |keeper: &Value| match target.resource.kind.as_str() {
        "Deployment" => keeper["metadata"]["annotations"][REVISION].as_str().and_then(|it| it.parse().ok()),
        _ => keeper["revision"].as_i64(),
    };
    let kept = match target.resource.kind.as_str() {
        "Deployment" => owned(session, &Resource::of::<ReplicaSet>(), object).await?,
        "DaemonSet" | "StatefulSet" => owned(session, &Resource::of::<ControllerRevision>(), object).await?,
        kind => bail!("no history viewer has been implemented for {kind}"),
    };
    let mut revisions: Vec<Revision> = kept
        .into_iter()
        .filter_map(|keeper| Some(Revision { number: number_of(&keeper)?, keeper }))
        .collect();
    revisions.sort_by_key(|it| it.number);
    Ok(revisions)
}

fn find(revisions: &[Revision], number: i64) -> Result<&Revision> {
    let found = revisions.iter().find(|it| it.number == number);
    found.ok_or_else(|| anyhow!("unable to find specified revision {number} in history"))
}

/// The template that a revision keeps.
fn template_of(revision: &Revision) -> Value {
    let kept = match revision.keeper["data"]["spec"]["template"] {
        Value::Null => &revision.keeper["spec"]["template"],
        ref template => template,
    };
    let mut template = kept.clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

async fn show_history(session: &Session, args: RolloutHistory) -> Result<()> {
    for (target, object) in objects(session, &args.target).await? {
        let all = revisions(session, &target, &object).await?;
        let name = target.label();
        if args.revision > 0 {
            let found = find(&all, args.revision)?;
            output::text(&revision(&name, found, &found.keeper_template()))?;
        } else {
            output::text(&history(&name, &all))?;
        }
    }
    Ok(())
}

impl Revision {
    /// The template as it is kept, hash and all.
    fn keeper_template(&self) -> Value {
        match &self.keeper["data"]["spec"]["template"] {
            Value::Null => self.keeper["spec"]["template"].clone(),
            template => template.clone(),
        }
    }
}

async fn undo(session: &Session, args: RolloutUndo) -> Result<()> {
    let dry_run = args.dry_run.mode()?;
    for (target, object) in objects(session, &args.target).await? {
        if at(&object, "spec.paused") == true {
            bail!(
                "cannot rollback a paused deployment; resume it first with 'kubectl-lite rollout resume' and try again"
            );
        }
        let all = revisions(session, &target, &object).await?;
        let wanted = if args.to_revision > 0 {
            find(&all, args.to_revision)?
        } else {
            let before = all.len().checked_sub(2).and_then(|it| all.get(it));
            before.ok_or_else(|| {
                anyhow!("no rollout history found for {} {:?}", target.resource.singular, target.name())
            })?
        };
        let said = back_to(session, &target, &object, wanted, dry_run).await?;
        output::line(format!("{} {said}{}", target.label(), dry_run.suffix()))?;
    }
    Ok(())
}

async fn back_to(
    session: &Session,
    target: &Target,
    object: &Value,
    revision: &Revision,
    dry_run: DryRun,
) -> Result<String> {
    let template = template_of(revision);
    if template == *at(object, "spec.template") {
        return Ok(format!(
            "skipped rollback (current template already matches revision {})",
            revision.number
        ));
    }
    if dry_run != DryRun::Client {
        let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
        let call = Call::patch(target.path(), PatchType::Json, &patch).with("dryRun", dry_run.query());
        session.json(call.with("fieldManager", Some("kubectl-rollout"))).await?;
    }
    Ok("rolled back".to_owned())
}

async fn restart(session: &Session, args: RolloutTarget) -> Result<()> {
    let now = session.clock.now().round(jiff::Unit::Second)?.to_string();
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}});
    let mut failures = Failures::default();
    for (target, object) in objects(session, &args).await? {
        failures.keep(restart_one(session, &target, &object, &patch).await);
    }
    failures.into_result()
}

async fn restart_one(session: &Session, target: &Target, object: &Value, patch: &Value) -> Result<()> {
    if !matches!(target.resource.kind.as_str(), "Deployment" | "DaemonSet" | "StatefulSet") {
        bail!("{} {:?} restarting is not supported", target.resource.plural, target.name());
    }
    if at(object, "spec.paused") == true {
        bail!(
            "{} {:?} can't restart paused deployment (run rollout resume first)",
            target.resource.qualified(),
            target.name()
        );
    }
    let call =
        Call::patch(target.path(), PatchType::Strategic, patch).with("fieldManager", Some("kubectl-rollout"));
    session.json(call).await?;
    output::line(format!("{} restarted", target.label()))
}

async fn hold(session: &Session, args: RolloutTarget, paused: bool) -> Result<()> {
    let (done, not) = if paused { ("paused", "already paused") } else { ("resumed", "not paused") };
    let mut failures = Failures::default();
    for (target, object) in objects(session, &args).await? {
        let name = format!("{} {:?}", target.resource.qualified(), target.name());
        if target.resource.kind != "Deployment" {
            failures.keep::<()>(Err(anyhow!("{name}: only deployments can be paused and resumed")));
        } else if (at(&object, "spec.paused") == true) == paused {
            failures.keep::<()>(Err(anyhow!("{name} is {not}")));
        } else {
            let patch = json!({"spec": {"paused": paused}});
            let call = Call::patch(target.path(), PatchType::Strategic, &patch);
            let changed = session.json(call.with("fieldManager", Some("kubectl-rollout"))).await;
            if failures.keep(changed).is_some() {
                output::line(format!("{} {done}", target.label()))?;
            }
        }
    }
    failures.into_result()
}
