//! Who watches what, and how far each has read. Decides what a watcher gets next; [`crate::watch`] does the reading.
//!
//! Each watcher has a *position*: everything up to it was handed out or was of no interest. Publishing a batch
//! moves the positions of the watchers that it does not concern, without waking them; the others are woken and
//! fetch. Recent batches are held in memory until everybody has them or they weigh too much; who is further behind
//! reads the log. Both are addressed by revision, so there is no seam between them where an event could be lost
//! or doubled. Nothing is queued per watcher: a slow one costs no memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use crate::error::Error;
use crate::types::Event;
use crate::watch::Stretch;

/// How many events or log entries a watcher takes at a time.
const BITE: usize = 512;

/// The committed revision and everybody who waits for the next one.
pub(crate) struct Hub {
    /// The latest committed revision. Written under `state`'s lock, read without.
    revision: AtomicU64,
    state: Mutex<State>,
    /// The most that `State::recent` may weigh.
    capacity: usize,
}

struct State {
    revision: u64,
    closed: bool,
    /// Batches in revision order, without gaps, ending at `revision`.
    recent: VecDeque<Recent>,
    /// The revision before the first of `recent`.
    recent_after: u64,
    weight: usize,
    watchers: BTreeMap<u64, Watcher>,
    next_id: u64,
}

struct Recent {
    events: Arc<[Event]>,
    last: u64,
    weight: usize,
}

struct Watcher {
    start: Bytes,
    end: Bytes,
    position: u64,
    /// Whether the watcher still works on what it was handed last.
    busy: bool,
    /// The position that the watcher has come back from.
    progress: watch::Sender<u64>,
    /// Woken when there may be something beyond `position`. One waiter; a wake-up that comes early is kept.
    wake: Arc<Notify>,
}

/// What a watcher does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Wait to be woken.
    Wait,
    /// Hand these out.
    Events(Arc<[Event]>),
    /// Ask again: what there was did not concern this watcher.
    Again,
    /// Read the log, then [`Hub::advance`].
    Read(Stretch),
    /// There will never be more.
    End,
}

/// A place in the hub.
pub(crate) struct Seat {
    pub id: u64,
    pub wake: Arc<Notify>,
    pub progress: watch::Receiver<u64>,
}

impl Hub {
    pub(crate) fn new(revision: u64, capacity: usize) -> Hub {
        let state = State {
            revision,
            closed: false,
            recent: VecDeque::new(),
            recent_after: revision,
            weight: 0,
            watchers: BTreeMap::new(),
            next_id: 0,
        };
        Hub { revision: AtomicU64::new(revision), state: Mutex::new(state), capacity }
    }

    /// The latest committed revision.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Makes a flushed batch visible: from here on reads and watchers see it.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        let Some(last) = events.last().map(|event| event.revision) else { return };
        let mut state = self.state();
        let before = state.revision;
        state.revision = last;
        state.remember(events.into(), last);
        state.tell(before);
        state.forget(self.capacity);
        self.revision.store(last, Ordering::Release);
    }

    /// Takes a seat for events of `start..end` after revision `from`.
    pub(crate) fn join(&self, start: Bytes, end: Bytes, from: u64) -> Result<Seat, Error> {
        let mut state = self.state();
        if from > state.revision {
            return Err(Error::Future { current: state.revision });
        }
        let id = state.next_id;
        state.next_id += 1;
        let wake = Arc::new(Notify::new());
        let (sender, progress) = watch::channel(from);
        let watcher =
            Watcher { start, end, position: from, busy: false, progress: sender, wake: wake.clone() };
        state.watchers.insert(id, watcher);
        Ok(Seat { id, wake, progress })
    }

    pub(crate) fn leave(&self, id: u64) {
        self.state().watchers.remove(&id);
    }

    /// What the watcher does next. Asking says that it is done with what it was handed before.
    pub(crate) fn next(&self, id: u64) -> Next {
        let mut state = self.state();
        let State { revision, closed, recent, recent_after, watchers, .. } = &mut *state;
        let Some(watcher) = watchers.get_mut(&id) else { return Next::End };
        watcher.busy = false;
        watcher.report();
        if watcher.position == *revision {
            return if *closed { Next::End } else { Next::Wait };
        }
        if watcher.position < *recent_after {
            let through = (*recent_after).min(watcher.position + BITE as u64);
            return Next::Read(Stretch { after: watcher.position, through });
        }
        watcher.bite(recent)
    }

    /// Moves the watcher to `position` after it read the log up to there; `busy` when it found events.
    pub(crate) fn advance(&self, id: u64, position: u64, found: &[Event]) {
        if let Some(watcher) = self.state().watchers.get_mut(&id) {
            watcher.position = position;
            watcher.busy = !found.is_empty();
        }
    }

    /// Ends all watches once they have read what was published.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.watchers.values().for_each(|watcher| watcher.wake.notify_one());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every section leaves the state whole, so a panic elsewhere is no reason to stop watching.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, events: Arc<[Event]>, last: u64) {
        let weight = events.iter().map(Event::weight).sum();
        self.weight += weight;
        self.recent.push_back(Recent { events, last, weight });
    }

    /// Wakes those whom the newest batch concerns and moves the others along.
    fn tell(&mut self, before: u64) {
        let Some(newest) = self.recent.back() else { return };
        for watcher in self.watchers.values_mut() {
            if watcher.position < before || newest.events.iter().any(|event| watcher.wants(event)) {
                watcher.wake.notify_one();
            } else {
                watcher.position = newest.last;
                watcher.report();
            }
        }
    }

    /// Drops batches that everybody has, and the oldest while there is too much.
    fn forget(&mut self, capacity: usize) {
        let read = self.watchers.values().map(|watcher| watcher.position).min().unwrap_or(self.revision);
        while let Some(oldest) = self.recent.front() {
            if oldest.last > read && self.weight <= capacity {
                return;
            }
            self.weight -= oldest.weight;
            self.recent_after = oldest.last;
            self.recent.pop_front();
        }
    }
}

impl Watcher {
    fn wants(&self, event: &Event) -> bool {
        event.revision > self.position && event.within(&self.start, &self.end)
    }

    /// Tells those who wait for this watcher how far it has come.
    fn report(&self) {
        if !self.busy {
            self.progress.send_replace(self.position);
        }
    }

    /// Takes a few batches from memory.
    fn bite(&mut self, recent: &VecDeque<Recent>) -> Next {
        let unread = recent.partition_point(|batch| batch.last <= self.position);
        let mut bite: Vec<Event> = Vec::new();
        let mut position = self.position;
        for batch in recent.iter().skip(unread) {
            if bite.is_empty() && batch.events.iter().all(|event| self.wants(event)) {
                self.position = batch.last;
                self.busy = true;
                return Next::Events(batch.events.clone());
            }
            bite.extend(batch.events.iter().filter(|event| self.wants(event)).cloned());
            position = batch.last;
            if bite.len() >= BITE {
                break;
            }
        }
        self.position = position;
        self.busy = !bite.is_empty();
        if bite.is_empty() { Next::Again } else { Next::Events(bite.into()) }
    }
}
