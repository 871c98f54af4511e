//! What the launcher needs of Docker: the cluster's network, the images, and a clean end.

use crate::cluster::Cluster;
use anyhow::{Context, Result, bail};
use bollard::Docker;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    ImportImageOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;

/// The engine of this machine.
pub(crate) struct Engine(Docker);

/// What became of a cluster's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// It was there.
    Kept,
    /// It was not, and is now.
    Made,
}

/// The label that all of a cluster's containers, volumes and networks carry.
const CLUSTER: &str = kubelet::labels::CLUSTER;
const NODE: &str = kubelet::labels::NODE;
/// So many containers are removed at once.
const AT_ONCE: usize = 8;

impl Engine {
    /// Connects, and says what to do when that fails.
    pub(crate) async fn connect() -> Result<Self> {
        let hint = "Docker Engine does not answer; is it installed, running (`systemctl start docker`), \
                    and may you use it (`docker ps`)?";
        let docker = Docker::connect_with_local_defaults().context(hint)?;
        Ok(Self(docker.negotiate_version().await.context(hint)?))
    }

    /// Second numbers of the 10.x.0.0/16 blocks that networks use already.
    pub(crate) async fn used_blocks(&self) -> Result<Vec<u8>> {
        let networks = self.0.list_networks(None::<bollard::query_parameters::ListNetworksOptions>).await?;
        let configs = networks.into_iter().filter_map(|it| it.ipam?.config).flatten();
        Ok(configs.filter_map(|it| block_of(&it.subnet?)).collect())
    }

    /// Makes the cluster's network unless it is there.
    pub(crate) async fn ensure_network(&self, cluster: &Cluster) -> Result<Network> {
        if self.networks_of(cluster).await?.iter().any(|it| *it == cluster.network()) {
            return Ok(Network::Kept);
        }
        let options = [
            ("com.docker.network.bridge.name", cluster.bridge()),
            ("com.docker.network.bridge.enable_ip_masquerade", "true".to_owned()),
            ("com.docker.network.driver.mtu", "1500".to_owned()),
        ];
        let range = IpamConfig {
            subnet: Some(cluster.pod_range()),
            gateway: Some(cluster.gateway().to_string()),
            ..IpamConfig::default()
        };
        let request = NetworkCreateRequest {
            name: cluster.network(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam { config: Some(vec![range]), ..Ipam::default() }),
            options: Some(options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            labels: Some([(CLUSTER.to_owned(), cluster.name.clone())].into()),
            ..NetworkCreateRequest::default()
        };
        let range = cluster.pod_range();
        let hint = || {
            format!(
                "failed to make the Docker network {} with {range}; if another network has that range \
                 (`docker network ls`, `ip route`), remove that one, or `skiff down --name {}` and make the cluster anew",
                cluster.network(),
                cluster.name
            )
        };
        self.0.create_network(request).await.with_context(hint)?;
        Ok(Network::Made)
    }

    async fn networks_of(&self, cluster: &Cluster) -> Result<Vec<String>> {
        let filters = HashMap::from([("label", vec![format!("{CLUSTER}={}", cluster.name)])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let networks = self.0.list_networks(Some(options)).await?;
        Ok(networks.into_iter().filter_map(|it| it.name).collect())
    }

    /// Whether an image is there.
    pub(crate) async fn has_image(&self, name: &str) -> Result<bool> {
        match self.0.inspect_image(name).await {
            Ok(_) => Ok(true),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("failed to look for the image {name}")),
        }
    }

    /// Loads an archive of images, as `docker load` does.
    pub(crate) async fn load(&self, archive: Vec<u8>) -> Result<()> {
        let body = bollard::body_full(Bytes::from(archive));
        let mut answers = self.0.import_image(ImportImageOptions::default(), body, None);
        while let Some(answer) = answers.next().await {
            if let Some(error) = answer.context("failed to load an image into Docker")?.error_detail {
                bail!("failed to load an image into Docker: {}", error.message.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Removes an image; one that is gone already is fine.
    pub(crate) async fn remove_image(&self, name: &str) -> Result<()> {
        match self.0.remove_image(name, None::<bollard::query_parameters::RemoveImageOptions>, None).await {
            Ok(_) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("failed to remove the image {name}")),
        }
    }

    /// Kills and removes a cluster's containers, or those of one node.
    pub(crate) async fn remove_containers(&self, cluster: &str, node: Option<&str>) -> Result<usize> {
        let mut labels = vec![format!("{CLUSTER}={cluster}")];
        labels.extend(node.map(|it| format!("{NODE}={it}")));
        let filters = HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let ids: Vec<String> =
            self.0.list_containers(Some(options)).await?.into_iter().filter_map(|it| it.id).collect();
        let count = ids.len();
        stream::iter(ids).map(Ok).try_for_each_concurrent(AT_ONCE, |id| self.remove_container(id)).await?;
        Ok(count)
    }

    async fn remove_container(&self, id: String) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.0.remove_container(&id, Some(options)).await {
            Ok(())
            | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("failed to remove the container {id}")),
        }
    }

    /// Removes whatever a cluster has on this engine.
    pub(crate) async fn remove_cluster(&self, cluster: &Cluster) -> Result<()> {
        self.remove_containers(&cluster.name, None).await?;
        let filters = HashMap::from([("label", vec![format!("{CLUSTER}={}", cluster.name)])]);
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        for volume in self.0.list_volumes(Some(options)).await?.volumes.unwrap_or_default() {
            let force = RemoveVolumeOptionsBuilder::default().force(true).build();
            self.0.remove_volume(&volume.name, Some(force)).await?;
        }
        for network in self.networks_of(cluster).await? {
            self.0.remove_network(&network).await.with_context(|| {
                format!(
                    "failed to remove the Docker network {network}; is a container of yours connected to it?"
                )
            })?;
        }
        Ok(())
    }
}

/// The block that a subnet lies in, if it is within 10.0.0.0/8.
fn block_of(subnet: &str) -> Option<u8> {
    let mut numbers = subnet.split('.');
    (numbers.next()? == "10").then(|| numbers.next()?.parse().ok()).flatten()
}
