//! Keeping the window: the writer's own state, opening what is there, and trimming the log in small steps.

use crate::engine::{Batch, Change, Durability, Engine};
use crate::error::Error;
use crate::mvcc::layout::{self, Entry, Floor, Head, Pointer};
use crate::mvcc::plan::Current;
use crate::mvcc::retention::{self, Mark};
use crate::mvcc::{Mvcc, missing};
use crate::types::EventKind;

/// How often, in revisions, the window is measured at most.
const MEASURE_EVERY: u64 = 256;

/// What only the writer knows: there is one, so it needs no lock.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) head: Head,
    /// Up to where entries are gone.
    trimmed: Floor,
    /// The revision at which the window is measured next.
    measure_at: u64,
}

impl Keeper {
    pub(crate) fn new(head: Head, trimmed: Floor) -> Keeper {
        Keeper { head, trimmed, measure_at: head.revision }
    }
}

/// Reads the header of a store.
pub(crate) fn read_header(engine: &impl Engine) -> Result<(Head, Floor), Error> {
    let read = |key| engine.get(key)?.ok_or_else(|| Error::corrupt("the header is missing"));
    Ok((Head::decode(read(layout::head_key())?)?, Floor::decode(read(layout::floor_key())?)?))
}

impl<E: Engine> Mvcc<E> {
    /// Checks that the newest batch is there whole, and that nothing lies beyond it.
    pub(crate) fn check_tail(&self, head: &Head) -> Result<(), Error> {
        if self.find_entry(head.revision + 1)?.is_some() {
            return Err(Error::corrupt("the log goes on behind its head"));
        }
        let trimmed = self.oldest();
        (head.first.max(trimmed + 1)..=head.revision)
            .try_for_each(|revision| self.check_entry(head, revision))
    }

    fn check_entry(&self, head: &Head, revision: u64) -> Result<(), Error> {
        let entry = self.entry(revision)?;
        let pointer = self.pointer(&entry.key)?.ok_or_else(|| missing(revision))?;
        if pointer.revision < revision || pointer.revision > head.revision {
            return Err(Error::corrupt(format!("the object of revision {revision} does not match the log")));
        }
        Ok(())
    }

    /// Keeps the window, a step at a time: says how many entries remain to be removed. What goes wrong here harms
    /// no write, so it is logged, and tried again after the next one.
    pub(crate) fn tend(&self, keeper: &mut Keeper, steps: u64) -> u64 {
        self.keep(keeper, steps).unwrap_or_else(|error| {
            tracing::error!(%error, "failed to trim the log");
            0
        })
    }

    /// Measures the window when it is time to, then removes up to `steps` entries.
    fn keep(&self, keeper: &mut Keeper, steps: u64) -> Result<u64, Error> {
        if keeper.head.revision >= keeper.measure_at {
            keeper.measure_at =
                keeper.head.revision + (self.options.window.revisions / 16).clamp(1, MEASURE_EVERY);
            self.retention.raise(self.cut(keeper)?);
        }
        let last = self.retention.removable();
        if keeper.trimmed.revision >= last || self.writable().is_err() {
            return Ok(0);
        }
        let until = last.min(keeper.trimmed.revision + steps);
        self.trim(keeper, until)?;
        Ok(last - until)
    }

    /// Moves the floor to `revision` without waiting for the entries below to go.
    pub(crate) fn compact(&self, revision: u64) -> Result<(), Error> {
        let current = self.hub.revision();
        if revision > current {
            return Err(Error::Future { current });
        }
        self.retention.raise(revision);
        Ok(())
    }

    fn cut(&self, keeper: &Keeper) -> Result<u64, Error> {
        let now = self.options.now_millis();
        retention::cut_of(&self.options.window, &keeper.head, now, self.oldest(), |revision| {
            if revision == keeper.trimmed.revision {
                return Ok(Mark { time: 0, history: keeper.trimmed.history });
            }
            let Entry { time, history, .. } = self.entry(revision)?;
            Ok(Mark { time, history })
        })
    }

    /// Removes what the entries up to `until` have superseded, in one batch with the new floor.
    fn trim(&self, keeper: &mut Keeper, until: u64) -> Result<(), Error> {
        let mut batch = Batch::new();
        let mut floor = keeper.trimmed;
        for revision in keeper.trimmed.revision + 1..=until {
            let entry = self.entry(revision)?;
            floor = Floor { revision, history: entry.history };
            self.supersede(revision, &entry, &mut batch)?;
        }
        batch.push(floor.encode());
        self.write(batch, Durability::Lazy)?;
        keeper.trimmed = floor;
        Ok(())
    }

    /// An entry that leaves the log takes its predecessor with it; a deletion also goes itself.
    fn supersede(&self, revision: u64, entry: &Entry, batch: &mut Batch) -> Result<(), Error> {
        if !entry.is_creation(revision) && entry.prior != 0 {
            self.remove_entry(entry.prior, batch)?;
        }
        if entry.kind == EventKind::Delete {
            self.remove_entry(revision, batch)?;
            let pointer = self.pointer(&entry.key)?;
            if pointer.is_some_and(|Pointer { revision: newest, .. }| newest == revision) {
                batch.push((layout::pointer_key(&entry.key), Change::Remove));
            }
        }
        Ok(())
    }

    fn remove_entry(&self, revision: u64, batch: &mut Batch) -> Result<(), Error> {
        let first = self.engine.get(&layout::entry_key(revision, 0))?.ok_or_else(|| missing(revision))?;
        let chunks = 0..layout::chunks_of(&first)?;
        batch.extend(chunks.map(|chunk| (layout::entry_key(revision, chunk), Change::Remove)));
        Ok(())
    }
}
