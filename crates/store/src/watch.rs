//! Watching: the handle that a watcher holds, and the stream of batches that it reads.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::watch;

use crate::error::Error;
use crate::hub::{Hub, Next, Seat};
use crate::types::Event;

/// A piece of the log: revisions above `after`, up to and including `through`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub after: u64,
    pub through: u64,
}

/// Where a watcher reads what is no longer in memory.
pub(crate) trait History: Send + Sync {
    /// The events of `start..end` in the stretch; `Compacted` when the log no longer reaches back to it.
    fn read(&self, start: &[u8], end: &[u8], stretch: Stretch) -> Result<Vec<Event>, Error>;
}

/// The events of a key range, in revision order, each exactly once.
///
/// Nothing is buffered for a watcher: a slow one reads from memory or from the log when it comes back, and one that
/// stayed away for longer than the log's window gets [`Error::Lagged`] and has to read the range anew.
pub struct Watch {
    hub: Arc<Hub>,
    seat: Seat,
    start: Bytes,
    end: Bytes,
    /// Weak, so that a forgotten watch does not keep the data directory locked.
    history: Weak<dyn History>,
    ended: bool,
}

impl Watch {
    pub(crate) fn new(
        hub: Arc<Hub>,
        history: Weak<dyn History>,
        start: &[u8],
        end: &[u8],
        from: u64,
    ) -> Result<Watch, Error> {
        let (start, end) = (Bytes::copy_from_slice(start), Bytes::copy_from_slice(end));
        let seat = hub.join(start.clone(), end.clone(), from)?;
        Ok(Watch { hub, seat, start, end, history, ended: false })
    }

    /// The next events: at least one, of one or more transactions. Waits when there are none; `None` once the store
    /// was closed and everything was read, or after an error. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Arc<[Event]>, Error>> {
        while !self.ended {
            match self.hub.next(self.seat.id) {
                Next::Events(events) => return Some(Ok(events)),
                Next::Wait => self.seat.wake.notified().await,
                Next::End => self.ended = true,
                Next::Again => {}
                Next::Read(stretch) => match self.read(stretch) {
                    Ok(events) if events.is_empty() => tokio::task::yield_now().await,
                    Ok(events) => return Some(Ok(events.into())),
                    Err(error) => {
                        self.ended = true;
                        return Some(Err(error));
                    }
                },
            }
        }
        None
    }

    /// A handle that tells how far this watcher has come, events that do not concern it included.
    pub fn progress(&self) -> Progress {
        Progress(self.seat.progress.clone())
    }

    fn read(&self, stretch: Stretch) -> Result<Vec<Event>, Error> {
        let history = self.history.upgrade().ok_or(Error::Closed)?;
        let events = history.read(&self.start, &self.end, stretch).map_err(|error| match error {
            Error::Compacted { .. } => Error::Lagged,
            other => other,
        })?;
        self.hub.advance(self.seat.id, stretch.through, &events);
        Ok(events)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.leave(self.seat.id);
    }
}

/// How far a watcher has come: everything up to this revision was handed out by [`Watch::next`], and the watcher
/// has come back for more. A cache that applies events between two calls has applied them all.
#[derive(Debug, Clone)]
pub struct Progress(watch::Receiver<u64>);

impl Progress {
    /// The revision reached so far.
    pub fn revision(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until the watcher has come as far as `revision`; `Closed` when the watch was dropped before.
    pub async fn reached(&self, revision: u64) -> Result<(), Error> {
        let mut receiver = self.0.clone();
        receiver.wait_for(|reached| *reached >= revision).await.map(drop).map_err(|_| Error::Closed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::UNIX_EPOCH;

    use futures::FutureExt;

    use super::*;
    use crate::options::Options;
    use crate::store::Store;
    use crate::types::{Op, Txn};

    fn store() -> Store {
        Store::memory(Options { recent: 300, ..Options::with_clock(|| UNIX_EPOCH) })
    }

    /// Memory commits do not wait, so the answer is there at once.
    fn put(store: &Store, keys: &[&'static str]) -> u64 {
        let ops = keys.iter().map(|key| Op::Put { key: (*key).into(), value: "v".into() }).collect();
        store.commit(Txn { conditions: Vec::new(), ops }).now_or_never().unwrap().unwrap()
    }

    /// The keys of the next batch, or why there is none.
    fn next(watch: &mut Watch) -> String {
        for _ in 0..100 {
            match watch.next().now_or_never() {
                Some(Some(Ok(events))) => {
                    let keys: Vec<String> =
                        events.iter().map(|event| event.key.escape_ascii().to_string()).collect();
                    return keys.join(" ");
                }
                Some(Some(Err(error))) => return error.to_string(),
                Some(None) => return "end".into(),
                // Reading the log gives way to others now and then.
                None => {}
            }
        }
        "waiting".into()
    }

    #[test]
    fn what_is_missed_comes_from_memory_or_from_the_log() {
        let store = store();
        let mut watch = store.watch(b"a", b"b", store.revision()).unwrap();
        assert_eq!(next(&mut watch), "waiting");
        put(&store, &["a1", "b1", "a2"]);
        assert_eq!(next(&mut watch), "a1 a2");
        for key in ["a3", "a4", "b2", "a5", "a6", "a7"] {
            put(&store, &[key]);
        }
        // The log gives what memory no longer holds, memory the rest, batch by batch.
        assert_eq!([(); 4].map(|()| next(&mut watch)), ["a3 a4", "a5", "a6", "a7"]);
        assert_eq!(next(&mut watch), "waiting");
    }

    #[test]
    fn progress_counts_what_was_worked_off() {
        let store = store();
        let mut watch = store.watch(b"a", b"b", store.revision()).unwrap();
        let progress = watch.progress();
        let quiet = put(&store, &["b1", "c1"]);
        assert_eq!(progress.revision(), quiet, "what does not concern it counts without a wake-up");
        let first = put(&store, &["a1"]);
        put(&store, &["b2"]);
        assert_eq!(progress.revision(), quiet);
        assert_eq!(next(&mut watch), "a1");
        put(&store, &["b3"]);
        assert_eq!(progress.revision(), quiet, "it was handed out, and is still in work");
        assert!(progress.reached(first).now_or_never().is_none());
        assert_eq!(next(&mut watch), "waiting");
        assert_eq!(progress.revision(), store.revision());
        progress.reached(first).now_or_never().unwrap().unwrap();
        let later = store.revision() + 1;
        drop(watch);
        assert!(matches!(progress.reached(later).now_or_never(), Some(Err(Error::Closed))));
    }

    #[test]
    fn who_stays_away_too_long_lags() {
        let store = store();
        let mut watch = store.watch(b"", b"", store.revision()).unwrap();
        let mut quiet = store.watch(b"z", b"", store.revision()).unwrap();
        for _ in 0..10 {
            put(&store, &["a"]);
        }
        store.compact(store.revision()).now_or_never().unwrap().unwrap();
        assert_eq!(next(&mut watch), Error::Lagged.to_string());
        assert_eq!(next(&mut watch), "end");
        assert_eq!(next(&mut quiet), "waiting", "who has missed nothing does not lag");
    }

    #[test]
    fn closing_ends_a_watch_after_the_last_event() {
        let store = store();
        let mut watch = store.watch(b"", b"", store.revision()).unwrap();
        put(&store, &["a"]);
        let left = store.clone();
        store.close().now_or_never().unwrap().unwrap();
        assert_eq!([next(&mut watch), next(&mut watch)], ["a", "end"]);
        assert!(matches!(left.commit(Txn::default()).now_or_never(), Some(Err(Error::Closed))));
    }
}
