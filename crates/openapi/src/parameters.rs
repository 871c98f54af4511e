//! The parameters of operations: one row each, and the groups in which operations take them.

use serde_json::{Value, json};

struct Parameter {
    name: &'static str,
    type_name: &'static str,
    description: &'static str,
}

const fn row(name: &'static str, type_name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, type_name, description }
}

const QUERY: &[Parameter] = &[
    row(
        "allowWatchBookmarks",
        "boolean",
        "Ask for BOOKMARK events, which carry only a revision to resume from.",
    ),
    row(
        "continue",
        "string",
        "The token of the next page, as the previous page gave it; 410 when it has expired.",
    ),
    row("dryRun", "string", "`All` runs every stage of the request and persists nothing."),
    row(
        "fieldManager",
        "string",
        "The name under which the request's fields are owned; at most 128 characters.",
    ),
    row("fieldSelector", "string", "Restricts the objects by their fields."),
    row(
        "fieldValidation",
        "string",
        "`Ignore`, `Warn` or `Strict`: what unknown and duplicate fields lead to.",
    ),
    row("force", "boolean", "Take over fields that another manager owns; for apply requests only."),
    row("gracePeriodSeconds", "integer", "Seconds before the object is deleted; zero deletes at once."),
    row("labelSelector", "string", "Restricts the objects by their labels."),
    row("limit", "integer", "How many objects a page has at most."),
    row(
        "orphanDependents",
        "boolean",
        "The deprecated form of propagationPolicy: whether dependents are orphaned.",
    ),
    row("propagationPolicy", "string", "`Orphan`, `Background` or `Foreground`: what happens to dependents."),
    row("resourceVersion", "string", "The revision that the answer is at, or where the watch starts."),
    row(
        "resourceVersionMatch",
        "string",
        "`Exact` or `NotOlderThan`: how resourceVersion is meant for a list.",
    ),
    row("sendInitialEvents", "boolean", "Begin a watch with the objects that exist, closed by a bookmark."),
    row("timeoutSeconds", "integer", "Ends the list or watch after this time."),
    row("watch", "boolean", "Stream the changes instead of answering with a list."),
];

const NAME: Parameter = row("name", "string", "The name of the object.");
const NAMESPACE: Parameter = row("namespace", "string", "The namespace of the object.");
const PRETTY: Parameter = row("pretty", "string", "If `true`, the answer is indented.");

/// The query parameters of each action.
const BY_ACTION: &[(&str, &[&str])] = &[
    ("get", &[]),
    ("connect", &[]),
    ("post", &["dryRun", "fieldManager", "fieldValidation"]),
    ("put", &["dryRun", "fieldManager", "fieldValidation"]),
    ("patch", &["dryRun", "fieldManager", "fieldValidation", "force"]),
    ("delete", &["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"]),
    ("list", LIST),
    ("deletecollection", DELETE_COLLECTION),
];

const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];

const DELETE_COLLECTION: &[&str] = &[
    "continue",
    "dryRun",
    "fieldSelector",
    "gracePeriodSeconds",
    "labelSelector",
    "limit",
    "orphanDependents",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
];

/// The query parameters of an action.
pub(crate) fn of_action(action: &str) -> Vec<Value> {
    let names = BY_ACTION.iter().find(|(name, _)| *name == action).map_or(&[][..], |(_, names)| names);
    QUERY.iter().filter(|row| names.contains(&row.name)).map(query).collect()
}

/// The parameters that a whole path shares: those in it, and `pretty`.
pub(crate) fn of_path(path: &str) -> Vec<Value> {
    let in_path = [NAME, NAMESPACE].into_iter().filter(|row| path.contains(&format!("{{{}}}", row.name)));
    in_path.map(|row| placed(&row, "path", true)).chain([query(&PRETTY)]).collect()
}

fn query(row: &Parameter) -> Value {
    placed(row, "query", false)
}

fn placed(row: &Parameter, place: &str, required: bool) -> Value {
    let mut parameter = json!({
        "name": row.name,
        "in": place,
        "description": row.description,
        "schema": { "type": row.type_name, "uniqueItems": true },
    });
    if required {
        parameter["required"] = json!(true);
    }
    parameter
}
