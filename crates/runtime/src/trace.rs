//! What the loop remembers: each reconcile with its causes, in a bounded ring.
//!
//! Causes are linked by revision: a write gets a revision, the change with that revision wakes a key, the key's
//! reconcile makes writes. Following the links backwards tells why anything happened.

use crate::queue::Reason;
use api::{Key, Kind};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One reconcile.
#[derive(Clone, Debug)]
pub struct Record {
    /// Counts up; set by the ring.
    pub sequence: u64,
    /// The controller.
    pub controller: &'static str,
    /// The key it worked on.
    pub key: Key,
    /// When it began.
    pub at: Timestamp,
    /// Every merged reason, oldest first.
    pub reasons: Vec<Reason>,
    /// How long the key was in line.
    pub waited: Duration,
    /// How long observing, deciding and executing took.
    pub worked: Duration,
    /// The revisions of the caches that it read.
    pub observed: Vec<(Kind, u64)>,
    /// The plan, a line for each action.
    pub plan: Vec<String>,
    /// What was written, and at which revision.
    pub wrote: Vec<(Kind, u64)>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// When it wants to look again.
    pub requeue: Option<Duration>,
}

/// A bounded memory of reconciles; the oldest go first. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ring {
    capacity: usize,
    /// Held for moments only.
    records: Arc<Mutex<(u64, VecDeque<Arc<Record>>)>>,
}

impl Ring {
    /// Remembers so many reconciles.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, records: Arc::default() }
    }

    /// Remembers one more.
    pub fn push(&self, mut record: Record) {
        let mut records = self.records.lock().expect("nobody panics while holding this lock");
        records.0 += 1;
        record.sequence = records.0;
        if records.1.len() == self.capacity {
            records.1.pop_front();
        }
        records.1.push_back(Arc::new(record));
    }

    /// The records after this sequence number that are still remembered, oldest first.
    pub fn after(&self, sequence: u64) -> Vec<Arc<Record>> {
        let records = self.records.lock().expect("nobody panics while holding this lock");
        records.1.iter().filter(|it| it.sequence > sequence).cloned().collect()
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new(1024)
    }
}
