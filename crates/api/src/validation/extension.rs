//! What is wrong with the kinds that extend the server: custom resource definitions and webhooks.
//! Schemas and expressions are the API server's to check.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::validation::common::{all, label_selector, one_of, optional_one_of, required, shown};
use crate::validation::{admission, definition, names};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeSet;

/// What is wrong with a CustomResourceDefinition.
pub fn definition(definition: &CustomResourceDefinition) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &definition.spec);
    let expected = format!("{}.{}", spec.names.plural, spec.group);
    let name = meta::name(&definition.metadata);
    if name != expected {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(Error::invalid(&Path::new("metadata").child("name"), name, detail));
    }
    required(&mut errors, &path.child("group"), &spec.group, names::dns_subdomain);
    if !spec.group.is_empty() && !spec.group.contains('.') {
        let detail = "should be a domain with at least one dot";
        errors.push(Error::invalid(&path.child("group"), spec.group.as_str(), detail));
    }
    one_of(&mut errors, &path.child("scope"), Some(&spec.scope), &["Cluster", "Namespaced"]);
    definition_names(&mut errors, &path.child("names"), definition);
    let versions = path.child("versions");
    let mut seen = BTreeSet::new();
    for (index, version) in spec.versions.iter().enumerate() {
        let path = versions.index(index);
        all(&mut errors, &path.child("name"), &version.name, names::dns_1035_label(&version.name));
        if !seen.insert(&version.name) {
            let detail = "must contain unique version names";
            errors.push(Error::invalid(&versions, version.name.as_str(), detail));
        }
        if version.schema.as_ref().is_none_or(|it| it.open_api_v3_schema.is_none()) {
            let path = path.child("schema").child("openAPIV3Schema");
            errors.push(Error::required(&path, "schemas are required"));
        }
    }
    definition::details(&mut errors, definition);
    conversion(&mut errors, &path.child("conversion"), spec.conversion.as_ref());
    if spec.versions.iter().filter(|it| it.storage).count() != 1 {
        let names: Vec<&str> = spec.versions.iter().map(|it| it.name.as_str()).collect();
        let detail = "must have exactly one version marked as storage version";
        errors.push(Error::invalid(&versions, names.join(","), detail));
    }
    errors
}

fn conversion(errors: &mut Errors, path: &Path, conversion: Option<&CustomResourceConversion>) {
    let Some(conversion) = conversion else { return };
    one_of(errors, &path.child("strategy"), Some(&conversion.strategy), &["None", "Webhook"]);
    let (config, versions) = (path.child("webhookClientConfig"), path.child("conversionReviewVersions"));
    let webhook = conversion.webhook.as_ref();
    if conversion.strategy != "Webhook" {
        if webhook.is_some() {
            let detail = "should not be set when strategy is not set to Webhook";
            errors.push(Error::forbidden(&config, detail));
        }
        return;
    }
    match webhook.and_then(|it| it.client_config.as_ref()) {
        None => errors.push(Error::required(&config, "required when strategy is set to Webhook")),
        Some(it) => {
            let service = it.service.as_ref().map(|it| (it.name.as_str(), it.namespace.as_str()));
            reachable(errors, &config, it.url.as_deref(), service);
        }
    }
    review_versions(errors, &versions, webhook.map_or(&[], |it| &it.conversion_review_versions));
}

/// The server speaks one version of the review, so that one has to be among them.
fn review_versions(errors: &mut Errors, path: &Path, versions: &[String]) {
    if versions.is_empty() {
        errors.push(Error::required(path, ""));
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        match seen.insert(version) {
            true => all(errors, &path.index(index), version, names::dns_1035_label(version)),
            false => errors.push(Error::invalid(&path.index(index), version.as_str(), "duplicate version")),
        }
    }
    if !versions.iter().any(|it| it == "v1") {
        errors.push(Error::invalid(path, shown(&versions), "must include at least one of v1"));
    }
}

