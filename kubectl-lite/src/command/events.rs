//! `events`: what happened, oldest first.

use super::outcome::Outcome;
use super::pods::target_of;
use crate::args::{DryRun, Events};
use crate::output;
use crate::print::describe::last_seen;
use crate::print::format::{Format, list_of, without_managed_fields};
use crate::print::table::since;
use crate::print::tabs::{TABLE, align};
use crate::print::{items, text};
use crate::resolve::Resource;
use crate::session::{Session, Wanted};
use anyhow::Result;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use serde_json::Value;

/// Runs the command.
pub(super) async fn run(session: &Session, args: Events) -> Result<()> {
    Outcome::of(&args.output, DryRun::None)?;
    let fields = match &args.about {
        Some(word) => {
            let target = target_of(session, word).await?;
            Some(format!(
                "involvedObject.kind={},involvedObject.name={}",
                target.resource.kind,
                target.name()
            ))
        }
        None => None,
    };
    let resource = Resource::of::<Event>();
    let namespace = if args.all_namespaces { "" } else { &session.namespace };
    let wanted = Wanted { fields: fields.as_deref(), ..Wanted::all(&resource, namespace) };
    let list = session.list(&wanted).await?;
    let is_wanted = |it: &&Value| args.types.is_empty() || args.types.iter().any(|kind| it["type"] == **kind);
    let mut events: Vec<&Value> = items(&list, "items").iter().filter(is_wanted).collect();
    events.sort_by_key(|it| last_seen(it).to_owned());
    let format = Format::parse(args.output.output.as_deref())?;
    if !format.is_table() {
        let list = list_of(events.into_iter().map(|it| without_managed_fields(it.clone())).collect());
        return output::text(&format.object(&resource, &list)?);
    }
    if events.is_empty() {
        let place =
            if args.all_namespaces { String::new() } else { format!(" in {} namespace.", session.namespace) };
        output::note(format!("No events found{place}"));
        return Ok(());
    }
    output::text(&table(&events, &args, session.clock.now()))
}

fn table(events: &[&Value], args: &Events, now: Timestamp) -> String {
    let mut lines = String::new();
    let namespace = |text: &str| if args.all_namespaces { format!("{text}\t") } else { String::new() };
    if !args.no_headers {
        lines.push_str(&format!("{}LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n", namespace("NAMESPACE")));
    }
    for event in events {
        let object = format!("{}/{}", text(event, "involvedObject.kind"), text(event, "involvedObject.name"));
        let cells = [
            &age(event, now),
            text(event, "type"),
            text(event, "reason"),
            &object,
            text(event, "message").trim(),
        ];
        lines.push_str(&format!(
            "{}{}\n",
            namespace(text(event, "metadata.namespace")),
            cells.join("\t").replace('\n', " ")
        ));
    }
    align(&lines, TABLE)
}

fn age(event: &Value, now: Timestamp) -> String {
    let last = since(last_seen(event), now);
    let count = event["series"]["count"].as_i64().or(event["count"].as_i64()).unwrap_or(1);
    let first =
        [text(event, "firstTimestamp"), text(event, "eventTime")].into_iter().find(|it| !it.is_empty());
    match first {
        Some(first) if count > 1 => format!("{last} (x{count} over {})", since(first, now)),
        _ => last,
    }
}
