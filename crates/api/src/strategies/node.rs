//! How a Node behaves.

use crate::field::Errors;
use crate::strategies::cells::{NONE, UNKNOWN, or_none};
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;
use std::collections::BTreeSet;

/// See the module.
#[derive(Debug)]
pub struct NodeStrategy;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

impl Behaviour for NodeStrategy {
    type Object = Node;
    const GENERATION: bool = false;
    /// That is how agents register.
    const KEEPS_STATUS: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Status", "Whether the node is ready."),
        Column::text("Roles", "The roles of the node, by its labels."),
        Column::AGE,
        Column::text("Version", "The version of the node's agent."),
        Column::text("Internal-IP", "The node's address within the cluster.").wide(),
        Column::text("External-IP", "The node's address outside of the cluster.").wide(),
        Column::text("OS-Image", "The node's operating system.").wide(),
        Column::text("Kernel-Version", "The node's kernel.").wide(),
        Column::text("Container-Runtime", "What runs the node's containers.").wide(),
    ];
    const FIELDS: &'static [&'static str] = &["spec.unschedulable"];

    fn quantities(object: &mut Node, visit: &mut dyn FnMut(&mut Quantity)) {
        let Some(status) = &mut object.status else { return };
        quantities::list(status.capacity.as_mut(), visit);
        quantities::list(status.allocatable.as_mut(), visit);
    }

    fn set_defaults(node: &mut Node) {
        node.spec.get_or_insert_default();
        if let Some(status) = &mut node.status
            && status.allocatable.is_none()
        {
            status.allocatable.clone_from(&status.capacity);
        }
    }

    fn validate(object: &Node) -> Errors {
        crate::validation::cluster::node(object)
    }

    fn validate_update(object: &Node, old: &Node) -> Errors {
        crate::validation::cluster::node_update(object, old)
    }

    fn cells(node: &Node, now: Timestamp) -> Vec<Value> {
        let empty = NodeStatus::default();
        let status = node.status.as_ref().unwrap_or(&empty);
        let info = status.node_info.clone().unwrap_or_default();
        let known = |text: String| if text.is_empty() { UNKNOWN.to_owned() } else { text };
        let address = |type_: &str| {
            let found = status.addresses.iter().flatten().find(|it| it.type_ == type_);
            or_none(found.map(|it| it.address.as_str()))
        };
        vec![
            name_cell(&node.metadata),
            readiness(node, status).into(),
            roles(node).into(),
            age_cell(&node.metadata, now),
            info.kubelet_version.into(),
            address("InternalIP").into(),
            address("ExternalIP").into(),
            known(info.os_image).into(),
            known(info.kernel_version).into(),
            known(info.container_runtime_version).into(),
        ]
    }

    fn fields(node: &Node) -> Vec<SelectableField> {
        let unschedulable = node.spec.as_ref().and_then(|it| it.unschedulable).unwrap_or(false);
        vec![("spec.unschedulable", unschedulable.to_string())]
    }
}

fn readiness(node: &Node, status: &NodeStatus) -> String {
    let ready = status.conditions.iter().flatten().find(|it| it.type_ == "Ready");
    let mut text = match ready.map(|it| it.status.as_str()) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node.spec.as_ref().and_then(|it| it.unschedulable) == Some(true) {
        text.push_str(",SchedulingDisabled");
    }
    text
}

fn roles(node: &Node) -> String {
    let labels = node.metadata.labels.iter().flatten();
    let roles: BTreeSet<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role),
            None if key == ROLE_LABEL => Some(value.as_str()),
            None => None,
        })
        .filter(|it| !it.is_empty())
        .collect();
    if roles.is_empty() { NONE.to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}
