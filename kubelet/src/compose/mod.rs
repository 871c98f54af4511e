//! From a pod's container to what the engine is asked to make.
//!
//! Start at [`container_spec`] and [`sandbox_spec`]. All of it is pure: what has to be read first (ConfigMaps, Secrets,
//! the image, Services) is named by [`needs_of`], fetched by the worker, and handed in.

mod env;
mod expand;
mod fields;
mod files;
mod mounts;
mod resources;
mod security;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use api::{
    k8s::api::core::v1::{ConfigMap, Container, Pod, PodSpec, Secret, Service},
    pod::Amounts,
    quantity::Amount,
};

use crate::{
    container_runtime::{ContainerId, ContainerSpec, HostPort, Image, Namespaces, Network, Processes},
    labels::{self, Owner},
};

pub use env::needs_of;
pub use expand::expand;
pub use fields::{FieldError, field_text, resource_text};
pub use files::{hosts_file, resolv_file};
pub use mounts::{HostFolder, folders_of};
pub(crate) use mounts::{hosts_path, memory_names, resolv_path};

/// Why a container cannot be made as its pod asks: the user has to mend the pod, or what it refers to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A source of the environment is not there.
    #[error("{kind} \"{name}\" not found")]
    NoSource {
        /// `configmap` or `secret`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A source is there but lacks a key.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    NoKey {
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What it lacks.
        key: String,
    },
    /// A field that is referred to cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The container must not run as root, and would.
    #[error("{0}")]
    Root(String),
    /// The pod asks for something that this node cannot do.
    #[error("{0}")]
    Unsupported(String),
}

/// ConfigMaps and Secrets of the pod's namespace by name; `None` for one that is known to be absent.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// ConfigMaps.
    pub config_maps: BTreeMap<String, Option<Arc<ConfigMap>>>,
    /// Secrets.
    pub secrets: BTreeMap<String, Option<Arc<Secret>>>,
}

/// Names of ConfigMaps and Secrets that have to be read first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// ConfigMaps.
    pub config_maps: BTreeSet<String>,
    /// Secrets.
    pub secrets: BTreeSet<String>,
}

/// What containers are told of their node.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Whose containers these are.
    pub owner: Owner,
    /// The node's addresses; there is at least one.
    pub addresses: Vec<IpAddr>,
    /// What pods may use of the node.
    pub allocatable: Amounts,
    /// Addresses of the cluster's DNS servers.
    pub cluster_dns: Vec<IpAddr>,
    /// The cluster's DNS domain, such as `cluster.local`.
    pub cluster_domain: String,
    /// The host's own `resolv.conf`.
    pub host_resolv_conf: String,
    /// The engine's network for pods.
    pub network: Option<String>,
    /// The image of the pause container.
    pub pause_image: String,
}

impl NodeFacts {
    /// Memory that pods may use, in bytes.
    pub fn memory(&self) -> i64 {
        self.allocatable.get("memory").map_or(0, |it| it.value())
    }
}

/// Everything one container is made from.
pub struct Inputs<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The pod's spec.
    pub spec: &'a PodSpec,
    /// The container.
    pub container: &'a Container,
    /// How many containers of that name came before.
    pub number: u32,
    /// Seconds to wait after its end.
    pub backoff: u32,
    /// The pause container it joins.
    pub sandbox: &'a ContainerId,
    /// The pod's addresses.
    pub addresses: &'a [IpAddr],
    /// For an ephemeral container: the container whose processes it sees.
    pub target: Option<ContainerId>,
    /// The node.
    pub node: &'a NodeFacts,
    /// What [`needs_of`] asked for.
    pub sources: &'a Sources,
    /// Services that become variables.
    pub services: &'a [Arc<Service>],
    /// The container's image.
    pub image: &'a Image,
    /// The pod's folder on the host.
    pub folder: &'a Path,
}

/// What the engine is asked to make, and folders that have to exist before.
#[derive(Debug, PartialEq)]
pub struct Composed {
    /// The container.
    pub spec: ContainerSpec,
    /// Folders below volumes that have to be there.
    pub folders: Vec<HostFolder>,
    /// The file for the container's last words.
    pub termination_log: PathBuf,
}

