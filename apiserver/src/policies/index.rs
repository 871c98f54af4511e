//! Policies and bindings, compiled: replaced as a whole whenever the cache sees one change.

use crate::webhooks::condition::{Conditions, Expression};
use crate::webhooks::index::FailurePolicy;
use crate::webhooks::matching::Criteria;
use api::k8s::api::admissionregistration::v1::{
    MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ParamKind, ParamRef, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
};
use api::{Kind, Object, Resource, meta};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What expressions of policies may read.
pub(crate) const VARIABLES: &[&str] =
    &["object", "oldObject", "request", "params", "namespaceObject", "variables", "authorizer"];

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Index {
    pub(crate) policies: BTreeMap<String, Arc<Policy>>,
    pub(crate) bindings: BTreeMap<String, Arc<Binding>>,
    pub(crate) mutating: BTreeMap<String, Arc<MutatingPolicy>>,
    pub(crate) mutating_bindings: BTreeMap<String, Arc<Binding>>,
}

/// A policy.
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) failure: FailurePolicy,
    /// Without any, nothing is judged.
    pub(crate) criteria: Option<Criteria>,
    pub(crate) param_kind: Option<ParamKind>,
    pub(crate) conditions: Conditions,
    pub(crate) variables: Vec<(String, Expression)>,
    pub(crate) validations: Vec<Validation>,
    /// What is noted for the audit log.
    pub(crate) annotations: Vec<(String, Expression)>,
}

/// A policy that changes objects.
pub(crate) struct MutatingPolicy {
    pub(crate) name: String,
    pub(crate) failure: FailurePolicy,
    /// Without any, nothing is changed.
    pub(crate) criteria: Option<Criteria>,
    pub(crate) param_kind: Option<ParamKind>,
    pub(crate) conditions: Conditions,
    pub(crate) variables: Vec<(String, Expression)>,
    pub(crate) mutations: Vec<Mutation>,
    /// It wants to see what was changed later.
    pub(crate) reinvocable: bool,
}

/// One change.
pub(crate) enum Mutation {
    /// What the expression gives is merged as server-side apply does it.
    Configuration(Expression),
    /// What it gives is a JSON patch.
    Patch(Expression),
}

/// One expression that must be true.
pub(crate) struct Validation {
    pub(crate) expression: Expression,
    pub(crate) message: Option<String>,
    pub(crate) message_expression: Option<Expression>,
    pub(crate) reason: Option<String>,
}

/// Where a policy applies, and what comes of it.
pub(crate) struct Binding {
    pub(crate) name: String,
    /// The policy's name.
    pub(crate) policy: String,
    /// Without any, wherever the policy applies.
    pub(crate) criteria: Option<Criteria>,
    pub(crate) param_ref: Option<ParamRef>,
    pub(crate) actions: Vec<Action>,
}

/// What comes of a validation that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Deny,
    Warn,
    Audit,
}

impl Action {
    fn of(action: &str) -> Option<Self> {
        match action {
            "Deny" => Some(Self::Deny),
            "Warn" => Some(Self::Warn),
            "Audit" => Some(Self::Audit),
            _ => None,
        }
    }
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deny => "Deny",
            Self::Warn => "Warn",
            Self::Audit => "Audit",
        }
    }
}

impl Policy {
    fn of(policy: &ValidatingAdmissionPolicy) -> Self {
        let spec = policy.spec.clone().unwrap_or_default();
        let compile = |source: &String| Expression::compile(source, VARIABLES);
        let validations = spec.validations.iter().flatten().map(|it| Validation {
            expression: compile(&it.expression),
            message: it.message.clone(),
            message_expression: it.message_expression.as_ref().filter(|it| !it.is_empty()).map(compile),
            reason: it.reason.clone().filter(|it| !it.is_empty()),
        });
        let variables = spec.variables.iter().flatten().map(|it| (it.name.clone(), compile(&it.expression)));
        let annotations =
            spec.audit_annotations.iter().flatten().map(|it| (it.key.clone(), compile(&it.value_expression)));
        Self {
            name: meta::name(&policy.metadata).to_owned(),
            failure: FailurePolicy::of(spec.failure_policy.as_deref()),
            criteria: spec.match_constraints.as_ref().map(Criteria::of_resources),
            conditions: Conditions::of(spec.match_conditions.as_deref(), VARIABLES),
            variables: variables.collect(),
            validations: validations.collect(),
            annotations: annotations.collect(),
            param_kind: spec.param_kind,
        }
    }
}

