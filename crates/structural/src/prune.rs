//! Removing what the schema does not know.
//!
//! Start at [`Structural::prune`]. It gives the paths of what it removed, for `unknown field "spec.x"` warnings.

use crate::schema::{Additional, Structural};
use serde_json::{Map, Value};

/// Most paths that are reported; the rest is removed silently, as upstream does.
const MOST_REPORTED: usize = 100;

/// Fields that every object has, whatever its schema says.
pub(crate) const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Structural {
    /// Removes fields that the schema does not specify, and gives their paths (such as `spec.list[0].x`), sorted.
    /// `apiVersion`, `kind` and `metadata` stay at the root and in embedded resources.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        self.pruned(object, true)
    }

    /// Prunes a value of this part of a schema: the root's, or a default's.
    pub(crate) fn pruned(&self, value: &mut Value, is_resource: bool) -> Vec<String> {
        let mut pruner = Pruner::default();
        pruner.value(value, Some(self), is_resource || self.embedded, false);
        pruner.removed.sort();
        pruner.removed
    }
}

#[derive(Default)]
struct Pruner {
    path: String,
    removed: Vec<String>,
}

impl Pruner {
    /// One value. Items of a list whose schema preserves unknown fields keep theirs too (`keep`); a field that is
    /// specified is pruned by its own schema again.
    fn value(&mut self, value: &mut Value, schema: Option<&Structural>, is_resource: bool, keep: bool) {
        let keep = keep || schema.is_some_and(|it| it.preserves);
        match value {
            Value::Object(fields) => self.object(fields, schema, is_resource, keep),
            Value::Array(items) => {
                let schema = schema.and_then(Structural::items);
                for (index, item) in items.iter_mut().enumerate() {
                    let resource = schema.is_some_and(|it| it.embedded);
                    self.below(&format!("[{index}]"), |it| it.value(item, schema, resource, keep));
                }
            }
            _ => {}
        }
    }

    fn object(
        &mut self,
        fields: &mut Map<String, Value>,
        schema: Option<&Structural>,
        resource: bool,
        keep: bool,
    ) {
        fields.retain(|name, value| {
            if resource && OBJECT_FIELDS.contains(&name.as_str()) {
                return true;
            }
            let known = schema.and_then(|it| it.child(name));
            let allowed = schema.is_some_and(|it| matches!(it.additional, Additional::Allowed(_)));
            if known.is_none() && (keep || !allowed) {
                if !keep {
                    self.report(name);
                }
                return keep;
            }
            let separator = if self.path.is_empty() { "" } else { "." };
            let resource = known.is_some_and(|it| it.embedded);
            self.below(&format!("{separator}{name}"), |it| it.value(value, known, resource, false));
            true
        });
    }

    fn below(&mut self, step: &str, prune: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        prune(self);
        self.path.truncate(length);
    }

    fn report(&mut self, name: &str) {
        if self.removed.len() < MOST_REPORTED {
            let separator = if self.path.is_empty() { "" } else { "." };
            self.removed.push(format!("{}{separator}{name}", self.path));
        }
    }
}
