//! `describe`: an object with everything around it, in words.
//!
//! Start at [`describe`], which chooses by kind; a kind without a description of its own is shown field by field.
//! Objects stay trees, so that fields of newer servers do no harm. What a description needs beyond the object comes
//! in as [`Around`], gathered by the command.

mod access;
mod config;
mod container;
mod events;
mod generic;
mod node;
mod pod;
mod service;
mod text;
mod volume;
mod workload;

pub(crate) use events::last_seen;

#[cfg(test)]
mod tests;

use super::tabs::{DETAILS, align};
use crate::resolve::Resource;
use jiff::Timestamp;
use serde_json::Value;
use text::Text;

/// What belongs to an object and stands elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// The object's events; none when they are not wanted.
    pub(crate) events: Option<Vec<Value>>,
    /// Pods of a workload or a node.
    pub(crate) pods: Vec<Value>,
    /// Replica sets of a deployment.
    pub(crate) replica_sets: Vec<Value>,
    /// Endpoint slices of a service.
    pub(crate) endpoint_slices: Vec<Value>,
    /// Quotas of a namespace.
    pub(crate) quotas: Vec<Value>,
    /// Limit ranges of a namespace.
    pub(crate) limits: Vec<Value>,
    /// The lease of a node.
    pub(crate) lease: Option<Value>,
}

/// The aligned text.
pub(crate) fn describe(resource: &Resource, object: &Value, around: &Around, now: Timestamp) -> String {
    let mut text = Text::default();
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod::pod(&mut text, object, now),
        ("", "Node") => node::node(&mut text, object, around, now),
        ("", "Service") => service::service(&mut text, object, around),
        ("", "Endpoints") => service::old_endpoints(&mut text, object),
        ("", "ConfigMap") => config::config_map(&mut text, object),
        ("", "Secret") => config::secret(&mut text, object),
        ("", "ServiceAccount") => access::service_account(&mut text, object),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => access::role(&mut text, object),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            access::binding(&mut text, object)
        }
        ("", "Namespace") => config::namespace(&mut text, object, around),
        ("", "PersistentVolumeClaim") => volume::claim(&mut text, object, around),
        ("", "PersistentVolume") => volume::persistent_volume(&mut text, object),
        ("apps", "Deployment") => workload::deployment(&mut text, object, around),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            workload::replica_set(&mut text, object, around)
        }
        ("apps", "StatefulSet") => workload::stateful_set(&mut text, object, around),
        ("apps", "DaemonSet") => workload::daemon_set(&mut text, object, around),
        ("batch", "Job") => workload::job(&mut text, object),
        ("batch", "CronJob") => workload::cron_job(&mut text, object),
        _ => generic::generic(&mut text, object),
    }
    if let Some(list) = around.events.as_ref().filter(|_| has_events(resource)) {
        events::events(&mut text, list, now);
    }
    align(&text.into_string(), DETAILS)
}

/// Kinds that nothing happens to are shown without events.
fn has_events(resource: &Resource) -> bool {
    let silent = ["Secret", "Namespace", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];
    !silent.contains(&resource.kind.as_str())
}

/// The aligned text of a pod template.
pub(crate) fn template_text(template: &Value) -> String {
    let mut text = Text::default();
    pod::template(&mut text, template);
    align(&text.into_string(), DETAILS)
}