impl Binding {
    fn of(binding: &ValidatingAdmissionPolicyBinding) -> Self {
        let spec = &binding.spec;
        Self {
            name: meta::name(&binding.metadata).to_owned(),
            policy: spec.policy_name.clone(),
            criteria: spec.match_resources.as_ref().map(Criteria::of_resources),
            param_ref: spec.param_ref.clone(),
            actions: spec.validation_actions.iter().filter_map(|it| Action::of(it)).collect(),
        }
    }
}

impl Binding {
    /// Nothing comes of it but changes.
    fn of_mutating(binding: &MutatingAdmissionPolicyBinding) -> Self {
        let spec = binding.spec.clone().unwrap_or_default();
        Self {
            name: meta::name(&binding.metadata).to_owned(),
            policy: spec.policy_name.unwrap_or_default(),
            criteria: spec.match_resources.as_ref().map(Criteria::of_resources),
            param_ref: spec.param_ref,
            actions: Vec::new(),
        }
    }
}

impl MutatingPolicy {
    fn of(policy: &MutatingAdmissionPolicy) -> Self {
        let spec = policy.spec.clone().unwrap_or_default();
        let compile = |source: &str| Expression::compile_mutation(source, VARIABLES);
        let variables = spec.variables.iter().flatten().map(|it| (it.name.clone(), compile(&it.expression)));
        let mutations = spec.mutations.iter().flatten().filter_map(|it| {
            let configuration = it.apply_configuration.as_ref().and_then(|it| it.expression.as_deref());
            let patch = it.json_patch.as_ref().and_then(|it| it.expression.as_deref());
            let configuration = configuration.map(|it| Mutation::Configuration(compile(it)));
            configuration.or_else(|| patch.map(|it| Mutation::Patch(compile(it))))
        });
        Self {
            name: meta::name(&policy.metadata).to_owned(),
            failure: FailurePolicy::of(spec.failure_policy.as_deref()),
            criteria: spec.match_constraints.as_ref().map(Criteria::of_resources),
            conditions: Conditions::of(spec.match_conditions.as_deref(), VARIABLES),
            variables: variables.collect(),
            mutations: mutations.collect(),
            reinvocable: spec.reinvocation_policy.as_deref() == Some("IfNeeded"),
            param_kind: spec.param_kind,
        }
    }
}

impl Index {
    /// Whether objects of this kind are policies or bindings.
    pub(crate) fn concerns(kind: Kind) -> bool {
        [
            ValidatingAdmissionPolicy::KIND,
            ValidatingAdmissionPolicyBinding::KIND,
            MutatingAdmissionPolicy::KIND,
            MutatingAdmissionPolicyBinding::KIND,
        ]
        .contains(&kind)
    }

    /// Whether nothing is changed at all.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.mutating.is_empty() || self.mutating_bindings.is_empty()
    }

    /// Whether nothing is judged at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.policies.is_empty() || self.bindings.is_empty()
    }

    /// Takes in a policy or a binding as it is now, or that it is gone.
    pub(crate) fn observe(&mut self, kind: Kind, name: &str, object: Option<&Object>) {
        if let Some(policy) = object.and_then(|it| it.get::<ValidatingAdmissionPolicy>()) {
            self.policies.insert(name.to_owned(), Arc::new(Policy::of(policy)));
        } else if let Some(binding) = object.and_then(|it| it.get::<ValidatingAdmissionPolicyBinding>()) {
            self.bindings.insert(name.to_owned(), Arc::new(Binding::of(binding)));
        } else if let Some(policy) = object.and_then(|it| it.get::<MutatingAdmissionPolicy>()) {
            self.mutating.insert(name.to_owned(), Arc::new(MutatingPolicy::of(policy)));
        } else if let Some(binding) = object.and_then(|it| it.get::<MutatingAdmissionPolicyBinding>()) {
            self.mutating_bindings.insert(name.to_owned(), Arc::new(Binding::of_mutating(binding)));
        } else {
            self.forget(kind, name);
        }
    }

    fn forget(&mut self, kind: Kind, name: &str) {
        if kind == ValidatingAdmissionPolicy::KIND {
            self.policies.remove(name);
        } else if kind == ValidatingAdmissionPolicyBinding::KIND {
            self.bindings.remove(name);
        } else if kind == MutatingAdmissionPolicy::KIND {
            self.mutating.remove(name);
        } else {
            self.mutating_bindings.remove(name);
        }
    }
}
