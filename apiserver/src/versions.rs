//! One stored version per kind: how other served versions read it.
//!
//! Only Events are served in two groups today. Conversions between versions of custom resources get their place here.

use crate::cache::entry::Entry;
use crate::cache::stored_as;
use api::{ApiError, Kind, Object};
use bytes::Bytes;

/// The object's JSON in a served version: the cached bytes themselves, unless it is stored in another one.
pub(crate) fn json_of(served: Kind, entry: &Entry) -> Result<Bytes, ApiError> {
    if served == entry.kind {
        return Ok(entry.json.clone());
    }
    let object = entry.decode().map_err(ApiError::internal)?;
    Ok(to_served(served, object)?.to_json().into())
}

/// The object in a served version.
pub(crate) fn to_served(served: Kind, object: Object) -> Result<Object, ApiError> {
    convert(served, object)
}

/// The object in the version that is stored.
pub(crate) fn to_stored(object: Object) -> Result<Object, ApiError> {
    let kind = object.kind();
    convert(stored_as(kind), object)
}

fn convert(wanted: Kind, object: Object) -> Result<Object, ApiError> {
    if object.kind() == wanted {
        return Ok(object);
    }
    let found = object.kind();
    Err(ApiError::internal(format!("no conversion from {found:?} to {wanted:?}")))
}
