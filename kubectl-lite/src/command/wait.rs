//! `wait`: until objects are as they should be.

use super::outcome::Outcome;
use crate::args::{DryRun, Wait};
use crate::error::Failures;
use crate::print::jsonpath::{JsonPath, go_text};
use crate::print::{items, text};
use crate::resolve::{Target, selected, targets};
use crate::session::{Session, Wanted};
use anyhow::{Result, anyhow, bail};
use daemon::clock;
use serde_json::Value;
use std::time::Duration;

/// What is waited for.
#[derive(Clone, Debug)]
enum Goal {
    Gone,
    There,
    Condition { name: String, status: String },
    Field { path: JsonPath, value: Option<String> },
}

/// Runs the command.
pub(super) async fn run(session: &Session, args: Wait) -> Result<()> {
    let [condition] = args.condition.as_slice() else {
        bail!(
            "expected exactly one --for: delete, create, condition=NAME[=VALUE] or jsonpath={{EXPRESSION}}[=VALUE]"
        );
    };
    let goal = goal_of(condition)?;
    let timeout = match timeout_of(&args.timeout)? {
        None if args.timeout.starts_with('-') => Duration::from_secs(7 * 86_400),
        other => other.unwrap_or_default(),
    };
    let named = targets(session, &args.what, &args.files, &args.selecting).await?;
    check_targets(&args, &named)?;
    let found = selected(session, named, &args.selecting).await?;
    if found.is_empty() && !matches!(goal, Goal::Gone) {
        bail!("no matching resources found");
    }
    let outcome = Outcome::of(&args.output, DryRun::None)?;
    let deadline = clock::instant() + timeout;
    let mut failures = Failures::default();
    for target in &found {
        let left = deadline.saturating_duration_since(clock::instant());
        let reached = clock::timeout(left.max(Duration::from_millis(1)), until(session, target, &goal)).await;
        let name = format!("{}/{}", target.resource.plural, target.name());
        let reached =
            reached.unwrap_or_else(|_| Err(anyhow!("timed out waiting for the condition on {name}")));
        if let Some(Some(object)) = failures.keep(reached) {
            outcome.say(&target.resource, &object, "condition met")?;
        }
    }
    failures.into_result()
}

fn check_targets(args: &Wait, named: &[Target]) -> Result<()> {
    if named.is_empty() {
        bail!("you must specify what to wait for: TYPE/NAME, or TYPE with --selector or --all");
    }
    let selects = args.all || args.selecting.selector.is_some() || args.selecting.field_selector.is_some();
    if !selects && named.iter().any(|it| it.name.is_none()) {
        bail!("resource(s) were provided, but no name was specified");
    }
    Ok(())
}

fn goal_of(condition: &str) -> Result<Goal> {
    let (kind, rest) = condition.split_once('=').unwrap_or((condition, ""));
    match kind.to_lowercase().as_str() {
        "delete" => Ok(Goal::Gone),
        "create" => Ok(Goal::There),
        "condition" => {
            let (name, status) = rest.split_once('=').unwrap_or((rest, "true"));
            Ok(Goal::Condition { name: name.to_lowercase(), status: status.to_lowercase() })
        }
        "jsonpath" => field_goal(rest),
        _ => bail!("unrecognized condition: {condition:?}"),
    }
}

/// `{.status.phase}=Running`; the sign that divides is the one after the brace.
fn field_goal(text: &str) -> Result<Goal> {
    let text = text.trim_matches(['\'', '"']);
    let end = text.rfind('}').map_or_else(|| text.find('=').unwrap_or(text.len()), |it| it + 1);
    let (path, value) = text.split_at(end);
    let value = value
        .trim_start_matches(['\'', '"'])
        .strip_prefix('=')
        .map(|it| it.trim_matches(['\'', '"']).to_owned());
    if value.as_deref() == Some("") {
        bail!("jsonpath wait has to have a value after equal sign");
    }
    Ok(Goal::Field { path: JsonPath::relaxed(path)?, value })
}

fn is_reached(goal: &Goal, object: &Value) -> bool {
    match goal {
        Goal::Gone => false,
        Goal::There => true,
        Goal::Condition { name, status } => condition_holds(object, name, status),
        Goal::Field { path, value } => match (path.find(object).unwrap_or_default().as_slice(), value) {
            ([], _) => false,
            (_, None) => true,
            (found, Some(value)) => found.iter().all(|it| go_text(it) == *value),
        },
    }
}

