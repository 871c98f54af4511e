//! Which objects a quota looks at.

use crate::object::Object;
use crate::pod;
use k8s_openapi::api::core::v1::{
    Affinity, PersistentVolumeClaim, Pod, PodAffinityTerm, PodSpec, ResourceQuota,
    ScopedResourceSelectorRequirement as Requirement, WeightedPodAffinityTerm,
};

/// Whether a quota looks at some objects only.
pub(super) fn is_scoped(quota: &ResourceQuota) -> bool {
    !requirements(quota).is_empty()
}

/// Whether an object is in all of the quota's scopes. Scopes are about pods, but for one that is about claims.
pub fn fits(quota: &ResourceQuota, object: &Object) -> bool {
    requirements(quota).iter().all(|it| match (object.get::<Pod>(), object.get::<PersistentVolumeClaim>()) {
        (Some(pod), _) => is_in(it, pod.spec.as_ref().unwrap_or(&PodSpec::default())),
        (_, Some(claim)) if it.scope_name == "VolumeAttributesClass" => {
            let class = claim.spec.as_ref().and_then(|it| it.volume_attributes_class_name.as_deref());
            selects(it, class.unwrap_or_default())
        }
        _ => false,
    })
}

/// The scopes in both their forms.
fn requirements(quota: &ResourceQuota) -> Vec<Requirement> {
    let Some(spec) = &quota.spec else { return Vec::new() };
    let plain = spec.scopes.iter().flatten().map(|name| Requirement {
        scope_name: name.clone(),
        operator: "Exists".to_owned(),
        values: None,
    });
    let selector = spec.scope_selector.iter().flat_map(|it| it.match_expressions.iter().flatten());
    plain.chain(selector.cloned()).collect()
}

fn is_in(requirement: &Requirement, spec: &PodSpec) -> bool {
    let terminates = spec.active_deadline_seconds.is_some_and(|it| it >= 0);
    let best_effort = || pod::qos_class(spec) == "BestEffort";
    match requirement.scope_name.as_str() {
        "Terminating" => terminates,
        "NotTerminating" => !terminates,
        "BestEffort" => best_effort(),
        "NotBestEffort" => !best_effort(),
        "PriorityClass" => selects(requirement, spec.priority_class_name.as_deref().unwrap_or_default()),
        "CrossNamespacePodAffinity" => spec.affinity.as_ref().is_some_and(crosses_namespaces),
        _ => false,
    }
}

/// Whether a value, empty when there is none, is what the requirement asks for.
fn selects(requirement: &Requirement, value: &str) -> bool {
    let listed = requirement.values.iter().flatten().any(|it| it == value);
    match requirement.operator.as_str() {
        "Exists" => !value.is_empty(),
        "DoesNotExist" => value.is_empty(),
        "In" => !value.is_empty() && listed,
        "NotIn" => value.is_empty() || !listed,
        _ => false,
    }
}

fn crosses_namespaces(affinity: &Affinity) -> bool {
    let (near, far) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
    let weighted = |it: &WeightedPodAffinityTerm| names_namespaces(&it.pod_affinity_term);
    let required = [
        near.and_then(|it| it.required_during_scheduling_ignored_during_execution.as_ref()),
        far.and_then(|it| it.required_during_scheduling_ignored_during_execution.as_ref()),
    ];
    let preferred = [
        near.and_then(|it| it.preferred_during_scheduling_ignored_during_execution.as_ref()),
        far.and_then(|it| it.preferred_during_scheduling_ignored_during_execution.as_ref()),
    ];
    required.into_iter().flatten().flatten().any(names_namespaces)
        || preferred.into_iter().flatten().flatten().any(weighted)
}

fn names_namespaces(term: &PodAffinityTerm) -> bool {
    term.namespaces.as_ref().is_some_and(|it| !it.is_empty()) || term.namespace_selector.is_some()
}
