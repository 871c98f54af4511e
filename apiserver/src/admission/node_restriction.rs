//! What node agents may write, as far as it takes the body to tell; the rest is the node authorizer's (`access::node`).
//!
//! Upstream's plugin of this name. Start at [`NodeRestriction`]. A node writes only its own Node, lease and CSINode, gives
//! itself no labels or taints that steer others' pods to it, and gets tokens only for pods that run on it. Everybody but
//! node agents passes untouched. Which audiences a token may have is not looked at.

mod labels;

use super::service_account::MIRROR;
use super::{Attempt, Operation, Plugin, View};
use crate::webhooks::subject::Facts;
use access::node::{LEASES, index};
use api::k8s::api::authentication::v1::TokenRequest;
use api::k8s::api::coordination::v1::Lease;
use api::k8s::api::core::v1::{
    ConfigMap, Node, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod, PodResourceClaimStatus,
    PodSpec, Secret, ServiceAccount,
};
use api::k8s::api::storage::v1::CSINode;
use api::k8s::apimachinery::pkg::apis::meta::v1::OwnerReference;
use api::{ApiError, Kind, ObjectMeta, Resource, meta};
use std::any::Any;

/// See the module.
pub(super) struct NodeRestriction;

/// Why a node may not.
enum Refusal {
    /// The reason that follows the object's name.
    Because(String),
    /// What the decision needs is not there.
    Missing(ApiError),
}

type Verdict = Result<(), Refusal>;

fn refuse(why: impl Into<String>) -> Verdict {
    Err(Refusal::Because(why.into()))
}

impl Refusal {
    fn about(self, kind: Kind, name: &str) -> ApiError {
        match self {
            Self::Because(why) => ApiError::forbidden(kind.row(), name, &why),
            Self::Missing(error) => error,
        }
    }
}

impl Plugin for NodeRestriction {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        judge(attempt, view)
    }

    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        // Deletes have no first phase.
        if attempt.operation == Operation::Delete { judge(attempt, view) } else { Ok(()) }
    }

    fn posted(&self, facts: &Facts<'_>, sent: &dyn Any, view: &View<'_>) -> Result<(), ApiError> {
        let Some(node) = facts.user.node_name().filter(|_| facts.operation == Operation::Create) else {
            return Ok(());
        };
        let verdict = match facts.subresource {
            "eviction" if facts.resource == Pod::KIND => eviction(node, facts, view),
            other if facts.resource == Pod::KIND => below_pod(other),
            "token" if facts.resource == ServiceAccount::KIND => token(node, facts, sent, view),
            _ => Ok(()),
        };
        verdict.map_err(|it| it.about(facts.resource, facts.name))
    }
}

fn judge(attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
    let Some(node) = attempt.user.node_name() else { return Ok(()) };
    let (kind, name) = (attempt.kind, attempt.key.name.as_str());
    let verdict = match attempt.subresource {
        "" if kind == Pod::KIND => pod(node, attempt, view),
        "status" if kind == Pod::KIND => pod_status(node, attempt),
        other if kind == Pod::KIND => below_pod(other),
        "status" if kind == PersistentVolumeClaim::KIND => claim_status(node, attempt),
        _ if kind == PersistentVolumeClaim::KIND => refuse("may only update PVC status"),
        _ if kind == Node::KIND => own_node(node, attempt),
        _ if kind == Lease::KIND && attempt.key.namespace != LEASES => {
            refuse(format!("can only access leases in the {LEASES:?} system namespace"))
        }
        _ if kind == Lease::KIND && name != node => {
            refuse("can only access node lease with the same name as the requesting node")
        }
        _ if kind == CSINode::KIND && name != node => {
            refuse("can only access CSINode with the same name as the requesting node")
        }
        _ => Ok(()),
    };
    verdict.map_err(|it| it.about(kind, name))
}

/// The object as it will be.
fn new<'a, K: Resource>(attempt: &'a Attempt<'_>) -> Option<&'a K> {
    attempt.object.as_deref()?.get()
}

/// The object as it is.
fn old<'a, K: Resource>(attempt: &'a Attempt<'_>) -> Option<&'a K> {
    attempt.old?.get()
}

fn runs_on(pod: Option<&Pod>, node: &str) -> bool {
    pod.and_then(|it| it.spec.as_ref()?.node_name.as_deref()) == Some(node)
}

fn below_pod(subresource: &str) -> Verdict {
    refuse(format!("unexpected pod subresource {subresource:?}, only 'status' and 'eviction' are allowed"))
}

