//! What is wrong with volumes, claims and their classes.

use crate::field::{Error, Errors, Path};
use crate::quantity::{Amount, amount};
use crate::validation::common::{all, immutable, label_selector, one_of, optional, optional_one_of, shown};
use crate::validation::{csi, names, pod};
use k8s_openapi::api::core::v1::{
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::json;
use std::collections::BTreeMap;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];
/// The sources of volumes in the order in which upstream looks at them: of several the first one counts.
const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

/// What is wrong with a PersistentVolumeClaim.
pub fn claim(claim: &PersistentVolumeClaim) -> Errors {
    let mut errors = Errors::new();
    claim_spec(&mut errors, &Path::new("spec"), &claim.spec.clone().unwrap_or_default());
    errors
}

/// What is wrong with a claim's spec, also in templates.
pub(crate) fn claim_spec(errors: &mut Errors, path: &Path, spec: &PersistentVolumeClaimSpec) {
    access_modes(errors, &path.child("accessModes"), spec.access_modes.as_deref().unwrap_or_default());
    if let Some(selector) = &spec.selector {
        label_selector(errors, &path.child("selector"), selector);
    }
    let resources = path.child("resources");
    match requested(spec) {
        None => errors.push(Error::required(&resources.key("storage"), "")),
        Some(size) => positive(errors, &resources.child("requests").key("storage"), size),
    }
    optional(
        errors,
        &path.child("storageClassName"),
        spec.storage_class_name.as_deref(),
        names::dns_subdomain,
    );
    optional_one_of(errors, &path.child("volumeMode"), spec.volume_mode.as_deref(), &VOLUME_MODES);
    data_sources(errors, path, spec);
}

/// What a claim's volume is filled with, in the older and the newer way of saying it (KEP-1495).
fn data_sources(errors: &mut Errors, path: &Path, spec: &PersistentVolumeClaimSpec) {
    let (old, new) = (spec.data_source.as_ref(), spec.data_source_ref.as_ref());
    if let Some(it) = old {
        let named = (it.api_group.as_deref(), it.kind.as_str(), it.name.as_str());
        data_source(errors, &path.child("dataSource"), named);
    }
    let Some(new) = new else { return };
    let named = (new.api_group.as_deref(), new.kind.as_str(), new.name.as_str());
    data_source(errors, &path.child("dataSourceRef"), named);
    let namespace = new.namespace.as_deref().filter(|it| !it.is_empty());
    if let Some(namespace) = namespace {
        let path = path.child("dataSourceRef").child("namespace");
        all(errors, &path, namespace, names::dns_label(namespace));
    }
    let Some(old) = old else { return };
    if namespace.is_some() {
        let detail = "may not be specified when dataSourceRef.namespace is specified";
        errors.push(Error::invalid(path, json!({}), detail));
    } else if (old.api_group.as_deref(), old.kind.as_str(), old.name.as_str()) != named {
        errors.push(Error::invalid(path, json!({}), "must match dataSourceRef"));
    }
}

fn data_source(errors: &mut Errors, path: &Path, (group, kind, name): (Option<&str>, &str, &str)) {
    for (field, value) in [("name", name), ("kind", kind)] {
        if value.is_empty() {
            errors.push(Error::required(&path.child(field), ""));
        }
    }
    match group.unwrap_or_default() {
        "" if kind != "PersistentVolumeClaim" => {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(Error::invalid(path, kind, detail));
        }
        "" => {}
        group => all(errors, &path.child("apiGroup"), group, names::dns_subdomain(group)),
    }
}

fn requested(spec: &PersistentVolumeClaimSpec) -> Option<&Quantity> {
    spec.resources.as_ref()?.requests.as_ref()?.get("storage")
}

fn positive(errors: &mut Errors, path: &Path, size: &Quantity) {
    if amount(size) <= Amount::default() {
        errors.push(Error::invalid(path, size.0.as_str(), "must be greater than zero"));
    }
}

fn access_modes(errors: &mut Errors, path: &Path, modes: &[String]) {
    if modes.is_empty() {
        errors.push(Error::required(path, "at least 1 access mode is required"));
    }
    for mode in modes.iter().filter(|it| !ACCESS_MODES.contains(&it.as_str())) {
        errors.push(Error::not_supported(path, mode.as_str(), &ACCESS_MODES));
    }
    if modes.len() > 1 && modes.iter().any(|it| it == "ReadWriteOncePod") {
        let detail = "may not use ReadWriteOncePod with other access modes";
        errors.push(Error::forbidden(path, detail));
    }
}

/// What is wrong with a change of a claim: once bound it may grow, and little else.
pub fn claim_update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let bound = old.status.as_ref().and_then(|it| it.phase.as_deref()) == Some("Bound");
    let (new, old) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let mut allowed = old.clone();
    allowed.volume_attributes_class_name.clone_from(&new.volume_attributes_class_name);
    if old.volume_name.as_deref().is_none_or(str::is_empty) {
        allowed.volume_name.clone_from(&new.volume_name);
    }
    if old.storage_class_name.is_none() {
        allowed.storage_class_name.clone_from(&new.storage_class_name);
    }
    if bound {
        allowed.resources.clone_from(&new.resources);
    }
    if allowed != new {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        errors.push(Error::forbidden(&path, detail));
    }
    if let (Some(new), Some(old)) = (requested(&new), requested(&old))
        && bound
        && amount(new) < amount(old)
    {
        let path = path.child("resources").child("requests").child("storage");
        errors.push(Error::forbidden(&path, "field can not be less than status.capacity"));
    }
    errors
}

