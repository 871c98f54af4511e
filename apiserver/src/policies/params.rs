//! What a binding passes to its policy: one object by name, several by labels, or none.

use crate::cache::entry::Entry;
use crate::cache::watcher;
use crate::state::{State, cache_key};
use crate::versions;
use crate::webhooks::subject::Facts;
use api::k8s::api::admissionregistration::v1::{ParamKind, ParamRef};
use api::selector::Selector;
use api::{ApiError, Key, Kind};
use serde_json::Value;
use std::sync::Arc;

/// The parameters; a policy is evaluated once for each. One that takes none gets null, and so does one whose binding
/// passes none.
pub(crate) async fn find(
    state: &State,
    kind: Option<&ParamKind>,
    reference: Option<&ParamRef>,
    facts: &Facts<'_>,
) -> Result<Vec<Value>, String> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(vec![Value::Null]) };
    let kind = known(state, kind)?;
    let namespace = namespace_of(kind, reference, facts)?;
    let found = match (reference.name.as_deref().filter(|it| !it.is_empty()), &reference.selector) {
        (Some(_), Some(_)) => {
            return Err("paramRef.name and paramRef.selector are mutually exclusive".to_owned());
        }
        (Some(name), None) => by_name(state, kind, namespace, name),
        (None, selector) => {
            let selector = selector.as_ref().map_or_else(|| Ok(Selector::default()), Selector::of);
            by_labels(state, kind, namespace, &selector.map_err(|error| error.to_string())?)
        }
    };
    let found = found.map_err(|error| error.message().to_owned())?;
    if found.is_empty() && reference.parameter_not_found_action.as_deref() == Some("Deny") {
        return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
    }
    let shown = versions::entries(state, kind, found).await.map_err(|error| error.message().to_owned())?;
    shown.iter().map(|it| value(kind, it)).collect()
}

fn known(state: &State, kind: &ParamKind) -> Result<Kind, String> {
    let version = kind.api_version.as_deref().unwrap_or_default();
    let name = kind.kind.as_deref().unwrap_or_default();
    let found = Kind::named(version, name).or_else(|| state.catalogue.now().named(version, name));
    found.ok_or_else(|| format!("paramKind kind `{version}, Kind={name}` not known"))
}

/// Where the parameters are: where the reference says, or where the request is.
fn namespace_of<'a>(kind: Kind, reference: &'a ParamRef, facts: &Facts<'a>) -> Result<&'a str, String> {
    let given = reference.namespace.as_deref().unwrap_or_default();
    if !kind.row().namespaced() {
        return match given {
            "" => Ok(""),
            _ => Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned()),
        };
    }
    match if given.is_empty() { facts.namespace } else { given } {
        "" => Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            .to_owned()),
        namespace => Ok(namespace),
    }
}

fn by_name(state: &State, kind: Kind, namespace: &str, name: &str) -> Result<Vec<Arc<Entry>>, ApiError> {
    let key = Key { kind, namespace: namespace.to_owned(), name: name.to_owned() };
    Ok(state.cached(kind)?.get(&cache_key(&key)).into_iter().collect())
}

fn by_labels(
    state: &State,
    kind: Kind,
    namespace: &str,
    selector: &Selector,
) -> Result<Vec<Arc<Entry>>, ApiError> {
    let snapshot = state.cached(kind)?.now(state.caches.seen());
    let selected = watcher::within(&snapshot, namespace).filter(|it| selector.matches(it.labels()));
    Ok(selected.cloned().collect())
}

fn value(kind: Kind, entry: &Entry) -> Result<Value, String> {
    let json = versions::json_of(kind, entry).map_err(|error| error.message().to_owned())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
