//! What is wrong with a pod, or with the template of one.
//!
//! Start at [`spec`]. Parts have files of their own; [`update`] says what of a pod may change.

mod container;
mod env;
mod platform;
mod probe;
mod resize;
mod resources;
mod scheduling;
mod security;
#[cfg(test)]
mod tests;
pub mod update;
mod volume;

pub use resize::validate_resize;
pub(crate) use resources::{container_resource, overcommits, quantity, resource_list, resource_name};
pub(crate) use scheduling::{EFFECTS, node_selector, tolerations};
pub(crate) use volume::{host_path, nfs};

use crate::field::{Error, Errors, Path};
use crate::validation::common::{
    all, all_of_number, not_negative, one_of, optional, optional_one_of, required,
};
use crate::validation::{meta, names};
use k8s_openapi::api::core::v1::{Container, Pod, PodDNSConfig, PodSpec, PodTemplateSpec};
use std::collections::BTreeSet;

const MOST_SECONDS: i64 = i32::MAX as i64;

/// Where a pod's spec stands: a template leaves some of its fields to the pods that are made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pod,
    Template,
}

/// What is wrong with a pod besides its metadata.
pub fn validate(pod: &Pod) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    match &pod.spec {
        Some(pod_spec) => spec(&mut errors, &path, pod_spec, Place::Pod),
        None => errors.push(Error::required(&path.child("containers"), "")),
    }
    errors
}

/// What is wrong with a new pod: its `ephemeralcontainers` come later, by the subresource of that name, and so does
/// the node of a pod that is gated.
pub(crate) fn validate_create(pod: &Pod) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let Some(spec) = &pod.spec else { return errors };
    if spec.ephemeral_containers.as_ref().is_some_and(|it| !it.is_empty()) {
        errors.push(Error::forbidden(&path.child("ephemeralContainers"), "cannot be set on create"));
    }
    let gated = spec.scheduling_gates.as_ref().is_some_and(|it| !it.is_empty());
    if gated && spec.node_name.as_ref().is_some_and(|it| !it.is_empty()) {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(Error::forbidden(&path.child("nodeName"), detail));
    }
    errors
}

/// What is wrong with the template of a workload.
pub(crate) fn template(errors: &mut Errors, path: &Path, template: &PodTemplateSpec) {
    if let Some(metadata) = &template.metadata {
        let path = path.child("metadata");
        meta::labels(errors, &path.child("labels"), metadata.labels.as_ref());
        meta::annotations(errors, &path.child("annotations"), metadata.annotations.as_ref());
    }
    let path = path.child("spec");
    let Some(pod_spec) = &template.spec else {
        errors.push(Error::required(&path.child("containers"), ""));
        return;
    };
    spec(errors, &path, pod_spec, Place::Template);
    if pod_spec.ephemeral_containers.as_ref().is_some_and(|it| !it.is_empty()) {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(Error::forbidden(&path.child("ephemeralContainers"), detail));
    }
}

/// What is wrong with a pod's spec.
fn spec(errors: &mut Errors, path: &Path, spec: &PodSpec, place: Place) {
    let volumes =
        volume::volumes(errors, &path.child("volumes"), spec.volumes.as_deref().unwrap_or_default());
    containers(errors, path, spec, &volumes);
    let policies = ["Always", "OnFailure", "Never"];
    one_of(errors, &path.child("restartPolicy"), spec.restart_policy.as_deref(), &policies);
    let dns_policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(errors, &path.child("dnsPolicy"), spec.dns_policy.as_deref(), &dns_policies);
    let preemption = ["PreemptLowerPriority", "Never"];
    optional_one_of(errors, &path.child("preemptionPolicy"), spec.preemption_policy.as_deref(), &preemption);
    platform::platform(errors, path, spec, place);
    for (name, value) in [
        ("nodeName", &spec.node_name),
        ("serviceAccountName", &spec.service_account_name),
        ("priorityClassName", &spec.priority_class_name),
        ("runtimeClassName", &spec.runtime_class_name),
    ] {
        optional(errors, &path.child(name), value.as_deref(), names::dns_subdomain);
    }
    optional(errors, &path.child("schedulerName"), spec.scheduler_name.as_deref(), names::qualified_name);
    optional(errors, &path.child("hostname"), spec.hostname.as_deref(), names::dns_label);
    optional(errors, &path.child("subdomain"), spec.subdomain.as_deref(), names::dns_label);
    if let Some(seconds) = spec.active_deadline_seconds {
        let messages = names::in_range(seconds, 1, MOST_SECONDS);
        all_of_number(errors, &path.child("activeDeadlineSeconds"), seconds, messages);
    }
    let grace = path.child("terminationGracePeriodSeconds");
    not_negative(errors, &grace, spec.termination_grace_period_seconds);
    dns(errors, &path.child("dnsConfig"), spec);
    host_aliases(errors, &path.child("hostAliases"), spec);
    scheduling::scheduling(errors, path, spec);
    security::of_pod(errors, &path.child("securityContext"), spec);
    resource_list(errors, &path.child("overhead"), spec.overhead.as_ref());
    if let Some(own) = &spec.resources {
        resources::of_pod(errors, &path.child("resources"), own, spec);
    }
}

