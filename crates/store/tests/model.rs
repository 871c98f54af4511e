//! Any sequence of operations gives the same answers as a model made of ordinary maps, in memory and on disk.
#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use store::{Condition, Error, Event, EventKind, Op, Options, Page, Record, Store, Txn, Watch, Window};
use tempfile::TempDir;

type State = BTreeMap<Bytes, Record>;

/// Everything that ever happened: what each revision did, and the state after it.
struct Model {
    events: Vec<Event>,
    states: Vec<State>,
}

impl Model {
    const FIRST: u64 = 1;

    fn new() -> Model {
        Model { events: Vec::new(), states: vec![State::new()] }
    }

    fn revision(&self) -> u64 {
        Model::FIRST + self.events.len() as u64
    }

    fn state(&self, revision: u64) -> &State {
        &self.states[(revision - Model::FIRST) as usize]
    }

    fn commit(&mut self, txn: &Txn) -> Result<u64, Bytes> {
        let state = self.states.last().unwrap();
        for condition in &txn.conditions {
            let record = state.get(condition.key());
            let holds = match condition {
                Condition::Absent(_) => record.is_none(),
                Condition::Exists(_) => record.is_some(),
                Condition::Revision(_, revision) => record.is_some_and(|record| record.revision == *revision),
            };
            if !holds {
                return Err(condition.key().clone());
            }
        }
        let before = self.events.len();
        for op in &txn.ops {
            if let Err(key) = self.apply(op) {
                self.events.truncate(before);
                self.states.truncate(before + 1);
                return Err(key);
            }
        }
        Ok(self.revision())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Bytes> {
        let revision = self.revision() + 1;
        let mut state = self.states.last().unwrap().clone();
        let old = state.remove(op.key());
        let created = old.as_ref().map_or(revision, |record| record.created);
        let previous = old.map(|record| record.value);
        let event = match op {
            Op::Put { key, value } => {
                let (key, value) = (key.clone(), value.clone());
                state.insert(
                    key.clone(),
                    Record { key: key.clone(), value: value.clone(), created, revision },
                );
                Event { kind: EventKind::Put, key, value, created, revision, previous }
            }
            Op::Delete { key } => {
                let value = previous.clone().ok_or_else(|| key.clone())?;
                Event { kind: EventKind::Delete, key: key.clone(), value, created, revision, previous }
            }
        };
        self.states.push(state);
        self.events.push(event);
        Ok(())
    }

    fn events(&self, start: &[u8], end: &[u8], from: u64) -> Vec<Event> {
        let new = self.events.iter().filter(|event| event.revision > from && event.within(start, end));
        new.cloned().collect()
    }

    fn page(&self, start: &[u8], end: &[u8], at: u64, limit: Option<usize>) -> Page {
        let within = |key: &Bytes| *key >= *start && (end.is_empty() || *key < *end);
        let all: Vec<Record> =
            self.state(at).values().filter(|record| within(&record.key)).cloned().collect();
        let limit = limit.unwrap_or(usize::MAX);
        Page { more: all.len() > limit, records: all.into_iter().take(limit).collect(), revision: at }
    }
}

/// A step of a test. Numbers stand for revisions and are taken modulo what exists.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Draft>),
    Range { start: u8, end: u8, back: Option<u64>, limit: Option<usize> },
    Watch { start: u8, end: u8, back: u64 },
    Drain(usize),
    Compact { back: u64 },
    Wait(u64),
    Reopen,
}

/// A transaction whose conditions on revisions are mostly met.
#[derive(Debug, Clone)]
struct Draft {
    conditions: Vec<(u8, Wanted)>,
    ops: Vec<(u8, Option<(u8, usize)>)>,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Absent,
    Exists,
    Current,
    Revision(u64),
}

fn key(number: u8) -> Bytes {
    // Keys of different lengths that are prefixes of each other.
    let text = format!("k{}{}", number / 4, "/x".repeat(usize::from(number % 4)));
    Bytes::from(text)
}

/// The end of a range; the last one is open.
fn end(number: u8) -> Bytes {
    if number >= 12 { Bytes::new() } else { key(number) }
}

