//! The floor of starting pods: the same containers by plain Docker calls, through the client library that the node
//! agent uses, in the same order, with nothing around them.

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptionsBuilder,
};
use std::time::Duration;

const NETWORK: &str = "skiff-bench-floor";
const LABEL: &str = "skiff.bench";
pub(crate) const PAUSE: &str = concat!("skiff/pause:", env!("CARGO_PKG_VERSION"));
pub(crate) const HELLO: &str = "skiff/hello:v1";
/// What a container gets to stop by itself.
const GRACE_SECONDS: i32 = 30;

/// An engine with a bridge network of its own for the floor.
pub(crate) struct Floor {
    docker: Docker,
}

/// What stands for a pod.
pub(crate) struct Pair {
    pause: String,
    app: String,
}

impl Floor {
    pub(crate) async fn start() -> Result<Self> {
        let docker = connect().await?;
        let floor = Self { docker };
        floor.stop().await;
        let request = NetworkCreateRequest { name: NETWORK.to_owned(), ..NetworkCreateRequest::default() };
        floor.docker.create_network(request).await.context("failed to make a Docker network")?;
        Ok(floor)
    }

    /// Creates and starts a pause container, then an app container in its network.
    pub(crate) async fn start_pair(&self, name: &str) -> Result<Pair> {
        let pause = self.start_container(&format!("{name}-pause"), PAUSE, NETWORK).await?;
        let app = self.start_container(&format!("{name}-app"), HELLO, &format!("container:{pause}")).await?;
        Ok(Pair { pause, app })
    }

    async fn start_container(&self, name: &str, image: &str, network: &str) -> Result<String> {
        let host = HostConfig { network_mode: Some(network.to_owned()), ..HostConfig::default() };
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            labels: Some([(LABEL.to_owned(), "floor".to_owned())].into()),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&format!("skiff-bench-{name}")).build();
        let id = self
            .docker
            .create_container(Some(options), body)
            .await
            .context("failed to create a container")?
            .id;
        self.docker
            .start_container(&id, None::<StartContainerOptions>)
            .await
            .context("failed to start it")?;
        Ok(id)
    }

    /// Lets the app stop by itself, and removes both.
    pub(crate) async fn remove_pair(&self, pair: &Pair) -> Result<()> {
        let grace = StopContainerOptionsBuilder::default().t(GRACE_SECONDS).build();
        self.docker.stop_container(&pair.app, Some(grace)).await.context("failed to stop a container")?;
        for id in [&pair.app, &pair.pause] {
            let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            self.docker.remove_container(id, Some(force)).await.context("failed to remove a container")?;
        }
        Ok(())
    }

    /// Takes the network away. It is not there when an earlier run has cleaned up behind itself.
    pub(crate) async fn stop(&self) {
        drop(self.docker.remove_network(NETWORK).await);
    }
}

async fn connect() -> Result<Docker> {
    let docker =
        Docker::connect_with_local_defaults().context("Docker Engine does not answer; is it running?")?;
    Ok(docker.negotiate_version().await?)
}

/// The engine's version; nothing where there is none.
pub(crate) fn version() -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let asked =
        daemon::clock::timeout(Duration::from_secs(2), async { connect().await.ok()?.version().await.ok() });
    runtime.block_on(async { asked.await.ok() })??.version
}
