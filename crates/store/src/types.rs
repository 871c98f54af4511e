//! The vocabulary of the seam: what callers put in and what they get back. Bytes only, no kinds.

use bytes::Bytes;

/// One object as it was at some revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The full key.
    pub key: Bytes,
    /// The bytes of the last write.
    pub value: Bytes,
    /// The revision of the write that created the object.
    pub created: u64,
    /// The revision of the last write.
    pub revision: u64,
}

/// What must hold before a transaction for it to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// No object has this key.
    Absent(Bytes),
    /// The object exists and its last write has exactly this revision.
    Revision(Bytes, u64),
    /// The object exists, at whatever revision.
    Exists(Bytes),
}

impl Condition {
    /// The key that the condition is about.
    pub fn key(&self) -> &Bytes {
        match self {
            Condition::Absent(key) | Condition::Exists(key) | Condition::Revision(key, _) => key,
        }
    }
}

/// One write. Each gets its own revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Creates or replaces the object.
    Put {
        /// At most 1024 bytes.
        key: Bytes,
        /// At most 16 MiB.
        value: Bytes,
    },
    /// Deletes the object. Deleting what is not there is a conflict, so that every write has one event.
    Delete {
        /// The key of an existing object.
        key: Bytes,
    },
}

impl Op {
    /// The key that the write changes.
    pub fn key(&self) -> &Bytes {
        match self {
            Op::Put { key, .. } | Op::Delete { key } => key,
        }
    }
}

/// All of it happens, or nothing. Every condition is checked against the state before the first write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    /// Checked in order; the first that fails is the one reported.
    pub conditions: Vec<Condition>,
    /// Applied in order with consecutive revisions; a key may occur more than once.
    pub ops: Vec<Op>,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The object was created or replaced.
    Put,
    /// The object was deleted.
    Delete,
}

/// One write, as a watcher sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What the write did.
    pub kind: EventKind,
    /// The full key.
    pub key: Bytes,
    /// What was put; for a delete, the last value.
    pub value: Bytes,
    /// The revision that created the object: equal to `revision` on a creation.
    pub created: u64,
    /// The revision of this write.
    pub revision: u64,
    /// The value before this write; none on a creation.
    pub previous: Option<Bytes>,
}

impl Event {
    /// Whether the event is about a key in `start..end`; an empty `end` means "to the last key".
    pub fn within(&self, start: &[u8], end: &[u8]) -> bool {
        *self.key >= *start && (end.is_empty() || *self.key < *end)
    }

    /// Roughly the memory that the event holds.
    pub(crate) fn weight(&self) -> usize {
        self.key.len() + self.value.len() + self.previous.as_ref().map_or(0, Bytes::len) + 96
    }
}

/// The answer to a range read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In key order.
    pub records: Vec<Record>,
    /// The revision that the records were read at: pass it as `at` to read the next page of the same state.
    pub revision: u64,
    /// Whether the limit cut the answer short.
    pub more: bool,
}
