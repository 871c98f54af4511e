//! What embedded resources must say of themselves: an API version, a kind, and metadata as that of any object.

use crate::correlate::Old;
use crate::schema::Structural;
use crate::validate::{below, made};
use crate::walk::walk;
use api::ObjectMeta;
use api::field::{ErrorType, Errors};
use api::validation::{meta, names};
use serde_json::Value;

/// Every embedded resource that does not say what it is.
pub(crate) fn incomplete(value: &Value, schema: &Structural, old: Old<'_>) -> Errors {
    let mut errors = Errors::new();
    walk("", value, schema, old, &mut |path, value, schema| {
        if schema.embedded && value.is_object() {
            identity(&mut errors, path, value);
            metadata(&mut errors, path, value);
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

/// Labels, annotations and names are those of any object; what is no metadata at all is the schema's to say.
fn metadata(errors: &mut Errors, path: &str, value: &Value) {
    let given = value.get("metadata").cloned().unwrap_or_default();
    let Ok(meta) = serde_json::from_value::<ObjectMeta>(given) else { return };
    for mut error in meta::validate_labels(&meta) {
        error.field = below(path, &error.field);
        errors.push(error);
    }
    let name = meta.name.as_deref().unwrap_or_default();
    for message in names::dns_subdomain(name).into_iter().filter(|_| !name.is_empty()) {
        errors.push(made(ErrorType::Invalid, &below(path, "metadata.name"), name.into(), message));
    }
}
