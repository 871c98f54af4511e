//! A disk that fills up costs failed writes, and no acknowledged one.
//!
//! Needs the right to mount a small file system; without it the tests say so and do nothing.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use store::{Error, Op, Options, Store, Txn};
use tempfile::TempDir;

const SIZE: usize = 24 << 20;

/// A small file system of its own; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let dir = TempDir::new().unwrap();
        let size = format!("size={SIZE}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(SmallDisk(dir)),
            refused => {
                eprintln!("skipped, no small disk can be mounted: {refused:?}");
                None
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Another program takes all space but `left`.
    fn fill(&self, left: usize) {
        let mut file = fs::File::create(self.filler()).unwrap();
        let room = fs2::available_space(self.0.path()).unwrap() as usize;
        file.write_all(&vec![1; room.saturating_sub(left)]).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap();
        assert!(unmounted.success());
    }
}

fn open(dir: &Path, reserve: u64) -> Store {
    Store::open(dir, Options { reserve, ..Options::default() }).unwrap()
}

fn put(number: u64) -> Txn {
    // Two writes, to see that none of them comes alone.
    let op =
        |side: &str| Op::Put { key: format!("{side}/{}", number % 50).into(), value: value(number).into() };
    Txn { conditions: Vec::new(), ops: vec![op("left"), op("right")] }
}

fn value(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(200 + number as usize % 700)
}

/// Writes until it fails; gives how many transactions were acknowledged and why it ended.
fn write_until_full(store: &Store) -> (u64, Error) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut number = 0;
    loop {
        match runtime.block_on(store.commit(put(number))) {
            Ok(_) => number += 1,
            Err(error) => return (number, error),
        }
    }
}

/// Checks that exactly the acknowledged transactions are there, or one more that was on its way.
fn check(store: &Store, acknowledged: u64, in_doubt: u64) {
    let found = (store.revision() - 1) / 2;
    assert!((acknowledged..=acknowledged + in_doubt).contains(&found), "{found} of {acknowledged}");
    for number in found.saturating_sub(50)..found {
        for side in ["left", "right"] {
            let record = store.get(format!("{side}/{}", number % 50).as_bytes()).unwrap().unwrap();
            assert!(record.value == value(number), "{side} {number}");
        }
    }
}

#[test]
fn the_reserve_refuses_writes_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let store = open(&disk.data(), 4 << 20);
    disk.fill(8 << 20);
    let (acknowledged, error) = write_until_full(&store);
    assert!(acknowledged > 0 && matches!(error, Error::DiskFull { .. }), "{error:?}");
    check(&store, acknowledged, 0);
    disk.make_room();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.commit(put(acknowledged))).unwrap();
    check(&store, acknowledged + 1, 0);
    drop(store);
    let store = open(&disk.data(), 0);
    check(&store, acknowledged + 1, 0);
    store.verify().unwrap();
}

#[test]
fn a_full_disk_loses_no_acknowledged_write() {
    for left in (0..8).map(|step| (1 << 20) + step * 300_001) {
        let Some(disk) = SmallDisk::mount() else { return };
        let store = open(&disk.data(), 0);
        disk.fill(left);
        let (acknowledged, error) = write_until_full(&store);
        assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
        // Reads may fail now, for the engine has given up; what they give is right.
        match store.get(b"left/0") {
            Ok(record) => assert!(record.is_none_or(|record| record.revision <= 1 + acknowledged * 2)),
            Err(error) => assert!(matches!(error, Error::Io { .. }), "{error:?}"),
        }
        let (more, error) = write_until_full(&store);
        assert!(more == 0 && matches!(error, Error::ReadOnly { .. }), "{error:?}");
        drop(store);
        // After a failed write the directory may stay locked until the process ends; a copy shows what the next one finds.
        let copy = TempDir::new().unwrap();
        copy_all(&disk.data(), copy.path());
        let store = open(copy.path(), 0);
        check(&store, acknowledged, 1);
        store.verify().unwrap();
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_full_disk_is_told_at_open() {
    let Some(disk) = SmallDisk::mount() else { return };
    disk.fill(0);
    let Err(error) = Store::open(&disk.data(), Options::default()) else { panic!("there is no room") };
    assert!(error.to_string().contains("no space is left"), "{error}");
    disk.make_room();
    drop(open(&disk.data(), 0));
}