fn pod(node: &str, attempt: &Attempt<'_>, view: &View<'_>) -> Verdict {
    match attempt.operation {
        Operation::Create => new::<Pod>(attempt).map_or(Ok(()), |pod| mirror(node, pod, view)),
        Operation::Delete if runs_on(old(attempt), node) => Ok(()),
        Operation::Delete => {
            refuse(format!("node {node:?} can only delete pods with spec.nodeName set to itself"))
        }
        other => refuse(format!(
            "unexpected operation {:?}, node {node:?} can only create and delete mirror pods",
            other.name()
        )),
    }
}

/// A pod that stands for one of the node's own manifests: owned by the node, and reading nothing from the API.
fn mirror(node: &str, pod: &Pod, view: &View<'_>) -> Verdict {
    if meta::annotation(&pod.metadata, MIRROR).is_none() {
        return refuse(format!(
            "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
        ));
    }
    if !runs_on(Some(pod), node) {
        return refuse(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
    }
    owned(node, pod.metadata.owner_references.as_deref().unwrap_or_default(), view)?;
    pod.spec.as_ref().map_or(Ok(()), |spec| needs_nothing(node, spec))
}

fn owned(node: &str, owners: &[OwnerReference], view: &View<'_>) -> Verdict {
    let only = |what: &str| refuse(format!("node {node:?} can only create pods with {what} set to itself"));
    let owner = match owners {
        [] => return only("an owner reference"),
        [owner] => owner,
        _ => return only("a single owner reference"),
    };
    if (owner.api_version.as_str(), owner.kind.as_str(), owner.name.as_str()) != ("v1", "Node", node) {
        return only("an owner reference");
    }
    if owner.controller != Some(true) {
        return only("a controller owner reference");
    }
    if owner.block_owner_deletion == Some(true) {
        return refuse(format!("node {node:?} must not set blockOwnerDeletion on an owner reference"));
    }
    let found = view.object::<Node>("", node).map_err(Refusal::Missing)?;
    let found = found.ok_or_else(|| Refusal::Missing(ApiError::not_found(Node::KIND.row(), node)))?;
    let uid = api::owner::uid(&found);
    if owner.uid == uid {
        return Ok(());
    }
    refuse(format!("node {node} UID mismatch: expected {} got {uid}", owner.uid))
}

/// A node must not gain rights by running a pod of its own making.
fn needs_nothing(node: &str, spec: &PodSpec) -> Verdict {
    let kinds = index::kinds_used(spec);
    let forbidden = [
        (ServiceAccount::KIND, "a service account"),
        (Secret::KIND, "secrets"),
        (ConfigMap::KIND, "configmaps"),
        (PersistentVolumeClaim::KIND, "persistentvolumeclaims"),
    ];
    let projected = spec.volumes.iter().flatten().filter_map(|it| it.projected.as_ref());
    let mut sources = projected.flat_map(|it| it.sources.iter().flatten());
    let bundles = sources.any(|it| it.cluster_trust_bundle.is_some());
    let used = forbidden.iter().find(|(kind, _)| kinds.contains(kind)).map(|(_, what)| *what);
    match used.or(bundles.then_some("clustertrustbundles")) {
        Some(what) => refuse(format!("node {node:?} can not create pods that reference {what}")),
        None => Ok(()),
    }
}

fn pod_status(node: &str, attempt: &Attempt<'_>) -> Verdict {
    let (Some(old), Some(new)) = (old::<Pod>(attempt), new::<Pod>(attempt)) else {
        return refuse(format!("unexpected operation {:?}", attempt.operation.name()));
    };
    if !runs_on(Some(old), node) {
        return refuse(format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        ));
    }
    if !labels::modified(&new.metadata, &old.metadata).is_empty() {
        return refuse(format!("node {node:?} cannot update labels through pod status"));
    }
    if resource_claims(old) != resource_claims(new) {
        return refuse(format!("node {node:?} cannot update resource claim statues"));
    }
    Ok(())
}

fn resource_claims(pod: &Pod) -> &[PodResourceClaimStatus] {
    pod.status.as_ref().and_then(|it| it.resource_claim_statuses.as_deref()).unwrap_or_default()
}

