//! Which part of the old object a part of the new one was.
//!
//! Fields correlate by name, items of a list of type map by their keys; everything else does not. What correlates lets
//! rules compare `self` with `oldSelf`, and lets an update keep what was wrong before it (ratcheting): nothing is held
//! against a part that did not change.

use crate::schema::{ListType, Structural};
use serde_json::Value;
use std::collections::HashMap;

/// The old value of the part that is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Old<'a> {
    value: Option<&'a Value>,
    /// A part above this one that correlates, and did not change.
    same_above: bool,
}

impl<'a> Old<'a> {
    /// The old object of an update.
    pub fn object(value: &'a Value) -> Self {
        Self { value: Some(value), same_above: false }
    }

    /// There is no old object: a create.
    pub fn none() -> Self {
        Self::default()
    }

    /// The old value, if this part correlates.
    pub fn value(self) -> Option<&'a Value> {
        self.value
    }

    /// Whether the part, or a part around it, is what it was.
    pub(crate) fn is_same(self, new: &Value) -> bool {
        self.same_above || self.value == Some(new)
    }

    /// A field's old value. `same` is whether the object around it is what it was.
    pub(crate) fn field(self, same: bool, schema: &Structural, name: &str) -> Self {
        let value = if schema.atomic_map { None } else { self.value.and_then(|it| it.get(name)) };
        Self { value, same_above: same }
    }

    /// The old items of a list.
    pub(crate) fn items(self, same: bool, schema: &'a Structural) -> OldItems<'a> {
        let is_map = schema.list_type == ListType::Map && !schema.map_keys.is_empty();
        let items = self.value.and_then(Value::as_array).filter(|_| is_map);
        let by_keys = items.into_iter().flatten().map(|it| (keys_of(it, &schema.map_keys), it)).collect();
        OldItems { by_keys, keys: &schema.map_keys, same }
    }
}

/// The old items of a list of type map by their keys.
pub(crate) struct OldItems<'a> {
    by_keys: HashMap<String, &'a Value>,
    keys: &'a [String],
    same: bool,
}

impl<'a> OldItems<'a> {
    /// An item's old value.
    pub(crate) fn of(&self, item: &Value) -> Old<'a> {
        let value =
            if self.by_keys.is_empty() { None } else { self.by_keys.get(&keys_of(item, self.keys)).copied() };
        Old { value, same_above: self.same }
    }
}

fn keys_of(item: &Value, keys: &[String]) -> String {
    keys.iter().map(|key| item.get(key).map_or_else(|| ",".to_owned(), |it| format!("{it},"))).collect()
}
