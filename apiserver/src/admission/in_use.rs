//! Claims and volumes get the finalizers that keep them while they are in use (upstream: "Persistent Volumes", section
//! "Storage Object in Use Protection"). Controllers take them away.

use super::{Attempt, Operation, Plugin, View};
use api::k8s::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use api::{ApiError, Kind, Resource, meta};

/// See the module.
pub(super) struct StorageInUse;

const FINALIZERS: &[(Kind, &str)] = &[
    (PersistentVolumeClaim::KIND, "kubernetes.io/pvc-protection"),
    (PersistentVolume::KIND, "kubernetes.io/pv-protection"),
];

impl Plugin for StorageInUse {
    fn mutate(&self, attempt: &mut Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        if attempt.operation != Operation::Create || !attempt.subresource.is_empty() {
            return Ok(());
        }
        let finalizer = FINALIZERS.iter().find(|(kind, _)| *kind == attempt.kind);
        if let (Some((_, finalizer)), Some(object)) = (finalizer, attempt.object.as_mut()) {
            let meta = object.meta_mut();
            if !meta::has_finalizer(meta, finalizer) {
                meta.finalizers.get_or_insert_default().push((*finalizer).to_owned());
            }
        }
        Ok(())
    }
}
