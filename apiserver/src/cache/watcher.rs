//! One watch: from where it starts, which changes it tells, and when it ends.
//!
//! Start at [`Watcher::next`]. A watch begins with what exists, or after a revision; a revision that has left memory is
//! looked up in the store's log, so watches resume across restarts of the server. Nothing is buffered for a watcher: it
//! holds a cursor, and reads on when its client has taken what it got.

use super::entry::Entry;
use super::resource::{Cached, Change, ChangeKind, Forgotten, Snapshot};
use super::selection::Selection;
use super::{Caches, split};
use api::path;
use daemon::clock;
use futures::FutureExt;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use store::EventKind;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many objects are told at once in the beginning, so that a large kind is not copied as a whole.
const INITIAL_BATCH: usize = 500;
/// How often a quiet watch says how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(50);

/// What a watcher is told.
#[derive(Clone, Debug)]
pub(crate) enum Signal {
    /// The object came to be, or began to match.
    Added(Arc<Entry>),
    /// It changed.
    Modified(Arc<Entry>),
    /// It went, or ceased to match.
    Deleted(Arc<Entry>),
    /// Everything up to this revision has been told.
    Bookmark(u64),
    /// The same, and all that existed in the beginning has been told as well.
    InitialEnd(u64),
    /// The watcher was too slow, or started too far back; it has to list again.
    Expired,
}

/// Where a watch begins.
pub(crate) enum Start {
    /// With what exists: told as additions.
    Existing,
    /// With the changes after a revision.
    After(u64),
}

/// What a watcher wants to hear besides changes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) bookmarks: bool,
    /// Whether the end of the initial objects is marked.
    pub(crate) initial_end: bool,
}

/// A running watch.
pub(crate) struct Watcher {
    caches: Arc<Caches>,
    cached: Arc<Cached>,
    selection: Selection,
    wishes: Wishes,
    /// Everything up to this revision has been told.
    cursor: u64,
    initial: Option<Initial>,
    /// Changes from the store's log that come before those in memory.
    log: VecDeque<Change>,
    changed: watch::Receiver<u64>,
    deadline: Instant,
    next_bookmark: Instant,
    shutdown: CancellationToken,
    ended: bool,
}

/// What existed in the beginning and is not told yet.
struct Initial {
    rest: VecDeque<Arc<Entry>>,
    revision: u64,
}

impl Watcher {
    /// Begins a watch; `Expired` when its start has left the window.
    pub(crate) fn begin(
        caches: &Arc<Caches>,
        cached: &Arc<Cached>,
        selection: Selection,
        start: Start,
        wishes: Wishes,
        shutdown: CancellationToken,
    ) -> Result<Self, Forgotten> {
        // Subscribing comes first: a change after it wakes, one before it is in the snapshot or the changes.
        let changed = cached.subscribe();
        let now = clock::instant();
        let mut watcher = Self {
            caches: caches.clone(),
            cached: cached.clone(),
            selection,
            wishes,
            cursor: 0,
            initial: None,
            log: VecDeque::new(),
            changed,
            deadline: now + Duration::from_secs(3600),
            next_bookmark: now + BOOKMARK_EVERY,
            shutdown,
            ended: false,
        };
        match start {
            Start::Existing => watcher.begin_with(&cached.now(caches.seen())),
            Start::After(revision) => watcher.begin_after(revision)?,
        }
        Ok(watcher)
    }

    /// Ends the watch after this time.
    pub(crate) fn lasting(mut self, time: Duration) -> Self {
        self.deadline = clock::instant() + time;
        self
    }

    fn begin_with(&mut self, snapshot: &Snapshot) {
        let rest = select(snapshot, &self.selection).collect();
        self.cursor = snapshot.revision;
        self.initial = Some(Initial { rest, revision: snapshot.revision });
    }

    fn begin_after(&mut self, revision: u64) -> Result<(), Forgotten> {
        self.cursor = revision;
        if revision < self.cached.forgotten() {
            let until = self.cached.forgotten();
            self.log = self.read_log(revision, until).map_err(|error| {
                tracing::debug!(%error, revision, "a watch starts before the window");
                Forgotten
            })?;
            self.cursor = until;
        }
        Ok(())
    }

