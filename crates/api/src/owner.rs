//! Owner references: who caused an object to exist, and who controls it.

use crate::object::{Object, Resource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The reference that makes `owner` the controller of another object.
pub fn controller_of<K: Resource>(owner: &K) -> OwnerReference {
    let (row, meta) = (K::KIND.row(), owner.meta());
    OwnerReference {
        api_version: row.api_version(),
        kind: row.kind.to_owned(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The one owner that controls this object.
pub fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    owners(meta).iter().find(|it| it.controller == Some(true))
}

/// Every owner.
pub fn owners(meta: &ObjectMeta) -> &[OwnerReference] {
    meta.owner_references.as_deref().unwrap_or_default()
}

/// Whether the owner with this UID controls the object.
pub fn is_controlled_by(meta: &ObjectMeta, uid: &str) -> bool {
    controller(meta).is_some_and(|it| it.uid == uid)
}

/// The object's UID, or nothing before the server gave it one.
pub fn uid(object: &Object) -> &str {
    object.meta().uid.as_deref().unwrap_or_default()
}
