//! Doing one planned thing. Each function gathers what it needs, does it, and says what came of it; nothing is decided.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use api::k8s::api::core::v1::{Container, Pod, PodSpec};
use daemon::clock;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use jiff::Timestamp;

use crate::{
    cluster::Token,
    compose,
    container_runtime::{Container as Found, ContainerId, LogQuery, RuntimeError},
    hooks,
    observed::{Observed, Target},
    plan::{self, Action},
    probes::{self, Aim, Kind},
    volumes::{self, TokenNeed, disk},
};

use super::{
    Outcome, Shared,
    outcome::{Failure, HookKind},
    prepare::{self, Made, pod_folder},
};

/// As much of a container's last words as is kept.
const LAST_WORDS: usize = 4096;
/// As many lines and bytes of its log when it left no words.
const LOG_LINES: u64 = 80;
const LOG_BYTES: usize = 2048;

/// What an action works on, and the work.
pub(super) fn begin(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    observed: &mut Observed,
    tokens: &BTreeMap<TokenNeed, Token>,
    action: Action,
    now: Timestamp,
) -> (Target, BoxFuture<'static, Outcome>) {
    let (shared, pod) = (shared.clone(), pod.clone());
    match action {
        Action::WriteVolumes => {
            let addresses = prepare::addresses_of(&shared, &pod, observed);
            (Target::Volumes, prepare::write_volumes(shared, pod, addresses, tokens.clone()).boxed())
        }
        Action::RemoveVolumes => (Target::Volumes, remove_volumes(shared, pod).boxed()),
        Action::MeasureVolumes => (Target::Usage, measure(shared, pod).boxed()),
        Action::CreateSandbox => (Target::Sandbox, prepare::create_sandbox(shared, pod).boxed()),
        Action::StartSandbox(id) => {
            let address = observed.sandbox.facts().and_then(|it| it.address);
            (Target::Sandbox, start_sandbox(shared, pod, id, address).boxed())
        }
        Action::Create { container, number, backoff } => {
            let made = prepare::making(&shared, &pod, observed, &container, number, backoff);
            (Target::Container(container.clone()), create(made, container).boxed())
        }
        Action::Start { container, id } => {
            (Target::Container(container.clone()), start(shared, container, id).boxed())
        }
        Action::Signal { container, id, signal } => {
            (Target::Container(container.clone()), send(shared, container, id, signal).boxed())
        }
        Action::PostStart(container) => {
            let hook = hook(shared, pod, observed, container.clone(), HookKind::PostStart, None);
            (Target::Hook(container), hook)
        }
        Action::PreStop { container, deadline } => {
            let limit = Some(shared.clock.until(deadline));
            let hook = hook(shared, pod, observed, container.clone(), HookKind::PreStop, limit);
            (Target::Hook(container), hook)
        }
        Action::Probe { container, kind } => {
            let probe = probe(shared, pod, observed, container.clone(), kind, now);
            (Target::Probe(container, kind), probe)
        }
        Action::Remove(id) => (Target::Remains(id.clone()), remove(shared, observed, id)),
        Action::DeleteObject => (Target::Object, delete(shared, pod).boxed()),
        Action::Stop { .. } | Action::Settle => unreachable!("the worker does these at once"),
    }
}

/// Starts a pause container. One that could not be started (its port is taken, say) is removed, to be made anew.
async fn start_sandbox(
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    id: ContainerId,
    address: Option<IpAddr>,
) -> Outcome {
    let result = prepare::start_sandbox(&shared, &pod, &id).await;
    if result.is_err() {
        match shared.runtime.remove(&id).await {
            Ok(()) => address.into_iter().for_each(|it| prepare::release(&shared, it)),
            Err(error) => return Outcome::Removed { id, result: Err(error) },
        }
    }
    match result {
        Err(prepare::SandboxError::Engine(RuntimeError::MakeAnew(_))) => {
            Outcome::Removed { id, result: Ok(()) }
        }
        other => Outcome::SandboxStarted { id, result: other.map_err(|error| error.to_string()) },
    }
}

async fn create(made: impl Future<Output = Result<Made, Failure>>, container: String) -> Outcome {
    Outcome::Created { container, result: made.await.map(Box::new) }
}

async fn start(shared: Arc<Shared>, container: String, id: ContainerId) -> Outcome {
    let result = shared.runtime.start(&id).await;
    if matches!(result, Err(RuntimeError::MakeAnew(_))) {
        let result = shared.runtime.remove(&id).await;
        return Outcome::Removed { id, result };
    }
    Outcome::Started { container, id, result, at: shared.clock.now() }
}

async fn send(shared: Arc<Shared>, container: String, id: ContainerId, signal: String) -> Outcome {
    let result = shared.runtime.signal(&id, &signal).await;
    Outcome::Signalled { container, id, killed: signal == plan::SIGKILL, result, at: shared.clock.now() }
}

/// Runs a hook, if the container has one, within its time.
fn hook(
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    observed: &Observed,
    container: String,
    kind: HookKind,
    limit: Option<Duration>,
) -> BoxFuture<'static, Outcome> {
    let id = observed.latest(&container).map(|it| it.id.clone());
    let address = prepare::addresses_of(&shared, &pod, observed).first().copied();
    async move {
        let result = match (find(&pod, &container), &id) {
            (Some(spec), Some(id)) => {
                let place = hooks::Place { runtime: &*shared.runtime, id, container: &spec, address };
                run_hook(&spec, &place, kind, limit).await
            }
            _ => Ok(()),
        };
        Outcome::HookRan { container, id, kind, result }
    }
    .boxed()
}

