//! The loop around a controller: queue, floor, snapshot, plan, execute, remember.

use crate::cache::{Change, Snapshot};
use crate::controller::{Registration, Wakes, Watch};
use crate::custom;
use crate::executor::{Executor, Written};
use crate::floor::Floor;
use crate::informers::{Informer, Informers, Subscriber, snapshot};
use crate::plan::Plan;
use crate::queue::{Done, Queue, Reason, Work};
use crate::trace::{Record, Ring};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use api::{Kind, Object, Resource};
use daemon::metrics::{Counter, Gauge, Histogram, Registry};
use daemon::{Clock, Tasks, chain, clock};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tracing::Instrument;

/// What every controller of a process shares.
#[derive(Clone)]
pub struct Settings {
    /// Fills the caches.
    pub informers: Informers,
    /// Carries out the plans.
    pub executor: Executor,
    /// Tells the time that `reconcile` gets.
    pub clock: Clock,
    /// Counts.
    pub metrics: Registry,
    /// Remembers.
    pub ring: Ring,
}

/// Runs one controller.
pub struct Driver {
    registration: Registration,
    settings: Settings,
    followed: Arc<Followed>,
    shared: Arc<Shared>,
    meters: Meters,
}

/// The kinds that a controller reads; custom ones come and go.
struct Followed(Mutex<Arc<Kinds>>);

type Kinds = Vec<(Kind, Arc<Informer>)>;

impl Followed {
    fn now(&self) -> Arc<Kinds> {
        self.0.lock().expect("nobody panics while holding this lock").clone()
    }

    fn add(&self, kind: Kind, informer: Arc<Informer>) {
        let mut now = self.0.lock().expect("nobody panics while holding this lock");
        Arc::make_mut(&mut now).push((kind, informer));
    }

    fn remove(&self, kind: Kind) {
        let mut now = self.0.lock().expect("nobody panics while holding this lock");
        Arc::make_mut(&mut now).retain(|(it, _)| *it != kind);
    }
}

/// What workers and subscribers share.
#[derive(Default)]
struct Shared {
    /// Held for moments only.
    state: Mutex<(Queue, Floor)>,
    /// Told when the queue may have work.
    wake: Notify,
}

/// Kubernetes' work queue metrics, by their names.
#[derive(Clone)]
struct Meters {
    depth: Gauge,
    adds: Counter,
    waited: Histogram,
    worked: Histogram,
    retries: Counter,
}

impl Meters {
    fn new(metrics: &Registry, name: &str) -> Self {
        let labels = &[("name", name)];
        let bounds = &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];
        let histogram = |name, help| metrics.histogram(name, help, labels, bounds);
        Self {
            depth: metrics.gauge("workqueue_depth", "Current depth of workqueue", labels),
            adds: metrics.counter(
                "workqueue_adds_total",
                "Total number of adds handled by workqueue",
                labels,
            ),
            waited: histogram("workqueue_queue_duration_seconds", "Time that a key waits in the queue"),
            worked: histogram("workqueue_work_duration_seconds", "Time that work on a key takes"),
            retries: metrics.counter("workqueue_retries_total", "Total number of retries", labels),
        }
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Queue, &mut Floor) -> T) -> T {
        let (queue, floor) = &mut *self.state.lock().expect("nobody panics while holding this lock");
        work(queue, floor)
    }
}

impl Driver {
    /// A driver for one row of a registry.
    pub fn new(registration: Registration, settings: Settings) -> Self {
        let kinds = registration.watches.iter().map(|it| it.kind);
        let informers = kinds.map(|kind| (kind, settings.informers.of(kind))).collect();
        let meters = Meters::new(&settings.metrics, registration.name);
        let followed = Arc::new(Followed(Mutex::new(Arc::new(informers))));
        Self { registration, settings, followed, shared: Arc::default(), meters }
    }

    /// Waits for the caches, then works until `tasks` is cancelled.
    pub async fn run(self, tasks: Tasks) {
        let token = tasks.token();
        let synced = async {
            for (_, informer) in self.followed.now().iter() {
                informer.synced().await;
            }
        };
        if token.run_until_cancelled(synced).await.is_none() {
            return;
        }
        let driver = Arc::new(self);
        driver.subscribe();
        for number in 0..driver.registration.workers {
            let (driver, token) = (Arc::clone(&driver), tasks.token());
            let name = format!("{} worker {number}", driver.registration.name);
            tasks.spawn(name, async move { _ = token.run_until_cancelled(driver.work()).await });
        }
    }

    fn subscribe(self: &Arc<Self>) {
        for (watch, (_, informer)) in self.registration.watches.iter().zip(self.followed.now().iter()) {
            informer.subscribe(self.subscriber(*watch));
        }
        if let Some(wakes) = self.registration.custom {
            self.follow_custom(wakes);
        }
    }

    /// Queues what the changes of a kind wake.
    fn subscriber(&self, watch: Watch) -> Subscriber {
        let followed = Arc::clone(&self.followed);
        let (shared, adds) = (Arc::clone(&self.shared), self.meters.adds.clone());
        Box::new(move |change| {
            let keys = change.map(|it| watch.keys(it, &snapshot_for(&watch, &followed))).unwrap_or_default();
            shared.with(|queue, _| {
                let now = clock::instant();
                for key in keys {
                    adds.inc();
                    queue.add(&key, reason_of(change), now);
                }
                queue.unpark(now);
            });
            shared.wake.notify_waiters();
        })
    }

