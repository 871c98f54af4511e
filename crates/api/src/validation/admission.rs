//! What is wrong with admission policies and their bindings, and with the rules that they share with webhooks.
//! Expressions are the API server's to check.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::validation::common::{all, label_selector, one_of, optional_one_of, required, shown};
use crate::validation::names;
use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation,
    NamedRuleWithOperations, ParamKind, ParamRef, RuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicySpec, Validation, Variable,
};
use std::collections::BTreeSet;

/// Most audit annotations of a policy.
const MOST_ANNOTATIONS: usize = 20;
/// Longest expression of one of them.
const LONGEST_EXPRESSION: usize = 5 << 10;
const EMPTY: &str = "validations or auditAnnotations must contain at least one item";
/// What comes of a validation that fails.
const ACTIONS: &[&str] = &["Audit", "Deny", "Warn"];
const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];
/// Names that expressions cannot call something.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// What is wrong with a ValidatingAdmissionPolicy.
pub fn policy(policy: &ValidatingAdmissionPolicy) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = policy.spec.clone().unwrap_or_default();
    one_of(&mut errors, &path.child("failurePolicy"), spec.failure_policy.as_deref(), &["Fail", "Ignore"]);
    if let Some(kind) = &spec.param_kind {
        param_kind(&mut errors, &path.child("paramKind"), kind);
    }
    constraints(&mut errors, &path.child("matchConstraints"), spec.match_constraints.as_ref());
    variables(&mut errors, &path.child("variables"), spec.variables.as_deref());
    if spec.validations.iter().flatten().count() + spec.audit_annotations.iter().flatten().count() == 0 {
        errors.push(Error::required(&path.child("validations"), EMPTY));
        errors.push(Error::required(&path.child("auditAnnotations"), EMPTY));
    }
    for (index, it) in spec.validations.iter().flatten().enumerate() {
        validation(&mut errors, &path.child("validations").index(index), it);
    }
    annotations(&mut errors, &path.child("auditAnnotations"), meta::name(&policy.metadata), &spec);
    errors
}

/// What is wrong with a MutatingAdmissionPolicy (KEP-3962).
pub fn mutating_policy(policy: &MutatingAdmissionPolicy) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = policy.spec.clone().unwrap_or_default();
    one_of(&mut errors, &path.child("failurePolicy"), spec.failure_policy.as_deref(), &["Fail", "Ignore"]);
    let again = spec.reinvocation_policy.as_deref();
    one_of(&mut errors, &path.child("reinvocationPolicy"), again, &["IfNeeded", "Never"]);
    if let Some(kind) = &spec.param_kind {
        param_kind(&mut errors, &path.child("paramKind"), kind);
    }
    constraints(&mut errors, &path.child("matchConstraints"), spec.match_constraints.as_ref());
    variables(&mut errors, &path.child("variables"), spec.variables.as_deref());
    let path = path.child("mutations");
    if spec.mutations.as_ref().is_none_or(Vec::is_empty) {
        errors.push(Error::required(&path, "mutations must contain at least one item"));
    }
    for (index, it) in spec.mutations.iter().flatten().enumerate() {
        mutation(&mut errors, &path.index(index), it);
    }
    errors
}

fn mutation(errors: &mut Errors, path: &Path, it: &Mutation) {
    let types = ["ApplyConfiguration", "JSONPatch"];
    one_of(errors, &path.child("patchType"), Some(&it.patch_type), &types);
    for (type_, field, is_there) in [
        ("ApplyConfiguration", "applyConfiguration", it.apply_configuration.is_some()),
        ("JSONPatch", "jsonPatch", it.json_patch.is_some()),
    ] {
        match (it.patch_type == type_, is_there) {
            (true, false) => {
                let detail = format!("must be specified when patchType is {type_}");
                errors.push(Error::required(&path.child(field), detail));
            }
            (false, true) => {
                let detail = format!("must not be specified when patchType is {}", it.patch_type);
                errors.push(Error::forbidden(&path.child(field), detail));
            }
            _ => {}
        }
    }
}

/// What is wrong with a MutatingAdmissionPolicyBinding.
pub fn mutating_binding(binding: &MutatingAdmissionPolicyBinding) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = binding.spec.clone().unwrap_or_default();
    let name = spec.policy_name.unwrap_or_default();
    required(&mut errors, &path.child("policyName"), &name, names::dns_subdomain);
    if let Some(reference) = &spec.param_ref {
        param_ref(&mut errors, &path.child("paramRef"), reference);
    }
    if let Some(resources) = &spec.match_resources {
        matching(&mut errors, &path.child("matchResources"), resources);
    }
    errors
}

/// What is wrong with the choice of requests of a policy, which must choose some.
fn constraints(errors: &mut Errors, path: &Path, given: Option<&MatchResources>) {
    let Some(given) = given else { return errors.push(Error::required(path, "")) };
    matching(errors, path, given);
    if given.resource_rules.as_ref().is_none_or(Vec::is_empty) {
        errors.push(Error::required(&path.child("resourceRules"), ""));
    }
}

