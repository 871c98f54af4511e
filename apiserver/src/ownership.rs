//! Who writes what: the field managers of requests, and the managed fields of what they write (KEP-555).
//!
//! Start at [`Manager`]. A plain write enters what it changed under its manager ([`after_write`]); server-side apply
//! brings its owners with it ([`applied`]). The rules themselves are crate `apply`'s; what it needs in other versions,
//! because managers wrote those, is converted here ([`Conversions`]).

mod scale;

use crate::custom::ownership::Place;
use crate::handlers::present::Present;
use crate::options;
use crate::request::{Query, Verb};
use crate::state::State;
use crate::versions;
use api::field::{Error, Path};
use api::k8s::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use api::{ApiError, Kind, Object, Subresource, Time};
use apply::typed::{self, Duplicates};
use apply::{Apply, BuiltIn, Class, Deduced, Force, Owners, Set, Unconverted, Versions, Write};
use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::Value;

/// As upstream.
const LONGEST_NAME: usize = 128;
/// What the server itself writes under.
pub(crate) const SERVER: &str = "kube-apiserver";
/// What cannot be written through an object whose status is a subresource.
const STATUS: &[&[&str]] = &[&["status"]];
/// What cannot be written through a status.
const SPEC: &[&[&str]] = &[&["spec"]];
/// So many objects are converted for one write at most.
const MOST_CONVERSIONS: usize = 64;

/// Who writes, and how managed fields are to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) origin: Origin,
}

/// Where an object's managed fields come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// They are worked out from what the write changes.
    Change,
    /// The object carries them: it has been applied.
    Object,
}

impl Manager {
    /// The server itself.
    pub(crate) fn server() -> Self {
        Self { name: SERVER.to_owned(), origin: Origin::Change }
    }

    /// The manager of a request: the one it names, or what its user agent begins with.
    pub(crate) fn of(verb: Verb, query: &Query, headers: &HeaderMap) -> Result<Self, ApiError> {
        let refused = |error| options::invalid(options::name_of(verb), &[error]);
        let name = match query.get("fieldManager") {
            Some(name) => checked(name).map_err(refused)?.to_owned(),
            None => name_of(headers.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default()),
        };
        Ok(Self { name, origin: Origin::Change })
    }

    /// The same, for an object that brings its managed fields.
    pub(crate) fn of_applied(&self) -> Self {
        Self { origin: Origin::Object, ..self.clone() }
    }
}

fn checked(name: &str) -> Result<&str, Error> {
    let path = Path::new("fieldManager");
    if name.len() > LONGEST_NAME {
        Err(Error::too_long(&path, LONGEST_NAME))
    } else if name.chars().any(char::is_control) {
        Err(Error::invalid(&path, name, "should only contain printable characters"))
    } else {
        Ok(name)
    }
}

