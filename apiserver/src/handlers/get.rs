//! Reading one object.

use super::Call;
use crate::respond::Answer;
use crate::state::State;
use http::StatusCode;

/// Answers the object as it is now. A resourceVersion in the query says how old it may be; it never is.
pub(crate) async fn get(state: &State, call: &Call) -> Answer {
    let entry = state.current(&call.key).await?;
    call.answer(state, StatusCode::OK, entry).await
}