fn definition_names(errors: &mut Errors, path: &Path, definition: &CustomResourceDefinition) {
    let given = &definition.spec.names;
    let singular = given.singular.as_deref().unwrap_or_default();
    let list_kind = given.list_kind.as_deref().unwrap_or_default();
    required(errors, &path.child("plural"), &given.plural, names::dns_1035_label);
    required(errors, &path.child("singular"), singular, names::dns_1035_label);
    required(errors, &path.child("kind"), &given.kind.to_lowercase(), names::dns_1035_label);
    required(errors, &path.child("listKind"), &list_kind.to_lowercase(), names::dns_1035_label);
    if !given.kind.is_empty() && given.kind == list_kind {
        let detail = "kind and listKind may not be the same";
        errors.push(Error::invalid(&path.child("listKind"), list_kind, detail));
    }
    for (index, name) in given.short_names.iter().flatten().enumerate() {
        all(errors, &path.child("shortNames").index(index), name, names::dns_1035_label(name));
    }
    for (index, name) in given.categories.iter().flatten().enumerate() {
        all(errors, &path.child("categories").index(index), name, names::dns_1035_label(name));
    }
}

/// What is wrong with a change of a CustomResourceDefinition.
pub fn definition_update(new: &CustomResourceDefinition, old: &CustomResourceDefinition) -> Errors {
    let (mut errors, path) = (stored_versions(new), Path::new("spec"));
    let (new, old) = (&new.spec, &old.spec);
    for (name, new, old) in [("group", &new.group, &old.group), ("scope", &new.scope, &old.scope)] {
        crate::validation::common::immutable(&mut errors, &path.child(name), new, old);
    }
    let path = path.child("names");
    for (name, new, old) in
        [("kind", &new.names.kind, &old.names.kind), ("plural", &new.names.plural, &old.names.plural)]
    {
        crate::validation::common::immutable(&mut errors, &path.child(name), new, old);
    }
    errors
}

/// A version in which objects may be stored has to stay.
fn stored_versions(definition: &CustomResourceDefinition) -> Errors {
    let stored = definition.status.iter().flat_map(|it| it.stored_versions.iter().flatten()).enumerate();
    let gone = stored.filter(|(_, name)| !definition.spec.versions.iter().any(|it| it.name == **name));
    let error = |(index, name): (usize, &String)| {
        let why = format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions \
             until a storage migration ensures no data remains persisted in {name} and removes {name} from \
             status.storedVersions"
        );
        Error::invalid(&Path::new("status").child("storedVersions").index(index), name.as_str(), why)
    };
    gone.map(error).collect()
}

/// What both kinds of webhook have.
struct Webhook<'a> {
    name: &'a str,
    versions: &'a [String],
    client: &'a WebhookClientConfig,
    failure_policy: Option<&'a str>,
    match_policy: Option<&'a str>,
    side_effects: &'a str,
    timeout: Option<i32>,
    rules: &'a [RuleWithOperations],
    selectors: [(&'static str, Option<&'a LabelSelector>); 2],
}

macro_rules! webhooks {
    ($configuration:expr) => {
        $configuration.webhooks.iter().flatten().map(|it| Webhook {
            name: &it.name,
            versions: &it.admission_review_versions,
            client: &it.client_config,
            failure_policy: it.failure_policy.as_deref(),
            match_policy: it.match_policy.as_deref(),
            side_effects: &it.side_effects,
            timeout: it.timeout_seconds,
            rules: it.rules.as_deref().unwrap_or_default(),
            selectors: [
                ("namespaceSelector", it.namespace_selector.as_ref()),
                ("objectSelector", it.object_selector.as_ref()),
            ],
        })
    };
}

/// What is wrong with a MutatingWebhookConfiguration.
pub fn mutating_webhooks(configuration: &MutatingWebhookConfiguration) -> Errors {
    let mut errors = all_webhooks(webhooks!(configuration));
    for (index, webhook) in configuration.webhooks.iter().flatten().enumerate() {
        let path = Path::new("webhooks").index(index).child("reinvocationPolicy");
        let policy = webhook.reinvocation_policy.as_deref();
        optional_one_of(&mut errors, &path, policy, &["IfNeeded", "Never"]);
    }
    errors
}