/// What a user agent begins with, as far as it can be printed.
fn name_of(agent: &str) -> String {
    let first = agent.split('/').next().unwrap_or_default();
    let name: String = first.chars().filter(|it| !it.is_control()).take(LONGEST_NAME).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// How a kind's fields are owned.
enum Schema {
    BuiltIn(BuiltIn),
    Custom(Place<'static>),
    /// A kind that has gone in the meantime.
    Unknown,
}

fn schema_of(state: &State, kind: Kind) -> Schema {
    let row = kind.row();
    if let Some(built_in) = BuiltIn::kind(row.group, row.version, row.kind) {
        return Schema::BuiltIn(built_in);
    }
    match state.catalogue.now().served(kind) {
        Some(served) => Schema::Custom(Place::Root(served.structural)),
        None => Schema::Unknown,
    }
}

/// An object with a configuration merged into it as server-side apply does it, but for owners. `name` is what the object is
/// when it is none of the kind's own.
///
/// # Errors
///
/// In upstream's words, when the configuration does not fit the type, or has parts that are owned as one.
pub(crate) fn merged(
    state: &State,
    kind: Kind,
    name: (&str, &str, &str),
    object: &Value,
    configuration: &Value,
) -> Result<Value, String> {
    let row = kind.row();
    let schema = match name == (row.group, row.version, row.kind) {
        true => schema_of(state, kind),
        false => BuiltIn::kind(name.0, name.1, name.2).map_or(Schema::Unknown, Schema::BuiltIn),
    };
    match schema {
        Schema::BuiltIn(schema) => merged_by(schema, object, configuration),
        Schema::Custom(schema) => merged_by(schema, object, configuration),
        Schema::Unknown => merged_by(Deduced, object, configuration),
    }
}

fn merged_by<S: apply::Schema>(schema: S, object: &Value, configuration: &Value) -> Result<Value, String> {
    if !configuration.is_object() {
        return Err("unsupported return type from ApplyConfiguration expression".to_owned());
    }
    typed::validate(configuration, schema, Duplicates::Refused).map_err(|it| {
        format!("error applying patch: failed to convert patch object to typed object: {it}")
    })?;
    let atomics = typed::atomics(configuration, schema);
    if !atomics.is_empty() {
        return Err(format!(
            "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {}",
            atomics.join(", ")
        ));
    }
    typed::merge(object, configuration, schema)
        .map_err(|it| format!("error applying patch: failed to merge patch: {it}"))
}

/// What has been converted so far for one write: each object, and what it is in another version.
#[derive(Default)]
pub(crate) struct Conversions(Vec<(Value, Value)>);

impl Conversions {
    /// Converts what is needed.
    pub(crate) async fn add(
        &mut self,
        state: &State,
        kind: Kind,
        needed: Unconverted,
    ) -> Result<(), ApiError> {
        if self.0.len() >= MOST_CONVERSIONS {
            return Err(ApiError::internal("the managers of the object speak of too many versions"));
        }
        let other = |version: &str| version_of(state, kind, version).ok_or_else(|| gone(version));
        let from = needed.object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let object = other(from)?.decode_value((*needed.object).clone()).map_err(ApiError::internal)?;
        let made = versions::object(state, other(&needed.version)?, object).await?;
        self.0.push((*needed.object, made.to_value()));
        Ok(())
    }
}

fn gone(version: &str) -> ApiError {
    ApiError::internal(format!("version {version} is no longer served"))
}

/// The kind in the version of a manager; none when that is no longer served.
fn version_of(state: &State, kind: Kind, version: &str) -> Option<Kind> {
    let row = kind.row();
    if row.api_version() == version {
        return Some(kind);
    }
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    state.catalogue.find(group, version, row.plural)
}

/// A kind's versions with what has been converted.
struct Known<'a, S> {
    own: S,
    other: &'a dyn Fn(&str) -> Option<S>,
    conversions: &'a Conversions,
}

impl<S: apply::Schema> Versions for Known<'_, S> {
    type Schema = S;

    fn own(&self) -> S {
        self.own
    }

    fn other(&self, version: &str) -> Option<S> {
        (self.other)(version)
    }

    fn convert(&self, object: &Value, version: &str) -> Result<Value, Unconverted> {
        if object["apiVersion"] == version {
            return Ok(object.clone());
        }
        let mut known = self.conversions.0.iter();
        let found = known.find(|(from, to)| to["apiVersion"] == version && from == object);
        let needed = || Unconverted { object: Box::new(object.clone()), version: version.to_owned() };
        found.map(|(_, to)| to.clone()).ok_or_else(needed)
    }
}

/// One write, as managed fields see it.
pub(crate) struct Writing<'a> {
    pub(crate) kind: Kind,
    pub(crate) manager: &'a Manager,
    pub(crate) subresource: &'a str,
}

