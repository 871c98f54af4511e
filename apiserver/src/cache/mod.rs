//! The watch cache: every read is answered from here, never from the store.
//!
//! Start at [`Caches`]; one [`resource::Cached`] holds one kind, [`watcher`] follows it, [`entry`] is one object. One task
//! ([`Caches::pump`]) reads the store's log and applies it in order, so that what has been applied is always a prefix of
//! history. Reads are as fresh as the store: [`Caches::fresh`] waits until everything committed before has been applied.
//!
//! Nothing here writes, decides rights or knows HTTP.

pub(crate) mod entry;
pub(crate) mod resource;
pub(crate) mod selection;
pub(crate) mod watcher;

use api::{Kind, path};
use entry::Entry;
use resource::{Cached, Map, Write};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::{EventKind, Store};
use tokio::sync::watch;

/// How many objects one read of the initial state takes from the store.
const PAGE: usize = 2000;

/// The caches of all kinds.
pub(crate) struct Caches {
    store: Store,
    /// By the prefix of the store keys, which is how events are told apart.
    by_prefix: HashMap<String, Arc<Cached>>,
    by_kind: BTreeMap<Kind, Arc<Cached>>,
    /// Every change up to this revision has been applied to every kind.
    seen: watch::Sender<u64>,
}

/// Why the cache cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("failed to follow the store")]
pub(crate) struct PumpError(#[from] store::Error);

/// Told of each change once it has been applied; for what is derived from objects, such as rights.
pub(crate) trait Observer: Send + Sync {
    /// Another version, or none after a deletion.
    fn observe(&self, kind: Kind, key: &str, entry: Option<&Entry>);
}

impl Caches {
    /// Reads everything from the store: all of it as of one revision.
    pub(crate) fn load(store: Store) -> Result<Self, store::Error> {
        let revision = store.revision();
        let mut caches = Self {
            store,
            by_prefix: HashMap::new(),
            by_kind: BTreeMap::new(),
            seen: watch::Sender::new(revision),
        };
        for kind in stored_kinds() {
            let map = caches.read_kind(kind, revision)?;
            let cached = Arc::new(Cached::new(kind, map, revision));
            caches.by_prefix.insert(path::store_prefix(kind.row()), cached.clone());
            caches.by_kind.insert(kind, cached);
        }
        Ok(caches)
    }

    fn read_kind(&self, kind: Kind, revision: u64) -> Result<Map, store::Error> {
        let prefix = path::store_prefix(kind.row());
        let end = store::prefix_end(prefix.as_bytes());
        let (mut map, mut start) = (Map::new(), prefix.clone().into_bytes());
        loop {
            let page = self.store.range(&start, &end, Some(revision), Some(PAGE))?;
            for record in &page.records {
                let key = key_in(&prefix, &record.key);
                let entry = Entry::new(kind, key.as_str().into(), &record.value, record.revision);
                map.insert(entry.key.clone(), Arc::new(entry));
            }
            match page.records.last() {
                Some(last) if page.more => start = [&last.key[..], b"\0"].concat(),
                _ => return Ok(map),
            }
        }
    }

    /// The cache that holds the objects of a kind.
    pub(crate) fn of(&self, kind: Kind) -> Option<&Arc<Cached>> {
        self.by_kind.get(&stored_as(kind))
    }

    /// The caches of all kinds.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Cached>> {
        self.by_kind.values()
    }

    /// The store whose objects these are.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Every change up to this revision has been applied.
    pub(crate) fn seen(&self) -> u64 {
        *self.seen.borrow()
    }

    /// Waits until everything that was committed when this was called has been applied.
    pub(crate) async fn fresh(&self) -> u64 {
        self.reached(self.store.revision()).await
    }

    /// Waits until a revision has been applied.
    pub(crate) async fn reached(&self, revision: u64) -> u64 {
        if self.seen() >= revision {
            return self.seen();
        }
        let mut seen = self.seen.subscribe();
        let reached = seen.wait_for(|it| *it >= revision).await.map(|it| *it);
        reached.unwrap_or_else(|_| self.seen())
    }

    /// Applies the store's log for ever. `observer` is told of every change before anybody can see it.
    pub(crate) async fn pump(self: Arc<Self>, observer: Arc<dyn Observer>) -> Result<(), PumpError> {
        let registry = path::REGISTRY.as_bytes();
        let mut log = self.store.watch(registry, &store::prefix_end(registry), self.seen())?;
        while let Some(events) = log.next().await {
            self.apply(&events?, &*observer);
        }
        Ok(())
    }

    fn apply(&self, events: &[store::Event], observer: &dyn Observer) {
        let mut touched: BTreeMap<Kind, &Arc<Cached>> = BTreeMap::new();
        for event in events {
            if let Some(cached) = self.apply_one(event, observer) {
                touched.insert(cached.kind, cached);
            }
        }
        if let Some(last) = events.last() {
            self.seen.send_replace(last.revision);
        }
        for cached in touched.values() {
            cached.announce();
        }
    }

    fn apply_one(&self, event: &store::Event, observer: &dyn Observer) -> Option<&Arc<Cached>> {
        let (prefix, key) = split(&event.key)?;
        let cached = self.by_prefix.get(prefix)?;
        let deleted = event.kind == EventKind::Delete;
        cached.apply(key, Write { stored: &event.value, revision: event.revision, deleted });
        let entry = if deleted { None } else { cached.get(key) };
        observer.observe(cached.kind, key, entry.as_deref());
        Some(cached)
    }
}

/// The kinds that have objects in the store.
pub(crate) fn stored_kinds() -> impl Iterator<Item = Kind> {
    Kind::all().filter(|it| it.row().verbs == api::resources::Verbs::All && stored_as(*it) == *it)
}

/// The kind whose stored form holds the objects of a served kind: one stored version per kind.
pub(crate) fn stored_as(kind: Kind) -> Kind {
    use api::Resource;
    use api::k8s::api::{core, events};
    if kind == events::v1::Event::KIND { core::v1::Event::KIND } else { kind }
}

/// The prefix that a kind's keys share, and what follows it: `/registry/core/pods/` and `ns/name`.
fn split(key: &[u8]) -> Option<(&str, &str)> {
    let key = std::str::from_utf8(key).ok()?;
    let end = key.match_indices('/').nth(3)?.0;
    Some((&key[..=end], &key[end + 1..]))
}

pub(crate) fn key_in(prefix: &str, key: &[u8]) -> String {
    String::from_utf8_lossy(&key[prefix.len().min(key.len())..]).into_owned()
}
