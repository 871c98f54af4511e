//! Connections as webhooks and policies see them: the options of exec, attach, port-forward and proxies.

use super::subject::Facts;
use crate::admission::{Operation, Options};
use crate::handlers::{Call, subresource};
use crate::request::Query;
use crate::state::State;
use api::{ApiError, Subresource};
use serde_json::{Map, Value, json};

/// Parameters that are switches.
const SWITCHES: &[&str] = &["stdin", "stdout", "stderr", "tty"];

/// Asks whether a connection may be made. What mutating webhooks make of its options is not looked at, as upstream.
pub(crate) async fn admit(state: &State, call: &Call, found: Subresource) -> Result<(), ApiError> {
    let sent = match found {
        Subresource::Proxy => Some(proxied(call.kind.row().kind)),
        _ => subresource::kind(found),
    };
    let facts = Facts {
        operation: Operation::Connect,
        resource: call.kind,
        subresource: found.name(),
        namespace: &call.key.namespace,
        name: &call.key.name,
        user: &call.user,
        options: Options::None,
        sent,
    };
    let (_, _, kind) = sent.unwrap_or_default();
    let mut body = match found {
        Subresource::Proxy => Map::from_iter([("path".to_owned(), call.path.tail.as_str().into())]),
        _ => options_of(&call.query, found),
    };
    body.extend([("kind".to_owned(), kind.into()), ("apiVersion".to_owned(), "v1".into())]);
    super::posted(state, facts, Value::Object(body), &call.notes).await.map(drop)
}

fn proxied(kind: &str) -> super::subject::Name {
    let options = match kind {
        "Pod" => "PodProxyOptions",
        "Service" => "ServiceProxyOptions",
        _ => "NodeProxyOptions",
    };
    ("", "v1", options)
}

fn options_of(query: &Query, found: Subresource) -> Map<String, Value> {
    let mut options = Map::new();
    if found == Subresource::PortForward {
        let ports: Vec<i64> = query.all("ports").filter_map(|it| it.parse().ok()).collect();
        options.extend((!ports.is_empty()).then(|| ("ports".to_owned(), json!(ports))));
        return options;
    }
    let on = SWITCHES.iter().filter(|it| query.is_true(it));
    options.extend(on.map(|it| ((*it).to_owned(), true.into())));
    options.extend(query.get("container").map(|it| ("container".to_owned(), it.into())));
    let command: Vec<&str> = query.all("command").collect();
    options.extend((!command.is_empty()).then(|| ("command".to_owned(), json!(command))));
    options
}
