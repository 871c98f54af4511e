//! A stage for plans: pods, what happens to them, and time, without an engine. Golden scenarios and properties act on it.

use std::collections::BTreeMap;

use api::k8s::api::core::v1::Pod;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    container_runtime::{ContainerId, Exit, RuntimeError, State},
    events::Event,
    labels,
    observed::{Attempt, End, Hook, Observed, Sandbox, SandboxFacts, Target},
    probes::{self, Success},
    status,
    worker::outcome::{self, Failure, HookKind, Made, Outcome},
};

use super::{Action, Plan, SIGKILL, plan_pod};

/// A pod on a stage.
pub(super) struct Stage {
    pub(super) pod: Pod,
    pub(super) observed: Observed,
    pub(super) now: Timestamp,
    /// What was begun and has not ended, in order.
    pub(super) begun: Vec<Action>,
    pub(super) told: Vec<Event>,
    numbers: BTreeMap<String, u32>,
}

/// How something begun ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Good,
    Bad,
}

impl Stage {
    pub(super) fn new(spec: Value) -> Stage {
        let pod = json!({ "metadata": { "name": "p", "namespace": "ns", "uid": "u", "generation": 1 }, "spec": spec });
        Stage {
            pod: serde_json::from_value(pod).expect("a scenario's pod can be read"),
            observed: Observed::default(),
            now: "2030-01-01T00:00:00Z".parse().expect("a constant"),
            begun: Vec::new(),
            told: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Plans and begins until nothing new is begun; all that was planned, in order.
    pub(super) fn plan(&mut self) -> Vec<Action> {
        let mut planned = Vec::new();
        loop {
            self.report();
            let Plan { actions, .. } = plan_pod(&self.pod, &self.observed, self.now);
            let mut again = false;
            for action in actions {
                planned.push(action.clone());
                again |= self.begin(action);
            }
            if !again {
                return planned;
            }
        }
    }

    /// When time alone changes the plan.
    pub(super) fn wakes_in(&self) -> Option<SignedDuration> {
        Some(plan_pod(&self.pod, &self.observed, self.now).wake_at?.duration_since(self.now))
    }

    /// The status as the API would have it.
    fn report(&mut self) {
        if self.observed.end == End::Open {
            let before = self.pod.status.clone().unwrap_or_default();
            let facts = status::Facts { node_addresses: &[], now: self.now };
            self.pod.status = Some(status::pod_status(&self.pod, &self.observed, &before, &facts));
        }
    }

    fn begin(&mut self, action: Action) -> bool {
        match &action {
            Action::Stop { container, cause } => self.observed.begin_stop(container, *cause, self.now),
            Action::Settle => self.observed.end = End::Settled,
            _ => {
                if let Action::Probe { container, kind } = &action
                    && let Some(attempt) = self.observed.latest_mut(container)
                {
                    attempt.probes.entry(*kind).or_default().last_at = Some(self.now);
                }
                self.observed.busy.insert(target_of(&action));
                self.begun.push(action);
                return false;
            }
        }
        true
    }

    /// Ends the thing that was begun at this place.
    pub(super) fn end(&mut self, place: usize, ending: Ending) {
        let action = self.begun.remove(place);
        self.observed.busy.remove(&target_of(&action));
        let outcome = self.outcome_of(action, ending);
        let told = outcome::apply(&self.pod, &mut self.observed, outcome, self.now);
        self.told.extend(told);
    }

    /// Ends everything that was begun, well.
    pub(super) fn end_all(&mut self) {
        while !self.begun.is_empty() {
            self.end(0, Ending::Good);
        }
    }

    fn outcome_of(&mut self, action: Action, ending: Ending) -> Outcome {
        let bad = ending == Ending::Bad;
        let failed = || if bad { Err("it failed".to_owned()) } else { Ok(()) };
        let refused = || if bad { Err(RuntimeError::Refused("it failed".to_owned())) } else { Ok(()) };
        match action {
            Action::WriteVolumes => Outcome::VolumesWritten(failed().map(|()| BTreeMap::new())),
            Action::RemoveVolumes => Outcome::VolumesRemoved(failed()),
            Action::MeasureVolumes => Outcome::Measured(Vec::new()),
            Action::CreateSandbox => {
                let number = self.next("pause");
                let facts = SandboxFacts { id: ContainerId::from(format!("pause{number}")), address: None };
                Outcome::SandboxCreated(failed().map(|()| facts))
            }
            Action::StartSandbox(id) => Outcome::SandboxStarted { id, result: failed().map(|()| None) },
            Action::Create { container, number, backoff } => self.made(container, number, backoff, ending),
            Action::Start { container, id } => {
                Outcome::Started { container, id, result: refused(), at: self.now }
            }
            Action::PostStart(container) => self.hook_ran(container, HookKind::PostStart, failed()),
            Action::PreStop { container, .. } => self.hook_ran(container, HookKind::PreStop, failed()),
            Action::Signal { container, id, signal } => {
                Outcome::Signalled { container, id, killed: signal == SIGKILL, result: Ok(()), at: self.now }
            }
            Action::Probe { container, kind } => {
                let success = if bad { Success::No } else { Success::Yes };
                match self.observed.latest(&container).map(|it| it.id.clone()) {
                    Some(id) => {
                        let found = probes::Outcome { success, output: "said no".to_owned() };
                        Outcome::Probed { container, id, kind, found }
                    }
                    None => Outcome::Nothing,
                }
            }
            Action::Remove(id) => Outcome::Removed { id, result: refused() },
            Action::DeleteObject => Outcome::ObjectDeleted(Ok(())),
            Action::Stop { .. } | Action::Settle => Outcome::Nothing,
        }
    }

    fn hook_ran(&self, container: String, kind: HookKind, result: Result<(), String>) -> Outcome {
        let id = self.observed.latest(&container).map(|it| it.id.clone());
        Outcome::HookRan { container, id, kind, result }
    }

    fn made(&mut self, container: String, number: u32, backoff: u32, ending: Ending) -> Outcome {
        let spec = self.spec_of(&container);
        let image = spec.and_then(|it| it.image.clone()).unwrap_or_default();
        let has_hook = spec.is_some_and(|it| it.lifecycle.as_ref().is_some_and(|it| it.post_start.is_some()));
        if ending == Ending::Bad {
            let result = Err(Failure::container("ErrImagePull", "no registry".to_owned(), &image));
            return Outcome::Created { container, result };
        }
        let attempt = Attempt {
            id: ContainerId::from(format!("{container}{number}.{}", self.next(&container))),
            number,
            image,
            image_id: String::new(),
            sandbox: self.observed.sandbox.id().cloned(),
            backoff,
            stop_signal: labels::DEFAULT_STOP_SIGNAL.to_owned(),
            state: State::Created,
            message: None,
            post_start: if has_hook { Hook::Pending } else { Hook::Done },
            stopping: None,
            probes: BTreeMap::new(),
        };
        Outcome::Created { container, result: Ok(Box::new(Made { attempt, events: Vec::new() })) }
    }

    pub(super) fn spec_of(&self, name: &str) -> Option<&api::k8s::api::core::v1::Container> {
        let spec = self.pod.spec.as_ref()?;
        spec.init_containers.iter().flatten().chain(&spec.containers).find(|it| it.name == name)
    }

    fn next(&mut self, name: &str) -> u32 {
        let number = self.numbers.entry(name.to_owned()).or_default();
        *number += 1;
        *number - 1
    }

    /// A running container ends by itself.
    pub(super) fn exit(&mut self, container: &str, code: i32) {
        let now = self.now;
        if let Some(attempt) = self.observed.latest_mut(container)
            && let Some(started_at) = attempt.running_since()
        {
            let (out_of_memory, error) = (false, String::new());
            attempt.state = State::Exited(Exit {
                code,
                out_of_memory,
                started_at: Some(started_at),
                finished_at: now,
                error,
            });
        }
    }

    /// The pause container ends.
    pub(super) fn lose_sandbox(&mut self) {
        if let Sandbox::Running(facts) = &self.observed.sandbox {
            self.observed.sandbox = Sandbox::Exited(facts.clone());
        }
    }

    pub(super) fn delete(&mut self, grace: i64) {
        let meta = &mut self.pod.metadata;
        meta.deletion_timestamp = Some(api::Time(self.now + SignedDuration::from_secs(grace)));
        meta.deletion_grace_period_seconds = Some(grace);
    }

    /// The agent dies and starts again: what was under way is lost, what labels say is not.
    pub(super) fn restart_agent(&mut self) {
        self.begun.clear();
        let old = std::mem::take(&mut self.observed);
        self.observed.sandbox = old.sandbox;
        self.observed.attempts = old.attempts;
        for attempt in self.observed.attempts.values_mut().flatten() {
            attempt.stopping = None;
            attempt.probes.clear();
            if attempt.state != State::Created {
                attempt.post_start = Hook::Done;
            }
        }
    }
}

fn target_of(action: &Action) -> Target {
    let container = |name: &String| Target::Container(name.clone());
    match action {
        Action::WriteVolumes | Action::RemoveVolumes => Target::Volumes,
        Action::MeasureVolumes => Target::Usage,
        Action::CreateSandbox | Action::StartSandbox(_) => Target::Sandbox,
        Action::Create { container: name, .. } | Action::Start { container: name, .. } => container(name),
        Action::Signal { container: name, .. } | Action::Stop { container: name, .. } => container(name),
        Action::PostStart(name) | Action::PreStop { container: name, .. } => Target::Hook(name.clone()),
        Action::Probe { container: name, kind } => Target::Probe(name.clone(), *kind),
        Action::Remove(id) => Target::Remains(id.clone()),
        Action::Settle | Action::DeleteObject => Target::Object,
    }
}
