//! The API server over HTTPS with client certificates, as a process of its own.
//!
//! One round starts a server on an empty folder and does everything in turn; rounds repeat, so that a noisy moment
//! touches one sample of each figure. What a request costs the server is read from the kernel's account of its process.

use super::{fan_out, store as bare};
use crate::load::Target;
use crate::process::Memory;
use crate::report::{Row, Section, Target as Goal, Unit};
use crate::server::Server;
use crate::setting::Setting;
use anyhow::Result;
use api::k8s::api::core::v1::{ConfigMap, Namespace};
use api::{Key, Resource};
use bytes::Bytes;
use client::{ListParams, PatchType, request};
use daemon::clock;
use serde_json::json;

/// What is created, in bytes of payload.
const SIZE: usize = 1024;
/// How many objects the list and the deletion of a collection have.
const MANY: usize = 10_000;
const LISTS: usize = 10;

/// One kind of load, with what it should reach.
struct Work {
    what: &'static str,
    connections: usize,
    count: usize,
    per_second: Option<f64>,
    /// Seconds of the server's CPU for 1,000 requests.
    cpu: Option<f64>,
    request: fn(usize) -> http::Request<Bytes>,
}

/// In the order in which they run: later ones use what earlier ones made.
const WORKS: &[Work] = &[
    Work {
        what: "create, 1 connection",
        connections: 1,
        count: 2_000,
        per_second: None,
        cpu: None,
        request: |number| create("one", number),
    },
    Work {
        what: "create, 16 connections",
        connections: 16,
        count: MANY,
        per_second: Some(8_000.0),
        cpu: Some(0.10),
        request: |number| create("sixteen", number),
    },
    Work {
        what: "create, 64 connections",
        connections: 64,
        count: MANY,
        per_second: Some(9_000.0),
        cpu: Some(0.10),
        request: |number| create("many", number),
    },
    Work {
        what: "get, 16 connections",
        connections: 16,
        count: 40_000,
        per_second: Some(20_000.0),
        cpu: Some(0.03),
        request: |number| request::get(&api::path::object(&key("one", number % 400))),
    },
    Work {
        what: "merge patch, 16 connections",
        connections: 16,
        count: MANY,
        per_second: Some(7_000.0),
        cpu: Some(0.12),
        request: |number| patch("one", number),
    },
];

/// Samples of one kind of load.
#[derive(Default, Clone)]
struct Samples {
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

#[derive(Default)]
struct Measured {
    starts: Vec<f64>,
    works: Vec<Samples>,
    /// Creations per second of the bare store with one writer, on the same disk.
    bare: Vec<f64>,
    lists: Samples,
    deletes: Samples,
    fans: fan_out::Samples,
    after: Vec<Memory>,
    peaks: Vec<f64>,
}

pub(super) async fn run(setting: &Setting) -> Result<Vec<Section>> {
    let mut measured = Measured { works: vec![Samples::default(); WORKS.len()], ..Measured::default() };
    for _ in 0..setting.rounds() {
        round(setting, &mut measured).await?;
    }
    Ok(vec![requests(&measured), collections(&measured), resources(&measured)])
}

async fn round(setting: &Setting, measured: &mut Measured) -> Result<()> {
    let server = Server::start(setting).await?;
    measured.starts.push(server.started_in.as_secs_f64() * 1e3);
    let namespaces = ["one", "sixteen", "many", fan_out::NAMESPACE];
    server.target.load(1, namespaces.len(), |number| namespace(namespaces[number])).await?;
    let store = bare::open(&server.folder().join("bare"))?;
    measured.bare.push(bare::put_rate(&store, 1, setting.scaled(2_000)).await?);
    store.close().await?;
    for (work, samples) in WORKS.iter().zip(&mut measured.works) {
        let cpu = server.process.cpu()?;
        let outcome = server.target.load(work.connections, setting.scaled(work.count), work.request).await?;
        samples.rates.push(outcome.per_second());
        samples.cpu.push((server.process.cpu()? - cpu) * 1e3 / outcome.requests as f64);
    }
    list(&server, &mut measured.lists).await?;
    measured.after.push(server.process.memory()?);
    fan_out::measure(&server, setting, &mut measured.fans).await?;
    delete(&server, &mut measured.deletes).await?;
    measured.peaks.push(server.process.memory()?.peak);
    server.tasks.shutdown().await;
    Ok(())
}

/// Lists a namespace again and again over one connection, each time as fresh as the latest write.
async fn list(server: &Server, samples: &mut Samples) -> Result<()> {
    let mut connection = server.target.connect().await?;
    let cpu = server.process.cpu()?;
    for _ in 0..LISTS {
        let started = clock::instant();
        connection.ask(request::list(ConfigMap::KIND, "sixteen", &ListParams::default())).await?;
        samples.rates.push(millis_since(started));
    }
    samples.cpu.push((server.process.cpu()? - cpu) / LISTS as f64);
    Ok(())
}

async fn delete(server: &Server, samples: &mut Samples) -> Result<()> {
    let cpu = server.process.cpu()?;
    let started = clock::instant();
    delete_all(&server.target).await?;
    samples.rates.push(millis_since(started));
    samples.cpu.push(server.process.cpu()? - cpu);
    Ok(())
}

async fn delete_all(target: &Target) -> Result<()> {
    target.connect().await?.ask(request::delete_collection(ConfigMap::KIND, "many")).await?;
    Ok(())
}

pub(super) fn millis_since(started: tokio::time::Instant) -> f64 {
    clock::instant().duration_since(started).as_secs_f64() * 1e3
}

fn namespace(name: &str) -> http::Request<Bytes> {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    request::create(Namespace::KIND, "", body.to_string().into_bytes())
}

fn key(namespace: &str, number: usize) -> Key {
    Key::of::<ConfigMap>(namespace, &format!("bench-{number:06}"))
}

fn create(namespace: &str, number: usize) -> http::Request<Bytes> {
    config_map(namespace, &key(namespace, number).name)
}

/// A request that creates a ConfigMap of 1 KiB.
pub(super) fn config_map(namespace: &str, name: &str) -> http::Request<Bytes> {
    let body = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"payload": "x".repeat(SIZE)},
    });
    request::create(ConfigMap::KIND, namespace, body.to_string().into_bytes())
}

