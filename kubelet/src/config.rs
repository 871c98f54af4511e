//! What the agent is told when it starts.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, sync::Arc};

use network::IpNet;

use crate::labels::Owner;

/// What the agent is told when it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cluster's name: its containers are told by it.
    pub cluster: String,
    /// The node's name.
    pub node_name: String,
    /// Where the node is reached, and where its server listens.
    pub node_address: IpAddr,
    /// Where pods get their addresses from; the node's `spec.podCIDR` wins if it is set.
    pub pod_cidr: IpNet,
    /// The engine's network for pods. With `None` the engine's default network chooses addresses.
    pub docker_network: Option<String>,
    /// Folder for pods' volumes; on the engine's host, absolute.
    pub data_dir: PathBuf,
    /// Image of pause containers.
    pub pause_image: String,
    /// Port of the server; 0 for any free one.
    pub port: u16,
    /// Labels of the Node object besides the usual ones.
    pub labels: BTreeMap<String, String>,
    /// What the node offers, where it shall differ from what the host has.
    pub capacity: Capacity,
    /// Addresses of the cluster's DNS servers; without any, pods use the host's.
    pub cluster_dns: Vec<IpAddr>,
    /// The cluster's DNS domain.
    pub cluster_domain: String,
    /// Taints with which the node registers, as `KEY=VALUE:EFFECT` or `KEY:EFFECT`.
    pub taints: Vec<String>,
}

/// What a node offers; `None` is what the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// CPUs, as a quantity.
    pub cpu: Option<String>,
    /// Memory, as a quantity.
    pub memory: Option<String>,
    /// Pods.
    pub pods: Option<u32>,
}

/// What the server proves itself with, and whom it believes.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The server's certificate and key. Who made them renews them, at any time.
    pub serving: Arc<pki::tls::Identity>,
    /// The authority that signs clients' certificates, PEM.
    pub client_ca_pem: String,
}

impl Config {
    /// A node with the usual settings.
    pub fn new(cluster: &str, node_name: &str, node_address: IpAddr, pod_cidr: IpNet) -> Config {
        Config {
            cluster: cluster.to_owned(),
            node_name: node_name.to_owned(),
            node_address,
            pod_cidr,
            docker_network: None,
            data_dir: PathBuf::from("/var/lib/skiff").join(cluster).join(node_name),
            pause_image: DEFAULT_PAUSE_IMAGE.to_owned(),
            port: DEFAULT_PORT,
            labels: BTreeMap::new(),
            capacity: Capacity::default(),
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            taints: Vec::new(),
        }
    }

    pub(crate) fn owner(&self) -> Owner {
        Owner { cluster: self.cluster.clone(), node: self.node_name.clone() }
    }
}

/// The port that nodes serve on.
pub const DEFAULT_PORT: u16 = 10250;
/// The image of pause containers, made from this workspace.
pub const DEFAULT_PAUSE_IMAGE: &str = "skiff/pause:latest";
