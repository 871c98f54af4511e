//! Revisions on top of an ordered key-value engine: reading at a revision, committing a batch, keeping the window.
//!
//! Start at [`Mvcc`]; [`layout`] explains what lies where, [`plan`] decides what a batch does. Commits come from one
//! writer at a time (it owns the [`Keeper`]); reads come from anywhere, at any moment, and see only what is flushed:
//! they resolve each key at the committed revision, so that a newer write that is already in the engine but not yet
//! on disk is stepped over like any later revision.

mod keep;
pub(crate) mod layout;
mod plan;
mod retention;
#[cfg(test)]
mod tests;
pub(crate) mod verify;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::engine::{Batch, Durability, Engine};
use crate::error::{Error, SnapshotError};
use crate::hub::Hub;
use crate::mvcc::layout::{Entry, Floor, Head, Pointer};
use crate::mvcc::plan::{Current, Plan};
use crate::mvcc::retention::{Pin, Retention};
use crate::options::Options;
use crate::snapshot::Cut;
use crate::types::{Event, EventKind, Page, Record, Txn};
use crate::watch::{History, Stretch};

pub(crate) use keep::{Keeper, read_header};

/// How many pointers a range reads at a time.
const SCAN: usize = 256;

/// The state that readers share with the writer.
pub(crate) struct Mvcc<E> {
    pub(crate) engine: E,
    /// Knows the committed revision and hands out events.
    pub(crate) hub: Arc<Hub>,
    retention: Retention,
    pub(crate) options: Options,
    /// Why the store takes no more writes; set once, by the writer.
    failure: OnceLock<Arc<str>>,
}

impl<E: Engine> Mvcc<E> {
    pub(crate) fn new(engine: E, options: Options, head: &Head, floor: &Floor) -> Mvcc<E> {
        let hub = Arc::new(Hub::new(head.revision, options.recent));
        let retention = Retention::new(floor.revision);
        Mvcc { engine, hub, retention, options, failure: OnceLock::new() }
    }

    /// The oldest revision that can be read or watched from.
    pub(crate) fn oldest(&self) -> u64 {
        self.retention.floor()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Record>, Error> {
        let pin = self.pin(None)?;
        match self.pointer(key)? {
            None => Ok(None),
            Some(pointer) => self.resolve(Bytes::copy_from_slice(key), pointer, pin.revision),
        }
    }

    pub(crate) fn range(
        &self,
        start: &[u8],
        end: &[u8],
        at: Option<u64>,
        limit: Option<usize>,
    ) -> Result<Page, Error> {
        let pin = self.pin(at)?;
        let limit = limit.unwrap_or(usize::MAX);
        let mut records = Vec::new();
        let visit = |record| {
            records.push(record);
            records.len() <= limit
        };
        self.visit(start, end, pin.revision, visit)?;
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(Page { records, revision: pin.revision, more })
    }

    /// Shows every object of `start..end` at a pinned revision to `visit`, until it says to stop.
    pub(crate) fn visit(
        &self,
        start: &[u8],
        end: &[u8],
        at: u64,
        mut visit: impl FnMut(Record) -> bool,
    ) -> Result<(), Error> {
        let (mut from, to) = (layout::pointer_key(start), layout::pointer_end(end));
        while from < to {
            let pointers = self.engine.scan(&from, &to, SCAN)?;
            let Some((last, _)) = pointers.last() else { return Ok(()) };
            // The least key above the last one.
            from = [last, b"\0".as_slice()].concat();
            for (key, pointer) in pointers {
                let record = self.resolve(layout::key_of(&key), Pointer::decode(pointer)?, at)?;
                if record.is_some_and(|record| !visit(record)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Keeps the log readable from `at`, or from the latest revision, for as long as the pin lives.
    pub(crate) fn pin(&self, at: Option<u64>) -> Result<Pin<'_>, Error> {
        let current = self.hub.revision();
        match at {
            Some(at) if at > current => Err(Error::Future { current }),
            Some(at) => self.retention.pin(|| at),
            None => self.retention.pin(|| self.hub.revision()),
        }
    }

    /// Follows a key's writes back from `pointer` to the one that was the newest at `at`.
    fn resolve(&self, key: Bytes, pointer: Pointer, at: u64) -> Result<Option<Record>, Error> {
        let Pointer { mut revision, mut kind, .. } = pointer;
        while revision > at {
            let entry = self.entry(revision)?;
            // The write before a creation is a deletion, which may have left the log; before any other it is a put.
            let creation = entry.is_creation(revision);
            if entry.prior == 0 || (creation && entry.prior <= at) {
                return Ok(None);
            }
            revision = entry.prior;
            kind = if creation { EventKind::Delete } else { EventKind::Put };
        }
        if kind == EventKind::Delete {
            return Ok(None);
        }
        let entry = self.entry(revision)?;
        Ok(Some(Record { key, value: entry.value, created: entry.created, revision }))
    }

    /// Reads an entry that may be gone.
    fn find_entry(&self, revision: u64) -> Result<Option<Entry>, Error> {
        let Some(first) = self.engine.get(&layout::entry_key(revision, 0))? else { return Ok(None) };
        let chunks = layout::chunks_of(&first)?;
        if chunks == 1 {
            return Entry::decode(first).map(Some);
        }
        let mut bytes = first.to_vec();
        for chunk in 1..chunks {
            let part = self.engine.get(&layout::entry_key(revision, chunk))?;
            bytes.extend_from_slice(&part.ok_or_else(|| missing(revision))?);
        }
        Entry::decode(bytes.into()).map(Some)
    }

    /// Commits a batch and answers each transaction. When it returns, everything in the answers is on disk and
    /// watchers have been told.
    pub(crate) fn commit(&self, head: &mut Head, txns: &[Txn]) -> Vec<Result<u64, Error>> {
        match self.try_commit(head, txns) {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(error); txns.len()],
        }
    }

    fn try_commit(&self, head: &mut Head, txns: &[Txn]) -> Result<Vec<Result<u64, Error>>, Error> {
        self.writable()?;
        let Plan { batch, events, outcomes, head: next } =
            plan::plan_batch(self, *head, self.options.now_millis(), txns);
        if !events.is_empty() {
            self.write(batch, Durability::Flushed)?;
            *head = next;
            self.hub.publish(events);
        }
        Ok(outcomes)
    }

    fn writable(&self) -> Result<(), Error> {
        match self.failure.get() {
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => self.engine.room(),
        }
    }

    /// Writes, and stops all writing when that fails: what the engine then holds in memory may differ from the disk.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        self.engine.write(batch, durability).map_err(|error| {
            let reason: Arc<str> = error.to_string().into();
            tracing::error!(%reason, "a write failed, the store takes no more writes");
            Error::ReadOnly { reason: self.failure.get_or_init(|| reason).clone() }
        })
    }
}

