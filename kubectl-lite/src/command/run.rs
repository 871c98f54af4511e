//! `run`: an image in a pod.

use super::exec::{Streams, attach_to};
use super::outcome::Outcome;
use crate::args::{DryRun, Run};
use crate::error::Exit;
use crate::output;
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::Resource;
use crate::session::{Session, Wanted};
use anyhow::{Result, anyhow, bail};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};

/// Runs the command.
pub(super) async fn run(session: &Session, args: Run) -> Result<()> {
    let attached = args.attach || args.stdin;
    if args.rm && !attached {
        bail!("--rm should only be used for attached containers: add -i or --attach");
    }
    if args.tty && !args.stdin {
        bail!("-i/--stdin is required for containers with -t/--tty=true");
    }
    let outcome = Outcome::of(&args.output, args.dry_run.mode()?)?;
    let pod = pod(&args)?;
    let resource = Resource::of::<Pod>();
    if outcome.dry_run == DryRun::Client {
        return outcome.say(&resource, &pod, "created");
    }
    let call =
        Call::post(resource.collection(&session.namespace), &pod).with("fieldManager", Some("kubectl-run"));
    let created = session.json(call.with("dryRun", outcome.dry_run.query())).await?;
    if !attached || outcome.dry_run == DryRun::Server {
        return outcome.say(&resource, &created, "created");
    }
    let ended = attached_until_end(session, &args, &resource).await;
    if args.rm {
        let options = json!({"propagationPolicy": "Background"});
        session.json(Call::delete(resource.object(&session.namespace, &args.name), &options)).await?;
        if !args.quiet {
            output::line(format!("pod {:?} deleted from {} namespace", args.name, session.namespace))?;
        }
    }
    ended
}

fn pod(args: &Run) -> Result<Value> {
    let pairs = |list: &[&str]| -> Result<Map<String, Value>> {
        let pair = |it: &str| it.split_once('=').map(|(key, value)| (key.to_owned(), Value::from(value)));
        list.iter().map(|it| pair(it).ok_or_else(|| anyhow!("{it:?} is not KEY=VALUE"))).collect()
    };
    let labels = match &args.labels {
        Some(labels) => pairs(&labels.split(',').collect::<Vec<_>>())?,
        None => Map::from_iter([("run".to_owned(), args.name.clone().into())]),
    };
    let mut meta = json!({"name": args.name, "labels": labels});
    let annotations: Vec<&str> = args.annotations.iter().map(String::as_str).collect();
    if !annotations.is_empty() {
        meta["annotations"] = Value::Object(pairs(&annotations)?);
    }
    let spec =
        json!({"containers": [container(args)?], "restartPolicy": args.restart, "dnsPolicy": "ClusterFirst"});
    Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {}}))
}

fn container(args: &Run) -> Result<Value> {
    let mut container = json!({"name": args.name, "image": args.image, "resources": {}});
    let variable =
        |it: &String| it.split_once('=').map(|(name, value)| json!({"name": name, "value": value}));
    let env: Option<Vec<Value>> = args.env.iter().map(variable).collect();
    let env = env.ok_or_else(|| anyhow!("invalid env: each must be KEY=VALUE"))?;
    if !env.is_empty() {
        container["env"] = env.into();
    }
    if let Some(port) = args.port {
        container["ports"] = json!([{"containerPort": port}]);
    }
    if let Some(policy) = &args.image_pull_policy {
        container["imagePullPolicy"] = policy.clone().into();
    }
    if !args.words.is_empty() {
        container[if args.command { "command" } else { "args" }] = args.words.clone().into();
    }
    if args.stdin {
        container["stdin"] = true.into();
        container["stdinOnce"] = true.into();
    }
    if args.tty {
        container["tty"] = true.into();
    }
    Ok(container)
}

/// Attaches when the container runs; a container that was quicker has its log shown.
async fn attached_until_end(session: &Session, args: &Run, resource: &Resource) -> Result<()> {
    let pod = started(session, resource, &args.name).await?;
    if is_over(&pod) {
        let call = Call::get(resource.below(&session.namespace, &args.name, "log"));
        output::bytes(&session.bytes(call).await?)?;
    } else {
        if args.stdin && !args.quiet {
            output::note("If you don't see a command prompt, try pressing enter.");
        }
        attach_to(session, &pod, &args.name, Streams { stdin: args.stdin, tty: args.tty }).await?;
    }
    if args.restart != "Never" {
        return Ok(());
    }
    let pod = until(session, resource, &args.name, is_over).await?;
    let states = items(&pod, "status.containerStatuses");
    let code = states.iter().find_map(|it| it["state"]["terminated"]["exitCode"].as_i64()).unwrap_or(0);
    if code == 0 {
        return Ok(());
    }
    let message = format!("pod {}/{} terminated ({})", session.namespace, args.name, "Error");
    Err(Exit { code: u8::try_from(code).unwrap_or(1), message }.into())
}

fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "status.phase"), "Succeeded" | "Failed")
}

async fn started(session: &Session, resource: &Resource, name: &str) -> Result<Value> {
    until(session, resource, name, |pod| text(pod, "status.phase") == "Running" || is_over(pod)).await
}

/// Watches the pod until it is as it should be.
async fn until(
    session: &Session,
    resource: &Resource,
    name: &str,
    is_reached: fn(&Value) -> bool,
) -> Result<Value> {
    let fields = format!("metadata.name={name}");
    let wanted = Wanted { fields: Some(&fields), ..Wanted::all(resource, &session.namespace) };
    loop {
        let pod = session.get(resource, &session.namespace, name).await?;
        if is_reached(&pod) {
            return Ok(pod);
        }
        let mut changes = session.stream(wanted.watch(Some(text(&pod, "metadata.resourceVersion")))).await?;
        while let Some(mut change) = changes.next_json().await? {
            match text(&change, "type") {
                "DELETED" => bail!("pod {name:?} was deleted while it was waited for"),
                "ERROR" => break,
                _ if is_reached(&change["object"]) => return Ok(change["object"].take()),
                _ => {}
            }
        }
    }
}
