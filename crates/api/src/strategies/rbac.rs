//! How roles and their bindings behave.

use crate::ObjectMeta;
use crate::field::Errors;
use crate::strategies::cells::{CREATED_AT, created_at};
use crate::strategies::defaults::text;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject};
use serde_json::Value;

/// A Role.
#[derive(Debug)]
pub struct RoleStrategy;
/// A ClusterRole.
#[derive(Debug)]
pub struct ClusterRoleStrategy;
/// A RoleBinding.
#[derive(Debug)]
pub struct RoleBindingStrategy;
/// A ClusterRoleBinding.
#[derive(Debug)]
pub struct ClusterRoleBindingStrategy;

/// The group of roles, users and groups.
pub const GROUP: &str = "rbac.authorization.k8s.io";

const ROLE_COLUMNS: &[Column] = &[Column::NAME, CREATED_AT];
const BINDING_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Role", "The role that is granted."),
    Column::AGE,
    Column::text("Users", "Users it is granted to.").wide(),
    Column::text("Groups", "Groups it is granted to.").wide(),
    Column::text("ServiceAccounts", "Service accounts it is granted to.").wide(),
];

impl Behaviour for RoleStrategy {
    type Object = Role;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = ROLE_COLUMNS;

    fn validate(object: &Role) -> Errors {
        crate::validation::rbac::role(object)
    }

    fn cells(role: &Role, _now: Timestamp) -> Vec<Value> {
        vec![name_cell(&role.metadata), created_at(&role.metadata).into()]
    }
}

impl Behaviour for ClusterRoleStrategy {
    type Object = ClusterRole;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = ROLE_COLUMNS;

    fn validate(object: &ClusterRole) -> Errors {
        crate::validation::rbac::cluster_role(object)
    }

    fn cells(role: &ClusterRole, _now: Timestamp) -> Vec<Value> {
        vec![name_cell(&role.metadata), created_at(&role.metadata).into()]
    }
}

impl Behaviour for RoleBindingStrategy {
    type Object = RoleBinding;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = BINDING_COLUMNS;

    fn set_defaults(binding: &mut RoleBinding) {
        default_binding(&mut binding.role_ref, binding.subjects.as_deref_mut());
    }

    fn validate(object: &RoleBinding) -> Errors {
        crate::validation::rbac::binding(
            &object.role_ref,
            object.subjects.as_deref(),
            &["Role", "ClusterRole"],
        )
    }

    fn validate_update(object: &RoleBinding, old: &RoleBinding) -> Errors {
        crate::validation::rbac::binding_update(&object.role_ref, &old.role_ref)
    }

    fn cells(binding: &RoleBinding, now: Timestamp) -> Vec<Value> {
        binding_cells(&binding.metadata, &binding.role_ref, binding.subjects.as_deref(), now)
    }
}

impl Behaviour for ClusterRoleBindingStrategy {
    type Object = ClusterRoleBinding;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = BINDING_COLUMNS;

    fn set_defaults(binding: &mut ClusterRoleBinding) {
        default_binding(&mut binding.role_ref, binding.subjects.as_deref_mut());
    }

    fn validate(object: &ClusterRoleBinding) -> Errors {
        crate::validation::rbac::binding(&object.role_ref, object.subjects.as_deref(), &["ClusterRole"])
    }

    fn validate_update(object: &ClusterRoleBinding, old: &ClusterRoleBinding) -> Errors {
        crate::validation::rbac::binding_update(&object.role_ref, &old.role_ref)
    }

    fn cells(binding: &ClusterRoleBinding, now: Timestamp) -> Vec<Value> {
        binding_cells(&binding.metadata, &binding.role_ref, binding.subjects.as_deref(), now)
    }
}

fn default_binding(role: &mut RoleRef, subjects: Option<&mut [Subject]>) {
    text(&mut role.api_group, GROUP);
    for subject in subjects.into_iter().flatten() {
        if matches!(subject.kind.as_str(), "User" | "Group") {
            text(&mut subject.api_group, GROUP);
        }
    }
}

fn binding_cells(
    meta: &ObjectMeta,
    role: &RoleRef,
    subjects: Option<&[Subject]>,
    now: Timestamp,
) -> Vec<Value> {
    let named = |kind: &str| {
        let all = subjects.unwrap_or_default().iter().filter(|it| it.kind == kind);
        let names: Vec<String> = all
            .map(|it| match &it.namespace {
                Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{}", it.name),
                _ => it.name.clone(),
            })
            .collect();
        Value::from(names.join(", "))
    };
    vec![
        name_cell(meta),
        format!("{}/{}", role.kind, role.name).into(),
        age_cell(meta, now),
        named("User"),
        named("Group"),
        named("ServiceAccount"),
    ]
}
