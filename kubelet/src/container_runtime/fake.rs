//! A container engine that behaves without running anything: containers start, follow the script that their command
//! spells, and end while time passes.
//!
//! A command is a small script ([`Script::of`]): `exit 3 5` ends by itself with code 3 after five seconds, `stubborn`
//! ignores the stop signal, `polite 2` takes two seconds to obey it, `broken` cannot be started, and anything else runs
//! until it is asked to stop. Every image is there, except those whose name contains `missing`. Time is tokio's, so
//! with paused time thousands of nodes live through hours in a moment.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use daemon::{Clock, clock};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, broadcast};

use crate::labels;

use super::{
    Channel, Chunk, Container, ContainerId, ContainerRuntime, ContainerSpec, Event, ExecSpec, Exit, Facts,
    Image, Labels, Listed, LogQuery, Result, RuntimeError, Session, SessionControl, State,
};

/// How long each call takes.
const LATENCY: Duration = Duration::from_millis(20);
const KILLED: i32 = 137;
const BACKLOG: usize = 4096;

/// A container engine that behaves without running anything; cheap to clone, and clones are the same engine.
#[derive(Clone)]
pub struct FakeRuntime {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    /// Locked for a look or a change only.
    engine: Mutex<Engine>,
    /// Rings when the time of the next end may have changed.
    changed: Notify,
    events: broadcast::Sender<(Labels, Event)>,
}

#[derive(Default)]
struct Engine {
    containers: BTreeMap<ContainerId, Simulated>,
    made: u64,
    /// Every call that changed something, in order.
    history: Vec<String>,
}

struct Simulated {
    spec: ContainerSpec,
    state: State,
    /// When it ends, and with which code, if nothing else happens.
    ends: Option<(Timestamp, i32)>,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Script {
    Runs,
    Exits { code: i32, after: SignedDuration },
    Stubborn,
    Polite(SignedDuration),
    Broken,
}

impl Script {
    fn of(spec: &ContainerSpec) -> Script {
        let words: Vec<&str> =
            spec.command.iter().flatten().chain(spec.args.iter().flatten()).map(String::as_str).collect();
        let seconds = |text: &&str| SignedDuration::from_secs(text.parse().unwrap_or(0));
        match words.as_slice() {
            ["exit", code, rest @ ..] => {
                let after = rest.first().map_or(SignedDuration::ZERO, seconds);
                Script::Exits { code: code.parse().unwrap_or(1), after }
            }
            ["stubborn", ..] => Script::Stubborn,
            ["polite", after, ..] => Script::Polite(seconds(after)),
            ["broken", ..] => Script::Broken,
            _ => Script::Runs,
        }
    }
}

impl FakeRuntime {
    /// An engine without containers.
    pub fn new(clock: Clock) -> FakeRuntime {
        let (events, _) = broadcast::channel(BACKLOG);
        FakeRuntime {
            inner: Arc::new(Inner { clock, engine: Mutex::default(), changed: Notify::new(), events }),
        }
    }

    /// Every call that changed something, in order: `create main 0`, `start main 0`, `SIGTERM main 0`, `remove main 0`.
    pub fn history(&self) -> Vec<String> {
        self.engine().history.clone()
    }

    /// Ends a container from outside, as an operator or the kernel would.
    pub fn kill(&self, id: &ContainerId) {
        let now = self.inner.clock.now();
        if let Some(container) = self.engine().containers.get_mut(id) {
            container.ends = Some((now, KILLED));
        }
        self.inner.changed.notify_waiters();
    }

    /// Names of the containers that run, pause containers among them, sorted.
    pub fn running(&self) -> Vec<String> {
        let engine = self.engine();
        let running = engine.containers.values().filter(|it| matches!(it.state, State::Running { .. }));
        let mut names: Vec<String> = running.map(|it| it.spec.name.clone()).collect();
        names.sort();
        names
    }

    /// How many containers there are, running or not.
    pub fn count(&self) -> usize {
        self.engine().containers.len()
    }

    /// The engine, with everything ended that should have by now.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        let mut engine = self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.inner.clock.now();
        let due = |it: &Simulated| it.ends.is_some_and(|(at, _)| at <= now);
        let ended: Vec<ContainerId> =
            engine.containers.iter().filter(|(_, it)| due(it)).map(|(id, _)| id.clone()).collect();
        for id in ended {
            if let Some(container) = engine.containers.get_mut(&id) {
                container.end();
                self.tell(&id, &container.spec.labels);
            }
        }
        engine
    }

    fn tell(&self, id: &ContainerId, labels: &Labels) {
        let pod = labels.get(labels::POD_UID).cloned().unwrap_or_default();
        // Nobody listening is fine.
        let _heard = self.inner.events.send((labels.clone(), Event { pod, container: id.clone() }));
    }

