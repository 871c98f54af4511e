//! What is wrong with where a pod wants to go: affinity, tolerations, spreading.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{all, label_selector, one_of, optional_one_of};
use crate::validation::{meta, names};
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm,
    PodSpec, Toleration, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeSet;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
/// Effects of taints.
pub(crate) const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(super) fn scheduling(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    meta::labels(errors, &path.child("nodeSelector"), spec.node_selector.as_ref());
    if let Some(it) = &spec.affinity {
        affinity(errors, &path.child("affinity"), it);
    }
    tolerations(errors, &path.child("tolerations"), spec.tolerations.as_deref().unwrap_or_default());
    let constraints = spec.topology_spread_constraints.as_deref().unwrap_or_default();
    spreading(errors, &path.child("topologySpreadConstraints"), constraints);
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let path = path.child("readinessGates").index(index).child("conditionType");
        all(errors, &path, &gate.condition_type, names::qualified_name(&gate.condition_type));
    }
    let mut gates = BTreeSet::new();
    for (index, gate) in spec.scheduling_gates.iter().flatten().enumerate() {
        let path = path.child("schedulingGates").index(index);
        all(errors, &path, &gate.name, names::qualified_name(&gate.name));
        if !gates.insert(&gate.name) {
            errors.push(Error::duplicate(&path, gate.name.as_str()));
        }
    }
}

fn affinity(errors: &mut Errors, path: &Path, affinity: &Affinity) {
    if let Some(node) = &affinity.node_affinity {
        node_affinity(errors, &path.child("nodeAffinity"), node);
    }
    let mut pods =
        |name: &str, required: Option<&[PodAffinityTerm]>, preferred: Option<&[WeightedPodAffinityTerm]>| {
            let path = path.child(name);
            for (index, term) in required.into_iter().flatten().enumerate() {
                pod_term(errors, &path.child(REQUIRED).index(index), term);
            }
            for (index, term) in preferred.into_iter().flatten().enumerate() {
                let path = path.child(PREFERRED).index(index);
                weight(errors, &path, term.weight);
                pod_term(errors, &path.child("podAffinityTerm"), &term.pod_affinity_term);
            }
        };
    if let Some(it) = &affinity.pod_affinity {
        pods(
            "podAffinity",
            it.required_during_scheduling_ignored_during_execution.as_deref(),
            it.preferred_during_scheduling_ignored_during_execution.as_deref(),
        );
    }
    if let Some(it) = &affinity.pod_anti_affinity {
        pods(
            "podAntiAffinity",
            it.required_during_scheduling_ignored_during_execution.as_deref(),
            it.preferred_during_scheduling_ignored_during_execution.as_deref(),
        );
    }
}

fn weight(errors: &mut Errors, path: &Path, weight: i32) {
    if !(1..=100).contains(&weight) {
        errors.push(Error::invalid(&path.child("weight"), weight, "must be in the range 1-100"));
    }
}

fn pod_term(errors: &mut Errors, path: &Path, term: &PodAffinityTerm) {
    for (name, selector) in
        [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)]
    {
        if let Some(selector) = selector {
            label_selector(errors, &path.child(name), selector);
        }
    }
    for namespace in term.namespaces.iter().flatten() {
        all(errors, &path.child("namespace"), namespace, names::dns_label(namespace));
    }
    topology_key(errors, &path.child("topologyKey"), &term.topology_key);
    affinity_keys(errors, path, term);
}

/// Labels of the pod itself that others must, or must not, share with it (KEP-3633).
fn affinity_keys(errors: &mut Errors, path: &Path, term: &PodAffinityTerm) {
    for (name, keys) in
        [("matchLabelKeys", &term.match_label_keys), ("mismatchLabelKeys", &term.mismatch_label_keys)]
    {
        label_keys(errors, &path.child(name), keys.as_deref(), term.label_selector.as_ref());
    }
    for (index, key) in term.match_label_keys.iter().flatten().enumerate() {
        if term.mismatch_label_keys.iter().flatten().any(|it| it == key) {
            let path = path.child("matchLabelKeys").index(index);
            let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
            errors.push(Error::invalid(&path, key.as_str(), detail));
        }
    }
}

fn label_keys(errors: &mut Errors, path: &Path, keys: Option<&[String]>, selector: Option<&LabelSelector>) {
    let keys = keys.unwrap_or_default();
    if selector.is_none() && !keys.is_empty() {
        errors.push(Error::forbidden(path, "must not be specified when labelSelector is not set"));
        return;
    }
    for (index, key) in keys.iter().enumerate() {
        all(errors, &path.index(index), key, names::qualified_name(key));
    }
}

/// Whether a selector speaks of a label.
fn selects_by(selector: &LabelSelector, key: &str) -> bool {
    selector.match_labels.as_ref().is_some_and(|it| it.contains_key(key))
        || selector.match_expressions.iter().flatten().any(|it| it.key == key)
}

fn topology_key(errors: &mut Errors, path: &Path, key: &str) {
    match key {
        "" => errors.push(Error::required(path, "can not be empty")),
        key => all(errors, path, key, names::qualified_name(key)),
    }
}

fn node_affinity(errors: &mut Errors, path: &Path, affinity: &NodeAffinity) {
    if let Some(selector) = &affinity.required_during_scheduling_ignored_during_execution {
        node_selector(errors, &path.child(REQUIRED), selector);
    }
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten();
    for (index, term) in preferred.enumerate() {
        let path = path.child(PREFERRED).index(index);
        if term.weight <= 0 || term.weight > 100 {
            errors.push(Error::invalid(&path.child("weight"), term.weight, "must be in the range 1-100"));
        }
        node_term(errors, &path.child("preference"), &term.preference);
    }
}

