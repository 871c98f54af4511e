//! Creating an object.
//!
//! Start at [`create`]. The order is upstream's: decode, defaults, the server's own metadata, mutating admission,
//! validation, validating admission, write on the condition that the name is free.

use super::Call;
use super::change::{new_key, storage_error};
use crate::admission::{Attempt, Operation};
use crate::allocate::Reservation;
use crate::cache::entry::Entry;
use crate::metadata;
use crate::options::WriteOptions;
use crate::respond::Answer;
use crate::state::{State, cache_key};
use crate::versions::to_stored;
use access::UserInfo;
use api::k8s::api::core::v1::{Node, Service};
use api::{ApiError, Key, Kind, Object, Resource, Subresource};
use http::StatusCode;
use std::sync::Arc;
use store::{Condition, Op, Txn};

/// How many names are tried when the server makes the name.
const GENERATED_ATTEMPTS: usize = 8;

/// What the creator of a service should know until the cluster has a service network.
const UNROUTED: &str = "the service is stored and has an address, but nothing routes to it yet";

/// POST to a collection.
pub(crate) async fn create(state: &State, call: &mut Call) -> Answer {
    let options = WriteOptions::of(&call.query)?;
    call.form()?;
    let mut warnings = Vec::new();
    let object = call.content().await?.object(call.kind, options.validation, &mut warnings)?;
    let request = Request {
        kind: call.kind,
        namespace: &call.key.namespace,
        user: &call.user,
        dry_run: options.dry_run,
    };
    let entry = create_object(state, &request, object, &mut warnings).await?;
    if call.kind == Service::KIND {
        warnings.push(UNROUTED.to_owned());
    }
    call.warnings = warnings;
    call.answer(state, StatusCode::CREATED, &entry)
}

/// Where an object is to be created, and by whom.
pub(crate) struct Request<'a> {
    pub(crate) kind: Kind,
    pub(crate) namespace: &'a str,
    pub(crate) user: &'a UserInfo,
    pub(crate) dry_run: bool,
}

/// Creates an object; tries other names as long as a generated one is taken.
pub(crate) async fn create_object(
    state: &State,
    request: &Request<'_>,
    object: Object,
    warnings: &mut Vec<String>,
) -> Result<Arc<Entry>, ApiError> {
    let generated = metadata::generates_name(object.meta());
    // Admission looks at other objects, and these must not be older than what the client has seen.
    state.caches.fresh().await;
    let further = if generated { GENERATED_ATTEMPTS - 1 } else { 0 };
    for _ in 0..further {
        let mut found = Vec::new();
        match attempt(state, request, object.clone(), &mut found).await {
            Err(error) if error.is_already_exists() => {}
            result => {
                warnings.append(&mut found);
                return result;
            }
        }
    }
    attempt(state, request, object, warnings).await
}

async fn attempt(
    state: &State,
    request: &Request<'_>,
    mut object: Object,
    warnings: &mut Vec<String>,
) -> Result<Arc<Entry>, ApiError> {
    let row = request.kind.row();
    metadata::check_new(request.namespace, row, object.meta_mut())?;
    metadata::fill(state, object.meta_mut());
    let reservation = prepare(state, request, &mut object)?;
    let key = object.key();
    admit(state, request, &key, &mut object)?;
    validate(request.kind, &object)?;
    warnings.extend(row.strategy.warnings(&object));
    let stored = to_stored(object)?.to_json();
    let revision = match request.dry_run {
        true => taken(state, &key)?,
        false => write(state, request.kind, &key, &stored).await?,
    };
    reservation.keep_if(!request.dry_run);
    let kind = crate::cache::stored_as(request.kind);
    let entry = Entry::answer(kind, cache_key(&key).as_str().into(), &stored, revision);
    Ok(Arc::new(entry))
}

/// Defaults, the initial status, the first generation, addresses.
fn prepare<'a>(
    state: &'a State,
    request: &Request<'_>,
    object: &mut Object,
) -> Result<Reservation<'a>, ApiError> {
    let (row, strategy) = (request.kind.row(), request.kind.row().strategy);
    strategy.set_defaults(object);
    if row.has(Subresource::Status) && !keeps_status(request.kind) {
        let blank = request.kind.decode(b"{}").map_err(ApiError::internal)?;
        object.copy_status(&blank);
    }
    object.meta_mut().generation = strategy.counts_generation().then_some(1);
    strategy.prepare_create(object);
    state.allocators.allocate(row, object)
}

/// A node registers itself together with its status.
fn keeps_status(kind: Kind) -> bool {
    kind == Node::KIND
}

fn admit(state: &State, request: &Request<'_>, key: &Key, object: &mut Object) -> Result<(), ApiError> {
    let mut attempt = Attempt {
        operation: Operation::Create,
        kind: request.kind,
        key,
        subresource: "",
        user: request.user,
        object: Some(object),
        old: None,
    };
    state.admission.mutate(state, &mut attempt)?;
    state.admission.validate(state, &attempt)
}

fn validate(kind: Kind, object: &Object) -> Result<(), ApiError> {
    let mut errors = api::validation::meta::validate_meta(object);
    errors.extend(kind.row().strategy.validate(object));
    let name = object.meta().name.as_deref().unwrap_or_default();
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(kind.row(), name, &errors)) }
}

async fn write(state: &State, kind: Kind, key: &Key, stored: &[u8]) -> Result<u64, ApiError> {
    let place = new_key(kind, key);
    let op = Op::Put { key: place.clone(), value: bytes::Bytes::copy_from_slice(stored) };
    let txn = Txn { conditions: vec![Condition::Absent(place)], ops: vec![op] };
    match state.store.commit(txn).await {
        Ok(revision) => Ok(revision),
        Err(store::Error::Conflict { .. }) => Err(ApiError::already_exists(kind.row(), &key.name)),
        Err(error) => Err(storage_error(&error)),
    }
}

/// A dry run writes nothing, but finds names that are taken.
fn taken(state: &State, key: &Key) -> Result<u64, ApiError> {
    match state.cached(key.kind)?.get(&cache_key(key)) {
        Some(_) => Err(ApiError::already_exists(key.kind.row(), &key.name)),
        None => Ok(0),
    }
}
