//! The cached objects of one kind: a persistent ordered map of the present, and the recent changes.
//!
//! Start at [`Cached`]. The map is cheap to copy, so a list takes a copy and reads it without the lock. A map of the
//! recent past is the present one with the changes undone ([`Cached::at`]): pages of one list and exact reads cost
//! nothing to keep. Watchers keep a cursor into the changes ([`Cached::changes_after`]) instead of a buffer of their own;
//! one that is slower than the changes are forgotten has to list again.

use super::entry::Entry;
use super::written::Written;
use api::Kind;
use imbl::OrdMap;
use std::collections::VecDeque;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How many changes are remembered, and how many bytes of objects with them. What is older is in the store's log.
const REMEMBERED_CHANGES: usize = 8192;
const REMEMBERED_BYTES: usize = 4 << 20;

/// What a write did to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One write, shared by all watchers.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// The object as written; for a deletion as it last was, with the deletion's revision.
    pub(crate) entry: Arc<Entry>,
    /// The object before.
    pub(crate) previous: Option<Arc<Entry>>,
}

impl Change {
    pub(crate) fn revision(&self) -> u64 {
        self.entry.revision
    }

    /// What remembering this change costs beyond the objects that are there anyway.
    fn weight(&self) -> usize {
        self.previous.as_ref().map_or(64, |it| it.weight())
    }
}

/// By key, in list order.
pub(crate) type Map = OrdMap<Arc<str>, Arc<Entry>>;

/// All objects of a kind at one revision.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) map: Map,
    pub(crate) revision: u64,
}

/// The revision has left memory; the store's log may still have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forgotten;

/// The cache of one kind.
pub(crate) struct Cached {
    /// The kind in which the objects are stored.
    pub(crate) kind: Kind,
    /// How their bytes are read.
    pub(crate) written: Written,
    /// Written by the pump only; held for single look-ups and for copying the map.
    state: RwLock<State>,
    /// The revision of the last change, to wake watchers. It wakes; what happened is read from the state.
    changed: watch::Sender<u64>,
    /// Cancelled when the kind is no longer served in this form.
    closed: CancellationToken,
}

struct State {
    map: Map,
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    /// Every change after this revision is in `changes`.
    forgotten: u64,
    /// The last change's revision.
    revision: u64,
}

impl Cached {
    /// A cache that starts with these objects, as they were at `revision`.
    pub(crate) fn new(written: Written, map: Map, revision: u64) -> Self {
        let state = State { map, changes: VecDeque::new(), bytes: 0, forgotten: revision, revision };
        let (changed, closed) = (watch::Sender::new(revision), CancellationToken::new());
        Self { kind: written.stored, written, state: RwLock::new(state), changed, closed }
    }

    /// One object.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.read().map.get(key).cloned()
    }

    /// The present. `seen` is a revision up to which every change of every kind has been applied already.
    pub(crate) fn now(&self, seen: u64) -> Snapshot {
        let state = self.read();
        Snapshot { map: state.map.clone(), revision: seen.max(state.revision) }
    }

    /// The objects as they were at a revision that has been applied.
    pub(crate) fn at(&self, revision: u64) -> Result<Snapshot, Forgotten> {
        let (mut map, undo) = {
            let state = self.read();
            (state.map.clone(), state.after(revision)?)
        };
        for change in undo.iter().rev() {
            match &change.previous {
                Some(previous) => map.insert(previous.key.clone(), previous.clone()),
                None => map.remove(&change.entry.key),
            };
        }
        Ok(Snapshot { map, revision })
    }

    /// What happened after a revision, in order.
    pub(crate) fn changes_after(&self, revision: u64) -> Result<Vec<Arc<Change>>, Forgotten> {
        self.read().after(revision)
    }

    /// Every change after this revision is in memory.
    pub(crate) fn forgotten(&self) -> u64 {
        self.read().forgotten
    }

    /// Wakes at every change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Applies a write: the new version, or `None` with the last stored bytes for a deletion.
    pub(crate) fn apply(&self, key: &str, write: Write<'_>) {
        let mut state = self.write();
        let previous = state.map.get(key).cloned();
        let key: Arc<str> = previous.as_ref().map_or_else(|| key.into(), |it| it.key.clone());
        let entry = Arc::new(self.written.entry(key.clone(), write.stored, write.revision));
        let kind = match (write.deleted, &previous) {
            (true, _) => ChangeKind::Deleted,
            (false, Some(_)) => ChangeKind::Modified,
            (false, None) => ChangeKind::Added,
        };
        match kind {
            ChangeKind::Deleted => state.map.remove(&key),
            ChangeKind::Added | ChangeKind::Modified => state.map.insert(key, entry.clone()),
        };
        state.remember(Change { kind, entry, previous });
    }

    /// Wakes the watchers, once for a run of changes.
    pub(crate) fn announce(&self) {
        let revision = self.read().revision;
        self.changed.send_replace(revision);
    }

    /// Ends the watches.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Cancelled when watches are to end.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("nobody panics while holding this lock")
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().expect("nobody panics while holding this lock")
    }
}

