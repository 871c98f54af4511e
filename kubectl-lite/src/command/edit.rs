//! `edit`: objects through an editor.

use crate::apply::plan_patch;
use crate::args::{Edit, Selecting};
use crate::manifest;
use crate::output;
use crate::print::format::{without_managed_fields, yaml};
use crate::print::text;
use crate::request::Call;
use crate::resolve::{Target, targets};
use crate::session::Session;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::PathBuf;

const HEADER: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,\n\
                      # and an empty file will abort the edit. If an error occurs while saving this file will be\n\
                      # reopened with the relevant failures.\n#\n";

/// Runs the command.
pub(super) async fn run(session: &Session, args: Edit) -> Result<()> {
    args.files.check()?;
    let validation = args.validate.query()?;
    let found = targets(session, &args.what, &args.files, &Selecting::default()).await?;
    if found.is_empty() || found.iter().any(|it| it.name.is_none()) {
        bail!("resource name is required: give TYPE/NAME");
    }
    for target in &found {
        one(session, target, validation).await?;
    }
    Ok(())
}

async fn one(session: &Session, target: &Target, validation: &str) -> Result<()> {
    let object = session.get(&target.resource, &target.namespace, target.name()).await?;
    let before = without_managed_fields(object);
    let mut shown = format!("{HEADER}{}", yaml(&before));
    loop {
        let path = draft_path(session, target);
        std::fs::write(&path, &shown)?;
        edit(&path).await?;
        let edited = std::fs::read_to_string(&path)?;
        if edited == shown || edited.trim().is_empty() {
            std::fs::remove_file(&path)?;
            output::note("Edit cancelled, no changes made.");
            return Ok(());
        }
        match save(session, target, &before, &edited, validation).await {
            Ok(said) => {
                std::fs::remove_file(&path)?;
                return output::line(format!("{} {said}", target.label()));
            }
            // The same text fails again: an editor that is a program would go on for ever.
            Err(error) => {
                let reason = crate::error::message(&error);
                let again =
                    format!("{HEADER}# {}\n#\n{}", reason.replace('\n', "\n# "), without_comments(&edited));
                if again == shown || without_comments(&again) == without_comments(&shown) {
                    output::note(format!("A copy of your changes has been stored to {:?}", path.display()));
                    return Err(error);
                }
                shown = again;
            }
        }
    }
}

fn draft_path(session: &Session, target: &Target) -> PathBuf {
    let stamp = session.clock.now().as_nanosecond();
    std::env::temp_dir().join(format!("kubectl-lite-edit-{}-{stamp}.yaml", target.resource.plural))
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|it| !it.starts_with('#')).map(|it| format!("{it}\n")).collect()
}

async fn edit(path: &std::path::Path) -> Result<()> {
    let editor = ["KUBE_EDITOR", "EDITOR"]
        .into_iter()
        .find_map(|it| std::env::var(it).ok().filter(|it| !it.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = tokio::process::Command::new(program).args(words).arg(path).status().await;
    let status = status.with_context(|| format!("failed to start the editor {editor:?}: set KUBE_EDITOR"))?;
    if !status.success() {
        bail!("there was a problem with the editor {editor:?}");
    }
    Ok(())
}

async fn save(
    session: &Session,
    target: &Target,
    before: &Value,
    edited: &str,
    validation: &str,
) -> Result<&'static str> {
    let mut documents = manifest::parse("the edited file", edited)?;
    if documents.len() != 1 {
        bail!("the edited file must hold one object");
    }
    let after = documents.remove(0).value;
    if text(&after, "metadata.name") != target.name() {
        bail!("At least one of apiVersion, kind and name was changed");
    }
    let planned = plan_patch(Some(before), &after, before);
    if planned.patch == json!({}) {
        return Ok("skipped");
    }
    let call =
        Call::patch(target.path(), planned.kind, &planned.patch).with("fieldManager", Some("kubectl-edit"));
    session.json(call.with("fieldValidation", Some(validation))).await?;
    Ok("edited")
}
