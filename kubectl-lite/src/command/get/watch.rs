//! `get --watch`: the list, then each change as it comes.

use super::Request;
use crate::output;
use crate::print::format::{Format, without_managed_fields};
use crate::print::table::{Shown, Table};
use crate::print::tabs::Running;
use crate::print::text;
use crate::resolve::Target;
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Runs the watch until the server ends it.
pub(super) async fn run(session: &Session, request: &Request) -> Result<()> {
    let [target] = request.targets.as_slice() else {
        bail!("you may only specify a single resource type with --watch");
    };
    let fields = fields_of(request, target);
    let mut wanted = Wanted { fields: fields.as_deref(), ..request.wanted(target) };
    if request.format.is_table() {
        wanted = wanted.as_table();
    }
    let mut view =
        View { request, target, session, table: Table::default(), running: Running::default(), fresh: true };
    let list = session.list(&wanted).await?;
    let revision = text(&list, "metadata.resourceVersion").to_owned();
    if !request.args.watch_only {
        view.list(list)?;
    }
    let mut changes = session.stream(wanted.watch(Some(&revision))).await?;
    while let Some(change) = changes.next_json().await? {
        if change["type"] == "ERROR" {
            bail!("{}", text(&change["object"], "message"));
        }
        view.change(change)?;
    }
    Ok(())
}

/// The field selector, with the name in it.
fn fields_of(request: &Request, target: &Target) -> Option<String> {
    let given = request.args.selecting.field_selector.clone();
    let named = target.name.as_ref().map(|it| format!("metadata.name={it}"));
    match (given, named) {
        (Some(given), Some(named)) => Some(format!("{given},{named}")),
        (given, named) => given.or(named),
    }
}

/// What has been shown so far.
struct View<'a> {
    request: &'a Request,
    target: &'a Target,
    session: &'a Session,
    table: Table,
    running: Running,
    /// Whether the headings are still to come.
    fresh: bool,
}

impl View<'_> {
    fn list(&mut self, mut list: Value) -> Result<()> {
        if self.request.format.is_table() {
            self.table = Table::of(list, self.session.clock.now());
            return if self.table.rows.is_empty() { Ok(()) } else { self.rows("ADDED") };
        }
        let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) else { return Ok(()) };
        items.into_iter().try_for_each(|item| self.object("ADDED", item))
    }

    fn change(&mut self, mut change: Value) -> Result<()> {
        let (kind, object) = (text(&change, "type").to_owned(), change["object"].take());
        if kind == "BOOKMARK" {
            return Ok(());
        }
        if self.request.format.is_table() {
            self.table.continued(object, self.session.clock.now());
            return self.rows(&kind);
        }
        self.object(&kind, object)
    }

    fn rows(&mut self, event: &str) -> Result<()> {
        let shown = self.request.shown(&self.target.resource);
        let event = self.request.args.output_watch_events.then(|| event.to_owned());
        let no_headers = shown.no_headers || !std::mem::take(&mut self.fresh);
        let lines = self.table.lines(&Shown { event, no_headers, ..shown });
        output::text(&self.running.print(&lines))
    }

    fn object(&mut self, event: &str, object: Value) -> Result<()> {
        let object = if self.request.args.output.show_managed_fields {
            object
        } else {
            without_managed_fields(object)
        };
        let format = &self.request.format;
        let wrapped = self.request.args.output_watch_events && matches!(format, Format::Json | Format::Yaml);
        let shown = if wrapped { json!({"type": event, "object": object}) } else { object };
        if matches!(format, Format::Yaml) && !std::mem::take(&mut self.fresh) {
            output::line("---")?;
        }
        match format {
            Format::Columns(columns) => {
                let headings = columns.has_headings() && std::mem::take(&mut self.fresh);
                output::text(&columns.print(&[shown], headings))
            }
            format => output::text(&format.object(&self.target.resource, &shown)?),
        }
    }
}
