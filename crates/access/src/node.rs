//! What a node agent may touch: its own node, its own pods, and what these refer to.
//!
//! Start at [`NodeAuthorizer::authorize`]. It follows upstream's page on node authorization and decides over a
//! [`NodeView`], which knows the pods; [`index::NodeIndex`] is one, fed by watch events.
//!
//! Upstream leaves part of the narrowing to its NodeRestriction admission plugin. Here the authorizer does what can be
//! told without the body: a node changes only its own node object, and the status of its own pods. What the body says
//! (labels of the node, whom a token is bound to, that a pod is only a mirror) is for admission.

pub mod index;

use crate::attributes::{Attributes, ResourceTarget, Target};
use crate::bootstrap::node_rules;
use crate::identity::NODES;
use crate::rbac::{Decision, rule};
use api::k8s::api::rbac::v1::PolicyRule;

/// The namespace of the nodes' heartbeats.
pub const LEASES: &str = "kube-node-lease";

/// What a node has to do with objects. The names are plurals, as in a request.
pub trait NodeView {
    /// Whether the pod is bound to the node.
    fn runs_pod(&self, node: &str, namespace: &str, pod: &str) -> bool;
    /// Whether a pod on the node refers to the object, itself or through a claim.
    fn uses(&self, node: &str, reference: Reference<'_>) -> bool;
}

/// An object that pods refer to; namespace and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the kind of that name")]
pub enum Reference<'a> {
    Secret(&'a str, &'a str),
    ConfigMap(&'a str, &'a str),
    ServiceAccount(&'a str, &'a str),
    PersistentVolumeClaim(&'a str, &'a str),
    PersistentVolume(&'a str),
}

/// Decides for node agents; has no opinion on anybody else.
#[derive(Clone, Debug)]
pub struct NodeAuthorizer {
    /// What every node may do with resources that are not narrowed.
    rules: Vec<PolicyRule>,
}

impl Default for NodeAuthorizer {
    fn default() -> Self {
        Self { rules: node_rules() }
    }
}

impl NodeAuthorizer {
    /// Whether a node agent may. The reasons of a refusal name the limit, as upstream's do.
    pub fn authorize(&self, view: &impl NodeView, attributes: &Attributes<'_>) -> Decision {
        if !attributes.user.is_in(NODES) {
            return Decision::no_opinion("");
        }
        let Some(node) = attributes.user.node_name() else {
            return Decision::no_opinion(format!("unknown node for user {:?}", attributes.user.name));
        };
        let Target::Resource(target) = &attributes.target else { return Decision::no_opinion("") };
        let request = Request { view, node, verb: attributes.verb, target };
        match (target.group, target.resource) {
            ("", "secrets") => request.read(Reference::Secret(target.namespace, target.name)),
            ("", "configmaps") => request.read(Reference::ConfigMap(target.namespace, target.name)),
            ("", "persistentvolumeclaims") => request.claim(),
            ("", "persistentvolumes") => request.get(Reference::PersistentVolume(target.name)),
            ("", "serviceaccounts") => request.token(),
            ("", "nodes") => request.node(),
            ("", "pods") => request.pod(),
            ("coordination.k8s.io", "leases") => request.lease(),
            ("storage.k8s.io", "csinodes") => request.csi_node(),
            // Nothing tells yet which attachment is whose.
            ("storage.k8s.io", "volumeattachments") => {
                Decision::no_opinion("can only get individual resources of this type")
            }
            _ if self.rules.iter().any(|it| rule::allows(it, attributes)) => Decision::allow(),
            _ => Decision::no_opinion(""),
        }
    }
}

/// One request of a node, with the view to judge it by.
struct Request<'a, V> {
    view: &'a V,
    node: &'a str,
    verb: &'a str,
    target: &'a ResourceTarget<'a>,
}

