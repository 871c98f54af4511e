//! Whether the host accepts negative oom_score_adj values, which takes a capability that not every host has.
//!
//! Docker says so only when a container starts, and not in as many words. So containers with a negative score are
//! remembered until they have started; one whose start fails as a refusal does is made anew with a score that every host
//! accepts.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::container_runtime::{ContainerId, ContainerSpec, RuntimeError};

/// How runc fails when the kernel refuses the score: by name, or by the end of the process that tried to set it.
const SIGNS: [&str; 2] = ["oom_score_adj", "can't get final child's PID from pipe"];

/// What is known of the host.
pub(super) struct Scores {
    refused: AtomicBool,
    /// Containers with a negative score that have not started yet. Locked for a look or a change only.
    waiting: Mutex<HashSet<ContainerId>>,
}

impl Scores {
    /// Begins with a look at this process: where root itself lacks the capability, the engine beside it does too.
    pub(super) fn of_host() -> Scores {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let scores = Scores { refused: AtomicBool::new(false), waiting: Mutex::default() };
        if is_root_without_resources(&status) {
            scores.learn();
        }
        scores
    }

    fn learn(&self) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::info!("the host refuses negative oom_score_adj values; containers get 0 instead");
        }
    }

    /// Whether negative scores are to be replaced by 0.
    pub(super) fn are_clamped(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// A container was made, with its own score or a clamped one.
    pub(super) fn made(&self, id: &ContainerId, spec: &ContainerSpec, clamped: bool) {
        if spec.resources.oom_score_adj < 0 && !clamped {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        }
    }

    /// A container has started or has failed to; the failure as it is to be reported.
    pub(super) fn started(
        &self,
        id: &ContainerId,
        result: Result<(), RuntimeError>,
    ) -> Result<(), RuntimeError> {
        let negative = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        match result {
            Err(error) if negative && is_refusal(&error) => {
                self.learn();
                Err(RuntimeError::MakeAnew(error.to_string()))
            }
            other => other,
        }
    }
}

/// The capability that lowering a score takes.
const CAP_SYS_RESOURCE: u64 = 1 << 24;

fn is_root_without_resources(status: &str) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let root = field("Uid:").is_some_and(|it| it.split_whitespace().nth(1) == Some("0"));
    let capabilities = field("CapEff:").and_then(|it| u64::from_str_radix(it, 16).ok());
    root && capabilities.is_some_and(|it| it & CAP_SYS_RESOURCE == 0)
}

fn is_refusal(error: &RuntimeError) -> bool {
    let text = error.to_string();
    SIGNS.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container_runtime::Resources;

    #[test]
    fn a_refusal_is_learnt_once_and_other_failures_are_not_taken_for_one() {
        let scores = Scores { refused: AtomicBool::new(false), waiting: Mutex::default() };
        let spec = |oom_score_adj| ContainerSpec {
            resources: Resources { oom_score_adj, ..Resources::default() },
            ..ContainerSpec::default()
        };
        let fails = |id: &str, why: &str| {
            scores.started(&id.into(), Err(RuntimeError::Refused(why.to_owned()))).unwrap_err()
        };
        scores.made(&"a".into(), &spec(-998), false);
        assert!(matches!(fails("a", "no such file"), RuntimeError::Refused(_)));
        scores.made(&"b".into(), &spec(1000), false);
        assert!(matches!(fails("b", SIGNS[1]), RuntimeError::Refused(_)));
        assert!(!scores.are_clamped());
        scores.made(&"c".into(), &spec(-998), false);
        assert!(matches!(fails("c", SIGNS[1]), RuntimeError::MakeAnew(_)));
        assert!(scores.are_clamped());
        scores.made(&"d".into(), &spec(-998), true);
        assert!(matches!(fails("d", SIGNS[1]), RuntimeError::Refused(_)));
    }

    #[test]
    fn only_root_tells_what_the_engine_may() {
        let check = |uid: u32, capabilities: &str, expect| {
            let status = format!("Name:\tx\nUid:\t0\t{uid}\t0\t0\nCapEff:\t{capabilities}\n");
            assert_eq!(is_root_without_resources(&status), expect, "{uid} {capabilities}");
        };
        check(0, "000001ffffffffff", false);
        check(0, "000001fffeffffff", true);
        check(1000, "0000000000000000", false);
    }
}