impl<E: Engine> Current for Mvcc<E> {
    fn pointer(&self, key: &[u8]) -> Result<Option<Pointer>, Error> {
        self.engine.get(&layout::pointer_key(key))?.map(Pointer::decode).transpose()
    }

    fn entry(&self, revision: u64) -> Result<Entry, Error> {
        self.find_entry(revision)?.ok_or_else(|| missing(revision))
    }
}

impl<E: Engine> History for Mvcc<E> {
    fn read(&self, start: &[u8], end: &[u8], stretch: Stretch) -> Result<Vec<Event>, Error> {
        let _pin = self.pin(Some(stretch.after))?;
        let mut events = Vec::new();
        for revision in stretch.after + 1..=stretch.through {
            let entry = self.entry(revision)?;
            let event = Event {
                kind: entry.kind,
                created: entry.created,
                revision,
                previous: None,
                key: entry.key.clone(),
                value: entry.value.clone(),
            };
            if event.within(start, end) {
                events.push(self.with_previous(event, &entry)?);
            }
        }
        Ok(events)
    }
}

impl<E: Engine> Mvcc<E> {
    fn with_previous(&self, event: Event, entry: &Entry) -> Result<Event, Error> {
        if entry.is_creation(event.revision) {
            return Ok(event);
        }
        let previous = self.entry(entry.prior)?.value;
        let value = if event.kind == EventKind::Delete { previous.clone() } else { event.value };
        Ok(Event { value, previous: Some(previous), ..event })
    }
}

impl<E: Engine> Mvcc<E> {
    /// Hands every object of the latest revision to `cut`, in key order. Writes go on meanwhile.
    pub(crate) fn snapshot(&self, cut: &mut dyn Cut) -> Result<(), SnapshotError> {
        let pin = self.pin(None)?;
        cut.begin(pin.revision, self.options.now_millis())?;
        let mut result = Ok(());
        self.visit(b"", b"", pin.revision, |record| {
            result = cut.record(&record);
            result.is_ok()
        })?;
        result
    }
}

fn missing(revision: u64) -> Error {
    Error::corrupt(format!("the write of revision {revision} is missing"))
}
