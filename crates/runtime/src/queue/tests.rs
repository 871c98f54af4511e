use super::*;
use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;

fn key(name: &str) -> Key {
    Key::of::<Pod>("d", name)
}

fn changed(revision: u64) -> Reason {
    Reason::Changed { key: key("x"), revision }
}

struct Script {
    queue: Queue,
    start: Instant,
}

impl Script {
    fn new() -> Self {
        Self { queue: Queue::default(), start: daemon::clock::instant() }
    }
    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }
    fn add(&mut self, name: &str, revision: u64, millis: u64) {
        let now = self.at(millis);
        self.queue.add(&key(name), changed(revision), now);
    }
    fn take(&mut self, millis: u64) -> Option<(String, usize)> {
        let now = self.at(millis);
        self.queue.take(now).map(|it| (it.key.name, it.reasons.len()))
    }
    fn done(&mut self, name: &str, done: Done, millis: u64) {
        let now = self.at(millis);
        self.queue.done(&key(name), done, now);
    }
}

#[test]
fn a_key_waits_once_with_all_its_reasons() {
    let mut it = Script::new();
    it.add("a", 1, 0);
    it.add("b", 2, 0);
    it.add("a", 3, 0);
    assert_eq!(it.take(5), Some(("a".to_owned(), 2)));
    assert_eq!(it.take(5), Some(("b".to_owned(), 1)));
    assert_eq!(it.take(5), None);
}

#[test]
fn a_key_in_flight_comes_again_afterwards() {
    let mut it = Script::new();
    it.add("a", 1, 0);
    it.take(0);
    it.add("a", 2, 0);
    assert_eq!(it.take(0), None, "one key is never in two hands");
    it.done("a", Done::Well, 1);
    assert_eq!(it.take(1), Some(("a".to_owned(), 1)));
}

#[test]
fn failures_back_off_and_success_forgets_them() {
    let mut it = Script::new();
    it.add("a", 1, 0);
    it.take(0);
    it.done("a", Done::Badly, 0);
    assert_eq!(it.take(4), None);
    assert_eq!(it.take(5), Some(("a".to_owned(), 1)));
    it.done("a", Done::Badly, 5);
    assert_eq!(it.take(14), None);
    assert!(it.take(15).is_some());
    it.done("a", Done::Well, 15);
    assert!(it.queue.entries.is_empty(), "a key at rest costs nothing");
}

#[test]
fn timers_wait_and_changes_cut_them_short() {
    let mut it = Script::new();
    it.add("a", 1, 0);
    it.take(0);
    it.done("a", Done::Again(Duration::from_millis(100)), 0);
    assert_eq!(it.queue.next_moment(), Some(it.at(100)));
    it.add("a", 2, 10);
    assert_eq!(it.take(10), Some(("a".to_owned(), 2)), "the timer's reason and the change's");
    assert_eq!(it.queue.next_moment(), None);
}

#[test]
fn parked_keys_wait_for_the_caches() {
    let mut it = Script::new();
    it.add("a", 1, 0);
    it.take(0);
    it.done("a", Done::Park, 0);
    it.add("a", 2, 1);
    assert_eq!(it.take(1), None);
    let now = it.at(2);
    it.queue.unpark(now);
    assert_eq!(it.take(2), Some(("a".to_owned(), 2)));
}

proptest! {
    /// Whatever happens, no key is lost, doubled or in two hands.
    #[test]
    fn every_added_key_comes_out(steps in prop::collection::vec((0..5_u8, 0..4_u8), 0..200)) {
        let mut it = Script::new();
        let mut held: Vec<String> = Vec::new();
        let mut owed: BTreeSet<String> = BTreeSet::new();
        for (millis, (step, name)) in (0_u64..).zip(steps) {
            let name = name.to_string();
            match step {
                0 | 1 => {
                    it.add(&name, millis, millis);
                    owed.insert(name);
                }
                2 => if let Some((name, _)) = it.take(millis) {
                    prop_assert!(!held.contains(&name));
                    owed.remove(&name);
                    held.push(name);
                },
                3 => if let Some(name) = held.pop() { it.done(&name, Done::Well, millis) },
                _ => if let Some(name) = held.pop() {
                    it.done(&name, Done::Badly, millis);
                    owed.insert(name);
                },
            }
        }
        for name in held.drain(..) { it.done(&name, Done::Well, 1000) }
        while let Some((name, _)) = it.take(10_000_000) {
            owed.remove(&name);
            it.done(&name, Done::Well, 10_000_000);
        }
        prop_assert!(owed.is_empty(), "lost: {owed:?}");
    }
}
