//! Docker's streams: events, logs, commands and attachments.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use bollard::{
    Docker,
    container::LogOutput,
    exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults},
    models::EventMessage,
    query_parameters::{
        AttachContainerOptionsBuilder, EventsOptionsBuilder, LogsOptionsBuilder,
        ResizeContainerTTYOptionsBuilder,
    },
};
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};

use crate::{
    container_runtime::{
        Channel, Chunk, ContainerId, Event, ExecSpec, Labels, LogQuery, Result, RuntimeError, Session,
        SessionControl,
    },
    labels,
};

use super::{create, read};

/// What happens to containers that makes their state worth another look.
const ACTIONS: [&str; 2] = ["die", "destroy"];

pub(super) fn events(docker: &Docker, wanted: &Labels) -> BoxStream<'static, Result<Event>> {
    let filters = HashMap::from([
        ("type".to_owned(), vec!["container".to_owned()]),
        ("event".to_owned(), ACTIONS.map(str::to_owned).to_vec()),
        ("label".to_owned(), create::label_filters(wanted)),
    ]);
    let options = EventsOptionsBuilder::new().filters(&filters).build();
    let docker = docker.clone();
    let events = docker.events(Some(options));
    events.filter_map(async |it| it.map(event_of).map_err(read::error).transpose()).boxed()
}

fn event_of(message: EventMessage) -> Option<Event> {
    let actor = message.actor?;
    let pod = actor.attributes?.get(labels::POD_UID)?.clone();
    Some(Event { pod, container: actor.id?.into() })
}

pub(super) fn logs(docker: &Docker, id: &ContainerId, query: &LogQuery) -> BoxStream<'static, Result<Chunk>> {
    let tail = query.tail.map_or_else(|| "all".to_owned(), |it| it.to_string());
    let since = query.since.and_then(|it| i32::try_from(it.as_second()).ok()).unwrap_or(0);
    let options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .follow(query.follow)
        .timestamps(query.timestamps)
        .since(since)
        .tail(&tail)
        .build();
    chunks(docker.logs(id.as_str(), Some(options)))
}

fn chunks(
    output: impl Stream<Item = std::result::Result<LogOutput, bollard::errors::Error>> + Send + 'static,
) -> BoxStream<'static, Result<Chunk>> {
    output.map(|it| it.map(chunk_of).map_err(read::error)).boxed()
}

fn chunk_of(output: LogOutput) -> Chunk {
    let channel = if matches!(output, LogOutput::StdErr { .. }) { Channel::Err } else { Channel::Out };
    Chunk { channel, bytes: output.into_bytes() }
}

pub(super) async fn exec(docker: &Docker, id: &ContainerId, spec: &ExecSpec) -> Result<Session> {
    let options = CreateExecOptions {
        attach_stdin: Some(spec.stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(!spec.tty),
        tty: Some(spec.tty),
        cmd: Some(spec.command.clone()),
        ..CreateExecOptions::default()
    };
    let exec = docker.create_exec(id.as_str(), options).await.map_err(read::error)?.id;
    let start = StartExecOptions { detach: false, tty: spec.tty, output_capacity: None };
    match docker.start_exec(&exec, Some(start)).await.map_err(read::error)? {
        StartExecResults::Attached { output, input } => {
            let control = Arc::new(ExecControl { docker: docker.clone(), exec });
            Ok(Session { input, output: chunks(Unpinned(output)), control })
        }
        StartExecResults::Detached => Err(RuntimeError::Unavailable("the command was detached".to_owned())),
    }
}

pub(super) async fn attach(docker: &Docker, id: &ContainerId, spec: &ExecSpec) -> Result<Session> {
    let options = AttachContainerOptionsBuilder::new()
        .stdin(spec.stdin)
        .stdout(true)
        .stderr(!spec.tty)
        .stream(true)
        .build();
    let attached = docker.attach_container(id.as_str(), Some(options)).await.map_err(read::error)?;
    let control = Arc::new(AttachControl { docker: docker.clone(), id: id.clone() });
    Ok(Session { input: attached.input, output: chunks(Unpinned(attached.output)), control })
}

type DockerOutput =
    Pin<Box<dyn Stream<Item = std::result::Result<LogOutput, bollard::errors::Error>> + Send>>;

/// Makes a boxed stream one that can be moved.
struct Unpinned(DockerOutput);

impl Stream for Unpinned {
    type Item = std::result::Result<LogOutput, bollard::errors::Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

struct ExecControl {
    docker: Docker,
    exec: String,
}

impl SessionControl for ExecControl {
    fn resize(&self, width: u16, height: u16) -> BoxFuture<'_, Result<()>> {
        let options = ResizeExecOptions { width, height };
        async move { self.docker.resize_exec(&self.exec, options).await.map_err(read::error) }.boxed()
    }

    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>>> {
        async {
            let found = self.docker.inspect_exec(&self.exec).await.map_err(read::error)?;
            Ok(found.exit_code.and_then(|it| i32::try_from(it).ok()))
        }
        .boxed()
    }
}

struct AttachControl {
    docker: Docker,
    id: ContainerId,
}

impl SessionControl for AttachControl {
    fn resize(&self, width: u16, height: u16) -> BoxFuture<'_, Result<()>> {
        let options = ResizeContainerTTYOptionsBuilder::new().w(width.into()).h(height.into()).build();
        async move { self.docker.resize_container_tty(self.id.as_str(), options).await.map_err(read::error) }
            .boxed()
    }

    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>>> {
        async { Ok(None) }.boxed()
    }
}
