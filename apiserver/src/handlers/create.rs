//! Creating an object.
//!
//! Start at [`create`]. The order is upstream's: decode, defaults, the server's own metadata, mutating admission,
//! validation, validating admission, write on the condition that the name is free and the quotas have room.

use super::Call;
use super::change::{new_key, storage_error};
use super::stored;
use crate::admission::quota::{self, Charges};
use crate::admission::{Attempt, Operation, Options};
use crate::allocate::Reservation;
use crate::cache::entry::Entry;
use crate::metadata;
use crate::notes::Notes;
use crate::options::WriteOptions;
use crate::ownership::{Manager, Writing};
use crate::respond::Answer;
use crate::state::{State, cache_key};
use crate::versions;
use crate::webhooks;
use access::UserInfo;
use api::k8s::api::core::v1::{ResourceQuota, Service};
use api::{ApiError, Key, Kind, Object, ObjectMeta, Resource, Subresource};
use http::StatusCode;
use std::sync::Arc;
use store::{Condition, Op, Txn};

/// How many names are tried when the server makes the name.
const GENERATED_ATTEMPTS: usize = 8;

/// How often a charge is tried again: of those who want of one quota at the same time, each time one gets it.
const QUOTA_ATTEMPTS: usize = 256;

/// What the creator of a service should know until the cluster has a service network.
const UNROUTED: &str = "the service is stored and has an address, but nothing routes to it yet";

/// POST to a collection.
pub(crate) async fn create(state: &State, call: &mut Call) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    call.form()?;
    if state.catalogue.now().terminates(call.kind) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(ApiError::new(405, api::status::reason::METHOD_NOT_ALLOWED, why));
    }
    let object = call.object(options.validation).await?;
    let request = call.creation(&call.manager, options.dry_run);
    let entry = create_object(state, &request, object, &call.notes).await?;
    if call.kind == Service::KIND {
        call.notes.warn([UNROUTED.to_owned()]);
    }
    call.answer(state, StatusCode::CREATED, entry).await
}

/// Where an object is to be created, and by whom.
pub(crate) struct Request<'a> {
    pub(crate) kind: Kind,
    pub(crate) namespace: &'a str,
    pub(crate) user: &'a UserInfo,
    pub(crate) manager: &'a Manager,
    pub(crate) dry_run: bool,
}

/// Creates an object; tries other names as long as a generated one is taken.
pub(crate) async fn create_object(
    state: &State,
    request: &Request<'_>,
    object: Object,
    notes: &Notes,
) -> Result<Arc<Entry>, ApiError> {
    let generated = metadata::generates_name(object.meta());
    // Admission looks at other objects, and these must not be older than what the client has seen.
    state.caches.fresh().await;
    let further = if generated { GENERATED_ATTEMPTS - 1 } else { 0 };
    for _ in 0..further {
        let found = Notes::default();
        match attempt(state, request, object.clone(), &found).await {
            Err(error) if error.is_already_exists() => {}
            result => {
                notes.absorb(found);
                return result;
            }
        }
    }
    attempt(state, request, object, notes).await
}

async fn attempt(
    state: &State,
    request: &Request<'_>,
    mut object: Object,
    notes: &Notes,
) -> Result<Arc<Entry>, ApiError> {
    let row = request.kind.row();
    metadata::check_new(request.namespace, row, object.meta_mut())?;
    metadata::fill(state, object.meta_mut());
    row.strategy.set_defaults(&mut object);
    let writing = Writing { kind: request.kind, manager: request.manager, subresource: "" };
    writing.after_write(state, None, &mut object).await?;
    let key = object.key();
    admit(state, request, &key, &mut object, notes).await?;
    let reservation = prepare(state, request, &mut object)?;
    validate(request.kind, &object)?;
    notes.warn(row.strategy.warnings_create(&object));
    notes.warn(row.strategy.warnings(&object));
    let reviewed = attempt_of(request, &key, &mut object);
    state.admission.validate(state, &reviewed, notes)?;
    webhooks::validate(state, &reviewed, notes).await?;
    let (stored, revision) = store(state, request, &key, object).await?;
    reservation.keep_if(!request.dry_run);
    let kind = request.kind.stored();
    let entry = Entry::answer(kind, cache_key(&key).as_str().into(), &stored, revision);
    Ok(Arc::new(entry))
}

/// The initial status, the first generation, addresses.
fn prepare<'a>(
    state: &'a State,
    request: &Request<'_>,
    object: &mut Object,
) -> Result<Reservation<'a>, ApiError> {
    let (row, strategy) = (request.kind.row(), request.kind.row().strategy);
    if row.has(Subresource::Status) && !strategy.keeps_status() {
        let blank = request.kind.decode(b"{}").map_err(ApiError::internal)?;
        object.copy_status(&blank);
    }
    object.meta_mut().generation = strategy.counts_generation().then_some(1);
    strategy.prepare_create(object);
    state.allocators.allocate(row, object, None)
}