    /// The changes after `revision` up to `until`, which memory has forgotten, from the store's log.
    fn read_log(&self, revision: u64, until: u64) -> Result<VecDeque<Change>, store::Error> {
        let prefix = path::store_prefix(self.cached.kind.row());
        let end = store::prefix_end(prefix.as_bytes());
        let mut log = self.caches.store().watch(prefix.as_bytes(), &end, revision)?;
        let (progress, mut changes, mut reached) = (log.progress(), VecDeque::new(), None);
        // The log holds all of this already, so nothing here waits for something to happen; a read that found
        // nothing yields once, and having come further is what tells it from the end of the log.
        loop {
            match log.next().now_or_never() {
                Some(Some(events)) => changes.extend(
                    events?
                        .iter()
                        .filter(|it| it.revision <= until)
                        .filter_map(|it| change_of(&self.cached, it)),
                ),
                Some(None) => return Err(store::Error::Closed),
                None if progress.revision() >= until || reached == Some(progress.revision()) => {
                    return Ok(changes);
                }
                None => reached = Some(progress.revision()),
            }
            if progress.revision() >= until {
                return Ok(changes);
            }
        }
    }

    /// What comes next: at least one signal; none when the watch has ended.
    pub(crate) async fn next(&mut self) -> Option<Vec<Signal>> {
        loop {
            if self.ended {
                return None;
            }
            let signals = self.ready();
            if !signals.is_empty() {
                return Some(signals);
            }
            self.wait().await;
        }
    }

    /// What can be told without waiting.
    fn ready(&mut self) -> Vec<Signal> {
        if let Some(initial) = &mut self.initial {
            return self.wishes.begin(initial).unwrap_or_else(|| {
                self.initial = None;
                self.ready()
            });
        }
        if !self.log.is_empty() {
            return self.log.drain(..).filter_map(|it| signal_of(&it, &self.selection)).collect();
        }
        let seen = self.caches.seen();
        let Ok(changes) = self.cached.changes_after(self.cursor) else {
            self.ended = true;
            return vec![Signal::Expired];
        };
        if let Some(last) = changes.last() {
            self.cursor = last.revision();
        }
        let signals: Vec<Signal> = changes.iter().filter_map(|it| signal_of(it, &self.selection)).collect();
        if signals.is_empty() { self.quiet(seen) } else { signals }
    }

    /// What a watch without news says: how far it is, now and then and at its end.
    fn quiet(&mut self, seen: u64) -> Vec<Signal> {
        self.cursor = self.cursor.max(seen);
        let now = clock::instant();
        self.ended =
            now >= self.deadline || self.shutdown.is_cancelled() || self.cached.closed().is_cancelled();
        if !self.wishes.bookmarks || (now < self.next_bookmark && !self.ended) {
            return Vec::new();
        }
        self.next_bookmark = now + BOOKMARK_EVERY;
        vec![Signal::Bookmark(self.cursor)]
    }

    async fn wait(&mut self) {
        if self.ended {
            return;
        }
        let until = if self.wishes.bookmarks { self.deadline.min(self.next_bookmark) } else { self.deadline };
        tokio::select! {
            changed = self.changed.changed() => self.ended = changed.is_err(),
            () = clock::sleep_until(until) => {}
            () = self.shutdown.cancelled() => {}
            () = self.cached.closed().cancelled() => {}
        }
    }
}

impl Wishes {
    /// The next of what exists; none when all of it has been told.
    fn begin(&mut self, initial: &mut Initial) -> Option<Vec<Signal>> {
        let count = initial.rest.len().min(INITIAL_BATCH);
        let mut signals: Vec<Signal> = initial.rest.drain(..count).map(Signal::Added).collect();
        if initial.rest.is_empty() && std::mem::take(&mut self.initial_end) {
            signals.push(Signal::InitialEnd(initial.revision));
        }
        (!signals.is_empty()).then_some(signals)
    }
}