    fn next_end(&self) -> Option<Timestamp> {
        self.engine().containers.values().filter_map(|it| it.ends).map(|(at, _)| at).min()
    }

    fn try_start(&self, id: &ContainerId) -> Result<()> {
        let now = self.inner.clock.now();
        let mut engine = self.engine();
        let container = engine.containers.get_mut(id).ok_or_else(|| missing(id))?;
        let script = Script::of(&container.spec);
        let line = format!("start {}", container.name());
        if script == Script::Broken {
            return Err(RuntimeError::Refused("exec: no such file or directory".to_owned()));
        }
        container.state = State::Running { started_at: now };
        if let Script::Exits { code, after } = script {
            container.ends = Some((now + after, code));
        }
        engine.history.push(line);
        self.inner.changed.notify_waiters();
        Ok(())
    }

    fn try_signal(&self, id: &ContainerId, signal: &str) -> Result<()> {
        let now = self.inner.clock.now();
        let mut engine = self.engine();
        let container = engine.containers.get_mut(id).ok_or_else(|| missing(id))?;
        if !matches!(container.state, State::Running { .. }) {
            return Err(RuntimeError::Conflict(format!("container {id} is not running")));
        }
        container.ends = match (signal, Script::of(&container.spec)) {
            ("SIGKILL", _) => Some((now, KILLED)),
            (_, Script::Stubborn) => container.ends,
            (_, Script::Polite(after)) => Some((now + after, 0)),
            _ => Some((now, 0)),
        };
        let line = format!("{signal} {}", container.name());
        engine.history.push(line);
        drop(engine);
        self.inner.changed.notify_waiters();
        Ok(())
    }
}

fn missing(id: &ContainerId) -> RuntimeError {
    RuntimeError::NotFound(format!("no such container: {id}"))
}

impl Simulated {
    fn end(&mut self) {
        let Some((at, code)) = self.ends.take() else { return };
        if let State::Running { started_at } = self.state {
            let started_at = Some(started_at);
            self.state = State::Exited(Exit {
                code,
                out_of_memory: false,
                started_at,
                finished_at: at,
                error: String::new(),
            });
        }
    }

    /// `main 0`: the container's name in its pod, and its attempt.
    fn name(&self) -> String {
        let label = |name: &str| self.spec.labels.get(name).map(String::as_str).unwrap_or_default();
        match label(labels::CONTAINER_NAME) {
            labels::SANDBOX_NAME => "pause".to_owned(),
            name => format!("{name} {}", label(labels::ATTEMPT)),
        }
    }

    fn found(&self, id: &ContainerId) -> Container {
        Container {
            id: id.clone(),
            labels: self.spec.labels.clone(),
            image_id: image_of(&self.spec.image).id,
            address: self.spec.labels.get(labels::ADDRESS).and_then(|it| it.parse().ok()),
            state: self.state.clone(),
        }
    }
}

fn image_of(name: &str) -> Image {
    Image { id: format!("sha256:{name}"), names: vec![name.to_owned()], size: 1 << 20, ..Image::default() }
}

async fn called<T>(answer: impl FnOnce() -> T + Send) -> T {
    clock::sleep(LATENCY).await;
    answer()
}

fn has_all(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}