fn param_kind(errors: &mut Errors, path: &Path, kind: &ParamKind) {
    let version = kind.api_version.as_deref().unwrap_or_default();
    let at = path.child("apiVersion");
    match version.split('/').collect::<Vec<_>>().as_slice() {
        [""] => errors.push(Error::required(&at, "")),
        [version] => all(errors, &at, version, names::dns_1035_label(version)),
        [_, ""] => errors.push(Error::invalid(&at, version, "version must be specified")),
        [group, version] => {
            all(errors, &at, group, names::dns_subdomain(group));
            all(errors, &at, version, names::dns_1035_label(version));
        }
        _ => errors.push(Error::invalid(&at, version, format!("unexpected GroupVersion string: {version}"))),
    }
    let name = kind.kind.as_deref().unwrap_or_default();
    required(errors, &path.child("kind"), &name.to_lowercase(), names::dns_1035_label);
}

fn variables(errors: &mut Errors, path: &Path, variables: Option<&[Variable]>) {
    for (index, it) in variables.unwrap_or_default().iter().enumerate() {
        let path = path.index(index).child("name");
        if it.name.trim().is_empty() {
            errors.push(Error::required(&path, "name is not specified"));
        } else if !is_identifier(&it.name) {
            errors.push(Error::invalid(&path, it.name.as_str(), "name is not a valid CEL identifier"));
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let fits = |at: usize, it: char| it == '_' || it.is_ascii_alphabetic() || (at > 0 && it.is_ascii_digit());
    name.char_indices().all(|(at, it)| fits(at, it)) && !RESERVED.contains(&name)
}

fn validation(errors: &mut Errors, path: &Path, it: &Validation) {
    let blank =
        |text: &Option<String>| text.as_ref().is_some_and(|it| !it.is_empty() && it.trim().is_empty());
    let (message, expression) = (path.child("message"), path.child("messageExpression"));
    if blank(&it.message_expression) {
        let value = it.message_expression.as_deref().unwrap_or_default();
        errors.push(Error::invalid(&expression, value, "must be non-empty if specified"));
    }
    let text = it.message.as_deref().unwrap_or_default();
    if blank(&it.message) {
        errors.push(Error::invalid(&message, text, "message must be non-empty if specified"));
    } else if text.trim().contains(['\n', '\r']) {
        errors.push(Error::invalid(&message, text, "message must not contain line breaks"));
    }
    optional_one_of(errors, &path.child("reason"), it.reason.as_deref().filter(|it| !it.is_empty()), REASONS);
}

fn annotations(errors: &mut Errors, path: &Path, name: &str, spec: &ValidatingAdmissionPolicySpec) {
    let annotations = spec.audit_annotations.as_deref().unwrap_or_default();
    if annotations.len() > MOST_ANNOTATIONS {
        let detail = format!("must not have more than {MOST_ANNOTATIONS} auditAnnotations");
        errors.push(Error::invalid(path, annotations.len(), detail));
    }
    let mut seen = BTreeSet::new();
    for (index, it) in annotations.iter().enumerate() {
        let path = path.index(index);
        let key = format!("{name}/{}", it.key);
        all(errors, &path.child("key"), &key, names::qualified_name(&key));
        if it.value_expression.trim().len() > LONGEST_EXPRESSION {
            let detail = format!("must not exceed {LONGEST_EXPRESSION} bytes in length");
            errors.push(Error::required(&path.child("valueExpression"), detail));
        }
        if !seen.insert(&it.key) {
            errors.push(Error::duplicate(&path.child("key"), it.key.as_str()));
        }
    }
}

/// What is wrong with a ValidatingAdmissionPolicyBinding.
pub fn binding(binding: &ValidatingAdmissionPolicyBinding) -> Errors {
    let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &binding.spec);
    required(&mut errors, &path.child("policyName"), &spec.policy_name, names::dns_subdomain);
    if let Some(reference) = &spec.param_ref {
        param_ref(&mut errors, &path.child("paramRef"), reference);
    }
    if let Some(resources) = &spec.match_resources {
        matching(&mut errors, &path.child("matchResources"), resources);
    }
    actions(&mut errors, &path.child("validationActions"), &spec.validation_actions);
    errors
}

fn param_ref(errors: &mut Errors, path: &Path, reference: &ParamRef) {
    let name = reference.name.as_deref().unwrap_or_default();
    if !name.is_empty() {
        all(errors, &path.child("name"), name, names::path_segment(name));
    }
    if let Some(selector) = &reference.selector {
        label_selector(errors, &path.child("selector"), selector);
    }
    match (name.is_empty(), reference.selector.is_some()) {
        (false, true) => {
            for field in ["name", "selector"] {
                errors.push(Error::forbidden(&path.child(field), "name and selector are mutually exclusive"));
            }
        }
        (true, false) => errors.push(Error::required(path, "one of name or selector must be specified")),
        _ => {}
    }
    let action = reference.parameter_not_found_action.as_deref().filter(|it| !it.is_empty());
    one_of(errors, &path.child("parameterNotFoundAction"), action, &["Deny", "Allow"]);
}

fn actions(errors: &mut Errors, path: &Path, actions: &[String]) {
    let mut seen = BTreeSet::new();
    for (index, action) in actions.iter().enumerate() {
        one_of(errors, &path.index(index), Some(action), ACTIONS);
        if !seen.insert(action.as_str()) {
            errors.push(Error::duplicate(&path.index(index), action.as_str()));
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the \
                      API response and headers serves no purpose)";
        errors.push(Error::invalid(path, shown(&actions), detail));
    }
    if actions.is_empty() {
        errors.push(Error::required(path, "at least one validation action is required"));
    }
}

/// What is wrong with the choice of requests of a policy or its binding.
fn matching(errors: &mut Errors, path: &Path, resources: &MatchResources) {
    let policy = resources.match_policy.as_deref();
    one_of(errors, &path.child("matchPolicy"), policy, &["Equivalent", "Exact"]);
    let selectors = [
        ("namespaceSelector", &resources.namespace_selector),
        ("objectSelector", &resources.object_selector),
    ];
    for (name, selector) in selectors {
        match selector {
            Some(selector) => label_selector(errors, &path.child(name), selector),
            None => errors.push(Error::required(&path.child(name), "")),
        }
    }
    let rules = [
        ("resourceRules", &resources.resource_rules),
        ("excludeResourceRules", &resources.exclude_resource_rules),
    ];
    for (name, rules) in rules {
        for (index, rule) in rules.iter().flatten().enumerate() {
            named_rule(errors, &path.child(name).index(index), rule);
        }
    }
}

fn named_rule(errors: &mut Errors, path: &Path, named: &NamedRuleWithOperations) {
    let (path_of_names, mut seen) = (path.child("resourceNames"), BTreeSet::new());
    for (index, name) in named.resource_names.iter().flatten().enumerate() {
        all(errors, &path_of_names.index(index), name, names::path_segment(name));
        if !seen.insert(name) {
            errors.push(Error::duplicate(&path_of_names.index(index), name.as_str()));
        }
    }
    let plain = RuleWithOperations {
        api_groups: named.api_groups.clone(),
        api_versions: named.api_versions.clone(),
        operations: named.operations.clone(),
        resources: named.resources.clone(),
        scope: named.scope.clone(),
    };
    rule(errors, path, &plain);
}

/// What is wrong with a rule of a webhook or of a policy.
pub(super) fn rule(errors: &mut Errors, path: &Path, rule: &RuleWithOperations) {
    let lists = [
        ("operations", &rule.operations, "if '*' is present, must not specify other operations"),
        ("apiGroups", &rule.api_groups, "if '*' is present, must not specify other API groups"),
        ("apiVersions", &rule.api_versions, "if '*' is present, must not specify other API versions"),
    ];
    for (name, list, alone) in lists {
        let (path, list) = (path.child(name), list.as_deref().unwrap_or_default());
        if list.is_empty() {
            errors.push(Error::required(&path, ""));
        }
        if list.len() > 1 && list.iter().any(|it| it == "*") {
            errors.push(Error::invalid(&path, shown(&list), alone));
        }
    }
    for (index, operation) in rule.operations.iter().flatten().enumerate() {
        let known = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
        one_of(errors, &path.child("operations").index(index), Some(operation), &known);
    }
    for (index, _) in rule.api_versions.iter().flatten().enumerate().filter(|(_, it)| it.is_empty()) {
        errors.push(Error::required(&path.child("apiVersions").index(index), ""));
    }
    resources(errors, &path.child("resources"), rule.resources.as_deref().unwrap_or_default());
    optional_one_of(errors, &path.child("scope"), rule.scope.as_deref(), &["*", "Cluster", "Namespaced"]);
}

/// Resources with or without subresources; nothing may be said twice over.
fn resources(errors: &mut Errors, path: &Path, resources: &[String]) {
    if resources.is_empty() {
        errors.push(Error::required(path, ""));
    }
    let (mut whole, mut below) = (BTreeSet::new(), BTreeSet::new());
    for (index, resource) in resources.iter().enumerate() {
        let at = path.index(index);
        let invalid = |why: String| Error::invalid(&at, resource.as_str(), why);
        let Some((name, sub)) = resource.split_once('/') else {
            if resource.is_empty() {
                errors.push(Error::required(&at, ""));
            }
            continue;
        };
        if whole.contains(name) {
            errors.push(invalid(format!("if '{name}/*' is present, must not specify {resource}")));
        }
        if below.contains(sub) {
            errors.push(invalid(format!("if '*/{sub}' is present, must not specify {resource}")));
        }
        whole.extend((sub == "*").then_some(name));
        below.extend((name == "*").then_some(sub));
    }
    if resources.len() > 1 && resources.iter().any(|it| it == "*/*") {
        let detail = "if '*/*' is present, must not specify other resources";
        errors.push(Error::invalid(path, shown(&resources), detail));
    }
    let plain = resources.iter().filter(|it| *it != "*" && !it.contains('/')).count();
    if plain > 0 && resources.iter().any(|it| it == "*") {
        let detail = "if '*' is present, must not specify other resources without subresources";
        errors.push(Error::invalid(path, shown(&resources), detail));
    }
}
