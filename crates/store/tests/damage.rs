//! A store that cannot be opened says what to do, and is left as it is.
#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use store::{Error, Op, OpenError, Options, Page, Schedule, SnapshotError, Store, Txn};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn options() -> Options {
    Options { reserve: 0, ..Options::default() }
}

fn put(key: &str, value: &[u8]) -> Txn {
    let op = Op::Put { key: key.to_owned().into(), value: value.to_vec().into() };
    Txn { conditions: Vec::new(), ops: vec![op] }
}

/// A closed store with some hundred writes, and a snapshot of it beside the data.
fn filled() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&data(&dir), options()).unwrap();
    runtime().block_on(async {
        for number in 0..200u32 {
            store
                .commit(put(&format!("k{}", number % 40), &vec![number as u8; number as usize * 30]))
                .await
                .unwrap();
        }
        store.snapshot_if_due().unwrap().unwrap();
        store.close().await.unwrap();
    });
    dir
}

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}

/// The error of an open that must fail, as text with its causes.
fn refusal(dir: &Path) -> (OpenError, String) {
    let Err(error) = Store::open(dir, options()) else { panic!("{} must not open", dir.display()) };
    let text = error.to_string();
    (error, text)
}

fn restore_newest(dir: &Path) -> store::Restored {
    let snapshot = fs::read_dir(dir.join("snapshots")).unwrap().next().unwrap().unwrap().path();
    Store::restore(&snapshot, dir).unwrap()
}

#[test]
fn a_directory_opens_once() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&data(&dir), options()).unwrap();
    assert!(matches!(refusal(&data(&dir)).0, OpenError::InUse { .. }));
    let snapshot = dir.path().join("snapshot");
    store.snapshot(&snapshot).unwrap();
    let error = Store::restore(&snapshot, &data(&dir)).unwrap_err();
    assert!(matches!(error, SnapshotError::Open(OpenError::InUse { .. })));
    drop(store);
    Store::open(&data(&dir), options()).unwrap();
}

#[test]
fn garbage_is_refused_and_can_be_restored() {
    let dir = filled();
    fs::write(data(&dir).join("db/db"), vec![0x5a; 100_000]).unwrap();
    for leftover in fs::read_dir(data(&dir).join("db")).unwrap() {
        let path = leftover.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
            fs::remove_file(path).unwrap();
        }
    }
    let (error, text) = refusal(&data(&dir));
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(text.contains("skiff restore --from ") && text.contains(".snapshot --data "), "{text}");

    let restored = restore_newest(&data(&dir));
    assert_eq!(restored.objects, 40);
    assert!(restored.replaced.unwrap().join("db").exists(), "what was there is kept");
    let store = Store::open(&data(&dir), options()).unwrap();
    assert_eq!((store.revision(), store.oldest()), (restored.revision, restored.revision));
    assert_eq!(store.get(b"k39").unwrap().unwrap().value.len(), 199 * 30);
    assert!(matches!(store.watch(b"", b"", 150), Err(Error::Compacted { .. })));
    assert_eq!(store.verify().unwrap().objects, 40);
}

#[test]
fn an_unknown_format_is_refused() {
    let dir = filled();
    let engine = sled::open(data(&dir).join("db")).unwrap();
    let mut header = engine.get("mformat").unwrap().unwrap().to_vec();
    *header.last_mut().unwrap() = 9;
    engine.insert("mformat", header).unwrap();
    drop(engine);
    let (error, text) = refusal(&data(&dir));
    assert!(matches!(error, OpenError::UnknownFormat { found: 9, supported: 1, .. }), "{error:?}");
    assert!(text.contains("format 9"), "{text}");
}

#[test]
fn lost_writes_and_half_a_batch_are_refused() {
    for (key, change) in [(&b"r\0\0\0\0\0\0\0\xc9\0\0"[..], None), (b"r\0\0\0\0\0\0\0\xca\0\0", Some("x"))] {
        let dir = filled();
        let engine = sled::open(data(&dir).join("db")).unwrap();
        match change {
            None => drop(engine.remove(key).unwrap().expect("the newest write is there")),
            Some(value) => drop(engine.insert(key, value).unwrap()),
        }
        drop(engine);
        assert!(matches!(refusal(&data(&dir)).0, OpenError::Damaged { .. }));
    }
    let dir = filled();
    fs::write(data(&dir).join("mark"), "202\n").unwrap();
    assert!(refusal(&data(&dir)).1.contains("ends at revision 201 and has been at 202"));
}

#[test]
fn an_interrupted_restore_is_told() {
    let dir = filled();
    fs::rename(data(&dir).join("db"), data(&dir).join("db.replaced-1")).unwrap();
    assert!(refusal(&data(&dir)).1.contains("a restore was interrupted"));
    restore_newest(&data(&dir));
    Store::open(&data(&dir), options()).unwrap();
}

