//! How webhook configurations and admission policies behave.

use crate::field::Errors;
use crate::strategies::cells::{NONE, UNSET};
use crate::strategies::defaults::{text, value};
use crate::strategy::{Behaviour, Column, StatusMeta, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration,
    ParamKind, ParamRef, RuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use serde_json::Value;

/// A MutatingWebhookConfiguration.
#[derive(Debug)]
pub struct MutatingWebhookConfigurationStrategy;
/// A ValidatingWebhookConfiguration.
#[derive(Debug)]
pub struct ValidatingWebhookConfigurationStrategy;
/// A MutatingAdmissionPolicy.
#[derive(Debug)]
pub struct MutatingAdmissionPolicyStrategy;
/// A MutatingAdmissionPolicyBinding.
#[derive(Debug)]
pub struct MutatingAdmissionPolicyBindingStrategy;
/// A ValidatingAdmissionPolicy.
#[derive(Debug)]
pub struct ValidatingAdmissionPolicyStrategy;
/// A ValidatingAdmissionPolicyBinding.
#[derive(Debug)]
pub struct ValidatingAdmissionPolicyBindingStrategy;

const WEBHOOK_COLUMNS: &[Column] =
    &[Column::NAME, Column::number("Webhooks", "How many webhooks there are."), Column::AGE];

/// Both kinds of webhook have the same fields under different types.
macro_rules! fill_webhook {
    ($webhook:expr) => {{
        let it = $webhook;
        text(&mut it.failure_policy, "Fail");
        text(&mut it.match_policy, "Equivalent");
        it.namespace_selector.get_or_insert_default();
        it.object_selector.get_or_insert_default();
        value(&mut it.timeout_seconds, 10);
        it.rules.iter_mut().flatten().for_each(default_rule);
        default_client(&mut it.client_config);
    }};
}

impl Behaviour for MutatingWebhookConfigurationStrategy {
    type Object = MutatingWebhookConfiguration;
    const COLUMNS: &'static [Column] = WEBHOOK_COLUMNS;

    fn set_defaults(object: &mut MutatingWebhookConfiguration) {
        for webhook in object.webhooks.iter_mut().flatten() {
            fill_webhook!(&mut *webhook);
            text(&mut webhook.reinvocation_policy, "Never");
        }
    }

    fn validate(object: &MutatingWebhookConfiguration) -> Errors {
        crate::validation::extension::mutating_webhooks(object)
    }

    fn cells(object: &MutatingWebhookConfiguration, now: Timestamp) -> Vec<Value> {
        let webhooks = object.webhooks.as_ref().map_or(0, |it| it.len());
        vec![name_cell(&object.metadata), webhooks.into(), age_cell(&object.metadata, now)]
    }
}

impl Behaviour for ValidatingWebhookConfigurationStrategy {
    type Object = ValidatingWebhookConfiguration;
    const COLUMNS: &'static [Column] = WEBHOOK_COLUMNS;

    fn set_defaults(object: &mut ValidatingWebhookConfiguration) {
        for webhook in object.webhooks.iter_mut().flatten() {
            fill_webhook!(&mut *webhook);
        }
    }

    fn validate(object: &ValidatingWebhookConfiguration) -> Errors {
        crate::validation::extension::validating_webhooks(object)
    }

    fn cells(object: &ValidatingWebhookConfiguration, now: Timestamp) -> Vec<Value> {
        let webhooks = object.webhooks.as_ref().map_or(0, |it| it.len());
        vec![name_cell(&object.metadata), webhooks.into(), age_cell(&object.metadata, now)]
    }
}

impl Behaviour for ValidatingAdmissionPolicyStrategy {
    type Object = ValidatingAdmissionPolicy;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::number("Validations", "How many expressions are checked."),
        Column::text("ParamKind", "The kind of the parameters."),
        Column::AGE,
    ];

    fn set_defaults(policy: &mut ValidatingAdmissionPolicy) {
        let Some(spec) = &mut policy.spec else { return };
        text(&mut spec.failure_policy, "Fail");
        spec.match_constraints.iter_mut().for_each(default_match);
    }

    fn validate(policy: &ValidatingAdmissionPolicy) -> Errors {
        crate::validation::admission::policy(policy)
    }

    fn prepare_create(policy: &mut ValidatingAdmissionPolicy) {
        observe(policy, policy.metadata.generation);
    }

    fn prepare_update(policy: &mut ValidatingAdmissionPolicy, old: &ValidatingAdmissionPolicy) {
        let step = i64::from(policy.spec != old.spec);
        observe(policy, old.metadata.generation.map(|it| it + step));
    }

    fn cells(policy: &ValidatingAdmissionPolicy, now: Timestamp) -> Vec<Value> {
        let spec = policy.spec.clone().unwrap_or_default();
        vec![
            name_cell(&policy.metadata),
            spec.validations.map_or(0, |it| it.len()).into(),
            parameter_kind(spec.param_kind).into(),
            age_cell(&policy.metadata, now),
        ]
    }
}

