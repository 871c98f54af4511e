//! What a cluster is on disk: its name, ports, address ranges and nodes. Pure, but for reading and writing the file.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::Path;

/// The format of the file; another one is refused, not guessed.
const FORMAT: u32 = 1;
/// Address blocks are /16: the second number of the first candidate, and how many there are.
const PODS: (u8, u8) = (244, 11);
const SERVICES: (u8, u8) = (96, 28);
/// Port of the first cluster's API.
pub(crate) const FIRST_PORT: u16 = 6443;
/// The pod range has one /24 for the gateway and the nodes themselves, and one for each node's pods.
const MOST_NODES: u8 = 200;

/// A whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Cluster {
    pub(crate) format: u32,
    pub(crate) name: String,
    /// Port of the API on the loopback address and on the bridge's gateway.
    pub(crate) port: u16,
    /// Second number of 10.x.0.0/16: addresses of nodes and pods.
    pub(crate) pods: u8,
    /// Second number of 10.x.0.0/16: addresses of services.
    pub(crate) services: u8,
    /// Whether each daemon is a process of its own.
    #[serde(default)]
    pub(crate) separate: bool,
    pub(crate) nodes: Vec<Node>,
}

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Counts from 1; decides the node's address and its pods' range.
    pub(crate) number: u8,
    /// Switched off by the user.
    #[serde(default)]
    pub(crate) stopped: bool,
}

/// What other clusters and networks of this machine have taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// Second numbers of 10.x.0.0/16 blocks.
    pub(crate) blocks: Vec<u8>,
    /// Ports.
    pub(crate) ports: Vec<u16>,
}

impl Cluster {
    /// A new cluster in what is free on this machine.
    pub(crate) fn plan(name: &str, nodes: u8, taken: &Taken, separate: bool) -> Result<Self> {
        check_name(name)?;
        let free = |(first, count): (u8, u8), what: &str| {
            let block = (first..first + count).find(|it| !taken.blocks.contains(it));
            block.with_context(|| {
                format!("no address range is left for {what}; `skiff down` clusters that you no longer need")
            })
        };
        let port = (FIRST_PORT..FIRST_PORT + 200).find(|it| !taken.ports.contains(it));
        let mut cluster = Self {
            format: FORMAT,
            name: name.to_owned(),
            port: port.context("no port from 6443 to 6642 is free on 127.0.0.1")?,
            pods: free(PODS, "pods")?,
            services: free(SERVICES, "services")?,
            separate,
            nodes: Vec::new(),
        };
        cluster.grow_to(nodes)?;
        Ok(cluster)
    }

    /// Adds nodes until there are so many.
    pub(crate) fn grow_to(&mut self, nodes: u8) -> Result<()> {
        while self.nodes.len() < usize::from(nodes) {
            self.add_node(None)?;
        }
        Ok(())
    }

    /// Adds a node under the lowest free number.
    pub(crate) fn add_node(&mut self, name: Option<&str>) -> Result<Node> {
        let number = (1..=MOST_NODES).find(|it| self.nodes.iter().all(|node| node.number != *it));
        let number = number.with_context(|| format!("a cluster has at most {MOST_NODES} nodes"))?;
        let name = name.map_or_else(|| format!("{}-{number}", self.name), str::to_owned);
        check_name(&name)?;
        if self.nodes.iter().any(|it| it.name == name) {
            bail!("there is a node {name:?} already");
        }
        let node = Node { name, number, stopped: false };
        self.nodes.push(node.clone());
        Ok(node)
    }

    /// A node by name; its number or `NAME-NUMBER` will do.
    pub(crate) fn node_mut(&mut self, name: &str) -> Result<&mut Node> {
        let names: Vec<String> = self.nodes.iter().map(|it| it.name.clone()).collect();
        let found = self.nodes.iter_mut().find(|it| it.name == name || it.number.to_string() == name);
        found.with_context(|| format!("there is no node {name:?}; there are {}", names.join(", ")))
    }

    /// The range of nodes and pods.
    pub(crate) fn pod_range(&self) -> String {
        format!("10.{}.0.0/16", self.pods)
    }

    /// The range of services.
    pub(crate) fn service_range(&self) -> String {
        format!("10.{}.0.0/16", self.services)
    }

    /// The bridge's own address, where pods reach the API server.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.pods, 0, 1)
    }

    /// The first service address: that of the service `kubernetes`.
    pub(crate) fn api_service(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.services, 0, 1)
    }

    /// A node's address on the bridge.
    pub(crate) fn address_of(&self, node: &Node) -> Ipv4Addr {
        Ipv4Addr::new(10, self.pods, 0, 10 + node.number)
    }

    /// The range of a node's pods.
    pub(crate) fn pods_of(&self, node: &Node) -> String {
        format!("10.{}.{}.0/24", self.pods, node.number)
    }

    /// The Docker network.
    pub(crate) fn network(&self) -> String {
        format!("skiff-{}", self.name)
    }

    /// The bridge behind the Docker network; Linux takes at most 15 characters.
    pub(crate) fn bridge(&self) -> String {
        format!("skiff{}", self.pods)
    }

    /// The kubeconfig context.
    pub(crate) fn context(&self) -> String {
        format!("skiff-{}", self.name)
    }

    /// Reads the file; `None` when there is no such cluster.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("failed to read {}", path.display()))?,
        };
        let broken =
            || format!("{} is not a cluster description that this version understands", path.display());
        let cluster: Self = serde_json::from_slice(&text).with_context(broken)?;
        if cluster.format != FORMAT {
            bail!("{}: it has format {}, and this version knows {FORMAT}", broken(), cluster.format);
        }
        Ok(Some(cluster))
    }

    /// Writes the file whole or not at all.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).expect("a cluster serializes to JSON");
        pki::files::write(path, &text, pki::files::Audience::Owner).map_err(Into::into)
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty()
        || name.len() > 40
        || !name.chars().all(good)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        bail!("{name:?} is no good name: use at most 40 lower-case letters, digits and '-', not at the ends");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_take_what_is_free() {
        let taken = Taken { blocks: vec![244, 96, 97], ports: vec![6443] };
        let cluster = Cluster::plan("dev", 3, &taken, false).expect("there is room");
        assert_eq!((cluster.pods, cluster.services, cluster.port), (245, 98, 6444));
        let names: Vec<&str> = cluster.nodes.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["dev-1", "dev-2", "dev-3"]);
        assert_eq!(cluster.pods_of(&cluster.nodes[1]), "10.245.2.0/24");
        assert_eq!(cluster.address_of(&cluster.nodes[1]).to_string(), "10.245.0.12");
    }

    #[test]
    fn numbers_of_removed_nodes_are_used_again() {
        let mut cluster = Cluster::plan("dev", 3, &Taken::default(), false).expect("there is room");
        cluster.nodes.remove(1);
        assert_eq!(cluster.add_node(None).expect("there is room").number, 2);
        assert!(cluster.add_node(Some("dev-1")).is_err());
    }

    #[test]
    fn bad_names_are_refused() {
        for name in ["", "A", "-a", "a-", "a_b", "a/b", &"x".repeat(41)] {
            assert!(Cluster::plan(name, 1, &Taken::default(), false).is_err(), "{name}");
        }
    }
}
