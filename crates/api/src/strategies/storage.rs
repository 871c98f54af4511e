//! How the kinds of the group storage.k8s.io behave.

use crate::field::Errors;
use crate::meta;
use crate::strategies::cells::UNSET;
use crate::strategies::defaults::{text, value};
use crate::strategy::{Behaviour, Column, StatusMeta, age_cell, name_cell};
use crate::validation::csi;
use jiff::Timestamp;
use k8s_openapi::api::storage::v1::{
    CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// A StorageClass.
#[derive(Debug)]
pub struct StorageClassStrategy;
/// A VolumeAttributesClass.
#[derive(Debug)]
pub struct VolumeAttributesClassStrategy;
/// A VolumeAttachment.
#[derive(Debug)]
pub struct VolumeAttachmentStrategy;
/// A CSIDriver.
#[derive(Debug)]
pub struct CsiDriverStrategy;
/// A CSINode.
#[derive(Debug)]
pub struct CsiNodeStrategy;
/// A CSIStorageCapacity.
#[derive(Debug)]
pub struct CsiStorageCapacityStrategy;

/// Marks the class of claims that name none.
pub const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const OLDER_DEFAULT_CLASS: &str = "storageclass.beta.kubernetes.io/is-default-class";

/// Whether claims without a class get this one.
pub fn is_default_class(class: &StorageClass) -> bool {
    let marked = |key| meta::annotation(&class.metadata, key) == Some("true");
    marked(DEFAULT_CLASS) || marked(OLDER_DEFAULT_CLASS)
}

impl Behaviour for StorageClassStrategy {
    type Object = StorageClass;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Provisioner", "Who makes the volumes."),
        Column::text("ReclaimPolicy", "What happens to a volume when its claim goes."),
        Column::text("VolumeBindingMode", "When volumes are made and bound."),
        Column { kind: "boolean", ..Column::text("AllowVolumeExpansion", "Whether claims may grow.") },
        Column::AGE,
    ];

    fn set_defaults(class: &mut StorageClass) {
        text(&mut class.reclaim_policy, "Delete");
        text(&mut class.volume_binding_mode, "Immediate");
    }

    fn validate(object: &StorageClass) -> Errors {
        crate::validation::storage::class(object)
    }

    fn validate_update(object: &StorageClass, old: &StorageClass) -> Errors {
        crate::validation::storage::class_update(object, old)
    }

    fn cells(class: &StorageClass, now: Timestamp) -> Vec<Value> {
        let default = if is_default_class(class) { " (default)" } else { "" };
        vec![
            format!("{}{default}", meta::name(&class.metadata)).into(),
            class.provisioner.clone().into(),
            class.reclaim_policy.clone().unwrap_or_default().into(),
            class.volume_binding_mode.clone().unwrap_or_default().into(),
            class.allow_volume_expansion.unwrap_or(false).into(),
            age_cell(&class.metadata, now),
        ]
    }
}

impl Behaviour for VolumeAttributesClassStrategy {
    type Object = VolumeAttributesClass;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("DriverName", "The driver that knows the attributes."), Column::AGE];

    fn validate(object: &VolumeAttributesClass) -> Errors {
        csi::attributes_class(object)
    }

    fn validate_update(object: &VolumeAttributesClass, old: &VolumeAttributesClass) -> Errors {
        csi::attributes_class_update(object, old)
    }

    fn cells(class: &VolumeAttributesClass, now: Timestamp) -> Vec<Value> {
        vec![name_cell(&class.metadata), class.driver_name.clone().into(), age_cell(&class.metadata, now)]
    }
}

impl Behaviour for VolumeAttachmentStrategy {
    type Object = VolumeAttachment;
    const RETURNS_DELETED: bool = true;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Attacher", "The driver that attaches."),
        Column::text("PV", "The volume."),
        Column::text("Node", "The node."),
        Column { kind: "boolean", ..Column::text("Attached", "Whether the volume is attached.") },
        Column::AGE,
    ];

    fn validate(object: &VolumeAttachment) -> Errors {
        csi::attachment(object)
    }

    fn validate_update(object: &VolumeAttachment, old: &VolumeAttachment) -> Errors {
        csi::attachment_update(object, old)
    }

    fn cells(attachment: &VolumeAttachment, now: Timestamp) -> Vec<Value> {
        let spec = &attachment.spec;
        vec![
            name_cell(&attachment.metadata),
            spec.attacher.clone().into(),
            spec.source.persistent_volume_name.clone().unwrap_or_default().into(),
            spec.node_name.clone().into(),
            attachment.status.as_ref().is_some_and(|it| it.attached).into(),
            age_cell(&attachment.metadata, now),
        ]
    }
}

