//! Docker Engine, through bollard: the one module of the workspace that knows it.
//!
//! Start at [`DockerRuntime`]. [`create`] turns our specs into Docker's, [`read`] turns Docker's answers into ours,
//! [`streams`] carries output. It decides nothing about pods. What it does decide is how hard the engine is driven: at
//! most [`PARALLEL`] calls that make, start or remove containers are under way at a time.

mod create;
mod read;
mod scores;
mod streams;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    Docker,
    query_parameters::{
        CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions,
        KillContainerOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptions,
        RemoveContainerOptionsBuilder, RemoveVolumeOptions, StartContainerOptions,
    },
};
use daemon::clock;
use futures::{FutureExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use tokio::{sync::Semaphore, time::Instant};

use scores::Scores;

use super::{
    Chunk, Container, ContainerId, ContainerRuntime, ContainerSpec, Event, ExecSpec, Facts, Image, Labels,
    Listed, LogQuery, Result, RuntimeError, Session,
};

/// So many calls that make, start or remove containers are under way at a time: the engine serves few of them well.
pub const PARALLEL: usize = 8;
/// How long what is known of a local image is believed.
const IMAGE_MEMORY: Duration = Duration::from_secs(2);
/// How long a pull may take altogether.
const PULL_TIMEOUT: Duration = Duration::from_secs(600);

/// A Docker Engine.
pub struct DockerRuntime {
    docker: Docker,
    permits: Semaphore,
    scores: Scores,
    /// Locked for a look or an insert only.
    images: Mutex<HashMap<String, (Instant, Image)>>,
}

impl DockerRuntime {
    /// Connects to the engine that the environment names (`DOCKER_HOST`), or to the local one, and agrees on a version.
    pub async fn connect() -> Result<DockerRuntime> {
        let docker = Docker::connect_with_defaults().map_err(read::error)?;
        let docker = docker.negotiate_version().await.map_err(read::error)?;
        Ok(DockerRuntime {
            docker,
            permits: Semaphore::new(PARALLEL),
            scores: Scores::of_host(),
            images: Mutex::default(),
        })
    }

    /// Waits for a turn, and makes the call.
    async fn in_turn<T>(
        &self,
        call: impl Future<Output = std::result::Result<T, bollard::errors::Error>>,
    ) -> Result<T> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        call.await.map_err(read::error)
    }

    fn known_image(&self, name: &str) -> Option<Image> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.get(name).filter(|(at, _)| at.elapsed() < IMAGE_MEMORY).map(|(_, image)| image.clone())
    }

    fn remember_image(&self, name: &str, image: &Image) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.retain(|_, (at, _)| at.elapsed() < IMAGE_MEMORY);
        images.insert(name.to_owned(), (clock::instant(), image.clone()));
    }

    fn forget_image(&self, name: &str) {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Makes a container with the score that the host is known to accept.
    async fn try_create(&self, spec: &ContainerSpec) -> Result<ContainerId> {
        let clamp = self.scores.are_clamped();
        let options = CreateContainerOptionsBuilder::new().name(&spec.name).build();
        let body = create::body_of(spec, clamp);
        let made = self.in_turn(self.docker.create_container(Some(options), body)).await;
        if matches!(made, Err(RuntimeError::NotFound(_))) {
            self.forget_image(&spec.image);
        }
        let id = ContainerId::from(made?.id);
        self.scores.made(&id, spec, clamp);
        Ok(id)
    }

    async fn pull_image(&self, name: &str) -> Result<Image> {
        let options = CreateImageOptionsBuilder::new().from_image(name);
        // Without a tag the engine would fetch every tag there is.
        let options = if create::has_tag(name) { options } else { options.tag("latest") };
        let pull = self.docker.create_image(Some(options.build()), None, None);
        let pull = pull.try_for_each(|_progress| async { Ok(()) });
        let timeout = || RuntimeError::Unavailable(format!("the pull took longer than {PULL_TIMEOUT:?}"));
        clock::timeout(PULL_TIMEOUT, pull).await.map_err(|_late| timeout())?.map_err(read::error)?;
        self.forget_image(name);
        let missing = || RuntimeError::NotFound(format!("image {name} is not there after its pull"));
        self.find_image(name).await?.ok_or_else(missing)
    }

    async fn find_image(&self, name: &str) -> Result<Option<Image>> {
        if let Some(image) = self.known_image(name) {
            return Ok(Some(image));
        }
        match self.docker.inspect_image(name).await.map_err(read::error) {
            Ok(found) => {
                let image = read::image(found);
                self.remember_image(name, &image);
                Ok(Some(image))
            }
            Err(RuntimeError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl ContainerRuntime for DockerRuntime {
    fn facts(&self) -> BoxFuture<'_, Result<Facts>> {
        async { self.docker.info().await.map(read::facts).map_err(read::error) }.boxed()
    }

    fn list<'a>(&'a self, labels: &'a Labels) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let filters = HashMap::from([("label".to_owned(), create::label_filters(labels))]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        async move {
            let found = self.docker.list_containers(Some(options)).await.map_err(read::error)?;
            Ok(found.into_iter().filter_map(read::listed).collect())
        }
        .boxed()
    }

    fn inspect<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<Container>> {
        async move {
            let call = self.docker.inspect_container(id.as_str(), None::<InspectContainerOptions>);
            self.in_turn(call).await.and_then(read::container)
        }
        .boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId>> {
        self.try_create(spec).boxed()
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<()>> {
        async move {
            let call = self.docker.start_container(id.as_str(), None::<StartContainerOptions>);
            self.scores.started(id, self.in_turn(call).await)
        }
        .boxed()
    }

    fn signal<'a>(&'a self, id: &'a ContainerId, signal: &'a str) -> BoxFuture<'a, Result<()>> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        async move { self.in_turn(self.docker.kill_container(id.as_str(), Some(options))).await }.boxed()
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<()>> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        async move {
            match self.in_turn(self.docker.remove_container(id.as_str(), Some(options))).await {
                Err(RuntimeError::NotFound(_)) => Ok(()),
                // Somebody else is removing it: gone is gone.
                Err(RuntimeError::Conflict(why)) if why.contains("already in progress") => Ok(()),
                other => other,
            }
        }
        .boxed()
    }

    fn remove_memory<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            match self.in_turn(self.docker.remove_volume(name, None::<RemoveVolumeOptions>)).await {
                Err(RuntimeError::NotFound(_)) => Ok(()),
                other => other,
            }
        }
        .boxed()
    }

    fn image<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Image>>> {
        self.find_image(name).boxed()
    }

    fn images(&self) -> BoxFuture<'_, Result<Vec<Image>>> {
        async {
            let found = self.docker.list_images(None::<ListImagesOptions>).await.map_err(read::error)?;
            Ok(found.into_iter().map(read::listed_image).collect())
        }
        .boxed()
    }

    fn pull<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Image>> {
        self.pull_image(name).boxed()
    }

    fn events<'a>(&'a self, labels: &'a Labels) -> BoxStream<'static, Result<Event>> {
        streams::events(&self.docker, labels)
    }

    fn logs<'a>(&'a self, id: &'a ContainerId, query: &'a LogQuery) -> BoxStream<'static, Result<Chunk>> {
        streams::logs(&self.docker, id, query)
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> BoxFuture<'a, Result<Session>> {
        streams::exec(&self.docker, id, spec).boxed()
    }

    fn attach<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> BoxFuture<'a, Result<Session>> {
        streams::attach(&self.docker, id, spec).boxed()
    }
}