/// The terms by which nodes are chosen, also those of volumes.
pub(crate) fn node_selector(errors: &mut Errors, path: &Path, selector: &NodeSelector) {
    let path = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        errors.push(Error::required(&path, "must have at least one node selector term"));
    }
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        node_term(errors, &path.index(index), term);
    }
}

fn node_term(errors: &mut Errors, path: &Path, term: &NodeSelectorTerm) {
    for (index, requirement) in term.match_expressions.iter().flatten().enumerate() {
        node_requirement(errors, &path.child("matchExpressions").index(index), requirement);
    }
    for (index, requirement) in term.match_fields.iter().flatten().enumerate() {
        let path = path.child("matchFields").index(index);
        if !matches!(requirement.operator.as_str(), "In" | "NotIn") {
            let operator = requirement.operator.as_str();
            errors.push(Error::invalid(&path.child("operator"), operator, "not a valid selector operator"));
        }
        if requirement.key != "metadata.name" {
            let detail = "not a valid field selector key";
            errors.push(Error::invalid(&path.child("key"), requirement.key.as_str(), detail));
        }
    }
}

fn node_requirement(errors: &mut Errors, path: &Path, requirement: &NodeSelectorRequirement) {
    let values = requirement.values.as_deref().unwrap_or_default();
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(Error::required(&path.child("values"), detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&path.child("values"), detail));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(Error::required(&path.child("values"), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(Error::invalid(&path.child("operator"), other, "not a valid selector operator")),
    }
    all(errors, &path.child("key"), &requirement.key, names::qualified_name(&requirement.key));
}

/// Tolerations of a pod or a runtime class.
pub(crate) fn tolerations(errors: &mut Errors, path: &Path, tolerations: &[Toleration]) {
    for (index, it) in tolerations.iter().enumerate() {
        let path = path.index(index);
        let given = |text: &Option<String>| text.as_deref().unwrap_or_default().to_owned();
        let (key, operator, value) = (given(&it.key), given(&it.operator), given(&it.value));
        if !key.is_empty() {
            all(errors, &path.child("key"), &key, names::qualified_name(&key));
        } else if operator != "Exists" {
            let detail =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(Error::invalid(&path.child("operator"), operator.as_str(), detail));
        }
        let effect = given(&it.effect);
        if it.toleration_seconds.is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.push(Error::invalid(&path.child("effect"), effect.as_str(), detail));
        }
        match operator.as_str() {
            "" | "Equal" => all(errors, &path.child("operator"), &value, names::label_value(&value)),
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                errors.push(Error::invalid(&path.child("operator"), value.as_str(), detail));
            }
            "Exists" => {}
            "Gt" | "Lt" if value.parse::<i64>().is_err() => {
                let detail = "value must be an integer when `operator` is 'Gt' or 'Lt'";
                errors.push(Error::invalid(&path.child("value"), value.as_str(), detail));
            }
            "Gt" | "Lt" => {}
            other => errors.push(Error::not_supported(
                &path.child("operator"),
                other,
                &["Equal", "Exists", "Gt", "Lt"],
            )),
        }
        optional_one_of(errors, &path.child("effect"), Some(&effect), &EFFECTS);
    }
}

fn spreading(errors: &mut Errors, path: &Path, constraints: &[TopologySpreadConstraint]) {
    let mut seen = BTreeSet::new();
    for (index, it) in constraints.iter().enumerate() {
        let path = path.index(index);
        if it.max_skew <= 0 {
            errors.push(Error::invalid(&path.child("maxSkew"), it.max_skew, "must be greater than zero"));
        }
        topology_key(errors, &path.child("topologyKey"), &it.topology_key);
        let when = ["DoNotSchedule", "ScheduleAnyway"];
        one_of(errors, &path.child("whenUnsatisfiable"), Some(&it.when_unsatisfiable), &when);
        if !seen.insert((&it.topology_key, &it.when_unsatisfiable)) {
            let both = format!("{{{}, {}}}", it.topology_key, it.when_unsatisfiable);
            errors.push(Error::duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), both));
        }
        if let Some(minimum) = it.min_domains {
            if minimum <= 0 {
                errors.push(Error::invalid(&path.child("minDomains"), minimum, "must be greater than zero"));
            }
            if it.when_unsatisfiable != "DoNotSchedule" {
                let detail = format!(
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
                    it.when_unsatisfiable
                );
                errors.push(Error::invalid(&path.child("minDomains"), minimum, detail));
            }
        }
        if let Some(selector) = &it.label_selector {
            label_selector(errors, &path.child("labelSelector"), selector);
        }
        spread_keys(errors, &path.child("matchLabelKeys"), it);
        for (name, policy) in
            [("nodeAffinityPolicy", &it.node_affinity_policy), ("nodeTaintsPolicy", &it.node_taints_policy)]
        {
            optional_one_of(errors, &path.child(name), policy.as_deref(), &["Honor", "Ignore"]);
        }
    }
}

/// Labels of the pod itself by whose values pods are counted (KEP-3243).
fn spread_keys(errors: &mut Errors, path: &Path, constraint: &TopologySpreadConstraint) {
    let (keys, selector) = (constraint.match_label_keys.as_deref(), constraint.label_selector.as_ref());
    label_keys(errors, path, keys, selector);
    for (index, key) in keys.into_iter().flatten().enumerate() {
        if selector.is_some_and(|it| selects_by(it, key)) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            errors.push(Error::invalid(&path.index(index), key.as_str(), detail));
        }
    }
}
