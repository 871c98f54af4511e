//! Replacing an object, or the part of it that a subresource holds.

use super::Call;
use super::change::{self, Part};
use super::create::create_object;
use crate::options::WriteOptions;
use crate::respond::Answer;
use crate::state::State;
use api::field::{Error, Path};
use api::{ApiError, Object};
use http::StatusCode;

/// PUT.
pub(crate) async fn update(state: &State, call: &mut Call, part: Part) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    call.form()?;
    let object = call.object(options.validation).await?;
    check_version(call, &object)?;
    let target = call.target(part, options.dry_run);
    match change::change(state, &target, &mut |_| Ok(object.clone()), &call.notes).await {
        Err(error) if error.is_not_found() && creates(call, part, &object) => {
            create(state, call, object, &options).await
        }
        result => call.answer(state, StatusCode::OK, result?).await,
    }
}

/// Whether the object comes into being by being replaced: some kinds allow it, to who names no earlier version.
fn creates(call: &Call, part: Part, object: &Object) -> bool {
    let meta = object.meta();
    let names_none = meta.uid.is_none() && matches!(meta.resource_version.as_deref(), None | Some("" | "0"));
    part == Part::Main && names_none && call.kind.row().strategy.creates()
}

async fn create(state: &State, call: &Call, mut object: Object, options: &WriteOptions) -> Answer {
    call.check_create(state)?;
    crate::metadata::check_name(object.meta().name.as_deref().unwrap_or_default(), &call.key.name)?;
    object.meta_mut().resource_version = None;
    let request = call.creation(&call.manager, options.dry_run);
    let entry = create_object(state, &request, object, &call.notes).await?;
    call.answer(state, StatusCode::CREATED, entry).await
}

/// Whoever replaces an object has to say which version, unless the kind does not mind.
fn check_version(call: &Call, object: &Object) -> Result<(), ApiError> {
    let given = object.meta().resource_version.as_deref().unwrap_or_default();
    if !matches!(given, "" | "0") || call.kind.row().strategy.updates_blindly() {
        return Ok(());
    }
    let path = Path::new("metadata").child("resourceVersion");
    let error = Error::invalid(&path, 0, "must be specified for an update");
    Err(ApiError::invalid(call.kind.row(), &call.key.name, &[error]))
}
