//! How a PersistentVolumeClaim behaves.

use crate::field::Errors;
use crate::strategies::cells::UNSET;
use crate::strategies::defaults::text;
use crate::strategies::persistent_volume::{class_of, modes};
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimStatus,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct PersistentVolumeClaimStrategy;

impl Behaviour for PersistentVolumeClaimStrategy {
    type Object = PersistentVolumeClaim;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Status", "The phase of the claim."),
        Column::text("Volume", "The volume bound to the claim."),
        Column::text("Capacity", "How much the bound volume holds."),
        Column::text("Access Modes", "How the volume may be mounted."),
        Column::text("StorageClass", "The class that the claim asks for."),
        Column::text("VolumeAttributesClass", "The attributes class that the claim asks for."),
        Column::AGE,
        Column::text("VolumeMode", "Whether the volume is a file system or a device.").wide(),
    ];

    fn quantities(object: &mut PersistentVolumeClaim, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::claim(object.spec.as_mut(), visit);
        quantities::list(object.status.as_mut().and_then(|it| it.capacity.as_mut()), visit);
    }

    fn set_defaults(claim: &mut PersistentVolumeClaim) {
        default_spec(claim.spec.get_or_insert_default());
    }

    fn prepare_create(claim: &mut PersistentVolumeClaim) {
        let phase = Some("Pending".to_owned());
        claim.status = Some(PersistentVolumeClaimStatus { phase, ..PersistentVolumeClaimStatus::default() });
    }

    fn validate(object: &PersistentVolumeClaim) -> Errors {
        crate::validation::storage::claim(object)
    }

    fn validate_update(object: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> Errors {
        crate::validation::storage::claim_update(object, old)
    }

    fn cells(claim: &PersistentVolumeClaim, now: Timestamp) -> Vec<Value> {
        let spec = claim.spec.clone().unwrap_or_default();
        let status = claim.status.clone().unwrap_or_default();
        let terminating = claim.metadata.deletion_timestamp.is_some();
        let phase = if terminating { "Terminating".to_owned() } else { status.phase.unwrap_or_default() };
        let volume = spec.volume_name.unwrap_or_default();
        let bound = !volume.is_empty();
        let capacity = status.capacity.and_then(|mut it| it.remove("storage")).filter(|_| bound);
        let modes = if bound { modes(status.access_modes.as_deref()) } else { String::new() };
        vec![
            name_cell(&claim.metadata),
            phase.into(),
            volume.into(),
            capacity.map(|it| it.0).unwrap_or_default().into(),
            modes.into(),
            class_of(&claim.metadata, spec.storage_class_name.as_deref()).into(),
            spec.volume_attributes_class_name.unwrap_or_else(|| UNSET.to_owned()).into(),
            age_cell(&claim.metadata, now),
            spec.volume_mode.unwrap_or_else(|| UNSET.to_owned()).into(),
        ]
    }
}

/// Fills a claim's spec; also those of templates.
pub(crate) fn default_spec(spec: &mut PersistentVolumeClaimSpec) {
    text(&mut spec.volume_mode, "Filesystem");
    spec.resources.get_or_insert_default();
}