fn eviction(node: &str, facts: &Facts<'_>, view: &View<'_>) -> Verdict {
    let found = view.object::<Pod>(facts.namespace, facts.name).map_err(Refusal::Missing)?;
    let missing = || Refusal::Missing(ApiError::not_found(Pod::KIND.row(), facts.name));
    if runs_on(found.ok_or_else(missing)?.get(), node) {
        return Ok(());
    }
    refuse(format!("node {node} can only evict pods with spec.nodeName set to itself"))
}

/// Nodes resize volumes, and say so in a claim's status; nothing else of a claim is theirs.
fn claim_status(node: &str, attempt: &Attempt<'_>) -> Verdict {
    let (Some(old), Some(new)) = (old(attempt), new(attempt)) else {
        return refuse(format!("unexpected operation {:?}", attempt.operation.name()));
    };
    if others(old) == others(new) {
        return Ok(());
    }
    refuse(format!(
        "node {node:?} is not allowed to update fields other than status.capacity and status.conditions"
    ))
}

/// What of a claim is not the nodes'.
fn others(claim: &PersistentVolumeClaim) -> PersistentVolumeClaim {
    let mut claim = claim.clone();
    claim.metadata.resource_version = None;
    claim.metadata.managed_fields = None;
    let status = claim.status.take().unwrap_or_default();
    claim.status = Some(PersistentVolumeClaimStatus {
        capacity: None,
        conditions: None,
        allocated_resource_statuses: None,
        allocated_resources: None,
        ..status
    });
    claim
}

fn own_node(node: &str, attempt: &Attempt<'_>) -> Verdict {
    let asked = attempt.key.name.as_str();
    if asked != node {
        return refuse(format!("node {node:?} is not allowed to modify node {asked:?}"));
    }
    match (new::<Node>(attempt), old::<Node>(attempt)) {
        (Some(new), None) => registration(node, new),
        (Some(new), Some(old)) => node_update(node, new, old),
        _ => Ok(()),
    }
}

fn registration(node: &str, new: &Node) -> Verdict {
    if new.spec.as_ref().is_some_and(|it| it.config_source.is_some()) {
        return refuse(format!("node {node:?} is not allowed to create pods with a non-nil configSource"));
    }
    let nothing = ObjectMeta::default();
    let forbidden = labels::forbidden(&labels::modified(&new.metadata, &nothing));
    if forbidden.is_empty() {
        return Ok(());
    }
    refuse(format!("node {node:?} is not allowed to set the following labels: {}", forbidden.join(", ")))
}

fn node_update(node: &str, new: &Node, old: &Node) -> Verdict {
    let source = |node: &Node| node.spec.as_ref().and_then(|it| it.config_source.clone());
    if source(new).is_some() && source(new) != source(old) {
        return refuse(format!(
            "node {node:?} is not allowed to update configSource to a new non-nil configSource"
        ));
    }
    let taints = |node: &Node| node.spec.as_ref().and_then(|it| it.taints.clone()).unwrap_or_default();
    if taints(new) != taints(old) {
        return refuse(format!("node {node:?} is not allowed to modify taints"));
    }
    let forbidden = labels::forbidden(&labels::modified(&new.metadata, &old.metadata));
    if forbidden.is_empty() {
        return Ok(());
    }
    refuse(format!("is not allowed to modify labels: {}", forbidden.join(", ")))
}

/// A token must end with a pod that runs on the node.
fn token(node: &str, facts: &Facts<'_>, sent: &dyn Any, view: &View<'_>) -> Verdict {
    let spec = sent.downcast_ref::<TokenRequest>().and_then(|it| it.spec.as_ref());
    let reference = spec
        .and_then(|it| it.bound_object_ref.as_ref())
        .filter(|it| (it.api_version.as_deref(), it.kind.as_deref()) == (Some("v1"), Some("Pod")));
    let name = reference.and_then(|it| it.name.as_deref()).filter(|it| !it.is_empty());
    let Some(name) = name else { return refuse("node requested token not bound to a pod") };
    let uid = reference.and_then(|it| it.uid.as_deref()).filter(|it| !it.is_empty());
    let Some(uid) = uid else { return refuse("node requested token with a pod binding without a uid") };
    let found = view.object::<Pod>(facts.namespace, name).map_err(Refusal::Missing)?;
    let found = found.ok_or_else(|| Refusal::Missing(ApiError::not_found(Pod::KIND.row(), name)))?;
    if api::owner::uid(&found) != uid {
        return refuse(format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have \
             been deleted and then recreated"
        ));
    }
    if runs_on(found.get(), node) {
        return Ok(());
    }
    refuse("node requested token bound to a pod scheduled on a different node")
}
