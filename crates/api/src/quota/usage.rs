//! What one object uses.

use super::count::{SERVICE, claim_of_class, count_name, is_counted_by_plural};
use super::{Usage, add, zero};
use crate::object::Object;
use crate::pod;
use crate::quantity::{self, Amount, Format};
use crate::resources::Kind;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, Pod, PodSpec, Service};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::time::Duration;

/// What an object uses, whether or not some quota asks for it.
pub fn usage(object: &Object, now: Timestamp) -> Usage {
    let mut usage = of_number(object.kind(), 1);
    if let Some(pod) = object.get::<Pod>() {
        usage.extend(of_pod(pod, now));
    } else if let Some(service) = object.get::<Service>() {
        usage.extend(of_service(service));
    } else if let Some(claim) = object.get::<PersistentVolumeClaim>() {
        usage.extend(of_claim(claim));
    }
    usage
}

/// What so many objects use by being there.
pub(super) fn of_number(kind: Kind, number: usize) -> Usage {
    let number = whole(number);
    let mut usage = Usage::from([(count_name(kind), number.clone())]);
    if is_counted_by_plural(kind) {
        usage.insert(kind.row().plural.to_owned(), number);
    }
    usage
}

fn whole(number: usize) -> Quantity {
    Amount::whole(i64::try_from(number).unwrap_or(i64::MAX)).written(Format::Decimal)
}

/// What a pod uses while it may run: its place and its share of machines.
fn of_pod(pod: &Pod, now: Timestamp) -> Usage {
    let Some(spec) = pod.spec.as_ref().filter(|_| !is_over(pod, now)) else { return Usage::new() };
    let mut usage = Usage::from([("pods".to_owned(), whole(1))]);
    let written = |name: &str, it: Amount| it.written(format_of(spec, name));
    for (name, amount) in pod::requests(spec) {
        let quantity = written(&name, amount);
        add_request(&mut usage, &name, quantity);
    }
    for (name, amount) in pod::limits(spec) {
        let quantity = written(&name, amount);
        add_limit(&mut usage, &name, quantity);
    }
    usage
}

/// Whether a pod will never run again, or should be gone by now.
fn is_over(pod: &Pod, now: Timestamp) -> bool {
    let grace = pod.metadata.deletion_grace_period_seconds;
    let late = pod.metadata.deletion_timestamp.as_ref().zip(grace).is_some_and(|(since, grace)| {
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        since.0.checked_add(grace).is_ok_and(|until| now > until)
    });
    late || pod::is_finished(pod)
}

fn is_computed(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage")
}

/// Requests count by their own name and by `requests.` before it; those of extended resources by the latter only.
fn add_request(usage: &mut Usage, name: &str, quantity: Quantity) {
    if is_computed(name) || name.starts_with("hugepages-") {
        usage.insert(name.to_owned(), quantity.clone());
    } else if is_native(name) {
        return;
    }
    usage.insert(format!("requests.{name}"), quantity);
}

fn add_limit(usage: &mut Usage, name: &str, quantity: Quantity) {
    if is_computed(name) {
        usage.insert(format!("limits.{name}"), quantity);
    }
}

/// Whether Kubernetes itself knows the resource, as opposed to some device's vendor.
pub(super) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// How the pod writes a resource where it first does.
fn format_of(spec: &PodSpec, name: &str) -> Format {
    let resources = spec.resources.iter().chain(containers(spec).filter_map(|it| it.resources.as_ref()));
    let mut lists = resources.flat_map(|it| [it.requests.as_ref(), it.limits.as_ref()]).flatten();
    lists.find_map(|it| it.get(name)).map(|it| Format::of(&it.0)).unwrap_or_default()
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.containers.iter().chain(spec.init_containers.iter().flatten())
}

/// What one container names, by the names of quotas: which of them it must name is for quotas to say.
pub(super) fn of_container(container: &Container) -> Usage {
    let mut usage = Usage::new();
    let resources = container.resources.clone().unwrap_or_default();
    for (name, quantity) in resources.requests.unwrap_or_default() {
        add_request(&mut usage, &name, quantity);
    }
    for (name, quantity) in resources.limits.unwrap_or_default() {
        add_limit(&mut usage, &name, quantity);
    }
    usage
}

fn of_service(service: &Service) -> Usage {
    let spec = service.spec.clone().unwrap_or_default();
    let ports = spec.ports.unwrap_or_default();
    let given = ports.iter().filter(|it| it.node_port.unwrap_or(0) != 0).count();
    let (node_ports, balancers) = match spec.type_.as_deref() {
        Some("NodePort") => (ports.len(), 0),
        Some("LoadBalancer") if spec.allocate_load_balancer_node_ports == Some(false) => (given, 1),
        Some("LoadBalancer") => (ports.len(), 1),
        _ => (0, 0),
    };
    let named = |name: &str, number| (format!("{SERVICE}.{name}"), whole(number));
    Usage::from([named("nodeports", node_ports), named("loadbalancers", balancers)])
}

/// A claim counts once for the namespace and once for its storage class.
fn of_claim(claim: &PersistentVolumeClaim) -> Usage {
    let spec = claim.spec.clone().unwrap_or_default();
    let storage = requested(claim).unwrap_or_else(zero);
    let mut usage = Usage::from([("requests.storage".to_owned(), storage.clone())]);
    let old = crate::meta::annotation(&claim.metadata, "volume.beta.kubernetes.io/storage-class");
    let class = old.map(str::to_owned).or(spec.storage_class_name);
    if let Some(class) = class.filter(|it| !it.is_empty()) {
        let own = [("requests.storage", storage), ("persistentvolumeclaims", whole(1))];
        let own = own.into_iter().map(|(name, it)| (claim_of_class(&class, name), it)).collect();
        add(&mut usage, &own);
    }
    usage
}

/// What is asked for, or what a change that has begun already took.
fn requested(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let asked = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get("storage")?;
    let taken = claim.status.as_ref().and_then(|it| it.allocated_resources.as_ref()?.get("storage"));
    let more = taken.filter(|it| quantity::amount(it) > quantity::amount(asked));
    Some(more.unwrap_or(asked).clone())
}
