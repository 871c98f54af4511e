//! `label` and `annotate`: marks on objects.

use super::outcome::Outcome;
use crate::args::{DryRun, Marking};
use crate::error::Failures;
use crate::output;
use crate::print::at;
use crate::request::Call;
use crate::resolve::{Target, selected, targets};
use crate::session::Session;
use anyhow::{Result, bail};
use client::PatchType;
use serde_json::{Map, Value, json};

/// Which marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Labels,
    Annotations,
}

impl Mark {
    fn field(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }

    fn singular(self) -> &'static str {
        match self {
            Self::Labels => "label",
            Self::Annotations => "annotation",
        }
    }
}

/// Marks to set, and to remove where the value is null.
type Changes = Map<String, Value>;

/// Runs either command.
pub(super) async fn run(session: &Session, mark: Mark, words: Vec<String>, args: Marking) -> Result<()> {
    args.files.check()?;
    let (what, changes) = split(words, args.files.filename.is_empty(), mark)?;
    if changes.is_empty() && !args.list {
        bail!("at least one {} update is required", mark.singular());
    }
    let outcome = Outcome::of(&args.output, args.dry_run.mode()?)?;
    let named = targets(session, &what, &args.files, &args.selecting).await?;
    let selects = args.all || args.selecting.selector.is_some() || args.selecting.field_selector.is_some();
    if named.is_empty() || (!selects && named.iter().any(|it| it.name.is_none())) {
        bail!("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    let mut failures = Failures::default();
    for target in selected(session, named, &args.selecting).await? {
        failures.keep(one(session, mark, &args, &outcome, &changes, &target).await);
    }
    failures.into_result()
}

/// The words that name objects, and the changes.
fn split(words: Vec<String>, first_is_type: bool, mark: Mark) -> Result<(Vec<String>, Changes)> {
    let is_change = |word: &str| word.contains('=') || (word.ends_with('-') && word.len() > 1);
    let start =
        words.iter().enumerate().position(|(index, it)| is_change(it) && (index > 0 || !first_is_type));
    let start = start.unwrap_or(words.len());
    let mut changes = Changes::new();
    for word in &words[start..] {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Value::from(value)),
            None if is_change(word) => (word.trim_end_matches('-'), Value::Null),
            None => bail!("all resources must be specified before {} changes: {word}", mark.singular()),
        };
        if key.is_empty() || changes.insert(key.to_owned(), value).is_some() {
            bail!(
                "can not both modify and remove a {} in the same command, or name it twice: {word}",
                mark.singular()
            );
        }
    }
    Ok((words[..start].to_vec(), changes))
}

async fn one(
    session: &Session,
    mark: Mark,
    args: &Marking,
    outcome: &Outcome,
    changes: &Changes,
    target: &Target,
) -> Result<()> {
    let object = session.get(&target.resource, &target.namespace, target.name()).await?;
    let now = at(&object, "metadata")[mark.field()].clone();
    if args.list {
        let lines: Vec<String> = now
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        return lines.into_iter().try_for_each(output::line);
    }
    check_overwrites(mark, args, &now, changes)?;
    for key in
        changes.iter().filter(|(key, value)| value.is_null() && now[*key].is_null()).map(|(key, _)| key)
    {
        output::line(format!("{} {key:?} not found.", mark.singular()))?;
    }
    let after = change(session, mark, args, outcome, changes, target, &object).await?;
    outcome.say(&target.resource, &after, said(mark, &now, &after, changes))
}

fn check_overwrites(mark: Mark, args: &Marking, now: &Value, changes: &Changes) -> Result<()> {
    if args.overwrite {
        return Ok(());
    }
    for (key, value) in changes.iter().filter(|(_, value)| !value.is_null()) {
        if let Some(old) = now[key].as_str().filter(|old| value != *old) {
            match mark {
                Mark::Labels => bail!("'{key}' already has a value ({old}), and --overwrite is false"),
                Mark::Annotations => bail!(
                    "--overwrite is false but found the following declared annotation(s): '{key}' already has a value \
                     ({old})"
                ),
            }
        }
    }
    Ok(())
}

async fn change(
    session: &Session,
    mark: Mark,
    args: &Marking,
    outcome: &Outcome,
    changes: &Changes,
    target: &Target,
    object: &Value,
) -> Result<Value> {
    let mut patch = json!({"metadata": {mark.field(): changes}});
    if let Some(revision) = &args.resource_version {
        patch["metadata"]["resourceVersion"] = revision.clone().into();
    }
    if outcome.dry_run == DryRun::Client {
        return Ok(::patch::merge_patch(object, &patch)?);
    }
    let manager = if mark == Mark::Labels { "kubectl-label" } else { "kubectl-annotate" };
    let call = Call::patch(target.path(), PatchType::Merge, &patch).with("fieldManager", Some(manager));
    session.json(call.with("dryRun", outcome.dry_run.query())).await
}

fn said(mark: Mark, before: &Value, after: &Value, changes: &Changes) -> &'static str {
    let after = &after["metadata"][mark.field()];
    let unchanged = changes.keys().all(|key| before[key] == after[key]);
    match mark {
        Mark::Annotations => "annotated",
        Mark::Labels if unchanged => "not labeled",
        Mark::Labels if changes.values().all(Value::is_null) => "unlabeled",
        Mark::Labels => "labeled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_divide_into_objects_and_changes() {
        let check = |words: &[&str], what: &[&str], changes: Value| {
            let words = words.iter().map(|it| (*it).to_owned()).collect();
            let found = split(words, true, Mark::Labels).unwrap();
            assert_eq!(found.0, what);
            assert_eq!(Value::Object(found.1), changes);
        };
        check(&["cm", "a", "x=1", "y-"], &["cm", "a"], json!({"x": "1", "y": null}));
        check(&["cm/a", "x="], &["cm/a"], json!({"x": ""}));
        check(&["cm/a"], &["cm/a"], json!({}));
        assert!(split(vec!["cm".into(), "x=1".into(), "x-".into()], true, Mark::Labels).is_err());
        assert!(split(vec!["cm".into(), "x=1".into(), "name".into()], true, Mark::Labels).is_err());
    }
}
