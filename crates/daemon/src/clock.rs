//! The one home of reading time and of waiting for it to pass.
//!
//! Nothing else in the workspace calls `SystemTime::now`, `Instant::now` or `tokio::time::sleep`: wall time comes from a
//! [`Clock`] that was handed in, waiting goes through [`sleep`] and its siblings. Pure code gets neither; it is given a
//! `now`.
#![allow(clippy::disallowed_methods, reason = "this module is the home that the ban points to")]

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, error::Elapsed};

/// A reader of wall time; cheap to clone and to pass down.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The machine's own time.
    System,
    /// A given wall time at a given instant; moves with tokio's time, and stands still while that is paused.
    Anchored { wall: Timestamp, at: Instant },
}

impl Clock {
    /// The machine's wall clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that reads `wall` now and follows tokio's time from here on: under `tokio::time::pause` it moves exactly
    /// when tokio's time is advanced. Create and read it inside the runtime whose time it follows.
    pub fn starting_at(wall: Timestamp) -> Clock {
        Clock(Source::Anchored { wall, at: Instant::now() })
    }

    /// The wall time, in UTC.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Anchored { wall, at } => plus(*wall, at.elapsed()),
        }
    }

    /// How long ago `moment` was; zero when it is still to come.
    pub fn since(&self, moment: Timestamp) -> Duration {
        Duration::try_from(self.now().duration_since(moment)).unwrap_or(Duration::ZERO)
    }

    /// How long until `moment`; zero when it has passed.
    pub fn until(&self, moment: Timestamp) -> Duration {
        Duration::try_from(moment.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }
}

/// `moment` moved by `duration`, stopping at the last representable time instead of overflowing.
fn plus(moment: Timestamp, duration: Duration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The monotonic instant that tokio's timers count in; for measuring how long something took.
pub fn instant() -> Instant {
    Instant::now()
}

/// Waits for `duration` to pass.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits until `deadline`; returns at once when it has passed.
pub async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(deadline).await;
}

/// Gives `future` at most `duration` to complete, and drops it then.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(duration, future).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_anchored_clock_moves_only_with_tokio_time() {
        let start = stamp("2030-01-01T00:00:00Z");
        let clock = Clock::starting_at(start);
        assert_eq!(clock.now(), start);
        sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), stamp("2030-01-01T00:01:30Z"));
        assert_eq!(clock.clone().since(start), Duration::from_secs(90));
        assert_eq!(clock.until(start), Duration::ZERO);
        assert_eq!(clock.until(stamp("2030-01-01T00:02:00Z")), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_drops_what_is_late() {
        assert!(timeout(Duration::from_secs(1), std::future::pending::<()>()).await.is_err());
        assert_eq!(timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        assert_eq!(plus(Timestamp::MAX, Duration::from_secs(1)), Timestamp::MAX);
    }
}