fn containers(errors: &mut Errors, path: &Path, spec: &PodSpec, volumes: &BTreeSet<String>) {
    if spec.containers.is_empty() {
        errors.push(Error::required(&path.child("containers"), ""));
    }
    let mut context = container::Context { volumes, spec, names: BTreeSet::new() };
    container::regular(errors, &path.child("containers"), &spec.containers, &mut context);
    let init: &[Container] = spec.init_containers.as_deref().unwrap_or_default();
    container::init(errors, &path.child("initContainers"), init, &mut context);
    let ephemeral = spec.ephemeral_containers.as_deref().unwrap_or_default();
    container::ephemeral(errors, &path.child("ephemeralContainers"), ephemeral, &mut context);
}

fn dns(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    let nameservers = spec.dns_config.as_ref().and_then(|it| it.nameservers.as_deref()).unwrap_or_default();
    if spec.dns_policy.as_deref() == Some("None") && nameservers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        errors.push(Error::required(&path.child("nameservers"), detail));
    }
    let Some(PodDNSConfig { searches, options, .. }) = &spec.dns_config else { return };
    if nameservers.len() > 3 {
        errors.push(Error::too_many(&path.child("nameservers"), nameservers.len(), 3));
    }
    for (index, address) in nameservers.iter().enumerate() {
        all(errors, &path.child("nameservers").index(index), address, names::ip(address));
    }
    let searches = searches.as_deref().unwrap_or_default();
    if searches.len() > 32 {
        errors.push(Error::too_many(&path.child("searches"), searches.len(), 32));
    }
    for (index, domain) in searches.iter().enumerate().filter(|(_, it)| it.as_str() != ".") {
        let plain = domain.strip_suffix('.').unwrap_or(domain).replace('_', "-");
        all(
            errors,
            &path.child("searches").index(index),
            domain,
            names::dns_subdomain(plain.trim_matches('-')),
        );
    }
    for (index, option) in options.iter().flatten().enumerate() {
        if option.name.as_deref().is_none_or(str::is_empty) {
            errors.push(Error::required(&path.child("options").index(index), "must not be empty"));
        }
    }
}

fn host_aliases(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        all(errors, &path.index(index).child("ip"), &alias.ip, names::ip(&alias.ip));
        for (at, name) in alias.hostnames.iter().flatten().enumerate() {
            all(errors, &path.index(index).child("hostnames").index(at), name, names::dns_subdomain(name));
        }
    }
}

/// A path that stays below the directory it starts from.
fn local_path(errors: &mut Errors, path: &Path, value: &str) {
    if value.starts_with('/') {
        errors.push(Error::invalid(path, value, "must be a relative path"));
    }
    no_backsteps(errors, path, value);
}

fn no_backsteps(errors: &mut Errors, path: &Path, value: &str) {
    if value.split('/').any(|it| it == "..") {
        errors.push(Error::invalid(path, value, "must not contain '..'"));
    }
}

fn required_text(errors: &mut Errors, path: &Path, value: Option<&str>) {
    if value.is_none_or(str::is_empty) {
        errors.push(Error::required(path, ""));
    }
}

fn required_name(errors: &mut Errors, path: &Path, value: &str) {
    required(errors, path, value, names::dns_label);
}
