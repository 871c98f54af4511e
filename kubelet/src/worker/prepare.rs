//! Making pause containers, containers and volumes: the things that need something read first.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use api::k8s::api::core::v1::{Container, Pod, PodSpec, Volume};
use daemon::clock;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use crate::{
    cluster::Token,
    compose::{self, HostFolder, Inputs, Needs, Sources},
    container_runtime::{ContainerId, Image, RuntimeError, State},
    events::{self, Event},
    images::{self, Policy},
    observed::{Attempt, Hook, Observed, SandboxFacts},
    volumes::{self, Files, TokenNeed, disk},
};

use super::{Outcome, Shared, execute, outcome::Failure};

/// How long a registry may take to answer for an image that is here already.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(15);

/// A container that was made, and what users are told of it.
pub struct Made {
    pub(crate) attempt: Attempt,
    pub(crate) events: Vec<Event>,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Made({})", self.attempt.id)
    }
}

/// The pod's folder on the host.
pub(super) fn pod_folder(shared: &Shared, pod: &Pod) -> PathBuf {
    shared.pods_dir.join(pod.metadata.uid.as_deref().unwrap_or_default())
}

/// The file for the last words of one attempt.
pub(super) fn termination_log(folder: &Path, container: &str, number: u32) -> PathBuf {
    folder.join("containers").join(container).join(number.to_string())
}

/// The pod's addresses: the node's on the host's network.
pub(super) fn addresses_of(shared: &Shared, pod: &Pod, observed: &Observed) -> Vec<IpAddr> {
    match pod.spec.as_ref().and_then(|it| it.host_network) {
        Some(true) => shared.node.addresses.clone(),
        _ => observed.sandbox.facts().and_then(|it| it.address).into_iter().collect(),
    }
}

/// Gives an address back.
pub(super) fn release(shared: &Shared, address: IpAddr) {
    if let Some(book) = &shared.addresses {
        book.lock().unwrap_or_else(PoisonError::into_inner).release(address);
    }
}

/// What came of blocking work.
pub(super) async fn joined<T>(work: JoinHandle<Option<io::Result<T>>>) -> Result<T, String> {
    match work.await {
        Ok(Some(Ok(value))) => Ok(value),
        Ok(Some(Err(error))) => Err(error.to_string()),
        Ok(None) | Err(_) => Err("the work was interrupted".to_owned()),
    }
}

/// Makes a pod's pause container, with an address of its own.
pub(super) async fn create_sandbox(shared: Arc<Shared>, pod: Arc<Pod>) -> Outcome {
    Outcome::SandboxCreated(try_create_sandbox(&shared, &pod).await)
}

async fn try_create_sandbox(shared: &Arc<Shared>, pod: &Arc<Pod>) -> Result<SandboxFacts, String> {
    let spec = spec_of(pod);
    let address = allocate(shared, &spec)?;
    let made = make_sandbox(shared, pod, &spec, address).await;
    if let (Err(_), Some(address)) = (&made, address) {
        release(shared, address);
    }
    made.map(|id| SandboxFacts { id, address })
}

fn allocate(shared: &Shared, spec: &PodSpec) -> Result<Option<IpAddr>, String> {
    match &shared.addresses {
        Some(book) if spec.host_network != Some(true) => {
            let address = book.lock().unwrap_or_else(PoisonError::into_inner).allocate();
            address.map(Some).map_err(|error| error.to_string())
        }
        _ => Ok(None),
    }
}

