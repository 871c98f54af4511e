//! `allOf`, `anyOf`, `oneOf` and `not`: value validations that hold together, or instead of each other.
//!
//! Upstream says of a junctor that fails which one it was, without a field, and adds what was wrong with the alternative
//! that came closest. How close is counted in the checks that a value passed; here the fewest errors stand for that.

use crate::correlate::Old;
use crate::schema::Structural;
use crate::validate::{check_value, made};
use api::field::{Error, ErrorType, Errors};
use serde_json::Value;

/// What the junctors of a schema have against a value.
pub(crate) fn junctors(errors: &mut Errors, path: &str, value: &Value, schema: &Structural) {
    let against = |it: &Structural| {
        let mut errors = Errors::new();
        check_value(&mut errors, path, value, it, Old::none());
        errors
    };
    let checks = &schema.checks;
    any_of(errors, path, &checks.any_of, against);
    one_of(errors, path, &checks.one_of, against);
    all_of(errors, path, &checks.all_of, against);
    if checks.not.as_deref().is_some_and(|it| against(it).is_empty()) {
        errors.push(failed(format!("{path:?} must not validate the schema (not)")));
    }
}

/// A junctor's failure, which upstream reports without a field.
fn failed(detail: String) -> Error {
    made(ErrorType::Invalid, "", Value::from(""), detail)
}

fn any_of(errors: &mut Errors, path: &str, list: &[Structural], against: impl Fn(&Structural) -> Errors) {
    let mut closest: Option<Errors> = None;
    for schema in list {
        let found = against(schema);
        if found.is_empty() {
            return;
        }
        closest = Some(fewer(closest, found));
    }
    if let Some(closest) = closest {
        errors.push(failed(format!("{path:?} must validate at least one schema (anyOf)")));
        errors.extend(closest);
    }
}

fn one_of(errors: &mut Errors, path: &str, list: &[Structural], against: impl Fn(&Structural) -> Errors) {
    let (mut valid, mut closest) = (0, None);
    for schema in list {
        let found = against(schema);
        if found.is_empty() {
            valid += 1;
        } else {
            closest = Some(fewer(closest, found));
        }
    }
    if list.is_empty() || valid == 1 {
        return;
    }
    let found =
        if valid == 0 { "Found none valid".to_owned() } else { format!("Found {valid} valid alternatives") };
    errors.push(failed(format!("{path:?} must validate one and only one schema (oneOf). {found}")));
    if valid == 0 {
        errors.extend(closest.unwrap_or_default());
    }
}

fn all_of(errors: &mut Errors, path: &str, list: &[Structural], against: impl Fn(&Structural) -> Errors) {
    let mut valid = 0;
    for schema in list {
        let found = against(schema);
        valid += usize::from(found.is_empty());
        errors.extend(found);
    }
    if valid < list.len() {
        let none = if valid == 0 { ". None validated" } else { "" };
        errors.push(failed(format!("{path:?} must validate all the schemas (allOf){none}")));
    }
}

fn fewer(closest: Option<Errors>, found: Errors) -> Errors {
    match closest {
        Some(closest) if closest.len() <= found.len() => closest,
        _ => found,
    }
}
