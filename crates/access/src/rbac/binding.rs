//! Bindings in the form the index needs, and how they are named in reasons.

use crate::identity::{UserInfo, service_account_username};
use api::k8s::api::rbac::v1::{RoleRef, Subject as WireSubject};

/// Whom a binding can name. A service account is the user of its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Principal {
    User(String),
    Group(String),
}

impl Principal {
    /// What a binding may call this user.
    pub(super) fn of(user: &UserInfo) -> Vec<Self> {
        let name = Self::User(user.name.clone());
        std::iter::once(name).chain(user.groups.iter().cloned().map(Self::Group)).collect()
    }
}

/// Identifies a role or a binding; the namespace is empty for cluster-wide ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoleName {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl RoleName {
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The role that a binding in this namespace refers to. A cluster role is found from everywhere.
    pub(super) fn referred(namespace: &str, role: &RoleRef) -> Self {
        Self::new(if role.kind == CLUSTER_ROLE { "" } else { namespace }, &role.name)
    }

    pub(super) fn describe_binding(&self) -> String {
        if self.namespace.is_empty() {
            format!("ClusterRoleBinding {:?}", self.name)
        } else {
            format!("RoleBinding {:?}", format!("{}/{}", self.name, self.namespace))
        }
    }
}

const CLUSTER_ROLE: &str = "ClusterRole";

/// One subject of a binding.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) principal: Principal,
    /// How reasons call it.
    pub(super) shown: String,
}

/// What a binding grants, and to whom.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) role: RoleName,
    pub(super) subjects: Vec<Subject>,
}

impl Binding {
    /// `namespace` is empty for a cluster role binding.
    pub(super) fn new(namespace: &str, role: &RoleRef, subjects: Option<&[WireSubject]>) -> Self {
        let subjects = subjects.unwrap_or_default();
        Self {
            role: RoleName::referred(namespace, role),
            subjects: subjects.iter().filter_map(|it| subject_of(it, namespace)).collect(),
        }
    }

    pub(super) fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.subjects.iter().map(|it| &it.principal)
    }

    pub(super) fn describe_role(&self) -> String {
        format!("{} {:?}", self.role_kind(), self.role.name)
    }

    /// Upstream's sentence when the role does not exist.
    pub(super) fn missing_role(&self) -> String {
        let kind = self.role_kind().to_ascii_lowercase();
        format!("{kind}.rbac.authorization.k8s.io {:?} not found", self.role.name)
    }

    fn role_kind(&self) -> &'static str {
        if self.role.namespace.is_empty() { CLUSTER_ROLE } else { "Role" }
    }
}

/// A service account without a namespace is one of the binding's. A subject of an unknown kind names nobody.
fn subject_of(subject: &WireSubject, namespace: &str) -> Option<Subject> {
    let (kind, name) = (&subject.kind, &subject.name);
    let plainly = |principal| Some(Subject { principal, shown: format!("{kind} {name:?}") });
    match kind.as_str() {
        "User" => plainly(Principal::User(name.clone())),
        "Group" => plainly(Principal::Group(name.clone())),
        "ServiceAccount" => {
            let own = subject.namespace.as_deref().filter(|it| !it.is_empty()).unwrap_or(namespace);
            let principal = Principal::User(service_account_username(own, name));
            let shown = format!("{kind} {:?}", format!("{name}/{own}"));
            (!own.is_empty()).then_some(Subject { principal, shown })
        }
        _ => None,
    }
}
