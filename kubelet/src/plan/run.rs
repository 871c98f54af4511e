//! A pod that shall run: pause container, init containers in order, then all others, each kept running as its restart
//! policy says.

use api::k8s::api::core::v1::Container;

use crate::{
    container_runtime::State,
    events::Note,
    intent::{self, Role},
    observed::{Attempt, Hook, Sandbox, StopCause, Target, Volumes},
    probes::{self, Kind},
};

use super::{Action, View, next_backoff, restart_at};

impl View<'_> {
    pub(super) fn run(&mut self) {
        self.run_sandbox();
        self.run_volumes();
        self.measure();
        if let Some(deadline) = intent::deadline_of(self.pod) {
            self.wake(deadline);
        }
        let inits: Vec<(Container, Role)> =
            self.spec.init_containers.iter().flatten().map(with_role).collect();
        if intent::mains_begun(self.spec, self.observed) {
            self.keep(inits.into_iter().filter(|(_, role)| *role == Role::Sidecar));
        } else if !self.initialize(inits) {
            return;
        }
        self.keep(self.late());
    }

    /// Makes and starts the pause container. When it has ended, what joined it must stop first: joining a second one
    /// under running siblings would split the pod's network.
    fn run_sandbox(&mut self) {
        if self.is_busy(&Target::Sandbox) {
            return;
        }
        match &self.observed.sandbox {
            Sandbox::Absent if !self.waits(&Target::Sandbox, None) => self.act(Action::CreateSandbox),
            Sandbox::Created(facts) if !self.waits(&Target::Sandbox, None) => {
                self.act(Action::StartSandbox(facts.id.clone()));
            }
            Sandbox::Exited(facts) if !self.observed.all().any(is_running) => self.remove(facts.id.clone()),
            _ => {}
        }
    }

    fn run_volumes(&mut self) {
        if self.is_busy(&Target::Volumes) || self.waits(&Target::Volumes, None) {
            return;
        }
        match self.observed.volumes {
            Volumes::Missing => self.act(Action::WriteVolumes),
            Volumes::Ready { at } if crate::volumes::are_live(self.spec) => {
                let due = at.saturating_add(crate::volumes::REFRESH).unwrap_or(jiff::Timestamp::MAX);
                if due <= self.now { self.act(Action::WriteVolumes) } else { self.wake(due) }
            }
            Volumes::Ready { .. } | Volumes::Removed => {}
        }
    }

    /// Measures what has a size limit, now and then.
    fn measure(&mut self) {
        let has_volumes = matches!(self.observed.volumes, Volumes::Ready { .. });
        if !has_volumes || self.is_busy(&Target::Usage) || crate::volumes::limits_of(self.spec).is_empty() {
            return;
        }
        let last = self.observed.measured_at;
        let due = last.map(|at| at.saturating_add(crate::volumes::MEASURE).unwrap_or(jiff::Timestamp::MAX));
        match due {
            Some(due) if due > self.now => self.wake(due),
            _ => self.act(Action::MeasureVolumes),
        }
    }

    /// Takes the init containers one step further; whether all have done their part.
    fn initialize(&mut self, inits: Vec<(Container, Role)>) -> bool {
        inits.into_iter().all(|(container, role)| {
            self.step(&container, role);
            self.observed.latest(&container.name).is_some_and(|it| has_passed(it, &container, role, self))
        })
    }

    fn keep(&mut self, containers: impl Iterator<Item = (Container, Role)>) {
        for (container, role) in containers {
            self.step(&container, role);
        }
    }

    /// Takes one container one step further.
    fn step(&mut self, container: &Container, role: Role) {
        let observed = self.observed;
        let Some(attempt) = observed.latest(&container.name) else {
            return self.create(container, self.number_of(container, None), 0);
        };
        match &attempt.state {
            State::Created => self.start(container, attempt),
            State::Running { .. } => self.watch_over(container, attempt),
            State::Exited(exit) => self.follow_up(container, role, attempt, exit.code),
        }
    }

    fn create(&mut self, container: &Container, number: u32, backoff: u32) {
        let name = &container.name;
        let image = container.image.as_deref().unwrap_or_default();
        let has_sandbox = matches!(self.observed.sandbox, Sandbox::Created(_) | Sandbox::Running(_));
        let has_volumes = matches!(self.observed.volumes, Volumes::Ready { .. });
        let target = Target::Container(name.clone());
        if has_sandbox && has_volumes && !self.is_busy(&target) && !self.waits(&target, Some(image)) {
            self.act(Action::Create { container: name.clone(), number, backoff });
        }
    }

    /// The number of the attempt after `last`. When no container is left to count, the pod's status remembers.
    fn number_of(&self, container: &Container, last: Option<&Attempt>) -> u32 {
        last.map_or_else(|| remembered_number(self.pod, &container.name), |last| last.number + 1)
    }

    fn start(&mut self, container: &Container, attempt: &Attempt) {
        if self.is_container_busy(&container.name) {
            return;
        }
        // Made for another pause container or another image, it is of no use any more.
        if !self.observed.is_current(attempt) || intent::is_changed(container, attempt) {
            return self.remove(attempt.id.clone());
        }
        if self.observed.sandbox.running().is_some() && !self.is_busy(&Target::Sandbox) {
            self.act(Action::Start { container: container.name.clone(), id: attempt.id.clone() });
        }
    }

    fn watch_over(&mut self, container: &Container, attempt: &Attempt) {
        if attempt.stopping.is_some() {
            return self.stop(container, attempt);
        }
        if let Some(cause) = self.stop_cause(container, attempt) {
            return self.act(Action::Stop { container: container.name.clone(), cause });
        }
        let hook = Target::Hook(container.name.clone());
        if attempt.post_start == Hook::Pending && !self.is_busy(&hook) {
            return self.act(Action::PostStart(container.name.clone()));
        }
        if attempt.post_start == Hook::Done {
            self.probe(container, attempt);
        }
    }

    fn stop_cause(&self, container: &Container, attempt: &Attempt) -> Option<StopCause> {
        let failed = |kind: Kind| {
            kind.of(container).is_some()
                && attempt.probes.get(&kind).is_some_and(|it| it.passed == Some(false))
        };
        let causes = [
            (!self.observed.is_current(attempt) || self.observed.sandbox.is_lost(), StopCause::SandboxLost),
            (intent::is_changed(container, attempt), StopCause::Changed),
            (attempt.post_start == Hook::Failed, StopCause::PostStart),
            (failed(Kind::Startup), StopCause::Startup),
            (failed(Kind::Liveness), StopCause::Liveness),
        ];
        causes.into_iter().find(|(holds, _)| *holds).map(|(_, cause)| cause)
    }

    /// Carries out the probes that are due.
    fn probe(&mut self, container: &Container, attempt: &Attempt) {
        let Some(since) = attempt.running_since() else { return };
        for kind in probes_of(container, attempt) {
            let target = Target::Probe(container.name.clone(), kind);
            let Some(probe) = kind.of(container).filter(|_| !self.is_busy(&target)) else { continue };
            let due = probes::due_at(probe, attempt.probes.get(&kind), since);
            if due <= self.now {
                self.act(Action::Probe { container: container.name.clone(), kind });
            } else {
                self.wake(due);
            }
        }
    }

    /// A container has ended: it is started again at once, after a wait, or not at all.
    fn follow_up(&mut self, container: &Container, role: Role, attempt: &Attempt, code: i32) {
        let number = self.number_of(container, Some(attempt));
        let rerun = role == Role::Init && !self.observed.is_current(attempt);
        if rerun || intent::is_changed(container, attempt) {
            return self.create(container, number, attempt.backoff);
        }
        if !intent::restarts(self.spec, container, role, code) {
            return;
        }
        match restart_at(attempt) {
            Some(due) if due > self.now => {
                self.wake(due);
                self.plan.notes.push(Note::back_off(self.pod, container, attempt));
            }
            _ => self.create(container, number, next_backoff(attempt)),
        }
    }
}

