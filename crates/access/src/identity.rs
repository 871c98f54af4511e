//! Who is asking: a name, a UID and groups, spelled as upstream spells them.
//!
//! Start at [`UserInfo`]. The constructors add the groups that a proof of identity brings along, such as
//! `system:authenticated`; nothing here checks the proof itself.

use api::k8s::api::authentication::v1 as wire;
use std::collections::BTreeMap;

/// Whoever is in this group may do everything, whatever the roles say.
pub const MASTERS: &str = "system:masters";
/// Everybody who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Everybody who did not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user of a request that proves nothing.
pub const ANONYMOUS: &str = "system:anonymous";
/// Every node agent.
pub const NODES: &str = "system:nodes";
/// Node agents that don't have their certificate yet.
pub const BOOTSTRAPPERS: &str = "system:bootstrappers";
/// Every service account; with `:NAMESPACE`, those of one namespace.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// Group of clients that may read `/metrics` and the health endpoints.
pub const MONITORING: &str = "system:monitoring";
/// The scheduler.
pub const KUBE_SCHEDULER: &str = "system:kube-scheduler";
/// The controller manager.
pub const KUBE_CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
/// The service proxy.
pub const KUBE_PROXY: &str = "system:kube-proxy";
/// The API server, as it calls itself in process.
pub const API_SERVER: &str = "system:apiserver";
/// The namespace of the cluster's own objects.
pub const KUBE_SYSTEM: &str = "kube-system";

/// Key of [`UserInfo::extra`] that names the pod a service account token was made for.
pub const EXTRA_POD_NAME: &str = "authentication.kubernetes.io/pod-name";
/// Key of [`UserInfo::extra`] that holds the UID of that pod.
pub const EXTRA_POD_UID: &str = "authentication.kubernetes.io/pod-uid";
/// Key of [`UserInfo::extra`] that names the node of that pod.
pub const EXTRA_NODE_NAME: &str = "authentication.kubernetes.io/node-name";
/// Key of [`UserInfo::extra`] that holds the UID of that node.
pub const EXTRA_NODE_UID: &str = "authentication.kubernetes.io/node-uid";
/// Key of [`UserInfo::extra`] that identifies the token or certificate itself.
pub const EXTRA_CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

const NODE_PREFIX: &str = "system:node:";
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// A user, as authentication proved it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// What role bindings, audit and refusals call this user.
    pub name: String,
    /// Tells apart users who had the same name at different times; may be empty.
    pub uid: String,
    /// The groups this user is in.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// A user who proved their name and groups; `system:authenticated` is added.
    pub fn authenticated(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().collect();
        if !groups.iter().any(|it| it == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { name: name.into(), groups, ..Self::default() }
    }

    /// The user of a request that proves nothing.
    pub fn anonymous() -> Self {
        Self { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// A service account; `uid` is that of the account's object.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let groups = [SERVICE_ACCOUNTS.to_owned(), format!("{SERVICE_ACCOUNTS}:{namespace}")];
        Self { uid: uid.to_owned(), ..Self::authenticated(service_account_username(namespace, name), groups) }
    }

    /// The agent of a node.
    pub fn node(name: &str) -> Self {
        Self::authenticated(node_username(name), [NODES.to_owned()])
    }

    /// The holder of a client certificate: the subject's common name is the user, each organization a group.
    pub fn from_certificate<'a>(common_name: &str, organizations: impl IntoIterator<Item = &'a str>) -> Self {
        Self::authenticated(common_name, organizations.into_iter().map(str::to_owned))
    }

    /// The same, known by this certificate: the SHA-256 of what it is encoded as, in hexadecimal digits.
    #[must_use]
    pub fn with_certificate(mut self, fingerprint: &str) -> Self {
        self.extra.insert(EXTRA_CREDENTIAL_ID.to_owned(), vec![format!("X509SHA256={fingerprint}")]);
        self
    }

    /// The scheduler.
    pub fn kube_scheduler() -> Self {
        Self::authenticated(KUBE_SCHEDULER, [])
    }

    /// The controller manager.
    pub fn kube_controller_manager() -> Self {
        Self::authenticated(KUBE_CONTROLLER_MANAGER, [])
    }

    /// The API server itself, which may do everything.
    pub fn api_server() -> Self {
        Self::authenticated(API_SERVER, [MASTERS.to_owned()])
    }

    /// A person who may do everything.
    pub fn administrator(name: &str) -> Self {
        Self::authenticated(name, [MASTERS.to_owned()])
    }

    /// Whether the user is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|it| it == group)
    }

    /// The node whose agent this is: the name says so and the user is in `system:nodes`.
    pub fn node_name(&self) -> Option<&str> {
        let name = self.name.strip_prefix(NODE_PREFIX).filter(|it| !it.is_empty())?;
        self.is_in(NODES).then_some(name)
    }

    /// Namespace and name of the service account that this user is.
    pub fn service_account_name(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self.name.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
        (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
    }

    /// The user as reviews and admission webhooks show it.
    pub fn to_wire(&self) -> wire::UserInfo {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        wire::UserInfo {
            username: filled(&self.name),
            uid: filled(&self.uid),
            groups: (!self.groups.is_empty()).then(|| self.groups.clone()),
            extra: (!self.extra.is_empty()).then(|| self.extra.clone()),
        }
    }
}

