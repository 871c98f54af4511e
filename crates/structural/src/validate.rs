//! What is wrong with a value, with the paths and words that clients compare.
//!
//! Start at [`Structural::validate`]: the schema, then what list types forbid, then rules. Messages are those of
//! upstream's OpenAPI validator ("spec.size in body must be of type integer"), reasons those of its field errors.

use crate::correlate::Old;
use crate::format;
use crate::junctor::junctors;
use crate::schema::{Additional, Structural, Type};
use crate::{cel, embedded, sets};
use api::field::{Error, ErrorType, Errors, Path};
use serde_json::{Map, Value};

/// Where errors stand that upstream reports without a field.
pub(crate) const NO_FIELD: &str = "<nil>";

/// Nobody reads more.
const MOST_ERRORS: usize = 1_000;

/// Integers up to here are exact in every JSON reader.
const MOST_EXACT: f64 = 9_007_199_254_740_991.0;

/// What validation found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What is wrong.
    pub errors: Errors,
    /// What was wrong before, and did not change: the user is told, the update goes through.
    pub warnings: Vec<String>,
}

impl Structural {
    /// What is wrong with an object, which must have been pruned and defaulted. With the old object of an update,
    /// parts that did not change are not held against it. `budget` is what all rules together may cost
    /// ([`cel::OBJECT_BUDGET`]).
    pub fn validate(&self, object: &Value, old: Old<'_>, budget: u64) -> Findings {
        let mut findings = Findings { errors: self.validate_schema(object, old), warnings: Vec::new() };
        findings.errors.extend(sets::duplicates(object, self, old));
        findings.errors.extend(embedded::incomplete(object, self, old));
        if !self.has_rules {
            return findings;
        }
        if findings.errors.iter().any(|it| blocks_rules(it.kind)) {
            let detail = "some validation rules were not checked because the object was invalid; \
                          correct the existing errors to complete validation";
            findings.errors.push(Error::invalid(&Path::new(NO_FIELD), Value::Null, detail));
            return findings;
        }
        cel::rule::run(self, object, old, budget, &mut findings);
        findings
    }

    /// What is wrong with a value by structure and value validations alone.
    pub(crate) fn validate_schema(&self, value: &Value, old: Old<'_>) -> Errors {
        let mut errors = Errors::new();
        check_value(&mut errors, "", value, self, old);
        errors
    }
}

fn blocks_rules(kind: ErrorType) -> bool {
    use ErrorType::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
    matches!(kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
}

/// One value against one schema.
pub(crate) fn check_value(errors: &mut Errors, path: &str, value: &Value, schema: &Structural, old: Old<'_>) {
    if errors.len() >= MOST_ERRORS || old.is_same(value) {
        return;
    }
    if !has_type(value, schema) {
        errors.push(wrong_type(path, value, schema));
    }
    if !value.is_null() {
        junctors(errors, path, value, schema);
        match value {
            Value::String(text) => check_text(errors, path, text, schema),
            Value::Number(_) => check_number(errors, path, value, schema),
            Value::Array(items) => check_items(errors, path, items, schema, old),
            _ => {}
        }
    }
    check_enumeration(errors, path, value, schema);
    if let Value::Object(fields) = value {
        check_fields(errors, path, fields, schema, old);
    }
}

/// Whether a value has the type that the schema asks for.
pub(crate) fn has_type(value: &Value, schema: &Structural) -> bool {
    if value.is_null() {
        return schema.nullable || (schema.kind.is_none() && !schema.int_or_string);
    }
    if schema.int_or_string {
        return value.is_string() || is_integer(value);
    }
    match schema.kind {
        None => true,
        Some(Type::Array) => value.is_array(),
        Some(Type::Boolean) => value.is_boolean(),
        Some(Type::Integer) => is_integer(value),
        Some(Type::Number) => value.is_number(),
        Some(Type::Object) => value.is_object(),
        Some(Type::String) => value.is_string(),
    }
}

/// Whether a number is whole, and exact in JSON.
pub(crate) fn is_integer(value: &Value) -> bool {
    let exact = |it: f64| it.fract() == 0.0 && it.abs() <= MOST_EXACT;
    value.is_i64() || (value.is_number() && value.as_f64().is_some_and(exact))
}

/// A value's type in messages.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_type(path: &str, value: &Value, schema: &Structural) -> Error {
    let actual = kind_of(value);
    let expected = if schema.int_or_string { "integer,string" } else { schema.kind.map_or("", Type::name) };
    let detail = format!("{} must be of type {expected}: {actual:?}", in_body(path));
    made(ErrorType::TypeInvalid, path, Value::from(actual), detail)
}

/// An error of a kind that `api::field` has no maker for.
pub(crate) fn made(kind: ErrorType, path: &str, value: Value, detail: String) -> Error {
    Error { kind, field: field_of(path), value, detail }
}

/// The path in messages of the validator.
pub(crate) fn in_body(path: &str) -> String {
    format!("{path} in body")
}

/// The path of an error; the whole object's has no name.
pub(crate) fn field_of(path: &str) -> String {
    if path.is_empty() { NO_FIELD.to_owned() } else { path.to_owned() }
}

/// The path of a field below `path`.
pub(crate) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn invalid(errors: &mut Errors, path: &str, value: impl Into<Value>, rule: &str) {
    let detail = format!("{} {rule}", in_body(path));
    errors.push(made(ErrorType::Invalid, path, value.into(), detail));
}