fn patch(namespace: &str, number: usize) -> http::Request<Bytes> {
    let change = json!({"metadata": {"labels": {"round": number.to_string()}}});
    request::patch(&key(namespace, number % 400), None, PatchType::Merge, &change)
}

fn requests(measured: &Measured) -> Section {
    let mut section = Section::new("API over HTTPS, client certificates, HTTP/1.1: ConfigMaps of 1 KiB");
    for (work, samples) in WORKS.iter().zip(&measured.works) {
        let rate = Row::new(work.what, Unit::PerSecond, samples.rates.clone());
        section.row(work.per_second.map_or(rate.clone(), |it| rate.target(Goal::AtLeast(it))));
        let cpu = Row::new("server CPU for 1,000 of them", Unit::Seconds, samples.cpu.clone());
        section.row(work.cpu.map_or(cpu.clone(), |it| cpu.target(Goal::AtMost(it))));
    }
    section.row(Row::new("bare store, create, 1 writer", Unit::PerSecond, measured.bare.clone()));
    let one = measured.works.first().map_or(&[][..], |it| &it.rates);
    let ratios = one.iter().zip(&measured.bare).map(|(one, bare)| one / bare).collect();
    let what = "create, 1 connection, to the bare store with 1 writer";
    section.row(Row::new(what, Unit::Times, ratios).target(Goal::AtLeast(0.6)));
    section
}

fn collections(measured: &Measured) -> Section {
    let mut section = Section::new("API over HTTPS: many objects and many watchers");
    let mut row = |what: &str, unit, samples: &Vec<f64>, goal| {
        section.row(Row::new(what, unit, samples.clone()).target(Goal::AtMost(goal)));
    };
    row("list of 10,000, fresh, no gzip", Unit::Millis, &measured.lists.rates, 20.0);
    row("server CPU for each", Unit::Seconds, &measured.lists.cpu, 0.02);
    row("deletecollection of 10,000", Unit::Millis, &measured.deletes.rates, 1_000.0);
    row(
        "one event to 100 watchers, p50 of the last to see it",
        Unit::Millis,
        &measured.fans.single_p50,
        20.0,
    );
    row("the same, p99", Unit::Millis, &measured.fans.single_p99, 20.0);
    row(
        "1,000 events to 100 watchers, p99 from write to sight",
        Unit::Millis,
        &measured.fans.burst_p99,
        30.0,
    );
    row("server CPU for all of them", Unit::Seconds, &measured.fans.burst_cpu, 0.35);
    section.row(Row::new("the same, p50", Unit::Millis, measured.fans.burst_p50.clone()));
    section.row(Row::new("all of them seen by all", Unit::Millis, measured.fans.burst_total.clone()));
    section.row(Row::new("server CPU for the deletecollection", Unit::Seconds, measured.deletes.cpu.clone()));
    section
}

fn resources(measured: &Measured) -> Section {
    let mut section = Section::new("API server as a process");
    let memory = |of: fn(&Memory) -> f64| measured.after.iter().map(of).collect();
    section.row(
        Row::new("from start to first answer", Unit::Millis, measured.starts.clone())
            .target(Goal::AtMost(300.0)),
    );
    section
        .row(Row::new("PSS with 22,000 objects", Unit::MiB, memory(|it| it.pss)).target(Goal::AtMost(100.0)));
    section.row(Row::new("RSS with 22,000 objects", Unit::MiB, memory(|it| it.rss)));
    section
        .row(Row::new("peak RSS of the run", Unit::MiB, measured.peaks.clone()).target(Goal::AtMost(150.0)));
    section
}
