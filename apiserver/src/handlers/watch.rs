//! Watching a collection: the signals of a [`Watcher`] as JSON lines, or as shared objects within the process.

use super::Call;
use super::list::await_revision;
use crate::accept::{Form, Shape};
use crate::cache::entry::Entry;
use crate::cache::selection::Selection;
use crate::cache::watcher::{Signal, Start, View, Watcher, Wishes};
use crate::options::WatchOptions;
use crate::respond::{self, Answer, Response};
use crate::shape::{Header, Shaper};
use crate::state::State;
use crate::versions;
use api::{ApiError, Kind, Object};
use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use client::frames::{Frame, Wanted, Watched};
use futures::StreamExt;
use futures::stream;
use http::StatusCode;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// A watch without a timeout lasts this long, and up to twice as long, as upstream: so that clients that connected
/// together do not come back together.
const LEAST_TIMEOUT: Duration = Duration::from_secs(1800);

/// Answers a stream of changes.
pub(crate) async fn watch(state: &Arc<State>, call: &Call) -> Answer {
    let options = WatchOptions::of(&call.query)?;
    let (labels, fields) = (call.query.get("labelSelector"), call.query.get("fieldSelector"));
    let mut selection = Selection::parse(call.kind, &call.key.namespace, labels, fields)?;
    if !call.key.name.is_empty() {
        selection.pin_name(&call.key.name);
    }
    let form = call.form()?;
    let timeout = options.timeout.unwrap_or_else(|| state.random.jitter(LEAST_TIMEOUT, 1.0));
    let (start, wishes) = match begin_of(state, &options).await {
        Ok(begin) => begin,
        Err(error) => return Ok(failed(&error)),
    };
    let cached = state.cached(call.kind)?;
    let view = View { selection, lens: versions::lens(state, call.kind) };
    let begun = Watcher::begin(&state.caches, &cached, view, start, wishes, state.shutdown.clone());
    let Ok(watcher) = begun else { return Ok(too_old(&options)) };
    let watcher = watcher.lasting(timeout);
    if call.parts.extensions.get::<Wanted>().is_some() {
        return Ok(frames(call.kind, watcher));
    }
    let watcher = watcher.paced();
    let lines = Lines { shaper: call.shaper(state, form)?, header: Header::Sent };
    let open = state.metrics.watch_opened(call.kind);
    let body = stream::unfold((watcher, lines, open), |(mut watcher, mut lines, open)| async move {
        let signals = watcher.next().await?;
        Some((Ok::<_, Infallible>(lines.of(&signals)), (watcher, lines, open)))
    });
    Ok(respond::bytes(StatusCode::OK, Form::JSON.content_type(), Body::from_stream(body)))
}

/// Where the watch begins. Who wants what exists at a revision waits until it has been reached; who wants the changes
/// after it is told nothing until they come, however far that is.
async fn begin_of(state: &State, options: &WatchOptions) -> Result<(Start, Wishes), ApiError> {
    let revision = options.revision.unwrap_or(0);
    let existing = options.initial.unwrap_or(revision == 0);
    let wishes = Wishes {
        bookmarks: options.bookmarks,
        initial_end: options.initial == Some(true) && options.bookmarks,
    };
    match options.revision {
        None => drop(state.caches.fresh().await),
        Some(revision) if existing => await_revision(state, revision).await?,
        Some(_) => {}
    }
    match (existing, revision) {
        (true, _) => Ok((Start::Existing, wishes)),
        (false, 0) => Ok((Start::After(state.caches.seen()), wishes)),
        (false, revision) => Ok((Start::After(revision), wishes)),
    }
}

/// A watch that starts before the window is answered by one event: clients know that they have to list again.
fn too_old(options: &WatchOptions) -> Response {
    let message = format!("too old resource version: {}", options.revision.unwrap_or(0));
    failed(&ApiError::expired(message))
}

/// What goes wrong when a watch begins is an event, too, and not a refusal.
fn failed(error: &ApiError) -> Response {
    let mut line = BytesMut::new();
    push(&mut line, "ERROR", &serde_json::to_vec(&error.0).unwrap_or_default());
    respond::bytes(StatusCode::OK, Form::JSON.content_type(), line.freeze())
}

