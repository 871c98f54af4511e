//! One watch: from where it starts, which changes it tells, and when it ends.
//!
//! Start at [`Watcher::next`]. A watch begins with what exists, or after a revision; a revision that has left memory is
//! looked up in the store's log, so watches resume across restarts of the server. Nothing is buffered for a watcher: it
//! holds a cursor, and reads on when its client has taken what it got.

use super::entry::Entry;
use super::resource::{Cached, Change, ChangeKind, Forgotten, Snapshot};
use super::selection::Selection;
use super::{Caches, split};
use api::{ApiError, path};
use daemon::clock;
use futures::FutureExt;
use futures::future::BoxFuture;
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

/// How long a paced watcher that has just looked at changes leaves further ones to gather. The first change after a pause
/// is told at once; in a storm, a hundred watchers then cost hundreds of writes in a second and not a hundred for each
/// change.
const PACE: Duration = Duration::from_millis(2);

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
    /// The objects could not be shown in the version that was asked for. The watch ends.
    Failed(ApiError),
}

/// Shows entries in another version, which may take asking somebody. The caches know no more of versions.
pub(crate) trait Lens: Send + Sync {
    /// As many entries, in the same order.
    fn show<'a>(&'a self, entries: &'a [Arc<Entry>]) -> BoxFuture<'a, Result<Vec<Arc<Entry>>, ApiError>>;
}

/// What a watch is about, and how it is shown. Selectors read what the lens shows.
pub(crate) struct View {
    pub(crate) selection: Selection,
    pub(crate) lens: Option<Box<dyn Lens>>,
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
    lens: Option<Box<dyn Lens>>,
    wishes: Wishes,
    /// Everything up to this revision has been told.
    cursor: u64,
    initial: Option<Initial>,
    /// Changes from the store's log that come before those in memory.
    log: VecDeque<Change>,
    changed: watch::Receiver<u64>,
    deadline: Instant,
    next_bookmark: Instant,
    /// Not before this moment are changes looked at; none for a watcher without a pace.
    next_look: Option<Instant>,
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
        view: View,
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
            selection: view.selection,
            lens: view.lens,
            wishes,
            cursor: 0,
            initial: None,
            log: VecDeque::new(),
            changed,
            deadline: now + Duration::from_secs(3600),
            next_bookmark: now + BOOKMARK_EVERY,
            next_look: None,
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

    /// Lets changes gather a little in a storm, for clients to whom each telling is a write on a connection.
    pub(crate) fn paced(mut self) -> Self {
        self.next_look = Some(clock::instant());
        self
    }

    fn begin_with(&mut self, snapshot: &Snapshot) {
        let all = within(snapshot, &self.selection.namespace);
        let rest = all.filter(|it| self.selects_unseen(it)).cloned().collect();
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
    fn read_log(&self, revision: u64, until: u64) -> Result<VecDeque<Change>, crate::vault::Error> {
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
                Some(None) => return Err(store::Error::Closed.into()),
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
            let signals = self.ready().await;
            if !signals.is_empty() {
                return Some(signals);
            }
            self.wait().await;
        }
    }

    /// What can be told without waiting for something to happen.
    async fn ready(&mut self) -> Vec<Signal> {
        while let Some(initial) = &mut self.initial {
            let batch = initial.batch();
            match batch.is_empty() {
                false => match self.existing(batch).await {
                    signals if signals.is_empty() => {}
                    signals => return signals,
                },
                true => {
                    let revision = initial.revision;
                    self.initial = None;
                    if std::mem::take(&mut self.wishes.initial_end) {
                        return vec![Signal::InitialEnd(revision)];
                    }
                }
            }
        }
        if !self.log.is_empty() {
            let log = self.log.drain(..).map(Arc::new).collect();
            return self.told(log).await;
        }
        if let Some(next_look) = &mut self.next_look {
            clock::sleep_until(*next_look).await;
            *next_look = clock::instant() + PACE;
        }
        let seen = self.caches.seen();
        let Ok(changes) = self.cached.changes_after(self.cursor) else {
            self.ended = true;
            return vec![Signal::Expired];
        };
        if let Some(last) = changes.last() {
            self.cursor = last.revision();
        }
        let signals = self.told(changes).await;
        if signals.is_empty() { self.quiet(seen) } else { signals }
    }

