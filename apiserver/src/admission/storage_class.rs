//! A claim that names no storage class gets the default one.

use super::{Attempt, Plugin, View};
use api::ApiError;
use api::k8s::api::core::v1::PersistentVolumeClaim;
use api::k8s::api::storage::v1::StorageClass;
use api::meta;

const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
/// The class as claims named it before they had a field for it.
const OLD_FIELD: &str = "volume.beta.kubernetes.io/storage-class";

/// See the module.
pub(super) struct DefaultStorageClass;

impl Plugin for DefaultStorageClass {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(claim) = attempt.created::<PersistentVolumeClaim>() else { return Ok(()) };
        let spec = claim.spec.get_or_insert_default();
        if spec.storage_class_name.is_some() || meta::annotation(&claim.metadata, OLD_FIELD).is_some() {
            return Ok(());
        }
        let classes = view.all::<StorageClass>()?;
        let classes = classes.iter().filter_map(|it| it.get::<StorageClass>());
        let defaults = classes.filter(|it| meta::annotation(&it.metadata, DEFAULT) == Some("true"));
        // Of several defaults the newest, and of those the first by name, as upstream.
        let age = |it: &&StorageClass| it.metadata.creation_timestamp.as_ref().map(|it| it.0);
        let chosen =
            defaults.max_by(|a, b| age(a).cmp(&age(b)).then_with(|| b.metadata.name.cmp(&a.metadata.name)));
        spec.storage_class_name = chosen.map(|it| meta::name(&it.metadata).to_owned());
        Ok(())
    }
}