const BINDING_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("PolicyName", "The policy that is bound."),
    Column::text("ParamRef", "The parameters it gets."),
    Column::AGE,
];

impl Behaviour for MutatingAdmissionPolicyStrategy {
    type Object = MutatingAdmissionPolicy;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::number("Mutations", "How many changes are made."),
        Column::text("ParamKind", "The kind of the parameters."),
        Column::AGE,
    ];

    fn set_defaults(policy: &mut MutatingAdmissionPolicy) {
        let Some(spec) = &mut policy.spec else { return };
        text(&mut spec.failure_policy, "Fail");
        spec.match_constraints.iter_mut().for_each(default_match);
    }

    fn validate(policy: &MutatingAdmissionPolicy) -> Errors {
        crate::validation::admission::mutating_policy(policy)
    }

    fn cells(policy: &MutatingAdmissionPolicy, now: Timestamp) -> Vec<Value> {
        let spec = policy.spec.clone().unwrap_or_default();
        vec![
            name_cell(&policy.metadata),
            spec.mutations.map_or(0, |it| it.len()).into(),
            parameter_kind(spec.param_kind).into(),
            age_cell(&policy.metadata, now),
        ]
    }
}

impl Behaviour for MutatingAdmissionPolicyBindingStrategy {
    type Object = MutatingAdmissionPolicyBinding;
    const COLUMNS: &'static [Column] = BINDING_COLUMNS;

    fn set_defaults(binding: &mut MutatingAdmissionPolicyBinding) {
        binding.spec.iter_mut().flat_map(|it| &mut it.match_resources).for_each(default_match);
    }

    fn validate(binding: &MutatingAdmissionPolicyBinding) -> Errors {
        crate::validation::admission::mutating_binding(binding)
    }

    fn cells(binding: &MutatingAdmissionPolicyBinding, now: Timestamp) -> Vec<Value> {
        let spec = binding.spec.clone().unwrap_or_default();
        vec![
            name_cell(&binding.metadata),
            spec.policy_name.unwrap_or_default().into(),
            parameters(spec.param_ref.as_ref()).into(),
            age_cell(&binding.metadata, now),
        ]
    }
}

impl Behaviour for ValidatingAdmissionPolicyBindingStrategy {
    type Object = ValidatingAdmissionPolicyBinding;
    const COLUMNS: &'static [Column] = BINDING_COLUMNS;

    fn set_defaults(binding: &mut ValidatingAdmissionPolicyBinding) {
        binding.spec.match_resources.iter_mut().for_each(default_match);
    }

    fn validate(binding: &ValidatingAdmissionPolicyBinding) -> Errors {
        crate::validation::admission::binding(binding)
    }

    fn cells(binding: &ValidatingAdmissionPolicyBinding, now: Timestamp) -> Vec<Value> {
        vec![
            name_cell(&binding.metadata),
            binding.spec.policy_name.clone().into(),
            parameters(binding.spec.param_ref.as_ref()).into(),
            age_cell(&binding.metadata, now),
        ]
    }
}

/// A policy is in force from the moment it is stored, so its status says so at once.
fn observe(policy: &mut ValidatingAdmissionPolicy, generation: Option<i64>) {
    let status = policy.status.get_or_insert_default();
    status.observed_generation = generation;
}

fn parameter_kind(kind: Option<ParamKind>) -> String {
    let Some(kind) = kind else { return UNSET.to_owned() };
    format!("{}/{}", kind.api_version.unwrap_or_default(), kind.kind.unwrap_or_default())
}

fn parameters(reference: Option<&ParamRef>) -> String {
    let Some(reference) = reference else { return UNSET.to_owned() };
    let namespace = reference.namespace.as_deref().filter(|it| !it.is_empty());
    let name = reference.name.as_deref().filter(|it| !it.is_empty());
    match (namespace, name) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_owned(),
        (Some(namespace), None) => format!("{namespace}/*"),
        (None, None) => NONE.to_owned(),
    }
}

fn default_rule(rule: &mut RuleWithOperations) {
    text(&mut rule.scope, "*");
}

fn default_client(client: &mut WebhookClientConfig) {
    if let Some(service) = &mut client.service {
        value(&mut service.port, 443);
    }
}

fn default_match(resources: &mut MatchResources) {
    text(&mut resources.match_policy, "Equivalent");
    resources.namespace_selector.get_or_insert_default();
    resources.object_selector.get_or_insert_default();
    let excluded = resources.exclude_resource_rules.iter_mut().flatten();
    for rule in resources.resource_rules.iter_mut().flatten().chain(excluded) {
        text(&mut rule.scope, "*");
    }
}
