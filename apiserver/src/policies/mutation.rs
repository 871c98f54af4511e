//! MutatingAdmissionPolicy (KEP-3962): changes in CEL, made before webhooks are asked.
//!
//! Start at [`mutate`]. Policies come in the order of their names, each through all of its bindings and for each of its
//! parameters; every mutation sees what the one before it made. What an expression gives is merged into the object as
//! server-side apply does it, or is a JSON patch of it.

use super::evaluate::Scope;
use super::index::{Binding, Index, MutatingPolicy, Mutation};
use super::{REVIEWS, namespace_of, params};
use crate::ownership;
use crate::state::State;
use crate::webhooks::completed;
use crate::webhooks::condition::Outcome;
use crate::webhooks::index::FailurePolicy;
use crate::webhooks::matching::Matched;
use crate::webhooks::rights::Rights;
use crate::webhooks::subject::Subject;
use api::ApiError;
use api::k8s::apimachinery::pkg::apis::meta::v1::StatusCause;
use api::status::reason;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a round of policies came to. Policies are known by their names.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) changed: bool,
    /// Those that want to see what later ones changed.
    pub(crate) again: BTreeSet<String>,
    /// Those that want to see every later change.
    pub(crate) reinvocable: BTreeSet<String>,
}

/// Lets the policies that are bound change the subject; `only` limits a second round to those that want it.
pub(crate) async fn mutate(
    state: &State,
    subject: &mut Subject<'_>,
    only: Option<&BTreeSet<String>>,
) -> Result<Round, ApiError> {
    let (index, mut round) = (state.policies.now(), Round::default());
    if index.changes_nothing() || subject.object.is_none() || is_spared(subject) {
        return Ok(round);
    }
    let equivalents = subject.facts.equivalents(state);
    for policy in index.mutating.values().filter(|it| only.is_none_or(|only| only.contains(&it.name))) {
        let criteria = policy.criteria.as_ref();
        let Some(seen) = criteria.and_then(|it| it.rule_for(&subject.facts, &equivalents)) else { continue };
        let work = Work { state, policy, seen };
        let Some(changed) = work.through_all(&index, subject).await? else { continue };
        if changed {
            round.changed = true;
            round.again.extend(round.reinvocable.iter().cloned());
        }
        if policy.reinvocable {
            round.reinvocable.insert(policy.name.clone());
        }
    }
    Ok(round)
}

/// Whether policies never see such a request.
fn is_spared(subject: &Subject<'_>) -> bool {
    let row = subject.facts.resource.row();
    let is_review = REVIEWS.contains(&row.group) && row.verbs == api::resources::Verbs::CreateOnly;
    is_review || subject.facts.user.name == access::UserInfo::api_server().name
}

/// A policy at work.
struct Work<'a> {
    state: &'a State,
    policy: &'a MutatingPolicy,
    /// How it knows the resource.
    seen: Matched,
}

