//! Who owns which field of an object, and server-side apply, which rests on it (KEP-555).
//!
//! Start at [`ownership_after_write`], which enters a plain write into an object's managed fields, and at [`apply`],
//! which merges a configuration. Beneath them: [`typed`] walks values by their [`schema`], a [`Set`] holds paths,
//! [`fields_v1`] writes sets, `managers` and [`managed_fields`] keep the list, `update` and `apply` are the two ways to
//! come to own something. Values stay untyped, because a round trip through the types would add what the sender left
//! out, and so would own it.
//!
//! Refuses to convert between versions, but says what it needs converted ([`Versions`]). Refuses to default, to validate beyond what merging needs, and to know a clock.

mod apply;
mod conflict;
mod error;
pub mod fields_v1;
mod last_applied;
pub mod managed_fields;
mod managers;
mod path;
pub mod scale;
pub mod schema;
mod set;
pub mod typed;
mod update;
mod value;
mod versions;

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};
use serde_json::{Map, Value};

pub use conflict::{Conflict, Conflicts};
pub use error::{Class, DecodeError, Error, Flaw, Unfit};
pub use managers::Operation;
pub use path::{PathElement, path_text};
pub use schema::{BuiltIn, Deduced, Schema};
pub use set::Set;
pub use versions::{Unconverted, Versions};

use managed_fields::{assemble, decode, encode, entries_of, is_reset, with_entries};
use update::Change;
use versions::{Changes, shown};

/// A write, as ownership sees it.
#[derive(Clone)]
pub struct Write<'a> {
    /// Who writes: the request's field manager, or what its user agent begins with.
    pub manager: &'a str,
    /// Through which subresource; empty for the object itself.
    pub subresource: &'a str,
    /// In which version, such as `apps/v1`.
    pub api_version: &'a str,
    /// When, in whole seconds.
    pub now: Time,
    /// What this way of writing cannot change, and so cannot own: upstream's reset fields, such as `status` when an
    /// object itself is written.
    pub ignored: Option<&'a Set<'a>>,
    /// Whether the object is still served in a version. Managers of others are forgotten.
    pub served: &'a dyn Fn(&str) -> bool,
}

/// What to do with fields that others own and the configuration would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Refuse the apply.
    No,
    /// Take them.
    Yes,
}

/// A server-side apply.
#[derive(Clone)]
pub struct Apply<'a> {
    /// Who applies, and how.
    pub write: Write<'a>,
    /// The kind that is applied to.
    pub kind: &'a str,
    /// Whether conflicts are no obstacle.
    pub force: Force,
}

/// The managed fields that a plain write has to choose from.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Those of the live object.
    pub live: Vec<ManagedFieldsEntry>,
    /// Those that came with the written object, if any did. They replace the live ones if they can be read; an empty
    /// list, or a list of one empty entry, makes the object forget its owners. A subresource cannot change them.
    pub sent: Option<Vec<ManagedFieldsEntry>>,
}

impl Owners {
    /// Those that the objects carry. What cannot be read counts as not there.
    pub fn of(live: Option<&Value>, new: &Value) -> Self {
        let read = |object: &Value| entries_of(object).ok().flatten();
        Owners { live: live.and_then(read).unwrap_or_default(), sent: read(new) }
    }

    fn sent_through(&mut self, subresource: &str) -> Option<Vec<ManagedFieldsEntry>> {
        self.sent.take().filter(|_| subresource.is_empty())
    }
}

/// The managed fields of an object after a plain write: a create if there is no live object, else an update.
///
/// An existing object whose owners are not tracked, or were just forgotten, stays so until somebody applies to it. A
/// write that the comparison cannot follow keeps the live object's entries. What `new` itself carries is not looked at.
pub fn ownership_after_write<V: Versions>(
    live: Option<&Value>,
    new: &Value,
    mut owners: Owners,
    versions: V,
    write: &Write<'_>,
) -> Result<Vec<ManagedFieldsEntry>, Unconverted> {
    let schema = versions.own();
    let sent = owners.sent_through(write.subresource);
    if sent.as_deref().is_some_and(is_reset) {
        owners.live.clear();
    }
    let unwritten = if live.is_none() { schema.unwritten() } else { Value::Null };
    let before = live.unwrap_or(&unwritten);
    let Ok(change) = Change::between(before, new, schema, write.ignored) else { return Ok(owners.live) };
    let sent = sent.filter(|sent| !is_reset(sent) && *sent != owners.live);
    if change.touched.is_empty() && sent.is_none() {
        return Ok(owners.live);
    }
    let readable = sent.as_deref().and_then(|sent| decode(sent).ok());
    let is_sent = readable.is_some();
    let mut managers = readable.unwrap_or_else(|| decode(&owners.live).unwrap_or_default());
    if managers.0.is_empty() && live.is_some() {
        return Ok(Vec::new());
    }
    managers.retain_served(write.served);
    let others = shown(before, &managers, &versions, write.api_version)?;
    let others_after = shown(new, &managers, &versions, write.api_version)?;
    let Ok(changes) = Changes::with(change, &others, &others_after, write) else { return Ok(owners.live) };
    managers.settle(before, schema, &others);
    update::update(&mut managers, changes, write.manager, write);
    let outcomes = encode(managers);
    let entries = sent.filter(|_| is_sent).unwrap_or(owners.live);
    Ok(assemble(entries, outcomes))
}

/// Applies a configuration: to the live object, or as a new one.
///
/// The answer carries its managed fields; it is none if the apply changes nothing, not even who owns what. Fields that
/// the server sets (uid, resourceVersion, defaults) are left to the server.
pub fn apply<V: Versions>(
    live: Option<&Value>,
    config: &Value,
    versions: V,
    request: &Apply<'_>,
) -> Result<Option<Value>, Error> {
    apply::check(config, versions.own(), request)?;
    let entries = live.map(entries_of).transpose()?.flatten().unwrap_or_default();
    let base = live.map_or_else(|| Value::Object(Map::new()), |live| with_entries(live.clone(), &[]));
    let (mut object, outcomes) = apply::apply_to_live(&base, &entries, config, &versions, request)?;
    last_applied::refresh(&mut object, config, request);
    let owned = assemble(entries.clone(), outcomes);
    let is_same = live.is_some() && value::same(&base, &object) && owned == entries;
    Ok((!is_same).then(|| with_entries(object, &owned)))
}
