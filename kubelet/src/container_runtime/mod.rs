//! What the agent needs of a container engine, in the agent's own words.
//!
//! Start at [`ContainerRuntime`]. Two engines implement it: [`docker`], the only module of the workspace that knows
//! Docker, and [`fake`], which behaves (containers start, run their script and exit while time passes) and carries
//! golden scenarios and simulated nodes.
//!
//! A runtime refuses to know pods: it creates, starts, signals and removes single containers. Which, when and in what
//! order is decided in [`crate::plan`].

pub mod docker;
pub mod fake;

use std::{collections::BTreeMap, fmt, net::IpAddr, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use jiff::Timestamp;
use tokio::io::AsyncWrite;

/// Labels of a container.
pub type Labels = BTreeMap<String, String>;

/// The engine's identifier of one container.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ContainerId {
    fn from(id: &str) -> ContainerId {
        ContainerId(id.into())
    }
}

impl From<String> for ContainerId {
    fn from(id: String) -> ContainerId {
        ContainerId(id.into())
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why an engine did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// There is no such container, image or command.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken, or the container's state forbids it.
    #[error("{0}")]
    Conflict(String),
    /// The engine read the request and refused it, in its own words.
    #[error("{0}")]
    Refused(String),
    /// The container cannot be started as it was made; one that is made anew can.
    #[error("{0}")]
    MakeAnew(String),
    /// The engine did not answer, or not in a form that can be read.
    #[error("the container engine did not answer: {0}")]
    Unavailable(String),
}

/// What a runtime call gives.
pub type Result<T> = std::result::Result<T, RuntimeError>;

/// Everything that has to be known to create one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSpec {
    /// Unique on the engine.
    pub name: String,
    /// Name of a local image.
    pub image: String,
    /// The only memory that outlives the agent.
    pub labels: Labels,
    /// Replaces the image's entry point.
    pub command: Option<Vec<String>>,
    /// Replaces the image's arguments.
    pub args: Option<Vec<String>>,
    /// Environment, in order, without duplicates.
    pub env: Vec<(String, String)>,
    /// Replaces the image's working directory.
    pub working_dir: Option<String>,
    /// What is mounted where.
    pub mounts: Vec<Mount>,
    /// Whose namespaces it runs in.
    pub namespaces: Namespaces,
    /// Limits and weights.
    pub resources: Resources,
    /// Users, groups and rights.
    pub security: Security,
    /// Keeps standard input open.
    pub stdin: bool,
    /// Closes standard input when the first attached client leaves.
    pub stdin_once: bool,
    /// Gives it a terminal.
    pub tty: bool,
    /// Replaces the image's stop signal, such as `SIGTERM`.
    pub stop_signal: Option<String>,
}

/// Whose namespaces a container runs in.
#[derive(Clone, Debug, PartialEq)]
pub enum Namespaces {
    /// It owns them: it is the pod's pause container.
    Own {
        /// Host name of the pod.
        hostname: String,
        /// How the pod is reached.
        network: Network,
        /// Shares the host's process IDs.
        host_pid: bool,
        /// Shares the host's IPC objects.
        host_ipc: bool,
        /// Kernel parameters of the namespaces.
        sysctls: BTreeMap<String, String>,
    },
    /// It joins those of a pause container.
    Joined {
        /// The pause container.
        sandbox: ContainerId,
        /// The host's network instead of the pause container's.
        host_network: bool,
        /// Whose processes it sees.
        processes: Processes,
        /// The host's IPC objects instead of the pause container's.
        host_ipc: bool,
    },
}

impl Default for Namespaces {
    fn default() -> Namespaces {
        let (hostname, sysctls) = (String::new(), BTreeMap::new());
        Namespaces::Own { hostname, network: Network::Host, host_pid: false, host_ipc: false, sysctls }
    }
}

/// Whose processes a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Processes {
    /// Its own.
    Own,
    /// Those of the whole pod.
    Pod,
    /// Those of another container of the pod.
    Of(ContainerId),
    /// The host's.
    Host,
}

/// How a pod is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// Through the host's own interfaces.
    Host,
    /// On a network of the engine.
    Bridged {
        /// Name of the engine's network; its default one when `None`.
        network: Option<String>,
        /// The address to take; the engine chooses when `None`.
        address: Option<IpAddr>,
        /// Ports of the host that lead to the pod.
        ports: Vec<HostPort>,
    },
}

/// A port of the host that leads to a container's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host's address.
    pub host_address: IpAddr,
    /// The host's port.
    pub host_port: u16,
    /// The container's port.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// Something of the host, seen in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Absolute path inside the container.
    pub target: String,
    /// Refuses writes.
    pub read_only: bool,
    /// `rprivate`, `rslave` or `rshared`; the engine's default when `None`.
    pub propagation: Option<&'static str>,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// A file or folder of the host.
    Host(PathBuf),
    /// A file system in memory that all containers naming it share, made when the first one mounts it.
    Memory {
        /// Name on the engine.
        name: String,
        /// Size limit in bytes.
        size: Option<u64>,
        /// Labels it is made with.
        labels: Labels,
    },
}

/// Limits and weights; zero and `None` mean none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Weight, 2 to 262144.
    pub cpu_shares: i64,
    /// Microseconds of CPU per [`CPU_PERIOD`].
    pub cpu_quota: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    /// -1000 (never killed when memory runs out) to 1000 (killed first).
    pub oom_score_adj: i64,
}

