//! All containers of a pod alike, in upstream's order: init, plain, ephemeral.

use api::k8s::api::core::v1::{ContainerPort, Lifecycle, PodSpec, Probe, SecurityContext};

/// What the checks look at in a container of any sort.
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    pub(super) security: Option<&'a SecurityContext>,
    pub(super) ports: &'a [ContainerPort],
    pub(super) probes: [Option<&'a Probe>; 3],
    pub(super) lifecycle: Option<&'a Lifecycle>,
}

macro_rules! seen {
    ($it:expr) => {
        Seen {
            name: &$it.name,
            security: $it.security_context.as_ref(),
            ports: $it.ports.as_deref().unwrap_or_default(),
            probes: [$it.liveness_probe.as_ref(), $it.readiness_probe.as_ref(), $it.startup_probe.as_ref()],
            lifecycle: $it.lifecycle.as_ref(),
        }
    };
}

/// Every container.
pub(super) fn all(spec: &PodSpec) -> impl Iterator<Item = Seen<'_>> {
    let plain = spec.init_containers.iter().flatten().chain(&spec.containers).map(|it| seen!(it));
    plain.chain(spec.ephemeral_containers.iter().flatten().map(|it| seen!(it)))
}
