//! What is wrong with containers of each sort.

use super::{env, probe, required_name, resources, security};
use crate::field::{Error, Errors, Path};
use crate::pod::is_sidecar;
use crate::validation::common::{all, all_of_number, one_of, optional_one_of};
use crate::validation::names;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec, VolumeMount,
};
use std::collections::BTreeSet;

/// What a container is checked against.
pub(super) struct Context<'a> {
    pub(super) volumes: &'a BTreeSet<String>,
    pub(super) spec: &'a PodSpec,
    /// Names of the containers so far.
    pub(super) names: BTreeSet<String>,
}

pub(super) fn regular(errors: &mut Errors, path: &Path, containers: &[Container], context: &mut Context<'_>) {
    let mut taken = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        common(errors, &path, container, context);
        probe::probes(errors, &path, container);
        probe::lifecycle(errors, &path.child("lifecycle"), container.lifecycle.as_ref(), context.spec);
        host_port_conflicts(errors, &path.child("ports"), container, &mut taken);
    }
}

pub(super) fn init(errors: &mut Errors, path: &Path, containers: &[Container], context: &mut Context<'_>) {
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        common(errors, &path, container, context);
        if is_sidecar(container) {
            probe::probes(errors, &path, container);
            probe::lifecycle(errors, &path.child("lifecycle"), container.lifecycle.as_ref(), context.spec);
            continue;
        }
        let detail = "may not be set for init containers without restartPolicy=Always";
        for (name, set) in [
            ("lifecycle", container.lifecycle.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
        ] {
            if set {
                errors.push(Error::forbidden(&path.child(name), detail));
            }
        }
    }
}

pub(super) fn ephemeral(
    errors: &mut Errors,
    path: &Path,
    containers: &[EphemeralContainer],
    context: &mut Context<'_>,
) {
    let targets = context.names.clone();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        common(errors, &path, &as_container(container), context);
        let target = container.target_container_name.as_deref().filter(|it| !it.is_empty());
        if let Some(target) = target.filter(|it| !targets.contains(*it)) {
            errors.push(Error::not_found(&path.child("targetContainerName"), target));
        }
        let detail = "cannot be set for an Ephemeral Container";
        for (name, set) in [
            ("ports", container.ports.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
            ("lifecycle", container.lifecycle.is_some()),
            ("resources", container.resources.as_ref().is_some_and(|it| *it != Default::default())),
            ("resizePolicy", container.resize_policy.is_some()),
        ] {
            if set {
                errors.push(Error::forbidden(&path.child(name), detail));
            }
        }
    }
}

/// The fields that every sort of container has.
fn as_container(it: &EphemeralContainer) -> Container {
    Container {
        env: it.env.clone(),
        env_from: it.env_from.clone(),
        image: it.image.clone(),
        image_pull_policy: it.image_pull_policy.clone(),
        name: it.name.clone(),
        resources: it.resources.clone(),
        security_context: it.security_context.clone(),
        termination_message_policy: it.termination_message_policy.clone(),
        volume_mounts: it.volume_mounts.clone(),
        ..Container::default()
    }
}

fn common(errors: &mut Errors, path: &Path, container: &Container, context: &mut Context<'_>) {
    required_name(errors, &path.child("name"), &container.name);
    if !container.name.is_empty() && !context.names.insert(container.name.clone()) {
        errors.push(Error::duplicate(&path.child("name"), container.name.as_str()));
    }
    image(errors, &path.child("image"), container.image.as_deref().unwrap_or_default());
    let policies = ["Always", "IfNotPresent", "Never"];
    one_of(errors, &path.child("imagePullPolicy"), container.image_pull_policy.as_deref(), &policies);
    optional_one_of(
        errors,
        &path.child("terminationMessagePolicy"),
        container.termination_message_policy.as_deref(),
        &["File", "FallbackToLogsOnError"],
    );
    let restart = ["Always", "Never", "OnFailure"];
    optional_one_of(errors, &path.child("restartPolicy"), container.restart_policy.as_deref(), &restart);
    ports(errors, &path.child("ports"), container);
    env::variables(errors, &path.child("env"), container.env.as_deref().unwrap_or_default());
    env::sources(errors, &path.child("envFrom"), container.env_from.as_deref().unwrap_or_default());
    mounts(errors, path, container, context.volumes);
    if let Some(requirements) = &container.resources {
        resources::of_container(errors, &path.child("resources"), requirements);
    }
    let policies = container.resize_policy.as_deref().unwrap_or_default();
    resize_policy(errors, &path.child("resizePolicy"), policies, context.spec);
    if let Some(security) = &container.security_context {
        security::of_container(errors, &path.child("securityContext"), security);
    }
}