/// The period that CPU quotas refer to.
pub const CPU_PERIOD: Duration = Duration::from_millis(100);

/// Users, groups and rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `USER` or `USER:GROUP`.
    pub user: Option<String>,
    /// Further groups.
    pub groups: Vec<i64>,
    /// Capabilities added.
    pub cap_add: Vec<String>,
    /// Capabilities dropped.
    pub cap_drop: Vec<String>,
    /// All rights of the host.
    pub privileged: bool,
    /// Refuses writes to the root file system.
    pub read_only_root: bool,
    /// The engine's security options, such as `no-new-privileges` or `seccomp=unconfined`.
    pub options: Vec<String>,
}

/// A container as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: ContainerId,
    /// Its labels.
    pub labels: Labels,
    /// Whether its process runs.
    pub running: bool,
    /// Whether it was ever started.
    pub begun: bool,
}

/// A container in full.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Which.
    pub id: ContainerId,
    /// Its labels.
    pub labels: Labels,
    /// The image's identifier, such as `sha256:…`.
    pub image_id: String,
    /// Address on its network, if it has one of its own.
    pub address: Option<IpAddr>,
    /// What it is doing.
    pub state: State,
}

/// What a container is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Made, never started.
    Created,
    /// Its process runs.
    Running {
        /// Since when.
        started_at: Timestamp,
    },
    /// Its process has ended, or could not be started.
    Exited(Exit),
}

/// How a container's process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; 128 plus the signal's number when one ended it.
    pub code: i32,
    /// The kernel ended it because its memory limit was reached.
    pub out_of_memory: bool,
    /// When it was started; `None` if it never ran.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The engine's words when it could not be started.
    pub error: String,
}

/// A local image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Identifier, such as `sha256:…`.
    pub id: String,
    /// Tags and digests.
    pub names: Vec<String>,
    /// Bytes.
    pub size: i64,
    /// The user that its containers run as, as the image says it.
    pub user: String,
    /// The signal that asks its containers to stop.
    pub stop_signal: Option<String>,
}

/// Something happened to a container: look at it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// UID of its pod.
    pub pod: String,
    /// Which container.
    pub container: ContainerId,
}

/// Facts about the engine and its host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The engine with its version, such as `docker://20.10.24`.
    pub version: String,
    /// The kernel's version.
    pub kernel: String,
    /// The operating system's name.
    pub os_image: String,
    /// Processors.
    pub cpus: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// Which of a container's log lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Goes on until the container ends.
    pub follow: bool,
    /// Only the last lines.
    pub tail: Option<u64>,
    /// Only lines from then on.
    pub since: Option<Timestamp>,
    /// Puts the time before each line.
    pub timestamps: bool,
}

/// Where output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where it came from.
    pub channel: Channel,
    /// The bytes.
    pub bytes: Bytes,
}

/// A command to run in a running container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments; no shell is involved.
    pub command: Vec<String>,
    /// Passes standard input.
    pub stdin: bool,
    /// Gives it a terminal.
    pub tty: bool,
}

/// A connection to a process in a container.
pub struct Session {
    /// What the process reads; dropping it closes its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What the process writes, until it ends.
    pub output: BoxStream<'static, Result<Chunk>>,
    /// Size and end.
    pub control: Arc<dyn SessionControl>,
}

/// The controls of a [`Session`].
pub trait SessionControl: Send + Sync {
    /// Changes the size of its terminal, in characters.
    fn resize(&self, width: u16, height: u16) -> BoxFuture<'_, Result<()>>;
    /// The exit code, once the output has ended; `None` while it runs on (as after leaving an attached container).
    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>>>;
}

/// A container engine.
pub trait ContainerRuntime: Send + Sync + 'static {
    /// Facts about the engine and its host.
    fn facts(&self) -> BoxFuture<'_, Result<Facts>>;
    /// All containers of one node that carry `labels`, also those that don't run.
    fn list<'a>(&'a self, labels: &'a Labels) -> BoxFuture<'a, Result<Vec<Listed>>>;
    /// One container in full.
    fn inspect<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<Container>>;
    /// Makes a container; its image must be local.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId>>;
    /// Starts a container that was made.
    fn start<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<()>>;
    /// Sends a signal by its name, such as `SIGTERM`. A container that doesn't run is a conflict.
    fn signal<'a>(&'a self, id: &'a ContainerId, signal: &'a str) -> BoxFuture<'a, Result<()>>;
    /// Kills and removes a container; one that is gone already is fine.
    fn remove<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<()>>;
    /// Removes a shared file system in memory; one that is gone already is fine.
    fn remove_memory<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>>;
    /// The local image of that name, if there is one.
    fn image<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Image>>>;
    /// All local images.
    fn images(&self) -> BoxFuture<'_, Result<Vec<Image>>>;
    /// Fetches an image from its registry.
    fn pull<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Image>>;
    /// What happens to containers that carry `labels`, from now on. The stream ends when the engine goes away.
    fn events<'a>(&'a self, labels: &'a Labels) -> BoxStream<'static, Result<Event>>;
    /// A container's output.
    fn logs<'a>(&'a self, id: &'a ContainerId, query: &'a LogQuery) -> BoxStream<'static, Result<Chunk>>;
    /// Runs a command in a running container.
    fn exec<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> BoxFuture<'a, Result<Session>>;
    /// Connects to a container's own process.
    fn attach<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> BoxFuture<'a, Result<Session>>;
}
