//! What must never happen to a pod, whatever happens around it: at most one attempt of a container is alive, nothing
//! starts before what has to precede it, and nobody is killed before the grace period is over.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use crate::{container_runtime::State, intent::Role};

use super::{
    Action, SIGKILL,
    stage::{Ending, Stage},
};

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// Something begun ends.
    End(usize, bool),
    /// A container exits.
    Exit(usize, i32),
    /// Time passes.
    Wait(i64),
    /// The pod is deleted, or deleted faster.
    Delete(i64),
    /// The pause container ends.
    LoseSandbox,
    /// The agent starts anew.
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (any::<prop::sample::Index>(), prop::bool::weighted(0.9)).prop_map(|(place, good)| Happening::End(place.index(64), good)),
        4 => (0..4_usize, 0..2_i32).prop_map(|(container, code)| Happening::Exit(container, code)),
        4 => (0..40_i64).prop_map(Happening::Wait),
        1 => (1..40_i64).prop_map(Happening::Delete),
        1 => Just(Happening::LoseSandbox),
        1 => Just(Happening::Restart),
    ]
}

const NAMES: [&str; 4] = ["first", "side", "one", "two"];
const GRACE: i64 = 20;

fn stage(policy: &str) -> Stage {
    let container = |name: &str| json!({ "name": name, "image": "app:1" });
    let mut side = container(NAMES[1]);
    side["restartPolicy"] = json!("Always");
    let mut one = container(NAMES[2]);
    one["lifecycle"] =
        json!({ "preStop": { "sleep": { "seconds": 5 } }, "postStart": { "sleep": { "seconds": 1 } } });
    one["livenessProbe"] = json!({ "exec": { "command": ["true"] } });
    Stage::new(json!({
        "restartPolicy": policy,
        "terminationGracePeriodSeconds": GRACE,
        "initContainers": [container(NAMES[0]), side],
        "containers": [one, container(NAMES[3])],
    }))
}

fn happen(stage: &mut Stage, happening: Happening) {
    match happening {
        Happening::End(_, _) if stage.begun.is_empty() => {}
        Happening::End(place, good) => {
            let place = place % stage.begun.len();
            stage.end(place, if good { Ending::Good } else { Ending::Bad });
        }
        Happening::Exit(container, code) => stage.exit(NAMES[container], code),
        Happening::Wait(seconds) => stage.now += SignedDuration::from_secs(seconds),
        Happening::Delete(grace) => {
            let old = stage.pod.metadata.deletion_grace_period_seconds.unwrap_or(i64::MAX);
            stage.delete(grace.min(old));
        }
        Happening::LoseSandbox => stage.lose_sandbox(),
        Happening::Restart => stage.restart_agent(),
    }
}

/// Checks what is planned against what is observed.
fn check(stage: &Stage, action: &Action) {
    let observed = &stage.observed;
    match action {
        Action::Create { container, .. } => {
            let live =
                observed.attempts.get(container).is_some_and(|all| all.iter().any(|it| it.state.is_live()));
            assert!(!live, "{container} is made beside a live attempt");
        }
        Action::Start { container, .. } => {
            assert!(observed.sandbox.running().is_some(), "{container} starts without its pause container");
            assert!(predecessors_have_passed(stage, container), "{container} starts before its predecessors");
        }
        Action::Signal { container, signal, .. } if signal == SIGKILL => {
            let stopping = observed.latest(container).and_then(|it| it.stopping.clone()).unwrap();
            let lost = stopping.cause == crate::observed::StopCause::SandboxLost;
            let asked = stage.pod.metadata.deletion_grace_period_seconds.unwrap_or(GRACE).min(GRACE);
            let grace = if lost { 2 } else { asked.max(2) };
            let waited = stage.now.duration_since(stopping.since);
            assert!(waited >= SignedDuration::from_secs(grace), "{container} is killed after {waited}");
            assert!(
                stopping.signalled_at.is_some(),
                "{container} is killed without having been asked to stop"
            );
        }
        _ => {}
    }
}

fn predecessors_have_passed(stage: &Stage, container: &str) -> bool {
    let place = NAMES.iter().position(|it| *it == container).unwrap();
    let observed = &stage.observed;
    let passed = |name: &&str| {
        let attempt = observed.latest(name).filter(|it| observed.is_current(it));
        attempt.is_some_and(|it| match role_of(name) {
            Role::Sidecar => it.running_since().is_some(),
            _ => it.exit().is_some_and(|exit| exit.code == 0),
        })
    };
    // Once a main container has been made, initialization is over, whatever becomes of a sidecar.
    let begun = NAMES[2..].iter().any(|it| observed.latest(it).is_some_and(|it| observed.is_current(it)));
    (begun && place > 0) || NAMES[..place.min(2)].iter().all(passed)
}

fn role_of(name: &str) -> Role {
    match name {
        "first" => Role::Init,
        "side" => Role::Sidecar,
        _ => Role::Main,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_bad_ever_happens(
        policy in prop::sample::select(vec!["Always", "OnFailure", "Never"]),
        happenings in prop::collection::vec(happening(), 1..120),
    ) {
        let mut stage = stage(policy);
        for one in happenings {
            happen(&mut stage, one);
            let before = stage.observed.clone();
            for action in stage.plan() {
                let now = std::mem::replace(&mut stage.observed, before.clone());
                // A stop is begun within the same planning, so its own check needs what is observed after it.
                let asks = matches!(&action, Action::Signal { .. });
                if asks { stage.observed = now.clone(); }
                check(&stage, &action);
                stage.observed = now;
            }
            let live = |it: &&crate::observed::Attempt| matches!(it.state, State::Running { .. });
            for (name, attempts) in &stage.observed.attempts {
                prop_assert!(attempts.iter().filter(live).count() <= 1, "{name} runs twice");
            }
        }
    }

    #[test]
    fn a_deleted_pod_is_gone_in_the_end(
        policy in prop::sample::select(vec!["Always", "OnFailure", "Never"]),
        happenings in prop::collection::vec(happening(), 1..60),
    ) {
        let mut stage = stage(policy);
        for one in happenings {
            happen(&mut stage, one);
            stage.plan();
        }
        stage.delete(5);
        for _ in 0..60 {
            stage.plan();
            stage.end_all();
            for name in NAMES {
                let killed = stage.observed.latest(name).and_then(|it| it.stopping.as_ref()).is_some_and(|it| it.killed);
                if killed { stage.exit(name, 137); }
            }
            stage.now += SignedDuration::from_secs(2);
        }
        prop_assert_eq!(stage.observed.end, crate::observed::End::Told);
        prop_assert_eq!(stage.observed.all().count(), 0);
    }
}
