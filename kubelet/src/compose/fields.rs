//! The downward API: fields and resources of a pod as text, for variables and files alike.

use std::{collections::BTreeMap, net::IpAddr};

use api::{
    k8s::api::core::v1::{Container, Pod, PodSpec, ResourceFieldSelector},
    pod::{self, Amounts},
    quantity::{Amount, amount},
};

use super::amount_of;

/// A reference to something that a pod does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// No such field.
    #[error("unsupported fieldPath: {0}")]
    Path(String),
    /// No such container.
    #[error("container {0} not found")]
    Container(String),
    /// No such resource.
    #[error("unsupported container resource : {0}")]
    Resource(String),
}

/// A field of the pod as text.
pub fn field_text(pod: &Pod, path: &str, node: &[IpAddr], own: &[IpAddr]) -> Result<String, FieldError> {
    let (meta, empty) = (&pod.metadata, PodSpec::default());
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    if let Some((map, key)) = subscript(path) {
        let map = match map {
            "metadata.labels" => &meta.labels,
            "metadata.annotations" => &meta.annotations,
            _ => return Err(FieldError::Path(path.to_owned())),
        };
        return Ok(map.as_ref().and_then(|it| it.get(key)).cloned().unwrap_or_default());
    }
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => lines(meta.labels.as_ref()),
        "metadata.annotations" => lines(meta.annotations.as_ref()),
        "spec.nodeName" => text(&spec.node_name),
        "spec.serviceAccountName" => text(&spec.service_account_name),
        "status.hostIP" => first(node),
        "status.hostIPs" => joined(node),
        "status.podIP" => first(own),
        "status.podIPs" => joined(own),
        _ => return Err(FieldError::Path(path.to_owned())),
    })
}

/// `metadata.labels['key']` in its two parts.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['")
}

fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines = map.into_iter().flatten().map(|(key, value)| format!("{key}={value:?}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn first(addresses: &[IpAddr]) -> String {
    addresses.first().map(ToString::to_string).unwrap_or_default()
}

fn joined(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A resource of a container as text: rounded up to whole multiples of the divisor. A limit that the container does not
/// have is what the node can give.
pub fn resource_text(
    spec: &PodSpec,
    own: Option<&Container>,
    reference: &ResourceFieldSelector,
    allocatable: &Amounts,
) -> Result<String, FieldError> {
    let named = reference.container_name.as_deref().filter(|it| !it.is_empty());
    let container = match named {
        None => own,
        Some(name) => {
            spec.init_containers.iter().flatten().chain(&spec.containers).find(|it| it.name == name)
        }
    };
    let container = container.ok_or_else(|| FieldError::Container(named.unwrap_or_default().to_owned()))?;
    let (of, resource) =
        reference.resource.split_once('.').ok_or_else(|| FieldError::Resource(reference.resource.clone()))?;
    let value = match of {
        "limits" => amount_of(&pod::container_limits(container), resource)
            .filter(|it| *it > Amount::default())
            .or_else(|| amount_of(allocatable, resource)),
        "requests" => amount_of(&pod::container_requests(container), resource),
        _ => return Err(FieldError::Resource(reference.resource.clone())),
    };
    let divisor = reference.divisor.as_ref().map(amount).filter(|it| *it > Amount::default());
    Ok(divided(value.unwrap_or_default(), divisor.unwrap_or(Amount::whole(1)), resource).to_string())
}

/// CPU is divided in thousandths, everything else in units, as upstream does.
fn divided(value: Amount, divisor: Amount, resource: &str) -> i64 {
    let (value, divisor) = match resource {
        "cpu" => (value.milli_value(), divisor.milli_value()),
        _ => (value.value(), divisor.value()),
    };
    value.div_euclid(divisor.max(1)) + i64::from(value.rem_euclid(divisor.max(1)) != 0)
}
