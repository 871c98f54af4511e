//! Managers as the entries of `metadata.managedFields`, and the rules that hold for the list as a whole.
//!
//! Start at [`decode`] and [`encode`]. An entry that no write has touched is handed back as it came.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use serde_json::{Map, Value};

use crate::error::DecodeError;
use crate::fields_v1::{from_fields, to_fields};
use crate::managers::{Id, Manager, Managers, Operation};
use crate::set::Set;

/// How many updaters an object remembers. Beyond that, the oldest are merged into one.
const MOST_UPDATERS: usize = 10;

/// Who the merged updaters become.
const ANCIENT: &str = "ancient-changes";

/// The entries that an object carries.
pub fn entries_of(object: &Value) -> Result<Option<Vec<ManagedFieldsEntry>>, DecodeError> {
    match object.pointer("/metadata/managedFields") {
        None | Some(Value::Null) => Ok(None),
        Some(entries) => serde_json::from_value(entries.clone()).map(Some).map_err(DecodeError::Entries),
    }
}

/// The object with these managed fields.
pub fn with_entries(mut object: Value, entries: &[ManagedFieldsEntry]) -> Value {
    let metadata = object
        .as_object_mut()
        .map(|object| object.entry("metadata").or_insert_with(|| Value::Object(Map::new())));
    let Some(metadata) = metadata.and_then(Value::as_object_mut) else { return object };
    if entries.is_empty() {
        metadata.remove("managedFields");
    } else {
        let entries = serde_json::to_value(entries).expect("entries are plain JSON");
        metadata.insert("managedFields".into(), entries);
    }
    object
}

/// Whether the entries ask for the object's ownership to be forgotten: none at all, or one that is empty.
pub(crate) fn is_reset(entries: &[ManagedFieldsEntry]) -> bool {
    match entries {
        [] => true,
        [only] => *only == ManagedFieldsEntry::default(),
        _ => false,
    }
}

/// Checks entries that come from a client, as upstream does for those that admission returns.
pub fn check_entries(entries: &[ManagedFieldsEntry]) -> Result<(), DecodeError> {
    decode(entries).map(drop)
}

/// The managers that the entries say; of two of the same identity, the last.
pub(crate) fn decode(entries: &[ManagedFieldsEntry]) -> Result<Managers<'_>, DecodeError> {
    let mut managers = Managers(Vec::with_capacity(entries.len() + 1));
    for (at, entry) in entries.iter().enumerate() {
        managers.put(manager_of(at, entry)?);
    }
    Ok(managers)
}

fn manager_of(at: usize, entry: &ManagedFieldsEntry) -> Result<Manager<'_>, DecodeError> {
    let operation = match entry.operation.as_deref() {
        Some("Apply") => Operation::Apply,
        Some("Update") => Operation::Update,
        _ => return Err(DecodeError::Operation),
    };
    let api_version = entry.api_version.as_deref().unwrap_or_default();
    if api_version.is_empty() {
        return Err(DecodeError::ApiVersion);
    }
    match entry.fields_type.as_deref().unwrap_or_default() {
        "FieldsV1" => {}
        "" => return Err(DecodeError::NoFieldsType(at)),
        other => return Err(DecodeError::FieldsType { entry: at, found: other.to_owned() }),
    }
    let set = match &entry.fields_v1 {
        Some(FieldsV1(fields)) => from_fields(fields)?,
        None => Set::new(),
    };
    let id = Id {
        manager: Cow::Borrowed(entry.manager.as_deref().unwrap_or_default()),
        operation,
        api_version: Cow::Borrowed(if operation == Operation::Apply { "" } else { api_version }),
        subresource: Cow::Borrowed(entry.subresource.as_deref().unwrap_or_default()),
    };
    let api_version = Cow::Borrowed(api_version);
    Ok(Manager { id, api_version, set, time: entry.time.clone(), entry: Some(at) })
}

/// What becomes of a list of entries, free of the list itself.
pub(crate) enum Outcome {
    /// The entry at this position stays as it is.
    Kept(usize),
    /// A new or changed entry.
    Written(Box<ManagedFieldsEntry>),
}

/// The managers' entries, except those that are there already.
pub(crate) fn encode(managers: Managers<'_>) -> Vec<Outcome> {
    let outcome = |manager: Manager<'_>| match manager.entry {
        Some(at) => Outcome::Kept(at),
        None => Outcome::Written(Box::new(entry_of(&manager))),
    };
    managers.0.into_iter().map(outcome).collect()
}

