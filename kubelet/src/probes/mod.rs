//! Probes: when they are due, what their results add up to, and how they are carried out.
//!
//! Start at [`due_at`] and [`ProbeState::record`], which are pure; [`carry_out`] does the asking. Nothing here is a
//! task of its own: a pod's worker runs the probes that are due, so thousands of probes make no thousands of timers.

mod grpc;
mod run;
mod tls;

use std::{fmt, time::Duration};

use api::k8s::api::core::v1::{Container, Probe};
use jiff::{SignedDuration, Timestamp};

pub use run::{Aim, Outcome, carry_out};
pub(crate) use run::{http_get, http_target};

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Whether the container has started; the others wait for it.
    Startup,
    /// Whether the container may go on running.
    Liveness,
    /// Whether the pod gets traffic.
    Readiness,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 3] = [Kind::Startup, Kind::Liveness, Kind::Readiness];

    /// The probe of this kind that a container asks for.
    pub fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Kind::Startup => container.startup_probe.as_ref(),
            Kind::Liveness => container.liveness_probe.as_ref(),
            Kind::Readiness => container.readiness_probe.as_ref(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Startup => "Startup",
            Kind::Liveness => "Liveness",
            Kind::Readiness => "Readiness",
        })
    }
}

/// What one probe of one attempt has found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeState {
    /// Successes in a row.
    pub successes: i32,
    /// Failures in a row.
    pub failures: i32,
    /// What they add up to; `None` until a threshold has been reached.
    pub passed: Option<bool>,
    /// When it was last begun.
    pub last_at: Option<Timestamp>,
}

impl ProbeState {
    /// Counts one result.
    pub fn record(&mut self, probe: &Probe, success: Success) {
        let threshold = |value: Option<i32>, default: i32| value.filter(|it| *it > 0).unwrap_or(default);
        match success {
            Success::Yes => {
                (self.successes, self.failures) = (self.successes.saturating_add(1), 0);
                if self.successes >= threshold(probe.success_threshold, 1) {
                    self.passed = Some(true);
                }
            }
            Success::No => {
                (self.successes, self.failures) = (0, self.failures.saturating_add(1));
                if self.failures >= threshold(probe.failure_threshold, 3) {
                    self.passed = Some(false);
                }
            }
        }
    }
}

/// How a probe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// It succeeded.
    Yes,
    /// It failed, or took too long.
    No,
}

/// When a probe is to be carried out next, for a container that has run since `started_at`.
pub fn due_at(probe: &Probe, state: Option<&ProbeState>, started_at: Timestamp) -> Timestamp {
    let after = |moment: Timestamp, seconds: i32| {
        moment.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
    };
    match state.and_then(|state| state.last_at) {
        Some(last) => after(last, probe.period_seconds.filter(|it| *it > 0).unwrap_or(10)),
        None => after(started_at, probe.initial_delay_seconds.unwrap_or(0)),
    }
}

/// How long one probe may take.
pub fn timeout_of(probe: &Probe) -> Duration {
    let seconds = probe.timeout_seconds.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
    Duration::from_secs(seconds.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results as text (`+` success, `-` failure) against the verdict after each (`?` none yet).
    #[track_caller]
    fn check(success_threshold: i32, failure_threshold: i32, results: &str, expect: &str) {
        let probe = Probe {
            success_threshold: Some(success_threshold),
            failure_threshold: Some(failure_threshold),
            ..Probe::default()
        };
        let mut state = ProbeState::default();
        let verdicts = results.chars().map(|result| {
            state.record(&probe, if result == '+' { Success::Yes } else { Success::No });
            state.passed.map_or('?', |passed| if passed { '+' } else { '-' })
        });
        assert_eq!(verdicts.collect::<String>(), expect, "{results}");
    }

    #[test]
    fn thresholds_count_results_in_a_row() {
        check(1, 3, "+", "+");
        check(1, 3, "---", "??-");
        check(1, 3, "--+--+---", "??++++++-");
        check(4, 1, "++++-+++", "???+----");
        check(2, 2, "-+-++", "????+");
    }

    #[test]
    fn the_delay_counts_from_the_start_and_the_period_from_the_last_probe() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let probe = Probe { initial_delay_seconds: Some(6), period_seconds: Some(2), ..Probe::default() };
        assert_eq!(due_at(&probe, None, at(100)), at(106));
        let state = ProbeState { last_at: Some(at(110)), ..ProbeState::default() };
        assert_eq!(due_at(&probe, Some(&state), at(100)), at(112));
        assert_eq!(due_at(&Probe::default(), Some(&state), at(100)), at(120));
        assert_eq!(timeout_of(&Probe::default()), Duration::from_secs(1));
    }
}