async fn make_sandbox(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    spec: &PodSpec,
    address: Option<IpAddr>,
) -> Result<ContainerId, String> {
    write_network_files(shared, pod, address.as_slice()).await?;
    let wanted = compose::sandbox_spec(pod, spec, &shared.node, address);
    match shared.create(wanted.clone()).await {
        Ok(id) => Ok(id),
        Err(RuntimeError::NotFound(_)) => {
            // Only the pause image can be missing here.
            let image = &wanted.image;
            shared
                .runtime
                .pull(image)
                .await
                .map_err(|error| images::pull_message(image, &error.to_string()))?;
            shared.create(wanted).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Writes the pod's `/etc/hosts` and `/etc/resolv.conf`.
async fn write_network_files(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    addresses: &[IpAddr],
) -> Result<(), String> {
    let spec = spec_of(pod);
    let addresses = if spec.host_network == Some(true) { &shared.node.addresses } else { addresses };
    let hosts = compose::hosts_file(pod, &spec, &shared.node, addresses);
    let resolv = compose::resolv_file(pod, &spec, &shared.node);
    let folder = pod_folder(shared, pod);
    let work = shared.tasks.spawn_blocking("writing network files", move || {
        disk::write_shared(&compose::hosts_path(&folder), &hosts, 0o644)?;
        disk::write_shared(&compose::resolv_path(&folder), &resolv, 0o644)
    });
    joined(work).await
}

/// Why a pause container did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    /// The engine did not start it.
    #[error(transparent)]
    Engine(#[from] RuntimeError),
    /// The pod's files could not be written.
    #[error("failed to write the pod's network files: {0}")]
    Files(String),
}

/// Starts a pause container; the address it got if the engine chose it.
pub(super) async fn start_sandbox(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    id: &ContainerId,
) -> Result<Option<IpAddr>, SandboxError> {
    shared.runtime.start(id).await?;
    if shared.addresses.is_some() {
        return Ok(None);
    }
    let found = shared.runtime.inspect(id).await?;
    write_network_files(shared, pod, found.address.as_slice()).await.map_err(SandboxError::Files)?;
    Ok(found.address)
}

fn spec_of(pod: &Pod) -> PodSpec {
    pod.spec.clone().unwrap_or_default()
}

/// Prepares the making of a container: what is observed now is taken along.
pub(super) fn making(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    observed: &Observed,
    container: &str,
    number: u32,
    backoff: u32,
) -> impl Future<Output = Result<Made, Failure>> + Send + use<> {
    let (shared, pod) = (shared.clone(), pod.clone());
    let target = target_of(&pod, observed, container);
    let addresses = addresses_of(&shared, &pod, observed);
    let sandbox = observed.sandbox.id().cloned();
    let found = execute::find(&pod, container);
    async move {
        let lost =
            || Failure::container("CreateContainerError", "the pod's pause container is gone".to_owned(), "");
        let (container, sandbox) = found.zip(sandbox).ok_or_else(lost)?;
        Making { shared, pod, container, number, backoff, sandbox, addresses, target }.run().await
    }
}

/// The container whose processes an ephemeral one sees.
fn target_of(pod: &Pod, observed: &Observed, container: &str) -> Option<ContainerId> {
    let added = pod.spec.as_ref()?.ephemeral_containers.as_ref()?;
    let name = added.iter().find(|it| it.name == container)?.target_container_name.as_ref()?;
    Some(observed.latest(name)?.id.clone())
}

/// The making of one container.
struct Making {
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    container: Container,
    number: u32,
    backoff: u32,
    sandbox: ContainerId,
    addresses: Vec<IpAddr>,
    target: Option<ContainerId>,
}

impl Making {
    async fn run(self) -> Result<Made, Failure> {
        let (image, pulled) = self.image().await?;
        let config = |message: String| self.failure("CreateContainerConfigError", message);
        let needs = compose::needs_of(&self.container);
        let sources = fetch(&self.shared, &self.pod, &needs).await.map_err(config)?;
        let services = self.shared.cluster.services(&self.pod).await;
        let folder = pod_folder(&self.shared, &self.pod);
        let spec = spec_of(&self.pod);
        let inputs = Inputs {
            pod: &self.pod,
            spec: &spec,
            container: &self.container,
            number: self.number,
            backoff: self.backoff,
            sandbox: &self.sandbox,
            addresses: &self.addresses,
            target: self.target.clone(),
            node: &self.shared.node,
            sources: &sources,
            services: &services,
            image: &image,
            folder: &folder,
        };
        let composed = compose::container_spec(&inputs).map_err(|error| config(error.to_string()))?;
        make_folders(&self.shared, composed.folders, composed.termination_log).await.map_err(config)?;
        let stop_signal = composed.spec.stop_signal.clone().unwrap_or_default();
        let made = self.shared.create(composed.spec).await;
        let id = made.map_err(|error| self.failure("CreateContainerError", error.to_string()))?;
        let name = &self.container.name;
        let created = events::normal("Created", format!("Created container: {name}")).of(name);
        Ok(Made { attempt: self.attempt(id, image, stop_signal), events: vec![pulled, created] })
    }

    fn attempt(&self, id: ContainerId, image: Image, stop_signal: String) -> Attempt {
        let none = self.container.lifecycle.as_ref().is_none_or(|it| it.post_start.is_none());
        Attempt {
            id,
            number: self.number,
            image: self.image_name().to_owned(),
            image_id: image.id,
            sandbox: Some(self.sandbox.clone()),
            backoff: self.backoff,
            stop_signal,
            state: State::Created,
            message: None,
            post_start: if none { Hook::Done } else { Hook::Pending },
            stopping: None,
            probes: BTreeMap::new(),
        }
    }

    fn image_name(&self) -> &str {
        self.container.image.as_deref().unwrap_or_default()
    }

    fn failure(&self, reason: &'static str, message: String) -> Failure {
        Failure::container(reason, message, self.image_name())
    }

    /// The container's image: the local one, or one fetched as the pull policy says; with what users are told.
    async fn image(&self) -> Result<(Image, Event), Failure> {
        let name = self.image_name();
        if let Some(flaw) = images::flaw_of(name) {
            let message = format!(
                "Failed to apply default image tag \"{name}\": couldn't parse image name \"{name}\": {flaw}"
            );
            return Err(self.failure(images::INVALID_NAME, message));
        }
        let policy = Policy::of(self.container.image_pull_policy.as_deref(), name);
        let local = self
            .shared
            .runtime
            .image(name)
            .await
            .map_err(|error| self.failure(images::PULL, error.to_string()))?;
        match (local, policy) {
            (Some(image), Policy::Always) if image.is_from_registry() => Ok(self.refreshed(image).await),
            (Some(image), _) => Ok((image, self.present())),
            (None, Policy::Never) => Err(self.failure(images::NEVER_PULL, images::never_pull_message(name))),
            (None, _) => self.pulled().await,
        }
    }

    fn present(&self) -> Event {
        let message = format!("Container image \"{}\" already present on machine", self.image_name());
        events::normal("Pulled", message).of(&self.container.name)
    }

    async fn pulled(&self) -> Result<(Image, Event), Failure> {
        let name = self.image_name();
        let pulling = events::normal("Pulling", format!("Pulling image \"{name}\"")).of(&self.container.name);
        self.shared.cluster.record(&self.pod, &pulling);
        let begun = clock::instant();
        match self.shared.runtime.pull(name).await {
            Ok(image) => Ok((image, self.done_pulling(begun.elapsed()))),
            Err(error) => Err(self.failure(images::PULL, images::pull_message(name, &error.to_string()))),
        }
    }

    /// Asks the registry for a newer image; the local one is good enough when it doesn't answer.
    async fn refreshed(&self, local: Image) -> (Image, Event) {
        let begun = clock::instant();
        match clock::timeout(REFRESH_TIMEOUT, self.shared.runtime.pull(self.image_name())).await {
            Ok(Ok(image)) => (image, self.done_pulling(begun.elapsed())),
            _ => (local, self.present()),
        }
    }

    fn done_pulling(&self, took: Duration) -> Event {
        let message = format!("Successfully pulled image \"{}\" in {took:.3?}", self.image_name());
        events::normal("Pulled", message).of(&self.container.name)
    }
}

impl Image {
    /// Whether it came from a registry, so that a newer one may be there.
    fn is_from_registry(&self) -> bool {
        self.names.iter().any(|it| it.contains('@'))
    }
}

async fn make_folders(shared: &Arc<Shared>, folders: Vec<HostFolder>, log: PathBuf) -> Result<(), String> {
    let work = shared.tasks.spawn_blocking("preparing mounts", move || {
        folders.iter().try_for_each(disk::make_inside)?;
        disk::write_shared(&log, "", 0o666)
    });
    joined(work).await
}

/// Reads ConfigMaps and Secrets. Absence is an answer; an error is not.
async fn fetch(shared: &Shared, pod: &Pod, needs: &Needs) -> Result<Sources, String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut sources = Sources::default();
    for name in &needs.config_maps {
        let found = shared.cluster.config_map(namespace, name).await.map_err(|error| error.to_string())?;
        sources.config_maps.insert(name.clone(), found.map(Arc::new));
    }
    for name in &needs.secrets {
        let found = shared.cluster.secret(namespace, name).await.map_err(|error| error.to_string())?;
        sources.secrets.insert(name.clone(), found.map(Arc::new));
    }
    Ok(sources)
}

/// Brings the pod's volumes to hold what they should.
pub(super) async fn write_volumes(
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    addresses: Vec<IpAddr>,
    known: BTreeMap<TokenNeed, Token>,
) -> Outcome {
    Outcome::VolumesWritten(try_write_volumes(&shared, &pod, &addresses, known).await)
}

async fn try_write_volumes(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    addresses: &[IpAddr],
    known: BTreeMap<TokenNeed, Token>,
) -> Result<BTreeMap<TokenNeed, Token>, String> {
    let spec = spec_of(pod);
    let wanted: Vec<Volume> = spec.volumes.clone().unwrap_or_default();
    let sources = fetch(shared, pod, &volumes::needs_of(&spec)).await?;
    let tokens = tokens_for(shared, pod, &spec, known).await?;
    let texts = tokens.iter().map(|(need, token)| (need.clone(), token.text.clone())).collect();
    let given = volumes::Given {
        pod,
        spec: &spec,
        sources: &sources,
        tokens: &texts,
        node_addresses: &shared.node.addresses,
        addresses,
        allocatable: &shared.node.allocatable,
    };
    let mut contents: Vec<(Volume, Option<Files>)> = Vec::new();
    for volume in wanted {
        let files = volumes::content_of(&volume, &given);
        let files = files
            .map_err(|error| format!("MountVolume.SetUp failed for volume \"{}\" : {error}", volume.name))?;
        contents.push((volume, files));
    }
    let group =
        spec.security_context.as_ref().and_then(|it| it.fs_group).and_then(|it| u32::try_from(it).ok());
    let (folder, stamp) = (pod_folder(shared, pod), stamp(shared));
    let work =
        shared.tasks.spawn_blocking("writing volumes", move || write_all(&folder, contents, &stamp, group));
    joined(work).await?;
    Ok(tokens)
}

/// A name for a folder of files: the time, and something that no other folder has.
fn stamp(shared: &Shared) -> String {
    let now = shared.clock.now().strftime("%Y_%m_%d_%H_%M_%S");
    format!("{now}.{}", shared.random.suffix(9))
}

/// Tokens are asked for again when four fifths of their life are over, as upstream does.
async fn tokens_for(
    shared: &Shared,
    pod: &Pod,
    spec: &PodSpec,
    known: BTreeMap<TokenNeed, Token>,
) -> Result<BTreeMap<TokenNeed, Token>, String> {
    let mut tokens = BTreeMap::new();
    for need in volumes::tokens_of(spec) {
        let kept = known.get(&need).filter(|it| !is_due(it, &need, shared.clock.now())).cloned();
        let token = match kept {
            Some(token) => token,
            None => shared.cluster.token(pod, &need).await.map_err(|error| {
                format!(
                    "MountVolume.SetUp failed for a service account token: failed to fetch token: {error}"
                )
            })?,
        };
        tokens.insert(need, token);
    }
    Ok(tokens)
}

fn is_due(token: &Token, need: &TokenNeed, now: Timestamp) -> bool {
    let left = token.expires_at.duration_since(now);
    left < SignedDuration::from_secs(need.seconds / 5)
}

fn write_all(
    folder: &Path,
    contents: Vec<(Volume, Option<Files>)>,
    stamp: &str,
    group: Option<u32>,
) -> io::Result<()> {
    for made in compose::folders_of(folder) {
        std::fs::create_dir_all(made)?;
    }
    for (volume, files) in contents {
        let place = volumes::folder_of(folder, &volume.name);
        let failed = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("MountVolume.SetUp failed for volume \"{}\" : {error}", volume.name))
        };
        match (files, &volume.empty_dir, &volume.host_path) {
            (Some(files), ..) => disk::write_files(&place, &files, stamp, group).map_err(|it| failed(&it))?,
            (None, Some(_), _) => disk::make_empty_dir(&place, group).map_err(|it| failed(&it))?,
            (None, None, Some(source)) => disk::check_host_path(source).map_err(|it| failed(&it))?,
            _ => return Err(failed(&"volumes of this kind are not supported on this node")),
        }
    }
    Ok(())
}