fn condition_holds(object: &Value, name: &str, status: &str) -> bool {
    let condition =
        items(object, "status.conditions").iter().find(|it| text(it, "type").to_lowercase() == name);
    let Some(condition) = condition else { return false };
    // A condition of an older generation says nothing about this one.
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
    let is_outdated = condition["observedGeneration"].as_i64().is_some_and(|it| it < generation);
    !is_outdated && text(condition, "status").to_lowercase() == status
}

/// Watches the object until the goal is reached, and gives it as it is then. An object that was to go and isn't
/// there to begin with is nothing to speak of.
async fn until(session: &Session, target: &Target, goal: &Goal) -> Result<Option<Value>> {
    let mut seen = false;
    let fields = format!("metadata.name={}", target.name());
    let wanted = Wanted { fields: Some(&fields), ..Wanted::all(&target.resource, &target.namespace) };
    loop {
        let list = session.list(&wanted).await?;
        let mut last = stand_in(target);
        match items(&list, "items").first() {
            None if matches!(goal, Goal::Gone) => return Ok(seen.then_some(last)),
            None if !matches!(goal, Goal::There) => {
                // The server's own words for what isn't there.
                session.get(&target.resource, &target.namespace, target.name()).await?;
            }
            None => {}
            Some(object) if is_reached(goal, object) => return Ok(Some(object.clone())),
            Some(object) => last = object.clone(),
        }
        seen = true;
        let revision = text(&list, "metadata.resourceVersion");
        let mut changes = session.stream(wanted.watch(Some(revision))).await?;
        while let Some(mut change) = changes.next_json().await? {
            match (text(&change, "type"), goal) {
                ("ERROR", _) => break,
                ("DELETED", Goal::Gone) => return Ok(Some(last)),
                ("ADDED" | "MODIFIED", goal) if is_reached(goal, &change["object"]) => {
                    return Ok(Some(change["object"].take()));
                }
                _ => {}
            }
        }
    }
}

/// Something to name in the outcome when the object itself is gone.
fn stand_in(target: &Target) -> Value {
    serde_json::json!({"metadata": {"name": target.name(), "namespace": target.namespace}})
}

/// The time in a flag; none for 0, which does not limit.
pub(super) fn timeout_of(text: &str) -> Result<Option<Duration>> {
    let seconds = duration_of(text)?;
    Ok((seconds > 0.0).then(|| Duration::from_secs_f64(seconds)))
}

/// A duration in whole seconds, rounded up.
pub(super) fn seconds_of(text: &str) -> Result<i64> {
    Ok(duration_of(text)?.ceil() as i64)
}

/// Go's durations: `1h30m`, `1.5s`, `500ms`; a bare number is in seconds.
fn duration_of(text: &str) -> Result<f64> {
    let wrong = || anyhow!("time: invalid duration {text:?}: write it as 30s, 5m or 1h30m");
    let (sign, mut rest) = text.strip_prefix('-').map_or((1.0, text), |it| (-1.0, it));
    if let Ok(seconds) = rest.parse::<f64>() {
        return Ok(sign * seconds);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..end].parse().map_err(|_| wrong())?;
        rest = &rest[end..];
        let units = [("ms", 0.001), ("us", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, factor) = units.into_iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(wrong)?;
        seconds += number * factor;
        rest = &rest[unit.len()..];
    }
    Ok(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_gos() {
        let check = |text: &str, expect: f64| assert_eq!(duration_of(text).unwrap(), expect, "{text}");
        check("30s", 30.0);
        check("1h30m", 5400.0);
        check("1.5m", 90.0);
        check("500ms", 0.5);
        check("0", 0.0);
        check("-1s", -1.0);
        assert!(duration_of("soon").is_err() && duration_of("5x").is_err());
    }

    #[test]
    fn goals_are_reached() {
        let object = json!({"metadata": {"generation": 2}, "data": {"x": "1"},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Old", "status": "True", "observedGeneration": 1}]}});
        let check = |goal: &str, expect: bool| {
            assert_eq!(is_reached(&goal_of(goal).unwrap(), &object), expect, "{goal}")
        };
        check("condition=Ready", true);
        check("condition=ready=True", true);
        check("condition=Ready=False", false);
        check("condition=Old", false);
        check("condition=None", false);
        check("jsonpath={.data.x}=1", true);
        check("jsonpath='{.data.x}'=2", false);
        check("jsonpath={.status.phase}", true);
        check("jsonpath={.status.nothing}", false);
        check(r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}=True"#, true);
        assert!(goal_of("happiness").is_err());
    }
}
