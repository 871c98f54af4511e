//! How a PersistentVolume behaves.

use crate::ObjectMeta;
use crate::field::Errors;
use crate::meta;
use crate::strategies::cells::UNSET;
use crate::strategies::defaults::{text, value};
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct PersistentVolumeStrategy;

/// The older way of naming a storage class.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

impl Behaviour for PersistentVolumeStrategy {
    type Object = PersistentVolume;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Capacity", "How much the volume holds."),
        Column::text("Access Modes", "How the volume may be mounted."),
        Column::text("Reclaim Policy", "What happens when the claim goes."),
        Column::text("Status", "The phase of the volume."),
        Column::text("Claim", "The claim bound to the volume."),
        Column::text("StorageClass", "The class of the volume."),
        Column::text("VolumeAttributesClass", "The attributes class of the volume."),
        Column::text("Reason", "Why the volume is in its phase."),
        Column::AGE,
        Column::text("VolumeMode", "Whether the volume is a file system or a device.").wide(),
    ];

    fn quantities(object: &mut PersistentVolume, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::list(object.spec.as_mut().and_then(|it| it.capacity.as_mut()), visit);
    }

    fn set_defaults(volume: &mut PersistentVolume) {
        let spec = volume.spec.get_or_insert_default();
        text(&mut spec.persistent_volume_reclaim_policy, "Retain");
        text(&mut spec.volume_mode, "Filesystem");
        if let Some(host_path) = &mut spec.host_path {
            value(&mut host_path.type_, String::new());
        }
    }

    fn prepare_create(volume: &mut PersistentVolume) {
        let phase = Some("Pending".to_owned());
        volume.status = Some(PersistentVolumeStatus { phase, ..PersistentVolumeStatus::default() });
    }

    fn validate(object: &PersistentVolume) -> Errors {
        crate::validation::storage::volume(object)
    }

    fn validate_update(object: &PersistentVolume, old: &PersistentVolume) -> Errors {
        crate::validation::storage::volume_update(object, old)
    }

    fn cells(volume: &PersistentVolume, now: Timestamp) -> Vec<Value> {
        let spec = volume.spec.clone().unwrap_or_default();
        let status = volume.status.clone().unwrap_or_default();
        let terminating = volume.metadata.deletion_timestamp.is_some();
        let phase = if terminating { "Terminating".to_owned() } else { status.phase.unwrap_or_default() };
        let claim = spec
            .claim_ref
            .map(|it| format!("{}/{}", it.namespace.unwrap_or_default(), it.name.unwrap_or_default()));
        let capacity = spec.capacity.and_then(|mut it| it.remove("storage"));
        vec![
            name_cell(&volume.metadata),
            capacity.map(|it| it.0).unwrap_or_default().into(),
            modes(spec.access_modes.as_deref()).into(),
            spec.persistent_volume_reclaim_policy.unwrap_or_default().into(),
            phase.into(),
            claim.unwrap_or_default().into(),
            class_of(&volume.metadata, spec.storage_class_name.as_deref()).into(),
            spec.volume_attributes_class_name.unwrap_or_else(|| UNSET.to_owned()).into(),
            status.reason.unwrap_or_default().into(),
            age_cell(&volume.metadata, now),
            spec.volume_mode.unwrap_or_else(|| UNSET.to_owned()).into(),
        ]
    }
}

/// The storage class, by annotation or field.
pub(crate) fn class_of(meta: &ObjectMeta, class: Option<&str>) -> String {
    meta::annotation(meta, CLASS_ANNOTATION).or(class).unwrap_or_default().to_owned()
}

/// Access modes, abbreviated and without doubles: `RWO,ROX`.
pub(crate) fn modes(modes: Option<&[String]>) -> String {
    let short = |mode: &&str| modes.into_iter().flatten().any(|it| it == mode);
    let all = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
    let names = ["RWO", "ROX", "RWX", "RWOP"];
    let shown: Vec<&str> = all.iter().zip(names).filter(|(mode, _)| short(mode)).map(|(_, it)| it).collect();
    shown.join(",")
}
