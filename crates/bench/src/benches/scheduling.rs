//! Scheduling against nodes that exist only as objects: the decision alone, and everything through a real API server
//! in this process, with a store on disk.

use super::https::millis_since;
use crate::report::{Row, Section, Target as Goal, Unit};
use crate::setting::Setting;
use ::apiserver::{Config, Material, Server, Storage, UserInfo};
use anyhow::{Context, Result};
use api::k8s::api::core::v1::{Event, Namespace, Node, Pod, ServiceAccount};
use api::{Object, Resource};
use client::frames::Frame;
use client::{Client, ListParams, WatchParams};
use daemon::metrics::Registry;
use daemon::{Clock, Random, Tasks, clock};
use futures::{StreamExt, TryStreamExt, stream};
use pki::{Authority, San, Validity};
use scheduler::{PodInfo, Snapshot, schedule};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const PODS: usize = 30_000;
/// A decision over thousands of nodes takes long; what is decided until then counts.
const BUDGET: Duration = Duration::from_secs(20);
const NAMESPACE: &str = "bench";
const SUBMITTERS: usize = 16;

pub(super) fn run(setting: &Setting) -> Result<Vec<Section>> {
    let mut section = Section::new("scheduling against nodes in memory");
    for nodes in [500, 5_000] {
        let (rate, placed) = decide(nodes, setting.scaled(PODS))?;
        let what = format!("decisions alone, {nodes} nodes, {placed} pods placed");
        section.row(Row::single(what, Unit::PerSecond, rate));
    }
    let rounds = setting.rounds().min(3);
    let (mut waiting, mut arriving) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        waiting.push(through_the_server(setting, Arrival::Before)?);
        arriving.push(through_the_server(setting, Arrival::During)?);
    }
    let row =
        |what: &str, samples, goal| Row::new(what, Unit::PerSecond, samples).target(Goal::AtLeast(goal));
    section.row(row(
        "5,000 pods on 500 nodes through the API server, submitted meanwhile",
        arriving,
        2_500.0,
    ));
    section.row(row("the same, already waiting", waiting, 3_000.0));
    section.note("Through the API server: in one process, durable, from the first POST (or the scheduler's start) to the last binding and event.");
    Ok(vec![section])
}

/// Decisions per second, each counted on its node before the next, and how many there were.
fn decide(nodes: usize, pods: usize) -> Result<(f64, usize)> {
    let mut cluster = Snapshot::default();
    for number in 0..nodes {
        cluster.put_node(Arc::new(node(number)?.into()));
    }
    let pods: Vec<Arc<PodInfo>> = (0..pods).map(pod_info).collect::<Result<_>>()?;
    let started = clock::instant();
    let mut placed = 0;
    for pod in &pods {
        let decision = schedule(pod, &cluster, 0);
        let node = decision.node.with_context(|| format!("{} fits nowhere", pod.key))?;
        cluster.put_pod(&node, Arc::clone(pod));
        placed += 1;
        if clock::instant().duration_since(started) > BUDGET {
            break;
        }
    }
    Ok((placed as f64 / (millis_since(started) / 1e3), placed))
}

fn node(number: usize) -> Result<Node> {
    let name = format!("node-{number:04}");
    let offered = json!({"cpu": "32", "memory": "128Gi", "pods": "110"});
    let value = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {},
        "status": {
            "capacity": offered,
            "allocatable": offered,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "in memory"}],
        },
    });
    Ok(serde_json::from_value(value)?)
}

fn pod(number: usize) -> Result<Pod> {
    let requests = json!({"cpu": "100m", "memory": "64Mi"});
    let value = json!({
        "metadata": {"name": format!("pod-{number:05}"), "namespace": NAMESPACE, "labels": {"app": "bench"}},
        "spec": {"containers": [{"name": "main", "image": "none", "resources": {"requests": requests}}]},
    });
    Ok(serde_json::from_value(value)?)
}

fn pod_info(number: usize) -> Result<Arc<PodInfo>> {
    let object: Object = pod(number)?.into();
    PodInfo::of(&Arc::new(object)).map(Arc::new).context("a pod without a spec")
}

/// When pods come, as the scheduler sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Before,
    During,
}

/// Pods bound per second, with a store, a server and a scheduler that start from nothing.
fn through_the_server(setting: &Setting, arrival: Arrival) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = setting.fresh()?;
    runtime.block_on(async {
        let tasks = Tasks::new();
        let server = serve(folder.path(), &tasks).await?;
        let rate = bound_per_second(setting, &server, &tasks, arrival).await;
        tasks.shutdown().await;
        rate
    })
}

