//! The form of a row, and the objects it stands for. Lists are words separated by spaces.

use super::{AUTOUPDATE, BOOTSTRAPPING};
use crate::identity::KUBE_SYSTEM;
use api::k8s::api::rbac::v1::{
    AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use api::k8s::apimachinery::pkg::apis::meta::v1::LabelSelector;
use api::{Object, ObjectMeta};

pub(super) const READ: &str = "get list watch";
pub(super) const WRITE: &str = "create delete deletecollection patch update";
pub(super) const ALL_VERBS: &str = "create delete deletecollection get list patch update watch";
/// The group without a name.
pub(super) const CORE: &str = "";
/// Whoever records events may write them through both of their groups.
pub(super) const EVENTS: Rule = on("create patch update", ",events.k8s.io", "events");

const RBAC: &str = "rbac.authorization.k8s.io";

/// One rule.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    verbs: &'static str,
    /// Separated by commas, since the core group's name is empty.
    groups: &'static str,
    resources: &'static str,
    names: &'static str,
    urls: &'static str,
}

/// A rule on resources.
pub(super) const fn on(verbs: &'static str, groups: &'static str, resources: &'static str) -> Rule {
    Rule { verbs, groups, resources, names: "", urls: "" }
}

/// A rule on the paths outside the resources.
pub(super) const fn at(verbs: &'static str, urls: &'static str) -> Rule {
    Rule { verbs, groups: "", resources: "", names: "", urls }
}

impl Rule {
    /// Only these objects.
    pub(super) const fn named(self, names: &'static str) -> Self {
        Self { names, ..self }
    }

    pub(super) fn policy(&self) -> PolicyRule {
        let sorted = |list: &str| {
            let mut words: Vec<String> = list.split_whitespace().map(str::to_owned).collect();
            words.sort();
            words
        };
        let filled = |list: &str| Some(sorted(list)).filter(|it| !it.is_empty());
        let resources = filled(self.resources);
        PolicyRule {
            verbs: sorted(self.verbs),
            api_groups: resources.is_some().then(|| self.groups.split(',').map(str::to_owned).collect()),
            resources,
            resource_names: filled(self.names),
            non_resource_urls: filled(self.urls),
        }
    }
}

/// A role; in `kube-system` or of the whole cluster, as its table says.
pub(super) struct RoleRow {
    name: &'static str,
    rules: &'static [Rule],
    /// The aggregated role whose part this is.
    part_of: &'static str,
    /// Whether this is the sum of its parts: the name that they give.
    sum_of: &'static str,
}

pub(super) const fn role(name: &'static str, rules: &'static [Rule]) -> RoleRow {
    RoleRow { name, rules, part_of: "", sum_of: "" }
}

impl RoleRow {
    /// Aggregated into that role.
    pub(super) const fn part_of(self, part_of: &'static str) -> Self {
        Self { part_of, ..self }
    }

    /// The sum of the roles that say they are part of it.
    pub(super) const fn sum_of(self, sum_of: &'static str) -> Self {
        Self { sum_of, ..self }
    }

    fn policies(&self) -> Vec<PolicyRule> {
        self.rules.iter().map(Rule::policy).collect()
    }

    pub(super) fn cluster_role(&self) -> ClusterRole {
        let mut metadata = meta("", self.name);
        if !self.part_of.is_empty() {
            metadata.labels.get_or_insert_default().extend(aggregation_label(self.part_of));
        }
        let selector = || LabelSelector {
            match_labels: Some(aggregation_label(self.sum_of).into()),
            ..LabelSelector::default()
        };
        let aggregation_rule = (!self.sum_of.is_empty())
            .then(|| AggregationRule { cluster_role_selectors: Some(vec![selector()]) });
        ClusterRole { metadata, aggregation_rule, rules: Some(self.policies()) }
    }

    pub(super) fn role(&self) -> Role {
        Role { metadata: meta(KUBE_SYSTEM, self.name), rules: Some(self.policies()) }
    }
}

/// Whom a binding names.
#[derive(Clone, Copy)]
pub(super) enum Who {
    User(&'static str),
    Group(&'static str),
    /// In `kube-system`.
    ServiceAccount(&'static str),
}

impl Who {
    fn subject(self) -> Subject {
        let of = |kind: &str, name: &str| Subject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            api_group: Some(RBAC.to_owned()),
            namespace: None,
        };
        match self {
            Self::User(name) => of("User", name),
            Self::Group(name) => of("Group", name),
            Self::ServiceAccount(name) => {
                let namespace = Some(KUBE_SYSTEM.to_owned());
                Subject { api_group: None, namespace, ..of("ServiceAccount", name) }
            }
        }
    }
}

/// A binding.
pub(super) struct BindingRow {
    name: &'static str,
    /// `ClusterRole` for a cluster role binding; `Role` for a role binding in `kube-system`.
    kind: &'static str,
    role: &'static str,
    subjects: &'static [Who],
}

/// Binds a cluster role, under its own name.
pub(super) const fn bind(role: &'static str, subjects: &'static [Who]) -> BindingRow {
    BindingRow { name: role, kind: "ClusterRole", role, subjects }
}

/// Binds a role of `kube-system`.
pub(super) const fn bind_role(
    name: &'static str,
    role: &'static str,
    subjects: &'static [Who],
) -> BindingRow {
    BindingRow { name, kind: "Role", role, subjects }
}

impl BindingRow {
    pub(super) fn object(&self) -> Object {
        let subjects = Some(self.subjects.iter().map(|it| it.subject()).collect());
        let role_ref = role_ref(self.kind, self.role);
        if self.kind == "Role" {
            RoleBinding { metadata: meta(KUBE_SYSTEM, self.name), role_ref, subjects }.into()
        } else {
            ClusterRoleBinding { metadata: meta("", self.name), role_ref, subjects }.into()
        }
    }
}

/// A cluster role binding with the name of its role.
pub(super) fn binding_of(role: &str, subjects: &[Who]) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: meta("", role),
        role_ref: role_ref("ClusterRole", role),
        subjects: Some(subjects.iter().map(|it| it.subject()).collect()),
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: Some(RBAC.to_owned()), kind: kind.to_owned(), name: name.to_owned() }
}

pub(super) fn meta(namespace: &str, name: &str) -> ObjectMeta {
    let pair = |key: &str, value: &str| Some([(key.to_owned(), value.to_owned())].into());
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        labels: pair(BOOTSTRAPPING.0, BOOTSTRAPPING.1),
        annotations: pair(AUTOUPDATE, "true"),
        ..ObjectMeta::default()
    }
}

fn aggregation_label(to: &str) -> [(String, String); 1] {
    [(format!("rbac.authorization.k8s.io/aggregate-to-{to}"), "true".to_owned())]
}
