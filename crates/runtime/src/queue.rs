//! Which key is next, and why.
//!
//! Four promises, as client-go's work queue makes them: *fair* (first come, first served), *stingy* (a key waits once,
//! however often it is added), *many workers* (but one key is never in two hands: what is added while it is worked on
//! comes again afterwards), and *patient* (failures back off, each key on its own). Beyond client-go, a key remembers
//! every reason for which it was added, so that a trace can tell why a reconcile ran.
//!
//! Pure: time comes in as an argument.

use api::Key;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Why a key was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An object changed.
    Changed {
        /// Which object.
        key: Key,
        /// At which revision.
        revision: u64,
    },
    /// The last attempt failed; so many in a row did.
    Retry(u32),
    /// The last plan asked to look again.
    Timer,
    /// The caches have caught up with what the last plan wrote.
    CaughtUp,
}

/// Reasons beyond this many are counted no more: the first ones tell the story.
const MOST_REASONS: usize = 64;
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not before this moment.
    Delayed(Instant),
    /// In line since this moment.
    Ready(Instant),
    /// In a worker's hands.
    InFlight,
    /// In a worker's hands, and added again meanwhile.
    Dirty,
    /// Until the caches catch up.
    Parked,
    /// Nowhere; only its failures are remembered.
    Idle,
}

#[derive(Debug)]
struct Entry {
    state: State,
    reasons: Vec<Reason>,
    failures: u32,
}

/// A key that a worker has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The key.
    pub key: Key,
    /// Why, oldest reason first.
    pub reasons: Vec<Reason>,
    /// How long it was in line.
    pub waited: Duration,
}

/// How work on a key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Well: failures are forgotten.
    Well,
    /// Well, and the key wants to be looked at again after this long.
    Again(Duration),
    /// Badly: it comes again after its backoff.
    Badly,
    /// Not at all: the caches must catch up first.
    Park,
}

/// What a queue holds, for metrics and for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// In line.
    pub ready: usize,
    /// Waiting for a moment.
    pub delayed: usize,
    /// In workers' hands.
    pub in_flight: usize,
    /// Waiting for the caches.
    pub parked: usize,
}

/// The queue of one controller.
#[derive(Debug, Default)]
pub struct Queue {
    entries: HashMap<Key, Entry>,
    /// Keys in line; exactly those whose state is `Ready`.
    line: VecDeque<Key>,
    /// Keys by moment; exactly those whose state is `Delayed`.
    later: BTreeSet<(Instant, Key)>,
}

impl Queue {
    /// Puts a key in line.
    pub fn add(&mut self, key: &Key, reason: Reason, now: Instant) {
        let entry = self.entry(key);
        if entry.reasons.len() < MOST_REASONS {
            entry.reasons.push(reason);
        }
        match entry.state {
            State::InFlight => entry.state = State::Dirty,
            State::Dirty | State::Ready(_) | State::Parked => {}
            State::Delayed(at) => {
                self.later.remove(&(at, key.clone()));
                self.line_up(key, now);
            }
            State::Idle => self.line_up(key, now),
        }
    }

    /// The next key, if one is in line. Delayed keys whose moment has come line up first.
    pub fn take(&mut self, now: Instant) -> Option<Work> {
        self.wake(now);
        let key = self.line.pop_front()?;
        let entry = self.entries.get_mut(&key)?;
        let State::Ready(since) = entry.state else { return None };
        entry.state = State::InFlight;
        let reasons = std::mem::take(&mut entry.reasons);
        Some(Work { key, reasons, waited: now.duration_since(since) })
    }

    /// Gives a key back. Returns how long it will wait, if it failed.
    pub fn done(&mut self, key: &Key, done: Done, now: Instant) -> Option<Duration> {
        let entry = self.entry(key);
        let dirty = entry.state == State::Dirty;
        entry.state = State::Idle;
        match done {
            Done::Well | Done::Again(_) => entry.failures = 0,
            Done::Badly => entry.failures += 1,
            Done::Park => {}
        }
        let failures = entry.failures;
        match done {
            Done::Badly => {
                let wait = backoff(failures);
                self.delay(key, Reason::Retry(failures), now + wait);
                return Some(wait);
            }
            Done::Park => self.entry(key).state = State::Parked,
            _ if dirty => self.line_up(key, now),
            Done::Again(wait) => self.delay(key, Reason::Timer, now + wait),
            Done::Well => drop(self.entries.remove(key)),
        }
        None
    }

    /// Lines up every parked key: a cache has moved.
    pub fn unpark(&mut self, now: Instant) {
        let parked = self.entries.iter().filter(|(_, entry)| entry.state == State::Parked);
        let keys: Vec<Key> = parked.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.entry(&key).reasons.push(Reason::CaughtUp);
            self.line_up(&key, now);
        }
    }

    /// When a worker should look again if nothing is added.
    pub fn next_moment(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// What the queue holds.
    pub fn census(&self) -> Census {
        let mut census = Census { ready: self.line.len(), delayed: self.later.len(), ..Census::default() };
        for entry in self.entries.values() {
            match entry.state {
                State::InFlight | State::Dirty => census.in_flight += 1,
                State::Parked => census.parked += 1,
                State::Delayed(_) | State::Ready(_) | State::Idle => {}
            }
        }
        census
    }

    fn entry(&mut self, key: &Key) -> &mut Entry {
        let fresh = || Entry { state: State::Idle, reasons: Vec::new(), failures: 0 };
        self.entries.entry(key.clone()).or_insert_with(fresh)
    }

    fn line_up(&mut self, key: &Key, now: Instant) {
        self.entry(key).state = State::Ready(now);
        self.line.push_back(key.clone());
    }

    fn delay(&mut self, key: &Key, reason: Reason, at: Instant) {
        let entry = self.entry(key);
        entry.state = State::Delayed(at);
        entry.reasons.push(reason);
        self.later.insert((at, key.clone()));
    }

    fn wake(&mut self, now: Instant) {
        while let Some((at, key)) = self.later.first().cloned() {
            if at > now {
                return;
            }
            self.later.pop_first();
            self.line_up(&key, now);
        }
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests;
