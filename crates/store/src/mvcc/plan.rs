//! Deciding what a batch of transactions does. Pure: it reads through [`Current`] and returns writes as data.
//!
//! Each transaction sees the ones before it in the same batch, so a batch gives the same answers as the
//! transactions would one by one; only the flush is shared.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::engine::{Batch, Change};
use crate::error::Error;
use crate::mvcc::layout::{Entry, Head, KEY_LIMIT, Pointer, VALUE_LIMIT, pointer_key};
use crate::types::{Condition, Event, EventKind, Op, Record, Txn};

/// The state before the batch.
pub(crate) trait Current {
    /// The newest write of the key.
    fn pointer(&self, key: &[u8]) -> Result<Option<Pointer>, Error>;
    /// The write of that revision, which must be in the log.
    fn entry(&self, revision: u64) -> Result<Entry, Error>;
}

/// What a batch does.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Everything that must become durable together; empty when no transaction wrote.
    pub batch: Batch,
    /// One per write, in revision order.
    pub events: Vec<Event>,
    /// One per transaction: the revision of its last write, or why it did nothing.
    pub outcomes: Vec<Result<u64, Error>>,
    /// The head after the batch.
    pub head: Head,
}

/// Plans `txns` on top of `head`. `now` is in milliseconds since 1970.
pub(crate) fn plan_batch(current: &impl Current, head: Head, now: u64, txns: &[Txn]) -> Plan {
    let mut draft = Draft { current, head, writes: Vec::new(), newest: BTreeMap::new() };
    let outcomes = txns.iter().map(|txn| draft.add(txn)).collect();
    draft.finish(outcomes, head.time.max(now))
}

struct Draft<'a, C> {
    current: &'a C,
    head: Head,
    /// The write at index i has revision `head.revision + 1 + i`.
    writes: Vec<Write>,
    /// The newest write of each key that this batch changes, as an index into `writes`.
    newest: BTreeMap<Bytes, usize>,
}

struct Write {
    event: Event,
    prior: u64,
    /// The history mark after this write.
    history: u64,
    /// What `newest` held for the key before, to take the write back.
    shadowed: Option<usize>,
}

