//! What is wrong with amounts of resources.

use crate::field::{Error, Errors, Path};
use crate::quantity::{Amount, amount};
use crate::validation::common::all;
use crate::validation::names;
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

type Quantities = BTreeMap<String, Quantity>;

/// Requests and limits of a container or a pod.
pub(super) fn requirements(errors: &mut Errors, path: &Path, requirements: &ResourceRequirements) {
    let (limits, requests) = (requirements.limits.as_ref(), requirements.requests.as_ref());
    for (name, list) in [("limits", limits), ("requests", requests)] {
        for (resource, quantity) in list.into_iter().flatten() {
            let path = path.child(name).key(resource);
            container_resource(errors, &path, resource);
            check_quantity(errors, &path, resource, quantity);
        }
    }
    let empty = Quantities::new();
    let path = path.child("requests");
    for (resource, request) in requests.into_iter().flatten() {
        match limits.unwrap_or(&empty).get(resource) {
            Some(limit) => {
                let extended = !overcommits(resource);
                if extended && amount(request) != amount(limit) {
                    let detail = format!("must be equal to {resource} limit of {}", limit.0);
                    errors.push(Error::invalid(&path, request.0.as_str(), detail));
                } else if amount(request) > amount(limit) {
                    let detail = format!("must be less than or equal to {resource} limit of {}", limit.0);
                    errors.push(Error::invalid(&path, request.0.as_str(), detail));
                }
            }
            None if !overcommits(resource) => {
                errors.push(Error::required(
                    &path.key(resource),
                    "Limit must be set for non overcommitable resources",
                ));
            }
            None => {}
        }
    }
}

/// Amounts that are not those of a container, such as a node's or a volume's.
pub(crate) fn resource_list(errors: &mut Errors, path: &Path, list: Option<&Quantities>) {
    for (resource, quantity) in list.into_iter().flatten() {
        resource_name(errors, &path.key(resource), resource);
        check_quantity(errors, &path.key(resource), resource, quantity);
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

fn container_resource(errors: &mut Errors, path: &Path, resource: &str) {
    let before = errors.len();
    resource_name(errors, path, resource);
    if errors.len() == before && !resource.contains('/') && !is_of_container(resource) {
        errors.push(Error::invalid(path, resource, "must be a standard resource for containers"));
    }
}

fn is_of_container(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory" | "ephemeral-storage") || resource.starts_with("hugepages-")
}

fn is_standard(resource: &str) -> bool {
    is_of_container(resource)
        || resource.starts_with("requests.")
        || resource.starts_with("limits.")
        || resource.starts_with("count/")
        || matches!(
            resource,
            "storage"
                | "pods"
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
fn overcommits(resource: &str) -> bool {
    !resource.starts_with("hugepages-") && (!resource.contains('/') || resource.contains("kubernetes.io/"))
}

fn check_quantity(errors: &mut Errors, path: &Path, resource: &str, quantity: &Quantity) {
    let Ok(amount) = Amount::parse(&quantity.0) else {
        errors.push(Error::invalid(path, quantity.0.as_str(), crate::quantity::ParseError.to_string()));
        return;
    };
    if amount.is_negative() {
        errors.push(Error::invalid(path, quantity.0.as_str(), "must be greater than or equal to 0"));
    }
    if !overcommits(resource) && !amount.is_whole() {
        errors.push(Error::invalid(path, quantity.0.as_str(), "must be an integer"));
    }
}
