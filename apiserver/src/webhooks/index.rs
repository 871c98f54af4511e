//! Webhook configurations, compiled: replaced as a whole whenever the cache sees one change.

use super::client::Client;
use super::condition::{Conditions, VARIABLES};
use super::matching::Criteria;
use api::k8s::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration,
};
use api::{Kind, Object, Resource};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const USUAL_TIMEOUT: i32 = 10;

/// All webhooks of one phase. Configurations are in order of their names, webhooks in that of their list.
pub(crate) type Configurations = BTreeMap<String, Arc<[Arc<Hook>]>>;

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Index {
    pub(crate) mutating: Configurations,
    pub(crate) validating: Configurations,
}

/// What happens when a webhook cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailurePolicy {
    Fail,
    Ignore,
}

impl FailurePolicy {
    pub(crate) fn of(policy: Option<&str>) -> Self {
        if policy == Some("Ignore") { Self::Ignore } else { Self::Fail }
    }
}

/// One webhook.
pub(crate) struct Hook {
    /// The name of the configuration that it is in.
    pub(crate) configuration: String,
    pub(crate) name: String,
    pub(crate) criteria: Criteria,
    pub(crate) conditions: Conditions,
    pub(crate) failure: FailurePolicy,
    pub(crate) timeout: Duration,
    /// It promises that nothing comes of a dry run.
    pub(crate) allows_dry_run: bool,
    /// It may change objects.
    pub(crate) mutates: bool,
    /// It wants to see what later webhooks changed.
    pub(crate) reinvocable: bool,
    /// The version of AdmissionReview that it reads.
    pub(crate) version: &'static str,
    pub(crate) client: Client,
}

impl Hook {
    fn mutating(configuration: &str, webhook: MutatingWebhook) -> Self {
        Self { mutates: true, configuration: configuration.to_owned(), ..Self::of(webhook) }
    }

    fn validating(configuration: &str, webhook: ValidatingWebhook) -> Self {
        Self { configuration: configuration.to_owned(), ..Self::of(widened(webhook)) }
    }

    fn of(webhook: MutatingWebhook) -> Self {
        let reads_v1 = webhook.admission_review_versions.iter().any(|it| it == "v1");
        let seconds = webhook.timeout_seconds.unwrap_or(USUAL_TIMEOUT);
        Self {
            configuration: String::new(),
            criteria: Criteria::of_webhook(
                webhook.rules.as_deref().unwrap_or_default(),
                webhook.match_policy.as_deref(),
                webhook.namespace_selector.as_ref(),
                webhook.object_selector.as_ref(),
            ),
            conditions: Conditions::of(webhook.match_conditions.as_deref(), VARIABLES),
            failure: FailurePolicy::of(webhook.failure_policy.as_deref()),
            timeout: Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
            allows_dry_run: matches!(webhook.side_effects.as_str(), "None" | "NoneOnDryRun"),
            mutates: false,
            reinvocable: webhook.reinvocation_policy.as_deref() == Some("IfNeeded"),
            version: if reads_v1 { "v1" } else { "v1beta1" },
            client: Client::of(&webhook.client_config),
            name: webhook.name,
        }
    }
}

/// Both kinds of webhook differ in one field.
fn widened(webhook: ValidatingWebhook) -> MutatingWebhook {
    MutatingWebhook {
        admission_review_versions: webhook.admission_review_versions,
        client_config: webhook.client_config,
        failure_policy: webhook.failure_policy,
        match_conditions: webhook.match_conditions,
        match_policy: webhook.match_policy,
        name: webhook.name,
        namespace_selector: webhook.namespace_selector,
        object_selector: webhook.object_selector,
        reinvocation_policy: None,
        rules: webhook.rules,
        side_effects: webhook.side_effects,
        timeout_seconds: webhook.timeout_seconds,
    }
}

impl Index {
    /// Whether objects of this kind are configurations.
    pub(crate) fn concerns(kind: Kind) -> bool {
        [MutatingWebhookConfiguration::KIND, ValidatingWebhookConfiguration::KIND].contains(&kind)
    }

    /// Takes in a configuration as it is now, or that it is gone.
    pub(crate) fn observe(&mut self, kind: Kind, name: &str, object: Option<&Object>) {
        let phase = match kind == MutatingWebhookConfiguration::KIND {
            true => &mut self.mutating,
            false => &mut self.validating,
        };
        let hooks: Arc<[Arc<Hook>]> =
            object.map(|it| webhooks_of(name, it)).unwrap_or_default().into_iter().collect();
        match hooks.is_empty() {
            true => phase.remove(name),
            false => phase.insert(name.to_owned(), hooks),
        };
    }
}

fn webhooks_of(name: &str, object: &Object) -> Vec<Arc<Hook>> {
    if let Some(configuration) = object.get::<MutatingWebhookConfiguration>() {
        let webhooks = configuration.webhooks.iter().flatten();
        return webhooks.map(|it| Arc::new(Hook::mutating(name, it.clone()))).collect();
    }
    let configuration = object.get::<ValidatingWebhookConfiguration>();
    let webhooks = configuration.iter().flat_map(|it| it.webhooks.iter().flatten());
    webhooks.map(|it| Arc::new(Hook::validating(name, it.clone()))).collect()
}
