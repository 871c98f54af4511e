//! What is wrong with the kinds that speak of drivers of storage: what they are, where they run and what they attach.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::quantity::amount;
use crate::validation::common::{IMMUTABLE, all, immutable, label_selector, not_negative, shown};
use crate::validation::names;
use k8s_openapi::api::core::v1::CSIPersistentVolumeSource;
use k8s_openapi::api::storage::v1::{
    CSIDriver, CSINode, CSINodeDriver, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass,
};
use std::collections::BTreeSet;

const MOST_OF_DRIVER: usize = 63;
const MOST_OF_NODE: usize = 192;
/// How short and how long a token for a driver may last, in seconds.
const TOKEN_SECONDS: (i64, i64) = (600, 1 << 32);

/// The name of a driver.
fn driver_name(errors: &mut Errors, path: &Path, name: &str) {
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    if name.len() > MOST_OF_DRIVER {
        errors.push(Error::too_long(path, MOST_OF_DRIVER));
    }
    all(errors, path, name, names::dns_subdomain(&name.to_lowercase()));
}

/// The source of a PersistentVolume.
pub(super) fn source(errors: &mut Errors, path: &Path, source: &CSIPersistentVolumeSource) {
    driver_name(errors, &path.child("driver"), &source.driver);
    if source.volume_handle.is_empty() {
        errors.push(Error::required(&path.child("volumeHandle"), ""));
    }
    for (name, secret) in [
        ("controllerPublishSecretRef", &source.controller_publish_secret_ref),
        ("controllerExpandSecretRef", &source.controller_expand_secret_ref),
        ("nodePublishSecretRef", &source.node_publish_secret_ref),
        ("nodeExpandSecretRef", &source.node_expand_secret_ref),
    ] {
        let Some(secret) = secret else { continue };
        for (field, value) in [("name", &secret.name), ("namespace", &secret.namespace)] {
            if value.as_ref().is_none_or(String::is_empty) {
                errors.push(Error::required(&path.child(name).child(field), ""));
            }
        }
    }
}

/// What is wrong with a CSIDriver.
pub fn driver(driver: &CSIDriver) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    driver_name(&mut errors, &Path::new("name"), meta::name(&driver.metadata));
    let spec = &driver.spec;
    let modes = ["Ephemeral", "Persistent"];
    for mode in spec.volume_lifecycle_modes.iter().flatten().filter(|it| !modes.contains(&it.as_str())) {
        errors.push(Error::not_supported(&path.child("volumeLifecycleModes"), mode.as_str(), &modes));
    }
    let policies = ["ReadWriteOnceWithFSType", "File", "None"];
    if let Some(policy) = spec.fs_group_policy.as_deref().filter(|it| !policies.contains(it)) {
        errors.push(Error::not_supported(&path.child("fsGroupPolicy"), policy, &policies));
    }
    let mut audiences = BTreeSet::new();
    for (index, request) in spec.token_requests.iter().flatten().enumerate() {
        let path = path.child("tokenRequests").index(index);
        if !audiences.insert(&request.audience) {
            errors.push(Error::duplicate(&path.child("audience"), request.audience.as_str()));
        }
        let Some(seconds) = request.expiration_seconds else { continue };
        let path = path.child("expirationSeconds");
        if seconds < TOKEN_SECONDS.0 {
            errors.push(Error::invalid(&path, seconds, "may not specify a duration less than 10 minutes"));
        } else if seconds > TOKEN_SECONDS.1 {
            errors.push(Error::invalid(
                &path,
                seconds,
                "may not specify a duration larger than 2^32 seconds",
            ));
        }
    }
    errors
}

/// What is wrong with a change of a CSIDriver. The first field is spelled as upstream does.
pub fn driver_update(new: &CSIDriver, old: &CSIDriver) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let (new, old) = (&new.spec, &old.spec);
    immutable(&mut errors, &path.child("attachedRequired"), &new.attach_required, &old.attach_required);
    let modes = (&new.volume_lifecycle_modes, &old.volume_lifecycle_modes);
    immutable(&mut errors, &path.child("volumeLifecycleModes"), modes.0, modes.1);
    errors
}

/// What is wrong with a CSINode.
pub fn node(node: &CSINode) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec").child("drivers"));
    let mut seen = BTreeSet::new();
    for (index, driver) in node.spec.drivers.iter().enumerate() {
        let path = path.index(index);
        node_driver(&mut errors, &path, driver);
        if !seen.insert(&driver.name) {
            errors.push(Error::duplicate(&path.child("name"), driver.name.as_str()));
        }
    }
    errors
}

