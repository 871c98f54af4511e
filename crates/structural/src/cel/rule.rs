//! `x-kubernetes-validations`: rules of a schema, compiled with its types and run on its values.
//!
//! Start at [`compile_all`] and [`run`]. A rule that reads `oldSelf` is a transition rule: it runs only where an old value
//! corresponds to the new one, or anywhere if `optionalOldSelf` asks for it. All rules of an object share one budget.

use super::error::EvalError;
use super::eval::{Scope, text_of};
use super::functions::Meter;
use super::types::Type;
use super::value::Val;
use super::{CALL_BUDGET, Program};
use crate::correlate::Old;
use crate::jsonpath::JsonPath;
use crate::schema::Structural;
use crate::validate::{Findings, below, made};
use api::field::{Error, ErrorType};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;
use serde_json::Value;
use std::rc::Rc;

/// Longest message that an expression may give.
const LONGEST_MESSAGE: usize = 5 << 10;

/// A rule and its programs.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    source: ValidationRule,
    program: Result<Program, String>,
    message: Option<Program>,
    /// The field that errors name, below the value that has the rule.
    path: String,
}

/// What compiling a rule found.
pub(crate) struct Compiled {
    /// The rule and its highest cost.
    pub(crate) rule: Result<(Program, u64), String>,
    /// The message's expression and its highest cost.
    pub(crate) message: Option<Result<(Program, u64), String>>,
}

/// Compiles a rule for values of a type.
pub(crate) fn compile(source: &ValidationRule, own: &Type) -> Compiled {
    let old = if source.optional_old_self == Some(true) {
        Type::Optional(Rc::new(own.clone()))
    } else {
        own.clone()
    };
    let variables = [("self", own.clone()), ("oldSelf", old)];
    let program = |text: &str, good: fn(&Program) -> bool, wrong: &str, prefix: &str| {
        let (program, checked) = Program::typed(text, &variables).map_err(|it| format!("{prefix}: {it}"))?;
        if good(&program) { Ok((program, checked.cost)) } else { Err(wrong.to_owned()) }
    };
    let message = source.message_expression.as_deref().filter(|it| !it.trim().is_empty());
    let to_text = "messageExpression must evaluate to a string";
    Compiled {
        rule: program(
            &source.rule,
            Program::may_be_bool,
            "cel expression must evaluate to a bool",
            "compilation failed",
        ),
        message: message
            .map(|it| program(it, Program::may_be_text, to_text, "messageExpression compilation failed")),
    }
}

impl Rule {
    /// A rule that is not compiled yet.
    pub(crate) fn new(source: &ValidationRule) -> Self {
        let program = Err("the rule is not compiled".to_owned());
        Self { source: source.clone(), program, message: None, path: String::new() }
    }

    fn compile(&mut self, own: Option<&Type>, path: String) {
        let Some(own) = own else {
            self.program = Err("the schema says too little for rules".to_owned());
            return;
        };
        let compiled = compile(&self.source, own);
        self.program = compiled.rule.map(|it| it.0);
        self.message = compiled.message.and_then(Result::ok).map(|it| it.0);
        self.path = path;
    }

    /// The rule's message, or the rule itself.
    fn name(&self) -> &str {
        let message = self.source.message.as_deref().unwrap_or_default().trim();
        if message.is_empty() { self.source.rule.trim() } else { message }
    }

    fn detail(&self) -> String {
        match self.source.message.as_deref().unwrap_or_default() {
            "" => format!("failed rule: {}", self.name()),
            message => message.trim().to_owned(),
        }
    }

    fn is_optional(&self) -> bool {
        self.source.optional_old_self == Some(true)
    }
}

/// Compiles the rules of a schema and of everything below it.
pub(crate) fn compile_all(schema: &mut Structural, is_root: bool) {
    if !schema.rules.is_empty() {
        let own = Type::of(schema, is_root);
        let mut rules = std::mem::take(&mut schema.rules);
        for rule in &mut rules {
            let path = rule.source.field_path.as_deref().and_then(|it| field_path(schema, it));
            rule.compile(own.as_ref(), path.unwrap_or_default());
        }
        schema.rules = rules;
    }
    let values = match &mut schema.additional {
        crate::schema::Additional::Schema(values) => Some(values),
        _ => None,
    };
    let below =
        schema.properties.values_mut().chain(values.map(|it| &mut **it)).chain(schema.items.as_deref_mut());
    below.for_each(|it| compile_all(it, false));
    schema.has_rules = !schema.rules.is_empty() || schema.below().any(|it| it.has_rules);
}

