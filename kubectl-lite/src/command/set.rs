//! `set`: images, environment, resources and the service account of pod templates.

use super::outcome::Outcome;
use crate::apply::plan_patch;
use crate::args::{DryRun, SetCommand, SetResources, SetWords, Setting};
use crate::error::Failures;
use crate::request::Call;
use crate::resolve::{Target, selected, targets};
use crate::session::Session;
use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value, json};

/// One change of a pod template.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    /// Containers by name with their new images; `*` is all of them.
    Images(Vec<(String, String)>),
    /// Variables; those without a value go.
    Env(Vec<(String, Option<String>)>),
    Resources {
        requests: Map<String, Value>,
        limits: Map<String, Value>,
    },
    ServiceAccount(String),
}

/// Runs the command.
pub(super) async fn run(session: &Session, command: SetCommand) -> Result<()> {
    let (what, change, setting, said) = match command {
        SetCommand::Image(args) => {
            let (what, words) = split(&args, |it| it.contains('='));
            (what, Change::Images(images(&words)?), args.setting, "image updated")
        }
        SetCommand::Env(args) => {
            let (what, words) = split(&args, |it| it.contains('=') || it.ends_with('-'));
            (what, Change::Env(words.iter().map(|it| variable(it)).collect()), args.setting, "env updated")
        }
        SetCommand::ServiceAccount(mut args) => {
            let Some(account) = args.what.pop() else { bail!("a service account is required") };
            (args.what, Change::ServiceAccount(account), args.setting, "serviceaccount updated")
        }
        SetCommand::Resources(args) => {
            let change = resources(&args)?;
            (args.what, change, args.setting, "resource requirements updated")
        }
    };
    all(session, &what, &change, &setting, said).await
}

fn split(args: &SetWords, is_change: impl Fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
    args.what.iter().cloned().partition(|it| !is_change(it))
}

fn images(words: &[String]) -> Result<Vec<(String, String)>> {
    if words.is_empty() {
        bail!("at least one image update is required: CONTAINER=IMAGE");
    }
    let pair = |word: &String| word.split_once('=').map(|(name, image)| (name.to_owned(), image.to_owned()));
    words.iter().map(|it| pair(it).ok_or_else(|| anyhow!("{it:?} is not CONTAINER=IMAGE"))).collect()
}

fn variable(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.trim_end_matches('-').to_owned(), None),
    }
}

fn resources(args: &SetResources) -> Result<Change> {
    let amounts = |flag: &Option<String>| -> Result<Map<String, Value>> {
        let pairs = flag.iter().flat_map(|it| it.split(','));
        let pair = |it: &str| it.split_once('=').map(|(name, amount)| (name.to_owned(), Value::from(amount)));
        pairs
            .map(|it| {
                pair(it).ok_or_else(|| anyhow!("invalid argument syntax {it}, expected <resource>=<value>"))
            })
            .collect()
    };
    let (requests, limits) = (amounts(&args.requests)?, amounts(&args.limits)?);
    if requests.is_empty() && limits.is_empty() {
        bail!("you must specify an update to requests or limits (in the form of --requests/--limits)");
    }
    Ok(Change::Resources { requests, limits })
}

