//! `get`: tables from the server, or whole objects.

use crate::args::Get;
use crate::error::{Exit, Failures, is_not_found};
use crate::output;
use crate::print::format::{Format, list_of, without_managed_fields};
use crate::print::jsonpath::JsonPath;
use crate::print::sort::sort_by;
use crate::print::table::{Shown, Table, kind_prefix};
use crate::request::{Call, TABLE};
use crate::resolve::{Resource, Target, targets};
use crate::session::{Session, Wanted};
use anyhow::Result;
use serde_json::Value;

mod watch;

/// What was asked for, checked.
struct Request {
    args: Get,
    format: Format,
    sort: Option<JsonPath>,
    targets: Vec<Target>,
}

/// Runs the command.
pub(super) async fn run(session: &Session, args: Get) -> Result<()> {
    args.files.check()?;
    if let Some(path) = &args.raw {
        return output::bytes(&session.bytes(Call::get(path)).await?);
    }
    let request = checked(session, args).await?;
    if request.args.watch || request.args.watch_only {
        return watch::run(session, &request).await;
    }
    if request.format.is_table() { request.tables(session).await } else { request.objects(session).await }
}

async fn checked(session: &Session, args: Get) -> Result<Request> {
    let mut format = Format::parse(args.output.output.as_deref())?;
    if args.no_headers
        && let Format::Columns(columns) = format
    {
        format = Format::Columns(columns.without_headings());
    }
    let sort = args.sort_by.as_deref().map(JsonPath::relaxed).transpose()?;
    let targets = targets(session, &args.what, &args.files, &args.selecting).await?;
    if targets.is_empty() {
        let message = "You must specify the type of resource to get. Use \"kubectl-lite api-resources\" for a complete \
                       list of supported resources.\n\nerror: Required resource not specified.";
        return Err(Exit { code: 1, message: message.to_owned() }.into());
    }
    Ok(Request { args, format, sort, targets })
}

impl Request {
    fn wanted<'a>(&'a self, target: &'a Target) -> Wanted<'a> {
        Wanted {
            resource: &target.resource,
            namespace: &target.namespace,
            labels: self.args.selecting.selector.as_deref(),
            fields: self.args.selecting.field_selector.as_deref(),
            chunk: Some(self.args.chunk_size),
            accept: None,
        }
    }

    async fn fetch(&self, session: &Session, target: &Target, as_table: bool) -> Result<Value> {
        let Some(name) = &target.name else {
            let wanted = self.wanted(target);
            return session.list(&if as_table { wanted.as_table() } else { wanted }).await;
        };
        let path = match &self.args.subresource {
            Some(below) => target.resource.below(&target.namespace, name, below),
            None => target.path(),
        };
        session.json(if as_table { Call::get(path).accept(TABLE) } else { Call::get(path) }).await
    }

    /// What a target holds; a failure is kept, and an absence that may be ignored is nothing.
    async fn answer(
        &self,
        session: &Session,
        target: &Target,
        as_table: bool,
        failures: &mut Failures,
    ) -> Option<Value> {
        let answer = self.fetch(session, target, as_table).await;
        let may_be_absent = self.args.ignore_not_found || (target.name.is_none() && self.targets.len() > 1);
        match answer {
            Err(error) if may_be_absent && is_not_found(&error) => None,
            other => failures.keep(other),
        }
    }

    async fn tables(&self, session: &Session) -> Result<()> {
        let now = session.clock.now();
        let mut failures = Failures::default();
        let mut tables: Vec<(&Resource, Table)> = Vec::new();
        for target in &self.targets {
            // Sorting needs the objects, which tables carry only by their metadata.
            let whole = self.sort.is_some();
            let Some(answer) = self.answer(session, target, !whole, &mut failures).await else { continue };
            let mut table =
                if whole { self.sorted(session, target, answer).await? } else { Table::of(answer, now) };
            match tables.last_mut() {
                Some((resource, before)) if **resource == target.resource => {
                    before.rows.append(&mut table.rows)
                }
                _ => tables.push((&target.resource, table)),
            }
        }
        tables.retain(|(_, table)| !table.rows.is_empty());
        self.print_tables(&tables)?;
        if tables.is_empty() && failures.is_empty() && !self.args.ignore_not_found {
            self.say_nothing_found(session);
        }
        failures.into_result()
    }

