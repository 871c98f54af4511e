//! Whether the app calls itself started, alive and ready. No clock: `now` is the duration since the program's start.

use std::{fmt, time::Duration};

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Has the start-up ended?
    Started,
    /// Is it worth keeping?
    Live,
    /// Should requests be sent to it?
    Ready,
}

/// Why a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `START_DELAY` has not passed.
    Starting,
    /// SIGTERM has come.
    Stopping,
    /// Somebody asked for it.
    Broken,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reason::Starting => "starting",
            Reason::Stopping => "stopping",
            Reason::Broken => "broken on purpose",
        })
    }
}

/// Whether a check has been broken on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    /// Not broken.
    #[default]
    None,
    /// Broken up to, and not including, this moment.
    Until(Duration),
    /// Broken until it is fixed.
    Lasting,
}

impl Fault {
    fn holds(self, now: Duration) -> bool {
        match self {
            Fault::None => false,
            Fault::Until(end) => now < end,
            Fault::Lasting => true,
        }
    }
}

/// The app's health.
#[derive(Debug)]
pub struct Health {
    started_at: Duration,
    stopping: bool,
    live: Fault,
    ready: Fault,
}

impl Health {
    /// Health that counts as starting for `start_delay`.
    pub fn new(start_delay: Duration) -> Health {
        Health { started_at: start_delay, stopping: false, live: Fault::None, ready: Fault::None }
    }

    /// The answer to a probe.
    pub fn check(&self, check: Check, now: Duration) -> Result<(), Reason> {
        let starting = now < self.started_at;
        match check {
            Check::Started if starting => Err(Reason::Starting),
            Check::Live if self.live.holds(now) => Err(Reason::Broken),
            Check::Ready if self.stopping => Err(Reason::Stopping),
            Check::Ready if starting => Err(Reason::Starting),
            Check::Ready if self.ready.holds(now) => Err(Reason::Broken),
            Check::Started | Check::Live | Check::Ready => Ok(()),
        }
    }

    /// Fails a check until `end`, or until it is fixed. Being started cannot be broken.
    pub fn break_check(&mut self, check: Check, end: Option<Duration>) {
        self.set(check, end.map_or(Fault::Lasting, Fault::Until));
    }

    /// Undoes [`Health::break_check`].
    pub fn fix(&mut self, check: Check) {
        self.set(check, Fault::None);
    }

    /// Not ready any more, for good.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    fn set(&mut self, check: Check, fault: Fault) {
        match check {
            Check::Started => {}
            Check::Live => self.live = fault,
            Check::Ready => self.ready = fault,
        }
    }
}