/// Mutating admission. What it left out gets defaults once more.
async fn admit(
    state: &State,
    request: &Request<'_>,
    key: &Key,
    object: &mut Object,
    notes: &Notes,
) -> Result<(), ApiError> {
    let mut attempt = attempt_of(request, key, object);
    state.admission.mutate(state, &mut attempt, notes)?;
    let own = attempt.object.as_ref().map(|it| it.meta().clone());
    if webhooks::mutate(state, &mut attempt, notes).await? {
        keep(key, object.meta_mut(), own.unwrap_or_default())?;
    }
    request.kind.row().strategy.set_defaults(object);
    Ok(())
}

/// Webhooks may change what the object says, not which one it is.
fn keep(key: &Key, meta: &mut ObjectMeta, own: ObjectMeta) -> Result<(), ApiError> {
    let named = (meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref().unwrap_or_default());
    if named != (key.name.as_str(), key.namespace.as_str()) {
        let message = "admission webhooks may not change the name or the namespace of an object";
        return Err(ApiError::bad_request(message));
    }
    meta.uid = own.uid;
    meta.creation_timestamp = own.creation_timestamp;
    meta.resource_version = None;
    meta.self_link = None;
    Ok(())
}

fn attempt_of<'a>(request: &'a Request<'_>, key: &'a Key, object: &'a mut Object) -> Attempt<'a> {
    Attempt {
        operation: Operation::Create,
        kind: request.kind,
        key,
        subresource: "",
        user: request.user,
        options: Options::Write { dry_run: request.dry_run, manager: request.manager },
        object: Some(object),
        old: None,
    }
}

fn validate(kind: Kind, object: &Object) -> Result<(), ApiError> {
    let mut errors = api::validation::meta::validate_meta(object);
    errors.extend(kind.row().strategy.validate(object));
    errors.extend(kind.row().strategy.validate_create(object));
    let name = object.meta().name.as_deref().unwrap_or_default();
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(kind.row(), name, &errors)) }
}

/// Writes the object and takes from the quotas what it needs, once more when somebody else took from them in between.
async fn store(
    state: &State,
    request: &Request<'_>,
    key: &Key,
    mut object: Object,
) -> Result<(Vec<u8>, u64), ApiError> {
    let mut charges = quota::charges(state, &attempt_of(request, key, &mut object))?;
    // Only who shares a quota may have to look again.
    let mut copy = (!charges.is_empty()).then(|| object.clone());
    let stored = stored::bytes_of(versions::object(state, request.kind.stored(), object).await?)?;
    if request.dry_run {
        return Ok((stored, taken(state, key).await?));
    }
    for _ in 0..QUOTA_ATTEMPTS {
        if let Some(revision) = write(state, key, &stored, charges).await? {
            return Ok((stored, revision));
        }
        let Some(object) = &mut copy else { break };
        state.caches.fresh().await;
        charges = quota::charges(state, &attempt_of(request, key, object))?;
    }
    Err(ApiError::modified(ResourceQuota::KIND.row(), ""))
}

/// Writes on the condition that the name is free; nothing when a quota is not what it was.
async fn write(state: &State, key: &Key, stored: &[u8], charges: Charges) -> Result<Option<u64>, ApiError> {
    let place = new_key(key.kind, key);
    let mut ops = vec![Op::Put { key: place.clone(), value: bytes::Bytes::copy_from_slice(stored) }];
    let mut conditions = vec![Condition::Absent(place.clone())];
    let after = charges.ops.len() as u64;
    ops.extend(charges.ops);
    conditions.extend(charges.conditions);
    match state.store.commit(Txn { conditions, ops }).await {
        // Each write has its own revision, and the charges come last.
        Ok(revision) => Ok(Some(revision - after)),
        Err(store::Error::Conflict { key: found, .. }) if found == place => {
            Err(ApiError::already_exists(key.kind.row(), &key.name))
        }
        Err(store::Error::Conflict { .. }) => Ok(None),
        Err(error) => Err(storage_error(&error)),
    }
}

/// A dry run writes nothing, but finds names that are taken.
async fn taken(state: &State, key: &Key) -> Result<u64, ApiError> {
    state.caches.fresh().await;
    match state.cached(key.kind)?.get(&cache_key(key)) {
        Some(_) => Err(ApiError::already_exists(key.kind.row(), &key.name)),
        None => Ok(0),
    }
}