    /// Whether an entry is meant, or may be once it is shown.
    fn selects_unseen(&self, entry: &Entry) -> bool {
        let must_be_shown = self.lens.is_some() && !self.selection.is_by_key();
        must_be_shown || self.selection.matches(entry)
    }

    /// What is told of things that exist.
    async fn existing(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Signal> {
        match self.shown(entries).await {
            Ok(shown) => {
                let wanted = shown.into_iter().filter(|it| self.selection.matches(it));
                wanted.map(Signal::Added).collect()
            }
            Err(error) => self.fail(error),
        }
    }

    /// What is told of changes.
    async fn told(&mut self, changes: Vec<Arc<Change>>) -> Vec<Signal> {
        let select = |changes: &[Arc<Change>], selection: &Selection| -> Vec<Signal> {
            changes.iter().filter_map(|it| signal_of(it, selection)).collect()
        };
        if self.lens.is_none() {
            return select(&changes, &self.selection);
        }
        let told = match self.selection.is_by_key() {
            true => self.shown_signals(select(&changes, &self.selection)).await,
            false => self.shown_changes(&changes).await.map(|it| select(&it, &self.selection)),
        };
        told.unwrap_or_else(|error| self.fail(error))
    }

    async fn shown_signals(&self, mut signals: Vec<Signal>) -> Result<Vec<Signal>, ApiError> {
        let entries = signals.iter_mut().filter_map(Signal::entry).map(|it| it.clone()).collect();
        let shown = self.shown(entries).await?;
        let places = signals.iter_mut().filter_map(Signal::entry);
        places.zip(shown).for_each(|(place, entry)| *place = entry);
        Ok(signals)
    }

    async fn shown_changes(&self, changes: &[Arc<Change>]) -> Result<Vec<Arc<Change>>, ApiError> {
        let both = |it: &Arc<Change>| [Some(it.entry.clone()), it.previous.clone()];
        let mut shown = self.shown(changes.iter().flat_map(both).flatten().collect()).await?.into_iter();
        let mut changed = Vec::with_capacity(changes.len());
        for change in changes {
            let Some(entry) = shown.next() else { break };
            let previous = change.previous.as_ref().and_then(|_| shown.next());
            changed.push(Arc::new(Change { kind: change.kind, entry, previous }));
        }
        Ok(changed)
    }

    async fn shown(&self, entries: Vec<Arc<Entry>>) -> Result<Vec<Arc<Entry>>, ApiError> {
        match &self.lens {
            Some(lens) => lens.show(&entries).await,
            None => Ok(entries),
        }
    }

    fn fail(&mut self, error: ApiError) -> Vec<Signal> {
        self.ended = true;
        vec![Signal::Failed(error)]
    }

    /// What a watch without news says: how far it is, now and then and at its end.
    fn quiet(&mut self, seen: u64) -> Vec<Signal> {
        // A watch that starts in the future is not to hear of what was before.
        let is_ahead = self.cursor > seen;
        self.cursor = self.cursor.max(seen);
        let now = clock::instant();
        self.ended =
            now >= self.deadline || self.shutdown.is_cancelled() || self.cached.closed().is_cancelled();
        if !self.wishes.bookmarks || is_ahead || (now < self.next_bookmark && !self.ended) {
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

impl Signal {
    /// The object that is told of, to show it otherwise.
    fn entry(&mut self) -> Option<&mut Arc<Entry>> {
        match self {
            Self::Added(entry) | Self::Modified(entry) | Self::Deleted(entry) => Some(entry),
            Self::Bookmark(_) | Self::InitialEnd(_) | Self::Expired | Self::Failed(_) => None,
        }
    }
}

impl Initial {
    /// The next of what exists; empty when all of it has been told.
    fn batch(&mut self) -> Vec<Arc<Entry>> {
        let count = self.rest.len().min(INITIAL_BATCH);
        self.rest.drain(..count).collect()
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
    let entry = |stored: &[u8]| Arc::new(cached.written.entry(key.clone(), stored, event.revision));
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