async fn all(
    session: &Session,
    what: &[String],
    change: &Change,
    setting: &Setting,
    said: &str,
) -> Result<()> {
    let outcome = Outcome::of(&setting.output, setting.dry_run.mode()?)?;
    let named = targets(session, what, &setting.files, &setting.selecting).await?;
    let selects = setting.all || setting.selecting.selector.is_some();
    if named.is_empty() || (!selects && named.iter().any(|it| it.name.is_none())) {
        bail!("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    let mut failures = Failures::default();
    for target in selected(session, named, &setting.selecting).await? {
        failures.keep(one(session, &target, change, setting, &outcome, said).await);
    }
    failures.into_result()
}

async fn one(
    session: &Session,
    target: &Target,
    change: &Change,
    setting: &Setting,
    outcome: &Outcome,
    said: &str,
) -> Result<()> {
    let before = session.get(&target.resource, &target.namespace, target.name()).await?;
    let mut after = before.clone();
    let Some(spec) = pod_spec(&mut after) else {
        bail!("the object is not a pod or does not have a pod template: {}", target.label())
    };
    make(spec, change, &setting.containers)?;
    let planned = plan_patch(Some(&before), &after, &before);
    if planned.patch == json!({}) {
        return Ok(());
    }
    if outcome.dry_run == DryRun::Client {
        return outcome.say(&target.resource, &after, said);
    }
    let call =
        Call::patch(target.path(), planned.kind, &planned.patch).with("fieldManager", Some("kubectl-set"));
    let object = session.json(call.with("dryRun", outcome.dry_run.query())).await?;
    outcome.say(&target.resource, &object, said)
}

/// The pod spec in an object.
fn pod_spec(object: &mut Value) -> Option<&mut Value> {
    let places = ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec", "/spec"];
    let place =
        places.into_iter().find(|it| object.pointer(it).is_some_and(|it| it["containers"].is_array()))?;
    object.pointer_mut(place)
}

/// Makes the change in the containers that a pattern names.
fn make(spec: &mut Value, change: &Change, pattern: &str) -> Result<()> {
    if let Change::ServiceAccount(account) = change {
        spec["serviceAccountName"] = account.clone().into();
        spec["serviceAccount"] = account.clone().into();
        return Ok(());
    }
    let mut found = Vec::new();
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            if is_named(pattern, &name)
                && !(list == "initContainers" && pattern == "*" && !names(change, &name))
            {
                make_in(container, &name, change);
            }
            found.push(name);
        }
    }
    if let Change::Images(images) = change
        && let Some((name, _)) = images.iter().find(|(name, _)| name != "*" && !found.contains(name))
    {
        bail!("unable to find container named {name:?}; there are: {}", found.join(", "));
    }
    Ok(())
}

/// Whether the change names the container itself.
fn names(change: &Change, name: &str) -> bool {
    matches!(change, Change::Images(images) if images.iter().any(|(it, _)| it == name))
}

/// `*` at either end stands for anything.
fn is_named(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" => true,
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        _ => pattern == name,
    }
}

fn make_in(container: &mut Value, name: &str, change: &Change) {
    match change {
        Change::Images(images) => {
            if let Some((_, image)) = images.iter().find(|(it, _)| it == name || it == "*") {
                container["image"] = image.clone().into();
            }
        }
        Change::Env(variables) => {
            variables.iter().for_each(|(name, value)| set_variable(container, name, value.as_deref()))
        }
        Change::Resources { requests, limits } => {
            for (field, amounts) in [("requests", requests), ("limits", limits)] {
                amounts
                    .iter()
                    .for_each(|(name, amount)| container["resources"][field][name] = amount.clone());
            }
        }
        Change::ServiceAccount(_) => {}
    }
}

fn set_variable(container: &mut Value, name: &str, value: Option<&str>) {
    let mut list = container["env"].as_array().cloned().unwrap_or_default();
    let place = list.iter().position(|it| it["name"] == name);
    match (place, value) {
        (Some(place), Some(value)) => list[place] = json!({"name": name, "value": value}),
        (None, Some(value)) => list.push(json!({"name": name, "value": value})),
        (Some(place), None) => drop(list.remove(place)),
        (None, None) => {}
    }
    if container["env"].is_array() || !list.is_empty() {
        container["env"] = list.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: Change, pattern: &str, expect: Value) {
        let mut spec = json!({"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]});
        make(&mut spec, &change, pattern).unwrap();
        assert_eq!(spec, expect);
    }

    #[test]
    fn changes_reach_the_containers_that_are_meant() {
        let env = json!([{"name": "X", "value": "1"}]);
        check(
            Change::Images(vec![("b".into(), "2".into())]),
            "*",
            json!({"containers": [{"name": "a", "image": "1", "env": env}, {"name": "b", "image": "2"}]}),
        );
        check(
            Change::Env(vec![("X".into(), None), ("Y".into(), Some("2".into()))]),
            "a",
            json!({"containers": [{"name": "a", "image": "1", "env": [{"name": "Y", "value": "2"}]}, {"name": "b"}]}),
        );
        let requests = Map::from_iter([("cpu".to_owned(), json!("5m"))]);
        check(
            Change::Resources { requests, limits: Map::new() },
            "b",
            json!({"containers": [{"name": "a", "image": "1", "env": env}, {"name": "b", "resources": {"requests": {"cpu": "5m"}}}]}),
        );
    }

    #[test]
    fn unknown_containers_are_told() {
        let mut spec = json!({"containers": [{"name": "a"}]});
        let error = make(&mut spec, &Change::Images(vec![("x".into(), "1".into())]), "*").unwrap_err();
        assert_eq!(error.to_string(), "unable to find container named \"x\"; there are: a");
    }
}