/// What is wrong with a PersistentVolume.
pub fn volume(volume: &PersistentVolume) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = volume.spec.clone().unwrap_or_default();
    access_modes(&mut errors, &path.child("accessModes"), spec.access_modes.as_deref().unwrap_or_default());
    let capacity = spec.capacity.as_ref().and_then(|it| it.get("storage"));
    match capacity {
        None if spec.capacity.as_ref().is_none_or(BTreeMap::is_empty) => {
            errors.push(Error::required(&path.child("capacity"), ""));
        }
        None => {}
        Some(size) => positive(&mut errors, &path.child("capacity").key("storage"), size),
    }
    if spec.capacity.as_ref().is_some_and(|it| it.len() > 1 || !it.contains_key("storage")) {
        let path = path.child("capacity");
        errors.push(Error::not_supported(&path, shown(&spec.capacity), &["storage"]));
    }
    let policies = ["Delete", "Recycle", "Retain"];
    let policy = spec.persistent_volume_reclaim_policy.as_deref();
    optional_one_of(&mut errors, &path.child("persistentVolumeReclaimPolicy"), policy, &policies);
    optional_one_of(&mut errors, &path.child("volumeMode"), spec.volume_mode.as_deref(), &VOLUME_MODES);
    let class = spec.storage_class_name.as_deref();
    optional(&mut errors, &path.child("storageClassName"), class, names::dns_subdomain);
    if let Some(host_path) = &spec.host_path {
        pod::host_path(&mut errors, &path.child("hostPath"), host_path);
        let whole = host_path.path.split('/').all(|it| matches!(it, "" | "."));
        if whole && host_path.path.starts_with('/') && policy == Some("Recycle") {
            let detail = "may not be 'recycle' for a hostPath mount of '/'";
            errors.push(Error::forbidden(&path.child("persistentVolumeReclaimPolicy"), detail));
        }
    }
    if let Some(source) = &spec.csi {
        csi::source(&mut errors, &path.child("csi"), source);
    }
    if let Some(nfs) = &spec.nfs {
        pod::nfs(&mut errors, &path.child("nfs"), nfs);
    }
    if let Some(required) = spec.node_affinity.as_ref().and_then(|it| it.required.as_ref()) {
        pod::node_selector(&mut errors, &path.child("nodeAffinity").child("required"), required);
    }
    if let Some(local) = &spec.local {
        if local.path.is_empty() {
            errors.push(Error::required(&path.child("local").child("path"), ""));
        }
        if spec.node_affinity.is_none() {
            errors.push(Error::required(&path.child("nodeAffinity"), "Local volume requires node affinity"));
        }
    }
    one_source(&mut errors, &path, &spec);
    errors
}

/// Exactly one source may be given.
fn one_source(errors: &mut Errors, path: &Path, spec: &PersistentVolumeSpec) {
    let sources = shown(&source_of(spec));
    let given: Vec<&String> = sources.as_object().into_iter().flat_map(|it| it.keys()).collect();
    let order = |name: &&String| SOURCES.iter().position(|it| it == name);
    let first = given.iter().min_by_key(|it| order(it));
    let Some(first) = first else {
        errors.push(Error::required(path, "must specify a volume type"));
        return;
    };
    for name in given.iter().filter(|it| *it != first) {
        errors.push(Error::forbidden(&path.child(name), "may not specify more than 1 volume type"));
    }
}

/// The spec with nothing but its source.
fn source_of(spec: &PersistentVolumeSpec) -> PersistentVolumeSpec {
    PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    }
}

/// What is wrong with a change of a PersistentVolume.
pub fn volume_update(new: &PersistentVolume, old: &PersistentVolume) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let (new, old) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    if source_of(&new) != source_of(&old) {
        let detail = "spec.persistentvolumesource is immutable after creation";
        errors.push(Error::forbidden(&path.child("persistentvolumesource"), detail));
    }
    immutable(&mut errors, &path.child("volumeMode"), &new.volume_mode, &old.volume_mode);
    if old.node_affinity.is_some() {
        immutable(&mut errors, &path.child("nodeAffinity"), &new.node_affinity, &old.node_affinity);
    }
    errors
}

/// What is wrong with a StorageClass.
pub fn class(class: &StorageClass) -> Errors {
    let mut errors = Errors::new();
    match class.provisioner.as_str() {
        "" => errors.push(Error::required(&Path::new("provisioner"), "")),
        name => {
            let messages = names::qualified_name(&name.to_lowercase());
            all(&mut errors, &Path::new("provisioner"), name, messages);
        }
    }
    let policy = class.reclaim_policy.as_deref();
    optional_one_of(&mut errors, &Path::new("reclaimPolicy"), policy, &["Delete", "Retain"]);
    let mode = class.volume_binding_mode.as_deref();
    one_of(&mut errors, &Path::new("volumeBindingMode"), mode, &["Immediate", "WaitForFirstConsumer"]);
    errors
}

/// What is wrong with a change of a StorageClass.
pub fn class_update(new: &StorageClass, old: &StorageClass) -> Errors {
    let mut errors = Errors::new();
    for (field, same) in [
        ("parameters", new.parameters == old.parameters),
        ("provisioner", new.provisioner == old.provisioner),
        ("reclaimPolicy", new.reclaim_policy == old.reclaim_policy),
    ] {
        if !same {
            errors.push(Error::forbidden(&Path::new(field), format!("updates to {field} are forbidden.")));
        }
    }
    immutable(
        &mut errors,
        &Path::new("volumeBindingMode"),
        &new.volume_binding_mode,
        &old.volume_binding_mode,
    );
    errors
}
