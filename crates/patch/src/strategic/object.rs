//! Merges one object.

use std::mem;

use serde_json::Value;

use super::{
    Object,
    directive::{PATCH, Parts, fresh},
    list, order,
    schema::Schema,
};
use crate::error::{Error, type_name};

/// The object with the patch applied.
pub(super) fn merge(mut object: Object, mut patch: Object, schema: Schema) -> Result<Object, Error> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Object::new()),
            _ => {
                patch.insert(PATCH.into(), directive.clone());
                Err(Error::UnknownDirective { directive, within: patch })
            }
        };
    }
    let mut parts = Parts::of(patch)?;
    parts.retain_keys(&mut object)?;
    for (field, order) in mem::take(&mut parts.orders) {
        let patch = parts.fields.remove(&field);
        merge_ordered(&mut object, &field, patch, &order, schema)?;
    }
    for (field, patch) in parts.fields {
        merge_field(&mut object, field, patch, schema)?;
    }
    for (field, items) in &parts.deletions {
        delete_scalars(&mut object, field, items);
    }
    Ok(object)
}

fn merge_field(object: &mut Object, field: String, patch: Value, schema: Schema) -> Result<(), Error> {
    let merged = match (object.remove(&field), patch) {
        (_, Value::Null) => None,
        (Some(Value::Object(there)), Value::Object(patch)) => {
            Some(merge_object(there, patch, &field, schema)?)
        }
        (Some(Value::Array(there)), Value::Array(patch)) => {
            Some(Value::Array(merge_list(there, patch, &field, schema)?))
        }
        (_, patch) => fresh(patch),
    };
    object.extend(merged.map(|value| (field, value)));
    Ok(())
}

fn merge_object(there: Object, patch: Object, field: &str, schema: Schema) -> Result<Value, Error> {
    let lookup = schema.field(field)?;
    let merged = if lookup.patch.replace { patch } else { merge(there, patch, lookup.schema)? };
    Ok(Value::Object(merged))
}

fn merge_list(
    there: Vec<Value>,
    patch: Vec<Value>,
    field: &str,
    schema: Schema,
) -> Result<Vec<Value>, Error> {
    let lookup = schema.field(field)?;
    if lookup.patch.merge { list::merge(there, patch, field, &lookup) } else { Ok(patch) }
}

/// Merges a list whose patch came with `$setElementOrder`, and arranges it by that.
fn merge_ordered(
    object: &mut Object,
    field: &str,
    patch: Option<Value>,
    order: &[Value],
    schema: Schema,
) -> Result<(), Error> {
    let lookup = schema.field(field)?;
    let there = object.remove(field).map(|value| list_of(field, value)).transpose()?;
    let patch = patch.map(|value| list_of(field, value)).transpose()?;
    order::check(patch.as_deref().unwrap_or_default(), order, lookup.merge_key)?;
    let server_order = there.clone().unwrap_or_default();
    let merged = match (there, patch) {
        (None, None) => return Ok(()),
        (Some(there), None) => there,
        (None, Some(patch)) => patch.into_iter().filter_map(fresh).collect(),
        (Some(there), Some(patch)) => merge_list(there, patch, field, schema)?,
    };
    let arranged = order::arrange(merged, order, &server_order, lookup.merge_key)?;
    object.insert(field.into(), Value::Array(arranged));
    Ok(())
}

fn list_of(field: &str, value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(Error::NotAList { field: field.into(), found: type_name(&other) }),
    }
}

fn delete_scalars(object: &mut Object, field: &str, scalars: &[Value]) {
    if let Some(Value::Array(items)) = object.get_mut(field) {
        items.retain(|item| !scalars.contains(item));
    }
}