fn expired(message: &str) -> Bytes {
    let error = ApiError::expired(message);
    serde_json::to_vec(&error.0).unwrap_or_default().into()
}

/// Writes signals as the lines of a watch.
struct Lines {
    shaper: Shaper,
    /// Only the first table names its columns.
    header: Header,
}

impl Lines {
    fn of(&mut self, signals: &[Signal]) -> Bytes {
        let mut lines = BytesMut::with_capacity(signals.len() * 512);
        for signal in signals {
            let (name, object) = match signal {
                Signal::Added(entry) => ("ADDED", self.object(entry)),
                Signal::Modified(entry) => ("MODIFIED", self.object(entry)),
                Signal::Deleted(entry) => ("DELETED", self.object(entry)),
                Signal::Bookmark(revision) => ("BOOKMARK", self.bookmark(*revision, json!({}))),
                Signal::InitialEnd(revision) => {
                    let marked = json!({ "annotations": { "k8s.io/initial-events-end": "true" } });
                    ("BOOKMARK", self.bookmark(*revision, marked))
                }
                Signal::Expired => ("ERROR", Ok(expired("the watch fell too far behind, list again"))),
                Signal::Failed(error) => ("ERROR", Err(error.clone())),
            };
            match object {
                Ok(object) => push(&mut lines, name, &object),
                Err(error) => push(&mut lines, "ERROR", &serde_json::to_vec(&error.0).unwrap_or_default()),
            }
        }
        lines.freeze()
    }

    fn object(&mut self, entry: &Entry) -> Result<Bytes, ApiError> {
        if self.shaper.shape() != Shape::Table {
            return self.shaper.item(entry);
        }
        let header = std::mem::replace(&mut self.header, Header::Omitted);
        self.shaper.table(&[], &entry.revision.to_string(), &[self.shaper.row(entry)?], header)
    }

    fn bookmark(&self, revision: u64, mut metadata: serde_json::Value) -> Result<Bytes, ApiError> {
        let row = self.shaper.kind().row();
        let (kind, api_version) = match self.shaper.shape() {
            Shape::Table => return self.shaper.table(&[], &revision.to_string(), &[], Header::Omitted),
            Shape::Metadata => ("PartialObjectMetadata", self.shaper.shape_version().to_owned()),
            _ => (row.kind, row.api_version()),
        };
        metadata["resourceVersion"] = revision.to_string().into();
        metadata["creationTimestamp"] = serde_json::Value::Null;
        let bookmark = json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata });
        serde_json::to_vec(&bookmark).map(Bytes::from).map_err(ApiError::internal)
    }
}

fn push(lines: &mut BytesMut, name: &str, object: &[u8]) {
    lines.reserve(object.len() + name.len() + 24);
    lines.put_slice(br#"{"type":""#);
    lines.put_slice(name.as_bytes());
    lines.put_slice(br#"","object":"#);
    lines.put_slice(object);
    lines.put_slice(b"}\n");
}

/// The shared objects themselves, for callers in this process.
fn frames(kind: Kind, watcher: Watcher) -> Response {
    let batches =
        stream::unfold(watcher, |mut watcher| async move { Some((watcher.next().await?, watcher)) });
    let frames = batches.flat_map(move |signals| stream::iter(signals).map(move |it| frame(kind, &it)));
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Watched::new(frames.boxed()));
    response
}

fn frame(kind: Kind, signal: &Signal) -> Result<Frame, ApiError> {
    Ok(match signal {
        Signal::Added(entry) => Frame::Added(shared(kind, entry)?),
        Signal::Modified(entry) => Frame::Modified(shared(kind, entry)?),
        Signal::Deleted(entry) => Frame::Deleted(shared(kind, entry)?),
        Signal::Bookmark(revision) | Signal::InitialEnd(revision) => Frame::Bookmark(*revision),
        Signal::Expired => return Err(ApiError::expired("the watch fell too far behind, list again")),
        Signal::Failed(error) => return Err(error.clone()),
    })
}

fn shared(kind: Kind, entry: &Entry) -> Result<Arc<Object>, ApiError> {
    if entry.kind == kind {
        return entry.object().map_err(ApiError::internal);
    }
    let object = entry.decode().map_err(ApiError::internal)?;
    versions::to_served(kind, object).map(Arc::new)
}
