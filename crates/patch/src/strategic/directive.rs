//! The directives of a patch object, told apart from its fields.

use std::collections::HashSet;

use serde_json::Value;

use super::Object;
use crate::error::Error;

pub(super) const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ELEMENT_ORDER: &str = "$setElementOrder";
const PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";

/// A patch object without a `$patch` directive.
pub(super) struct Parts {
    /// `$retainKeys`: all other keys of the object go.
    retain_keys: Option<Value>,
    /// `$setElementOrder/<field>`: the order of the field's items.
    pub(super) orders: Vec<(String, Vec<Value>)>,
    /// `$deleteFromPrimitiveList/<field>`: scalars to take out of the field.
    pub(super) deletions: Vec<(String, Vec<Value>)>,
    /// What is to be merged.
    pub(super) fields: Object,
}

impl Parts {
    /// Takes a patch object apart.
    pub(super) fn of(mut patch: Object) -> Result<Self, Error> {
        let retain_keys = patch.remove(RETAIN_KEYS);
        let mut parts = Parts { retain_keys, orders: vec![], deletions: vec![], fields: Object::new() };
        for (key, value) in patch {
            if let Some(rest) = key.strip_prefix(ELEMENT_ORDER) {
                parts.orders.push(named_list(rest, value).ok_or(Error::ElementOrderFormat)?);
            } else if let Some(rest) = key.strip_prefix(PRIMITIVE_LIST) {
                parts.deletions.push(named_list(rest, value).ok_or(Error::PrimitiveListFormat)?);
            } else {
                parts.fields.insert(key, value);
            }
        }
        Ok(parts)
    }

    /// Keeps only the keys that `$retainKeys` names. Every key that the patch sets must be among them.
    pub(super) fn retain_keys(&self, object: &mut Object) -> Result<(), Error> {
        let Some(keys) = &self.retain_keys else { return Ok(()) };
        let keys = keys.as_array().ok_or(Error::RetainKeysFormat)?;
        let keys: HashSet<&str> = keys.iter().filter_map(Value::as_str).collect();
        let mut set = self.fields.iter().filter(|(_, value)| !value.is_null());
        if set.any(|(key, _)| !keys.contains(key.as_str())) {
            return Err(Error::RetainKeysFormat);
        }
        object.retain(|key, _| keys.contains(key.as_str()));
        Ok(())
    }
}

/// The field and the list of a directive `$name/<field>`.
fn named_list(rest: &str, value: Value) -> Option<(String, Vec<Value>)> {
    let field = rest.strip_prefix('/')?;
    let Value::Array(items) = value else { return None };
    Some((field.to_owned(), items))
}

/// A value of the patch where nothing is to be merged with: without nulls and without what carries a directive.
/// None where the value itself carries one.
pub(super) fn fresh(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(PATCH) => None,
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(key, value)| !value.is_null() && !is_directive(key));
            let fields = fields.filter_map(|(key, value)| Some((key, fresh(value)?)));
            Some(Value::Object(fields.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(fresh).collect())),
        scalar => Some(scalar),
    }
}

fn is_directive(key: &str) -> bool {
    let is_named = |name| key.strip_prefix(name).is_some_and(|rest: &str| rest.starts_with('/'));
    key == RETAIN_KEYS || is_named(ELEMENT_ORDER) || is_named(PRIMITIVE_LIST)
}