impl<V: NodeView> Request<'_, V> {
    /// Reading single objects; a list or watch counts as one when it selects the name.
    fn read(&self, reference: Reference<'_>) -> Decision {
        if !matches!(self.verb, "get" | "list" | "watch") {
            return Decision::no_opinion("can only read resources of this type");
        }
        if !self.target.subresource.is_empty() {
            return Decision::no_opinion("cannot read subresource");
        }
        if self.target.namespace.is_empty() {
            return Decision::no_opinion("can only read namespaced object of this type");
        }
        self.related(reference)
    }

    fn get(&self, reference: Reference<'_>) -> Decision {
        if self.verb != "get" {
            return Decision::no_opinion("can only get individual resources of this type");
        }
        if !self.target.subresource.is_empty() {
            return Decision::no_opinion("cannot get subresource");
        }
        self.related(reference)
    }

    fn claim(&self) -> Decision {
        let reference = Reference::PersistentVolumeClaim(self.target.namespace, self.target.name);
        match (self.target.subresource, self.verb) {
            ("status", "get" | "update" | "patch") => self.related(reference),
            ("status", _) => Decision::no_opinion("can only get/update/patch this type"),
            _ => self.get(reference),
        }
    }

    fn token(&self) -> Decision {
        if self.verb != "create" || self.target.name.is_empty() {
            return Decision::no_opinion("can only create tokens for individual service accounts");
        }
        if self.target.subresource != "token" {
            return Decision::no_opinion("can only create token subresource of serviceaccount");
        }
        self.related(Reference::ServiceAccount(self.target.namespace, self.target.name))
    }

    fn related(&self, reference: Reference<'_>) -> Decision {
        if self.target.name.is_empty() {
            return Decision::no_opinion("No Object name found");
        }
        if self.view.uses(self.node, reference) { Decision::allow() } else { self.unrelated() }
    }

    fn unrelated(&self) -> Decision {
        Decision::no_opinion(format!("no relationship found between node '{}' and this object", self.node))
    }

    fn node(&self) -> Decision {
        let own = self.target.name == self.node;
        match (self.target.subresource, self.verb) {
            // The name is in the body; admission compares it.
            ("", "create") => Decision::allow(),
            ("", "get" | "list" | "watch" | "update" | "patch") | ("status", "get" | "update" | "patch")
                if own =>
            {
                Decision::allow()
            }
            ("", "get" | "list" | "watch") => Decision::no_opinion(format!(
                "node '{}' cannot read all nodes, only its own Node object",
                self.node
            )),
            _ => Decision::no_opinion("can only access the node of the same name as the requesting node"),
        }
    }

    fn pod(&self) -> Decision {
        let (namespace, name) = (self.target.namespace, self.target.name);
        match (self.target.subresource, self.verb) {
            // What it may look like is told by its body.
            ("", "create") => Decision::allow(),
            ("", "list" | "watch") if self.target.selected("spec.nodeName") == Some(self.node) => {
                Decision::allow()
            }
            ("", "list" | "watch") => {
                Decision::no_opinion("can only list/watch pods with spec.nodeName field selector")
            }
            ("", "get" | "delete") | ("status", "get" | "update" | "patch") | ("eviction", "create") => {
                if self.view.runs_pod(self.node, namespace, name) {
                    Decision::allow()
                } else {
                    self.unrelated()
                }
            }
            _ => Decision::no_opinion(""),
        }
    }

    fn lease(&self) -> Decision {
        if !matches!(self.verb, "get" | "create" | "update" | "patch" | "delete") {
            return Decision::no_opinion("can only get, create, update, patch, or delete a node lease");
        }
        if self.target.namespace != LEASES {
            return Decision::no_opinion(format!(
                "can only access leases in the {LEASES:?} system namespace"
            ));
        }
        self.same_name("can only access node lease with the same name as the requesting node")
    }

    fn csi_node(&self) -> Decision {
        if !matches!(self.verb, "get" | "create" | "update" | "patch" | "delete") {
            return Decision::no_opinion("can only get, create, update, patch, or delete a CSINode");
        }
        self.same_name("can only access CSINode with the same name as the requesting node")
    }

    /// On create the name is in the body; admission compares it.
    fn same_name(&self, otherwise: &str) -> Decision {
        if !self.target.subresource.is_empty() {
            return Decision::no_opinion("cannot access subresources of this type");
        }
        if self.verb == "create" || self.target.name == self.node {
            Decision::allow()
        } else {
            Decision::no_opinion(otherwise)
        }
    }
}

#[cfg(test)]
mod tests;
