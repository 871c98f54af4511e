//! Whether a request may go on: the node authorizer, then roles and bindings.

use crate::request::{ResourcePath, Verb};
use crate::state::State;
use access::{Attributes, Decision, ResourceTarget, UserInfo};
use api::ApiError;

/// Decides a question, of a request or of a review.
pub(crate) fn decide(state: &State, attributes: &Attributes<'_>) -> Decision {
    state.rights.decide(attributes)
}

/// Refuses a request to a resource that the user has no right to.
pub(crate) fn check_resource(
    state: &State,
    user: &UserInfo,
    path: &ResourcePath,
    pinned: Option<&str>,
) -> Result<(), ApiError> {
    let collection = matches!(path.verb, Verb::List | Verb::Watch | Verb::DeleteCollection);
    let name = if collection && path.name.is_empty() { pinned.unwrap_or_default() } else { &path.name };
    let target = ResourceTarget::of(&path.group, &path.version, &path.resource)
        .subresource(&path.subresource)
        .in_namespace(&path.namespace)
        .named(name);
    check(state, &Attributes::resource(user, path.verb.name(), target))
}

/// Refuses a request to any other path.
pub(crate) fn check_path(state: &State, user: &UserInfo, method: &str, path: &str) -> Result<(), ApiError> {
    check(state, &Attributes::path(user, method, path))
}

/// Refuses what the user has no right to.
pub(crate) fn check(state: &State, attributes: &Attributes<'_>) -> Result<(), ApiError> {
    let decision = decide(state, attributes);
    if decision.is_allowed() { Ok(()) } else { Err(attributes.forbidden(decision.reason())) }
}
