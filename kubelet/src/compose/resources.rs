//! Requests and limits as the engine takes them.

use api::{
    k8s::api::core::v1::{Container, PodSpec},
    pod,
    quantity::Amount,
};

use crate::container_runtime::{CPU_PERIOD, Resources};

use super::amount_of;

const SHARES_PER_CPU: i64 = 1024;
const FEWEST_SHARES: i64 = 2;
const MOST_SHARES: i64 = 262_144;
/// The kernel takes no quota below a millisecond.
const SMALLEST_QUOTA: i64 = 1000;

const GUARANTEED: i64 = -997;
const BEST_EFFORT: i64 = 1000;
const PAUSE: i64 = -998;

/// What a container gets.
pub(super) fn resources_of(spec: &PodSpec, container: &Container, node_memory: i64) -> Resources {
    let (requests, limits) = (pod::container_requests(container), pod::container_limits(container));
    let cpu_request = amount_of(&requests, "cpu").or_else(|| amount_of(&limits, "cpu"));
    let cpu_limit = amount_of(&limits, "cpu").map(Amount::milli_value).filter(|it| *it > 0);
    let period = i64::try_from(CPU_PERIOD.as_micros()).expect("a tenth of a second is a small number");
    Resources {
        cpu_shares: shares_of(cpu_request.map_or(0, Amount::milli_value)),
        cpu_quota: cpu_limit.map(|milli| (milli * period / 1000).max(SMALLEST_QUOTA)),
        memory: amount_of(&limits, "memory").map(Amount::value).filter(|it| *it > 0),
        oom_score_adj: oom_score(spec, amount_of(&requests, "memory").map_or(0, Amount::value), node_memory),
    }
}

/// What a pause container gets: next to nothing, and the kernel's protection.
pub(super) fn sandbox_resources() -> Resources {
    Resources { cpu_shares: FEWEST_SHARES, oom_score_adj: PAUSE, ..Resources::default() }
}

fn shares_of(milli_cpu: i64) -> i64 {
    (milli_cpu.saturating_mul(SHARES_PER_CPU) / 1000).clamp(FEWEST_SHARES, MOST_SHARES)
}

/// The more of the node's memory a burstable container requests, the less likely it is killed.
fn oom_score(spec: &PodSpec, memory_request: i64, node_memory: i64) -> i64 {
    match pod::qos_class(spec) {
        "Guaranteed" => GUARANTEED,
        "BestEffort" => BEST_EFFORT,
        _ if node_memory <= 0 => BEST_EFFORT - 1,
        _ => {
            let share = (1000_i128 * i128::from(memory_request) / i128::from(node_memory)).clamp(0, 1000);
            let score = 1000 - i64::try_from(share).unwrap_or(1000);
            score.clamp(1000 + GUARANTEED, BEST_EFFORT - 1)
        }
    }
}
