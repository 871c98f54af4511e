//! Follows one kind on the server: list, then watch from there, for ever.
//!
//! A state machine, so that what happens after each kind of failure can be read off: a broken watch resumes from the
//! last revision it has seen, and only a revision that has left the server's window costs a new list.

use api::{Kind, Object};
use client::frames::Frame;
use client::{Client, Error, ListParams, WatchParams};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;

/// What to follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The kind.
    pub kind: Kind,
    /// One namespace, or all when empty.
    pub namespace: String,
    /// Which objects, such as `spec.nodeName=one`.
    pub field_selector: Option<String>,
    /// Which objects, such as `app=web`.
    pub label_selector: Option<String>,
}

impl Scope {
    /// Everything of a kind.
    pub fn all(kind: Kind) -> Self {
        Self { kind, namespace: String::new(), field_selector: None, label_selector: None }
    }
}

/// What the server told.
#[derive(Debug)]
pub enum Update {
    /// This is everything, as of this revision: what isn't here is gone.
    Restarted(Vec<Arc<Object>>, u64),
    /// An object is new or changed.
    Applied(Arc<Object>),
    /// An object is gone; its resourceVersion is that of the removal.
    Removed(Arc<Object>),
    /// Everything up to this revision has been told.
    Progress(u64),
}

enum State {
    /// Nothing is known: list.
    Empty,
    /// Everything up to this revision is known: watch from there.
    Listed(u64),
    /// Changes arrive; the revision is that of the last one.
    Watching(BoxStream<'static, Result<Frame, Error>>, u64),
}

/// Follows one kind.
pub struct Watcher {
    client: Client,
    scope: Scope,
    state: State,
}

/// After this many seconds the server ends a watch, so that one on a dead connection does not last.
const WATCH_SECONDS: u32 = 290;

impl Watcher {
    /// Follows from the beginning.
    pub fn new(client: Client, scope: Scope) -> Self {
        Self { client, scope, state: State::Empty }
    }

    /// The next update. After an error the caller waits a little and calls again.
    pub async fn next(&mut self) -> Result<Update, Error> {
        loop {
            match &mut self.state {
                State::Empty => return self.list().await,
                State::Listed(revision) => {
                    let revision = *revision;
                    self.watch(revision).await?;
                }
                State::Watching(frames, revision) => {
                    let seen = *revision;
                    let error = match frames.next().await {
                        Some(Ok(frame)) => return Ok(update_of(frame, revision)),
                        Some(Err(error)) => error,
                        // The caller's little wait keeps a server that ends every watch at once from being stormed.
                        None => Error::Transport("the watch ended".into()),
                    };
                    self.state = if error.is_expired() { State::Empty } else { State::Listed(seen) };
                    return Err(error);
                }
            }
        }
    }

    async fn list(&mut self) -> Result<Update, Error> {
        let params = ListParams {
            label_selector: self.scope.label_selector.clone(),
            field_selector: self.scope.field_selector.clone(),
            ..ListParams::default()
        };
        let list = self.client.list(self.scope.kind, &self.scope.namespace, &params).await?;
        self.state = State::Listed(list.revision);
        Ok(Update::Restarted(list.items, list.revision))
    }

    async fn watch(&mut self, revision: u64) -> Result<(), Error> {
        let params = WatchParams {
            label_selector: self.scope.label_selector.clone(),
            field_selector: self.scope.field_selector.clone(),
            resource_version: Some(revision.to_string()),
            bookmarks: true,
            timeout_seconds: Some(WATCH_SECONDS),
        };
        match self.client.watch(self.scope.kind, &self.scope.namespace, &params).await {
            Ok(frames) => self.state = State::Watching(frames.boxed(), revision),
            Err(error) => {
                if error.is_expired() {
                    self.state = State::Empty;
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

fn update_of(frame: Frame, seen: &mut u64) -> Update {
    let mut note = |object: &Arc<Object>| *seen = crate::cache::revision_of(object).max(*seen);
    match frame {
        Frame::Added(object) | Frame::Modified(object) => {
            note(&object);
            Update::Applied(object)
        }
        Frame::Deleted(object) => {
            note(&object);
            Update::Removed(object)
        }
        Frame::Bookmark(revision) => {
            *seen = revision.max(*seen);
            Update::Progress(revision)
        }
    }
}