impl Draft {
    fn txn(&self, model: &Model) -> Txn {
        let state = model.states.last().unwrap();
        let condition = |(number, wanted): &(u8, Wanted)| match wanted {
            Wanted::Absent => Condition::Absent(key(*number)),
            Wanted::Exists => Condition::Exists(key(*number)),
            Wanted::Revision(revision) => Condition::Revision(key(*number), *revision),
            Wanted::Current => match state.get(&key(*number)) {
                Some(record) => Condition::Revision(key(*number), record.revision),
                None => Condition::Absent(key(*number)),
            },
        };
        let op = |(number, value): &(u8, Option<(u8, usize)>)| match value {
            Some((byte, size)) => Op::Put { key: key(*number), value: vec![*byte; *size].into() },
            None => Op::Delete { key: key(*number) },
        };
        Txn {
            conditions: self.conditions.iter().map(condition).collect(),
            ops: self.ops.iter().map(op).collect(),
        }
    }
}

struct Subject {
    store: Store,
    dir: Option<TempDir>,
    options: Options,
    seconds: Arc<AtomicU64>,
    watches: Vec<Watcher>,
    model: Model,
}

struct Watcher {
    watch: Watch,
    range: Range<Bytes>,
    seen: u64,
}

impl Subject {
    fn new(dir: Option<TempDir>) -> Subject {
        let seconds = Arc::new(AtomicU64::new(1_000_000));
        let clock = seconds.clone();
        let options = Options {
            window: Window { age: Duration::from_secs(10), revisions: 8, bytes: 200_000 },
            recent: 2000,
            reserve: 0,
            ..Options::with_clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))
        };
        let store = open(&dir, &options);
        Subject { store, dir, options, seconds, watches: Vec::new(), model: Model::new() }
    }

    async fn run(&mut self, step: &Step) {
        let revision = self.model.revision();
        let back = |steps: u64| (revision + 2).saturating_sub(steps % (revision + 2)).max(Model::FIRST);
        match step {
            Step::Commit(drafts) => self.commit(drafts).await,
            Step::Range { start, end: to, back: at, limit } => {
                self.range(&key(*start), &end(*to), at.map(back), *limit);
            }
            Step::Watch { start, end: to, back: from } => self.watch(key(*start)..end(*to), back(*from)),
            Step::Drain(number) if !self.watches.is_empty() => {
                let number = number % self.watches.len();
                self.drain(number).await;
            }
            Step::Compact { back: to } => self.compact(back(*to)).await,
            Step::Wait(seconds) => drop(self.seconds.fetch_add(*seconds, Ordering::Relaxed)),
            Step::Reopen if self.dir.is_some() => self.reopen().await,
            Step::Drain(_) | Step::Reopen => {}
        }
        assert_eq!(self.store.revision(), self.model.revision());
    }

    /// Commits at once, so that one batch holds several transactions; the queue keeps their order.
    async fn commit(&mut self, drafts: &[Draft]) {
        let txns: Vec<Txn> = drafts.iter().map(|draft| draft.txn(&self.model)).collect();
        let answers = join_all(txns.iter().map(|txn| self.store.commit(txn.clone()))).await;
        for (txn, answer) in txns.iter().zip(answers) {
            let before = self.model.states.last().unwrap().clone();
            match (self.model.commit(txn), answer) {
                (Ok(expected), Ok(revision)) => assert_eq!(revision, expected),
                (Err(expected), Err(Error::Conflict { key, current })) => {
                    assert_eq!(key, expected);
                    if !txn.conditions.is_empty() {
                        assert!(current.is_none() || current.as_ref() == before.get(&key));
                    }
                }
                (expected, answer) => panic!("expected {expected:?}, got {answer:?}"),
            }
        }
    }

    fn range(&self, start: &Bytes, end: &Bytes, at: Option<u64>, limit: Option<usize>) {
        let current = self.model.revision();
        let revision = at.unwrap_or(current);
        let oldest = self.store.oldest();
        match self.store.range(start, end, at, limit) {
            Ok(page) => {
                assert!(revision >= oldest && revision <= current);
                assert_eq!(page, self.model.page(start, end, revision, limit));
            }
            Err(Error::Compacted { oldest }) => assert!(at.is_some_and(|at| at < oldest)),
            Err(Error::Future { current: latest }) => assert!(latest == current && revision > current),
            Err(other) => panic!("{other:?}"),
        }
        let record = self.store.get(start).unwrap();
        assert_eq!(record.as_ref(), self.model.state(current).get(start));
    }

    fn watch(&mut self, range: Range<Bytes>, from: u64) {
        let oldest = self.store.oldest();
        match self.store.watch(&range.start, &range.end, from) {
            Ok(watch) => {
                assert!(from >= oldest && from <= self.model.revision());
                self.watches.push(Watcher { watch, range, seen: from });
            }
            Err(Error::Compacted { oldest }) => assert!(from < oldest),
            Err(Error::Future { .. }) => assert!(from > self.model.revision()),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Reads a watch to its end: exactly the model's events, or a lag that is one.
    async fn drain(&mut self, number: usize) {
        let watcher = &mut self.watches[number];
        let expected = self.model.events(&watcher.range.start, &watcher.range.end, watcher.seen);
        let mut seen = Vec::new();
        let progress = watcher.watch.progress();
        while progress.revision() < self.model.revision() {
            let Some(batch) = watcher.watch.next().now_or_never() else { continue };
            match batch.expect("the store is open") {
                Ok(events) => seen.extend_from_slice(&events),
                Err(error) => {
                    assert!(matches!(error, Error::Lagged));
                    assert!(self.store.oldest() > watcher.seen);
                    assert!(watcher.watch.next().await.is_none());
                    drop(self.watches.remove(number));
                    return;
                }
            }
        }
        assert_eq!(seen, expected);
        watcher.seen = self.model.revision();
    }

    async fn compact(&self, revision: u64) {
        match self.store.compact(revision).await {
            Ok(()) => assert!(self.store.oldest() >= revision),
            Err(Error::Future { .. }) => assert!(revision > self.model.revision()),
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn reopen(&mut self) {
        self.watches.clear();
        self.store.clone().close().await.unwrap();
        let oldest = self.store.oldest();
        assert!(matches!(self.store.commit(Txn::default()).await, Err(Error::Closed)));
        let gone = std::mem::replace(&mut self.store, Store::memory(Options::default()));
        drop(gone);
        self.store = open(&self.dir, &self.options);
        assert!(self.store.oldest() <= oldest);
        self.store.verify().unwrap();
    }

    async fn finish(mut self) {
        while let Some(last) = self.watches.len().checked_sub(1) {
            self.drain(last).await;
            self.watches.truncate(last);
        }
        if self.dir.is_some() {
            self.reopen().await;
        }
        let verified = self.store.verify().unwrap();
        assert_eq!(verified.objects, self.model.states.last().unwrap().len() as u64);
        if let Some(dir) = &self.dir {
            let blobs = std::fs::read_dir(dir.path().join("db/blobs")).unwrap().count();
            assert_eq!(blobs, 0, "no page may grow into a file that is never synced");
        }
    }
}

fn open(dir: &Option<TempDir>, options: &Options) -> Store {
    match dir {
        Some(dir) => Store::open(dir.path(), options.clone()).unwrap(),
        None => Store::memory(options.clone()),
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        1 => Just(Wanted::Absent),
        1 => Just(Wanted::Exists),
        4 => Just(Wanted::Current),
        1 => (1..40u64).prop_map(Wanted::Revision),
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    let size = prop_oneof![6 => 0..40usize, 1 => 5900..6100usize, 1 => 10_000..40_000usize];
    let op = (0..12u8, prop::option::weighted(0.7, (any::<u8>(), size)));
    (vec((0..12u8, wanted()), 0..3), vec(op, 0..4)).prop_map(|(conditions, ops)| Draft { conditions, ops })
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..13u8;
    prop_oneof![
        12 => vec(draft(), 1..6).prop_map(Step::Commit),
        4 => (number(), number(), prop::option::of(any::<u64>()), prop::option::of(0..6usize))
            .prop_map(|(start, end, back, limit)| Step::Range { start, end, back, limit }),
        3 => (number(), number(), any::<u64>()).prop_map(|(start, end, back)| Step::Watch { start, end, back }),
        4 => any::<usize>().prop_map(Step::Drain),
        1 => any::<u64>().prop_map(|back| Step::Compact { back }),
        1 => (1..20u64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

fn check(dir: Option<TempDir>, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut subject = Subject::new(dir);
        for step in steps {
            subject.run(step).await;
        }
        subject.finish().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn in_memory(steps in vec(step(), 1..80)) {
        check(None, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn on_disk(steps in vec(step(), 1..60)) {
        check(Some(TempDir::new().unwrap()), &steps);
    }
}
