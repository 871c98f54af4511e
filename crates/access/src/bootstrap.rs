//! The roles and bindings that every cluster starts with: upstream's defaults, as data.
//!
//! Start at [`objects`]. The tables are split by whom they serve: `people`, `nodes`, `daemons` and `controllers`;
//! `row` turns a row into an object. An API server creates what is missing at its start and brings
//! the rest up to date by [`reconciled`], as upstream's `autoupdate` annotation promises.
//!
//! Where this differs from upstream, on purpose:
//!
//! - The group `system:nodes` is bound to `system:node`, which reads every secret. Upstream leaves that binding
//!   without subjects because its node authorizer grants the same, narrowed to a node's own pods. Once an API server
//!   asks [`crate::node`], it should drop the binding named [`NODE_BINDING`] from [`objects`].
//! - Our node agent is its node's service proxy and name server too, so the group is also bound to their roles.
//! - Our controller manager is one user, so that user is bound to each controller's role, next to the controller's
//!   service account.
//! - The group `extensions` is not served, and nobody but people has to do with `resource.k8s.io`: no rule of a daemon
//!   names them.

mod controllers;
mod daemons;
mod nodes;
mod people;
mod reconcile;
mod row;

pub use reconcile::reconciled;

use crate::rbac::aggregate::aggregated_rules;
use api::Object;
use api::k8s::api::rbac::v1::{ClusterRole, PolicyRule};

/// Upstream keeps a default role up to date unless this annotation of it says `false`.
pub const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// The label of every default role and binding, and its value.
pub const BOOTSTRAPPING: (&str, &str) = ("kubernetes.io/bootstrapping", "rbac-defaults");
/// The cluster role binding that lets every node read what any node may.
pub const NODE_BINDING: &str = "system:node";

/// Every default role and binding. `admin`, `edit` and `view` come with the rules that they aggregate, so that they
/// work before a controller has summed them up.
pub fn objects() -> Vec<Object> {
    let mut objects: Vec<Object> = cluster_roles().into_iter().map(Object::from).collect();
    let roles = daemons::ROLES.iter().map(|it| it.role().into());
    let bindings = [people::BINDINGS, nodes::BINDINGS, daemons::BINDINGS];
    objects.extend(roles);
    objects.extend(bindings.into_iter().flatten().map(row::BindingRow::object));
    objects.extend(controllers::CONTROLLERS.iter().map(|it| it.binding().into()));
    objects
}

/// The rules of the role `system:node`.
pub(crate) fn node_rules() -> Vec<PolicyRule> {
    nodes::NODE.iter().map(row::Rule::policy).collect()
}

fn cluster_roles() -> Vec<ClusterRole> {
    let tables = [people::CLUSTER_ROLES, nodes::CLUSTER_ROLES, daemons::CLUSTER_ROLES];
    let mut roles: Vec<ClusterRole> = tables.into_iter().flatten().map(row::RoleRow::cluster_role).collect();
    roles.extend(controllers::CONTROLLERS.iter().map(controllers::Controller::cluster_role));
    // Parts first: `admin` contains `edit`, which contains `view`.
    for name in ["view", "edit", "admin"] {
        sum_up(&mut roles, name);
    }
    roles
}

fn sum_up(roles: &mut [ClusterRole], name: &str) {
    let Some(at) = roles.iter().position(|it| it.metadata.name.as_deref() == Some(name)) else { return };
    let rules = aggregated_rules(&roles[at], roles.iter()).expect("the table's selectors are well formed");
    roles[at].rules = rules;
}

#[cfg(test)]
mod tests;
