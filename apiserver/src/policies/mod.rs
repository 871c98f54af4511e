//! Rules in CEL that the server itself evaluates: ValidatingAdmissionPolicy (KEP-3488) judges requests,
//! MutatingAdmissionPolicy (KEP-3962) changes what they send.
//!
//! Start at [`judges`] and [`validate`], and at [`mutation`] for changes. [`index`] holds policies and bindings compiled, [`params`] finds what a binding
//! passes to its policy, [`evaluate`] runs the expressions, [`check`] refuses expressions that do not compile. Matching is
//! that of webhooks.
//!
//! Refuses to judge policies and bindings themselves, and the reviews by which rights are asked for.

pub(crate) mod check;
mod evaluate;
pub(crate) mod index;
pub(crate) mod mutation;
mod params;

use crate::notes::Notes;
use crate::state::{State, cache_key};
use crate::webhooks::index::FailurePolicy;
use crate::webhooks::matching::Matched;
use crate::webhooks::rights::Rights;
use crate::webhooks::subject::{Facts, Subject};
use api::k8s::api::core::v1::Namespace;
use api::k8s::apimachinery::pkg::apis::meta::v1::StatusCause;
use api::status::reason;
use api::{ApiError, Key, Resource};
use evaluate::{Denial, Scope};
pub(crate) use index::Policy;
use index::{Action, Binding};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Groups whose objects are questions about rights and identities, which policies never see.
const REVIEWS: &[&str] = &["authentication.k8s.io", "authorization.k8s.io"];

/// Under which key failed validations are noted.
const FAILURES: &str = "validation.policy.admission.k8s.io/validation_failure";

/// The policies that are bound and whose rules name the request.
pub(crate) fn judges(state: &State, facts: &Facts<'_>) -> Vec<(Matched, Arc<Policy>)> {
    let index = state.policies.now();
    let row = facts.resource.row();
    let is_review = REVIEWS.contains(&row.group) && row.verbs == api::resources::Verbs::CreateOnly;
    if index.is_empty() || is_review || facts.user.name == access::UserInfo::api_server().name {
        return Vec::new();
    }
    let equivalents = facts.equivalents(state);
    let bound =
        index.policies.values().filter(|it| index.bindings.values().any(|binding| binding.policy == it.name));
    let wanted = |policy: &Arc<Policy>| {
        let seen = policy.criteria.as_ref()?.rule_for(facts, &equivalents)?;
        Some((seen, policy.clone()))
    };
    bound.filter_map(wanted).collect()
}

/// What refuses a request: a policy, through a binding if it got that far.
struct Refusal {
    policy: Arc<Policy>,
    binding: Option<Arc<Binding>>,
    denial: Denial,
}

/// Evaluates policies; the first refusal, in order of names, is the answer.
pub(crate) async fn validate(
    state: &State,
    judges: &[(Matched, Arc<Policy>)],
    subject: &Subject<'_>,
    notes: &Notes,
) -> Result<(), ApiError> {
    let (mut refusals, mut failures) = (Vec::new(), Vec::new());
    for (seen, policy) in judges {
        refusals.extend(judge(state, *seen, policy, subject, &mut failures, notes).await);
    }
    if !failures.is_empty() {
        notes.annotate(FAILURES, Value::Array(failures).to_string());
    }
    refusals.first().map_or(Ok(()), |it| Err(it.error(subject)))
}

/// What one policy has against a request, through all of its bindings.
async fn judge(
    state: &State,
    seen: Matched,
    policy: &Arc<Policy>,
    subject: &Subject<'_>,
    failures: &mut Vec<Value>,
    notes: &Notes,
) -> Vec<Refusal> {
    let refusal = |binding: Option<&Arc<Binding>>, denial| {
        let fails = policy.failure == FailurePolicy::Fail;
        fails.then(|| Refusal { policy: policy.clone(), binding: binding.cloned(), denial })
    };
    let wrong = |what: &str, why: &str| Denial::plain(format!("failed to configure {what}: {why}"));
    let criteria = policy.criteria.as_ref();
    match criteria.map_or(Ok(false), |it| it.selects(state, subject)) {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(error) => return refusal(None, wrong("policy", error.message())).into_iter().collect(),
    }
    let index = state.policies.now();
    let mut refusals = Vec::new();
    for binding in index.bindings.values().filter(|it| it.policy == policy.name) {
        match through(state, seen, policy, binding, subject, notes).await {
            Err(why) => refusals.extend(refusal(Some(binding), wrong("binding", &why))),
            Ok(denials) => {
                let denials = denials.into_iter().filter(|it| act(policy, binding, it, failures, notes));
                refusals.extend(denials.map(|denial| Refusal {
                    policy: policy.clone(),
                    binding: Some(binding.clone()),
                    denial,
                }));
            }
        }
    }
    refusals
}