impl Work<'_> {
    /// Whether it changed anything; nothing when it does not apply.
    async fn through_all(&self, index: &Index, subject: &mut Subject<'_>) -> Result<Option<bool>, ApiError> {
        subject.prepare(self.state, self.seen).await?;
        let criteria = self.policy.criteria.as_ref();
        match criteria.map_or(Ok(false), |it| it.selects(self.state, subject)) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                self.failed(subject, None, &format!("failed to configure policy: {}", error.message()))?;
                return Ok(None);
            }
        }
        let mut changed = None;
        for binding in index.mutating_bindings.values().filter(|it| it.policy == self.policy.name) {
            let found = self.arguments(binding, subject).await;
            let found = match found {
                Ok(found) => found,
                Err(why) => {
                    self.failed(subject, Some(binding), &format!("failed to configure binding: {why}"))?;
                    continue;
                }
            };
            for params in &found {
                if let Some(did) = self.change(binding, params, subject).await? {
                    changed = Some(changed.unwrap_or(false) | did);
                }
            }
        }
        Ok(changed)
    }

    /// What a failure comes to.
    fn failed(&self, subject: &Subject<'_>, binding: Option<&Binding>, why: &str) -> Result<(), ApiError> {
        if self.policy.failure == FailurePolicy::Ignore {
            tracing::warn!(policy = self.policy.name, why, "a policy is passed over");
            return Ok(());
        }
        let with = binding.map(|it| format!(" with binding '{}'", it.name)).unwrap_or_default();
        let message = format!("policy '{}'{with} denied request: {why}", self.policy.name);
        let mut error = ApiError::forbidden(subject.facts.resource.row(), subject.facts.name, &message);
        error.0.reason = Some(reason::INVALID.to_owned());
        let cause = StatusCause { message: Some(message), ..StatusCause::default() };
        error.0.details.get_or_insert_default().causes.get_or_insert_default().push(cause);
        Err(error)
    }

    /// The parameters of a binding; none when it does not choose the request.
    async fn arguments(&self, binding: &Binding, subject: &Subject<'_>) -> Result<Vec<Value>, String> {
        if let Some(criteria) = &binding.criteria {
            let equivalents = subject.facts.equivalents(self.state);
            let named = criteria.rule_for(&subject.facts, &equivalents).is_some();
            let selects = |error: ApiError| error.message().to_owned();
            if !named || !criteria.selects(self.state, subject).map_err(selects)? {
                return Ok(Vec::new());
            }
        }
        params::find(self.state, self.policy.param_kind.as_ref(), binding.param_ref.as_ref(), &subject.facts)
            .await
    }

    /// Makes all changes for one parameter; nothing when the conditions are not met.
    async fn change(
        &self,
        binding: &Binding,
        params: &Value,
        subject: &mut Subject<'_>,
    ) -> Result<Option<bool>, ApiError> {
        match self.is_met(params, subject) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(why) => return self.failed(subject, Some(binding), &why).map(|()| None),
        }
        let mut changed = false;
        for mutation in &self.policy.mutations {
            match self.next(mutation, params, subject).await {
                Err(why) => self.failed(subject, Some(binding), &why)?,
                Ok(next) if subject.object.as_ref() == Some(&next) => {}
                Ok(next) => {
                    changed = true;
                    subject.replace(next);
                    subject.prepare(self.state, self.seen).await?;
                }
            }
        }
        Ok(Some(changed))
    }

    fn is_met(&self, params: &Value, subject: &Subject<'_>) -> Result<bool, String> {
        self.scoped(params, subject, |_, scope| {
            match self.policy.conditions.evaluate(&scope.bindings(), scope.rights) {
                Outcome::Met => Ok(true),
                Outcome::Unmet => Ok(false),
                Outcome::Failed(why) => Err(why),
            }
        })
    }

    /// The object after one change, in the version of the request.
    async fn next(
        &self,
        mutation: &Mutation,
        params: &Value,
        subject: &Subject<'_>,
    ) -> Result<Value, String> {
        let changed = self.scoped(params, subject, |object, mut scope| match mutation {
            Mutation::Configuration(expression) => {
                let configuration = scope.value(expression)?;
                let name = subject.facts.kind_as(self.seen);
                ownership::merged(self.state, self.seen, name, object, &configuration)
            }
            Mutation::Patch(expression) => {
                let patch = scope.value(expression)?.to_string();
                ::patch::json_patch(object, patch.as_bytes()).map_err(|it| daemon::chain(&it))
            }
        })?;
        match subject.facts.sent {
            Some(_) => Ok(changed),
            None => completed(self.state, self.seen, subject.facts.resource, &changed)
                .await
                .map_err(|it| it.message().to_owned()),
        }
    }

    /// Evaluates something over the object as the policy sees it, and all that its expressions may read.
    fn scoped<T>(
        &self,
        params: &Value,
        subject: &Subject<'_>,
        work: impl FnOnce(&Value, Scope<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let (object, old) = subject.seen_as(self.seen).map_err(|it| it.message().to_owned())?;
        let facts = &subject.facts;
        let (request, namespace) = (facts.request(self.seen), namespace_of(self.state, facts));
        let rights = Rights::of(self.state, facts, self.seen);
        let mut scope = Scope::new(&object, &old, &request, params, &namespace, &rights);
        for (name, expression) in &self.policy.variables {
            scope.define(name, expression);
        }
        work(&object, scope)
    }
}