fn entry_of(manager: &Manager<'_>) -> ManagedFieldsEntry {
    let id = &manager.id;
    let operation = match id.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ManagedFieldsEntry {
        api_version: text(&manager.api_version),
        fields_type: Some("FieldsV1".into()),
        fields_v1: Some(FieldsV1(to_fields(&manager.set))),
        manager: text(&id.manager),
        operation: Some(operation.into()),
        subresource: text(&id.subresource),
        time: manager.time.clone(),
    }
}

/// The new list, in upstream's order: appliers first, then by time.
pub(crate) fn assemble(mut old: Vec<ManagedFieldsEntry>, outcomes: Vec<Outcome>) -> Vec<ManagedFieldsEntry> {
    let entry = |outcome| match outcome {
        Outcome::Kept(at) => std::mem::take(&mut old[at]),
        Outcome::Written(entry) => *entry,
    };
    let mut entries: Vec<_> = outcomes.into_iter().map(entry).collect();
    entries.sort_by(|left, right| sort_key(left).cmp(&sort_key(right)));
    entries
}

fn sort_key(entry: &ManagedFieldsEntry) -> impl Ord + '_ {
    (
        entry.operation.as_deref(),
        seconds(entry.time.as_ref()),
        entry.manager.as_deref(),
        entry.api_version.as_deref(),
        entry.subresource.as_deref(),
    )
}

fn seconds(time: Option<&Time>) -> i64 {
    time.map_or(0, |time| time.0.as_second())
}

/// Merges the oldest updaters, per version, until there are no more of them than an object remembers.
pub(crate) fn cap(managers: &mut Managers<'_>) {
    let is_updater = |manager: &Manager<'_>| manager.id.operation == Operation::Update;
    let mut count = managers.0.iter().filter(|manager| is_updater(manager)).count();
    if count <= MOST_UPDATERS {
        return;
    }
    managers.0.sort_by(|left, right| {
        seconds(left.time.as_ref()).cmp(&seconds(right.time.as_ref())).then_with(|| left.id.cmp(&right.id))
    });
    let mut buckets = BTreeMap::<String, usize>::new();
    let mut kept: Vec<Manager<'_>> = Vec::with_capacity(managers.0.len());
    for manager in std::mem::take(&mut managers.0) {
        let bucket = buckets.get(&*manager.api_version).copied();
        if count <= MOST_UPDATERS || !is_updater(&manager) {
            kept.push(manager);
        } else if let Some(bucket) = bucket {
            pour(&mut kept[bucket], manager);
            count -= 1;
        } else {
            buckets.insert(manager.api_version.to_string(), kept.len());
            kept.push(manager);
        }
    }
    managers.0 = kept;
    join_ancients(managers);
}

/// The bucket takes the fields and, being the more recent, the time.
fn pour<'a>(bucket: &mut Manager<'a>, manager: Manager<'a>) {
    bucket.id.manager = Cow::Borrowed(ANCIENT);
    bucket.id.subresource = Cow::Borrowed("");
    bucket.set = std::mem::take(&mut bucket.set).union(manager.set);
    bucket.time = manager.time;
    bucket.entry = None;
}

/// A bucket of an earlier write may not have been the oldest updater of its version, and then it is there twice.
fn join_ancients(managers: &mut Managers<'_>) {
    let mut joined = Managers::default();
    for manager in std::mem::take(&mut managers.0) {
        match joined.find_mut(&manager.id) {
            Some(bucket) => pour(bucket, manager),
            None => joined.0.push(manager),
        }
    }
    *managers = joined;
}

/// Gives the entries their old times back if the times are all that a write changed. Upstream does so for writes that
/// left the rest of the object as it was, so that they are no writes at all.
pub fn keep_times(live: &[ManagedFieldsEntry], new: &mut [ManagedFieldsEntry]) {
    let timeless = |entry: &ManagedFieldsEntry| ManagedFieldsEntry { time: None, ..entry.clone() };
    let pairs = || live.iter().zip(new.iter());
    if live.len() != new.len() || !pairs().all(|(live, new)| timeless(live) == timeless(new)) {
        return;
    }
    for (live, new) in live.iter().zip(new) {
        new.time.clone_from(&live.time);
    }
}
