//! What the public tests cannot see: the moment between applying a batch and its flush, and a failing disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::engine::{Change, Durability};
use crate::mvcc::layout::FIRST;
use crate::types::{Condition, Op};

type Probe = Box<dyn FnMut() + Send>;

/// An engine that calls the test between applying a batch and flushing it, and whose disk can break.
#[derive(Default)]
struct Halfway {
    map: Mutex<std::collections::BTreeMap<Vec<u8>, Bytes>>,
    probe: Mutex<Option<Probe>>,
    broken: AtomicBool,
}

impl Engine for Halfway {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.map.lock().unwrap().get(key).cloned())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let map = self.map.lock().unwrap();
        let range = map.range(start.to_vec()..end.to_vec()).take(limit);
        Ok(range.map(|(key, value)| (key.clone().into(), value.clone())).collect())
    }

    fn room(&self) -> Result<(), Error> {
        Ok(())
    }

    fn write(&self, batch: Batch, _: Durability) -> Result<(), Error> {
        for (key, change) in batch {
            match change {
                Change::Put(value) => self.map.lock().unwrap().insert(key, value),
                Change::Remove => self.map.lock().unwrap().remove(&key),
            };
        }
        if let Some(probe) = &mut *self.probe.lock().unwrap() {
            probe();
        }
        match self.broken.load(Ordering::Relaxed) {
            true => Err(Error::Io { detail: "the disk is gone".into() }),
            false => Ok(()),
        }
    }
}

fn start() -> (Arc<Mvcc<Halfway>>, Head) {
    let engine = Halfway::default();
    engine.write(layout::header_of(FIRST), Durability::Flushed).unwrap();
    let (head, floor) = read_header(&engine).unwrap();
    (Arc::new(Mvcc::new(engine, Options::default(), &head, &floor)), head)
}

fn put(key: &'static str, value: &'static str) -> Op {
    Op::Put { key: key.into(), value: value.into() }
}

fn delete(key: &'static str) -> Op {
    Op::Delete { key: key.into() }
}

fn txn(ops: Vec<Op>) -> Txn {
    Txn { conditions: Vec::new(), ops }
}

fn all(mvcc: &Mvcc<Halfway>) -> String {
    let page = mvcc.range(b"", b"", None, None).unwrap();
    let text = |record: &Record| {
        let same = mvcc.get(&record.key).unwrap();
        assert_eq!(same.as_ref(), Some(record));
        format!("{}={}", record.key.escape_ascii(), record.value.escape_ascii())
    };
    format!("{} {}", page.revision, page.records.iter().map(text).collect::<Vec<_>>().join(" "))
}

#[test]
fn nobody_sees_what_is_not_flushed() {
    let (mvcc, mut head) = start();
    mvcc.commit(&mut head, &[txn(vec![put("a", "1"), put("b", "1"), put("c", "1"), delete("c")])]);
    assert_eq!(all(&mvcc), "5 a=1 b=1");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (reader, notes) = (mvcc.clone(), seen.clone());
    *mvcc.engine.probe.lock().unwrap() = Some(Box::new(move || {
        notes.lock().unwrap().push(all(&reader));
        assert!(matches!(reader.range(b"", b"", Some(6), None), Err(Error::Future { current: 5 })));
    }));
    let everything =
        vec![put("a", "2"), delete("b"), put("c", "2"), put("d", "1"), delete("a"), put("a", "3")];
    let outcomes = mvcc.commit(&mut head, &[txn(everything), txn(vec![put("b", "2")])]);
    assert_eq!(outcomes.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [11, 12]);
    assert_eq!(*seen.lock().unwrap(), ["5 a=1 b=1"]);
    *mvcc.engine.probe.lock().unwrap() = None;
    assert_eq!(all(&mvcc), "12 a=3 b=2 c=2 d=1");
}

#[test]
fn a_failed_write_is_seen_by_nobody_and_ends_all_writing() {
    let (mvcc, mut head) = start();
    mvcc.commit(&mut head, &[txn(vec![put("a", "1")])]);
    mvcc.engine.broken.store(true, Ordering::Relaxed);
    // Not even a conflict is told: it might rest on a write that is lost.
    let conflict = Txn { conditions: vec![Condition::Absent("b".into())], ops: Vec::new() };
    let outcomes = mvcc.commit(&mut head, &[txn(vec![put("b", "1")]), conflict]);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::ReadOnly { .. }))), "{outcomes:?}");
    assert_eq!(all(&mvcc), "2 a=1");
    mvcc.engine.broken.store(false, Ordering::Relaxed);
    let outcomes = mvcc.commit(&mut head, &[txn(vec![delete("a")])]);
    assert!(matches!(&outcomes[..], [Err(Error::ReadOnly { .. })]), "{outcomes:?}");
    assert_eq!(all(&mvcc), "2 a=1");
}

#[test]
fn limits_are_told() {
    let (mvcc, mut head) = start();
    let key = Bytes::from(vec![b'k'; layout::KEY_LIMIT + 1]);
    let value = Bytes::from(vec![0; layout::VALUE_LIMIT + 1]);
    let long = txn(vec![put("a", "1"), Op::Put { key, value: Bytes::new() }]);
    let large = txn(vec![put("a", "1"), Op::Put { key: "a".into(), value }]);
    for outcome in mvcc.commit(&mut head, &[long, large]) {
        assert!(matches!(outcome, Err(Error::TooLarge { .. })));
    }
    assert_eq!(all(&mvcc), "1 ");
}
