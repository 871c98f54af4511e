//! Which resources of a quota belong to which kind, and how much of them the objects of a namespace use.

use super::usage::{is_native, of_number, usage};
use super::{Usage, add, scope, zero};
use crate::object::{Object, Resource};
use crate::resources::Kind;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service};
use std::collections::BTreeSet;

pub(super) const SERVICE: &str = "services";
const COUNT: &str = "count/";
const CLASS: &str = ".storageclass.storage.k8s.io/";

/// Kinds of the core group that quotas count by their plural, as they did before `count/` was there.
const BY_PLURAL: &[&str] =
    &["configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets", SERVICE];

const OF_PODS: &[&str] = &[
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// What a namespace holds, as far as counting goes.
pub trait Holdings {
    /// The kind of this resource, such as `jobs.batch`; none when it is not known here.
    fn kind(&self, resource: &str) -> Option<Kind>;
    /// How many objects of a kind there are.
    fn number(&self, kind: Kind) -> usize;
    /// Shows each object of a kind.
    fn each(&self, kind: Kind, visit: &mut dyn FnMut(&Object));
}

/// The built-in kind of a resource such as `jobs.batch` or `pods`.
pub fn built_in_kind(resource: &str) -> Option<Kind> {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    Kind::all().find(|it| it.row().plural == plural && it.row().group == group)
}

/// Whether objects of the kind differ in what they use, so that each has to be looked at.
pub fn is_measured(kind: Kind) -> bool {
    [Pod::KIND, Service::KIND, PersistentVolumeClaim::KIND].contains(&kind)
}

/// Whether objects of the kind use the resource of this name.
pub fn counts(kind: Kind, name: &str) -> bool {
    let row = kind.stored().row();
    if let Some(resource) = name.strip_prefix(COUNT) {
        return resource == row.qualified();
    }
    if kind == Pod::KIND {
        is_of_pods(name)
    } else if kind == Service::KIND {
        matches!(name, "services" | "services.nodeports" | "services.loadbalancers")
    } else if kind == PersistentVolumeClaim::KIND {
        let of_class = name.split_once(CLASS).map(|(_, it)| it);
        matches!(of_class.unwrap_or(name), "persistentvolumeclaims" | "requests.storage")
    } else {
        is_counted_by_plural(kind) && row.plural == name
    }
}

fn is_of_pods(name: &str) -> bool {
    let huge = |it: &str| it.starts_with("hugepages-") || it.starts_with("requests.hugepages-");
    let extended = |it: &str| it.starts_with("requests.") && !is_native(it) && !it.contains(CLASS);
    OF_PODS.contains(&name) || huge(name) || extended(name)
}

pub(super) fn is_counted_by_plural(kind: Kind) -> bool {
    kind.row().group.is_empty() && BY_PLURAL.contains(&kind.row().plural)
}

/// The name by which quotas count a kind.
pub(super) fn count_name(kind: Kind) -> String {
    format!("{COUNT}{}", kind.stored().row().qualified())
}

/// The name of a resource of one storage class.
pub(super) fn claim_of_class(class: &str, name: &str) -> String {
    format!("{class}{CLASS}{name}")
}

/// How much of the resources in `hard` a namespace uses. Of resources that nobody here knows, what was said last stays.
pub fn used(quota: &ResourceQuota, hard: &Usage, holdings: &dyn Holdings, now: Timestamp) -> Usage {
    let before = quota.status.as_ref().and_then(|it| it.used.clone()).unwrap_or_default();
    let kinds: BTreeSet<Kind> = hard.keys().filter_map(|it| kind_of(it, holdings)).collect();
    let mut found = Usage::new();
    for kind in &kinds {
        add(&mut found, &of_kind(quota, *kind, holdings, now));
    }
    let known = |name: &str| kinds.iter().any(|it| counts(*it, name));
    let value = |name: &String| match known(name) {
        true => Some(found.get(name).cloned().unwrap_or_else(zero)),
        false => before.get(name).cloned(),
    };
    hard.keys().filter_map(|it| Some((it.clone(), value(it)?))).collect()
}

fn kind_of(name: &str, holdings: &dyn Holdings) -> Option<Kind> {
    match name.strip_prefix(COUNT) {
        Some(resource) => holdings.kind(resource).map(Kind::stored),
        None if is_of_pods(name) => Some(Pod::KIND),
        None if counts(PersistentVolumeClaim::KIND, name) => Some(PersistentVolumeClaim::KIND),
        None if counts(Service::KIND, name) => Some(Service::KIND),
        None => BY_PLURAL.contains(&name).then(|| built_in_kind(name)).flatten(),
    }
}

fn of_kind(quota: &ResourceQuota, kind: Kind, holdings: &dyn Holdings, now: Timestamp) -> Usage {
    if !is_measured(kind) {
        let number = if scope::is_scoped(quota) { 0 } else { holdings.number(kind) };
        return of_number(kind, number);
    }
    let mut total = Usage::new();
    holdings.each(kind, &mut |object| {
        if scope::fits(quota, object) {
            add(&mut total, &usage(object, now));
        }
    });
    total
}