fn check_text(errors: &mut Errors, path: &str, text: &str, schema: &Structural) {
    let checks = &schema.checks;
    let length = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(most) = checks.length.most.filter(|most| length() > *most) {
        errors.push(made(
            ErrorType::TooLong,
            path,
            Value::Null,
            format!("may not be more than {most} bytes"),
        ));
    }
    if let Some(least) = checks.length.least.filter(|least| length() < *least) {
        invalid(errors, path, text, &format!("should be at least {least} chars long"));
    }
    if let Some(pattern) = checks.pattern.as_ref().filter(|it| !it.is_match(text)) {
        invalid(errors, path, text, &format!("should match '{}'", pattern.source()));
    }
    if let Some(format) = schema.format.as_deref().filter(|it| !format::holds(it, text)) {
        let detail = format!("{} must be of type {format}: {text:?}", in_body(path));
        errors.push(made(ErrorType::TypeInvalid, path, Value::from(text), detail));
    }
}

fn check_number(errors: &mut Errors, path: &str, value: &Value, schema: &Structural) {
    let (checks, number) = (&schema.checks, value.as_f64().unwrap_or_default());
    if let Some(factor) = checks.multiple_of.filter(|it| !is_multiple(value, *it)) {
        invalid(errors, path, value.clone(), &format!("should be a multiple of {factor}"));
    }
    let over = |most: f64| number > most || (checks.exclusive_maximum && number >= most);
    if let Some(most) = checks.maximum.filter(|it| over(*it)) {
        let words = if checks.exclusive_maximum { "less than" } else { "less than or equal to" };
        invalid(errors, path, value.clone(), &format!("should be {words} {most}"));
    }
    let under = |least: f64| number < least || (checks.exclusive_minimum && number <= least);
    if let Some(least) = checks.minimum.filter(|it| under(*it)) {
        let words = if checks.exclusive_minimum { "greater than" } else { "greater than or equal to" };
        invalid(errors, path, value.clone(), &format!("should be {words} {least}"));
    }
    if let (Some(kind), Some(format)) = (schema.kind, schema.format.as_deref())
        && !format::holds_number(format, value)
    {
        let detail = format!("Checked value must be of type {} with format {format} in {path}", kind.name());
        errors.push(made(ErrorType::Invalid, "", Value::from(""), detail));
    }
}

fn is_multiple(value: &Value, factor: f64) -> bool {
    if let (Some(number), true) = (value.as_i64(), factor.fract() == 0.0 && factor.abs() < MOST_EXACT) {
        return factor as i64 != 0 && number % (factor as i64) == 0;
    }
    let quotient = value.as_f64().unwrap_or_default() / factor;
    quotient.is_finite() && quotient.fract() == 0.0
}

fn check_items(errors: &mut Errors, path: &str, items: &[Value], schema: &Structural, old: Old<'_>) {
    if let Some(item_schema) = schema.items() {
        let olds = old.items(false, schema);
        for (index, item) in items.iter().enumerate() {
            check_value(errors, &format!("{path}[{index}]"), item, item_schema, olds.of(item));
        }
    }
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.checks.items.least.filter(|it| count < *it) {
        invalid(errors, path, count, &format!("should have at least {least} items"));
    }
    if let Some(most) = schema.checks.items.most.filter(|it| count > *it) {
        errors.push(made(
            ErrorType::TooMany,
            path,
            Value::from(count),
            format!("must have at most {most} items"),
        ));
    }
}

fn check_enumeration(errors: &mut Errors, path: &str, value: &Value, schema: &Structural) {
    let allowed = &schema.checks.enumeration;
    if allowed.is_empty() || allowed.iter().any(|it| same_value(it, value)) {
        return;
    }
    let shown = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let listed: Vec<String> = allowed.iter().map(|it| format!("{:?}", shown(it))).collect();
    let detail = format!("supported values: {}", listed.join(", "));
    errors.push(made(ErrorType::NotSupported, path, value.clone(), detail));
}

/// Equality that takes 1 and 1.0 for the same.
fn same_value(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && one.as_f64() == other.as_f64())
}

fn check_fields(
    errors: &mut Errors,
    path: &str,
    fields: &Map<String, Value>,
    schema: &Structural,
    old: Old<'_>,
) {
    let count = i64::try_from(fields.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.checks.properties.least.filter(|it| count < *it) {
        return invalid(errors, path, count, &format!("should have at least {least} properties"));
    }
    if let Some(most) = schema.checks.properties.most.filter(|it| count > *it) {
        let detail = format!("must have at most {most} items");
        return errors.push(made(ErrorType::TooMany, path, Value::from(count), detail));
    }
    for (name, field) in fields {
        if let Some(field_schema) = schema.child(name) {
            check_value(errors, &below(path, name), field, field_schema, old.field(false, schema, name));
        } else if matches!(schema.additional, Additional::Allowed(false)) {
            let detail = format!("{path}.{name} in body is a forbidden property");
            errors.push(made(ErrorType::Invalid, path, Value::from(name.as_str()), detail));
        }
    }
    for name in schema.checks.required.iter().filter(|it| !fields.contains_key(*it)) {
        errors.push(made(ErrorType::Required, &below(path, name), Value::Null, String::new()));
    }
}
