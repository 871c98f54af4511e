//! Whether a webhook or a policy wants to see a request: rules, scope, selectors, equivalent versions.
//!
//! Start at [`Criteria`]. Rules come first, since they need nothing but the request's facts.

use super::subject::{Facts, Subject};
use crate::admission::Operation;
use crate::state::State;
use api::k8s::api::admissionregistration::v1::{MatchResources, NamedRuleWithOperations, RuleWithOperations};
use api::k8s::api::core::v1::Namespace;
use api::k8s::apimachinery::pkg::apis::meta::v1::LabelSelector;
use api::selector::{Labels, Selector};
use api::{ApiError, Key, Kind, Resource};
use serde_json::Value;

const ANY: &str = "*";

/// That a rule matched, and the version under which the resource was named in it.
pub(crate) type Matched = Kind;

/// Which requests are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Criteria {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    /// Without rules everything is meant, not nothing.
    boundless: bool,
    /// A rule also counts for other versions of the resource that it names.
    equivalent: bool,
    namespaces: Selector,
    objects: Selector,
}

/// One rule.
#[derive(Clone, Debug, Default)]
struct Rule {
    groups: Vec<String>,
    versions: Vec<String>,
    operations: Vec<String>,
    resources: Vec<String>,
    /// Empty for all.
    names: Vec<String>,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    Any,
    Cluster,
    Namespaced,
}

impl Criteria {
    /// Those of a webhook.
    pub(crate) fn of_webhook(
        rules: &[RuleWithOperations],
        policy: Option<&str>,
        namespaces: Option<&LabelSelector>,
        objects: Option<&LabelSelector>,
    ) -> Self {
        Self {
            rules: rules.iter().map(Rule::of).collect(),
            equivalent: policy != Some("Exact"),
            namespaces: selector(namespaces),
            objects: selector(objects),
            ..Self::default()
        }
    }

    /// Those of a policy or of its binding.
    pub(crate) fn of_resources(resources: &MatchResources) -> Self {
        let rules = resources.resource_rules.as_deref().unwrap_or_default();
        let excluded = resources.exclude_resource_rules.as_deref().unwrap_or_default();
        Self {
            rules: rules.iter().map(Rule::of_named).collect(),
            excluded: excluded.iter().map(Rule::of_named).collect(),
            boundless: rules.is_empty(),
            equivalent: resources.match_policy.as_deref() != Some("Exact"),
            namespaces: selector(resources.namespace_selector.as_ref()),
            objects: selector(resources.object_selector.as_ref()),
        }
    }

    /// Whether a rule names the request, and how it names the resource. The resource's own version goes first.
    pub(crate) fn rule_for(&self, facts: &Facts<'_>, equivalents: &[Kind]) -> Option<Matched> {
        let excluded = self.named(&self.excluded, facts, equivalents);
        match excluded {
            Some(_) => None,
            None if self.boundless => Some(facts.resource),
            None => self.named(&self.rules, facts, equivalents),
        }
    }

    fn named(&self, rules: &[Rule], facts: &Facts<'_>, equivalents: &[Kind]) -> Option<Kind> {
        let own = facts.resource;
        if rules.iter().any(|it| it.names(facts, own)) {
            return Some(own);
        }
        let others = if self.equivalent { equivalents } else { &[] };
        rules.iter().find_map(|rule| others.iter().copied().find(|it| rule.names(facts, *it)))
    }

    /// Whether the labels are those that are wanted.
    pub(crate) fn selects(&self, state: &State, subject: &Subject<'_>) -> Result<bool, ApiError> {
        let wants_object = self.objects.is_empty()
            || [&subject.object, &subject.old].into_iter().flatten().any(|it| self.selects_object(it));
        Ok(wants_object && self.selects_namespace(state, subject)?)
    }

    fn selects_object(&self, object: &Value) -> bool {
        object.get("metadata").is_some() && self.objects.matches(Some(&labels_of(object)))
    }

