//! Deleting the objects of a collection that selectors pick.

use super::Call;
use super::delete::{Order, Outcome, delete_object};
use crate::accept::Form;
use crate::cache::entry::Entry;
use crate::cache::selection::Selection;
use crate::cache::watcher;
use crate::options::delete_options;
use crate::respond::{self, Answer};
use crate::state::State;
use crate::versions;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::{ApiError, Key};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use std::sync::Arc;

/// How many deletes wait for the disk together. Their writes are committed in groups.
const AT_ONCE: usize = 256;

/// DELETE of a collection; answers what was deleted as a list.
pub(crate) async fn delete_collection(state: &State, call: &mut Call) -> Answer {
    let content = call.content().await?;
    let options = delete_options(&call.query, &content)?;
    let (labels, fields) = (call.query.get("labelSelector"), call.query.get("fieldSelector"));
    let selection = Selection::parse(call.kind, &call.key.namespace, labels, fields)?;
    let snapshot = state.cached(call.kind)?.now(state.caches.fresh().await);
    let snapshot = versions::snapshot(state, call.kind, &selection, snapshot).await?;
    let chosen =
        versions::entries(state, call.kind, watcher::select(&snapshot, &selection).collect()).await?;
    let shared: &Call = call;
    let deleted = stream::iter(chosen).map(|entry| delete_one(state, shared, &options, entry));
    let deleted: Vec<Option<Bytes>> = deleted.buffered(AT_ONCE).try_collect().await?;
    let items: Vec<Bytes> = deleted.into_iter().flatten().collect();
    let row = call.kind.row();
    let head = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{{"resourceVersion":"{}"}},"items":["#,
        row.kind,
        row.api_version(),
        snapshot.revision
    );
    let body = [head.as_bytes(), &items.join(&b","[..]), b"]}"].concat();
    respond::json(StatusCode::OK, Form::JSON, body.into())
}

/// Deletes one of them; one that has gone meanwhile is no failure.
async fn delete_one(
    state: &State,
    call: &Call,
    options: &DeleteOptions,
    entry: Arc<Entry>,
) -> Result<Option<Bytes>, ApiError> {
    let key = Key { kind: call.kind, namespace: entry.namespace().to_owned(), name: entry.name().to_owned() };
    let order = Order { key: &key, options, user: &call.user, admitted: false };
    let json = |entry: &Entry| versions::json_of(call.kind, entry);
    match delete_object(state, &order, &call.notes).await {
        Ok(Outcome::Removed(_)) => json(&entry).map(Some),
        Ok(Outcome::Marked(marked)) => {
            let marked = versions::entry(state, call.kind, marked).await?;
            json(&marked).map(Some)
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