    /// The rows of a target in the order of its objects.
    async fn sorted(&self, session: &Session, target: &Target, answer: Value) -> Result<Table> {
        let mut objects = match answer.get("items") {
            Some(Value::Array(items)) => items.clone(),
            _ => vec![answer],
        };
        if let Some(path) = &self.sort {
            sort_by(&mut objects, path, |it| it);
        }
        let order: Vec<&Value> = objects.iter().map(|it| &it["metadata"]["uid"]).collect();
        let mut table = Table::of(self.fetch(session, target, true).await?, session.clock.now());
        table.rows.sort_by_key(|row| order.iter().position(|uid| **uid == row["object"]["metadata"]["uid"]));
        Ok(table)
    }

    fn shown(&self, resource: &Resource) -> Shown {
        let several = self.targets.iter().any(|it| it.resource != *resource);
        Shown {
            wide: matches!(self.format, Format::Table { wide: true }),
            namespace: self.args.selecting.all_namespaces && resource.namespaced,
            kind: (several || self.args.show_kind).then(|| kind_prefix(resource)),
            labels: self.args.show_labels,
            label_columns: self.args.label_columns.clone(),
            event: None,
            no_headers: self.args.no_headers,
        }
    }

    fn print_tables(&self, tables: &[(&Resource, Table)]) -> Result<()> {
        let texts: Vec<String> =
            tables.iter().map(|(resource, table)| table.print(&self.shown(resource))).collect();
        output::text(&texts.join("\n"))
    }

    fn say_nothing_found(&self, session: &Session) {
        let namespaced = self.targets.iter().all(|it| it.resource.namespaced);
        if namespaced && !self.args.selecting.all_namespaces {
            output::note(format!("No resources found in {} namespace.", session.namespace));
        } else {
            output::note("No resources found");
        }
    }

    async fn objects(&self, session: &Session) -> Result<()> {
        let mut failures = Failures::default();
        let mut objects: Vec<(&Resource, Value)> = Vec::new();
        for target in &self.targets {
            let Some(mut answer) = self.answer(session, target, false, &mut failures).await else { continue };
            match answer.get_mut("items").filter(|_| target.name.is_none()).map(Value::take) {
                Some(Value::Array(items)) => {
                    objects.extend(items.into_iter().map(|it| (&target.resource, it)))
                }
                _ => objects.push((&target.resource, answer)),
            }
        }
        if let Some(path) = &self.sort {
            sort_by(&mut objects, path, |(_, object)| object);
        }
        if !self.args.output.show_managed_fields {
            objects.iter_mut().for_each(|(_, it)| *it = without_managed_fields(it.take()));
        }
        self.print_objects(objects)?;
        failures.into_result()
    }

    fn print_objects(&self, objects: Vec<(&Resource, Value)>) -> Result<()> {
        let single = matches!(self.targets.as_slice(), [Target { name: Some(_), .. }]);
        if single && objects.is_empty() {
            return Ok(());
        }
        match &self.format {
            Format::Name => objects
                .iter()
                .try_for_each(|(resource, it)| output::text(&Format::Name.object(resource, it)?)),
            Format::Columns(columns) => {
                let objects: Vec<Value> = objects.into_iter().map(|(_, it)| it).collect();
                output::text(&columns.print(&objects, columns.has_headings()))
            }
            format if single => output::text(&format.object(objects[0].0, &objects[0].1)?),
            format => {
                let list = list_of(objects.into_iter().map(|(_, it)| it).collect());
                output::text(&format.object(&self.targets[0].resource, &list)?)
            }
        }
    }
}
