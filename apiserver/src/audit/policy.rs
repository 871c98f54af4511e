//! The audit policy: which requests are logged, how much of them, and at which stages. Pure.
//!
//! Start at [`Policy::parse`] and [`Policy::decide`]: the first rule that matches decides, and without one nothing is
//! logged. The file is upstream's `audit.k8s.io/v1` Policy.

use access::UserInfo;
use serde::Deserialize;
use serde_json::Value;

/// How much of a request is logged.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Nothing.
    None,
    /// Who did what to which object.
    Metadata,
    /// What was sent, too.
    Request,
    /// And what was answered.
    RequestResponse,
}

impl Level {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// When something is logged.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Stage {
    RequestReceived,
    /// The head of an answer that goes on, such as a watch.
    ResponseStarted,
    ResponseComplete,
    Panic,
}

impl Stage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

/// Why a file is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read as YAML of the right form.
    #[error("failed to read the audit policy: {0}")]
    Malformed(String),
    /// It is something else.
    #[error("the audit policy must be of kind Policy of audit.k8s.io/v1, not {0}")]
    OtherKind(String),
    /// Nothing would ever be logged.
    #[error("the audit policy has no rules")]
    NoRules,
    /// A rule contradicts itself.
    #[error("rule {0} of the audit policy is about resources and about other URLs: make two of it")]
    Both(usize),
    /// A URL that cannot be matched.
    #[error(
        "rule {0} of the audit policy has a URL that does not begin with / or has * before its end: {1:?}"
    )]
    Url(usize, String),
    /// A group that can't be one.
    #[error("rule {0} of the audit policy names resources but not which")]
    Names(usize),
}

/// See the module.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Policy {
    api_version: String,
    kind: String,
    /// Nothing of it counts; a file may have it.
    metadata: Value,
    rules: Vec<Rule>,
    omit_stages: Vec<Stage>,
    omit_managed_fields: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    level: Level,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    user_groups: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    resources: Vec<Resources>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default, rename = "nonResourceURLs")]
    urls: Vec<String>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    omit_managed_fields: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Resources {
    group: String,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) user: &'a UserInfo,
    pub(crate) verb: &'a str,
    pub(crate) subject: Subject<'a>,
}

/// An object or a collection, or anything else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    Resource { group: &'a str, resource: &'a str, subresource: &'a str, namespace: &'a str, name: &'a str },
    Path(&'a str),
}

/// What is logged of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) level: Level,
    pub(crate) omitted: Vec<Stage>,
    pub(crate) omit_managed_fields: bool,
}

impl Policy {
    /// Reads a policy file.
    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let malformed = |why: &dyn std::fmt::Display| PolicyError::Malformed(why.to_string());
        let documents = api::yaml::documents(text).map_err(|error| malformed(&error))?;
        let [document] = documents.as_slice() else { return Err(malformed(&"it must be one document")) };
        let policy: Self = serde_json::from_value(document.clone()).map_err(|error| malformed(&error))?;
        if (policy.api_version.as_str(), policy.kind.as_str()) != ("audit.k8s.io/v1", "Policy") {
            return Err(PolicyError::OtherKind(format!("{} of {}", policy.kind, policy.api_version)));
        }
        if policy.rules.is_empty() {
            return Err(PolicyError::NoRules);
        }
        policy.rules.iter().enumerate().try_for_each(|(index, rule)| rule.check(index))?;
        Ok(policy)
    }

    /// What is logged of a request.
    pub(crate) fn decide(&self, asked: &Asked<'_>) -> Decision {
        let Some(rule) = self.rules.iter().find(|it| it.matches(asked)) else {
            return Decision { level: Level::None, omitted: Vec::new(), omit_managed_fields: false };
        };
        Decision {
            level: rule.level,
            omitted: self.omit_stages.iter().chain(&rule.omit_stages).copied().collect(),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
        }
    }
}

impl Rule {
    fn check(&self, index: usize) -> Result<(), PolicyError> {
        let of_resources = !self.resources.is_empty() || !self.namespaces.is_empty();
        if of_resources && !self.urls.is_empty() {
            return Err(PolicyError::Both(index));
        }
        let inner = |url: &str| url.strip_suffix('*').unwrap_or(url).contains('*');
        let fits = |url: &&String| *url == "*" || (url.starts_with('/') && !inner(url));
        if let Some(url) = self.urls.iter().find(|it| !fits(it)) {
            return Err(PolicyError::Url(index, url.clone()));
        }
        let nameless = |it: &Resources| it.resources.is_empty() && !it.resource_names.is_empty();
        if self.resources.iter().any(nameless) { Err(PolicyError::Names(index)) } else { Ok(()) }
    }

