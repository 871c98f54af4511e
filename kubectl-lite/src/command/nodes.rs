//! `cordon`, `uncordon`, `taint`: what nodes take.

use crate::args::{DryRun, Nodes, Taint};
use crate::error::Failures;
use crate::output;
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::Resource;
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use client::PatchType;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};

/// The nodes that are named or selected.
pub(super) async fn nodes(
    session: &Session,
    names: &[String],
    selector: Option<&str>,
    all: bool,
) -> Result<Vec<Value>> {
    let resource = Resource::of::<Node>();
    if selector.is_some() || all {
        if !names.is_empty() {
            bail!("cannot specify both a node name and a --selector or --all option");
        }
        let list = session.list(&Wanted { labels: selector, ..Wanted::all(&resource, "") }).await?;
        return Ok(items(&list, "items").to_vec());
    }
    if names.is_empty() {
        bail!("you must name at least one node, or give --selector");
    }
    let mut found = Vec::new();
    for name in names {
        let name = name.strip_prefix("node/").or(name.strip_prefix("nodes/")).unwrap_or(name);
        found.push(session.get(&resource, "", name).await?);
    }
    Ok(found)
}

/// Runs `cordon` and `uncordon`.
pub(super) async fn cordon(session: &Session, args: &Nodes, wanted: bool) -> Result<()> {
    let dry_run = args.dry_run.mode()?;
    let mut failures = Failures::default();
    for node in nodes(session, &args.nodes, args.selector.as_deref(), false).await? {
        failures.keep(set_unschedulable(session, &node, wanted, dry_run).await);
    }
    failures.into_result()
}

/// Marks one node and says so.
pub(super) async fn set_unschedulable(
    session: &Session,
    node: &Value,
    wanted: bool,
    dry_run: DryRun,
) -> Result<()> {
    let name = text(node, "metadata.name");
    let done = if wanted { "cordoned" } else { "uncordoned" };
    let suffix = dry_run.suffix();
    if (node["spec"]["unschedulable"] == true) == wanted {
        return output::line(format!("node/{name} already {done}{suffix}"));
    }
    if dry_run != DryRun::Client {
        let patch = json!({"spec": {"unschedulable": if wanted { Value::Bool(true) } else { Value::Null }}});
        let call = Call::patch(Resource::of::<Node>().object("", name), PatchType::Strategic, &patch);
        session.json(call.with("dryRun", dry_run.query())).await?;
    }
    output::line(format!("node/{name} {done}{suffix}"))
}

/// Taints to set and to remove.
#[derive(Debug, Default, PartialEq)]
struct Changes {
    set: Vec<Value>,
    /// Key, and an effect unless all effects are meant.
    remove: Vec<(String, Option<String>)>,
}

/// Runs `taint`.
pub(super) async fn taint(session: &Session, args: Taint) -> Result<()> {
    let dry_run = args.dry_run.mode()?;
    let Some((kind, words)) = args.what.split_first() else { bail!("at least one taint update is required") };
    if !matches!(kind.as_str(), "node" | "nodes" | "no") {
        bail!("invalid resource type {kind}, only \"node\" is supported");
    }
    let is_change = |it: &&String| it.contains(':') || it.contains('=') || it.ends_with('-');
    let (changes, names): (Vec<&String>, Vec<&String>) = words.iter().partition(is_change);
    let changes = changes_of(&changes)?;
    let names: Vec<String> = names.into_iter().cloned().collect();
    for node in nodes(session, &names, args.selector.as_deref(), args.all).await? {
        let name = text(&node, "metadata.name").to_owned();
        let taints = changed(items(&node, "spec.taints"), &changes, args.overwrite, &name)?;
        if dry_run != DryRun::Client {
            let patch = json!({
                "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
                "spec": {"taints": taints},
            });
            let call = Call::patch(Resource::of::<Node>().object("", &name), PatchType::Merge, &patch);
            session
                .json(call.with("dryRun", dry_run.query()).with("fieldManager", Some("kubectl-taint")))
                .await?;
        }
        let done = if changes.set.is_empty() {
            "untainted"
        } else if changes.remove.is_empty() {
            "tainted"
        } else {
            "modified"
        };
        output::line(format!("node/{name} {done}{}", dry_run.suffix()))?;
    }
    Ok(())
}

fn changes_of(words: &[&String]) -> Result<Changes> {
    let mut changes = Changes::default();
    for word in words {
        if let Some(rest) = word.strip_suffix('-') {
            let (key, effect) =
                rest.split_once(':').map_or((rest, None), |(key, effect)| (key, Some(effect)));
            let key = key.split('=').next().unwrap_or(key);
            changes.remove.push((key.to_owned(), effect.map(str::to_owned)));
            continue;
        }
        let Some((pair, effect)) = word.split_once(':') else {
            bail!("invalid taint spec: {word}: give KEY=VALUE:EFFECT")
        };
        if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
            bail!("invalid taint effect: {effect}, unsupported taint effect");
        }
        let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
        let mut taint = json!({"key": key, "effect": effect});
        if let Some(value) = value {
            taint["value"] = value.into();
        }
        changes.set.push(taint);
    }
    if changes == Changes::default() {
        bail!("at least one taint update is required");
    }
    Ok(changes)
}

fn changed(now: &[Value], changes: &Changes, overwrite: bool, node: &str) -> Result<Vec<Value>> {
    let same = |a: &Value, b: &Value| a["key"] == b["key"] && a["effect"] == b["effect"];
    if let Some(taken) = changes.set.iter().find(|new| now.iter().any(|old| same(old, new)))
        && !overwrite
    {
        bail!(
            "node {node} already has {} taint(s) with same effect(s) and --overwrite is false",
            text(taken, "key")
        );
    }
    let goes = |taint: &Value| {
        let removed = |(key, effect): &(String, Option<String>)| {
            taint["key"] == **key && effect.as_ref().is_none_or(|it| taint["effect"] == **it)
        };
        changes.remove.iter().any(removed) || changes.set.iter().any(|new| same(taint, new))
    };
    for (key, _) in &changes.remove {
        if now.iter().all(|it| it["key"] != **key) {
            bail!("taint {key:?} not found");
        }
    }
    Ok(now.iter().filter(|it| !goes(it)).chain(&changes.set).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_change() {
        let now = [
            json!({"key": "a", "effect": "NoSchedule"}),
            json!({"key": "b", "value": "1", "effect": "NoExecute"}),
        ];
        let check = |words: &[&str], overwrite: bool, expect: Result<Value, &str>| {
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            let changes = changes_of(&words.iter().collect::<Vec<_>>()).unwrap();
            let found = changed(&now, &changes, overwrite, "n").map(Value::from).map_err(|it| it.to_string());
            assert_eq!(found, expect.map_err(str::to_owned));
        };
        check(&["a-"], false, Ok(json!([now[1]])));
        check(
            &["c=x:NoSchedule"],
            false,
            Ok(json!([now[0], now[1], {"key": "c", "value": "x", "effect": "NoSchedule"}])),
        );
        check(
            &["b=2:NoExecute"],
            true,
            Ok(json!([now[0], {"key": "b", "value": "2", "effect": "NoExecute"}])),
        );
        let refused = "node n already has b taint(s) with same effect(s) and --overwrite is false";
        check(&["b=2:NoExecute"], false, Err(refused));
        check(&["z-"], false, Err("taint \"z\" not found"));
    }
}