/// One write as the store tells it.
#[derive(Clone, Copy)]
pub(crate) struct Write<'a> {
    pub(crate) stored: &'a [u8],
    pub(crate) revision: u64,
    pub(crate) deleted: bool,
}

impl State {
    fn after(&self, revision: u64) -> Result<Vec<Arc<Change>>, Forgotten> {
        if revision < self.forgotten {
            return Err(Forgotten);
        }
        let from = self.changes.partition_point(|it| it.revision() <= revision);
        Ok(self.changes.range(from..).cloned().collect())
    }

    fn remember(&mut self, change: Change) {
        self.revision = change.revision();
        self.bytes += change.weight();
        self.changes.push_back(Arc::new(change));
        while self.changes.len() > REMEMBERED_CHANGES || self.bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.changes.pop_front() else { return };
            self.bytes -= oldest.weight();
            self.forgotten = oldest.revision();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::core::v1::ConfigMap;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn stored(name: &str, value: u64) -> Vec<u8> {
        let json = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","data":{{"x":"{value}"}},"metadata":{{"name":"{name}"}}}}"#
        );
        json.into_bytes()
    }

    fn shown(map: &Map) -> BTreeMap<String, u64> {
        map.iter().map(|(key, entry)| (key.to_string(), entry.revision)).collect()
    }

    proptest! {
        /// Undoing changes gives the map that was there, whatever the writes were.
        #[test]
        fn the_past_is_the_present_undone(writes in prop::collection::vec((0_u8..4, any::<bool>()), 1..40)) {
            let cached = Cached::new(ConfigMap::KIND.into(), Map::new(), 0);
            let mut history = vec![BTreeMap::new()];
            for (revision, (name, deleted)) in (1..).zip(writes) {
                let key = format!("ns/{name}");
                let mut model = history[history.len() - 1].clone();
                let deleted = deleted && model.contains_key(&key);
                if deleted { model.remove(&key); } else { model.insert(key.clone(), revision); }
                cached.apply(&key, Write { stored: &stored(&name.to_string(), revision), revision, deleted });
                history.push(model);
            }
            for (revision, model) in (0..).zip(&history) {
                prop_assert_eq!(&shown(&cached.at(revision).unwrap().map), model);
                prop_assert_eq!(cached.changes_after(revision).unwrap().len(), history.len() - 1 - revision as usize);
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_says_what_it_forgot() {
        let cached = Cached::new(ConfigMap::KIND.into(), Map::new(), 0);
        for revision in 1..=REMEMBERED_CHANGES as u64 + 10 {
            cached.apply("ns/a", Write { stored: &stored("a", revision), revision, deleted: false });
        }
        assert!(cached.forgotten() >= 10);
        assert_eq!(cached.changes_after(5).unwrap_err(), Forgotten);
        assert!(cached.at(cached.forgotten()).is_ok());
        assert_eq!(cached.now(3).revision, REMEMBERED_CHANGES as u64 + 10);
    }
}
