//! Nobody gives rights that they do not have: roles may hold, and bindings may grant, only what their author holds,
//! unless the author may `escalate` or `bind`.
//!
//! Upstream: "Privilege escalation prevention and bootstrapping" of the RBAC page.

use super::{Attempt, Operation, Plugin, View};
use access::rbac::{UserRules, cover};
use access::{Attributes, ResourceTarget};
use api::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef};
use api::{ApiError, Object, Resource};

/// See the module.
pub(super) struct Escalation;

impl Plugin for Escalation {
    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(object) = attempt.object.as_deref().filter(|_| attempt.operation != Operation::Delete)
        else {
            return Ok(());
        };
        if attempt.kind.row().group != "rbac.authorization.k8s.io" || attempt.old == Some(object) {
            return Ok(());
        }
        match role_of(object) {
            None => check_role(attempt, view, object),
            Some(role) => check_binding(attempt, view, role),
        }
    }
}

/// A role may hold no more than its author does; one that gathers rules may come to hold anything.
fn check_role(attempt: &Attempt<'_>, view: &View<'_>, object: &Object) -> Result<(), ApiError> {
    let Some(rules) = rules_of(object) else { return Ok(()) };
    if is_lifted(attempt, view, "escalate", own_target(attempt)) {
        return Ok(());
    }
    check_held(attempt, view, rules)?;
    let gathers = gathers(object) || attempt.old.is_some_and(gathers);
    if gathers && !cover::covers(&held(attempt, view).rules, &cover::everything()) {
        return Err(attempt.forbidden("must have cluster-admin privileges to use the aggregationRule"));
    }
    Ok(())
}

/// A binding may grant no more than its author has. What a role that is not there will hold, nobody knows.
fn check_binding(attempt: &Attempt<'_>, view: &View<'_>, role: &RoleRef) -> Result<(), ApiError> {
    let (row, plural) = match role.kind.as_str() {
        "Role" => (Role::KIND.row(), "roles"),
        _ => (ClusterRole::KIND.row(), "clusterroles"),
    };
    let target = ResourceTarget { resource: plural, name: &role.name, ..own_target(attempt) };
    if is_lifted(attempt, view, "bind", target) {
        return Ok(());
    }
    let rights = view.state.rights.roles();
    let rules = rights.rules_of_role(&attempt.key.namespace, role);
    check_held(attempt, view, rules.ok_or_else(|| ApiError::not_found(row, &role.name))?)
}

fn gathers(object: &Object) -> bool {
    let rule = object.get::<ClusterRole>().and_then(|it| it.aggregation_rule.as_ref());
    rule.and_then(|it| it.cluster_role_selectors.as_ref()).is_some_and(|it| !it.is_empty())
}

fn own_target<'a>(attempt: &'a Attempt<'_>) -> ResourceTarget<'a> {
    let row = attempt.kind.row();
    ResourceTarget::of(row.group, row.version, row.plural)
        .in_namespace(&attempt.key.namespace)
        .named(&attempt.key.name)
}

fn rules_of(object: &Object) -> Option<&[PolicyRule]> {
    let rules = match (object.get::<Role>(), object.get::<ClusterRole>()) {
        (Some(role), _) => &role.rules,
        (_, Some(role)) => &role.rules,
        _ => return None,
    };
    Some(rules.as_deref().unwrap_or_default())
}

fn role_of(object: &Object) -> Option<&RoleRef> {
    let binding = object.get::<RoleBinding>().map(|it| &it.role_ref);
    binding.or_else(|| object.get::<ClusterRoleBinding>().map(|it| &it.role_ref))
}

/// Whether the author may do this whatever they hold.
fn is_lifted(attempt: &Attempt<'_>, view: &View<'_>, verb: &str, target: ResourceTarget<'_>) -> bool {
    let attributes = Attributes::resource(attempt.user, verb, target);
    view.state.rights.roles().authorize(&attributes).is_allowed()
}

/// What the author holds where the object is.
fn held(attempt: &Attempt<'_>, view: &View<'_>) -> UserRules {
    view.state.rights.roles().rules_for(attempt.user, &attempt.key.namespace)
}

/// Refuses unless the author holds all of the rules.
fn check_held(attempt: &Attempt<'_>, view: &View<'_>, rules: &[PolicyRule]) -> Result<(), ApiError> {
    let held = held(attempt, view);
    let missing = cover::missing(&held.rules, rules);
    if missing.is_empty() {
        return Ok(());
    }
    Err(attempt.forbidden(&cover::refusal(attempt.user, &held, &missing)))
}