/// The objects of a snapshot that are selected, in order.
pub(crate) fn select<'a>(
    snapshot: &'a Snapshot,
    selection: &'a Selection,
) -> impl Iterator<Item = Arc<Entry>> + 'a {
    within(snapshot, &selection.namespace).filter(|it| selection.matches(it)).cloned()
}

/// The objects of one namespace, or of all when it is empty.
pub(crate) fn within<'a>(
    snapshot: &'a Snapshot,
    namespace: &str,
) -> impl Iterator<Item = &'a Arc<Entry>> + 'a {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    // '0' follows '/'.
    let (start, end) = (format!("{namespace}/"), format!("{namespace}0"));
    let bounds = match namespace {
        "" => (Unbounded, Unbounded),
        _ => (Included(start.as_str()), Excluded(end.as_str())),
    };
    snapshot.map.range::<_, str>(bounds).map(|(_, entry)| entry)
}

/// What a change is to a watcher that sees only what is selected.
pub(crate) fn signal_of(change: &Change, selection: &Selection) -> Option<Signal> {
    let before = change.previous.as_ref().filter(|it| selection.matches(it));
    let now = change.kind != ChangeKind::Deleted && selection.matches(&change.entry);
    match (before, now) {
        (None, false) => None,
        (None, true) => Some(Signal::Added(change.entry.clone())),
        (Some(_), true) => Some(Signal::Modified(change.entry.clone())),
        (Some(_), false) if change.kind == ChangeKind::Deleted => Some(Signal::Deleted(change.entry.clone())),
        (Some(previous), false) => Some(Signal::Deleted(Arc::new(previous.restamped(change.revision())))),
    }
}

/// A change as the store's log tells it.
fn change_of(cached: &Cached, event: &store::Event) -> Option<Change> {
    let (_, key) = split(&event.key)?;
    let key: Arc<str> = key.into();
    let entry = |stored: &[u8]| Arc::new(Entry::new(cached.kind, key.clone(), stored, event.revision));
    let kind = match (event.kind, &event.previous) {
        (EventKind::Delete, _) => ChangeKind::Deleted,
        (EventKind::Put, Some(_)) => ChangeKind::Modified,
        (EventKind::Put, None) => ChangeKind::Added,
    };
    let previous = event.previous.as_deref().map(entry);
    Some(Change { kind, entry: entry(&event.value), previous })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::core::v1::ConfigMap;
    use api::selector::Selector;

    fn entry(label: &str, revision: u64) -> Arc<Entry> {
        let json = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"labels":{{"on":"{label}"}},"name":"a"}}}}"#
        );
        Arc::new(Entry::new(ConfigMap::KIND, "ns/a".into(), json.as_bytes(), revision))
    }

    /// `before` and `after` are the values of a label that must be `y`.
    #[track_caller]
    fn check(before: Option<&str>, after: Option<&str>, expect: &str) {
        let kind = match (before, after) {
            (None, _) => ChangeKind::Added,
            (_, Some(_)) => ChangeKind::Modified,
            (_, None) => ChangeKind::Deleted,
        };
        let previous = before.map(|it| entry(it, 1));
        let change = Change { kind, entry: entry(after.or(before).unwrap(), 2), previous };
        let selection = Selection { labels: Selector::parse("on=y").unwrap(), ..Selection::default() };
        let got = match signal_of(&change, &selection) {
            None => "nothing".to_owned(),
            Some(Signal::Added(it)) => format!("added {}", it.revision),
            Some(Signal::Modified(it)) => format!("modified {}", it.revision),
            Some(Signal::Deleted(it)) => format!("deleted {} {}", it.revision, it.labels().unwrap()["on"]),
            Some(other) => format!("{other:?}"),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn a_selector_turns_changes_into_additions_and_deletions() {
        check(None, Some("y"), "added 2");
        check(None, Some("n"), "nothing");
        check(Some("y"), Some("y"), "modified 2");
        check(Some("n"), Some("y"), "added 2");
        check(Some("y"), Some("n"), "deleted 2 y");
        check(Some("n"), Some("n"), "nothing");
        check(Some("y"), None, "deleted 2 y");
        check(Some("n"), None, "nothing");
    }
}
