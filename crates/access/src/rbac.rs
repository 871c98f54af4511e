//! Role-based access control: who is bound to which roles, and what these allow.
//!
//! Start at [`Authorizer::authorize`]. The semantics are those of upstream's RBAC page: rules only add up, nothing
//! is denied by a rule, and what no rule allows is left to the next authorizer. [`rule`] says whether one rule
//! allows one request, [`cover`] whether rules contain other rules, [`aggregate`] builds aggregated roles.
//!
//! An [`Authorizer`] is a snapshot of persistent maps: cloning it costs nothing and an update copies a few nodes.
//! So its owner holds an `Arc<Authorizer>`, applies each watch event to a clone, and swaps the pointer.

pub mod aggregate;
mod binding;
pub mod cover;
pub mod rule;

use crate::attributes::{Attributes, Target};
use crate::identity::{MASTERS, UserInfo};
use api::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef};
use api::{Key, Object};
use binding::{Binding, Principal, RoleName};
use imbl::{OrdMap, OrdSet};
use std::sync::Arc;

/// What an authorizer says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user may.
    Allow {
        /// Which rule said so, for reviews and audit; may be empty.
        reason: String,
    },
    /// This authorizer does not allow it; without another that does, the answer is no.
    NoOpinion {
        /// What went wrong on the way, such as a role that does not exist; usually empty.
        reason: String,
    },
}

impl Decision {
    /// Whether the user may.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// The reason, of either answer.
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow { reason } | Self::NoOpinion { reason } => reason,
        }
    }

    /// Asks another authorizer when this one has no opinion; what went wrong in both is kept.
    pub fn or_else(self, next: impl FnOnce() -> Self) -> Self {
        let Self::NoOpinion { reason: first } = self else { return self };
        match next() {
            Self::NoOpinion { reason } => Self::NoOpinion { reason: joined(&[first, reason]) },
            allow => allow,
        }
    }

    /// Yes, for no reason worth telling.
    pub fn allow() -> Self {
        Self::Allow { reason: String::new() }
    }

    /// Not as far as this authorizer knows; an empty reason is usual.
    pub fn no_opinion(reason: impl Into<String>) -> Self {
        Self::NoOpinion { reason: reason.into() }
    }
}

/// All rules that apply to a user, and what could not be resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRules {
    /// The rules, in the order of the bindings.
    pub rules: Vec<PolicyRule>,
    /// A sentence for each role that a binding names and that does not exist.
    pub errors: Vec<String>,
}

/// A snapshot of all roles and bindings.
#[derive(Clone, Debug, Default)]
pub struct Authorizer {
    /// Rules of Roles, and of ClusterRoles under the empty namespace.
    roles: OrdMap<RoleName, Arc<[PolicyRule]>>,
    /// RoleBindings, and ClusterRoleBindings under the empty namespace.
    bindings: OrdMap<RoleName, Arc<Binding>>,
    /// The bindings that name a principal, by the namespace they grant in. Kept in step with `bindings`.
    granted: OrdMap<(String, Principal), OrdSet<RoleName>>,
}

