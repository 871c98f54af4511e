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
pub(crate) mod written;

use crate::vault::{self, Vault};
use api::{Kind, path};
use entry::Entry;
use resource::{Cached, Map, Write};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};
use store::EventKind;
use tokio::sync::watch;
use written::Written;

/// How many objects one read of the initial state takes from the store.
const PAGE: usize = 2000;

/// The caches of all kinds.
pub(crate) struct Caches {
    store: Vault,
    /// By the prefix of the store keys, which is how events are told apart.
    by_prefix: HashMap<String, Arc<Cached>>,
    by_kind: BTreeMap<Kind, Arc<Cached>>,
    /// Custom kinds by the same prefix. Held for single look-ups; the pump alone writes.
    custom: RwLock<HashMap<String, Arc<Cached>>>,
    /// Every change up to this revision has been applied to every kind.
    seen: watch::Sender<u64>,
}

/// Why the cache cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("failed to follow the store")]
pub(crate) struct PumpError(#[from] vault::Error);

/// Told of each change once it has been applied; for what is derived from objects, such as rights.
pub(crate) trait Observer: Send + Sync {
    /// Another version, or none after a deletion, as of a revision.
    fn observe(&self, caches: &Caches, object: (Kind, &str), entry: Option<&Entry>, revision: u64);
}

impl Caches {
    /// Reads everything from the store: all of it as of one revision.
    pub(crate) fn load(store: Vault) -> Result<Self, vault::Error> {
        let revision = store.revision();
        let mut caches = Self {
            store,
            by_prefix: HashMap::new(),
            by_kind: BTreeMap::new(),
            custom: RwLock::default(),
            seen: watch::Sender::new(revision),
        };
        for kind in stored_kinds() {
            let map = caches.read_kind(&kind.into(), revision)?;
            let cached = Arc::new(Cached::new(kind.into(), map, revision));
            caches.by_prefix.insert(path::store_prefix(kind.row()), cached.clone());
            caches.by_kind.insert(kind, cached);
        }
        Ok(caches)
    }

    fn read_kind(&self, written: &Written, revision: u64) -> Result<Map, vault::Error> {
        let prefix = path::store_prefix(written.stored.row());
        let end = store::prefix_end(prefix.as_bytes());
        let (mut map, mut start) = (Map::new(), prefix.clone().into_bytes());
        loop {
            let page = self.store.range(&start, &end, Some(revision), Some(PAGE))?;
            for record in &page.records {
                let key = key_in(&prefix, &record.key);
                let entry = written.entry(key.as_str().into(), &record.value, record.revision);
                map.insert(entry.key.clone(), Arc::new(entry));
            }
            match page.records.last() {
                Some(last) if page.more => start = [&last.key[..], b"\0"].concat(),
                _ => return Ok(map),
            }
        }
    }

    /// The cache that holds the objects of a kind.
    pub(crate) fn of(&self, kind: Kind) -> Option<Arc<Cached>> {
        let stored = kind.stored();
        self.by_kind.get(&stored).cloned().or_else(|| self.custom(&path::store_prefix(stored.row())))
    }

    fn custom(&self, prefix: &str) -> Option<Arc<Cached>> {
        self.custom.read().expect("nobody panics while holding this lock").get(prefix).cloned()
    }

    /// Begins to hold the objects of a custom kind, as they are at a revision. Whoever applies the log calls this, so
    /// no change between that revision and the present is missed. Watches of an earlier form of the kind end.
    pub(crate) fn open(&self, written: Written, revision: u64) -> Result<(), vault::Error> {
        let prefix = path::store_prefix(written.stored.row());
        let map = self.read_kind(&written, revision)?;
        let cached = Arc::new(Cached::new(written, map, revision));
        let before =
            self.custom.write().expect("nobody panics while holding this lock").insert(prefix, cached);
        if let Some(before) = before {
            before.close();
        }
        Ok(())
    }

    /// Ceases to hold the objects of a custom kind. Watches of it end.
    pub(crate) fn close(&self, kind: Kind) {
        let prefix = path::store_prefix(kind.row());
        let before = self.custom.write().expect("nobody panics while holding this lock").remove(&prefix);
        if let Some(before) = before {
            before.close();
        }
    }

    /// The caches of all built-in kinds.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Cached>> {
        self.by_kind.values()
    }

    /// The store whose objects these are.
    pub(crate) fn store(&self) -> &Vault {
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
        let mut touched: BTreeMap<Kind, Arc<Cached>> = BTreeMap::new();
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

    fn apply_one(&self, event: &store::Event, observer: &dyn Observer) -> Option<Arc<Cached>> {
        let (prefix, key) = split(&event.key)?;
        let cached = self.by_prefix.get(prefix).cloned().or_else(|| self.custom(prefix))?;
        let deleted = event.kind == EventKind::Delete;
        cached.apply(key, Write { stored: &event.value, revision: event.revision, deleted });
        let entry = if deleted { None } else { cached.get(key) };
        observer.observe(self, (cached.kind, key), entry.as_deref(), event.revision);
        Some(cached)
    }
}

/// The kinds that have objects in the store.
pub(crate) fn stored_kinds() -> impl Iterator<Item = Kind> {
    Kind::all().filter(|it| it.row().verbs != api::resources::Verbs::CreateOnly && it.stored() == *it)
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