fn node_driver(errors: &mut Errors, path: &Path, driver: &CSINodeDriver) {
    driver_name(errors, &path.child("name"), &driver.name);
    let id = path.child("nodeID");
    if driver.node_id.is_empty() {
        errors.push(Error::required(&id, ""));
    } else if driver.node_id.len() > MOST_OF_NODE {
        let detail = format!("must be {MOST_OF_NODE} characters or less");
        errors.push(Error::invalid(&id, driver.node_id.as_str(), detail));
    }
    let count = driver.allocatable.as_ref().and_then(|it| it.count).map(i64::from);
    not_negative(errors, &path.child("allocatable").child("count"), count);
    let mut seen = BTreeSet::new();
    for key in driver.topology_keys.iter().flatten() {
        let path = path.child("topologyKeys");
        if !seen.insert(key) {
            errors.push(Error::duplicate(&path, key.as_str()));
        }
        match key.as_str() {
            "" => errors.push(Error::required(&path, "")),
            key => all(errors, &path, key, names::qualified_name(key)),
        }
    }
}

/// What is wrong with a VolumeAttachment.
pub fn attachment(attachment: &VolumeAttachment) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &attachment.spec);
    driver_name(&mut errors, &path.child("attacher"), &spec.attacher);
    let below = path.child("source");
    let exactly = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (&spec.source.inline_volume_spec, spec.source.persistent_volume_name.as_deref()) {
        (None, None) => errors.push(Error::required(&below, exactly)),
        (Some(_), Some(_)) => errors.push(Error::forbidden(&below, exactly)),
        (None, Some("")) => {
            let detail = "must specify non empty persistentVolumeName";
            errors.push(Error::required(&below.child("persistentVolumeName"), detail));
        }
        _ => {}
    }
    all(&mut errors, &path.child("nodeName"), &spec.node_name, names::dns_subdomain(&spec.node_name));
    errors
}

/// What is wrong with a change of a VolumeAttachment.
pub fn attachment_update(new: &VolumeAttachment, old: &VolumeAttachment) -> Errors {
    if new.spec == old.spec {
        return Errors::new();
    }
    vec![Error::invalid(&Path::new("spec"), shown(&new.spec), IMMUTABLE)]
}

/// What is wrong with a VolumeAttributesClass.
pub fn attributes_class(class: &VolumeAttributesClass) -> Errors {
    let mut errors = Errors::new();
    let path = Path::new("driverName");
    match class.driver_name.as_str() {
        "" => errors.push(Error::required(&path, "")),
        name => all(&mut errors, &path, name, names::qualified_name(&name.to_lowercase())),
    }
    if class.parameters.as_ref().is_none_or(std::collections::BTreeMap::is_empty) {
        errors.push(Error::required(&Path::new("parameters"), "must contain at least one key/value pair"));
    }
    errors
}

/// What is wrong with a change of a VolumeAttributesClass.
pub fn attributes_class_update(new: &VolumeAttributesClass, old: &VolumeAttributesClass) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("driverName"), &new.driver_name, &old.driver_name);
    immutable(&mut errors, &Path::new("parameters"), &new.parameters, &old.parameters);
    errors
}

/// What is wrong with a CSIStorageCapacity.
pub fn capacity(capacity: &CSIStorageCapacity) -> Errors {
    let mut errors = Errors::new();
    if let Some(selector) = &capacity.node_topology {
        label_selector(&mut errors, &Path::new("nodeTopology"), selector);
    }
    let class = &capacity.storage_class_name;
    all(&mut errors, &Path::new("storageClassName"), class, names::dns_subdomain(class));
    for (name, quantity) in
        [("capacity", &capacity.capacity), ("maximumVolumeSize", &capacity.maximum_volume_size)]
    {
        if let Some(quantity) = quantity.as_ref().filter(|it| amount(it).is_negative()) {
            let detail = "must be greater than or equal to 0";
            errors.push(Error::invalid(&Path::new(name), quantity.0.as_str(), detail));
        }
    }
    errors
}

/// What is wrong with a change of a CSIStorageCapacity.
pub fn capacity_update(new: &CSIStorageCapacity, old: &CSIStorageCapacity) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("nodeTopology"), &new.node_topology, &old.node_topology);
    let classes = (&new.storage_class_name, &old.storage_class_name);
    immutable(&mut errors, &Path::new("storageClassName"), classes.0, classes.1);
    errors
}
