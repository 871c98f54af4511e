//! Listing a collection: one snapshot of the cache, its bytes joined.
//!
//! Start at [`list`]. Pages of one list read the same revision: the continue token holds it, and the cache gives that
//! revision's objects as long as it remembers how to undo what came after. Beyond that the answer is 410, with a token
//! that goes on with whatever is there then.

use super::Call;
use crate::accept::{Form, Media, Shape};
use crate::cache::entry::Entry;
use crate::cache::resource::{Cached, Forgotten, Map, Snapshot};
use crate::cache::selection::Selection;
use crate::cache::{key_in, watcher};
use crate::options::{Freshness, ListOptions, Token};
use crate::respond::{self, Answer, Response};
use crate::shape::{Header, Shaper};
use crate::state::State;
use crate::versions;
use api::k8s::apimachinery::pkg::apis::meta::v1::ListMeta;
use api::{ApiError, Kind, path};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use client::frames::{Listed, Wanted};
use daemon::clock;
use http::StatusCode;
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a list waits for a revision that has not been written yet.
const FUTURE_PATIENCE: Duration = Duration::from_secs(3);

/// How many bytes of a list are joined at once.
const CHUNK: usize = 128 << 10;

/// Answers a collection.
pub(crate) async fn list(state: &State, call: &Call) -> Answer {
    let options = ListOptions::of(&call.query)?;
    let (labels, fields) = (call.query.get("labelSelector"), call.query.get("fieldSelector"));
    let selection = Selection::parse(call.kind, &call.key.namespace, labels, fields)?;
    let form = call.form()?;
    let snapshot = snapshot(state, &*state.cached(call.kind)?, &options).await?;
    let snapshot = versions::snapshot(state, call.kind, &selection, snapshot).await?;
    let mut page = Page::of(&snapshot, &selection, &options);
    page.entries = versions::entries(state, call.kind, page.entries).await?;
    if call.parts.extensions.get::<Wanted>().is_some() && page.next.is_none() {
        return frames(call.kind, &page);
    }
    match form.shape {
        Shape::Plain if form.media == Media::Json => plain(call.kind, &page),
        _ => shaped(&call.shaper(state, form)?, form, &page),
    }
}

/// The version of the collection that was asked for.
async fn snapshot(state: &State, cached: &Cached, options: &ListOptions) -> Result<Snapshot, ApiError> {
    if let Some(token) = &options.after {
        return match u64::try_from(token.rv) {
            Ok(revision) => exactly(state, cached, revision).await.map_err(|_| expired_token(token)),
            Err(_) => Ok(cached.now(state.caches.fresh().await)),
        };
    }
    match options.freshness {
        // Who takes anything gets the latest as well: the cache is never more than a moment behind.
        Freshness::Latest | Freshness::Any => Ok(cached.now(state.caches.fresh().await)),
        Freshness::NotOlderThan(revision) => {
            await_revision(state, revision).await?;
            Ok(cached.now(state.caches.fresh().await))
        }
        Freshness::Exactly(revision) => {
            await_revision(state, revision).await?;
            exactly(state, cached, revision).await.map_err(|_| {
                ApiError::expired(format!("The provided resource version is too old: {revision}"))
            })
        }
    }
}

/// The collection at a revision, from memory or from the store.
async fn exactly(state: &State, cached: &Cached, revision: u64) -> Result<Snapshot, Forgotten> {
    state.caches.reached(revision.min(state.store.revision())).await;
    cached.at(revision).or_else(|Forgotten| {
        let prefix = path::store_prefix(cached.kind.row());
        let end = store::prefix_end(prefix.as_bytes());
        let page = state.store.range(prefix.as_bytes(), &end, Some(revision), None).map_err(|error| {
            tracing::debug!(%error, revision, "a list reads before the window");
            Forgotten
        })?;
        let entries = page.records.iter().map(|record| {
            let key = key_in(&prefix, &record.key);
            cached.written.entry(key.as_str().into(), &record.value, record.revision)
        });
        let map: Map = entries.map(|entry| (entry.key.clone(), Arc::new(entry))).collect();
        Ok(Snapshot { map, revision })
    })
}

/// Waits a little for a revision that is still to come.
pub(crate) async fn await_revision(state: &State, revision: u64) -> Result<(), ApiError> {
    match clock::timeout(FUTURE_PATIENCE, state.caches.reached(revision)).await {
        Ok(_) => Ok(()),
        Err(_) => {
            let current = state.caches.seen();
            let message = format!("Too large resource version: {revision}, current: {current}");
            let mut error = ApiError::timeout(&message);
            error = error.with_cause("ResourceVersionTooLarge", "", "Too large resource version");
            if let Some(details) = &mut error.0.details {
                details.retry_after_seconds = Some(1);
            }
            Err(error)
        }
    }
}

fn expired_token(token: &Token) -> ApiError {
    let mut error = ApiError::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
         results. Continuing with the provided token results in an inconsistent list - objects that were created, \
         modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    let rest = Token::new(-1, &token.start).encode();
    error.0.metadata = ListMeta { continue_: Some(rest), ..ListMeta::default() };
    error
}

/// What one answer holds of a snapshot.
struct Page {
    entries: Vec<Arc<Entry>>,
    revision: u64,
    /// Where the next page begins.
    next: Option<Token>,
    /// How many follow; known when no selector has to look at them.
    remaining: Option<usize>,
}

