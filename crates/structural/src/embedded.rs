//! What embedded resources must say of themselves: an API version and a kind. Their metadata is checked as that of any
//! object is, by those who know how.

use crate::correlate::Old;
use crate::schema::Structural;
use crate::validate::{below, made};
use crate::walk::walk;
use api::field::{ErrorType, Errors};
use serde_json::Value;

/// Every embedded resource that does not say what it is.
pub(crate) fn incomplete(value: &Value, schema: &Structural, old: Old<'_>) -> Errors {
    let mut errors = Errors::new();
    walk("", value, schema, old, &mut |path, value, schema| {
        if schema.embedded && value.is_object() {
            identity(&mut errors, path, value);
        }
    });
    errors
}

fn identity(errors: &mut Errors, path: &str, value: &Value) {
    for name in ["apiVersion", "kind"] {
        let (at, detail) = (below(path, name), "must not be empty".to_owned());
        match value.get(name) {
            None => errors.push(made(ErrorType::Required, &at, Value::Null, detail)),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(made(ErrorType::Invalid, &at, Value::from(""), detail));
            }
            _ => {}
        }
    }
}
