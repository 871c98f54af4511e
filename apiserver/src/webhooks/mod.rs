//! Admission by others: mutating and validating webhooks, and the way to admission policies.
//!
//! Start at [`mutate`] and [`validate`], which the handlers call where the plugins' two phases end, and at [`posted`] for
//! what is not stored itself. [`index`] holds the configurations compiled, as the cache last saw them; [`subject`] is what is
//! judged, [`matching`] and [`condition`] say whether a webhook wants to see it, [`review`] writes the question and reads
//! the answer, [`client`] carries both, [`rounds`] does the calls in order, [`rights`] is what expressions ask about rights, [`connect`] is for exec and its like. Where nothing is configured, nothing is done.
//!
//! Refuses to show webhooks the configurations of webhooks and policies: one that refuses its own removal could never be
//! removed. Nothing is kept from one request to the next but connections, which carry the server's identity alone.

pub(crate) mod client;
pub(crate) mod condition;
pub(crate) mod connect;
pub(crate) mod index;
pub(crate) mod matching;
mod resolve;
pub(crate) mod review;
pub(crate) mod rights;
mod rounds;
pub(crate) mod subject;

use crate::admission::Attempt;
use crate::notes::Notes;
use crate::policies::{self, mutation};
use crate::state::State;
use api::{ApiError, Kind};
use matching::Matched;
use rounds::Call;
pub(crate) use rounds::completed;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use subject::{Facts, Subject};

/// The kinds that decide about admission themselves.
const EXEMPT: &[&str] = &[
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
];

/// Whether webhooks never see objects of this kind.
pub(crate) fn is_exempt(kind: Kind) -> bool {
    kind.row().group == "admissionregistration.k8s.io" && EXEMPT.contains(&kind.row().plural)
}

/// Lets policies and then mutating webhooks change what will be stored; says whether one did. The plugins then look at it
/// once more, and so do those policies that want to.
pub(crate) async fn mutate(
    state: &State,
    attempt: &mut Attempt<'_>,
    notes: &Notes,
) -> Result<bool, ApiError> {
    if is_exempt(attempt.kind) {
        return Ok(false);
    }
    let first = by_policies(state, attempt, None, notes).await?;
    let by_webhooks = by_webhooks(state, attempt, notes).await?;
    let again = if by_webhooks { &first.reinvocable } else { &first.again };
    if !again.is_empty() {
        by_policies(state, attempt, Some(again), notes).await?;
    }
    Ok(first.changed || by_webhooks)
}

async fn by_policies(
    state: &State,
    attempt: &mut Attempt<'_>,
    only: Option<&BTreeSet<String>>,
    notes: &Notes,
) -> Result<mutation::Round, ApiError> {
    if state.policies.now().changes_nothing() {
        return Ok(mutation::Round::default());
    }
    let mut subject = Subject::of(attempt)?;
    let round = mutation::mutate(state, &mut subject, only).await?;
    if round.changed {
        store(attempt, &subject)?;
        state.admission.mutate(state, attempt, notes)?;
    }
    Ok(round)
}

async fn by_webhooks(state: &State, attempt: &mut Attempt<'_>, notes: &Notes) -> Result<bool, ApiError> {
    let index = state.webhooks.now();
    if index.mutating.is_empty() {
        return Ok(false);
    }
    let calls = rounds::calls(state, &Facts::of(attempt), &index.mutating);
    if calls.is_empty() {
        return Ok(false);
    }
    let mut subject = Subject::of(attempt)?;
    let first = rounds::mutate(state, &calls, None, &mut subject, notes).await?;
    if !first.changed {
        return Ok(false);
    }
    store(attempt, &subject)?;
    state.admission.mutate(state, attempt, notes)?;
    let refreshed = Subject::of(attempt)?.object;
    let again = if refreshed == subject.object { first.again } else { first.reinvocable };
    let mut subject = Subject::of(attempt)?;
    second(state, &calls, &again, &mut subject, notes).await?;
    store(attempt, &subject)?;
    Ok(true)
}