impl From<wire::UserInfo> for UserInfo {
    fn from(user: wire::UserInfo) -> Self {
        Self {
            name: user.username.unwrap_or_default(),
            uid: user.uid.unwrap_or_default(),
            groups: user.groups.unwrap_or_default(),
            extra: user.extra.unwrap_or_default(),
        }
    }
}

/// The user name of a node's agent.
pub fn node_username(name: &str) -> String {
    format!("{NODE_PREFIX}{name}")
}

/// The user name of a service account.
pub fn service_account_username(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proof_brings_its_groups() {
        let check = |user: UserInfo, name: &str, groups: &[&str]| {
            assert_eq!(user.name, name);
            assert_eq!(user.groups, groups);
        };
        check(UserInfo::anonymous(), "system:anonymous", &["system:unauthenticated"]);
        check(
            UserInfo::service_account("shop", "web", "u1"),
            "system:serviceaccount:shop:web",
            &["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
        );
        check(UserInfo::node("one"), "system:node:one", &["system:nodes", "system:authenticated"]);
        check(
            UserInfo::from_certificate("jane", ["dev", "system:authenticated"]),
            "jane",
            &["dev", "system:authenticated"],
        );
        let known = UserInfo::from_certificate("jane", []).with_certificate("ab01");
        assert_eq!(known.extra[EXTRA_CREDENTIAL_ID], ["X509SHA256=ab01"]);
    }

    #[test]
    fn a_name_alone_makes_no_node() {
        let node_name = |user: &UserInfo| user.node_name().map(str::to_owned);
        assert_eq!(node_name(&UserInfo::node("one")).as_deref(), Some("one"));
        assert_eq!(node_name(&UserInfo::authenticated("system:node:one", [])), None);
        assert_eq!(node_name(&UserInfo::node("")), None);
        assert_eq!(node_name(&UserInfo::administrator("jane")), None);
    }

    #[test]
    fn service_accounts_are_recognized_by_name() {
        assert_eq!(UserInfo::service_account("a", "b", "").service_account_name(), Some(("a", "b")));
        for name in
            ["jane", "system:serviceaccount:a", "system:serviceaccount::b", "system:serviceaccount:a:b:c"]
        {
            assert_eq!(UserInfo::authenticated(name, []).service_account_name(), None, "{name}");
        }
    }

    #[test]
    fn the_wire_form_leaves_out_what_is_empty() {
        let user = UserInfo::service_account("a", "b", "u1");
        assert_eq!(UserInfo::from(user.to_wire()), user);
        assert_eq!(UserInfo::default().to_wire(), wire::UserInfo::default());
    }
}
