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
use crate::versions::{Changes, Shown, Unconverted, Versions, shown};
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
pub(crate) fn apply_to_live<V: Versions>(
    live: &Value,
    entries: &[ManagedFieldsEntry],
    config: &Value,
    versions: &V,
    request: &Apply<'_>,
) -> Result<(Value, Vec<Outcome>), Error> {
    let schema = versions.own();
    let unwritten = schema.unwritten();
    let mut managers = owners_before(live, &unwritten, entries, schema, request)?;
    let version = request.write.api_version;
    let others = shown(live, &managers, versions, version)?;
    managers.settle(live, schema, &others);
    let id = Id::new(request.write.manager, Operation::Apply, "", request.write.subresource);
    let last = managers.find(&id).cloned();
    let mut set = field_set(config, schema);
    if let Some(ignored) = request.write.ignored {
        set = set.recursive_difference(ignored);
    }
    managers.put(applier(id.clone(), set.clone(), request));

    let merged = merge(live, config, schema).map_err(Error::Merge)?;
    let object = match &last {
        Some(last) => prune(merged, last, &managers, versions, version)?,
        None => merged,
    };
    let change = Change::between(live, &object, schema, request.write.ignored).map_err(Error::Compare)?;
    let others_after = shown_alike(&object, &others, versions)?;
    let changes = Changes::with(change, &others, &others_after, &request.write).map_err(Error::Compare)?;
    if request.force == Force::No {
        refuse_conflicts(&managers, &changes, &id, live, schema, request)?;
    }
    managers.lose(&changes, Some(&id));
    let unchanged = last.filter(|_| same(live, &object));
    own(&mut managers, applier(id, set.difference(&UNOWNED), request), unchanged);
    let outcomes = encode(managers);
    Ok((object, outcomes))
}

/// An object in the same versions as another.
fn shown_alike<V: Versions>(
    object: &Value,
    like: &[Shown<V::Schema>],
    versions: &V,
) -> Result<Vec<Shown<V::Schema>>, Unconverted> {
    let each = like.iter().map(|it| {
        let object = versions.convert(object, &it.version)?;
        Ok(Shown { version: it.version.clone(), schema: it.schema, object })
    });
    each.collect()
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
        update(&mut managers, change.into(), BEFORE_FIRST_APPLY, &request.write);
    }
    managers.retain_served(request.write.served);
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
    changes: &Changes<'_>,
    id: &Id<'_>,
    live: &Value,
    schema: S,
    request: &Apply<'_>,
) -> Result<(), Error> {
    let mut disputes = managers.disputes(changes, id);
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
/// back, version by version, and then everything that the last set does not have. Sets speak of the object in the
/// version of their managers; the last set's own comes first, since what is required there may be what is converted.
fn prune<V: Versions>(
    merged: Value,
    last: &Manager<'_>,
    managers: &Managers<'_>,
    versions: &V,
    own: &str,
) -> Result<Value, Unconverted> {
    if last.set.is_empty() {
        return Ok(merged);
    }
    // What nothing is known of counts as the version that is written.
    let known = |version: &str| -> String {
        if versions.other(version).is_some() { version.to_owned() } else { own.to_owned() }
    };
    let first = known(&last.api_version);
    let mut names: Vec<String> = managers.0.iter().map(|it| known(&it.api_version)).collect();
    names.sort_by_key(|it| (*it != first, it.clone()));
    names.dedup();
    let merged = At::of(merged, own).to(&first, versions)?;
    let (mut whole, mut pruned) = (merged.clone(), merged.clone());
    pruned.value = remove(&merged, last.set.clone(), versions);
    for name in &names {
        let owned = managers.paths_in(|it| known(it) == *name);
        whole = whole.to(name, versions)?;
        pruned = add_back(&whole, pruned.to(name, versions)?, owned, versions);
    }
    let pruned = pruned.to(&first, versions)?;
    let schema = merged.schema(versions);
    let last = with_declared_fields(last.set.clone(), schema);
    let value = remove_items(&merged.value, &missing(&merged, &pruned, versions).intersection(&last), schema);
    Ok(At { value, ..merged }.to(own, versions)?.value)
}

/// An object in a version.
#[derive(Clone)]
struct At {
    value: Value,
    version: String,
    /// The version that is written.
    own: String,
}

impl At {
    fn of(value: Value, own: &str) -> Self {
        At { value, version: own.to_owned(), own: own.to_owned() }
    }

    fn to<V: Versions>(self, version: &str, versions: &V) -> Result<Self, Unconverted> {
        if self.version == version {
            return Ok(self);
        }
        let value = versions.convert(&self.value, version)?;
        Ok(At { value, version: version.to_owned(), own: self.own })
    }

    fn schema<V: Versions>(&self, versions: &V) -> V::Schema {
        let other = if self.version == self.own { None } else { versions.other(&self.version) };
        other.unwrap_or_else(|| versions.own())
    }
}

fn remove<V: Versions>(from: &At, set: Set<'_>, versions: &V) -> Value {
    let schema = from.schema(versions);
    remove_items(&from.value, &with_declared_fields(set, schema), schema)
}

/// What the whole object has and a part of it has not.
fn missing<'a, V: Versions>(whole: &'a At, part: &'a At, versions: &V) -> Set<'a> {
    let schema = whole.schema(versions);
    let declared = |value: &'a Value| with_declared_fields(field_set(value, schema), schema);
    declared(&whole.value).difference(&declared(&part.value))
}

/// The part with everything of the whole that is owned.
fn add_back<V: Versions>(whole: &At, part: At, owned: Set<'_>, versions: &V) -> At {
    let schema = whole.schema(versions);
    let owned = with_declared_fields(owned, schema);
    let value = remove_items(&whole.value, &missing(whole, &part, versions).difference(&owned), schema);
    At { value, ..part }
}