    /// Follows each custom kind for as long as its definition is established.
    fn follow_custom(self: &Arc<Self>, wakes: Wakes) {
        let definitions = self.settings.informers.of(CustomResourceDefinition::KIND);
        let driver = Arc::downgrade(self);
        definitions.subscribe(Box::new(move |change| {
            let (Some(driver), Some(change)) = (driver.upgrade(), change) else { return };
            let kind_of = |it: &Option<Arc<Object>>| it.as_deref().and_then(custom::kind_of);
            let (before, now) = (kind_of(&change.old), kind_of(&change.new));
            if before == now {
                return;
            }
            if let Some(gone) = before {
                driver.followed.remove(gone);
                driver.settings.informers.end(gone);
            }
            if let Some(kind) = now {
                let informer = driver.settings.informers.of(kind);
                driver.followed.add(kind, Arc::clone(&informer));
                informer.subscribe(driver.subscriber(Watch { kind, wakes }));
            }
        }));
    }

    /// One worker: takes keys for ever.
    async fn work(&self) {
        loop {
            let woken = self.shared.wake.notified();
            tokio::pin!(woken);
            // Listening before looking: what is added in between still wakes us.
            woken.as_mut().enable();
            let now = clock::instant();
            let (work, moment) = self.shared.with(|queue, _| {
                let work = queue.take(now);
                self.meters.depth.set(queue.census().ready as f64);
                (work, queue.next_moment())
            });
            match (work, moment) {
                (Some(work), _) => self.reconcile(work).await,
                (None, None) => woken.await,
                (None, Some(moment)) => tokio::select! {
                    () = woken => {}
                    () = clock::sleep_until(moment) => {}
                },
            }
        }
    }

    async fn reconcile(&self, work: Work) {
        let followed = self.followed.now();
        let caches = snapshot(&followed);
        if !self.shared.with(|_, floor| floor.allows(&work.key, &caches)) {
            self.finish(&work, Done::Park);
            // A cache may have moved between the snapshot and the parking.
            let moved = followed.iter().any(|(kind, it)| it.objects().revision() != caches.revision(*kind));
            if moved {
                self.shared.with(|queue, _| queue.unpark(clock::instant()));
                self.shared.wake.notify_one();
            }
            return;
        }
        let (started, at) = (clock::instant(), self.settings.clock.now());
        let span = tracing::debug_span!("reconcile", controller = self.registration.name, object = %work.key);
        let plan = span.in_scope(|| (self.registration.plan)(&caches, &work.key, at));
        let lines: Vec<String> = plan.actions.iter().map(ToString::to_string).collect();
        let requeue = plan.requeue;
        let (wrote, result) = self.execute(&work, plan).instrument(span.clone()).await;
        let worked = clock::instant().duration_since(started);
        self.meters.waited.observe_duration(work.waited);
        self.meters.worked.observe_duration(worked);
        let error = result.err();
        let done = match (&error, requeue) {
            (Some(_), _) => Done::Badly,
            (None, Some(wait)) => Done::Again(wait),
            (None, None) => Done::Well,
        };
        self.finish(&work, done);
        self.settings.ring.push(Record {
            sequence: 0,
            controller: self.registration.name,
            key: work.key,
            at,
            reasons: work.reasons,
            waited: work.waited,
            worked,
            observed: caches.kinds().map(|kind| (kind, caches.revision(kind))).collect(),
            plan: lines,
            wrote,
            error,
            requeue,
        });
    }

    /// Executes a plan and raises the floor by what it wrote.
    async fn execute(&self, work: &Work, plan: Plan) -> (Vec<Written>, Result<(), String>) {
        if plan.actions.is_empty() {
            return (Vec::new(), Ok(()));
        }
        tracing::debug!(actions = plan.actions.len(), reasons = work.reasons.len(), "plan");
        let (wrote, result) = self.settings.executor.execute(plan.actions).await;
        self.shared.with(|_, floor| {
            wrote.iter().for_each(|(kind, revision)| floor.raise(&work.key, *kind, *revision))
        });
        let result = result.map_err(|failure| {
            let why = chain(&failure);
            if failure.source.is_conflict() {
                tracing::debug!(%why, "will look again");
            } else {
                tracing::warn!(%why, "will retry");
            }
            why
        });
        (wrote, result)
    }

    fn finish(&self, work: &Work, done: Done) {
        if done == Done::Badly {
            self.meters.retries.inc();
        }
        self.shared.with(|queue, _| queue.done(&work.key, done, clock::instant()));
        self.shared.wake.notify_one();
    }
}

/// Maps may look at other caches; the other ways to wake do not.
fn snapshot_for(watch: &Watch, followed: &Followed) -> Snapshot {
    match watch.wakes {
        Wakes::Map(_) => snapshot(&followed.now()),
        _ => Snapshot::default(),
    }
}

fn reason_of(change: Option<&Change>) -> Reason {
    match change.and_then(|it| it.key().map(|key| (key, it.revision))) {
        Some((key, revision)) => Reason::Changed { key, revision },
        None => Reason::CaughtUp,
    }
}