fn resize_policy(errors: &mut Errors, path: &Path, policies: &[ContainerResizePolicy], spec: &PodSpec) {
    let mut seen = BTreeSet::new();
    for (index, it) in policies.iter().enumerate() {
        if !seen.insert(&it.resource_name) {
            errors.push(Error::duplicate(&path.index(index), it.resource_name.as_str()));
        }
        one_of(errors, path, Some(&it.resource_name), &["cpu", "memory"]);
        one_of(errors, path, Some(&it.restart_policy), &["NotRequired", "RestartContainer"]);
        if spec.restart_policy.as_deref() == Some("Never") && it.restart_policy != "NotRequired" {
            let detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.push(Error::invalid(path, it.restart_policy.as_str(), detail));
        }
    }
}

fn image(errors: &mut Errors, path: &Path, image: &str) {
    if image.is_empty() {
        errors.push(Error::required(path, ""));
    } else if image.trim() != image {
        errors.push(Error::invalid(path, image, "must not have leading or trailing whitespace"));
    }
}

fn ports(errors: &mut Errors, path: &Path, container: &Container) {
    let mut seen = BTreeSet::new();
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let path = path.index(index);
        if let Some(name) = port.name.as_deref().filter(|it| !it.is_empty()) {
            let messages = names::port_name(name);
            if messages.is_empty() && !seen.insert(name) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
            all(errors, &path.child("name"), name, messages);
        }
        match port.container_port {
            0 => errors.push(Error::required(&path.child("containerPort"), "")),
            number => number_of_port(errors, &path.child("containerPort"), number),
        }
        let host_port = port.host_port.unwrap_or(0);
        if host_port != 0 {
            number_of_port(errors, &path.child("hostPort"), host_port);
        }
        one_of(errors, &path.child("protocol"), port.protocol.as_deref(), &["SCTP", "TCP", "UDP"]);
    }
}

fn number_of_port(errors: &mut Errors, path: &Path, number: i32) {
    all_of_number(errors, path, i64::from(number), names::port_number(number));
}

fn host_port_conflicts(
    errors: &mut Errors,
    path: &Path,
    container: &Container,
    taken: &mut BTreeSet<String>,
) {
    let used = |it: &&ContainerPort| it.host_port.unwrap_or(0) != 0;
    for (index, port) in container.ports.iter().flatten().enumerate().filter(|(_, it)| used(it)) {
        let address = port.host_ip.as_deref().unwrap_or_default();
        let protocol = port.protocol.as_deref().unwrap_or_default();
        let place = format!("{protocol}/{address}/{}", port.host_port.unwrap_or(0));
        if !taken.insert(place.clone()) {
            errors.push(Error::duplicate(&path.index(index).child("hostPort"), place));
        }
    }
}

fn mounts(errors: &mut Errors, path: &Path, container: &Container, volumes: &BTreeSet<String>) {
    let mut points = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let path = path.child("volumeMounts").index(index);
        if mount.name.is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        } else if !volumes.contains(&mount.name) {
            errors.push(Error::not_found(&path.child("name"), mount.name.as_str()));
        }
        if mount.mount_path.is_empty() {
            errors.push(Error::required(&path.child("mountPath"), ""));
        } else if !points.insert(mount.mount_path.as_str()) {
            errors.push(Error::invalid(
                &path.child("mountPath"),
                mount.mount_path.as_str(),
                "must be unique",
            ));
        }
        sub_paths(errors, &path, mount);
        propagation(errors, &path.child("mountPropagation"), mount, container);
    }
    for (index, device) in container.volume_devices.iter().flatten().enumerate() {
        let path = path.child("volumeDevices").index(index);
        if !volumes.contains(&device.name) {
            errors.push(Error::not_found(&path.child("name"), device.name.as_str()));
        }
        if device.device_path.is_empty() {
            errors.push(Error::required(&path.child("devicePath"), ""));
        } else if !points.insert(device.device_path.as_str()) {
            errors.push(Error::invalid(
                &path.child("devicePath"),
                device.device_path.as_str(),
                "must be unique",
            ));
        }
    }
}

fn sub_paths(errors: &mut Errors, path: &Path, mount: &VolumeMount) {
    let given = |it: &Option<String>| it.as_deref().unwrap_or_default().to_owned();
    let (plain, expanded) = (given(&mount.sub_path), given(&mount.sub_path_expr));
    for (name, value) in [("subPath", &plain), ("subPathExpr", &expanded)] {
        super::local_path(errors, &path.child(name), value);
    }
    if !plain.is_empty() && !expanded.is_empty() {
        let path = path.child("subPathExpr");
        errors.push(Error::invalid(&path, expanded, "subPathExpr and subPath are mutually exclusive"));
    }
}

fn propagation(errors: &mut Errors, path: &Path, mount: &VolumeMount, container: &Container) {
    let known = ["Bidirectional", "HostToContainer", "None"];
    optional_one_of(errors, path, mount.mount_propagation.as_deref(), &known);
    let privileged = container.security_context.as_ref().and_then(|it| it.privileged) == Some(true);
    if mount.mount_propagation.as_deref() == Some("Bidirectional") && !privileged {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(Error::forbidden(path, detail));
    }
}
