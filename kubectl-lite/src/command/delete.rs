//! `delete`: removes objects, then waits until they are gone.

use crate::args::{Delete, DryRun};
use crate::error::{Failures, is_not_found};
use crate::output;
use crate::print::text;
use crate::request::Call;
use crate::resolve::{Resource, Target, selected, targets};
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use daemon::clock;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Runs the command.
pub(super) async fn run(session: &Session, args: Delete) -> Result<()> {
    let options = options_of(&args)?;
    let dry_run = args.dry_run.mode()?;
    let timeout = super::wait::timeout_of(&args.timeout)?;
    let named = targets(session, &args.what, &args.files, &args.selecting).await?;
    check_targets(&args, &named)?;
    let by_name = named.iter().any(|it| it.name.is_some());
    let found = selected(session, named, &args.selecting).await?;
    if found.is_empty() && !by_name {
        output::line("No resources found")?;
    }
    let mut failures = Failures::default();
    let mut deleted = Vec::new();
    for target in found {
        match delete(session, &target, &options, dry_run).await {
            Err(error) if (args.ignore_not_found || !by_name) && is_not_found(&error) => {}
            other => {
                if let Some(uid) = failures.keep(other) {
                    say(&args, &target, dry_run)?;
                    deleted.push((target, uid));
                }
            }
        }
    }
    if args.wait && dry_run == DryRun::None {
        failures.keep(until_gone(session, &deleted, timeout).await);
    }
    failures.into_result()
}

fn check_targets(args: &Delete, named: &[Target]) -> Result<()> {
    args.files.check()?;
    if named.is_empty() {
        bail!("You must provide one or more resources by argument or filename.");
    }
    let selects = args.all || args.selecting.selector.is_some() || args.selecting.field_selector.is_some();
    if !selects && named.iter().any(|it| it.name.is_none()) {
        bail!("resource(s) were provided, but no name was specified");
    }
    if args.all && named.iter().any(|it| it.name.is_some()) {
        bail!("name cannot be provided when --all is specified");
    }
    Ok(())
}

/// The body of the request.
fn options_of(args: &Delete) -> Result<Value> {
    let mut options = Map::new();
    let policy = match args.cascade.as_str() {
        "background" | "true" => "Background",
        "foreground" => "Foreground",
        "orphan" | "false" => "Orphan",
        other => {
            bail!("invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\"")
        }
    };
    options.insert("propagationPolicy".into(), policy.into());
    if args.now && args.grace_period != -1 {
        bail!("--now and --grace-period cannot be specified together");
    }
    let grace = match args.grace_period {
        _ if args.now => 1,
        -1 if args.force => 0,
        // Ending at once without a word is not what people mean by 0; --force is.
        0 if !args.force => 1,
        given => given,
    };
    if grace >= 0 {
        options.insert("gracePeriodSeconds".into(), grace.into());
    }
    if args.force && grace == 0 {
        output::note(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. \
             The resource may continue to run on the cluster indefinitely.",
        );
    }
    Ok(Value::Object(options))
}

/// Deletes one object and gives its UID.
async fn delete(session: &Session, target: &Target, options: &Value, dry_run: DryRun) -> Result<String> {
    if dry_run == DryRun::Client {
        let object = session.get(&target.resource, &target.namespace, target.name()).await?;
        return Ok(text(&object, "metadata.uid").to_owned());
    }
    let answer = session.json(Call::delete(target.path(), options).with("dryRun", dry_run.query())).await?;
    // A removed object answers with a Status, one that is going with itself.
    let uid =
        if answer["kind"] == "Status" { text(&answer, "details.uid") } else { text(&answer, "metadata.uid") };
    Ok(uid.to_owned())
}

fn say(args: &Delete, target: &Target, dry_run: DryRun) -> Result<()> {
    if args.output.as_deref() == Some("name") {
        return output::line(target.label());
    }
    let how = if args.force && args.grace_period <= 0 { "force deleted" } else { "deleted" };
    let place = if target.namespace.is_empty() {
        String::new()
    } else {
        format!(" from {} namespace", target.namespace)
    };
    let (kind, name, suffix) = (target.resource.label(), target.name(), dry_run.suffix());
    output::line(format!("{kind} {name:?} {how}{place}{suffix}"))
}

/// Waits for every object, all within one time.
pub(super) async fn until_gone(
    session: &Session,
    deleted: &[(Target, String)],
    timeout: Option<Duration>,
) -> Result<()> {
    let deadline = timeout.map(|it| clock::instant() + it);
    for (target, uid) in deleted {
        let gone = gone(session, &target.resource, &target.namespace, target.name(), uid);
        match deadline {
            None => gone.await?,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(clock::instant());
                if clock::timeout(left, gone).await.map_or(Ok(false), |it| it.map(|()| true))? {
                    continue;
                }
                bail!("timed out waiting for the condition on {}/{}", target.resource.plural, target.name());
            }
        }
    }
    Ok(())
}

/// Waits until the object with this UID is no longer there.
async fn gone(session: &Session, resource: &Resource, namespace: &str, name: &str, uid: &str) -> Result<()> {
    loop {
        let Some(object) = session.find(resource, namespace, name).await? else { return Ok(()) };
        if !uid.is_empty() && text(&object, "metadata.uid") != uid {
            return Ok(());
        }
        let fields = format!("metadata.name={name}");
        let wanted = Wanted { fields: Some(&fields), ..Wanted::all(resource, namespace) };
        let revision = text(&object, "metadata.resourceVersion");
        let mut changes = session.stream(wanted.watch(Some(revision))).await?;
        while let Some(change) = changes.next_json().await? {
            match text(&change, "type") {
                "DELETED" => return Ok(()),
                "ERROR" => break,
                _ => {}
            }
        }
    }
}

/// Deletes an object at once and waits until it is gone.
pub(super) async fn and_wait(
    session: &Session,
    resource: &Resource,
    namespace: &str,
    name: &str,
) -> Result<()> {
    let options = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
    session.json(Call::delete(resource.object(namespace, name), &options)).await?;
    gone(session, resource, namespace, name, "").await
}
