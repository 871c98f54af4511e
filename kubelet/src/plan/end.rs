//! A pod that ends: containers first, then sidecars from last to first, then the pause container, and when it was
//! deleted everything else.

use api::k8s::api::core::v1::Container;

use crate::{
    container_runtime::ContainerId,
    observed::{End, StopCause, Target, Volumes},
};

use super::{Action, View};

impl View<'_> {
    /// The pod's work is over: dead containers stay for those who read their logs.
    pub(super) fn finish(&mut self) {
        if self.stop_all() {
            self.remove_sandbox();
        }
    }

    /// The pod was deleted: in the end nothing is left, and the API is told.
    pub(super) fn terminate(&mut self) {
        if !self.stop_all() {
            return;
        }
        match self.observed.end {
            End::Open => self.act(Action::Settle),
            End::Gone | End::Settled => self.clear(),
            End::Told => {}
        }
    }

    fn clear(&mut self) {
        self.remove_sandbox();
        let remains: Vec<ContainerId> = self.observed.all().map(|it| it.id.clone()).collect();
        for id in remains {
            self.remove(id);
        }
        if self.has_remains() || !self.observed.busy.is_empty() {
            return;
        }
        let (target, action) = match self.observed.volumes {
            Volumes::Removed => (Target::Object, Action::DeleteObject),
            Volumes::Missing | Volumes::Ready { .. } => (Target::Volumes, Action::RemoveVolumes),
        };
        if !self.waits(&target, None) {
            self.act(action);
        }
    }

    fn has_remains(&self) -> bool {
        let observed = self.observed;
        observed.all().next().is_some() || observed.sandbox.id().is_some() || !observed.stale.is_empty()
    }

    fn remove_sandbox(&mut self) {
        if let Some(id) = self.observed.sandbox.id().filter(|_| !self.is_busy(&Target::Sandbox)) {
            self.remove(id.clone());
        }
    }

    /// Takes the stopping of all containers one step further; whether all have ended.
    fn stop_all(&mut self) -> bool {
        let (mut sidecars, mut first): (Vec<Container>, Vec<Container>) =
            self.spec.init_containers.iter().flatten().cloned().partition(api::pod::is_sidecar);
        first.extend(self.late().map(|(container, _)| container));
        if !self.stop_each(first.iter()) {
            return false;
        }
        sidecars.reverse();
        sidecars.iter().all(|it| self.stop_each(std::iter::once(it)))
    }

    /// Stops each of these containers; whether none of them runs or is about to.
    fn stop_each<'c>(&mut self, containers: impl Iterator<Item = &'c Container>) -> bool {
        let mut ended = true;
        for container in containers {
            ended &= self.stop_one(container);
        }
        ended
    }

    fn stop_one(&mut self, container: &Container) -> bool {
        let running = self.observed.latest(&container.name).filter(|it| it.running_since().is_some());
        match running {
            None => return !self.is_container_busy(&container.name),
            Some(attempt) if attempt.stopping.is_some() => self.stop(container, attempt),
            Some(_) => {
                let cause = StopCause::PodEnds;
                self.act(Action::Stop { container: container.name.clone(), cause });
            }
        }
        false
    }
}
