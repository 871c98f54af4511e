//! A process that is killed at any instant loses no acknowledged write.
//!
//! The test starts itself as a child that writes with several writers and prints each acknowledged write, kills it,
//! opens what is left, and compares. `STORE_KILL_ROUNDS` sets how often.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "it is a test")]

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use store::{Condition, Event, Op, Options, Store, Txn, Window};
use tempfile::TempDir;

const DIR: &str = "STORE_KILL_DIR";
const ROUNDS: &str = "STORE_KILL_ROUNDS";
const WRITERS: u64 = 8;

/// A small window, so that compaction runs while the process is killed.
fn options() -> Options {
    let window = Window { age: Duration::ZERO, revisions: 600, ..Window::default() };
    Options { window, ..Options::with_clock(|| UNIX_EPOCH + Duration::from_secs(1)) }
}

fn progress_key(writer: u64) -> Bytes {
    format!("{writer}/progress").into()
}

/// What a writer does in its n-th transaction: known to the child that does it and to the parent that checks it.
fn ops(writer: u64, count: u64) -> Vec<Op> {
    let key = |count: u64| Bytes::from(format!("{writer}/{}", count % 7));
    let size = (count * 7919 + writer * 31) % 9000;
    let value = format!("{writer} {count} ").into_bytes();
    let value = value.iter().copied().cycle().take(value.len() + size as usize).collect::<Vec<u8>>();
    let main = match count % 5 {
        4 => Op::Delete { key: key(count - 1) },
        _ => Op::Put { key: key(count), value: value.into() },
    };
    vec![main, Op::Put { key: progress_key(writer), value: count.to_string().into() }]
}

/// The objects of a writer after `count` transactions.
fn state_after(writer: u64, count: u64) -> BTreeMap<Bytes, Bytes> {
    let mut state = BTreeMap::new();
    // Each key is written at least once in any 35 transactions in a row.
    for op in (count.saturating_sub(70) + 1..=count).flat_map(|count| ops(writer, count)) {
        match op {
            Op::Put { key, value } => state.insert(key, value),
            Op::Delete { key } => state.remove(&key),
        };
    }
    state
}

fn progress_of(store: &Store, writer: u64) -> u64 {
    let record = store.get(&progress_key(writer)).unwrap();
    record.map_or(0, |record| String::from_utf8(record.value.to_vec()).unwrap().parse().unwrap())
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    say("starting\n");
    let store = Store::open(Path::new(&dir), options()).unwrap();
    let writers: Vec<_> = (0..WRITERS).map(|writer| runtime.spawn(write(store.clone(), writer))).collect();
    for writer in writers {
        runtime.block_on(writer).unwrap();
    }
}

async fn write(store: Store, writer: u64) {
    let mut count = progress_of(&store, writer);
    let mut condition = match store.get(&progress_key(writer)).unwrap() {
        Some(record) => Condition::Revision(record.key, record.revision),
        None => Condition::Absent(progress_key(writer)),
    };
    loop {
        count += 1;
        let txn = Txn { conditions: vec![condition], ops: ops(writer, count) };
        let revision = store.commit(txn).await.unwrap();
        condition = Condition::Revision(progress_key(writer), revision);
        say(&format!("{writer} {count} {revision}\n"));
    }
}

/// Short enough to arrive whole or not at all.
fn say(line: &str) {
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// One acknowledged transaction: writer, count, revision.
type Acknowledged = (u64, u64, u64);

/// Runs a child until it has acknowledged `enough` transactions, kills it, and gives what it acknowledged. With
/// `enough` zero it is killed while it opens the store, or soon after.
fn run_child(dir: &Path, enough: usize, random: u64) -> Vec<Acknowledged> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.ends_with("starting")), "the child has started");
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    if enough == 0 {
        std::thread::park_timeout(Duration::from_micros(random % 30_000));
    } else {
        acknowledged.extend(lines.by_ref().map(|line| parse(&line)).take(enough));
        assert_eq!(acknowledged.len(), enough, "the child goes on until it is killed");
    }
    kill(&mut child);
    acknowledged.extend(lines.filter(|line| line.split(' ').count() == 3).map(|line| parse(&line)));
    acknowledged
}

/// By SIGKILL.
fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn parse(line: &str) -> Acknowledged {
    let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1], numbers[2])
}

async fn check(dir: &Path, counts: &mut [u64], acknowledged: &[Acknowledged]) {
    let store = Store::open(dir, options()).unwrap();
    let verified = store.verify().unwrap();
    for (writer, count, _) in acknowledged {
        counts[*writer as usize] = counts[*writer as usize].max(*count);
    }
    for (writer, count) in (0..WRITERS).zip(counts) {
        let found = progress_of(&store, writer);
        assert!(
            found == *count || found == *count + 1,
            "writer {writer} acknowledged {count}, found {found}"
        );
        check_state(&store, writer, found);
        *count = found;
    }
    let log = log_of(&store, verified.oldest).await;
    for (writer, count, revision) in
        acknowledged.iter().filter(|(_, _, revision)| *revision > verified.oldest)
    {
        let event = &log[(revision - verified.oldest - 1) as usize];
        assert_eq!((&event.key, event.revision), (&progress_key(*writer), *revision));
        assert_eq!(event.value, count.to_string());
    }
    let mut revisions: Vec<u64> = acknowledged.iter().map(|(_, _, revision)| *revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), acknowledged.len(), "revisions are unique");
}

fn check_state(store: &Store, writer: u64, count: u64) {
    let prefix = format!("{writer}/");
    let page = store.range(prefix.as_bytes(), &store::prefix_end(prefix.as_bytes()), None, None).unwrap();
    let found: BTreeMap<Bytes, Bytes> =
        page.records.into_iter().map(|record| (record.key, record.value)).collect();
    assert!(found == state_after(writer, count), "writer {writer} after {count} transactions");
}

/// The whole log: consecutive revisions up to the latest.
async fn log_of(store: &Store, oldest: u64) -> Vec<Event> {
    let mut watch = store.watch(b"", b"", oldest).unwrap();
    let mut log: Vec<Event> = Vec::new();
    while log.last().map_or(oldest, |event| event.revision) < store.revision() {
        log.extend_from_slice(&watch.next().await.unwrap().unwrap());
    }
    assert!(log.iter().map(|event| event.revision).eq(oldest + 1..=store.revision()));
    log
}

#[test]
fn a_killed_process_loses_no_acknowledged_write() {
    let rounds: usize = std::env::var(ROUNDS).map_or(40, |rounds| rounds.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dir = TempDir::new().unwrap();
    let mut counts = vec![0; WRITERS as usize];
    let mut total = 0;
    for round in 0..rounds {
        let random = RandomState::new().hash_one(round);
        let enough = if round % 5 == 4 { 0 } else { 1 + (random >> 20) as usize % 300 };
        let acknowledged = run_child(dir.path(), enough, random);
        runtime.block_on(check(dir.path(), &mut counts, &acknowledged));
        total += acknowledged.len();
    }
    assert!(rounds == 0 || total > 0);
    eprintln!("{rounds} kills, {total} acknowledged transactions, none lost");
}