/// What a policy says through one binding, for each of the parameters.
async fn through(
    state: &State,
    seen: Matched,
    policy: &Policy,
    binding: &Binding,
    subject: &Subject<'_>,
    notes: &Notes,
) -> Result<Vec<Denial>, String> {
    let text = |error: ApiError| error.message().to_owned();
    if let Some(criteria) = &binding.criteria {
        let named = criteria.rule_for(&subject.facts, &subject.facts.equivalents(state)).is_some();
        if !named || !criteria.selects(state, subject).map_err(text)? {
            return Ok(Vec::new());
        }
    }
    let params =
        params::find(state, policy.param_kind.as_ref(), binding.param_ref.as_ref(), &subject.facts).await?;
    let (object, old) = subject.seen_as(seen).map_err(text)?;
    let request = subject.facts.request(seen);
    let namespace = namespace_of(state, &subject.facts);
    let rights = Rights::of(state, &subject.facts, seen);
    let (mut denials, mut noted) = (Vec::new(), Vec::new());
    for params in params {
        let scope = Scope::new(&object, &old, &request, &params, &namespace, &rights);
        let (found, annotations) = evaluate::evaluate(policy, scope);
        denials.extend(found);
        noted.extend(annotations);
    }
    note(policy, noted, notes);
    Ok(denials)
}

/// Notes what the expressions of a policy want noted: for each key, every value once.
fn note(policy: &Policy, noted: Vec<(String, String)>, notes: &Notes) {
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in noted {
        let values = by_key.entry(key).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    for (key, values) in by_key {
        notes.annotate(format!("{}/{key}", policy.name), values.join(", "));
    }
}

/// The namespace that the request is in, as an object.
fn namespace_of(state: &State, facts: &Facts<'_>) -> Value {
    if facts.namespace.is_empty() || facts.is_namespace() {
        return Value::Null;
    }
    let key = cache_key(&Key::of::<Namespace>("", facts.namespace));
    let entry = state.caches.of(Namespace::KIND).and_then(|it| it.get(&key));
    entry.and_then(|it| serde_json::from_slice(&it.json).ok()).unwrap_or_default()
}

/// Does what the binding says is to be done about a denial; says whether it refuses the request.
fn act(
    policy: &Policy,
    binding: &Binding,
    denial: &Denial,
    failures: &mut Vec<Value>,
    notes: &Notes,
) -> bool {
    for action in &binding.actions {
        match action {
            Action::Deny => {}
            Action::Warn => {
                let warning = format!(
                    "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                    policy.name, binding.name, denial.message
                );
                notes.warn([warning]);
            }
            Action::Audit => {
                failures.push(json!({
                    "message": denial.message,
                    "policy": policy.name,
                    "binding": binding.name,
                    "expressionIndex": denial.index,
                    "validationActions": binding.actions.iter().map(|it| it.name()).collect::<Vec<_>>(),
                }));
            }
        }
    }
    binding.actions.contains(&Action::Deny)
}

impl Refusal {
    fn error(&self, subject: &Subject<'_>) -> ApiError {
        let with = self.binding.as_ref().map(|it| format!(" with binding '{}'", it.name)).unwrap_or_default();
        let message = format!(
            "ValidatingAdmissionPolicy '{}'{with} denied request: {}",
            self.policy.name, self.denial.message
        );
        let facts = &subject.facts;
        let mut error = ApiError::forbidden(facts.resource.row(), facts.name, &message);
        let reason = self.denial.reason.as_deref().unwrap_or(reason::INVALID);
        let code = match reason {
            reason::FORBIDDEN => 403,
            reason::UNAUTHORIZED => 401,
            reason::REQUEST_TOO_LARGE => 413,
            _ => 422,
        };
        (error.0.reason, error.0.code) = (Some(reason.to_owned()), Some(code));
        let cause = StatusCause { message: Some(message), ..StatusCause::default() };
        error.0.details.get_or_insert_default().causes.get_or_insert_default().push(cause);
        error
    }
}
