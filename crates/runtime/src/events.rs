//! Tells people what happened: event objects, with repeats counted instead of repeated.
//!
//! Follows upstream's correlator: the same event about the same object is patched to a higher count, and many events
//! that differ in their message only are folded into one that says so.

use crate::plan::{Note, NoteKind};
use api::{Key, ObjectMeta, Time};
use client::{Client, PatchType};
use daemon::{Clock, Tasks};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use serde_json::json;
use std::collections::HashMap;
use tokio::sync::mpsc;

/// Takes events; a task writes them. Cheap to clone. When the server is too slow, events are dropped: they are help,
/// not state.
#[derive(Clone)]
pub struct Recorder {
    notes: mpsc::Sender<Note>,
}

const BACKLOG: usize = 1024;
/// Repeats within this time are counted.
const MEMORY: SignedDuration = SignedDuration::from_mins(10);
/// So many different messages for one reason are told one by one.
const MOST_SIMILAR: usize = 10;
/// The correlator forgets everything when it has seen so many events in a row.
const MOST_KNOWN: usize = 4096;

impl Recorder {
    /// Records as `component` on `host` (empty for those that have none). `tasks` owns the writer.
    pub fn start(client: Client, component: &str, host: &str, clock: Clock, tasks: &Tasks) -> Self {
        let (notes, receiver) = mpsc::channel(BACKLOG);
        let source = EventSource {
            component: Some(component.to_owned()),
            host: (!host.is_empty()).then(|| host.to_owned()),
        };
        let writer = Writer { client, source, clock, correlator: Correlator::default(), last_name: 0 };
        let token = tasks.token();
        tasks.spawn(format!("events of {component}"), async move {
            _ = token.run_until_cancelled(writer.run(receiver)).await;
        });
        Self { notes }
    }

    /// Tells one event, soon.
    pub fn record(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            tracing::debug!("an event was dropped: the server is too slow");
        }
    }
}

/// What makes two events the same.
type Same = (Key, String, String, NoteKind, String, String);

/// An event that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    name: String,
    count: i32,
    last: Timestamp,
}

/// Decides which events repeat. Pure.
#[derive(Debug, Default)]
struct Correlator {
    known: HashMap<Same, Known>,
    similar: HashMap<(Key, String, NoteKind), (usize, Timestamp)>,
}

/// What to do with an event.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Create it under this name.
    Fresh(String),
    /// The event of this name has now happened so often.
    Repeat(String, i32),
}

impl Correlator {
    /// Decides, and folds the message of an event that has too many siblings.
    fn judge(&mut self, note: &mut Note, now: Timestamp, suffix: impl FnOnce() -> String) -> Verdict {
        if self.known.len() >= MOST_KNOWN {
            *self = Self::default();
        }
        let recent = |last: Timestamp| now.duration_since(last) < MEMORY;
        let same = same_of(note);
        if !self.known.get(&same).is_some_and(|it| recent(it.last)) && self.too_similar(note, now) {
            note.message = format!("(combined from similar events): {}", note.message);
            return self.count(
                same_of(&Note { message: String::new(), ..note.clone() }),
                now,
                suffix,
                &note.about.name,
            );
        }
        self.count(same, now, suffix, &note.about.name)
    }

    fn count(&mut self, same: Same, now: Timestamp, suffix: impl FnOnce() -> String, about: &str) -> Verdict {
        match self.known.get_mut(&same) {
            Some(known) if now.duration_since(known.last) < MEMORY => {
                known.count += 1;
                known.last = now;
                Verdict::Repeat(known.name.clone(), known.count)
            }
            _ => {
                let name = format!("{about}.{}", suffix());
                self.known.insert(same, Known { name: name.clone(), count: 1, last: now });
                Verdict::Fresh(name)
            }
        }
    }

    fn too_similar(&mut self, note: &Note, now: Timestamp) -> bool {
        let group = (note.about.clone(), note.reason.clone(), note.kind);
        let entry = self.similar.entry(group).or_insert((0, now));
        if now.duration_since(entry.1) >= MEMORY {
            *entry = (0, now);
        }
        entry.0 += 1;
        entry.0 > MOST_SIMILAR
    }

