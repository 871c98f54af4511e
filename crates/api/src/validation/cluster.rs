//! What is wrong with the kinds that the cluster itself is made of: namespaces, nodes, leases, priorities.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::validation::common::{all, immutable, not_negative, one_of, optional_one_of};
use crate::validation::{names, pod};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use std::collections::BTreeSet;

/// The highest priority that users may give.
const HIGHEST_USER_PRIORITY: i32 = 1_000_000_000;
const SYSTEM_CLASSES: [(&str, i32); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

/// What is wrong with a Namespace's status: its phase says whether it is being deleted, and nothing else.
pub fn namespace_status(namespace: &Namespace) -> Errors {
    let phase = namespace.status.as_ref().and_then(|it| it.phase.as_deref()).unwrap_or_default();
    let (expected, detail) = match namespace.metadata.deletion_timestamp {
        None => ("Active", "may only be 'Active' if `deletionTimestamp` is empty"),
        Some(_) => ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty"),
    };
    if phase == expected {
        return Errors::new();
    }
    vec![Error::invalid(&Path::new("status").child("Phase"), phase, detail)]
}

/// What is wrong with a Node.
pub fn node(node: &Node) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let mut seen = BTreeSet::new();
    for (index, taint) in node.spec.iter().flat_map(|it| it.taints.iter().flatten()).enumerate() {
        let path = path.child("taints").index(index);
        all(&mut errors, &path.child("key"), &taint.key, names::qualified_name(&taint.key));
        let value = taint.value.as_deref().unwrap_or_default();
        all(&mut errors, &path.child("value"), value, names::label_value(value));
        one_of(&mut errors, &path.child("effect"), Some(&taint.effect), &pod::EFFECTS);
        if !seen.insert((&taint.key, &taint.effect)) {
            errors.push(Error::duplicate(&path, format!("{}:{}", taint.key, taint.effect)));
        }
    }
    for (index, range) in node.spec.iter().flat_map(|it| it.pod_cidrs.iter().flatten()).enumerate() {
        all(&mut errors, &path.child("podCIDRs").index(index), range, names::cidr(range));
    }
    if let Some(status) = &node.status {
        let path = Path::new("status");
        pod::resource_list(&mut errors, &path.child("capacity"), status.capacity.as_ref());
        pod::resource_list(&mut errors, &path.child("allocatable"), status.allocatable.as_ref());
    }
    errors
}

/// What is wrong with a change of a Node: its pod range and its provider's name stay.
pub fn node_update(new: &Node, old: &Node) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let (new, old) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    if old.pod_cidr.as_ref().is_some_and(|it| !it.is_empty()) && new.pod_cidr != old.pod_cidr {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(Error::forbidden(&path.child("podCIDRs"), detail));
    }
    if old.provider_id.as_ref().is_some_and(|it| !it.is_empty()) && new.provider_id != old.provider_id {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.push(Error::forbidden(&path.child("providerID"), detail));
    }
    errors
}

/// What is wrong with a Lease.
pub fn lease(lease: &Lease) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let Some(spec) = &lease.spec else { return errors };
    if let Some(seconds) = spec.lease_duration_seconds.filter(|it| *it <= 0) {
        errors.push(Error::invalid(&path.child("leaseDurationSeconds"), seconds, "must be greater than 0"));
    }
    not_negative(&mut errors, &path.child("leaseTransitions"), spec.lease_transitions.map(i64::from));
    errors
}

/// What is wrong with a PriorityClass.
pub fn priority_class(class: &PriorityClass) -> Errors {
    let mut errors = Errors::new();
    let (name, value) = (meta::name(&class.metadata), class.value.unwrap_or(0));
    let system = SYSTEM_CLASSES.contains(&(name, value));
    if name.starts_with("system-") && !system {
        let detail = "priority class names with 'system-' prefix are reserved for system use only";
        errors.push(Error::forbidden(&Path::new("metadata").child("name"), detail));
    } else if value > HIGHEST_USER_PRIORITY && !system {
        let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}");
        errors.push(Error::forbidden(&Path::new("value"), detail));
    }
    let policy = class.preemption_policy.as_deref();
    optional_one_of(&mut errors, &Path::new("preemptionPolicy"), policy, &["Never", "PreemptLowerPriority"]);
    errors
}

/// What is wrong with a change of a PriorityClass.
pub fn priority_class_update(new: &PriorityClass, old: &PriorityClass) -> Errors {
    let mut errors = Errors::new();
    if new.value != old.value {
        errors.push(Error::forbidden(&Path::new("value"), "may not be changed in an update."));
    }
    immutable(&mut errors, &Path::new("preemptionPolicy"), &new.preemption_policy, &old.preemption_policy);
    errors
}

/// What is wrong with a RuntimeClass.
pub fn runtime_class(class: &RuntimeClass) -> Errors {
    let mut errors = Errors::new();
    all(&mut errors, &Path::new("handler"), &class.handler, names::dns_label(&class.handler));
    if let Some(overhead) = &class.overhead {
        let path = Path::new("overhead").child("podFixed");
        pod::resource_list(&mut errors, &path, overhead.pod_fixed.as_ref());
    }
    if let Some(scheduling) = &class.scheduling {
        let path = Path::new("scheduling").child("tolerations");
        pod::tolerations(&mut errors, &path, scheduling.tolerations.as_deref().unwrap_or_default());
    }
    errors
}

/// What is wrong with a change of a RuntimeClass.
pub fn runtime_class_update(new: &RuntimeClass, old: &RuntimeClass) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("handler"), &new.handler, &old.handler);
    errors
}
