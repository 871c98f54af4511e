//! Replacing an object, or the part of it that a subresource holds.

use super::Call;
use super::change::{self, Part, Target};
use crate::options::WriteOptions;
use crate::respond::Answer;
use crate::state::State;
use http::StatusCode;

/// PUT.
pub(crate) async fn update(state: &State, call: &mut Call, part: Part) -> Answer {
    let options = WriteOptions::of(&call.query)?;
    call.form()?;
    let mut warnings = Vec::new();
    let object = call.content().await?.object(call.kind, options.validation, &mut warnings)?;
    let target = Target {
        kind: call.kind,
        key: &call.key,
        part,
        subresource: &call.path.subresource,
        user: &call.user,
        dry_run: options.dry_run,
    };
    let entry = change::change(state, &target, &mut |_| Ok(object.clone()), &mut warnings).await?;
    call.warnings = warnings;
    call.answer(state, StatusCode::OK, &entry)
}
