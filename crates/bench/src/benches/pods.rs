//! Starting and deleting pods in a real cluster, beside plain Docker calls for the same containers in the same run.

use super::https::millis_since;
use crate::cluster::Cluster;
use crate::docker::{Floor, HELLO, Pair};
use crate::report::{Row, Section, Target as Goal, Unit, quantile};
use crate::setting::Setting;
use anyhow::{Context, Result};
use api::k8s::api::core::v1::Pod;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::{Key, Object, Resource};
use client::frames::Frame;
use client::{Client, ListParams, WatchParams};
use daemon::clock;
use futures::future::try_join_all;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

const NAMESPACE: &str = "default";
const NODES: usize = 3;
/// So many Docker calls at once serve the engine best.
const AT_ONCE: usize = 8;
const MANY: usize = 50;

/// Milliseconds, of pods and of the floor.
#[derive(Default)]
struct Samples {
    pods: Vec<f64>,
    floor: Vec<f64>,
}

#[derive(Default)]
struct Measured {
    starts: Samples,
    deletions: Samples,
    many_starts: Samples,
    many_deletions: Samples,
}

type Frames = BoxStream<'static, Result<Frame, client::Error>>;

pub(super) async fn run(setting: &Setting) -> Result<Vec<Section>> {
    let cluster = Cluster::up(setting, NODES)?;
    let client = cluster.client()?;
    let floor = Floor::start().await?;
    let measured = measure(setting, &client, &floor).await;
    floor.stop().await;
    Ok(vec![section(&measured?)])
}

async fn measure(setting: &Setting, client: &Client, floor: &Floor) -> Result<Measured> {
    let mut measured = Measured::default();
    // The first of each pays for what later ones find done.
    single(client, floor, "warm", &mut Measured::default()).await?;
    for number in 0..setting.scaled(20) {
        single(client, floor, &format!("single-{number}"), &mut measured).await?;
    }
    for round in 0..setting.rounds().min(3) {
        many_pods(client, round, setting.scaled(MANY), &mut measured).await?;
        many_pairs(floor, round, setting.scaled(MANY), &mut measured).await?;
    }
    Ok(measured)
}

/// One pod, then one pair of containers.
async fn single(client: &Client, floor: &Floor, name: &str, measured: &mut Measured) -> Result<()> {
    let mut frames = watch(client).await?;
    let started = clock::instant();
    create(client, name).await?;
    until(&mut frames, 1, is_ready).await?;
    measured.starts.pods.push(millis_since(started));
    let started = clock::instant();
    delete(client, name).await?;
    until(&mut frames, 1, is_gone).await?;
    measured.deletions.pods.push(millis_since(started));

    let started = clock::instant();
    let pair = floor.start_pair(name).await?;
    measured.starts.floor.push(millis_since(started));
    let started = clock::instant();
    floor.remove_pair(&pair).await?;
    measured.deletions.floor.push(millis_since(started));
    Ok(())
}

async fn many_pods(client: &Client, round: usize, count: usize, measured: &mut Measured) -> Result<()> {
    let names: Vec<String> = (0..count).map(|number| format!("many-{round}-{number}")).collect();
    let mut frames = watch(client).await?;
    let started = clock::instant();
    try_join_all(names.iter().map(|it| create(client, it))).await?;
    until(&mut frames, count, is_ready).await?;
    measured.many_starts.pods.push(millis_since(started));
    let started = clock::instant();
    try_join_all(names.iter().map(|it| delete(client, it))).await?;
    until(&mut frames, count, is_gone).await?;
    measured.many_deletions.pods.push(millis_since(started));
    Ok(())
}

async fn many_pairs(floor: &Floor, round: usize, count: usize, measured: &mut Measured) -> Result<()> {
    let started = clock::instant();
    let start = async |number| floor.start_pair(&format!("many-{round}-{number}")).await;
    let pairs: Vec<Pair> = stream::iter(0..count).map(start).buffer_unordered(AT_ONCE).try_collect().await?;
    measured.many_starts.floor.push(millis_since(started));
    let started = clock::instant();
    let remove = async |pair: Pair| floor.remove_pair(&pair).await;
    stream::iter(pairs).map(Ok).try_for_each_concurrent(AT_ONCE, remove).await?;
    measured.many_deletions.floor.push(millis_since(started));
    Ok(())
}

async fn create(client: &Client, name: &str) -> Result<()> {
    let value = json!({
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "app", "image": HELLO}]},
    });
    client.create(&serde_json::from_value::<Pod>(value)?).await.context("failed to create a pod")?;
    Ok(())
}

async fn delete(client: &Client, name: &str) -> Result<()> {
    let key = Key::of::<Pod>(NAMESPACE, name);
    client.delete(&key, &DeleteOptions::default()).await.context("failed to delete a pod")?;
    Ok(())
}

/// The pods' changes from now on.
async fn watch(client: &Client) -> Result<Frames> {
    let revision = client.list(Pod::KIND, NAMESPACE, &ListParams::default()).await?.revision;
    let params = WatchParams { resource_version: Some(revision.to_string()), ..WatchParams::default() };
    Ok(client.watch(Pod::KIND, NAMESPACE, &params).await?.boxed())
}

/// Waits until so many pods have come to be so.
async fn until(frames: &mut Frames, count: usize, so: fn(&Frame) -> Option<&Object>) -> Result<()> {
    let mut names = std::collections::BTreeSet::new();
    while names.len() < count {
        let frame = frames.try_next().await?.context("the server ended a watch")?;
        names.extend(so(&frame).map(|it| it.key().name));
    }
    Ok(())
}

fn is_ready(frame: &Frame) -> Option<&Object> {
    let Frame::Modified(object) = frame else { return None };
    object.get::<Pod>().is_some_and(api::pod::is_ready).then_some(object)
}

fn is_gone(frame: &Frame) -> Option<&Object> {
    if let Frame::Deleted(object) = frame { Some(object) } else { None }
}

fn section(measured: &Measured) -> Section {
    let mut section = Section::new("pods in Docker, and the same containers by plain Docker calls, in turn");
    let mut both = |what: &str, samples: &Samples| {
        let row = Row::new(what, Unit::Millis, samples.pods.clone());
        section.row(row.against("the floor", &samples.floor));
        section.row(Row::new("floor", Unit::Millis, samples.floor.clone()));
    };
    both("one pod, POST to Ready", &measured.starts);
    both("one pod, DELETE to gone", &measured.deletions);
    both("50 pods, first POST to last Ready (floor: 8 at once)", &measured.many_starts);
    both("50 pods, first DELETE to last gone (floor: 8 at once)", &measured.many_deletions);
    let starts = &measured.starts;
    section.row(Row::single("one pod, POST to Ready, p95", Unit::Millis, quantile(&starts.pods, 0.95)));
    section.row(Row::single("floor, p95", Unit::Millis, quantile(&starts.floor, 0.95)));
    let ratio = quantile(&starts.pods, 0.5) / quantile(&starts.floor, 0.5);
    section
        .row(Row::single("p50 of one pod to p50 of the floor", Unit::Times, ratio).target(Goal::AtMost(1.3)));
    section
}
