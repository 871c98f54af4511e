//! One way through a value beside its schema and what it was before, for checks that look at one place at a time.

use crate::correlate::Old;
use crate::schema::Structural;
use crate::validate::below;
use serde_json::Value;

/// Shows every part of `value` that has a schema and is not as it was, with its path.
pub(crate) fn walk(
    path: &str,
    value: &Value,
    schema: &Structural,
    old: Old<'_>,
    see: &mut dyn FnMut(&str, &Value, &Structural),
) {
    if old.is_same(value) {
        return;
    }
    see(path, value, schema);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(field_schema) = schema.child(name) {
                    walk(&below(path, name), field, field_schema, old.field(false, schema, name), see);
                }
            }
        }
        Value::Array(items) => {
            let Some(item_schema) = schema.items() else { return };
            let olds = old.items(false, schema);
            for (index, item) in items.iter().enumerate() {
                walk(&format!("{path}[{index}]"), item, item_schema, olds.of(item), see);
            }
        }
        _ => {}
    }
}
