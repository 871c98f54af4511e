//! What is wrong with amounts of resources.

use crate::field::{Error, Errors, Path};
use crate::pod::{aggregate_requests, is_pod_level};
use crate::quantity::{Amount, Format, amount};
use crate::validation::common::all;
use crate::validation::names;
use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

type Quantities = BTreeMap<String, Quantity>;

/// Requests and limits of a container.
pub(super) fn of_container(errors: &mut Errors, path: &Path, own: &ResourceRequirements) {
    requirements(errors, path, own, container_resource);
}

/// Requests and limits of a pod, which its containers share (KEP-2837).
pub(super) fn of_pod(errors: &mut Errors, path: &Path, own: &ResourceRequirements, spec: &PodSpec) {
    if own.claims.is_some() {
        let detail = "claims cannot be set for Resources at pod-level";
        errors.push(Error::forbidden(&path.child("claims"), detail));
    }
    requirements(errors, path, own, pod_resource);
    for (resource, sum) in aggregate_requests(spec) {
        let Some(request) = own.requests.as_ref().and_then(|it| it.get(&resource)) else { continue };
        if sum > amount(request) {
            let sum = sum.written(Format::of(&request.0)).0;
            let detail = format!("must be greater than or equal to aggregate container requests of {sum}");
            let path = path.child("requests").key(&resource);
            errors.push(Error::invalid(&path, request.0.as_str(), detail));
        }
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let limits = container.resources.as_ref().and_then(|it| it.limits.as_ref());
        for (resource, limit) in limits.into_iter().flatten() {
            let Some(most) = own.limits.as_ref().and_then(|it| it.get(resource)) else { continue };
            if amount(limit) > amount(most) {
                // Upstream spells this path so.
                let path = path.child("containers").index(index).key(resource).child("limits");
                let detail = format!("must be less than or equal to pod limits of {}", most.0);
                errors.push(Error::invalid(&path, limit.0.as_str(), detail));
            }
        }
    }
}

fn requirements(
    errors: &mut Errors,
    path: &Path,
    requirements: &ResourceRequirements,
    check_name: fn(&mut Errors, &Path, &str),
) {
    let (limits, requests) = (requirements.limits.as_ref(), requirements.requests.as_ref());
    for (name, list) in [("limits", limits), ("requests", requests)] {
        for (resource, amount) in list.into_iter().flatten() {
            let path = path.child(name).key(resource);
            check_name(errors, &path, resource);
            quantity(errors, &path, resource, amount);
        }
    }
    let empty = Quantities::new();
    for (resource, request) in requests.into_iter().flatten() {
        let limit = limits.unwrap_or(&empty).get(resource);
        within_limit(errors, path, resource, request, limit);
    }
    let names = || requests.into_iter().chain(limits).flat_map(BTreeMap::keys);
    let needs_more = names().any(|it| it.starts_with("hugepages-"));
    if needs_more && !names().any(|it| it == "cpu" || it == "memory") {
        errors.push(Error::forbidden(path, "HugePages require cpu or memory"));
    }
}

fn within_limit(
    errors: &mut Errors,
    path: &Path,
    resource: &str,
    request: &Quantity,
    limit: Option<&Quantity>,
) {
    let Some(limit) = limit else {
        if !overcommits(resource) {
            let detail = "Limit must be set for non overcommitable resources";
            errors.push(Error::required(&path.child("limits"), detail));
        }
        return;
    };
    let path = path.child("requests");
    if !overcommits(resource) && amount(request) != amount(limit) {
        let detail = format!("must be equal to {resource} limit of {}", limit.0);
        errors.push(Error::invalid(&path, request.0.as_str(), detail));
    } else if amount(request) > amount(limit) {
        let detail = format!("must be less than or equal to {resource} limit of {}", limit.0);
        errors.push(Error::invalid(&path, request.0.as_str(), detail));
    }
}

/// Amounts that are not those of a container, such as a node's or a volume's.
pub(crate) fn resource_list(errors: &mut Errors, path: &Path, list: Option<&Quantities>) {
    for (resource, amount) in list.into_iter().flatten() {
        resource_name(errors, &path.key(resource), resource);
        quantity(errors, &path.key(resource), resource, amount);
    }
}

/// The name of a resource: one of the standard ones, or a name with a domain.
pub(crate) fn resource_name(errors: &mut Errors, path: &Path, resource: &str) {
    let messages = names::qualified_name(resource);
    let good = messages.is_empty();
    all(errors, path, resource, messages);
    if good && !resource.contains('/') && !is_standard(resource) {
        let detail = "must be a standard resource type or fully qualified";
        errors.push(Error::invalid(path, resource, detail));
    }
}

/// The name of a resource that a container can ask for.
pub(crate) fn container_resource(errors: &mut Errors, path: &Path, resource: &str) {
    resource_name(errors, path, resource);
    if !resource.contains('/') && !is_of_container(resource) {
        errors.push(Error::invalid(path, resource, "must be a standard resource for containers"));
    }
}

fn pod_resource(errors: &mut Errors, path: &Path, resource: &str) {
    if !is_pod_level(resource) {
        errors.push(Error::not_supported(path, resource, &["cpu", "hugepages-", "memory"]));
    }
}

fn is_of_container(resource: &str) -> bool {
    is_pod_level(resource) || resource == "ephemeral-storage"
}

fn is_standard(resource: &str) -> bool {
    is_of_container(resource)
        || resource.starts_with("requests.")
        || resource.starts_with("limits.")
        || resource.starts_with("count/")
        || resource == "storage"
        || is_counted(resource)
}

/// What a quota counts, in whole objects.
fn is_counted(resource: &str) -> bool {
    matches!(
        resource,
        "pods"
            | "services"
            | "replicationcontrollers"
            | "resourcequotas"
            | "secrets"
            | "configmaps"
            | "persistentvolumeclaims"
            | "services.nodeports"
            | "services.loadbalancers"
    )
}

/// Whether more may be limited to than there is.
pub(crate) fn overcommits(resource: &str) -> bool {
    !resource.starts_with("hugepages-") && (!resource.contains('/') || resource.contains("kubernetes.io/"))
}

/// How much there is of a resource: never less than nothing, and of some things a whole number.
pub(crate) fn quantity(errors: &mut Errors, path: &Path, resource: &str, quantity: &Quantity) {
    let Ok(amount) = Amount::parse(&quantity.0) else {
        errors.push(Error::invalid(path, quantity.0.as_str(), crate::quantity::ParseError.to_string()));
        return;
    };
    if amount.is_negative() {
        errors.push(Error::invalid(path, quantity.0.as_str(), "must be greater than or equal to 0"));
    }
    if (!overcommits(resource) || is_counted(resource)) && !amount.is_whole() {
        errors.push(Error::invalid(path, quantity.0.as_str(), "must be an integer"));
    }
}
