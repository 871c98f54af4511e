//! Nobody gives rights that they do not have: roles may hold, and bindings may grant, only what their author holds,
//! unless the author may `escalate` or `bind`.
//!
//! Upstream: "Privilege escalation prevention and bootstrapping" of the RBAC page.

use super::{Attempt, Operation, Plugin, View};
use access::rbac::cover;
use access::{Attributes, ResourceTarget};
use api::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef};
use api::{ApiError, Object};

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
        if let Some(rules) = rules_of(object) {
            return check(attempt, view, rules, "escalate", own_target(attempt));
        }
        let Some(role) = role_of(object) else { return Ok(()) };
        let rights = view.state.rights.roles();
        let rules = rights.rules_of_role(&attempt.key.namespace, role).unwrap_or_default();
        let plural = if role.kind == "Role" { "roles" } else { "clusterroles" };
        let target = ResourceTarget { resource: plural, name: &role.name, ..own_target(attempt) };
        check(attempt, view, rules, "bind", target)
    }
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

/// Refuses unless the author holds all of the rules, or may use the verb that lifts this.
fn check(
    attempt: &Attempt<'_>,
    view: &View<'_>,
    rules: &[PolicyRule],
    lifting: &str,
    target: ResourceTarget<'_>,
) -> Result<(), ApiError> {
    let rights = view.state.rights.roles();
    if rights.authorize(&Attributes::resource(attempt.user, lifting, target)).is_allowed() {
        return Ok(());
    }
    let held = rights.rules_for(attempt.user, &attempt.key.namespace);
    let missing = cover::missing(&held.rules, rules);
    if missing.is_empty() {
        return Ok(());
    }
    Err(attempt.forbidden(&cover::refusal(attempt.user, &held, &missing)))
}