impl Writing<'_> {
    fn with<T>(&self, state: &State, then: impl FnOnce(&Write<'_>) -> T) -> T {
        let row = self.kind.row();
        let api_version = row.api_version();
        let ignored = match self.subresource {
            "" if row.has(Subresource::Status) => Some(Set::of_fields(STATUS)),
            "status" => Some(Set::of_fields(SPEC)),
            _ => None,
        };
        let served = |version: &str| version_of(state, self.kind, version).is_some();
        then(&Write {
            manager: &self.manager.name,
            subresource: self.subresource,
            api_version: &api_version,
            now: Time(crate::metadata::whole_seconds(state.now())),
            ignored: ignored.as_ref(),
            served: &served,
        })
    }

    /// Enters a plain write into the new object's managed fields.
    pub(crate) async fn after_write(
        &self,
        state: &State,
        old: Option<&Present>,
        new: &mut Object,
    ) -> Result<(), ApiError> {
        if self.manager.origin == Origin::Object {
            return Ok(());
        }
        let sent = new.meta_mut().managed_fields.take();
        new.meta_mut().managed_fields = old.and_then(|it| it.meta().managed_fields.clone());
        let keeps_owners = sent.is_none() || sent == new.meta().managed_fields;
        if keeps_owners && old.is_some_and(|old| **old == *new) {
            return Ok(());
        }
        let live = new.meta_mut().managed_fields.take().unwrap_or_default();
        let (before, after) = (old.map(Present::tree), new.to_value());
        let (mut owners, mut conversions) = (Owners { live, sent }, Conversions::default());
        let converts = self.speaks_of_others(&owners);
        let entries = loop {
            // Only where a manager speaks of another version is it known too late what has to be converted.
            let given = if converts { owners.clone() } else { std::mem::take(&mut owners) };
            match self.owners_after(state, before, &after, given, &conversions) {
                Ok(entries) => break entries,
                Err(needed) => {
                    if let Err(error) = conversions.add(state, self.kind, needed).await {
                        // Who owns what is no reason to refuse a write; the owners stay as they were.
                        tracing::warn!(%error, "failed to compare an object in the version of its managers");
                        break owners.live;
                    }
                }
            }
        };
        new.meta_mut().managed_fields = Some(entries).filter(|it| !it.is_empty());
        Ok(())
    }

    /// Whether a manager wrote another version than this.
    fn speaks_of_others(&self, owners: &Owners) -> bool {
        let own = self.kind.row().api_version();
        let mut all = owners.live.iter().chain(owners.sent.iter().flatten());
        all.any(|it| it.api_version.as_deref().is_some_and(|it| it != own))
    }

    fn owners_after(
        &self,
        state: &State,
        before: Option<&Value>,
        after: &Value,
        owners: Owners,
        conversions: &Conversions,
    ) -> Result<Vec<ManagedFieldsEntry>, Unconverted> {
        let kind = self.kind;
        self.with(state, |write| match schema_of(state, kind) {
            Schema::BuiltIn(own) => {
                let other = |version: &str| built_in(state, kind, version);
                let known = Known { own, other: &other, conversions };
                apply::ownership_after_write(before, after, owners, known, write)
            }
            Schema::Custom(own) => {
                let other = |version: &str| custom(state, kind, version);
                let known = Known { own, other: &other, conversions };
                apply::ownership_after_write(before, after, owners, known, write)
            }
            Schema::Unknown => apply::ownership_after_write(before, after, owners, Deduced, write),
        })
    }

    /// What comes of applying a configuration; `None` when that changes nothing. Where that takes conversions that are
    /// not there yet, the first of them is named.
    pub(crate) fn applied(
        &self,
        state: &State,
        live: Option<&Present>,
        config: &Value,
        force: Force,
        conversions: &Conversions,
    ) -> Result<Result<Option<Value>, Unconverted>, ApiError> {
        let (kind, live) = (self.kind, live.map(Present::tree));
        let outcome = self.with(state, |write| {
            let request = Apply { write: write.clone(), kind: self.kind.row().kind, force };
            match schema_of(state, self.kind) {
                Schema::BuiltIn(own) => {
                    let other = |version: &str| built_in(state, kind, version);
                    apply::apply(live, config, Known { own, other: &other, conversions }, &request)
                }
                Schema::Custom(own) => {
                    let other = |version: &str| custom(state, kind, version);
                    apply::apply(live, config, Known { own, other: &other, conversions }, &request)
                }
                Schema::Unknown => apply::apply(live, config, Deduced, &request),
            }
        });
        match outcome {
            Ok(value) => Ok(Ok(value)),
            Err(apply::Error::Unconverted(needed)) => Ok(Err(needed)),
            Err(error) => Err(refusal(&error)),
        }
    }
}

fn built_in(state: &State, kind: Kind, version: &str) -> Option<BuiltIn> {
    let row = version_of(state, kind, version)?.row();
    BuiltIn::kind(row.group, row.version, row.kind)
}

fn custom(state: &State, kind: Kind, version: &str) -> Option<Place<'static>> {
    let other = version_of(state, kind, version)?;
    state.catalogue.now().served(other).map(|it| Place::Root(it.structural))
}

/// Takes back the times of owners when they are all that a write would change, as when what was applied only differed in
/// how a quantity is written.
pub(crate) fn keep_times(old: &Object, new: &mut Object) {
    let live = old.meta().managed_fields.as_ref();
    if new.meta().managed_fields.as_ref() == live {
        return;
    }
    let written = std::mem::replace(&mut new.meta_mut().managed_fields, live.cloned());
    let is_same = new == old;
    let fields = &mut new.meta_mut().managed_fields;
    *fields = written;
    if let (true, Some(entries), Some(live)) = (is_same, fields, live) {
        apply::managed_fields::keep_times(live, entries);
    }
}

fn refusal(error: &apply::Error) -> ApiError {
    let message = daemon::chain(error);
    match (error.class(), error) {
        (Class::Malformed, _) => ApiError::bad_request(message),
        (Class::Conflict, apply::Error::Conflict(conflicts)) => {
            let mut refused = ApiError::new(409, api::status::reason::CONFLICT, message);
            refused.0.details.get_or_insert_default().causes = Some(conflicts.causes());
            refused
        }
        _ => ApiError::new(500, "", message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_no_manager_is_known_by_the_user_agent() {
        let check = |query: &str, agent: &str, expect: Result<&str, u16>| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().expect("a header"));
            let got = Manager::of(Verb::Create, &Query::parse(Some(query)), &headers);
            assert_eq!(
                got.map(|it| it.name).map_err(|it| it.code()),
                expect.map(str::to_owned),
                "{query} {agent}"
            );
        };
        check("", "kubectl/v1.32.0 (linux/amd64)", Ok("kubectl"));
        check("fieldManager=me", "kubectl/v1.32.0", Ok("me"));
        check("", "", Ok("unknown"));
        check("fieldManager=a%0Ab", "x", Err(422));
        check(&format!("fieldManager={}", "a".repeat(129)), "x", Err(422));
    }
}