#[test]
fn leftovers_of_a_stopped_process_are_removed() {
    let dir = filled();
    let leftover = data(&dir).join("db/snap.0000000000001234.generating");
    fs::write(&leftover, "half").unwrap();
    fs::create_dir(data(&dir).join("db.new")).unwrap();
    let store = Store::open(&data(&dir), options()).unwrap();
    assert!(!leftover.exists());
    assert_eq!(store.verify().unwrap().objects, 40);
}

#[test]
fn changed_snapshots_are_refused() {
    let dir = filled();
    let snapshot = fs::read_dir(data(&dir).join("snapshots")).unwrap().next().unwrap().unwrap().path();
    let sound = fs::read(&snapshot).unwrap();
    let changed = dir.path().join("changed");
    for at in (0..sound.len()).step_by(1009).chain([sound.len() - 1]) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(&changed, bytes).unwrap();
        let error = Store::restore(&changed, &dir.path().join("new")).unwrap_err();
        assert!(matches!(error, SnapshotError::Unsound { .. }), "{at}: {error:?}");
        fs::write(&changed, &sound[..at]).unwrap();
        assert!(Store::restore(&changed, &dir.path().join("new")).is_err());
    }
    assert!(!dir.path().join("new").exists(), "nothing was touched");
}

#[test]
fn snapshots_come_on_schedule() {
    let dir = TempDir::new().unwrap();
    let seconds = Arc::new(AtomicU64::new(1000));
    let clock = seconds.clone();
    let options = Options {
        schedule: Schedule { every: Duration::from_secs(60), keep: 2 },
        reserve: 0,
        ..Options::with_clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))
    };
    let store = Store::open(dir.path(), options).unwrap();
    let runtime = runtime();
    let mut taken = Vec::new();
    for (wait, write, expect) in
        [(0, true, true), (10, true, false), (60, false, true), (60, false, false), (0, true, true)]
    {
        seconds.fetch_add(wait, Ordering::Relaxed);
        if write {
            runtime.block_on(store.commit(put("a", b"1"))).unwrap();
        }
        let snapshot = store.snapshot_if_due().unwrap();
        assert_eq!(snapshot.is_some(), expect, "{wait} {write}");
        taken.extend(snapshot);
    }
    let there: Vec<bool> = taken.iter().map(|path| path.exists()).collect();
    assert_eq!(there, [false, true, true]);
}

/// A copy of a store that was filled once, and what it holds.
fn sound() -> (TempDir, Page) {
    static FILLED: OnceLock<(TempDir, Page)> = OnceLock::new();
    let (filled, page) = FILLED.get_or_init(|| {
        let dir = filled();
        let page = Store::open(&data(&dir), options()).unwrap().range(b"", b"", None, None).unwrap();
        (dir, page)
    });
    let copy = TempDir::new().unwrap();
    copy_all(filled.path(), copy.path());
    (copy, page.clone())
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Damage as a disk does it: a changed byte, or an end that is missing.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip { at: f64, mask: u8 },
    Cut { at: f64 },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => (0.0..1.0, 1..=255u8).prop_map(|(at, mask)| Damage::Flip { at, mask }),
        1 => (0.0..1.0).prop_map(|at| Damage::Cut { at }),
    ]
}

fn inflict(path: &Path, damage: Damage) {
    let mut bytes = fs::read(path).unwrap();
    let length = bytes.len() as f64;
    match damage {
        Damage::Flip { at, mask } => bytes[(at * length) as usize] ^= mask,
        Damage::Cut { at } => bytes.truncate((at * length) as usize),
    }
    fs::write(path, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    /// A damaged store is refused, or found damaged when it is read, or whole; never quietly something else.
    #[test]
    fn damage_is_never_served(damage in damage()) {
        let (dir, expected) = sound();
        inflict(&data(&dir).join("db/db"), damage);
        // The second open is that of a user who does not believe it.
        for _ in 0..2 {
            match Store::open(&data(&dir), options()) {
                Err(OpenError::Damaged { advice, .. } | OpenError::Io { advice, .. }) => {
                    assert!(advice.contains("skiff restore --from "), "{advice}");
                }
                Err(other) => panic!("{other:?}"),
                Ok(store) => match store.range(b"", b"", None, None) {
                    Ok(page) => assert_eq!(page, expected),
                    Err(error) => assert!(matches!(error, Error::Corrupt { .. } | Error::Io { .. }), "{error:?}"),
                },
            }
        }
        assert_eq!(restore_newest(&data(&dir)).objects, 40);
    }
}
