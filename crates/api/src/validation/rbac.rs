//! What is wrong with roles and their bindings.

use crate::field::{Error, Errors, Path};
use crate::strategies::rbac::GROUP;
use crate::validation::common::{all, label_selector, shown};
use crate::validation::names;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role, RoleRef, Subject};

/// What is wrong with a Role.
pub fn role(role: &Role) -> Errors {
    let mut errors = Errors::new();
    for (index, it) in role.rules.iter().flatten().enumerate() {
        let path = Path::new("rules").index(index);
        rule(&mut errors, &path, it);
        if it.non_resource_urls.as_ref().is_some_and(|it| !it.is_empty()) {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            let path = path.child("nonResourceURLs");
            errors.push(Error::invalid(&path, shown(&it.non_resource_urls), detail));
        }
    }
    errors
}

/// What is wrong with a ClusterRole.
pub fn cluster_role(role: &ClusterRole) -> Errors {
    let mut errors = Errors::new();
    for (index, it) in role.rules.iter().flatten().enumerate() {
        rule(&mut errors, &Path::new("rules").index(index), it);
    }
    if let Some(aggregation) = &role.aggregation_rule {
        let path = Path::new("aggregationRule").child("clusterRoleSelectors");
        let selectors = aggregation.cluster_role_selectors.as_deref().unwrap_or_default();
        if selectors.is_empty() {
            let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
            errors.push(Error::required(&path, detail));
        }
        for (index, selector) in selectors.iter().enumerate() {
            label_selector(&mut errors, &path.index(index), selector);
        }
    }
    errors
}

fn rule(errors: &mut Errors, path: &Path, rule: &PolicyRule) {
    let has = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|it| !it.is_empty());
    if rule.verbs.is_empty() {
        errors.push(Error::required(&path.child("verbs"), "verbs must contain at least one value"));
    }
    if has(&rule.non_resource_urls) {
        if has(&rule.api_groups) || has(&rule.resources) || has(&rule.resource_names) {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            let path = path.child("nonResourceURLs");
            errors.push(Error::invalid(&path, shown(&rule.non_resource_urls), detail));
        }
        return;
    }
    if !has(&rule.api_groups) {
        let detail = "resource rules must supply at least one api group";
        errors.push(Error::required(&path.child("apiGroups"), detail));
    }
    if !has(&rule.resources) {
        let detail = "resource rules must supply at least one resource";
        errors.push(Error::required(&path.child("resources"), detail));
    }
}

/// What is wrong with a binding; `kinds` are those of the roles it may name.
pub(crate) fn binding(role: &RoleRef, subjects: Option<&[Subject]>, kinds: &[&str]) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("roleRef"));
    let group = role.api_group.as_deref().unwrap_or_default();
    if group != GROUP {
        errors.push(Error::not_supported(&path.child("apiGroup"), group, &[GROUP]));
    }
    if !kinds.contains(&role.kind.as_str()) {
        errors.push(Error::not_supported(&path.child("kind"), role.kind.as_str(), kinds));
    }
    match role.name.as_str() {
        "" => errors.push(Error::required(&path.child("name"), "")),
        name => all(&mut errors, &path.child("name"), name, names::path_segment(name)),
    }
    for (index, it) in subjects.into_iter().flatten().enumerate() {
        subject(&mut errors, &Path::new("subjects").index(index), it);
    }
    errors
}

fn subject(errors: &mut Errors, path: &Path, subject: &Subject) {
    let group = subject.api_group.as_deref().unwrap_or_default();
    if subject.name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    match subject.kind.as_str() {
        "ServiceAccount" => {
            if !subject.name.is_empty() {
                all(errors, &path.child("name"), &subject.name, names::dns_subdomain(&subject.name));
            }
            if !group.is_empty() {
                errors.push(Error::not_supported(&path.child("apiGroup"), group, &[""]));
            }
            if subject.namespace.as_deref().is_none_or(str::is_empty) {
                errors.push(Error::required(&path.child("namespace"), ""));
            }
        }
        "User" | "Group" if group != GROUP => {
            errors.push(Error::not_supported(&path.child("apiGroup"), group, &[GROUP]));
        }
        "User" | "Group" => {}
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(Error::not_supported(&path.child("kind"), other, &kinds));
        }
    }
}

/// What is wrong with a change of a binding.
pub(crate) fn binding_update(new: &RoleRef, old: &RoleRef) -> Errors {
    if new == old {
        return Errors::new();
    }
    vec![Error::invalid(&Path::new("roleRef"), shown(new), "cannot change roleRef")]
}