    /// What belongs to no namespace is wanted whatever the selector says; a namespace is selected by its own labels.
    fn selects_namespace(&self, state: &State, subject: &Subject<'_>) -> Result<bool, ApiError> {
        let facts = &subject.facts;
        if self.namespaces.is_empty() || (facts.namespace.is_empty() && !facts.is_namespace()) {
            return Ok(true);
        }
        let changes_itself = facts.is_namespace()
            && facts.subresource.is_empty()
            && matches!(facts.operation, Operation::Create | Operation::Update);
        if let Some(object) = subject.object.as_ref().filter(|_| changes_itself) {
            return Ok(self.namespaces.matches(Some(&labels_of(object))));
        }
        let key = Key::of::<Namespace>("", facts.namespace);
        let found = state.cached(Namespace::KIND)?.get(&crate::state::cache_key(&key));
        let found = found.ok_or_else(|| ApiError::not_found(Namespace::KIND.row(), facts.namespace))?;
        Ok(self.namespaces.matches(found.labels()))
    }
}

/// The labels of an object that is JSON.
fn labels_of(object: &Value) -> Labels {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let pairs = labels.into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// A stored selector has been validated; one that makes no sense all the same selects nothing.
fn selector(selector: Option<&LabelSelector>) -> Selector {
    let parsed = selector.map(Selector::of).unwrap_or_else(|| Ok(Selector::default()));
    parsed.unwrap_or_else(|error| {
        tracing::error!(%error, "a selector of an admission configuration makes no sense");
        let nothing = api::selector::Test::In(Vec::new());
        Selector(vec![api::selector::Requirement { key: String::new(), test: nothing }])
    })
}

impl Rule {
    fn of(rule: &RuleWithOperations) -> Self {
        Self {
            groups: rule.api_groups.clone().unwrap_or_default(),
            versions: rule.api_versions.clone().unwrap_or_default(),
            operations: rule.operations.clone().unwrap_or_default(),
            resources: rule.resources.clone().unwrap_or_default(),
            names: Vec::new(),
            scope: match rule.scope.as_deref() {
                Some("Cluster") => Scope::Cluster,
                Some("Namespaced") => Scope::Namespaced,
                _ => Scope::Any,
            },
        }
    }

    fn of_named(rule: &NamedRuleWithOperations) -> Self {
        let plain = RuleWithOperations {
            api_groups: rule.api_groups.clone(),
            api_versions: rule.api_versions.clone(),
            operations: rule.operations.clone(),
            resources: rule.resources.clone(),
            scope: rule.scope.clone(),
        };
        Self { names: rule.resource_names.clone().unwrap_or_default(), ..Self::of(&plain) }
    }

    /// Whether the rule is about this request, when its resource is called `resource`.
    fn names(&self, facts: &Facts<'_>, resource: Kind) -> bool {
        let row = resource.row();
        has(&self.groups, row.group)
            && has(&self.versions, row.version)
            && has(&self.operations, facts.operation.name())
            && self.resources.iter().any(|it| is_resource(it, row.plural, facts.subresource))
            && (self.names.is_empty() || self.names.iter().any(|it| it == facts.name))
            && self.is_in_scope(facts)
    }

    fn is_in_scope(&self, facts: &Facts<'_>) -> bool {
        let of_cluster = facts.is_namespace() || facts.namespace.is_empty();
        match self.scope {
            Scope::Any => true,
            Scope::Cluster => of_cluster,
            Scope::Namespaced => !of_cluster,
        }
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|it| it == ANY || it == wanted)
}

/// `pods`, `pods/status`, `pods/*`, `*/status`, `*` (no subresource) and `*/*`.
fn is_resource(pattern: &str, plural: &str, subresource: &str) -> bool {
    let (resource, sub) = pattern.split_once('/').unwrap_or((pattern, ""));
    (resource == ANY || resource == plural) && (sub == ANY || sub == subresource)
}

#[cfg(test)]
mod tests;
