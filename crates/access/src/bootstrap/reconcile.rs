//! Bringing an existing default object up to date without taking away what somebody added.

use super::AUTOUPDATE;
use crate::rbac::cover;
use api::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject};
use api::{Object, ObjectMeta};

/// The object to write in place of `existing` so that it grants at least what `default` does; `None` when nothing is
/// missing, or when its `autoupdate` annotation says `false`. Rules and subjects that somebody added stay.
///
/// A binding's role cannot be changed: a default binding that somebody points elsewhere is left alone.
pub fn reconciled(existing: &Object, default: &Object) -> Option<Object> {
    let annotations = existing.meta().annotations.as_ref();
    if annotations.and_then(|it| it.get(AUTOUPDATE)).is_some_and(|it| it == "false") {
        return None;
    }
    let mut updated = existing.clone();
    complete_meta(updated.meta_mut(), default.meta());
    complete_spec(&mut updated, default);
    (updated != *existing).then_some(updated)
}

fn complete_meta(meta: &mut ObjectMeta, default: &ObjectMeta) {
    for (key, value) in default.labels.iter().flatten() {
        meta.labels.get_or_insert_default().insert(key.clone(), value.clone());
    }
    for (key, value) in default.annotations.iter().flatten() {
        meta.annotations.get_or_insert_default().insert(key.clone(), value.clone());
    }
}

fn complete_spec(object: &mut Object, default: &Object) {
    if let Some((role, default)) = object.get_mut::<Role>().zip(default.get::<Role>()) {
        complete_rules(&mut role.rules, default.rules.as_deref());
    } else if let Some((role, default)) = object.get_mut::<ClusterRole>().zip(default.get::<ClusterRole>()) {
        complete_cluster_role(role, default);
    } else if let Some((it, default)) = object.get_mut::<RoleBinding>().zip(default.get::<RoleBinding>()) {
        if it.role_ref == default.role_ref {
            complete_subjects(&mut it.subjects, default.subjects.as_deref());
        }
    } else if let Some((it, default)) =
        object.get_mut::<ClusterRoleBinding>().zip(default.get::<ClusterRoleBinding>())
        && it.role_ref == default.role_ref
    {
        complete_subjects(&mut it.subjects, default.subjects.as_deref());
    }
}

/// The rules of an aggregated role are the aggregation controller's; here only its selectors are completed.
fn complete_cluster_role(role: &mut ClusterRole, default: &ClusterRole) {
    let Some(aggregation) = &default.aggregation_rule else {
        return complete_rules(&mut role.rules, default.rules.as_deref());
    };
    let own = role.aggregation_rule.get_or_insert_default().cluster_role_selectors.get_or_insert_default();
    for selector in aggregation.cluster_role_selectors.iter().flatten() {
        if !own.contains(selector) {
            own.push(selector.clone());
        }
    }
}

fn complete_rules(rules: &mut Option<Vec<PolicyRule>>, default: Option<&[PolicyRule]>) {
    for rule in default.unwrap_or_default() {
        if !cover::covers(rules.as_deref().unwrap_or_default(), std::slice::from_ref(rule)) {
            rules.get_or_insert_default().push(rule.clone());
        }
    }
}

fn complete_subjects(subjects: &mut Option<Vec<Subject>>, default: Option<&[Subject]>) {
    for subject in default.unwrap_or_default() {
        if !subjects.iter().flatten().any(|it| same_subject(it, subject)) {
            subjects.get_or_insert_default().push(subject.clone());
        }
    }
}

/// The API group of a subject follows from its kind and may be left out.
fn same_subject(one: &Subject, other: &Subject) -> bool {
    (&one.kind, &one.name, &one.namespace) == (&other.kind, &other.name, &other.namespace)
}
