//! Rules of a schema: what they must say, that they compile, and that they cannot cost too much.
//!
//! A rule's cost is estimated for the largest values that the schema allows, times how often the rule can run: once for
//! each item and entry of the lists and maps around it.

use crate::cel::rule::{compile, field_path};
use crate::cel::{ESTIMATE_LIMIT, SCHEMA_ESTIMATE_LIMIT, types_of};
use crate::schema::Structural;
use api::field::{Error, Errors, Path};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, ValidationRule};
use serde_json::Value;

/// How many of the most expensive rules are named when all together cost too much.
const NAMED: usize = 4;
/// Most rules of one schema.
const MOST_RULES: usize = 2_000;

const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Where a schema stands among those that shape values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    is_root: bool,
    /// How many values of the schema an object can have; nothing where a list or map has no bound.
    count: Option<u64>,
}

impl Place {
    pub(super) const fn root() -> Self {
        Self { is_root: true, count: Some(1) }
    }

    /// A field.
    pub(super) const fn one(self) -> Self {
        Self { is_root: false, count: self.count }
    }

    /// Items of a list, or values of a map.
    pub(super) fn many(self, most: Option<i64>) -> Self {
        let most = most.and_then(|it| u64::try_from(it).ok());
        let count = self.count.zip(most).map(|(count, most)| count.saturating_mul(most));
        Self { is_root: false, count }
    }
}

/// The rules of a schema, as they are found.
#[derive(Debug, Default)]
pub(super) struct Rules {
    errors: Errors,
    /// Each rule's cost.
    costs: Vec<(u64, Path)>,
}

impl Rules {
    /// Compiles the rules of one schema.
    pub(super) fn compile(
        &mut self,
        schema: &JSONSchemaProps,
        path: &Path,
        place: Place,
        uncorrelated: Option<&Path>,
    ) {
        let rules = schema.x_kubernetes_validations.as_deref().unwrap_or_default();
        if rules.is_empty() {
            return;
        }
        let path = path.child("x-kubernetes-validations");
        if self.costs.len() + rules.len() > MOST_RULES {
            self.errors
                .push(Error::forbidden(&path, format!("a schema must have at most {MOST_RULES} rules")));
            return;
        }
        let Some((own, least)) =
            Structural::structure(schema).ok().and_then(|it| types_of(&it, place.is_root))
        else {
            let detail = "the schema must declare its type, and that of its items, to have rules";
            self.errors.push(Error::invalid(&path, "", detail));
            return;
        };
        let count = place.count.unwrap_or(crate::cel::REQUEST / (least + 1));
        for (index, rule) in rules.iter().enumerate() {
            let path = path.index(index);
            let compiled = compile(rule, &own);
            self.observe(&path.child("rule"), rule, &compiled.rule, "estimated rule cost", count);
            if let Some(message) = &compiled.message {
                let path = path.child("messageExpression");
                self.observe(&path, rule, message, "estimated messageExpression cost", count);
            }
            let Ok((program, _)) = &compiled.rule else { continue };
            self.old_self(rule, &path, program.reads("oldSelf"), uncorrelated);
        }
    }

    fn observe<T>(
        &mut self,
        path: &Path,
        rule: &ValidationRule,
        compiled: &Result<(T, u64), String>,
        name: &str,
        count: u64,
    ) {
        match compiled {
            Ok((_, cost)) => {
                let cost = cost.saturating_mul(count);
                if cost > ESTIMATE_LIMIT {
                    self.errors.push(Error::forbidden(path, too_expensive(name, cost, ESTIMATE_LIMIT)));
                }
                self.costs.push((cost, path.clone()));
            }
            Err(error) => self.errors.push(Error::invalid(path, shown(rule), error.as_str())),
        }
    }

    fn old_self(&mut self, rule: &ValidationRule, path: &Path, reads_old: bool, uncorrelated: Option<&Path>) {
        match (reads_old, uncorrelated, rule.optional_old_self) {
            (true, Some(at), _) => {
                let detail =
                    format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {at}");
                self.errors.push(Error::invalid(&path.child("rule"), rule.rule.as_str(), detail));
            }
            (false, _, Some(given)) => {
                let detail = "may not be set if oldSelf is not used in rule";
                self.errors.push(Error::invalid(&path.child("optionalOldSelf"), given, detail));
            }
            _ => {}
        }
    }

