//! A pod's volumes on the host: what they hold, and writing it.
//!
//! Start at [`content_of`], which is pure: it gives the files of a ConfigMap, Secret, downward API or projected volume.
//! [`disk`] writes them so that readers see the old files or the new ones and never a mixture, makes empty folders and
//! checks host paths. Volumes that live in memory are the engine's ([`crate::compose`]).

mod content;
pub(crate) mod disk;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use api::{
    k8s::api::core::v1::{PodSpec, Volume, VolumeProjection},
    quantity::amount,
};
use jiff::SignedDuration;

use crate::compose::Needs;

pub use content::{ContentError, Given, content_of};

/// How often volumes that may change are looked at again.
pub const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// How often volumes with a size limit are measured.
pub const MEASURE: SignedDuration = SignedDuration::from_secs(10);

/// The size limit of a volume on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The volume.
    pub volume: String,
    /// So many bytes.
    pub bytes: u64,
    /// The same as the pod says it.
    pub text: String,
}

/// The size limits of a pod's empty folders on disk; those in memory have theirs from the kernel.
pub fn limits_of(spec: &PodSpec) -> Vec<Limit> {
    let limit = |volume: &Volume| {
        let source = volume.empty_dir.as_ref().filter(|it| it.medium.as_deref() != Some("Memory"))?;
        let asked = source.size_limit.as_ref()?;
        let bytes = u64::try_from(amount(asked).value()).ok().filter(|it| *it > 0)?;
        Some(Limit { volume: volume.name.clone(), bytes, text: asked.0.clone() })
    };
    spec.volumes.iter().flatten().filter_map(limit).collect()
}

/// Files of a volume by their path inside it.
pub type Files = BTreeMap<String, File>;

/// One file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
}

/// Where a volume lives in its pod's folder.
pub fn folder_of(pod_folder: &Path, volume: &str) -> PathBuf {
    pod_folder.join("volumes").join(volume)
}

/// Whether the agent writes the volume's files, so that containers must not.
pub fn is_written_by_agent(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some()
}

/// Whether any of the pod's volumes may change while it runs.
pub fn are_live(spec: &PodSpec) -> bool {
    spec.volumes.iter().flatten().any(is_written_by_agent)
}

/// The ConfigMaps and Secrets that a pod's volumes refer to.
pub fn needs_of(spec: &PodSpec) -> Needs {
    let mut needs = Needs::default();
    for volume in spec.volumes.iter().flatten() {
        needs.config_maps.extend(volume.config_map.iter().map(|it| it.name.clone()));
        needs.secrets.extend(volume.secret.iter().filter_map(|it| it.secret_name.clone()));
        for source in sources_of(volume) {
            needs.config_maps.extend(source.config_map.iter().map(|it| it.name.clone()));
            needs.secrets.extend(source.secret.iter().map(|it| it.name.clone()));
        }
    }
    needs
}

/// A service account token that a volume asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenNeed {
    /// For whom it is good; the API server when empty.
    pub audience: String,
    /// For how many seconds it is asked.
    pub seconds: i64,
}

const DEFAULT_TOKEN_SECONDS: i64 = 3600;

/// The service account tokens that a pod's volumes ask for.
pub fn tokens_of(spec: &PodSpec) -> Vec<TokenNeed> {
    let sources = spec.volumes.iter().flatten().flat_map(sources_of);
    let mut needs: Vec<TokenNeed> =
        sources.filter_map(|it| it.service_account_token.as_ref()).map(content::token_need).collect();
    needs.sort();
    needs.dedup();
    needs
}

fn sources_of(volume: &Volume) -> impl Iterator<Item = &VolumeProjection> {
    volume.projected.iter().flat_map(|it| it.sources.iter().flatten())
}