/// A rule's `fieldPath` as errors spell it; none if it does not lead to a field of the schema.
pub(crate) fn field_path(schema: &Structural, path: &str) -> Option<String> {
    let (mut schema, mut out) = (schema, String::new());
    for name in JsonPath::parse(path.trim()).ok()?.names()? {
        match schema.properties.get(name) {
            Some(property) => {
                out = below(&out, name);
                schema = property;
            }
            None => {
                out.push_str(&format!("[{name}]"));
                schema = schema.values()?;
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Runs all rules on an object.
pub(crate) fn run(schema: &Structural, object: &Value, old: Old<'_>, budget: u64, findings: &mut Findings) {
    Run { left: budget, findings, stopped: false }.walk("", object, schema, old);
}

struct Run<'f> {
    left: u64,
    findings: &'f mut Findings,
    stopped: bool,
}

/// A value that rules are run on.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    value: &'a Value,
    schema: &'a Structural,
    old: Option<&'a Value>,
    /// Whether it is what it was before the update.
    same: bool,
}

impl Run<'_> {
    fn walk(&mut self, path: &str, value: &Value, schema: &Structural, old: Old<'_>) {
        if !schema.has_rules || value.is_null() || self.stopped {
            return;
        }
        let same = old.is_same(value);
        let old_value = old.value().filter(|it| !it.is_null());
        let place = Place { path, value, schema, old: old_value, same };
        for rule in &schema.rules {
            if !self.stopped {
                self.rule(rule, place);
            }
        }
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let old = old.field(same, schema, name);
                    if let Some(property) = schema.properties.get(name) {
                        self.walk(&below(path, name), field, property, old);
                    } else if let Some(values) = schema.values() {
                        self.walk(&format!("{path}[{name}]"), field, values, old);
                    }
                }
            }
            Value::Array(items) => {
                let Some(item_schema) = schema.items() else { return };
                let olds = old.items(same, schema);
                for (index, item) in items.iter().enumerate() {
                    self.walk(&format!("{path}[{index}]"), item, item_schema, olds.of(item));
                }
            }
            _ => {}
        }
    }

    fn rule(&mut self, rule: &Rule, place: Place<'_>) {
        let program = match &rule.program {
            Ok(program) => program,
            Err(error) => return self.broken(place, &format!("rule compile error: {error}")),
        };
        let reads_old = program.reads("oldSelf");
        if reads_old && place.old.is_none() && !rule.is_optional() {
            return;
        }
        if self.left == 0 {
            return self.stop(
                place,
                "validation failed due to running out of cost budget, \
                                     no further validation rules will be run",
            );
        }
        match self.evaluate(program, rule, place) {
            Ok(Val::Bool(true)) => {}
            Ok(_) => self.failed(rule, place, reads_old),
            Err(EvalError::Budget) => {
                let detail = format!(
                    "'{}': no further validation rules will be run due to call cost exceeds limit for rule: {}",
                    EvalError::Budget,
                    rule.name()
                );
                self.stop(place, &detail);
            }
            Err(error) if error == EvalError::no_such_overload() => {
                let detail = "call arguments did not match a supported operator, function or macro signature";
                self.broken(place, &format!("'{error}': {detail} for rule: {}", rule.name()));
            }
            Err(error) => self.broken(place, &format!("{error} evaluating rule: {}", rule.name())),
        }
    }

    fn evaluate<'a>(
        &mut self,
        program: &'a Program,
        rule: &Rule,
        at: Place<'a>,
    ) -> Result<Val<'a>, EvalError> {
        let budget = self.left.min(CALL_BUDGET);
        let meter = Meter::new(budget);
        let old = at.old.map(|it| Val::of(it, Some(at.schema)));
        let old = match rule.is_optional() {
            true => Some(old.map_or(Val::Optional(None), Val::some)),
            false => old,
        };
        let mut scope: Scope<'a> = vec![("self", Val::of(at.value, Some(at.schema)))];
        scope.extend(old.map(|it| ("oldSelf", it)));
        let value = program.run(scope, &meter);
        self.left -= budget - meter.left();
        value
    }

    /// What stands for the value in errors: scalars themselves, for others their type.
    fn shown(place: Place<'_>) -> Value {
        match (place.value, place.schema.kind) {
            (Value::Object(_) | Value::Array(_), Some(kind)) => Value::from(kind.name()),
            (value, _) => value.clone(),
        }
    }

    fn type_name(place: Place<'_>) -> Value {
        Value::from(place.schema.kind.map_or("", |it| it.name()))
    }

    fn broken(&mut self, place: Place<'_>, detail: &str) {
        let error = made(ErrorType::Invalid, place.path, Self::type_name(place), detail.to_owned());
        self.findings.errors.push(error);
    }

    fn stop(&mut self, place: Place<'_>, detail: &str) {
        self.broken(place, detail);
        self.stopped = true;
    }

    fn failed(&mut self, rule: &Rule, place: Place<'_>, reads_old: bool) {
        let detail = self.message(rule, place).unwrap_or_else(|| rule.detail());
        let path = match rule.path.as_str() {
            "" => place.path.to_owned(),
            path if path.starts_with('[') => format!("{}{path}", place.path),
            path => below(place.path, path),
        };
        let value = Self::shown(place);
        let error: Error = match rule.source.reason.as_deref() {
            Some("FieldValueForbidden") => made(ErrorType::Forbidden, &path, Value::Null, detail),
            Some("FieldValueRequired") => made(ErrorType::Required, &path, Value::Null, detail),
            Some("FieldValueDuplicate") => made(ErrorType::Duplicate, &path, value, String::new()),
            _ => made(ErrorType::Invalid, &path, value, detail),
        };
        if place.same && !reads_old {
            self.findings.warnings.push(error.to_string());
        } else {
            self.findings.errors.push(error);
        }
    }

    /// What the rule's message expression gives, if that is one line of text.
    fn message(&mut self, rule: &Rule, place: Place<'_>) -> Option<String> {
        let value = self.evaluate(rule.message.as_ref()?, rule, place).ok()?;
        let text = text_of(&value)?;
        let good = !text.trim().is_empty() && !text.contains(['\n', '\r']) && text.len() <= LONGEST_MESSAGE;
        good.then(|| text.trim().to_owned())
    }
}
