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