    fn matches(&self, asked: &Asked<'_>) -> bool {
        let user = asked.user;
        let is_meant = (self.users.is_empty() || self.users.contains(&user.name))
            && (self.user_groups.is_empty() || user.groups.iter().any(|it| self.user_groups.contains(it)))
            && (self.verbs.is_empty() || self.verbs.iter().any(|it| it == asked.verb));
        let about_resources = !self.namespaces.is_empty() || !self.resources.is_empty();
        match asked.subject {
            _ if !is_meant => false,
            _ if !about_resources && self.urls.is_empty() => true,
            Subject::Resource { namespace, .. } if about_resources => {
                let in_namespace =
                    self.namespaces.is_empty() || self.namespaces.iter().any(|it| it == namespace);
                let all = self.resources.is_empty();
                in_namespace && (all || self.resources.iter().any(|it| it.matches(&asked.subject)))
            }
            Subject::Path(path) if !about_resources => self.urls.iter().any(|it| is_path(it, path)),
            _ => false,
        }
    }
}

fn is_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => pattern == path,
    }
}

impl Resources {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let Subject::Resource { group, resource, subresource, name, .. } = *subject else { return false };
        if self.group != group {
            return false;
        }
        let named = self.resource_names.is_empty() || self.resource_names.iter().any(|it| it == name);
        let is_it = |pattern: &String| match pattern.split_once('/') {
            _ if pattern == "*" => true,
            None => subresource.is_empty() && pattern == resource,
            Some(("*", sub)) => !subresource.is_empty() && sub == subresource,
            Some((one, "*")) => one == resource,
            Some((one, sub)) => (one, sub) == (resource, subresource),
        };
        self.resources.is_empty() || (named && self.resources.iter().any(is_it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: ["system:kube-proxy"]
  verbs: [watch]
- level: None
  nonResourceURLs: ["/healthz*", /version]
- level: Metadata
  resources: [{group: "", resources: [secrets, configmaps, "*/token"]}]
- level: RequestResponse
  namespaces: [kube-system]
  resources: [{group: apps}, {group: batch, resources: ["jobs/*"], resourceNames: [a]}]
  omitManagedFields: false
  omitStages: [Panic]
- level: Request
  userGroups: [people]
"#;

    /// A resource is `GROUP RESOURCE/SUBRESOURCE NAMESPACE NAME`, anything else a path.
    #[track_caller]
    fn check(user: &str, verb: &str, what: &str, expect: Level) {
        let policy = Policy::parse(POLICY).unwrap();
        let (name, groups) = user.split_once('/').unwrap_or((user, ""));
        let user = UserInfo { name: name.into(), groups: vec![groups.into()], ..UserInfo::default() };
        let parts: Vec<&str> = what.split(' ').collect();
        let subject = match parts.as_slice() {
            [group, resource, namespace, name] => {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                Subject::Resource { group, resource, subresource, namespace, name }
            }
            _ => Subject::Path(what),
        };
        assert_eq!(policy.decide(&Asked { user: &user, verb, subject }).level, expect, "{what}");
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        check("system:kube-proxy", "watch", " services  ", Level::None);
        check("a/people", "get", "/healthz/ping", Level::None);
        check("a/people", "get", "/version", Level::None);
        check("a/people", "get", "/version/x", Level::Request);
        check("a/people", "get", " secrets ns x", Level::Metadata);
        check("a", "create", " serviceaccounts/token ns x", Level::Metadata);
        check("a", "create", " secrets/status ns x", Level::None);
        check("a", "create", "apps deployments/scale kube-system x", Level::RequestResponse);
        check("a", "create", "apps deployments ns x", Level::None);
        check("a", "create", "batch jobs kube-system a", Level::RequestResponse);
        check("a", "create", "batch jobs kube-system b", Level::None);
        check("a/people", "create", "batch jobs kube-system b", Level::Request);
    }

    #[test]
    fn what_is_left_out_adds_up() {
        let policy = Policy::parse(POLICY).unwrap();
        let user = UserInfo::anonymous();
        let (group, namespace, none) = ("apps", "kube-system", "");
        let subject = Subject::Resource { group, resource: "x", subresource: none, namespace, name: none };
        let decision = policy.decide(&Asked { user: &user, verb: "get", subject });
        let omitted = vec![Stage::RequestReceived, Stage::Panic];
        let level = Level::RequestResponse;
        assert_eq!(decision, Decision { level, omitted, omit_managed_fields: false });
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let error = Policy::parse(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{error:?} has no {expect:?}");
    }

    #[test]
    fn files_that_are_no_policy_are_named() {
        let policy = |rules: &str| format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: {rules}");
        refused("kind: Policy\napiVersion: audit.k8s.io/v1beta1", "not Policy of audit.k8s.io/v1beta1");
        refused(&policy("[]"), "has no rules");
        refused(&policy("[{level: Everything}]"), "unknown variant");
        refused(&policy("[{level: None, verb: [x]}]"), "unknown field");
        refused(&policy("[{level: None, namespaces: [a], nonResourceURLs: [/a]}]"), "make two of it");
        refused(&policy("[{level: None, nonResourceURLs: [a]}]"), "does not begin with /");
        refused(&policy("[{level: None, resources: [{resourceNames: [a]}]}]"), "but not which");
    }
}
