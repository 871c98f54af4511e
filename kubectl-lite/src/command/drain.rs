//! `drain`: moves the pods off nodes.

use super::nodes::{nodes, set_unschedulable};
use super::wait::timeout_of;
use crate::args::{Drain, DryRun};
use crate::error::{is_not_found, refusal};
use crate::output;
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::{Resource, Target};
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use api::status::reason;
use daemon::clock;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long to wait when a disruption budget says no.
const BUDGET_PAUSE: Duration = Duration::from_secs(5);
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Runs the command.
pub(super) async fn run(session: &Session, args: Drain) -> Result<()> {
    let dry_run = args.nodes.dry_run.mode()?;
    let timeout = timeout_of(&args.timeout)?;
    let found = nodes(session, &args.nodes.nodes, args.nodes.selector.as_deref(), false).await?;
    for node in &found {
        set_unschedulable(session, node, true, dry_run).await?;
    }
    for node in &found {
        let drained = drain(session, &args, text(node, "metadata.name"), dry_run);
        match timeout {
            None => drained.await?,
            Some(timeout) => match clock::timeout(timeout, drained).await {
                Ok(drained) => drained?,
                Err(_) => bail!("drain did not complete within {}", args.timeout),
            },
        }
    }
    Ok(())
}

async fn drain(session: &Session, args: &Drain, node: &str, dry_run: DryRun) -> Result<()> {
    let resource = Resource::of::<Pod>();
    let fields = format!("spec.nodeName={node}");
    let wanted =
        Wanted { fields: Some(&fields), labels: args.pod_selector.as_deref(), ..Wanted::all(&resource, "") };
    let list = session.list(&wanted).await?;
    let plan = plan(items(&list, "items"), args);
    if !plan.obstacles.is_empty() {
        bail!(
            "unable to drain node {node:?} due to error: {}, continuing command...\nThere are pending nodes to be \
               drained:\n {node}\n{}",
            plan.obstacles.join("; "),
            plan.obstacles.join("\n")
        );
    }
    plan.warnings.iter().for_each(|it| output::note(format!("Warning: {it}")));
    let mut going = Vec::new();
    for pod in plan.pods {
        let (namespace, name) = (text(pod, "metadata.namespace"), text(pod, "metadata.name"));
        let verb = if args.disable_eviction { "deleting" } else { "evicting" };
        output::line(format!("{verb} pod {namespace}/{name}{}", dry_run.suffix()))?;
        if dry_run == DryRun::None {
            evict(session, args, pod, &resource).await?;
            let target =
                Target { resource: resource.clone(), namespace: namespace.into(), name: Some(name.into()) };
            going.push((target, text(pod, "metadata.uid").to_owned()));
        }
    }
    for gone in going {
        super::delete::until_gone(session, std::slice::from_ref(&gone), None).await?;
        output::line(format!(
            "pod/{} {}",
            gone.0.name(),
            if args.disable_eviction { "deleted" } else { "evicted" }
        ))?;
    }
    output::line(format!("node/{node} drained{}", dry_run.suffix()))
}

/// What a drain would do.
#[derive(Debug, Default, PartialEq)]
struct Plan<'a> {
    pods: Vec<&'a Value>,
    warnings: Vec<String>,
    /// What the flags do not allow.
    obstacles: Vec<String>,
}

fn plan<'a>(pods: &'a [Value], args: &Drain) -> Plan<'a> {
    let mut plan = Plan::default();
    let (mut daemons, mut local, mut lonely) = (Vec::new(), Vec::new(), Vec::new());
    for pod in pods.iter().filter(|it| it["metadata"]["annotations"].get(MIRROR).is_none()) {
        let name = format!("{}/{}", text(pod, "metadata.namespace"), text(pod, "metadata.name"));
        let over = matches!(text(pod, "status.phase"), "Succeeded" | "Failed");
        let mut owners = items(pod, "metadata.ownerReferences").iter();
        let owner = owners.find(|it| it["controller"] == true).map(|it| text(it, "kind"));
        if owner == Some("DaemonSet") && !over {
            daemons.push(name);
            continue;
        }
        if owner.is_none() && !over {
            lonely.push(name.clone());
        }
        if !over && items(pod, "spec.volumes").iter().any(|it| it["emptyDir"].is_object()) {
            local.push(name);
        }
        plan.pods.push(pod);
    }
    plan.judge(
        &daemons,
        args.ignore_daemonsets,
        "DaemonSet-managed Pods",
        "ignoring",
        "--ignore-daemonsets to ignore",
    );
    plan.judge_quietly(
        &local,
        args.delete_emptydir_data,
        "Pods with local storage",
        "--delete-emptydir-data to override",
    );
    plan.judge(&lonely, args.force, "Pods that declare no controller", "deleting", "--force to override");
    plan
}

