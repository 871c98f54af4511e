//! Replacing an object, or the part of it that a subresource holds.

use super::Call;
use super::change::{self, Part};
use crate::options::WriteOptions;
use crate::respond::Answer;
use crate::state::State;
use api::field::{Error, Path};
use api::{ApiError, Object};
use http::StatusCode;

/// PUT.
pub(crate) async fn update(state: &State, call: &mut Call, part: Part) -> Answer {
    let options = WriteOptions::of(&call.query)?;
    call.form()?;
    let object = call.object(options.validation).await?;
    check_version(call, &object)?;
    let target = call.target(part, options.dry_run);
    let entry = change::change(state, &target, &mut |_| Ok(object.clone()), &call.notes).await?;
    call.answer(state, StatusCode::OK, entry).await
}

/// Whoever replaces an object has to say which version, unless the kind does not mind.
fn check_version(call: &Call, object: &Object) -> Result<(), ApiError> {
    let given = object.meta().resource_version.as_deref().unwrap_or_default();
    if !given.is_empty() || call.kind.row().strategy.updates_blindly() {
        return Ok(());
    }
    let path = Path::new("metadata").child("resourceVersion");
    let error = Error::invalid(&path, 0, "must be specified for an update");
    Err(ApiError::invalid(call.kind.row(), &call.key.name, &[error]))
}