async fn run_hook(
    spec: &Container,
    place: &hooks::Place<'_>,
    kind: HookKind,
    limit: Option<Duration>,
) -> Result<(), String> {
    let lifecycle = spec.lifecycle.as_ref();
    let handler = lifecycle.and_then(|it| match kind {
        HookKind::PostStart => it.post_start.as_ref(),
        HookKind::PreStop => it.pre_stop.as_ref(),
    });
    let Some(handler) = handler else { return Ok(()) };
    let run = hooks::run(handler, place);
    match limit {
        None => run.await,
        Some(limit) => {
            clock::timeout(limit, run).await.unwrap_or_else(|_late| Err(format!("did not end in {limit:?}")))
        }
    }
}

fn probe(
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    observed: &mut Observed,
    container: String,
    kind: Kind,
    now: Timestamp,
) -> BoxFuture<'static, Outcome> {
    let address = prepare::addresses_of(&shared, &pod, observed).first().copied();
    let attempt = observed.latest_mut(&container);
    let id = attempt.map(|attempt| {
        attempt.probes.entry(kind).or_default().last_at = Some(now);
        attempt.id.clone()
    });
    async move {
        let spec = find(&pod, &container);
        let asked = spec.as_ref().and_then(|it| kind.of(it));
        let (Some(id), Some(spec), Some(asked), Some(address)) = (id, &spec, asked, address) else {
            return Outcome::Nothing;
        };
        let timeout = probes::timeout_of(asked);
        let aim = Aim { runtime: &*shared.runtime, id: &id, container: spec, address, timeout };
        let found = probes::carry_out(asked, &aim).await;
        Outcome::Probed { container, id, kind, found }
    }
    .boxed()
}

fn remove(shared: Arc<Shared>, observed: &Observed, id: ContainerId) -> BoxFuture<'static, Outcome> {
    let address = observed.sandbox.facts().filter(|it| it.id == id).and_then(|it| it.address);
    async move {
        let result = shared.runtime.remove(&id).await;
        if let (Ok(()), Some(address)) = (&result, address) {
            prepare::release(&shared, address);
        }
        Outcome::Removed { id, result }
    }
    .boxed()
}

async fn remove_volumes(shared: Arc<Shared>, pod: Arc<Pod>) -> Outcome {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    for name in compose::memory_names(&pod, spec) {
        if let Err(error) = shared.runtime.remove_memory(&name).await {
            return Outcome::VolumesRemoved(Err(error.to_string()));
        }
    }
    let folder = pod_folder(&shared, &pod);
    let removed = shared.tasks.spawn_blocking("removing volumes", move || disk::remove_folder(&folder));
    Outcome::VolumesRemoved(prepare::joined(removed).await)
}

/// Measures the folders that have a size limit; one that cannot be measured counts as empty.
async fn measure(shared: Arc<Shared>, pod: Arc<Pod>) -> Outcome {
    let folder = pod_folder(&shared, &pod);
    let limits = pod.spec.as_ref().map(volumes::limits_of).unwrap_or_default();
    let work = shared.tasks.spawn_blocking("measuring volumes", move || {
        let size = |name: &str| disk::size_of(&volumes::folder_of(&folder, name)).unwrap_or(0);
        limits.iter().map(|limit| (limit.volume.clone(), size(&limit.volume))).collect::<Vec<_>>()
    });
    Outcome::Measured(work.await.ok().flatten().unwrap_or_default())
}

async fn delete(shared: Arc<Shared>, pod: Arc<Pod>) -> Outcome {
    Outcome::ObjectDeleted(shared.cluster.delete(&pod).await)
}

/// Looks at a container: what it is doing, and its last words if it has ended.
pub(super) async fn look(shared: Arc<Shared>, pod: Arc<Pod>, id: ContainerId) -> Outcome {
    let found = match shared.runtime.inspect(&id).await {
        Ok(found) => {
            let words = last_words(&shared, &pod, &found).await;
            Ok(Some(Box::new((found, words))))
        }
        Err(RuntimeError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    };
    Outcome::Looked { id, found }
}

/// What a container that ended left in its file, or, if it asked for that, the end of its log.
async fn last_words(shared: &Arc<Shared>, pod: &Pod, found: &Found) -> Option<String> {
    let crate::container_runtime::State::Exited(exit) = &found.state else { return None };
    let identity = crate::labels::Identity::read(&found.labels).filter(|it| !it.is_sandbox())?;
    let path = prepare::termination_log(&pod_folder(shared, pod), &identity.container, identity.attempt);
    let read = shared.tasks.spawn_blocking("reading last words", move || std::fs::read(path).ok());
    let mut words = read.await.ok().flatten().flatten().unwrap_or_default();
    words.truncate(LAST_WORDS);
    let falls_back = find(pod, &identity.container)
        .is_some_and(|it| it.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"));
    if words.is_empty() && falls_back && exit.code != 0 {
        words = end_of_log(shared, &found.id).await;
    }
    Some(String::from_utf8_lossy(&words).into_owned()).filter(|it| !it.is_empty())
}

async fn end_of_log(shared: &Shared, id: &ContainerId) -> Vec<u8> {
    let query = LogQuery { tail: Some(LOG_LINES), ..LogQuery::default() };
    let mut chunks = shared.runtime.logs(id, &query);
    let mut end = Vec::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        end.extend_from_slice(&chunk.bytes);
    }
    let start = end.len().saturating_sub(LOG_BYTES);
    end.split_off(start)
}

/// A container of the pod, whatever its role.
pub(super) fn find(pod: &Pod, name: &str) -> Option<Container> {
    let spec = pod.spec.as_ref()?;
    let added = spec.ephemeral_containers.iter().flatten().find(|it| it.name == name).map(plan::as_container);
    let listed =
        spec.init_containers.iter().flatten().chain(&spec.containers).find(|it| it.name == name).cloned();
    listed.or(added)
}
