//! Many writers, readers and watchers at once: reads are of one revision, and watchers see every write once.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it is a test")]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::join_all;
use store::{Condition, Error, Event, EventKind, Op, Options, Record, Store, Txn, Window};
use tempfile::TempDir;
use tokio::sync::watch::{self, Receiver};

const ACCOUNTS: u64 = 10;
const TOTAL: u64 = 1000 * ACCOUNTS;

type State = BTreeMap<Bytes, Bytes>;

fn account(number: u64) -> Bytes {
    format!("account/{}", number % ACCOUNTS).into()
}

fn balance(value: &Bytes) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

fn put(key: Bytes, balance: u64) -> Op {
    Op::Put { key, value: balance.to_string().into() }
}

async fn open_accounts(store: &Store) {
    let ops = (0..ACCOUNTS).map(|number| put(account(number), TOTAL / ACCOUNTS)).collect();
    store.commit(Txn { conditions: Vec::new(), ops }).await.unwrap();
}

/// Moves money between two accounts; whoever else did in between makes it try again.
async fn transfer(store: &Store, number: u64) {
    let (from, to) = (account(number), account(number * 7 + 1));
    if from == to {
        return;
    }
    loop {
        let record = |key| store.get(key).unwrap().unwrap();
        let (source, target) = (record(&from), record(&to));
        let amount = balance(&source.value).min(number % 50);
        let condition = |record: &Record| Condition::Revision(record.key.clone(), record.revision);
        let conditions = vec![condition(&source), condition(&target)];
        let ops = vec![
            put(from.clone(), balance(&source.value) - amount),
            put(to.clone(), balance(&target.value) + amount),
        ];
        match store.commit(Txn { conditions, ops }).await {
            Ok(revision) => return assert!(store.revision() >= revision),
            Err(Error::Conflict { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn write(store: Store, writer: u64, count: u64) {
    for number in 0..count {
        transfer(&store, writer * 31 + number * 17).await;
    }
}

/// At every revision that a transaction ended with, nothing is lost or made.
async fn read(store: Store, count: u64) {
    for number in 0..count {
        let at = store.revision().saturating_sub(number % 40);
        // The accounts were opened at this revision; each transfer since wrote two.
        let opened = 1 + ACCOUNTS;
        let at = at.checked_sub(opened).map(|since| opened + since / 2 * 2);
        match store.range(b"account/", b"account0", at, None) {
            Ok(page) => {
                let sum: u64 = page.records.iter().map(|record| balance(&record.value)).sum();
                assert_eq!(sum, TOTAL, "at {at:?} {}", page.revision);
            }
            Err(error) => assert!(matches!(error, Error::Compacted { .. })),
        }
        tokio::task::yield_now().await;
    }
}

/// Builds the objects of a range from events alone, up to the revision that `finished` will tell, and checks each
/// event against what it knows.
async fn follow(store: Store, start: Bytes, end: Bytes, mut finished: Receiver<u64>) {
    let page = store.range(&start, &end, None, None).unwrap();
    let mut known: State = page.records.into_iter().map(|record| (record.key, record.value)).collect();
    let mut watch = store.watch(&start, &end, page.revision).unwrap();
    let progress = watch.progress();
    let mut seen = page.revision;
    loop {
        let last = *finished.borrow_and_update();
        tokio::select! {
            batch = watch.next() => apply(&batch.unwrap().unwrap(), &mut known, &mut seen),
            reached = progress.reached(last) => break reached.unwrap(),
            changed = finished.changed() => changed.unwrap(),
        }
    }
    let page = store.range(&start, &end, None, None).unwrap();
    assert_eq!(known, page.records.into_iter().map(|record| (record.key, record.value)).collect::<State>());
}

fn apply(events: &[Event], known: &mut State, seen: &mut u64) {
    for event in events {
        assert!(event.revision > *seen && event.kind == EventKind::Put);
        *seen = event.revision;
        assert_eq!(known.insert(event.key.clone(), event.value.clone()), event.previous);
    }
}

/// Each writer makes `count` transfers while others read.
async fn run(store: &Store, count: u64) {
    let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write(store.clone(), writer, count))).collect();
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(read(store.clone(), count * 2))).collect();
    join_all(writers.into_iter().chain(readers)).await.into_iter().for_each(Result::unwrap);
}

async fn run_watched(store: &Store, count: u64) {
    open_accounts(store).await;
    let (finished, receiver) = watch::channel(u64::MAX);
    let range = |number: u64| match number % 4 {
        0 => (Bytes::new(), Bytes::new()),
        1 => ("account/".into(), "account0".into()),
        2 => (account(number), [&account(number)[..], b"\0"].concat().into()),
        _ => ("nothing/".into(), "nothing0".into()),
    };
    let watchers: Vec<_> = (0..200)
        .map(range)
        .map(|(start, end)| tokio::spawn(follow(store.clone(), start, end, receiver.clone())))
        .collect();
    run(store, count).await;
    finished.send_replace(store.revision());
    join_all(watchers).await.into_iter().for_each(Result::unwrap);
}

fn options() -> Options {
    let window = Window { age: Duration::ZERO, revisions: 20_000, ..Window::default() };
    // Next to nothing in memory, so that most watchers read the log.
    Options { window, recent: 3000, reserve: 0, ..Options::with_clock(|| UNIX_EPOCH) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap()
}

#[test]
fn on_disk() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    runtime().block_on(run_watched(&store, 60));
    store.verify().unwrap();
}

#[test]
fn in_memory() {
    let store = Store::memory(options());
    runtime().block_on(run_watched(&store, 200));
    store.verify().unwrap();
}

#[test]
fn compaction_disturbs_no_read() {
    let window = Window { age: Duration::ZERO, revisions: 10, ..Window::default() };
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), Options { window, ..options() }).unwrap();
    runtime().block_on(async {
        open_accounts(&store).await;
        run(&store, 60).await;
    });
    assert!(store.oldest() > 500);
}
