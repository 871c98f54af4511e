//! The calls of one phase: mutating webhooks one after the other, validating ones all at once.
//!
//! Start at [`mutate`] and [`validate`]. Which webhooks a request is about is decided first, from its facts alone.

use super::condition::Outcome;
use super::index::{Configurations, FailurePolicy, Hook};
use super::matching::Matched;
use super::review::{self, Failure, Verdict};
use super::subject::{Facts, Subject};
use crate::body::{self, FieldValidation};
use crate::notes::{Notes, PATCHES};
use crate::state::State;
use crate::versions;
use api::{ApiError, Kind};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How upstream's annotations begin that tell of a webhook's call, and of one that could not be asked and was passed over.
const MUTATION: &str = "mutation.webhook.admission.k8s.io/";
const VALIDATING: &str = "validating.webhook.admission.k8s.io/";
const FAILED_OPEN: &str = "failed-open.";

/// A webhook whose rules name the request.
pub(crate) struct Call {
    hook: Arc<Hook>,
    /// Its place among all webhooks of the phase, by which upstream's audit annotations name it.
    place: usize,
    /// How the webhook knows the resource.
    seen: Matched,
}

/// What a round of mutating webhooks came to. Webhooks are known by their place among the calls.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) changed: bool,
    /// Those that want to see what later ones changed.
    pub(crate) again: BTreeSet<usize>,
    /// Those that want to see every later change.
    pub(crate) reinvocable: BTreeSet<usize>,
}

/// The webhooks of a phase whose rules name the request.
pub(crate) fn calls(state: &State, facts: &Facts<'_>, configurations: &Configurations) -> Vec<Call> {
    // A webhook that runs in the cluster must not keep the cluster from starting.
    if configurations.is_empty() || facts.user.name == access::UserInfo::api_server().name {
        return Vec::new();
    }
    let equivalents = facts.equivalents(state);
    let wanted = |(place, hook): (usize, &Arc<Hook>)| {
        let seen = hook.criteria.rule_for(facts, &equivalents)?;
        Some(Call { hook: hook.clone(), place, seen })
    };
    configurations.values().flat_map(|it| it.iter()).enumerate().filter_map(wanted).collect()
}

/// The validating webhooks whose rules name the request.
pub(crate) fn validating(state: &State, facts: &Facts<'_>) -> Vec<Call> {
    calls(state, facts, &state.webhooks.now().validating)
}

/// Calls mutating webhooks in order; `only` limits a second round to those that want it.
pub(crate) async fn mutate(
    state: &State,
    calls: &[Call],
    only: Option<&BTreeSet<usize>>,
    subject: &mut Subject<'_>,
    notes: &Notes,
) -> Result<Round, ApiError> {
    let mut round = Round::default();
    for (index, call) in calls.iter().enumerate().filter(|(it, _)| only.is_none_or(|only| only.contains(it)))
    {
        subject.prepare(state, call.seen).await?;
        if !call.applies(state, subject)? {
            continue;
        }
        let key = format!("{MUTATION}round_{}_index_{}", u8::from(only.is_some()), call.place);
        if call.change(state, subject, &key, notes).await? {
            round.changed = true;
            round.again.extend(round.reinvocable.iter().copied());
        }
        if call.hook.reinvocable {
            round.reinvocable.insert(index);
        }
    }
    Ok(round)
}

/// Calls validating webhooks together; the first refusal, in their order, decides.
pub(crate) async fn validate(
    state: &State,
    calls: &[Call],
    subject: &Subject<'_>,
    notes: &Notes,
) -> Result<(), ApiError> {
    let mut wanted = Vec::new();
    for call in calls {
        if call.applies(state, subject)? {
            wanted.push(call);
        }
    }
    let answers = wanted.iter().enumerate().map(|(index, call)| async move {
        let said = Notes::default();
        let answer = call.ask(state, subject, &said).await;
        if matches!(answer, Ok(None)) {
            said.annotate(format!("{FAILED_OPEN}{VALIDATING}round_0_index_{index}"), &call.hook.name);
        }
        (answer, said)
    });
    let mut refusal = Ok(());
    for (answer, said) in join_all(answers).await {
        notes.absorb(said);
        refusal = refusal.and(answer.map(drop));
    }
    refusal
}

impl Call {
    /// How the webhook knows the resource.
    pub(crate) fn seen(&self) -> Matched {
        self.seen
    }

