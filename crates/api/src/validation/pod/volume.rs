//! What is wrong with volumes.

use super::{env, local_path, no_backsteps, required_name, required_text};
use crate::field::{Error, Errors, Path};
use crate::quantity::amount;
use crate::validation::common::one_of;
use crate::validation::storage::claim_spec;
use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, NFSVolumeSource, ProjectedVolumeSource, Volume,
    VolumeProjection,
};
use std::collections::BTreeSet;

const HOST_PATH_TYPES: [&str; 8] =
    ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];

/// Checks volumes and answers the names of those that are well named.
pub(super) fn volumes(errors: &mut Errors, path: &Path, volumes: &[Volume]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        sources(errors, &path, volume);
        required_name(errors, &path.child("name"), &volume.name);
        if !volume.name.is_empty() && !names.insert(volume.name.clone()) {
            errors.push(Error::duplicate(&path.child("name"), volume.name.as_str()));
        }
    }
    names
}

/// Exactly one source may be given; a second one is not looked at.
struct Sources<'a> {
    errors: &'a mut Errors,
    path: &'a Path,
    count: usize,
}

impl Sources<'_> {
    fn source<T>(&mut self, name: &str, source: Option<&T>, check: impl FnOnce(&mut Errors, &Path, &T)) {
        let Some(source) = source else { return };
        let path = self.path.child(name);
        self.count += 1;
        if self.count > 1 {
            self.errors.push(Error::forbidden(&path, "may not specify more than 1 volume type"));
        } else {
            check(self.errors, &path, source);
        }
    }
}

fn sources(errors: &mut Errors, path: &Path, volume: &Volume) {
    let mut sources = Sources { errors, path, count: 0 };
    sources.source("emptyDir", volume.empty_dir.as_ref(), |errors, path, it| {
        if let Some(limit) = it.size_limit.as_ref().filter(|it| amount(it).is_negative()) {
            let detail = "SizeLimit field must be a valid resource quantity";
            errors.push(Error::forbidden(&path.child("sizeLimit"), format!("{detail}: {}", limit.0)));
        }
    });
    sources.source("hostPath", volume.host_path.as_ref(), host_path);
    sources.source("secret", volume.secret.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("secretName"), it.secret_name.as_deref());
        mode(errors, &path.child("defaultMode"), it.default_mode);
        items(errors, &path.child("items"), it.items.as_deref());
    });
    sources.source("configMap", volume.config_map.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("name"), Some(&it.name));
        mode(errors, &path.child("defaultMode"), it.default_mode);
        items(errors, &path.child("items"), it.items.as_deref());
    });
    sources.source("persistentVolumeClaim", volume.persistent_volume_claim.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("claimName"), Some(&it.claim_name));
    });
    sources.source("downwardAPI", volume.downward_api.as_ref(), |errors, path, it| {
        mode(errors, &path.child("defaultMode"), it.default_mode);
        downward_files(errors, &path.child("items"), it.items.as_deref());
    });
    sources.source("projected", volume.projected.as_ref(), projected);
    sources.source("ephemeral", volume.ephemeral.as_ref(), |errors, path, it| {
        let path = path.child("volumeClaimTemplate");
        match &it.volume_claim_template {
            Some(template) => claim_spec(errors, &path.child("spec"), &template.spec),
            None => errors.push(Error::required(&path, "")),
        }
    });
    sources.source("nfs", volume.nfs.as_ref(), nfs);
    sources.source("csi", volume.csi.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("driver"), Some(&it.driver));
    });
    sources.source("image", volume.image.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("reference"), it.reference.as_deref());
        let policies = ["Always", "IfNotPresent", "Never"];
        one_of(errors, &path.child("pullPolicy"), it.pull_policy.as_deref(), &policies);
    });
    if sources.count == 0 && !has_other_source(volume) {
        sources.errors.push(Error::required(path, "must specify a volume type"));
    }
}

/// Sources whose own fields are not checked here.
fn has_other_source(volume: &Volume) -> bool {
    *volume != Volume { name: volume.name.clone(), ..Volume::default() }
}

/// A path on a host, also of a PersistentVolume.
pub(crate) fn host_path(errors: &mut Errors, path: &Path, source: &HostPathVolumeSource) {
    if source.path.is_empty() {
        errors.push(Error::required(&path.child("path"), ""));
    } else {
        no_backsteps(errors, &path.child("path"), &source.path);
    }
    if let Some(type_) = source.type_.as_deref().filter(|it| !HOST_PATH_TYPES.contains(it)) {
        errors.push(Error::not_supported(&path.child("type"), type_, &HOST_PATH_TYPES));
    }
}