impl Plan<'_> {
    fn judge(&mut self, names: &[String], allowed: bool, what: &str, doing: &str, flag: &str) {
        if allowed && !names.is_empty() {
            self.warnings.push(format!("{doing} {what}: {}", names.join(", ")));
        }
        self.judge_quietly(names, allowed, what, flag);
    }

    fn judge_quietly(&mut self, names: &[String], allowed: bool, what: &str, flag: &str) {
        if !allowed && !names.is_empty() {
            self.obstacles.push(format!("cannot delete {what} (use {flag}): {}", names.join(", ")));
        }
    }
}

/// Evicts a pod; while a disruption budget says no, asks again.
async fn evict(session: &Session, args: &Drain, pod: &Value, resource: &Resource) -> Result<()> {
    let (namespace, name) = (text(pod, "metadata.namespace"), text(pod, "metadata.name"));
    let mut options = Map::new();
    if args.grace_period >= 0 {
        options.insert("gracePeriodSeconds".into(), args.grace_period.into());
    }
    loop {
        let call = if args.disable_eviction {
            Call::delete(resource.object(namespace, name), &Value::Object(options.clone()))
        } else {
            let body = json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace},
                "deleteOptions": options,
            });
            Call::post(resource.below(namespace, name, "eviction"), &body)
        };
        match session.bytes(call).await {
            Ok(_) => return Ok(()),
            Err(error) if is_not_found(&error) => return Ok(()),
            Err(error) if refusal(&error).is_some_and(|it| it.reason() == reason::TOO_MANY_REQUESTS) => {
                let text = crate::error::message(&error);
                output::note(format!(
                    "error when evicting pods/{name:?} -n {namespace:?} (will retry after 5s): {text}"
                ));
                clock::sleep(BUDGET_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The names of the pods that a plan moves.
#[cfg(test)]
fn names<'a>(plan: &Plan<'a>) -> Vec<&'a str> {
    plan.pods.iter().map(|it| text(it, "metadata.name")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{DryRunFlag, Nodes};

    fn args(allowing: bool) -> Drain {
        Drain {
            nodes: Nodes { nodes: Vec::new(), selector: None, dry_run: DryRunFlag::default() },
            ignore_daemonsets: allowing,
            delete_emptydir_data: allowing,
            force: allowing,
            disable_eviction: false,
            grace_period: -1,
            timeout: "0".into(),
            pod_selector: None,
        }
    }

    #[test]
    fn only_what_is_allowed_is_moved() {
        let pod = |name: &str, owner: Option<&str>, volumes: Value| {
            let owners: Vec<Value> = owner.iter().map(|it| json!({"kind": it, "controller": true})).collect();
            json!({"metadata": {"namespace": "n", "name": name, "ownerReferences": owners}, "spec": {"volumes": volumes}})
        };
        let pods = [
            pod("web", Some("ReplicaSet"), json!([])),
            pod("agent", Some("DaemonSet"), json!([])),
            pod("alone", None, json!([])),
            pod("cache", Some("ReplicaSet"), json!([{"emptyDir": {}}])),
            json!({"metadata": {"name": "mirror", "annotations": {MIRROR: "x"}}}),
        ];
        assert_eq!(names(&plan(&pods, &args(true))), ["web", "alone", "cache"]);
        assert_eq!(
            plan(&pods, &args(false)).obstacles,
            [
                "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): n/agent",
                "cannot delete Pods with local storage (use --delete-emptydir-data to override): n/cache",
                "cannot delete Pods that declare no controller (use --force to override): n/alone",
            ]
        );
    }
}