impl ContainerRuntime for FakeRuntime {
    fn facts(&self) -> BoxFuture<'_, Result<Facts>> {
        let text = str::to_owned;
        let (version, kernel, os_image) = (text("fake://1"), text("0.0"), text("none"));
        async { Ok(Facts { version, kernel, os_image, cpus: 8, memory: 16 << 30 }) }.boxed()
    }

    fn list<'a>(&'a self, wanted: &'a Labels) -> BoxFuture<'a, Result<Vec<Listed>>> {
        called(move || {
            let engine = self.engine();
            let ours = engine.containers.iter().filter(|(_, it)| has_all(&it.spec.labels, wanted));
            let listed = ours.map(|(id, it)| Listed {
                id: id.clone(),
                labels: it.spec.labels.clone(),
                running: matches!(it.state, State::Running { .. }),
                begun: it.state != State::Created,
            });
            Ok(listed.collect())
        })
        .boxed()
    }

    fn inspect<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<Container>> {
        called(move || self.engine().containers.get(id).map(|it| it.found(id)).ok_or_else(|| missing(id)))
            .boxed()
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId>> {
        called(move || {
            let mut engine = self.engine();
            if engine.containers.values().any(|it| it.spec.name == spec.name) {
                return Err(RuntimeError::Conflict(format!("the name {} is already in use", spec.name)));
            }
            engine.made += 1;
            let id = ContainerId::from(format!("{:08}", engine.made));
            let container = Simulated { spec: spec.clone(), state: State::Created, ends: None };
            let line = format!("create {}", container.name());
            engine.history.push(line);
            engine.containers.insert(id.clone(), container);
            Ok(id)
        })
        .boxed()
    }

    fn start<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<()>> {
        called(move || self.try_start(id)).boxed()
    }

    fn signal<'a>(&'a self, id: &'a ContainerId, signal: &'a str) -> BoxFuture<'a, Result<()>> {
        called(move || self.try_signal(id, signal)).boxed()
    }

    fn remove<'a>(&'a self, id: &'a ContainerId) -> BoxFuture<'a, Result<()>> {
        called(move || {
            let mut engine = self.engine();
            if let Some(container) = engine.containers.remove(id) {
                engine.history.push(format!("remove {}", container.name()));
                self.tell(id, &container.spec.labels);
            }
            Ok(())
        })
        .boxed()
    }

    fn remove_memory<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<()>> {
        called(|| Ok(())).boxed()
    }

    fn image<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Image>>> {
        called(move || Ok((!name.contains("missing")).then(|| image_of(name)))).boxed()
    }

    fn images(&self) -> BoxFuture<'_, Result<Vec<Image>>> {
        called(|| Ok(Vec::new())).boxed()
    }

    fn pull<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Image>> {
        called(move || Err(RuntimeError::NotFound(format!("no registry has {name}")))).boxed()
    }

    fn events<'a>(&'a self, wanted: &'a Labels) -> BoxStream<'static, Result<Event>> {
        let state = (self.clone(), wanted.clone(), self.inner.events.subscribe());
        let events = stream::unfold(state, |(engine, wanted, mut receiver)| async {
            let event = next_event(&engine, &wanted, &mut receiver).await?;
            Some((Ok(event), (engine, wanted, receiver)))
        });
        events.boxed()
    }

    fn logs<'a>(&'a self, id: &'a ContainerId, _query: &'a LogQuery) -> BoxStream<'static, Result<Chunk>> {
        let name = self.engine().containers.get(id).map(Simulated::name);
        let line = name.map(|it| Ok(Chunk { channel: Channel::Out, bytes: Bytes::from(format!("{it}\n")) }));
        stream::iter(line).boxed()
    }

    fn exec<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> BoxFuture<'a, Result<Session>> {
        called(move || match self.engine().containers.get(id).map(|it| &it.state) {
            Some(State::Running { .. }) => Ok(session(spec)),
            Some(_) => Err(RuntimeError::Conflict(format!("container {id} is not running"))),
            None => Err(missing(id)),
        })
        .boxed()
    }

    fn attach<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> BoxFuture<'a, Result<Session>> {
        self.exec(id, spec)
    }
}

/// The next event for a listener; time may have to pass until it happens.
async fn next_event(
    engine: &FakeRuntime,
    wanted: &Labels,
    receiver: &mut broadcast::Receiver<(Labels, Event)>,
) -> Option<Event> {
    loop {
        let changed = engine.inner.changed.notified();
        let next_end = engine.next_end().map(|at| engine.inner.clock.until(at));
        let end = async {
            match next_end {
                Some(wait) => clock::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            told = receiver.recv() => match told {
                Ok((labels, event)) if has_all(&labels, wanted) => return Some(event),
                // Events of others, and events lost: the list that follows sees what they told.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            },
            () = changed => {}
            () = end => {}
        }
    }
}

/// `true` and `false` do what they say, `sleep N` takes its time, everything else succeeds.
fn session(spec: &ExecSpec) -> Session {
    let words: Vec<&str> = spec.command.iter().map(String::as_str).collect();
    let (code, takes) = match words.as_slice() {
        ["false", ..] => (1, Duration::ZERO),
        ["sleep", seconds, ..] => (0, Duration::from_secs(seconds.parse().unwrap_or(0))),
        _ => (0, Duration::ZERO),
    };
    let output = stream::once(clock::sleep(takes)).filter_map(|()| async { None });
    let input: Pin<Box<dyn tokio::io::AsyncWrite + Send>> = Box::pin(tokio::io::sink());
    Session { input, output: output.boxed(), control: Arc::new(Ended(code)) }
}

struct Ended(i32);

impl SessionControl for Ended {
    fn resize(&self, _width: u16, _height: u16) -> BoxFuture<'_, Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn exit_code(&self) -> BoxFuture<'_, Result<Option<i32>>> {
        let code = self.0;
        async move { Ok(Some(code)) }.boxed()
    }
}
