//! What embedded resources must say of themselves: an API version and a kind. Their metadata is checked as that of any
//! object is, by those who know how.

use crate::correlate::Old;
use crate::schema::Structural;
use crate::validate::{below, made};
use api::field::{ErrorType, Errors};
use serde_json::Value;

/// Every embedded resource that does not say what it is.
pub(crate) fn incomplete(value: &Value, schema: &Structural, old: Old<'_>) -> Errors {
    let mut errors = Errors::new();
    walk(&mut errors, "", value, schema, old);
    errors
}

fn walk(errors: &mut Errors, path: &str, value: &Value, schema: &Structural, old: Old<'_>) {
    if old.is_same(value) {
        return;
    }
    match value {
        Value::Object(fields) => {
            if schema.embedded {
                identity(errors, path, value);
            }
            for (name, field) in fields {
                if let Some(field_schema) = schema.child(name) {
                    walk(errors, &below(path, name), field, field_schema, old.field(false, schema, name));
                }
            }
        }
        Value::Array(items) => {
            let Some(item_schema) = schema.items() else { return };
            let olds = old.items(false, schema);
            for (index, item) in items.iter().enumerate() {
                walk(errors, &format!("{path}[{index}]"), item, item_schema, olds.of(item));
            }
        }
        _ => {}
    }
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