impl Page {
    fn of(snapshot: &Snapshot, selection: &Selection, options: &ListOptions) -> Self {
        let start = options.after.as_ref().map_or("", |it| it.start.as_str());
        let from = |it: &&Arc<Entry>| start.is_empty() || &*it.key >= start;
        let all = watcher::within(snapshot, &selection.namespace).filter(from);
        let mut matching = all.filter(|it| selection.is_plain() || selection.matches(it));
        let limit = if options.limit == 0 { usize::MAX } else { options.limit };
        let entries: Vec<Arc<Entry>> = matching.by_ref().take(limit).cloned().collect();
        let revision = snapshot.revision;
        let next = matching.next().map(|it| Token::new(i64::try_from(revision).unwrap_or(-1), &it.key));
        let remaining = (next.is_some() && selection.is_plain()).then(|| matching.count() + 1);
        Self { entries, revision, next, remaining }
    }

    /// The fields of the list's metadata besides its resourceVersion.
    fn meta(&self) -> Vec<(&'static str, Value)> {
        let next = self.next.as_ref().map(|it| ("continue", it.encode().into()));
        next.into_iter().chain(self.remaining.map(|it| ("remainingItemCount", it.into()))).collect()
    }

    /// Everything of the list's JSON that stands before its items.
    fn head(&self, kind: &str, api_version: &str) -> String {
        let mut head = format!(
            r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{{"resourceVersion":"{}""#,
            self.revision
        );
        for (name, value) in self.meta() {
            head.push_str(&format!(r#","{name}":{value}"#));
        }
        head.push_str(r#"},"items":["#);
        head
    }
}

/// The cached bytes, joined.
fn plain(kind: Kind, page: &Page) -> Answer {
    let row = kind.row();
    let head = page.head(row.kind, &row.api_version());
    let items = page.entries.iter().map(|it| versions::json_of(kind, it)).collect::<Result<_, _>>()?;
    Ok(respond::bytes(StatusCode::OK, Form::JSON.content_type(), Body::new(Joined::new(head.into(), items))))
}

/// A table, a list of metadata, or YAML.
fn shaped(shaper: &Shaper, form: Form, page: &Page) -> Answer {
    if shaper.shape() == Shape::Table {
        let rows: Vec<_> = page.entries.iter().map(|it| shaper.row(it)).collect::<Result<_, _>>()?;
        let table = shaper.table(&page.meta(), &page.revision.to_string(), &rows, Header::Sent)?;
        return respond::json(StatusCode::OK, form, table);
    }
    let row = shaper.kind().row();
    let head = match shaper.shape() {
        Shape::Metadata => page.head("PartialObjectMetadata", shaper.shape_version()),
        _ => page.head(row.kind, &row.api_version()),
    };
    let items: Vec<Bytes> = page.entries.iter().map(|it| shaper.item(it)).collect::<Result<_, _>>()?;
    let body = [head.as_bytes(), &items.join(&b","[..]), b"]}"].concat();
    respond::json(StatusCode::OK, form, body.into())
}

/// The shared objects themselves, for callers in this process.
fn frames(kind: Kind, page: &Page) -> Answer {
    let objects = page.entries.iter().map(|entry| {
        if entry.kind == kind {
            return entry.object().map_err(ApiError::internal);
        }
        let object = entry.decode().map_err(ApiError::internal)?;
        versions::to_served(kind, object).map(Arc::new)
    });
    let items = objects.collect::<Result<_, _>>()?;
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Listed { revision: page.revision, items });
    Ok(response)
}

/// A body that joins a list's items as it is sent: nothing is encoded again, and the list is never in memory twice.
struct Joined {
    head: Option<Bytes>,
    items: std::vec::IntoIter<Bytes>,
    length: u64,
    first: bool,
}

const TAIL: &[u8] = b"]}";

impl Joined {
    fn new(head: Bytes, items: Vec<Bytes>) -> Self {
        let commas = items.len().saturating_sub(1);
        let length = head.len() + items.iter().map(Bytes::len).sum::<usize>() + commas + TAIL.len();
        Self { head: Some(head), items: items.into_iter(), length: length as u64, first: true }
    }

    fn chunk(&mut self) -> Option<Bytes> {
        if self.length == 0 {
            return None;
        }
        let mut chunk = BytesMut::with_capacity(CHUNK.min(usize::try_from(self.length).unwrap_or(CHUNK)));
        if let Some(head) = self.head.take() {
            chunk.extend_from_slice(&head);
        }
        while chunk.len() < CHUNK {
            let Some(item) = self.items.next() else {
                chunk.extend_from_slice(TAIL);
                break;
            };
            if !std::mem::take(&mut self.first) {
                chunk.extend_from_slice(b",");
            }
            chunk.extend_from_slice(&item);
        }
        self.length -= chunk.len() as u64;
        Some(chunk.freeze())
    }
}

impl http_body::Body for Joined {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.chunk().map(|it| Ok(http_body::Frame::data(it))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == 0
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joining_is_one_list(lengths in prop::collection::vec(0_usize..40_000, 0..20)) {
            let items: Vec<String> = lengths.into_iter().map(|it| "x".repeat(it)).collect();
            let quoted: Vec<Bytes> = items.iter().map(|it| Bytes::from(format!("{it:?}"))).collect();
            let mut body = Joined::new(r#"{"items":["#.into(), quoted);
            let length = http_body::Body::size_hint(&body).exact();
            let bytes = std::iter::from_fn(|| body.chunk()).collect::<Vec<_>>().concat();
            prop_assert_eq!(length, Some(bytes.len() as u64));
            let tree: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(tree, serde_json::json!({ "items": items }));
        }
    }
}
