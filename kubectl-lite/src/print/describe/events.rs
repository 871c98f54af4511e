//! Events below a description.

use super::text::{Text, number};
use crate::print::table::since;
use crate::print::text;
use jiff::Timestamp;
use serde_json::Value;

/// The events, oldest first.
pub(super) fn events(out: &mut Text, list: &[Value], now: Timestamp) {
    if list.is_empty() {
        return out.field(0, "Events", "<none>");
    }
    out.line(0, "Events:");
    out.line(1, "Type\tReason\tAge\tFrom\tMessage");
    out.line(1, "----\t------\t----\t----\t-------");
    let mut list: Vec<&Value> = list.iter().collect();
    list.sort_by_key(|it| last_seen(it).to_owned());
    for event in list {
        let from = [text(event, "source.component"), text(event, "reportingComponent")];
        let from = from.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
        let cells = [
            text(event, "type"),
            text(event, "reason"),
            &age(event, now),
            from,
            text(event, "message").trim(),
        ];
        out.line(1, cells.join("\t"));
    }
}

/// When an event was last seen.
pub(crate) fn last_seen(event: &Value) -> &str {
    let places = ["series.lastObservedTime", "lastTimestamp", "eventTime", "metadata.creationTimestamp"];
    places.into_iter().map(|it| text(event, it)).find(|it| !it.is_empty()).unwrap_or_default()
}

fn age(event: &Value, now: Timestamp) -> String {
    let first = [text(event, "eventTime"), text(event, "firstTimestamp")];
    let first = since(first.into_iter().find(|it| !it.is_empty()).unwrap_or_default(), now);
    let repeated = |last: &str, count: i64| format!("{} (x{count} over {first})", since(last, now));
    if event["series"].is_object() {
        return repeated(text(event, "series.lastObservedTime"), number(event, "series.count"));
    }
    match number(event, "count") {
        count if count > 1 => repeated(text(event, "lastTimestamp"), count),
        _ => first,
    }
}