impl<C: Current> Draft<'_, C> {
    /// Adds one transaction whole, or leaves the draft as it was.
    fn add(&mut self, txn: &Txn) -> Result<u64, Error> {
        let before = self.writes.len();
        let result = self.try_add(txn);
        if result.is_err() {
            self.take_back(before);
        }
        result
    }

    fn try_add(&mut self, txn: &Txn) -> Result<u64, Error> {
        txn.conditions.iter().try_for_each(|condition| self.check(condition))?;
        for op in &txn.ops {
            self.write(op)?;
        }
        Ok(self.revision())
    }

    fn take_back(&mut self, length: usize) {
        while self.writes.len() > length {
            let Some(Write { event, shadowed, .. }) = self.writes.pop() else { return };
            match shadowed {
                Some(index) => self.newest.insert(event.key, index),
                None => self.newest.remove(&event.key),
            };
        }
    }

    /// The revision of the newest write so far.
    fn revision(&self) -> u64 {
        self.head.revision + self.writes.len() as u64
    }

    fn check(&self, condition: &Condition) -> Result<(), Error> {
        let live = self.live(condition.key())?;
        let holds = match condition {
            Condition::Absent(_) => live.is_none(),
            Condition::Exists(_) => live.is_some(),
            Condition::Revision(_, revision) => live.is_some_and(|pointer| pointer.revision == *revision),
        };
        if holds { Ok(()) } else { Err(self.conflict(condition.key(), live)) }
    }

    fn conflict(&self, key: &Bytes, live: Option<Pointer>) -> Error {
        let current = live.map(|pointer| {
            let value = self.entry(pointer.revision)?.value;
            Ok(Record { key: key.clone(), value, created: pointer.created, revision: pointer.revision })
        });
        match current.transpose() {
            Ok(current) => Error::Conflict { key: key.clone(), current },
            Err(error) => error,
        }
    }

    fn write(&mut self, op: &Op) -> Result<(), Error> {
        let prior = self.pointer(op.key())?;
        let live = prior.filter(|pointer| pointer.kind == EventKind::Put);
        let replaced = live.map(|pointer| self.entry(pointer.revision)).transpose()?;
        let event =
            event_of(op, self.revision() + 1, live, replaced.as_ref().map(|entry| entry.value.clone()))?;
        let tombstone = if event.kind == EventKind::Delete { Entry::weight_of(&event.key, b"") } else { 0 };
        let left_behind = tombstone + replaced.map_or(0, |entry| Entry::weight_of(&entry.key, &entry.value));
        let shadowed = self.newest.insert(event.key.clone(), self.writes.len());
        let history = self.writes.last().map_or(self.head.history, |write| write.history) + left_behind;
        self.writes.push(Write {
            event,
            prior: prior.map_or(0, |pointer| pointer.revision),
            history,
            shadowed,
        });
        Ok(())
    }

    fn live(&self, key: &Bytes) -> Result<Option<Pointer>, Error> {
        Ok(self.pointer(key)?.filter(|pointer| pointer.kind == EventKind::Put))
    }

    fn pointer(&self, key: &Bytes) -> Result<Option<Pointer>, Error> {
        match self.newest.get(key) {
            Some(index) => Ok(Some(self.writes[*index].pointer())),
            None => self.current.pointer(key),
        }
    }

    fn entry(&self, revision: u64) -> Result<Entry, Error> {
        match revision.checked_sub(self.head.revision + 1) {
            Some(index) => Ok(self.writes[index as usize].entry(self.head.time)),
            None => self.current.entry(revision),
        }
    }

    fn finish(self, outcomes: Vec<Result<u64, Error>>, time: u64) -> Plan {
        let Some(last) = self.writes.last() else {
            return Plan { batch: Batch::new(), events: Vec::new(), outcomes, head: self.head };
        };
        let first = self.head.revision + 1;
        let head = Head { revision: last.event.revision, first, time, history: last.history };
        let mut batch = vec![head.encode()];
        for write in &self.writes {
            write.entry(time).encode_into(write.event.revision, &mut batch);
        }
        for (key, index) in &self.newest {
            batch.push((pointer_key(key), Change::Put(self.writes[*index].pointer().encode())));
        }
        Plan { batch, events: self.writes.into_iter().map(|write| write.event).collect(), outcomes, head }
    }
}

impl Write {
    fn pointer(&self) -> Pointer {
        Pointer { revision: self.event.revision, created: self.event.created, kind: self.event.kind }
    }

    fn entry(&self, time: u64) -> Entry {
        let value = match self.event.kind {
            EventKind::Put => self.event.value.clone(),
            EventKind::Delete => Bytes::new(),
        };
        let Event { kind, key, created, .. } = &self.event;
        Entry {
            kind: *kind,
            key: key.clone(),
            value,
            created: *created,
            prior: self.prior,
            time,
            history: self.history,
        }
    }
}

/// The event of one write, given the object that it replaces.
fn event_of(op: &Op, revision: u64, live: Option<Pointer>, previous: Option<Bytes>) -> Result<Event, Error> {
    limit("key", op.key().len(), KEY_LIMIT)?;
    let key = op.key().clone();
    let created = live.map_or(revision, |pointer| pointer.created);
    match op {
        Op::Put { value, .. } => {
            limit("value", value.len(), VALUE_LIMIT)?;
            Ok(Event { kind: EventKind::Put, key, value: value.clone(), created, revision, previous })
        }
        Op::Delete { .. } => match previous {
            None => Err(Error::Conflict { key, current: None }),
            Some(last) => {
                let previous = Some(last.clone());
                Ok(Event { kind: EventKind::Delete, key, value: last, created, revision, previous })
            }
        },
    }
}

fn limit(what: &'static str, size: usize, limit: usize) -> Result<(), Error> {
    if size > limit { Err(Error::TooLarge { what, size, limit }) } else { Ok(()) }
}
