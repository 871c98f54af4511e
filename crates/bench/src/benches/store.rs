//! Durable writes and reads of the store, beside the same bytes written to a plain file and flushed, and beside etcd.

use crate::etcd::Etcd;
use crate::report::{Row, Section, Unit};
use crate::setting::Setting;
use ::store::{Condition, Op, Options, Store, Txn};
use anyhow::{Context, Result};
use bytes::Bytes;
use daemon::clock;
use futures::future::try_join_all;
use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const VALUE: usize = 1024;
const WRITERS: [usize; 3] = [1, 16, 64];

/// Samples of a run, by writers.
#[derive(Default)]
struct Samples {
    appends: Vec<f64>,
    overwrites: Vec<f64>,
    puts: [Vec<f64>; 3],
    etcd: [Vec<f64>; 3],
    gets: Vec<f64>,
    ranges: Vec<f64>,
}

pub(super) async fn run(setting: &Setting) -> Result<Vec<Section>> {
    let mut samples = Samples::default();
    for _ in 0..setting.rounds() {
        round(setting, &mut samples).await?;
    }
    Ok(vec![section(&samples)])
}

async fn round(setting: &Setting, samples: &mut Samples) -> Result<()> {
    let folder = setting.fresh()?;
    samples.appends.push(append_rate(folder.path(), setting.scaled(2_000))?);
    samples.overwrites.push(overwrite_rate(folder.path(), setting.scaled(2_000))?);
    let store = open(&folder.path().join("store"))?;
    for (index, writers) in WRITERS.into_iter().enumerate() {
        let count = setting.scaled(4_000 * writers.min(4));
        samples.puts[index].push(put_rate(&store, writers, count).await?);
    }
    read(&store, samples)?;
    store.close().await?;
    if let Some(program) = &setting.etcd {
        let etcd = Etcd::start(program, &folder.path().join("etcd")).await?;
        for (index, writers) in WRITERS.into_iter().enumerate() {
            samples.etcd[index]
                .push(etcd.put_rate(writers, setting.scaled(2_000 * writers.min(4)), VALUE).await?);
        }
    }
    Ok(())
}

pub(super) fn open(folder: &Path) -> Result<Store> {
    Store::open(folder, Options::default()).context("failed to open a store")
}

/// Creations of 1 KiB per second, each awaited by its writer, each on disk when it is answered.
pub(super) async fn put_rate(store: &Store, writers: usize, count: usize) -> Result<f64> {
    let value = Bytes::from(vec![b'x'; VALUE]);
    let next = Cell::new(0);
    let write = async || -> Result<()> {
        while next.get() < count {
            let number = next.replace(next.get() + 1);
            store.commit(creation(writers, number, value.clone())).await?;
        }
        Ok(())
    };
    let started = clock::instant();
    try_join_all((0..writers).map(|_| write())).await?;
    Ok(per_second(count, clock::instant().duration_since(started)))
}

/// As the API server creates an object: only where none is.
fn creation(writers: usize, number: usize, value: Bytes) -> Txn {
    let key = Bytes::from(format!("/bench/{writers}/{number:08}"));
    Txn { conditions: vec![Condition::Absent(key.clone())], ops: vec![Op::Put { key, value }] }
}

fn read(store: &Store, samples: &mut Samples) -> Result<()> {
    let records = store.range(b"/bench/16/", &::store::prefix_end(b"/bench/16/"), None, None)?.records;
    let started = clock::instant();
    for record in &records {
        store.get(&record.key)?.context("what was listed is gone")?;
    }
    samples.gets.push(per_second(records.len(), clock::instant().duration_since(started)));
    let started = clock::instant();
    let read = store.range(b"/bench/16/", &::store::prefix_end(b"/bench/16/"), None, None)?.records.len();
    samples.ranges.push(per_second(read, clock::instant().duration_since(started)));
    Ok(())
}

/// A file that grows by each write. Its new length has to reach the disk too, which a store avoids by growing ahead.
fn append_rate(folder: &Path, count: usize) -> Result<f64> {
    flushed_rate(File::create(folder.join("appended")).context("failed to make a file")?, count)
}

/// The floor: a file that has its length already.
fn overwrite_rate(folder: &Path, count: usize) -> Result<f64> {
    let path = folder.join("overwritten");
    std::fs::write(&path, vec![0; VALUE * count]).context("failed to make a file")?;
    let file = File::options().write(true).open(&path)?;
    file.sync_all()?;
    flushed_rate(file, count)
}

/// Writes per second by one writer, flushed one by one.
fn flushed_rate(mut file: File, count: usize) -> Result<f64> {
    let value = [b'x'; VALUE];
    let started = clock::instant();
    for _ in 0..count {
        file.write_all(&value)?;
        file.sync_data()?;
    }
    Ok(per_second(count, clock::instant().duration_since(started)))
}

fn per_second(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

fn section(samples: &Samples) -> Section {
    let mut section = Section::new("store: durable writes of 1 KiB, and reads");
    let rate = |what: &str, samples: &Vec<f64>| Row::new(what, Unit::PerSecond, samples.clone());
    section.row(rate("a growing file, flushed for each write, 1 writer", &samples.appends));
    section.row(rate("floor: a file of full length, flushed for each write, 1 writer", &samples.overwrites));
    for (index, writers) in WRITERS.into_iter().enumerate() {
        let row = rate(&format!("create, {writers} at once"), &samples.puts[index]);
        section.row(match &samples.etcd[index] {
            etcd if etcd.is_empty() => row.against("the floor", &samples.overwrites),
            etcd => row.against("etcd", etcd),
        });
    }
    for (index, writers) in WRITERS.into_iter().enumerate().filter(|it| !samples.etcd[it.0].is_empty()) {
        section.row(rate(&format!("etcd: create, {writers} at once"), &samples.etcd[index]));
    }
    section.row(rate("read, one by one", &samples.gets));
    section.row(rate("objects read in one range", &samples.ranges));
    section
}