    fn forget(&mut self, name: &str) {
        self.known.retain(|_, known| known.name != name);
    }
}

fn same_of(note: &Note) -> Same {
    let Note { about, uid, field, kind, reason, message } = note.clone();
    (about, uid, field, kind, reason, message)
}

struct Writer {
    client: Client,
    source: EventSource,
    clock: Clock,
    correlator: Correlator,
    /// What the last name ended in; no two end in the same.
    last_name: u64,
}

impl Writer {
    async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        while let Some(note) = notes.recv().await {
            if let Err(error) = self.write(note).await {
                tracing::debug!(%error, "failed to write an event");
            }
        }
    }

    async fn write(&mut self, mut note: Note) -> Result<(), client::Error> {
        let now = self.clock.now();
        // As upstream: lists are in the order of names, so what happened within a second reads in the right order.
        let nanos = u64::try_from(now.as_nanosecond()).unwrap_or_default().max(self.last_name + 1);
        self.last_name = nanos;
        let suffix = || format!("{nanos:x}");
        let namespace = namespace_of(&note);
        match self.correlator.judge(&mut note, now, suffix) {
            Verdict::Fresh(name) => self.create(note, name, now).await,
            Verdict::Repeat(name, count) => {
                let key = Key::of::<Event>(&namespace, &name);
                let patch = json!({"count": count, "lastTimestamp": Time(now), "message": note.message});
                match self.client.patch(&key, None, PatchType::Merge, &patch).await {
                    Err(error) if error.is_not_found() => {
                        self.correlator.forget(&name);
                        self.create(note, name, now).await
                    }
                    other => other.map(drop),
                }
            }
        }
    }

    async fn create(&self, note: Note, name: String, now: Timestamp) -> Result<(), client::Error> {
        let row = note.about.kind.row();
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace_of(&note)),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some(row.api_version()),
                kind: Some(row.kind.to_owned()),
                namespace: (!note.about.namespace.is_empty()).then(|| note.about.namespace.clone()),
                name: Some(note.about.name.clone()),
                uid: Some(note.uid),
                field_path: (!note.field.is_empty()).then_some(note.field),
                resource_version: None,
            },
            reason: Some(note.reason),
            message: Some(note.message),
            type_: Some(note.kind.name().to_owned()),
            count: Some(1),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            source: Some(self.source.clone()),
            reporting_component: self.source.component.clone(),
            reporting_instance: self.source.host.clone(),
            ..Event::default()
        };
        self.client.create(&event).await.map(drop)
    }
}

/// Events about objects without a namespace live in the default one.
fn namespace_of(note: &Note) -> String {
    if note.about.namespace.is_empty() { "default".to_owned() } else { note.about.namespace.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;

    fn note(message: &str) -> Note {
        Note {
            about: Key::of::<Pod>("d", "web"),
            uid: "u".to_owned(),
            field: String::new(),
            kind: NoteKind::Warning,
            reason: "BackOff".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn repeats_are_counted_and_floods_are_folded() {
        let mut correlator = Correlator::default();
        let mut judge = |message: &str, minute: i64| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
            let mut note = note(message);
            let verdict = correlator.judge(&mut note, now, || minute.to_string());
            (verdict, note.message)
        };
        assert_eq!(judge("a", 0).0, Verdict::Fresh("web.0".to_owned()));
        assert_eq!(judge("a", 1).0, Verdict::Repeat("web.0".to_owned(), 2));
        assert_eq!(judge("a", 20).0, Verdict::Fresh("web.20".to_owned()), "too long ago to count");
        for number in 1..10 {
            assert!(matches!(judge(&number.to_string(), 21).0, Verdict::Fresh(_)));
        }
        assert_eq!(judge("x", 22).1, "(combined from similar events): x");
        assert!(matches!(judge("y", 23).0, Verdict::Repeat(_, 2)));
    }
}