impl Behaviour for CsiDriverStrategy {
    type Object = CSIDriver;
    const RETURNS_DELETED: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column { kind: "boolean", ..Column::text("AttachRequired", "Whether volumes are attached first.") },
        Column { kind: "boolean", ..Column::text("PodInfoOnMount", "Whether the driver is told of pods.") },
        Column { kind: "boolean", ..Column::text("StorageCapacity", "Whether free capacity is known.") },
        Column::text("TokenRequests", "Audiences of the tokens the driver gets."),
        Column {
            kind: "boolean",
            ..Column::text("RequiresRepublish", "Whether volumes are published again.")
        },
        Column::text("Modes", "Lifecycle modes of the volumes."),
        Column::AGE,
    ];

    fn set_defaults(driver: &mut CSIDriver) {
        let spec = &mut driver.spec;
        value(&mut spec.attach_required, true);
        value(&mut spec.pod_info_on_mount, false);
        value(&mut spec.storage_capacity, false);
        value(&mut spec.requires_republish, false);
        value(&mut spec.se_linux_mount, false);
        text(&mut spec.fs_group_policy, "ReadWriteOnceWithFSType");
        let modes = spec.volume_lifecycle_modes.get_or_insert_default();
        if modes.is_empty() {
            modes.push("Persistent".to_owned());
        }
    }

    fn validate(object: &CSIDriver) -> Errors {
        csi::driver(object)
    }

    fn validate_update(object: &CSIDriver, old: &CSIDriver) -> Errors {
        csi::driver_update(object, old)
    }

    fn cells(driver: &CSIDriver, now: Timestamp) -> Vec<Value> {
        let spec = &driver.spec;
        let audiences: Vec<&str> =
            spec.token_requests.iter().flatten().map(|it| it.audience.as_str()).collect();
        let audiences = if audiences.is_empty() { UNSET.to_owned() } else { audiences.join(",") };
        let modes =
            spec.volume_lifecycle_modes.as_ref().map_or_else(|| "<none>".to_owned(), |it| it.join(","));
        vec![
            name_cell(&driver.metadata),
            spec.attach_required.unwrap_or(true).into(),
            spec.pod_info_on_mount.unwrap_or(false).into(),
            spec.storage_capacity.unwrap_or(false).into(),
            audiences.into(),
            spec.requires_republish.unwrap_or(false).into(),
            modes.into(),
            age_cell(&driver.metadata, now),
        ]
    }
}

impl Behaviour for CsiNodeStrategy {
    type Object = CSINode;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::number("Drivers", "How many drivers the node has."), Column::AGE];

    fn validate(object: &CSINode) -> Errors {
        csi::node(object)
    }

    fn cells(node: &CSINode, now: Timestamp) -> Vec<Value> {
        vec![name_cell(&node.metadata), node.spec.drivers.len().into(), age_cell(&node.metadata, now)]
    }
}

impl Behaviour for CsiStorageCapacityStrategy {
    type Object = CSIStorageCapacity;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("StorageClassName", "The class."),
        Column::text("Capacity", "How much storage is free."),
    ];

    fn quantities(object: &mut CSIStorageCapacity, visit: &mut dyn FnMut(&mut Quantity)) {
        object.capacity.iter_mut().chain(&mut object.maximum_volume_size).for_each(visit);
    }

    fn validate(object: &CSIStorageCapacity) -> Errors {
        csi::capacity(object)
    }

    fn validate_update(object: &CSIStorageCapacity, old: &CSIStorageCapacity) -> Errors {
        csi::capacity_update(object, old)
    }

    fn cells(capacity: &CSIStorageCapacity, _now: Timestamp) -> Vec<Value> {
        let free = capacity.capacity.as_ref().map_or_else(|| UNSET.to_owned(), |it| it.0.clone());
        vec![name_cell(&capacity.metadata), capacity.storage_class_name.clone().into(), free.into()]
    }
}
