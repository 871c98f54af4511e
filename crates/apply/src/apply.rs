//! Server-side apply: merging a configuration, pruning what its manager no longer says, and finding conflicts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;

use crate::conflict::{Conflict, Conflicts};
use crate::error::Error;
use crate::last_applied;
use crate::managed_fields::{Outcome, decode, encode};
use crate::managers::{Dispute, Id, Manager, Managers, Operation};
use crate::path::path_text;
use crate::schema::Schema;
use crate::set::Set;
use crate::typed::{Duplicates, field_set, merge, remove_items, validate, with_declared_fields};
use crate::update::{Change, UNOWNED, update};
use crate::value::same;
use crate::{Apply, Force};

/// Who owns the fields of an object that nobody applied to before and whose ownership was not tracked.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Refuses a configuration that is not of the type, or says who owns what.
pub(crate) fn check<S: Schema>(config: &Value, schema: S, request: &Apply<'_>) -> Result<(), Error> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if (api_version, kind) != (request.write.api_version, request.kind) {
        return Err(Error::OtherType(type_text(api_version, kind)));
    }
    if config.pointer("/metadata/managedFields").is_some_and(|entries| !entries.is_null()) {
        return Err(Error::ManagedFields);
    }
    validate(config, schema, Duplicates::Refused)
        .map_err(|source| Error::Configuration { object: object_text(config), source })
}

fn type_text(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

/// The object as upstream's errors name it.
pub(crate) fn object_text(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let type_text = type_text(text("/apiVersion"), text("/kind"));
    format!("{}/{}; {type_text}", text("/metadata/namespace"), text("/metadata/name"))
}

/// The object that a configuration makes of the live one, which comes without its entries.
pub(crate) fn apply_to_live<S: Schema>(
    live: &Value,
    entries: &[ManagedFieldsEntry],
    config: &Value,
    schema: S,
    request: &Apply<'_>,
) -> Result<(Value, Vec<Outcome>), Error> {
    let unwritten = schema.unwritten();
    let mut managers = owners_before(live, &unwritten, entries, schema, request)?;
    let id = Id::new(request.write.manager, Operation::Apply, "", request.write.subresource);
    let last = managers.find(&id).cloned();
    let mut set = field_set(config, schema);
    if let Some(ignored) = request.write.ignored {
        set = set.recursive_difference(ignored);
    }
    managers.put(applier(id.clone(), set.clone(), request));

    let merged = merge(live, config, schema).map_err(Error::Merge)?;
    let object = match &last {
        Some(last) => prune(merged, &last.set, &managers, schema),
        None => merged,
    };
    let change = Change::between(live, &object, schema, request.write.ignored).map_err(Error::Compare)?;
    if request.force == Force::No {
        refuse_conflicts(&managers, &change.written, &id, live, schema, request)?;
    }
    managers.lose(&change.touched, Some(&id));
    let unchanged = last.filter(|_| same(live, &object));
    own(&mut managers, applier(id, set.difference(&UNOWNED), request), unchanged);
    let outcomes = encode(managers);
    Ok((object, outcomes))
}

/// The managers as they are before the apply.
fn owners_before<'a, S: Schema>(
    live: &'a Value,
    unwritten: &'a Value,
    entries: &'a [ManagedFieldsEntry],
    schema: S,
    request: &Apply<'a>,
) -> Result<Managers<'a>, Error> {
    let unfit = |source| Error::Live { object: object_text(live), source };
    validate(live, schema, Duplicates::Tolerated).map_err(unfit)?;
    let mut managers = decode(entries)?;
    if managers.0.is_empty() {
        let change =
            Change::between(unwritten, live, schema, request.write.ignored).map_err(Error::Compare)?;
        update(&mut managers, change, BEFORE_FIRST_APPLY, &request.write);
    }
    managers.settle(live, schema, request.write.served);
    Ok(managers)
}

fn applier<'a>(id: Id<'a>, set: Set<'a>, request: &Apply<'a>) -> Manager<'a> {
    Manager {
        id,
        api_version: request.write.api_version.into(),
        set,
        time: Some(request.write.now.clone()),
        entry: None,
    }
}

/// Enters what the applier owns now. Where the object has not changed, it keeps its entry unless the set is another.
fn own<'a>(managers: &mut Managers<'a>, mut applier: Manager<'a>, unchanged: Option<Manager<'a>>) {
    if let Some(last) = unchanged.filter(|last| last.set == applier.set) {
        applier.time = last.time;
        applier.entry = last.entry.filter(|_| last.api_version == applier.api_version);
    }
    managers.put(applier);
    managers.0.retain(|manager| !manager.set.is_empty());
}

fn refuse_conflicts<S: Schema>(
    managers: &Managers<'_>,
    written: &Set<'_>,
    id: &Id<'_>,
    live: &Value,
    schema: S,
    request: &Apply<'_>,
) -> Result<(), Error> {
    let mut disputes = managers.disputes(written, id);
    if disputes.is_empty() {
        return Ok(());
    }
    if let Some(last) = last_applied::configuration(live, request) {
        let allowed = last_applied::unchanged(&last, live, schema);
        disputes.retain(|dispute| !allowed.has(&dispute.path));
    }
    if disputes.is_empty() {
        return Ok(());
    }
    let conflict = |it: Dispute| Conflict { path: path_text(&it.path), manager: it.manager };
    Err(Error::Conflict(Conflicts(disputes.into_iter().map(conflict).collect())))
}

/// Takes out what the manager applied last time, does not apply now, and nobody else owns.
///
/// Taking out the last set takes more than that: whole objects that hold other fields. So what anybody owns is added
/// back, and then everything that the last set does not have.
fn prune<S: Schema>(merged: Value, last: &Set<'_>, managers: &Managers<'_>, schema: S) -> Value {
    if last.is_empty() {
        return merged;
    }
    let without = |set: &Set<'_>| remove_items(&merged, set, schema);
    let all = with_declared_fields(field_set(&merged, schema), schema);
    let missing_in = |value: &Value| {
        let there = with_declared_fields(field_set(value, schema), schema);
        all.clone().difference(&there)
    };
    let last = with_declared_fields(last.clone(), schema);
    let owned = with_declared_fields(managers.all_paths(), schema);
    let with_owned = without(&missing_in(&without(&last)).difference(&owned));
    without(&missing_in(&with_owned).intersection(&last))
}
