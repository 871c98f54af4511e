//! What the scheduler remembers: each decision with every node, rule and score, in a bounded ring.

use crate::framework::Decision;
use api::Key;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// One decision.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The pod.
    pub pod: Key,
    /// When.
    pub at: Timestamp,
    /// The outcome.
    pub decision: Decision,
}

/// A bounded memory of decisions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verdicts {
    capacity: usize,
    /// Held for moments only.
    verdicts: Arc<Mutex<VecDeque<Arc<Verdict>>>>,
}

impl Verdicts {
    /// Remembers so many decisions.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, verdicts: Arc::default() }
    }

    /// Remembers one more.
    pub fn push(&self, verdict: Verdict) {
        let mut verdicts = self.verdicts.lock().expect("nobody panics while holding this lock");
        if verdicts.len() == self.capacity {
            verdicts.pop_front();
        }
        verdicts.push_back(Arc::new(verdict));
    }

    /// The last decision about a pod, if it is still remembered.
    pub fn last(&self, pod: &Key) -> Option<Arc<Verdict>> {
        let verdicts = self.verdicts.lock().expect("nobody panics while holding this lock");
        verdicts.iter().rev().find(|it| it.pod == *pod).cloned()
    }
}

impl Default for Verdicts {
    fn default() -> Self {
        Self::new(256)
    }
}
