//! What is mounted into a container: the pod's volumes, its network files, and the file for its last words.

use std::path::{Component, Path, PathBuf};

use api::{
    k8s::api::core::v1::{EmptyDirVolumeSource, Pod, PodSpec, Volume, VolumeMount},
    quantity::amount,
};

use crate::{
    container_runtime::{Mount, MountSource},
    labels::{self, Owner},
    volumes,
};

use super::{ConfigError, Inputs, NodeFacts, expand};

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";
const TERMINATION_LOG: &str = "/dev/termination-log";
/// Where the pause container keeps shared memory alive.
const KEPT: &str = "/memory";

/// A folder inside a volume that has to exist before it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFolder {
    /// The volume: the folder must not lead out of it.
    pub volume: PathBuf,
    /// The folder, or a file that exists.
    pub path: PathBuf,
}

/// The file of a pod that becomes `/etc/hosts`.
pub(crate) fn hosts_path(folder: &Path) -> PathBuf {
    folder.join("etc-hosts")
}

/// The file of a pod that becomes `/etc/resolv.conf`.
pub(crate) fn resolv_path(folder: &Path) -> PathBuf {
    folder.join("resolv.conf")
}

/// The file for the last words of one attempt.
pub(super) fn termination_log(folder: &Path, container: &str, number: u32) -> PathBuf {
    folder.join("containers").join(container).join(number.to_string())
}

/// The folders of a pod that have to exist whatever it mounts.
pub fn folders_of(folder: &Path) -> [PathBuf; 2] {
    [folder.join("volumes"), folder.join("containers")]
}

pub(super) fn mounts_of(
    inputs: &Inputs<'_>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(Vec<Mount>, Vec<HostFolder>), ConfigError> {
    let (mut mounts, mut folders) = (Vec::new(), Vec::new());
    for asked in inputs.container.volume_mounts.iter().flatten() {
        let volume = inputs.spec.volumes.iter().flatten().find(|it| it.name == asked.name);
        let volume = volume.ok_or_else(|| unsupported(format!("volume {} not found", asked.name)))?;
        let (source, folder) = source_of(inputs, volume, asked, lookup)?;
        folders.extend(folder);
        mounts.push(Mount {
            source,
            target: asked.mount_path.clone(),
            read_only: asked.read_only == Some(true) || volumes::is_written_by_agent(volume),
            propagation: propagation_of(asked),
        });
    }
    for (target, source) in own_files(inputs) {
        if !mounts.iter().any(|it| it.target == target) {
            mounts.push(Mount {
                source: MountSource::Host(source),
                target,
                read_only: false,
                propagation: None,
            });
        }
    }
    Ok((mounts, folders))
}

fn source_of(
    inputs: &Inputs<'_>,
    volume: &Volume,
    asked: &VolumeMount,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(MountSource, Option<HostFolder>), ConfigError> {
    let sub_path = sub_path_of(asked, lookup)?;
    if let Some(empty_dir) = volume.empty_dir.as_ref().filter(|it| in_memory(it)) {
        if sub_path.is_some() {
            let why = format!("a subPath of volume {} is not supported: its medium is Memory", volume.name);
            return Err(unsupported(why));
        }
        return Ok((memory_source(inputs.pod, &inputs.node.owner, &volume.name, empty_dir), None));
    }
    let root = match &volume.host_path {
        Some(host_path) => PathBuf::from(&host_path.path),
        None => volumes::folder_of(inputs.folder, &volume.name),
    };
    let Some(sub_path) = sub_path else { return Ok((MountSource::Host(root), None)) };
    let path = root.join(sub_path);
    Ok((MountSource::Host(path.clone()), Some(HostFolder { volume: root, path })))
}

/// The part of the volume that is mounted, if not all of it.
fn sub_path_of(
    asked: &VolumeMount,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<PathBuf>, ConfigError> {
    let expression = asked.sub_path_expr.as_ref().filter(|it| !it.is_empty());
    let text = match expression {
        Some(expression) => Some(expand(expression, lookup)),
        None => asked.sub_path.clone().filter(|it| !it.is_empty()),
    };
    let Some(path) = text.map(PathBuf::from) else { return Ok(None) };
    let stays = path.components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    if stays {
        Ok(Some(path))
    } else {
        Err(unsupported(format!("subPath {} must stay inside the volume", path.display())))
    }
}

fn unsupported(why: String) -> ConfigError {
    ConfigError::Unsupported(why)
}

fn propagation_of(asked: &VolumeMount) -> Option<&'static str> {
    match asked.mount_propagation.as_deref() {
        Some("HostToContainer") => Some("rslave"),
        Some("Bidirectional") => Some("rshared"),
        _ => None,
    }
}

/// The agent's own files: where in the container, and where on the host.
fn own_files(inputs: &Inputs<'_>) -> Vec<(String, PathBuf)> {
    let words = inputs.container.termination_message_path.as_deref().filter(|it| !it.is_empty());
    let mut files = vec![
        (RESOLV_CONF.to_owned(), resolv_path(inputs.folder)),
        (
            words.unwrap_or(TERMINATION_LOG).to_owned(),
            termination_log(inputs.folder, &inputs.container.name, inputs.number),
        ),
    ];
    // On the host's network the engine's copy of the host's file is right, until the pod adds names of its own.
    if inputs.spec.host_network != Some(true) || inputs.spec.host_aliases.is_some() {
        files.push((HOSTS.to_owned(), hosts_path(inputs.folder)));
    }
    files
}

fn in_memory(source: &EmptyDirVolumeSource) -> bool {
    source.medium.as_deref() == Some("Memory")
}

fn memory_source(pod: &Pod, owner: &Owner, volume: &str, source: &EmptyDirVolumeSource) -> MountSource {
    let size = source.size_limit.as_ref().and_then(|it| u64::try_from(amount(it).value()).ok());
    let mut all = owner.labels();
    all.extend(pod.metadata.uid.iter().map(|uid| (labels::POD_UID.to_owned(), uid.clone())));
    MountSource::Memory { name: memory_name(pod, volume), size: size.filter(|it| *it > 0), labels: all }
}

/// The engine's name for a volume in memory.
fn memory_name(pod: &Pod, volume: &str) -> String {
    format!("{}_{volume}", pod.metadata.uid.as_deref().unwrap_or_default())
}

/// The engine's names for all of a pod's volumes in memory.
pub(crate) fn memory_names(pod: &Pod, spec: &PodSpec) -> Vec<String> {
    memory_volumes(spec).map(|(name, _)| memory_name(pod, name)).collect()
}

fn memory_volumes(spec: &PodSpec) -> impl Iterator<Item = (&str, &EmptyDirVolumeSource)> {
    let volumes = spec.volumes.iter().flatten();
    volumes.filter_map(|it| Some((it.name.as_str(), it.empty_dir.as_ref().filter(|it| in_memory(it))?)))
}

/// Volumes in memory last as long as somebody mounts them: the pause container does, for the pod's whole life.
pub(super) fn memory_mounts(pod: &Pod, spec: &PodSpec, node: &NodeFacts) -> Vec<Mount> {
    let mount = |(name, source): (&str, &EmptyDirVolumeSource)| Mount {
        source: memory_source(pod, &node.owner, name, source),
        target: format!("{KEPT}/{name}"),
        read_only: false,
        propagation: None,
    };
    memory_volumes(spec).map(mount).collect()
}