impl Authorizer {
    /// An authorizer that knows these objects; kinds other than roles and bindings are skipped.
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut authorizer = Self::default();
        for object in objects {
            authorizer.apply(object);
        }
        authorizer
    }

    /// Takes in an object that was added or changed. Kinds other than roles and bindings are skipped.
    pub fn apply(&mut self, object: &Object) {
        let key = object.key();
        let name = RoleName::new(&key.namespace, &key.name);
        if let Some(role) = object.get::<Role>() {
            self.roles.insert(name, rules_of(role.rules.as_deref()));
        } else if let Some(role) = object.get::<ClusterRole>() {
            self.roles.insert(name, rules_of(role.rules.as_deref()));
        } else if let Some(it) = object.get::<RoleBinding>() {
            self.bind(name, Binding::new(&key.namespace, &it.role_ref, it.subjects.as_deref()));
        } else if let Some(it) = object.get::<ClusterRoleBinding>() {
            self.bind(name, Binding::new("", &it.role_ref, it.subjects.as_deref()));
        }
    }

    /// Forgets an object that was deleted.
    pub fn remove(&mut self, key: &Key) {
        let name = RoleName::new(&key.namespace, &key.name);
        if is::<Role>(key) || is::<ClusterRole>(key) {
            self.roles.remove(&name);
        } else if is::<RoleBinding>(key) || is::<ClusterRoleBinding>(key) {
            self.unbind(&name);
        }
    }

    fn bind(&mut self, name: RoleName, binding: Binding) {
        self.unbind(&name);
        for principal in binding.principals() {
            let key = (name.namespace.clone(), principal.clone());
            self.granted.entry(key).or_default().insert(name.clone());
        }
        self.bindings.insert(name, Arc::new(binding));
    }

    fn unbind(&mut self, name: &RoleName) {
        let Some(binding) = self.bindings.remove(name) else { return };
        for principal in binding.principals() {
            let key = (name.namespace.clone(), principal.clone());
            let Some(names) = self.granted.get_mut(&key) else { continue };
            names.remove(name);
            if names.is_empty() {
                self.granted.remove(&key);
            }
        }
    }

    /// Whether the user may. Members of `system:masters` always may.
    pub fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        if attributes.user.is_in(MASTERS) {
            return Decision::allow();
        }
        let mut errors = Vec::new();
        for grant in self.grants(attributes.user, namespace_of(attributes)) {
            match grant.rules {
                Some(rules) if rules.iter().any(|it| rule::allows(it, attributes)) => {
                    return Decision::Allow { reason: grant.reason() };
                }
                Some(_) => {}
                None => errors.push(grant.binding.missing_role()),
            }
        }
        let reason = if errors.is_empty() { String::new() } else { format!("RBAC: {}", joined(&errors)) };
        Decision::NoOpinion { reason }
    }

    /// Every rule that applies to the user in a namespace; in the empty namespace those of the whole cluster.
    pub fn rules_for(&self, user: &UserInfo, namespace: &str) -> UserRules {
        let mut found = UserRules::default();
        if user.is_in(MASTERS) {
            found.rules.extend(cover::everything());
        }
        for grant in self.grants(user, namespace) {
            match grant.rules {
                Some(rules) => found.rules.extend(rules.iter().cloned()),
                None => found.errors.push(grant.binding.missing_role()),
            }
        }
        found
    }

    /// The rules of the role that a binding in this namespace names; none when there is no such role.
    pub fn rules_of_role(&self, namespace: &str, role: &RoleRef) -> Option<&[PolicyRule]> {
        self.roles.get(&RoleName::referred(namespace, role)).map(|it| &**it)
    }

    /// The grants of a user: those of the whole cluster first, then those of the namespace.
    fn grants<'a>(&'a self, user: &UserInfo, namespace: &str) -> Vec<Grant<'a>> {
        let namespaces = if namespace.is_empty() { &[""][..] } else { &["", namespace] };
        let principals = Principal::of(user);
        let names: OrdSet<&RoleName> = namespaces
            .iter()
            .flat_map(|namespace| principals.iter().map(|it| ((*namespace).to_owned(), it.clone())))
            .filter_map(|key| self.granted.get(&key))
            .flatten()
            .collect();
        names.into_iter().filter_map(|name| self.grant(name, &principals)).collect()
    }

    fn grant<'a>(&'a self, name: &'a RoleName, principals: &[Principal]) -> Option<Grant<'a>> {
        let binding = &**self.bindings.get(name)?;
        let subject = binding.subjects.iter().find(|it| principals.contains(&it.principal))?;
        let rules = self.roles.get(&binding.role).map(|it| &**it);
        Some(Grant { name, binding, subject, rules })
    }
}

/// One binding that applies to a user.
struct Grant<'a> {
    name: &'a RoleName,
    binding: &'a Binding,
    subject: &'a binding::Subject,
    /// None when the role does not exist.
    rules: Option<&'a [PolicyRule]>,
}

impl Grant<'_> {
    /// Upstream's sentence for reviews and audit.
    fn reason(&self) -> String {
        let (role, subject) = (self.binding.describe_role(), &self.subject.shown);
        let binding = self.name.describe_binding();
        format!("RBAC: allowed by {binding} of {role} to {subject}")
    }
}

fn is<K: api::Resource>(key: &Key) -> bool {
    key.kind == K::KIND
}

fn rules_of(rules: Option<&[PolicyRule]>) -> Arc<[PolicyRule]> {
    rules.unwrap_or_default().into()
}

/// Role bindings only grant in their namespace, and paths have none.
fn namespace_of<'a>(attributes: &Attributes<'a>) -> &'a str {
    match attributes.target {
        Target::Resource(target) => target.namespace,
        Target::Path(_) => "",
    }
}

/// Several errors in one line, as upstream prints an aggregate.
fn joined(errors: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for it in errors.iter().filter(|it| !it.is_empty()) {
        if !distinct.contains(&it.as_str()) {
            distinct.push(it);
        }
    }
    match distinct.as_slice() {
        [one] => (*one).to_owned(),
        [] => String::new(),
        many => format!("[{}]", many.join(", ")),
    }
}

#[cfg(test)]
mod tests;
