//! Metadata: what the server sets, what it keeps, and whether an object is the one that a URL names.
//!
//! Start at [`fill`] for new objects and [`keep`] for changes. What metadata must look like is crate `api`'s business.

use crate::state::State;
use api::field::{Error, Path};
use api::resources::Row;
use api::strategy::StatusMeta;
use api::{ApiError, Key, Object, ObjectMeta, Time};
use jiff::Timestamp;

/// How many characters the server adds to a generated name, and how long the name may be before that.
const SUFFIX: usize = 5;
const LONGEST_PREFIX: usize = 63 - SUFFIX;

/// Whether the server has to make the name.
pub(crate) fn generates_name(meta: &ObjectMeta) -> bool {
    is_unset(meta.name.as_deref()) && !is_unset(meta.generate_name.as_deref())
}

fn is_unset(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// Checks that a new object belongs where it is sent, and puts it into that namespace.
pub(crate) fn check_new(namespace: &str, row: &Row, meta: &mut ObjectMeta) -> Result<(), ApiError> {
    if !is_unset(meta.resource_version.as_deref()) {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let own = meta.namespace.take().unwrap_or_default();
    if row.namespaced() {
        if !own.is_empty() && own != namespace {
            return Err(elsewhere());
        }
        meta.namespace = Some(namespace.to_owned());
    }
    Ok(())
}

fn elsewhere() -> ApiError {
    let message = "the namespace of the provided object does not match the namespace sent on the request";
    ApiError::bad_request(message)
}

/// Sets what the server alone decides of a new object.
pub(crate) fn fill(state: &State, meta: &mut ObjectMeta) {
    meta.uid = Some(state.random.uid());
    meta.creation_timestamp = Some(Time(whole_seconds(state.now())));
    meta.deletion_timestamp = None;
    meta.deletion_grace_period_seconds = None;
    meta.resource_version = None;
    meta.self_link = None;
    if generates_name(meta) {
        let prefix = meta.generate_name.as_deref().unwrap_or_default();
        let end = prefix.char_indices().nth(LONGEST_PREFIX).map_or(prefix.len(), |(at, _)| at);
        meta.name = Some(format!("{}{}", &prefix[..end], state.random.suffix(SUFFIX)));
    }
}

/// Times of the API have whole seconds.
pub(crate) fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Checks that an object has the name that the URL has.
pub(crate) fn check_name(name: &str, on_url: &str) -> Result<(), ApiError> {
    if name == on_url {
        return Ok(());
    }
    let message = format!("the name of the object ({name}) does not match the name on the URL ({on_url})");
    Err(ApiError::bad_request(message))
}

/// Checks that what is sent is for the object that the URL names.
pub(crate) fn check_place(key: &Key, meta: &ObjectMeta) -> Result<(), ApiError> {
    let name = meta.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        let message = format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            key.name
        );
        return Err(ApiError::bad_request(message));
    }
    check_name(name, &key.name)?;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    if key.kind.row().namespaced() && !namespace.is_empty() && namespace != key.namespace {
        return Err(elsewhere());
    }
    Ok(())
}

/// Checks that a changed object is still the one that the URL names, at the version that the client has seen.
pub(crate) fn check_identity(key: &Key, new: &Object, old: &Object) -> Result<(), ApiError> {
    let (meta, row) = (new.meta(), key.kind.row());
    check_place(key, meta)?;
    let (uid, own) = (meta.uid.as_deref().unwrap_or_default(), api::owner::uid(old));
    if !uid.is_empty() && uid != own {
        let detail = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {own}");
        return Err(ApiError::conflict(row, &key.name, &detail));
    }
    match meta.resource_version.as_deref() {
        None | Some("" | "0") => Ok(()),
        Some(version) if Some(version) == old.meta().resource_version.as_deref() => Ok(()),
        Some(version) if version.parse::<u64>().is_err() => {
            let path = Path::new("metadata").child("resourceVersion");
            let error = Error::invalid(&path, version, "must be what the object had when it was read");
            Err(ApiError::invalid(row, &key.name, &[error]))
        }
        Some(_) => Err(ApiError::modified(row, &key.name)),
    }
}

/// Takes from a written status the metadata that come with it, as far as the kind lets them be written that way.
pub(crate) fn write_beside_status(kept: &mut ObjectMeta, sent: &mut ObjectMeta, writes: StatusMeta) {
    kept.managed_fields = sent.managed_fields.take();
    if writes == StatusMeta::Kept {
        return;
    }
    kept.annotations = sent.annotations.take();
    kept.finalizers = sent.finalizers.take();
    if writes != StatusMeta::WithoutLabels {
        kept.labels = sent.labels.take();
    }
    if writes != StatusMeta::WithoutOwners {
        kept.owner_references = sent.owner_references.take();
    }
}

/// Gives a changed object what changes may not touch.
pub(crate) fn keep(new: &mut ObjectMeta, old: &ObjectMeta) {
    new.name.clone_from(&old.name);
    new.namespace.clone_from(&old.namespace);
    new.generate_name.clone_from(&old.generate_name);
    new.uid.clone_from(&old.uid);
    new.resource_version.clone_from(&old.resource_version);
    new.generation = old.generation;
    new.creation_timestamp.clone_from(&old.creation_timestamp);
    new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    new.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    new.self_link = None;
}
