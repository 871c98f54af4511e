//! What a request wants to do, as the authorizers see it, and how a refusal reads.
//!
//! Start at [`Attributes`]. They borrow from the request; a handler makes them once the path is parsed.

use crate::identity::UserInfo;
use api::ApiError;
use api::k8s::apimachinery::pkg::apis::meta::v1::StatusDetails;
use api::selector::FieldRequirement;
use api::status::reason;

/// One question to an authorizer: may this user do that?
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a UserInfo,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, or a special one such
    /// as `impersonate`, `bind`, `escalate`, `approve`; for a path, the HTTP method in lower case.
    pub verb: &'a str,
    /// To what.
    pub target: Target<'a>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Objects of the API.
    Resource(ResourceTarget<'a>),
    /// Any other path, such as `/healthz`.
    Path(&'a str),
}

/// The objects that a request is about. An empty string says that a part is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceTarget<'a> {
    /// API group, empty for the core group.
    pub group: &'a str,
    /// API version. RBAC does not look at it.
    pub version: &'a str,
    /// Plural name of the kind, such as `pods`.
    pub resource: &'a str,
    /// What hangs below the object, such as `log`.
    pub subresource: &'a str,
    /// Namespace; empty for cluster-scoped kinds and for requests that span all namespaces.
    pub namespace: &'a str,
    /// Name of the object. Empty for `create` and `deletecollection`; see [`Self::selecting`] for `list` and
    /// `watch`. Rules with `resourceNames` never match an empty name.
    pub name: &'a str,
    /// The field selector of a `list` or `watch`.
    pub fields: &'a [FieldRequirement],
}

impl<'a> Attributes<'a> {
    /// A question about a resource; set the parts that apply on [`ResourceTarget`].
    pub fn resource(user: &'a UserInfo, verb: &'a str, target: ResourceTarget<'a>) -> Self {
        Self { user, verb, target: Target::Resource(target) }
    }

    /// A question about a path outside the resources.
    pub fn path(user: &'a UserInfo, verb: &'a str, path: &'a str) -> Self {
        Self { user, verb, target: Target::Path(path) }
    }

    /// The same question with another verb.
    pub fn with_verb(self, verb: &'a str) -> Self {
        Self { verb, ..self }
    }

    /// Upstream's sentence for a refusal, with the authorizer's reason behind it if it gave one.
    pub fn refusal(&self, reason: &str) -> String {
        let (user, verb) = (&self.user.name, self.verb);
        let sentence = match &self.target {
            Target::Path(path) => format!("User {user:?} cannot {verb} path {path:?}"),
            Target::Resource(target) => {
                let (what, place) = (target.what(), target.place());
                format!(
                    "User {user:?} cannot {verb} resource {what:?} in API group {:?} {place}",
                    target.group
                )
            }
        };
        if reason.is_empty() { sentence } else { format!("{sentence}: {reason}") }
    }

    /// The 403 that a refused client reads.
    pub fn forbidden(&self, reason: &str) -> ApiError {
        let refusal = self.refusal(reason);
        let (message, details) = match &self.target {
            Target::Path(_) => (format!("forbidden: {refusal}"), StatusDetails::default()),
            Target::Resource(target) => {
                (format!("{} is forbidden: {refusal}", target.subject()), target.details())
            }
        };
        let mut error = ApiError::new(403, reason::FORBIDDEN, message);
        error.0.details = Some(details);
        error
    }
}

impl<'a> ResourceTarget<'a> {
    /// All objects of a resource, in every namespace.
    pub fn of(group: &'a str, version: &'a str, resource: &'a str) -> Self {
        Self { group, version, resource, ..Self::default() }
    }

    /// Below the object.
    pub fn subresource(self, subresource: &'a str) -> Self {
        Self { subresource, ..self }
    }

    /// In one namespace.
    pub fn in_namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }

    /// One object.
    pub fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// What a `list` or `watch` selects by field. `metadata.name=NAME` makes it a question about that object.
    pub fn selecting(self, fields: &'a [FieldRequirement]) -> Self {
        let selecting = Self { fields, ..self };
        let name = if self.name.is_empty() { selecting.selected("metadata.name") } else { Some(self.name) };
        Self { name: name.unwrap_or_default(), ..selecting }
    }

    /// The one value that the field selector leaves for a field.
    pub fn selected(&self, field: &str) -> Option<&'a str> {
        self.fields.iter().find(|it| it.equal && it.field == field).map(|it| it.value.as_str())
    }

    /// `pods`, or `pods/log`: what rules name.
    pub fn what(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    fn place(&self) -> String {
        if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", self.namespace)
        }
    }

    fn subject(&self) -> String {
        let qualified = match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        };
        if self.name.is_empty() { qualified } else { format!("{qualified} {:?}", self.name) }
    }

    fn details(&self) -> StatusDetails {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        StatusDetails {
            group: filled(self.group),
            kind: filled(self.resource),
            name: filled(self.name),
            ..StatusDetails::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verb: &str, target: Target<'_>, expect: &str) {
        let user = UserInfo::authenticated("jane", []);
        let error = Attributes { user: &user, verb, target }.forbidden("");
        assert_eq!((error.code(), error.message()), (403, expect));
    }

    #[test]
    fn refusals_read_as_upstream() {
        let pods = ResourceTarget::of("", "v1", "pods");
        let deployments = ResourceTarget::of("apps", "v1", "deployments");
        check(
            "list",
            Target::Resource(pods.in_namespace("default")),
            r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default""#,
        );
        check(
            "list",
            Target::Resource(deployments),
            r#"deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope"#,
        );
        check(
            "get",
            Target::Resource(pods.in_namespace("shop").named("web").subresource("log")),
            r#"pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "shop""#,
        );
        check("get", Target::Path("/metrics"), r#"forbidden: User "jane" cannot get path "/metrics""#);
    }

    #[test]
    fn the_reason_follows_the_sentence() {
        let user = UserInfo::authenticated("jane", []);
        let refusal = Attributes::path(&user, "get", "/x").refusal("RBAC: role missing");
        assert_eq!(refusal, r#"User "jane" cannot get path "/x": RBAC: role missing"#);
    }

    #[test]
    fn a_selected_name_is_a_name() {
        let check = |text: &str, expect: &str| {
            let fields = api::selector::FieldSelector::parse(text).expect("it parses").0;
            assert_eq!(ResourceTarget::of("", "v1", "pods").selecting(&fields).name, expect, "{text}");
        };
        check("metadata.name=web", "web");
        check("metadata.name!=web", "");
        check("spec.nodeName=one", "");
    }

    #[test]
    fn details_name_the_object() {
        let user = UserInfo::anonymous();
        let target = ResourceTarget::of("apps", "v1", "deployments").in_namespace("shop").named("web");
        let details = Attributes::resource(&user, "get", target).forbidden("").0.details.expect("details");
        assert_eq!(details.group.as_deref(), Some("apps"));
        assert_eq!(details.kind.as_deref(), Some("deployments"));
        assert_eq!(details.name.as_deref(), Some("web"));
    }
}