/// What the engine is asked to make for a container of a pod.
pub fn container_spec(inputs: &Inputs<'_>) -> Result<Composed, ConfigError> {
    let Inputs { pod, spec, container, .. } = *inputs;
    let env = env::environment(inputs)?;
    let expanded = |list: &Option<Vec<String>>| {
        list.as_ref()
            .filter(|it| !it.is_empty())
            .map(|list| list.iter().map(|it| expand(it, &env.lookup())).collect())
    };
    let (mounts, folders) = mounts::mounts_of(inputs, &env.lookup())?;
    let stop_signal = stop_signal_of(container, inputs.image);
    let attempt = labels::Attempt {
        container: &container.name,
        number: inputs.number,
        image: container.image.as_deref().unwrap_or_default(),
        sandbox: inputs.sandbox,
        backoff: inputs.backoff,
        stop_signal: &stop_signal,
    };
    let composed = ContainerSpec {
        name: container_name(pod, &container.name, inputs.number),
        image: container.image.clone().unwrap_or_default(),
        labels: labels::container_labels(&inputs.node.owner, pod, &attempt),
        command: expanded(&container.command),
        args: expanded(&container.args),
        working_dir: container.working_dir.clone().filter(|it| !it.is_empty()),
        mounts,
        namespaces: joined(inputs),
        resources: resources::resources_of(spec, container, inputs.node.memory()),
        security: security::security_of(inputs)?,
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        tty: container.tty == Some(true),
        stop_signal: Some(stop_signal),
        env: env.into_pairs(),
    };
    let termination_log = mounts::termination_log(inputs.folder, &container.name, inputs.number);
    Ok(Composed { spec: composed, folders, termination_log })
}

fn stop_signal_of(container: &Container, image: &Image) -> String {
    let of_container = container.lifecycle.as_ref().and_then(|it| it.stop_signal.clone());
    of_container
        .or_else(|| image.stop_signal.clone())
        .unwrap_or_else(|| labels::DEFAULT_STOP_SIGNAL.to_owned())
}

fn joined(inputs: &Inputs<'_>) -> Namespaces {
    let spec = inputs.spec;
    let processes = match (&inputs.target, spec.host_pid, spec.share_process_namespace) {
        (Some(target), ..) => Processes::Of(target.clone()),
        (None, Some(true), _) => Processes::Host,
        (None, _, Some(true)) => Processes::Pod,
        _ => Processes::Own,
    };
    Namespaces::Joined {
        sandbox: inputs.sandbox.clone(),
        host_network: spec.host_network == Some(true),
        processes,
        host_ipc: spec.host_ipc == Some(true),
    }
}

/// What the engine is asked to make as a pod's pause container. `address` is `None` on the host's network, and when the
/// engine chooses.
pub fn sandbox_spec(pod: &Pod, spec: &PodSpec, node: &NodeFacts, address: Option<IpAddr>) -> ContainerSpec {
    let mut labels = labels::sandbox_labels(&node.owner, pod);
    if let Some(address) = address {
        labels.insert(labels::ADDRESS.to_owned(), address.to_string());
    }
    let sysctls = spec.security_context.iter().flat_map(|it| it.sysctls.iter().flatten());
    let network = if spec.host_network == Some(true) {
        Network::Host
    } else {
        Network::Bridged { network: node.network.clone(), address, ports: host_ports(spec, node) }
    };
    ContainerSpec {
        name: container_name(pod, labels::SANDBOX_NAME, 0),
        image: node.pause_image.clone(),
        labels,
        namespaces: Namespaces::Own {
            hostname: hostname_of(pod, spec),
            network,
            host_pid: spec.host_pid == Some(true),
            host_ipc: spec.host_ipc == Some(true),
            sysctls: sysctls.map(|it| (it.name.clone(), it.value.clone())).collect(),
        },
        mounts: mounts::memory_mounts(pod, spec, node),
        resources: resources::sandbox_resources(),
        security: security::sandbox_security(),
        ..ContainerSpec::default()
    }
}

/// `k8s_CONTAINER_POD_NAMESPACE_UID_NUMBER`, the form that other tools read.
fn container_name(pod: &Pod, container: &str, number: u32) -> String {
    let meta = &pod.metadata;
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    format!("k8s_{container}_{}_{}_{}_{number}", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}

/// The pod's host name: its own field, or its name. The kernel takes no more than 63 characters.
pub fn hostname_of(pod: &Pod, spec: &PodSpec) -> String {
    let name = spec.hostname.clone().filter(|it| !it.is_empty()).or_else(|| pod.metadata.name.clone());
    let mut name = name.unwrap_or_default();
    name.truncate(63);
    name.trim_end_matches(['-', '.']).to_owned()
}

/// On the node's own address when the pod names none: several nodes may share one host, each with its own ports.
fn host_ports(spec: &PodSpec, node: &NodeFacts) -> Vec<HostPort> {
    let inits = spec.init_containers.iter().flatten();
    let ports = inits.chain(&spec.containers).flat_map(|it| it.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let named = port.host_ip.as_deref().and_then(|it| it.parse().ok());
            let host_address = named.or_else(|| node.addresses.first().copied())?;
            Some(HostPort {
                host_address,
                host_port: u16::try_from(port.host_port?).ok().filter(|it| *it > 0)?,
                container_port: u16::try_from(port.container_port).ok()?,
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()).to_lowercase(),
            })
        })
        .collect()
}

/// The amount of one resource, zero when it is not there.
fn amount_of(amounts: &Amounts, name: &str) -> Option<Amount> {
    amounts.get(name).copied()
}

#[cfg(test)]
mod tests;