impl Sandbox {
    /// Whether the pod's namespaces have gone.
    fn is_lost(&self) -> bool {
        matches!(self, Sandbox::Absent | Sandbox::Exited(_))
    }
}

fn with_role(container: &Container) -> (Container, Role) {
    let role = if api::pod::is_sidecar(container) { Role::Sidecar } else { Role::Init };
    (container.clone(), role)
}

fn is_running(attempt: &Attempt) -> bool {
    attempt.running_since().is_some()
}

/// Whether the next init container may start.
fn has_passed(attempt: &Attempt, container: &Container, role: Role, view: &View<'_>) -> bool {
    let current = view.observed.is_current(attempt);
    match role {
        Role::Sidecar => current && crate::status::has_started(container, attempt),
        _ => current && attempt.exit().is_some_and(|exit| exit.code == 0),
    }
}

/// The probes that apply now: until the startup probe has succeeded, it is the only one, and after that it rests.
fn probes_of(container: &Container, attempt: &Attempt) -> impl Iterator<Item = Kind> {
    let startup = container.startup_probe.is_some();
    let started = !startup || attempt.probes.get(&Kind::Startup).is_some_and(|it| it.passed == Some(true));
    Kind::ALL.into_iter().filter(move |kind| (*kind == Kind::Startup) != started)
}

fn remembered_number(pod: &api::k8s::api::core::v1::Pod, container: &str) -> u32 {
    let Some(status) = &pod.status else { return 0 };
    let lists =
        [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    let mut all = lists.into_iter().flatten().flatten();
    let last = all.find(|it| it.name == container && it.container_id.is_some());
    last.map_or(0, |it| u32::try_from(it.restart_count).unwrap_or(0) + 1)
}