    /// Whether selectors and conditions want the request, too.
    fn applies(&self, state: &State, subject: &Subject<'_>) -> Result<bool, ApiError> {
        let hook = &self.hook;
        if !hook.criteria.selects(state, subject)? {
            return Ok(false);
        }
        match hook.conditions.judge(state, subject, self.seen)? {
            Outcome::Met => Ok(true),
            Outcome::Unmet => Ok(false),
            Outcome::Failed(_) if hook.failure == FailurePolicy::Ignore => Ok(false),
            Outcome::Failed(why) => {
                Err(ApiError::forbidden(subject.facts.resource.row(), subject.facts.name, &why))
            }
        }
    }

    /// Asks the webhook; none when it could not be asked and need not be.
    async fn ask(
        &self,
        state: &State,
        subject: &Subject<'_>,
        notes: &Notes,
    ) -> Result<Option<Verdict>, ApiError> {
        let hook = &self.hook;
        match review::ask(state, hook, subject, self.seen).await {
            Ok(mut verdict) => {
                notes.warn(std::mem::take(&mut verdict.warnings));
                for (key, value) in &verdict.annotations {
                    notes.annotate(format!("{}/{key}", hook.name), value);
                }
                verdict.allowed(&hook.name).map(Some)
            }
            Err(Failure::Unaskable(refusal)) => Err(refusal),
            Err(Failure::Unanswered(why)) => {
                let message = format!("failed calling webhook {:?}: {why}", hook.name);
                match hook.failure {
                    FailurePolicy::Fail => Err(ApiError::internal(message)),
                    FailurePolicy::Ignore => {
                        tracing::warn!(message, "a webhook is passed over");
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Lets the webhook change the subject, and notes under the key what it did; says whether anything changed.
    async fn change(
        &self,
        state: &State,
        subject: &mut Subject<'_>,
        key: &str,
        notes: &Notes,
    ) -> Result<bool, ApiError> {
        let answer = self.ask(state, subject, notes).await;
        if matches!(answer, Ok(None)) {
            notes.annotate(format!("{FAILED_OPEN}{key}"), &self.hook.name);
        }
        let patch = answer.as_ref().ok().and_then(|it| it.as_ref()?.patch.as_deref());
        let changed = match patch {
            Some(patch) => self.patch(state, subject, patch).await,
            None => Ok(false),
        };
        self.note(key, matches!(changed, Ok(true)), patch, notes);
        answer.and(changed)
    }

    /// Notes what the webhook did. Its patch is noted, too, for logs that have what was sent.
    fn note(&self, key: &str, mutated: bool, patch: Option<&[u8]>, notes: &Notes) {
        let hook = &self.hook;
        let told = json!({ "configuration": hook.configuration, "webhook": hook.name, "mutated": mutated });
        notes.annotate(key, told.to_string());
        let patch = patch.and_then(|it| serde_json::from_slice::<Value>(it).ok()).filter(|_| mutated);
        if let Some(patch) = patch {
            let told = json!({
                "configuration": hook.configuration, "webhook": hook.name,
                "patch": patch, "patchType": "JSONPatch",
            });
            notes.annotate(key.replace(MUTATION, PATCHES), told.to_string());
        }
    }

    /// Applies what the webhook wants changed; says whether anything did.
    async fn patch(&self, state: &State, subject: &mut Subject<'_>, patch: &[u8]) -> Result<bool, ApiError> {
        if subject.object.is_none() {
            return Err(ApiError::internal(format!(
                "admission webhook {:?} attempted to modify the object, which is not supported for this operation",
                self.hook.name
            )));
        }
        let (document, _) = subject.seen_as(self.seen)?;
        let patched =
            ::patch::json_patch(&document, patch).map_err(|it| ApiError::internal(daemon::chain(&it)))?;
        let own = subject.facts.resource;
        let next = match subject.facts.sent {
            Some(_) => patched,
            None => completed(state, self.seen, own, &patched).await?,
        };
        let changed = subject.object.as_ref() != Some(&next);
        if changed {
            subject.replace(next);
        }
        Ok(changed)
    }
}

/// A changed object decoded, with defaults, in the version of the request.
pub(crate) async fn completed(
    state: &State,
    seen: Kind,
    own: Kind,
    patched: &Value,
) -> Result<Value, ApiError> {
    let json = serde_json::to_vec(patched).map_err(ApiError::internal)?;
    let decoded = body::decode(seen, &json, FieldValidation::Ignore, &mut Vec::new());
    let mut object = decoded.map_err(|error| ApiError::internal(error.message()))?;
    seen.row().strategy.set_defaults(&mut object);
    Ok(versions::object(state, own, object).await?.to_value())
}