/// What is wrong with a ValidatingWebhookConfiguration.
pub fn validating_webhooks(configuration: &ValidatingWebhookConfiguration) -> Errors {
    all_webhooks(webhooks!(configuration))
}

fn all_webhooks<'a>(webhooks: impl Iterator<Item = Webhook<'a>>) -> Errors {
    let (mut errors, mut seen) = (Errors::new(), BTreeSet::new());
    for (index, webhook) in webhooks.enumerate() {
        let path = Path::new("webhooks").index(index);
        one_webhook(&mut errors, &path, &webhook);
        if !seen.insert(webhook.name) {
            errors.push(Error::duplicate(&path.child("name"), webhook.name));
        }
    }
    errors
}

fn one_webhook(errors: &mut Errors, path: &Path, webhook: &Webhook<'_>) {
    all(errors, &path.child("name"), webhook.name, names::dns_subdomain(webhook.name));
    if webhook.name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        errors.push(Error::invalid(&path.child("name"), webhook.name, detail));
    }
    let versions = path.child("admissionReviewVersions");
    if webhook.versions.is_empty() {
        errors.push(Error::required(&versions, "must specify one of v1, v1beta1"));
    }
    let mut seen = BTreeSet::new();
    for (index, version) in webhook.versions.iter().enumerate() {
        match seen.insert(version) {
            true => all(errors, &versions.index(index), version, names::dns_1035_label(version)),
            false => {
                errors.push(Error::invalid(&versions.index(index), version.as_str(), "duplicate version"))
            }
        }
    }
    if !webhook.versions.is_empty() && !webhook.versions.iter().any(|it| it == "v1" || it == "v1beta1") {
        let detail = "must include at least one of v1, v1beta1";
        errors.push(Error::invalid(&versions, shown(&webhook.versions), detail));
    }
    one_of(errors, &path.child("sideEffects"), Some(webhook.side_effects), &["None", "NoneOnDryRun"]);
    optional_one_of(errors, &path.child("failurePolicy"), webhook.failure_policy, &["Fail", "Ignore"]);
    optional_one_of(errors, &path.child("matchPolicy"), webhook.match_policy, &["Equivalent", "Exact"]);
    if let Some(seconds) = webhook.timeout.filter(|it| !(1..=30).contains(it)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.push(Error::invalid(&path.child("timeoutSeconds"), seconds, detail));
    }
    for (name, selector) in webhook.selectors {
        if let Some(selector) = selector {
            label_selector(errors, &path.child(name), selector);
        }
    }
    for (index, rule) in webhook.rules.iter().enumerate() {
        admission::rule(errors, &path.child("rules").index(index), rule);
    }
    client(errors, &path.child("clientConfig"), webhook.client);
}

fn client(errors: &mut Errors, path: &Path, client: &WebhookClientConfig) {
    let service = client.service.as_ref().map(|it| (it.name.as_str(), it.namespace.as_str()));
    reachable(errors, path, client.url.as_deref(), service);
}

/// Where a webhook answers: at a URL, or at a service with this name in this namespace.
fn reachable(errors: &mut Errors, path: &Path, url: Option<&str>, service: Option<(&str, &str)>) {
    match (url, service) {
        (None, None) | (Some(_), Some(_)) => {
            errors.push(Error::required(path, "exactly one of url or service is required"));
        }
        (Some(url), None) if !url.starts_with("https://") => {
            let detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
            errors.push(Error::invalid(&path.child("url"), url, detail));
        }
        (Some(_), None) => {}
        (None, Some((name, namespace))) => {
            for (name, value) in [("name", name), ("namespace", namespace)] {
                if value.is_empty() {
                    let detail = format!("service {name} is required");
                    errors.push(Error::required(&path.child("service").child(name), detail));
                }
            }
        }
    }
}
