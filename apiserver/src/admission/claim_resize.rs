//! A claim may grow when its storage class lets volumes grow (upstream: "Persistent Volumes", section "Expanding Persistent
//! Volumes Claims").

use super::{Attempt, Operation, Plugin, View};
use api::k8s::api::core::v1::PersistentVolumeClaim;
use api::k8s::api::storage::v1::StorageClass;
use api::quantity::{Amount, amount};
use api::{ApiError, meta};

/// See the module.
pub(super) struct ClaimResize;

/// The class as claims named it before they had a field for it.
const OLD_FIELD: &str = "volume.beta.kubernetes.io/storage-class";

impl Plugin for ClaimResize {
    fn validate(&self, attempt: &Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        if attempt.operation != Operation::Update || !attempt.subresource.is_empty() {
            return Ok(());
        }
        let new = attempt.object.as_ref().and_then(|it| it.get::<PersistentVolumeClaim>());
        let old = attempt.old.and_then(|it| it.get::<PersistentVolumeClaim>());
        let Some((new, old)) = new.zip(old).filter(|(new, old)| size_of(new) > size_of(old)) else {
            return Ok(());
        };
        if old.status.as_ref().and_then(|it| it.phase.as_deref()) != Some("Bound") {
            return Err(attempt.forbidden("Only bound persistent volume claims can be expanded"));
        }
        if class_of(new) == class_of(old) && grows(class_of(new), view)? {
            return Ok(());
        }
        Err(attempt.forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
             support resize",
        ))
    }
}

fn size_of(claim: &PersistentVolumeClaim) -> Option<Amount> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get("storage").map(amount)
}

fn class_of(claim: &PersistentVolumeClaim) -> &str {
    let field = claim.spec.as_ref().and_then(|it| it.storage_class_name.as_deref());
    meta::annotation(&claim.metadata, OLD_FIELD).or(field).unwrap_or_default()
}

fn grows(class: &str, view: &View<'_>) -> Result<bool, ApiError> {
    let object = view.object::<StorageClass>("", class)?;
    Ok(object.and_then(|it| it.get::<StorageClass>()?.allow_volume_expansion) == Some(true))
}
