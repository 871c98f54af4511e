//! One stored version per kind: how other served versions read it.
//!
//! Start at [`entry`] and [`entries`], for what is stored, and [`object`], for what is on its way to the store or to be
//! judged. Events are served in two groups, autoscalers in two versions: their strategies say how one becomes the other.
//! Custom kinds are served in as many versions as their definitions say; where these differ in more than their name, a
//! webhook is asked (`custom::conversion`). So whatever leaves the cache passes here first, and what comes after
//! ([`json_of`]) never has to wait.

use crate::cache::entry::Entry;
use crate::cache::resource::Snapshot;
use crate::cache::selection::Selection;
use crate::cache::watcher::{Lens, within};
use crate::custom::conversion::Converter;
use crate::state::State;
use api::custom::Custom;
use api::{ApiError, Kind, Object};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::Arc;

/// An entry as a version shows it, if finding that out takes a webhook; else as it is.
pub(crate) async fn entry(state: &State, kind: Kind, entry: Arc<Entry>) -> Result<Arc<Entry>, ApiError> {
    if entry.kind == kind {
        return Ok(entry);
    }
    Ok(entries(state, kind, vec![entry.clone()]).await?.pop().unwrap_or(entry))
}

/// The same for many at once: all of them, or none.
pub(crate) async fn entries(
    state: &State,
    kind: Kind,
    entries: Vec<Arc<Entry>>,
) -> Result<Vec<Arc<Entry>>, ApiError> {
    match converter(state, kind) {
        Some(converter) if entries.iter().any(|it| it.kind != kind) => {
            converter.entries(state, kind, &entries).await
        }
        _ => Ok(entries),
    }
}

/// What a selection has to look at: with selectors that read the object, it is the object as the version shows it.
pub(crate) async fn snapshot(
    state: &State,
    kind: Kind,
    selection: &Selection,
    snapshot: Snapshot,
) -> Result<Snapshot, ApiError> {
    if selection.is_by_key() || converter(state, kind).is_none() {
        return Ok(snapshot);
    }
    let all: Vec<Arc<Entry>> = within(&snapshot, &selection.namespace).cloned().collect();
    let shown = entries(state, kind, all).await?;
    let map = shown.into_iter().map(|it| (it.key.clone(), it)).collect();
    Ok(Snapshot { map, revision: snapshot.revision })
}

/// An object that is not in the cache, in another version.
pub(crate) async fn object(state: &State, wanted: Kind, object: Object) -> Result<Object, ApiError> {
    let found = object.kind();
    match converter(state, wanted) {
        Some(converter) if found != wanted => {
            let made = converter.objects(state, wanted, vec![object.to_value()]).await?;
            made.into_iter().next().ok_or_else(|| ApiError::internal("a conversion gave nothing"))
        }
        _ => convert(wanted, object),
    }
}

fn converter(state: &State, kind: Kind) -> Option<Arc<Converter>> {
    if kind.row().strategy.is_converted() { state.catalogue.now().converter(kind) } else { None }
}

/// Shows what a watch tells in a version for which a webhook has to be asked.
struct Shown {
    state: Arc<State>,
    kind: Kind,
    converter: Arc<Converter>,
}

impl Lens for Shown {
    fn show<'a>(&'a self, entries: &'a [Arc<Entry>]) -> BoxFuture<'a, Result<Vec<Arc<Entry>>, ApiError>> {
        self.converter.entries(&self.state, self.kind, entries).boxed()
    }
}

/// What a watch of this kind needs to show its objects.
pub(crate) fn lens(state: &Arc<State>, kind: Kind) -> Option<Box<dyn Lens>> {
    let converter = converter(state, kind)?;
    Some(Box::new(Shown { state: state.clone(), kind, converter }))
}

/// The object's JSON in a served version: the entry's bytes themselves, unless it is of another one.
pub(crate) fn json_of(served: Kind, entry: &Entry) -> Result<Bytes, ApiError> {
    if served == entry.kind {
        return Ok(entry.json.clone());
    }
    let object = entry.decode().map_err(ApiError::internal)?;
    Ok(to_served(served, object)?.to_json().into())
}

/// The object in a served version, where nobody has to be asked.
pub(crate) fn to_served(served: Kind, object: Object) -> Result<Object, ApiError> {
    convert(served, object)
}

/// The object of a built-in kind in the version that is stored.
pub(crate) fn to_stored(object: Object) -> Result<Object, ApiError> {
    let kind = object.kind();
    convert(kind.stored(), object)
}

fn convert(wanted: Kind, object: Object) -> Result<Object, ApiError> {
    let found = object.kind();
    if found == wanted {
        return Ok(object);
    }
    let impossible = || ApiError::internal(format!("no conversion from {found:?} to {wanted:?}"));
    if wanted.row().strategy.is_converted() {
        // To change the name alone would be to lose what the versions differ in.
        return Err(impossible());
    }
    if let Some(custom) = object.downcast_ref::<Custom>() {
        return Ok(Object::new(Box::new(custom.clone().relabeled(wanted))));
    }
    let encodes = |kind: Kind, stored: Kind| kind.row().strategy.encoding().filter(|it| it.kind == stored);
    match (encodes(found, wanted), encodes(wanted, found)) {
        (Some(encoding), _) => Ok((encoding.to_stored)(object)),
        (_, Some(encoding)) => Ok((encoding.to_served)(object)),
        _ => Err(impossible()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::{core, events};

    #[test]
    fn events_are_one_object_in_two_groups() {
        let stored = br#"{"apiVersion":"v1","kind":"Event","involvedObject":{"name":"p"},"metadata":{"name":"e"},"reason":"R"}"#;
        let entry = Entry::new(core::v1::Event::KIND, "ns/e".into(), stored, 7);
        let json = json_of(events::v1::Event::KIND, &entry).unwrap();
        let served = events::v1::Event::KIND.decode(&json).unwrap();
        let event = served.get::<events::v1::Event>().unwrap();
        assert_eq!(event.regarding.as_ref().and_then(|it| it.name.as_deref()), Some("p"));
        assert_eq!(served.meta().resource_version.as_deref(), Some("7"));
        assert_eq!(to_stored(served).unwrap(), entry.decode().unwrap());
    }
}
