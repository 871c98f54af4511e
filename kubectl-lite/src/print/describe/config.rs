//! Config maps, secrets and namespaces.

use super::Around;
use super::text::{Text, or_none, plain};
use crate::print::{at, items, text};
use serde_json::Value;

/// A config map.
pub(super) fn config_map(out: &mut Text, object: &Value) {
    out.head(object);
    out.line(0, "\nData\n====");
    for (key, value) in at(object, "data").as_object().into_iter().flatten() {
        out.line(0, format!("{key}:\n----\n{}\n", plain(value)));
    }
    out.line(0, "\nBinaryData\n====");
    sizes(out, at(object, "binaryData"));
    out.line(0, "");
}

/// A secret, without what it hides.
pub(super) fn secret(out: &mut Text, object: &Value) {
    out.head(object);
    out.line(0, format_args!("\nType:\t{}", text(object, "type")));
    out.line(0, "\nData\n====");
    sizes(out, at(object, "data"));
}

fn sizes(out: &mut Text, map: &Value) {
    for (key, value) in map.as_object().into_iter().flatten() {
        let encoded = value.as_str().unwrap_or_default();
        let length = encoded.len() / 4 * 3 - encoded.bytes().rev().take_while(|it| *it == b'=').count();
        out.field(0, key, format!("{length} bytes"));
    }
}

/// A namespace with its quotas and limits.
pub(super) fn namespace(out: &mut Text, object: &Value, around: &Around) {
    out.head(object);
    out.field(0, "Status", text(object, "status.phase"));
    let conditions = items(object, "status.conditions");
    if !conditions.is_empty() {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
        out.line(1, "----\t------\t------------------\t------\t-------");
        for it in conditions {
            let when = super::text::time(text(it, "lastTransitionTime"));
            out.line(
                1,
                [text(it, "type"), text(it, "status"), &when, text(it, "reason"), text(it, "message")]
                    .join("\t"),
            );
        }
    }
    quotas(out, &around.quotas);
    limits(out, &around.limits);
}

fn quotas(out: &mut Text, quotas: &[Value]) {
    if quotas.is_empty() {
        return out.line(0, "\nNo resource quota.");
    }
    out.line(0, "\nResource Quotas");
    for quota in quotas {
        out.field(1, "Name", text(quota, "metadata.name"));
        out.line(1, "Resource\tUsed\tHard");
        out.line(1, "--------\t---\t---");
        for (resource, hard) in at(quota, "status.hard").as_object().into_iter().flatten() {
            out.line(
                1,
                format!("{resource}\t{}\t{}", plain(&quota["status"]["used"][resource]), plain(hard)),
            );
        }
    }
}

fn limits(out: &mut Text, limits: &[Value]) {
    if limits.is_empty() {
        return out.line(0, "\nNo LimitRange resource.");
    }
    out.line(0, "\nResource Limits");
    out.line(1, "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
    out.line(1, "----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
    for item in limits.iter().flat_map(|it| items(it, "spec.limits")) {
        for resource in resources_of(item) {
            let cell = |field: &str| or_dash(&plain(&item[field][&resource]));
            let cells = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"].map(cell);
            out.line(1, format!("{}\t{resource}\t{}", or_none(text(item, "type")), cells.join("\t")));
        }
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// The resources that an item of a limit range speaks of.
fn resources_of(item: &Value) -> Vec<String> {
    let maps = ["min", "max", "default", "defaultRequest", "maxLimitRequestRatio"].map(|it| &item[it]);
    let mut names: Vec<String> = maps
        .iter()
        .flat_map(|it| it.as_object().into_iter().flatten())
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}