/// A share on a server of files, also of a PersistentVolume.
pub(crate) fn nfs(errors: &mut Errors, path: &Path, source: &NFSVolumeSource) {
    required_text(errors, &path.child("server"), Some(&source.server));
    required_text(errors, &path.child("path"), Some(&source.path));
    if !source.path.is_empty() && !source.path.starts_with('/') {
        errors.push(Error::invalid(&path.child("path"), source.path.as_str(), "must be an absolute path"));
    }
}

fn mode(errors: &mut Errors, path: &Path, mode: Option<i32>) {
    if let Some(mode) = mode.filter(|it| !(0..=0o777).contains(it)) {
        errors.push(Error::invalid(
            path,
            mode,
            "must be a number between 0 and 0777 (octal), both inclusive",
        ));
    }
}

fn file_path(errors: &mut Errors, path: &Path, value: &str) {
    if value.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    local_path(errors, path, value);
    if value.starts_with("..") && !value.starts_with("../") {
        errors.push(Error::invalid(path, value, "must not start with '..'"));
    }
}

fn items(errors: &mut Errors, path: &Path, items: Option<&[KeyToPath]>) {
    for (index, item) in items.into_iter().flatten().enumerate() {
        let path = path.index(index);
        required_text(errors, &path.child("key"), Some(&item.key));
        file_path(errors, &path.child("path"), &item.path);
        mode(errors, &path.child("mode"), item.mode);
    }
}

fn downward_files(errors: &mut Errors, path: &Path, files: Option<&[DownwardAPIVolumeFile]>) {
    for (index, file) in files.into_iter().flatten().enumerate() {
        let path = path.index(index);
        file_path(errors, &path.child("path"), &file.path);
        mode(errors, &path.child("mode"), file.mode);
        match (&file.field_ref, &file.resource_field_ref) {
            (Some(field), None) => env::field_ref(errors, &path.child("fieldRef"), field, env::IN_FILES),
            (None, Some(resource)) => {
                let path = path.child("resourceFieldRef");
                required_text(errors, &path.child("containerName"), resource.container_name.as_deref());
                env::resource_ref(errors, &path, resource);
            }
            (Some(_), Some(_)) => {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(Error::invalid(&path, "resource", detail));
            }
            (None, None) => {
                errors.push(Error::required(&path, "one of fieldRef and resourceFieldRef is required"));
            }
        }
    }
}

fn projected(errors: &mut Errors, path: &Path, source: &ProjectedVolumeSource) {
    mode(errors, &path.child("defaultMode"), source.default_mode);
    for (index, it) in source.sources.iter().flatten().enumerate() {
        projection(errors, &path.child("sources").index(index), it);
    }
}

fn projection(errors: &mut Errors, path: &Path, projection: &VolumeProjection) {
    let mut sources = Sources { errors, path, count: 0 };
    sources.source("secret", projection.secret.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("name"), Some(&it.name));
        items(errors, &path.child("items"), it.items.as_deref());
    });
    sources.source("configMap", projection.config_map.as_ref(), |errors, path, it| {
        required_text(errors, &path.child("name"), Some(&it.name));
        items(errors, &path.child("items"), it.items.as_deref());
    });
    sources.source("downwardAPI", projection.downward_api.as_ref(), |errors, path, it| {
        downward_files(errors, &path.child("items"), it.items.as_deref());
    });
    sources.source("serviceAccountToken", projection.service_account_token.as_ref(), |errors, path, it| {
        let seconds = it.expiration_seconds.unwrap_or(0);
        if seconds < 600 {
            let detail = "may not specify a duration less than 10 minutes";
            errors.push(Error::invalid(&path.child("expirationSeconds"), seconds, detail));
        }
        file_path(errors, &path.child("path"), &it.path);
    });
    sources.source("clusterTrustBundle", projection.cluster_trust_bundle.as_ref(), |errors, path, it| {
        file_path(errors, &path.child("path"), &it.path);
    });
    if sources.count == 0 && *projection == VolumeProjection::default() {
        sources.errors.push(Error::required(path, "must specify a volume type"));
    }
}
