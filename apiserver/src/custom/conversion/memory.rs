//! What has been converted, so that it is not asked for again: bounded by bytes, the least recently used goes first.
//!
//! Start at [`Memory::look`]. Who finds something missing leads its conversion, and others who look meanwhile wait for
//! the leader instead of asking as well. A place is known by key, revision and version; the bytes it was made from are
//! compared, too, since a dry run or a watcher's farewell can show other bytes at a revision.

use crate::cache::entry::Entry;
use api::ApiError;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::watch;

/// What is remembered for one definition.
const MOST_BYTES: usize = 8 << 20;

/// What a leader tells those who wait: nothing yet, or how it went.
pub(super) type Report = Option<Result<(), ApiError>>;

/// An object at a revision, in a version.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    key: Arc<str>,
    revision: u64,
    version: &'static str,
}

struct Slot {
    source: Bytes,
    made: Made,
    used: u64,
}

enum Made {
    Pending(watch::Receiver<Report>),
    Done(Arc<Entry>),
}

/// What there is about one entry.
pub(super) enum Found {
    Done(Arc<Entry>),
    /// Somebody else is at it.
    Pending(watch::Receiver<Report>),
    /// It is now up to who asked.
    Missing,
}

/// See the module.
#[derive(Default)]
pub(super) struct Memory {
    slots: HashMap<Place, Slot>,
    /// By when it was last used.
    order: BTreeMap<u64, Place>,
    bytes: usize,
    clock: u64,
}

impl Memory {
    /// What there is about an entry in a version; if nothing, the asker leads.
    pub(super) fn look(
        &mut self,
        entry: &Entry,
        version: &'static str,
        lead: &watch::Receiver<Report>,
    ) -> Found {
        let place = place_of(entry, version);
        let found = match self.slots.get(&place).filter(|it| it.source == entry.json) {
            Some(Slot { made: Made::Done(entry), .. }) => Found::Done(entry.clone()),
            // A leader that has gone left nothing.
            Some(Slot { made: Made::Pending(report), .. }) if report.has_changed().is_ok() => {
                Found::Pending(report.clone())
            }
            _ => Found::Missing,
        };
        match found {
            Found::Missing => self.put(place, entry.json.clone(), Made::Pending(lead.clone())),
            _ => self.touch(&place),
        }
        found
    }

    /// Keeps what came of an entry.
    pub(super) fn keep(&mut self, source: &Entry, made: Arc<Entry>) {
        let place = place_of(source, made.kind.row().version);
        self.put(place, source.json.clone(), Made::Done(made));
        while self.bytes > MOST_BYTES {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.remove(&oldest);
        }
    }

    /// Forgets that somebody is at it.
    pub(super) fn give_up(&mut self, source: &Entry, version: &'static str) {
        let place = place_of(source, version);
        if matches!(self.slots.get(&place), Some(Slot { made: Made::Pending(_), .. })) {
            self.remove(&place);
        }
    }

    fn put(&mut self, place: Place, source: Bytes, made: Made) {
        self.remove(&place);
        self.clock += 1;
        let slot = Slot { source, made, used: self.clock };
        self.bytes += slot.weight();
        self.order.insert(slot.used, place.clone());
        self.slots.insert(place, slot);
    }

    fn touch(&mut self, place: &Place) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        self.clock += 1;
        self.order.remove(&slot.used);
        slot.used = self.clock;
        self.order.insert(self.clock, place.clone());
    }

    fn remove(&mut self, place: &Place) {
        if let Some(slot) = self.slots.remove(place) {
            self.bytes -= slot.weight();
            self.order.remove(&slot.used);
        }
    }
}

impl Slot {
    fn weight(&self) -> usize {
        let made = match &self.made {
            Made::Done(entry) => entry.weight(),
            Made::Pending(_) => 0,
        };
        256 + self.source.len() + made
    }
}

fn place_of(entry: &Entry, version: &'static str) -> Place {
    Place { key: entry.key.clone(), revision: entry.revision, version }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::core::v1::ConfigMap;

    fn entry(key: &str, revision: u64, size: usize) -> Entry {
        let json = format!(r#"{{"metadata":{{"name":"x"}},"data":{{"x":"{}"}}}}"#, "x".repeat(size));
        Entry::new(ConfigMap::KIND, key.into(), json.as_bytes(), revision)
    }

    fn name(found: &Found) -> &'static str {
        match found {
            Found::Done(_) => "done",
            Found::Pending(_) => "pending",
            Found::Missing => "missing",
        }
    }

    #[track_caller]
    fn check(memory: &mut Memory, entry: &Entry, lead: &watch::Receiver<Report>, expect: &str) {
        assert_eq!(name(&memory.look(entry, "v1", lead)), expect);
    }

    #[test]
    fn one_leads_and_the_others_wait() {
        let (mut memory, (sender, lead)) = (Memory::default(), watch::channel(None));
        let it = entry("ns/a", 3, 1);
        check(&mut memory, &it, &lead, "missing");
        check(&mut memory, &it, &lead, "pending");
        check(&mut memory, &entry("ns/a", 4, 1), &lead, "missing");
        memory.give_up(&it, "v1");
        check(&mut memory, &it, &lead, "missing");
        memory.keep(&it, Arc::new(entry("ns/a", 3, 1)));
        check(&mut memory, &it, &lead, "done");
        // The same revision with other bytes is something else.
        check(&mut memory, &entry("ns/a", 3, 2), &lead, "missing");
        drop(sender);
        check(&mut memory, &entry("ns/a", 3, 2), &lead, "missing");
    }

    #[test]
    fn what_was_not_used_for_long_goes() {
        let (mut memory, (_sender, lead)) = (Memory::default(), watch::channel(None));
        let big = |revision| entry("ns/a", revision, MOST_BYTES / 5);
        for revision in [1, 2] {
            memory.keep(&big(revision), Arc::new(big(revision)));
        }
        check(&mut memory, &big(1), &lead, "done");
        memory.keep(&big(3), Arc::new(big(3)));
        check(&mut memory, &big(1), &lead, "done");
        check(&mut memory, &big(2), &lead, "missing");
        assert!(memory.bytes <= MOST_BYTES + MOST_BYTES / 4);
    }
}