async fn serve(folder: &std::path::Path, tasks: &Tasks) -> Result<Server> {
    let validity = || Validity::days(Clock::system().now(), 1);
    let authority = Authority::create("bench", validity())?;
    let material = Material {
        serving: authority.issue_server("kube-apiserver", &[San::of("127.0.0.1")], validity())?.live()?,
        ca_pem: authority.cert_pem().to_owned(),
        kubelet_client: None,
        tokens: Arc::new(pki::tokens::Signer::create("https://bench")?),
    };
    let config = Config::new(Storage::Directory(folder.join("store")));
    ::apiserver::start(config, material, tasks.clone()).await.context("failed to start an API server")
}

async fn bound_per_second(
    setting: &Setting,
    server: &Server,
    tasks: &Tasks,
    arrival: Arrival,
) -> Result<f64> {
    let client = Client::new(server.connector(UserInfo::administrator("bench")));
    let (nodes, pods) = (setting.scaled(500), setting.scaled(5_000));
    prepare(&client, nodes).await?;
    if arrival == Arrival::Before {
        submit(&client, pods).await?;
    } else {
        start_scheduler(server, tasks).await?;
    }
    let revision = client.list(Pod::KIND, NAMESPACE, &ListParams::default()).await?.revision;
    let started = clock::instant();
    if arrival == Arrival::Before {
        start_scheduler(server, tasks).await?;
        all_bound(&client, revision, pods).await?;
    } else {
        futures::future::try_join(submit(&client, pods), all_bound(&client, revision, pods)).await?;
    }
    all_told(&client, pods).await?;
    Ok(pods as f64 / (millis_since(started) / 1e3))
}

async fn prepare(client: &Client, nodes: usize) -> Result<()> {
    client.create(&serde_json::from_value::<Namespace>(json!({"metadata": {"name": NAMESPACE}}))?).await?;
    let account = json!({"metadata": {"name": "default", "namespace": NAMESPACE}});
    client.create(&serde_json::from_value::<ServiceAccount>(account)?).await?;
    let create = async |number| -> Result<()> {
        let Node { status, spec, .. } = node(number)?;
        let created = client.create(&node(number)?).await?;
        // No controller is there to take the taint of new nodes away.
        let open = client.update(&Node { spec, ..created }).await?;
        client.update_status(&Node { status, ..open }).await?;
        Ok(())
    };
    stream::iter(0..nodes).map(Ok).try_for_each_concurrent(SUBMITTERS, create).await
}

async fn submit(client: &Client, pods: usize) -> Result<()> {
    let create = async |number| -> Result<()> {
        client.create(&pod(number)?).await?;
        Ok(())
    };
    stream::iter(0..pods).map(Ok).try_for_each_concurrent(SUBMITTERS, create).await
}

async fn start_scheduler(server: &Server, tasks: &Tasks) -> Result<()> {
    let client = Client::new(server.connector(UserInfo::kube_scheduler()));
    let config = scheduler::Config::default();
    scheduler::run(config, client, Clock::system(), Random::system(), Registry::new(), tasks.child()).await
}

/// Waits until so many pods have a node.
async fn all_bound(client: &Client, revision: u64, pods: usize) -> Result<()> {
    let params = WatchParams { resource_version: Some(revision.to_string()), ..WatchParams::default() };
    let mut frames = client.watch(Pod::KIND, NAMESPACE, &params).await?;
    let mut bound = 0;
    while bound < pods {
        let frame = frames.try_next().await?.context("the server ended a watch")?;
        bound += usize::from(matches!(frame, Frame::Modified(object) if is_bound(&object)));
    }
    Ok(())
}

/// Only a binding changes a pod here, and only once.
fn is_bound(object: &Object) -> bool {
    object.get::<Pod>().and_then(|it| it.spec.as_ref()).is_some_and(|it| it.node_name.is_some())
}

/// Waits until each binding has its event.
async fn all_told(client: &Client, pods: usize) -> Result<()> {
    let listed = client.list(Event::KIND, NAMESPACE, &ListParams::default()).await?;
    let params =
        WatchParams { resource_version: Some(listed.revision.to_string()), ..WatchParams::default() };
    let mut frames = client.watch(Event::KIND, NAMESPACE, &params).await?;
    let mut told = listed.items.len();
    while told < pods {
        let waited = clock::timeout(Duration::from_secs(10), frames.try_next()).await;
        let frame = waited.with_context(|| format!("only {told} of {pods} events were written"))?;
        told += usize::from(matches!(frame?.context("the server ended a watch")?, Frame::Added(_)));
    }
    Ok(())
}