    /// Everything that was found, and whether all rules together cost too much.
    pub(super) fn finish(mut self, path: &Path) -> Errors {
        let total = self.costs.iter().fold(0u64, |sum, it| sum.saturating_add(it.0));
        if total <= SCHEMA_ESTIMATE_LIMIT {
            return self.errors;
        }
        self.costs.sort_by_key(|it| std::cmp::Reverse(it.0));
        for (_, path) in self.costs.iter().take(NAMED).filter(|it| it.0 > SCHEMA_ESTIMATE_LIMIT / 100) {
            let detail =
                "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            self.errors.push(Error::forbidden(path, detail));
        }
        let name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        self.errors.push(Error::forbidden(path, too_expensive(name, total, SCHEMA_ESTIMATE_LIMIT)));
        self.errors
    }
}

/// A rule in messages.
fn shown(rule: &ValidationRule) -> Value {
    let mut fields = serde_json::Map::new();
    let texts = [
        ("fieldPath", &rule.field_path),
        ("message", &rule.message),
        ("messageExpression", &rule.message_expression),
        ("reason", &rule.reason),
    ];
    fields.insert("rule".to_owned(), Value::from(rule.rule.as_str()));
    fields.extend(
        texts.into_iter().filter_map(|(name, it)| Some((name.to_owned(), Value::from(it.as_deref()?)))),
    );
    Value::Object(fields)
}

fn too_expensive(name: &str, cost: u64, limit: u64) -> String {
    let times = cost as f64 / limit as f64;
    let factor = match times {
        times if times > 100.0 => "more than 100x".to_owned(),
        times if times < 1.5 => format!("{times:.6}x"),
        times => format!("{times:.1}x"),
    };
    format!(
        "{name} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, \
         and maxLength where arrays, maps, and strings are declared)"
    )
}

fn has_newlines(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// What rules must say before they are compiled.
pub(super) fn fields(errors: &mut Errors, schema: &JSONSchemaProps, path: &Path) {
    let rules = schema.x_kubernetes_validations.as_deref().unwrap_or_default();
    let names_field = rules.iter().any(|it| it.field_path.is_some());
    let structure = if names_field { Structural::structure(schema).ok() } else { None };
    for (index, rule) in rules.iter().enumerate() {
        let path = path.child("x-kubernetes-validations").index(index);
        message(errors, rule, &path);
        if rule.message_expression.as_ref().is_some_and(|it| !it.is_empty() && it.trim().is_empty()) {
            let detail = "messageExpression must be non-empty if specified";
            errors.push(Error::required(&path.child("messageExpression"), detail));
        }
        if let Some(reason) = rule.reason.as_deref().filter(|it| !REASONS.contains(it)) {
            errors.push(Error::not_supported(&path.child("reason"), reason, &REASONS));
        }
        if let Some(given) = rule.field_path.as_deref().filter(|it| !it.is_empty()) {
            field(errors, structure.as_ref(), given, &path.child("fieldPath"));
        }
    }
}

fn message(errors: &mut Errors, rule: &ValidationRule, path: &Path) {
    let given = rule.message.as_deref().unwrap_or_default();
    let message = path.child("message");
    if rule.rule.trim().is_empty() {
        errors.push(Error::required(&path.child("rule"), "rule is not specified"));
    } else if !given.is_empty() && given.trim().is_empty() {
        errors.push(Error::invalid(&message, given, "message must be non-empty if specified"));
    } else if has_newlines(given.trim()) {
        errors.push(Error::invalid(&message, given, "message must not contain line breaks"));
    } else if has_newlines(rule.rule.trim()) && given.is_empty() {
        errors.push(Error::required(&message, "message must be specified if rule contains line breaks"));
    }
}

fn field(errors: &mut Errors, schema: Option<&Structural>, given: &str, path: &Path) {
    if given.trim().is_empty() {
        errors.push(Error::invalid(path, given, "fieldPath must be non-empty if specified"));
    }
    if has_newlines(given) {
        errors.push(Error::invalid(path, given, "fieldPath must not contain line breaks"));
    }
    if schema.is_some_and(|it| field_path(it, given).is_none()) {
        errors.push(Error::invalid(path, given, "fieldPath must be a valid path"));
    }
}
