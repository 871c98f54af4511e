//! Service accounts of pods: the default account, its token mounted into every container, its pull secrets.
//!
//! Follows upstream's "Configure Service Accounts for Pods".

use super::{Attempt, Plugin, View};
use api::k8s::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath,
    ObjectFieldSelector, Pod, PodSpec, ProjectedVolumeSource, ServiceAccount, ServiceAccountTokenProjection,
    Volume, VolumeMount, VolumeProjection,
};
use api::{ApiError, meta};

const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
/// A pod of a node's own manifest, which the API server only mirrors.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";
/// An hour, and seven seconds by which such tokens are told from those that somebody asked for.
const TOKEN_SECONDS: i64 = 3607;
const MODE: i32 = 0o644;

/// See the module.
pub(super) struct ServiceAccounts;

impl Plugin for ServiceAccounts {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let namespace = attempt.key.namespace.clone();
        let Some(pod) = attempt.created::<Pod>() else { return Ok(()) };
        if meta::annotation(&pod.metadata, MIRROR).is_some() {
            return Ok(());
        }
        let spec = pod.spec.get_or_insert_default();
        let name = spec.service_account_name.clone().filter(|it| !it.is_empty());
        let name = name.unwrap_or_else(|| "default".to_owned());
        spec.service_account_name = Some(name.clone());
        spec.service_account = Some(name.clone());
        let Some(object) = view.object::<ServiceAccount>(&namespace, &name)? else {
            let why = format!(
                "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
            );
            return Err(attempt.forbidden(&why));
        };
        let account = object.get::<ServiceAccount>();
        let own = account.and_then(|it| it.automount_service_account_token);
        if spec.automount_service_account_token.or(own).unwrap_or(true) {
            mount_token(spec, &format!("{VOLUME_PREFIX}{}", view.state.random.suffix(5)));
        }
        if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
            spec.image_pull_secrets = account.and_then(|it| it.image_pull_secrets.clone());
        }
        Ok(())
    }
}

/// Mounts the token into each container that has nothing mounted there already.
fn mount_token(spec: &mut PodSpec, fresh: &str) {
    let existing = spec.volumes.iter().flatten().find(|it| it.name.starts_with(VOLUME_PREFIX));
    let existing = existing.map(|it| it.name.clone());
    let name = existing.as_deref().unwrap_or(fresh);
    let mut mounted = false;
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        mounted |= mount(container, name);
    }
    if mounted && existing.is_none() {
        spec.volumes.get_or_insert_default().push(volume(fresh));
    }
}

fn mount(container: &mut Container, volume: &str) -> bool {
    let mounts = container.volume_mounts.get_or_insert_default();
    if mounts.iter().any(|it| it.mount_path == MOUNT_PATH) {
        return false;
    }
    mounts.push(VolumeMount {
        name: volume.to_owned(),
        mount_path: MOUNT_PATH.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    });
    true
}

/// Token, cluster CA and namespace, as in-cluster clients look for them.
fn volume(name: &str) -> Volume {
    let token = ServiceAccountTokenProjection {
        path: "token".to_owned(),
        expiration_seconds: Some(TOKEN_SECONDS),
        ..ServiceAccountTokenProjection::default()
    };
    let certificate =
        KeyToPath { key: "ca.crt".to_owned(), path: "ca.crt".to_owned(), ..KeyToPath::default() };
    let authority = ConfigMapProjection {
        name: "kube-root-ca.crt".to_owned(),
        items: Some(vec![certificate]),
        ..ConfigMapProjection::default()
    };
    let field = ObjectFieldSelector {
        api_version: Some("v1".to_owned()),
        field_path: "metadata.namespace".to_owned(),
    };
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".to_owned(),
        field_ref: Some(field),
        ..DownwardAPIVolumeFile::default()
    };
    let sources = vec![
        VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() },
        VolumeProjection { config_map: Some(authority), ..VolumeProjection::default() },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection { items: Some(vec![namespace]) }),
            ..VolumeProjection::default()
        },
    ];
    Volume {
        name: name.to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(MODE),
            sources: Some(sources),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(mounts: &[&str]) -> PodSpec {
        let mounts = mounts
            .iter()
            .map(|path| VolumeMount { mount_path: (*path).to_owned(), ..VolumeMount::default() });
        let container = Container { volume_mounts: Some(mounts.collect()), ..Container::default() };
        PodSpec { containers: vec![container], ..PodSpec::default() }
    }

    #[test]
    fn the_token_is_mounted_once() {
        let check = |mut spec: PodSpec, volumes: usize, mounts: usize| {
            mount_token(&mut spec, "kube-api-access-x");
            mount_token(&mut spec, "kube-api-access-y");
            assert_eq!(spec.volumes.unwrap_or_default().len(), volumes);
            assert_eq!(spec.containers[0].volume_mounts.as_ref().map(Vec::len), Some(mounts));
        };
        check(spec(&[]), 1, 1);
        check(spec(&["/data"]), 1, 2);
        check(spec(&[MOUNT_PATH]), 0, 1);
    }
}