async fn second(
    state: &State,
    calls: &[Call],
    again: &BTreeSet<usize>,
    subject: &mut Subject<'_>,
    notes: &Notes,
) -> Result<(), ApiError> {
    if again.is_empty() {
        return Ok(());
    }
    rounds::mutate(state, calls, Some(again), subject, notes).await.map(drop)
}

fn store(attempt: &mut Attempt<'_>, subject: &Subject<'_>) -> Result<(), ApiError> {
    let (Some(object), Some(value)) = (attempt.object.as_deref_mut(), &subject.object) else { return Ok(()) };
    if attempt.subresource == "scale" {
        let replicas = value.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
        let replicas = i32::try_from(replicas).map_err(ApiError::internal)?;
        attempt.kind.row().strategy.set_scale(object, replicas);
        return Ok(());
    }
    *object = attempt.kind.decode_value(value.clone()).map_err(ApiError::internal)?;
    Ok(())
}

/// Asks policies, then validating webhooks, about what will be stored or deleted.
pub(crate) async fn validate(state: &State, attempt: &Attempt<'_>, notes: &Notes) -> Result<(), ApiError> {
    if is_silent(state) || is_exempt(attempt.kind) {
        return Ok(());
    }
    let facts = Facts::of(attempt);
    let (calls, judges) = (rounds::validating(state, &facts), policies::judges(state, &facts));
    if calls.is_empty() && judges.is_empty() {
        return Ok(());
    }
    let mut subject = Subject::of(attempt)?;
    judge(state, &calls, &judges, &mut subject, notes).await
}

/// Admission of what is sent to a subresource and not stored itself: bindings, evictions, token requests, the options of
/// exec and its like. Gives what was sent as webhooks leave it; the plugins see it before and after.
pub(crate) async fn posted<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    state: &State,
    facts: Facts<'_>,
    sent: T,
    notes: &Notes,
) -> Result<T, ApiError> {
    state.admission.posted(state, &facts, &sent, notes)?;
    if are_idle(state) {
        return Ok(sent);
    }
    let body = serde_json::to_value(sent).map_err(ApiError::internal)?;
    let body = admit(state, facts, body, notes).await?;
    let sent: T = serde_json::from_value(body).map_err(ApiError::internal)?;
    state.admission.posted(state, &facts, &sent, notes)?;
    Ok(sent)
}

/// Whether nobody is asked about anything.
pub(crate) fn are_idle(state: &State) -> bool {
    state.webhooks.now().mutating.is_empty() && state.policies.now().changes_nothing() && is_silent(state)
}

async fn admit(state: &State, facts: Facts<'_>, body: Value, notes: &Notes) -> Result<Value, ApiError> {
    let index = state.webhooks.now();
    let calls = rounds::calls(state, &facts, &index.mutating);
    let (checks, judges) = (rounds::validating(state, &facts), policies::judges(state, &facts));
    let mut subject = Subject::posted(facts, body);
    mutation::mutate(state, &mut subject, None).await?;
    let first = rounds::mutate(state, &calls, None, &mut subject, notes).await?;
    second(state, &calls, &first.again, &mut subject, notes).await?;
    judge(state, &checks, &judges, &mut subject, notes).await?;
    Ok(subject.object.unwrap_or_default())
}

fn is_silent(state: &State) -> bool {
    state.webhooks.now().validating.is_empty() && state.policies.now().is_empty()
}

async fn judge(
    state: &State,
    calls: &[Call],
    judges: &[(Matched, std::sync::Arc<policies::Policy>)],
    subject: &mut Subject<'_>,
    notes: &Notes,
) -> Result<(), ApiError> {
    for seen in judges.iter().map(|(seen, _)| *seen).chain(calls.iter().map(Call::seen)) {
        subject.prepare(state, seen).await?;
    }
    policies::validate(state, judges, subject, notes).await?;
    rounds::validate(state, calls, subject, notes).await
}
