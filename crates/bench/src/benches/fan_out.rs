//! Events to many watchers: how late the last of them sees one, alone and in a burst.

use super::https::{config_map, millis_since};
use crate::load::{Connection, Target};
use crate::report::quantile;
use crate::server::Server;
use crate::setting::Setting;
use anyhow::{Context, Result};
use api::Resource;
use api::k8s::api::core::v1::ConfigMap;
use bytes::Bytes;
use client::decode::{self, Lines};
use client::{ListParams, WatchParams, request};
use daemon::clock;
use futures::future::{try_join, try_join_all};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::cell::{Cell, RefCell};
use tokio::time::Instant;

pub(super) const NAMESPACE: &str = "fan";
const WATCHERS: usize = 100;
const WRITERS: usize = 16;
/// Names of what is written begin so, and end with their number.
const PREFIX: &str = "burst-";

/// A sample for each round.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) single_p50: Vec<f64>,
    pub(super) single_p99: Vec<f64>,
    pub(super) burst_p50: Vec<f64>,
    pub(super) burst_p99: Vec<f64>,
    pub(super) burst_total: Vec<f64>,
    pub(super) burst_cpu: Vec<f64>,
}

/// One watch.
struct Watcher {
    body: Incoming,
    lines: Lines,
    /// Held because the watch ends with its connection.
    _connection: Connection,
}

pub(super) async fn measure(server: &Server, setting: &Setting, samples: &mut Samples) -> Result<()> {
    let mut watchers = watch(&server.target).await?;
    let alone = singles(&server.target, &mut watchers, setting.scaled(100)).await?;
    samples.single_p50.push(quantile(&alone, 0.5));
    samples.single_p99.push(quantile(&alone, 0.99));
    let cpu = server.process.cpu()?;
    let started = clock::instant();
    let late = burst(&server.target, &mut watchers, setting.scaled(1_000)).await?;
    samples.burst_total.push(millis_since(started));
    samples.burst_cpu.push(server.process.cpu()? - cpu);
    samples.burst_p50.push(quantile(&late, 0.5));
    samples.burst_p99.push(quantile(&late, 0.99));
    Ok(())
}

/// Watchers of one namespace, from its present on.
async fn watch(target: &Target) -> Result<Vec<Watcher>> {
    let mut connection = target.connect().await?;
    let list = request::list(ConfigMap::KIND, NAMESPACE, &ListParams::default());
    let body = connection.send(list).await?.into_body().collect().await?.to_bytes();
    let revision = decode::revision(&body).context("a list without a resourceVersion")?.to_string();
    try_join_all((0..WATCHERS).map(|_| Watcher::start(target, &revision))).await
}

impl Watcher {
    async fn start(target: &Target, revision: &str) -> Result<Self> {
        let mut connection = target.connect().await?;
        let params = WatchParams { resource_version: Some(revision.to_owned()), ..WatchParams::default() };
        let response = connection.send(request::watch(ConfigMap::KIND, NAMESPACE, &params)).await?;
        Ok(Self { body: response.into_body(), lines: Lines::default(), _connection: connection })
    }

    /// The next event, as it came.
    async fn next(&mut self) -> Result<Bytes> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(line);
            }
            let frame = self.body.frame().await.context("the server ended a watch")??;
            self.lines.push(frame.data_ref().map_or(&[][..], |it| it));
        }
    }
}

/// One event after another: milliseconds from sending the write until the last watcher has seen it.
async fn singles(target: &Target, watchers: &mut [Watcher], count: usize) -> Result<Vec<f64>> {
    let mut writer = target.connect().await?;
    let mut late = Vec::with_capacity(count);
    for number in 0..count {
        let started = clock::instant();
        let seen = async {
            try_join_all(watchers.iter_mut().map(Watcher::next)).await?;
            Ok(millis_since(started))
        };
        let write = writer.ask(config_map(NAMESPACE, &format!("alone-{number}")));
        late.push(try_join(write, seen).await?.1);
    }
    Ok(late)
}

/// Many events at once: milliseconds from sending each write until each watcher has seen it.
async fn burst(target: &Target, watchers: &mut [Watcher], count: usize) -> Result<Vec<f64>> {
    let writers = try_join_all((0..WRITERS).map(|_| target.connect())).await?;
    let sent = RefCell::new(vec![None; count]);
    let next = Cell::new(0);
    let write = async |mut connection: Connection| -> Result<()> {
        while next.get() < count {
            let number = next.replace(next.get() + 1);
            sent.borrow_mut()[number] = Some(clock::instant());
            connection.ask(config_map(NAMESPACE, &format!("{PREFIX}{number}"))).await?;
        }
        Ok(())
    };
    let late = RefCell::new(Vec::with_capacity(count * watchers.len()));
    let see = async |watcher: &mut Watcher| -> Result<()> {
        for _ in 0..count {
            let line = watcher.next().await?;
            late.borrow_mut().push(lateness(&line, &sent.borrow())?);
        }
        Ok(())
    };
    try_join(try_join_all(writers.into_iter().map(write)), try_join_all(watchers.iter_mut().map(see)))
        .await?;
    Ok(late.into_inner())
}

fn lateness(line: &[u8], sent: &[Option<Instant>]) -> Result<f64> {
    let number = number_in(line).context("an event of something else")?;
    let sent = sent.get(number).copied().flatten().context("an event before its write")?;
    Ok(millis_since(sent))
}

/// The number at the end of the name. The name comes early in an event, so little is searched.
fn number_in(line: &[u8]) -> Option<usize> {
    let start = line.windows(PREFIX.len()).position(|it| it == PREFIX.as_bytes())? + PREFIX.len();
    let digits: Vec<u8> = line[start..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_their_numbers() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"name":"burst-42","namespace":"fan"}}}"#;
        assert_eq!(number_in(line), Some(42));
        assert_eq!(number_in(b"{}"), None);
    }
}
