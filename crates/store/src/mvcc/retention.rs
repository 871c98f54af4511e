//! Which revisions can be read, and which may be removed.
//!
//! Two lines move upwards through the log. Below the *floor* nobody may start to read; it is raised first. Up to
//! *trimmed* the entries are gone from the engine; it follows the floor in small steps, and stops at the oldest
//! [`Pin`], so that a read that has begun ends well. [`cut_of`] decides where the floor should be; it is pure.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::mvcc::layout::Head;
use crate::options::Window;

/// The floor and the reads in progress. The lock is held for a few instructions and never with another.
#[derive(Debug)]
pub(crate) struct Retention(Mutex<State>);

#[derive(Debug)]
struct State {
    floor: u64,
    /// How many reads are at each revision.
    pins: BTreeMap<u64, usize>,
}

/// A read in progress: what it needs stays until it is dropped.
pub(crate) struct Pin<'a> {
    retention: &'a Retention,
    pub(crate) revision: u64,
}

impl Retention {
    pub(crate) fn new(floor: u64) -> Retention {
        Retention(Mutex::new(State { floor, pins: BTreeMap::new() }))
    }

    /// The oldest revision that can be read or watched from.
    pub(crate) fn floor(&self) -> u64 {
        self.state().floor
    }

    /// Holds the revision that `choose` gives. It is asked under the lock, so the latest revision is never too old.
    pub(crate) fn pin(&self, choose: impl FnOnce() -> u64) -> Result<Pin<'_>, Error> {
        let mut state = self.state();
        let revision = choose();
        if revision < state.floor {
            return Err(Error::Compacted { oldest: state.floor });
        }
        *state.pins.entry(revision).or_default() += 1;
        Ok(Pin { retention: self, revision })
    }

    /// Moves the floor up; it never moves down.
    pub(crate) fn raise(&self, floor: u64) {
        let mut state = self.state();
        state.floor = state.floor.max(floor);
    }

    /// The last revision whose entry may be removed.
    pub(crate) fn removable(&self) -> u64 {
        let state = self.state();
        state.pins.keys().next().map_or(state.floor, |oldest| state.floor.min(*oldest))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every section leaves the state whole, so a panic elsewhere is no reason to stop reading.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        let mut state = self.retention.state();
        if let Some(count) = state.pins.get_mut(&self.revision) {
            *count -= 1;
            if *count == 0 {
                state.pins.remove(&self.revision);
            }
        }
    }
}

/// The age and the history mark of one entry, as [`cut_of`] needs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub time: u64,
    pub history: u64,
}

/// Where the floor should be, given where it is: `mark` is asked for entries above `floor` and for `floor` itself.
pub(crate) fn cut_of(
    window: &Window,
    head: &Head,
    now: u64,
    floor: u64,
    mut mark: impl FnMut(u64) -> Result<Mark, Error>,
) -> Result<u64, Error> {
    let age = u64::try_from(window.age.as_millis()).unwrap_or(u64::MAX);
    let oldest_young = head.revision.saturating_sub(window.revisions).max(floor);
    let by_age =
        last_where(floor, oldest_young, |revision| Ok(mark(revision)?.time.saturating_add(age) <= now))?;
    if head.history.saturating_sub(mark(floor)?.history) <= window.bytes {
        return Ok(by_age);
    }
    let too_much = |revision| Ok(head.history.saturating_sub(mark(revision)?.history) > window.bytes);
    let by_size = last_where(floor, head.revision, too_much)? + 1;
    Ok(by_age.max(by_size.min(head.revision)))
}

/// The last number in `low + 1..=high` that the test holds for, or `low`. The test holds for a prefix only.
fn last_where(low: u64, high: u64, mut test: impl FnMut(u64) -> Result<bool, Error>) -> Result<u64, Error> {
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = high - (high - low) / 2;
        if test(middle)? {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A log where revision r was written at second r and left 100 bytes behind.
    fn check(window: (u64, u64, u64), head: u64, floor: u64, now: u64, expect: u64) {
        let window = Window { age: Duration::from_secs(window.0), revisions: window.1, bytes: window.2 };
        let mark = |revision: u64| Mark { time: revision * 1000, history: revision * 100 };
        let newest = Head { revision: head, first: head, time: head * 1000, history: head * 100 };
        let cut = cut_of(&window, &newest, now * 1000, floor, |revision| Ok(mark(revision))).unwrap();
        assert_eq!(cut, expect, "{window:?} head {head} floor {floor} now {now}");
    }

    #[test]
    fn the_window_has_three_sides() {
        check((10, 5, 1 << 20), 100, 1, 100, 90); // Old enough, and enough newer ones.
        check((10, 50, 1 << 20), 100, 1, 100, 50); // Old enough, but the newest fifty stay.
        check((10, 5, 1 << 20), 100, 1, 1000, 95);
        check((10, 500, 1 << 20), 100, 1, 1000, 1); // Fewer than must stay.
        check((1000, 500, 1000), 100, 1, 100, 90); // Too much of it: size beats both.
        check((1000, 500, 0), 100, 1, 100, 100);
        check((10, 5, 1 << 20), 100, 93, 100, 93); // Already above.
        check((10, 5, 1 << 20), 1, 1, 1000, 1); // An empty store.
    }

    #[test]
    fn a_pin_holds_what_it_needs() {
        let retention = Retention::new(5);
        let pin = retention.pin(|| 7).unwrap();
        let again = retention.pin(|| 7).unwrap();
        retention.raise(9);
        assert_eq!((retention.floor(), retention.removable()), (9, 7));
        assert!(matches!(retention.pin(|| 7), Err(Error::Compacted { oldest: 9 })));
        drop(pin);
        assert_eq!(retention.removable(), 7);
        drop(again);
        assert_eq!(retention.removable(), 9);
        retention.raise(2);
        assert_eq!(retention.floor(), 9);
    }
}
