//! What client-side apply left behind: the annotation with the configuration that `kubectl apply` sent last.
//!
//! Fields that an object still has as that configuration said are kubectl's, whoever the managed fields name: taking
//! them by server-side apply is no conflict. And as long as the annotation is there, it is kept up to date, so that a
//! user can go back. Both hold for the manager `kubectl` alone; other names opt out.

use serde_json::{Map, Value};

use crate::Apply;
use crate::schema::Schema;
use crate::set::Set;
use crate::typed::{Duplicates, compare, field_set, validate};

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
const MANAGER: &str = "kubectl";

/// The bytes that all annotations of an object may have together.
const LARGEST_ANNOTATIONS: usize = 256 << 10;

fn text(object: &Value) -> Option<&str> {
    let text = object.pointer("/metadata/annotations")?.get(ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// The configuration that the live object remembers, if it counts for this apply.
pub(crate) fn configuration(live: &Value, request: &Apply<'_>) -> Option<Value> {
    if request.write.manager != MANAGER {
        return None;
    }
    let last: Value = serde_json::from_str(text(live)?).ok()?;
    (last.get("apiVersion")?.as_str()? == request.write.api_version).then_some(last)
}

/// The paths that the object still has as the configuration said; none where they cannot be compared.
pub(crate) fn unchanged<'a, S: Schema>(last: &'a Value, live: &'a Value, schema: S) -> Set<'a> {
    if validate(last, schema, Duplicates::Refused).is_err() {
        return Set::new();
    }
    let Ok(comparison) = compare(last, live, schema) else { return Set::new() };
    let set = field_set(last, schema).difference(&comparison.modified);
    set.difference(&comparison.added).difference(&comparison.removed)
}

/// Brings the annotation up to date, if the object has it.
pub(crate) fn refresh(object: &mut Value, config: &Value, request: &Apply<'_>) {
    if request.write.manager != MANAGER || text(object).is_none() {
        return;
    }
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    annotations.insert(ANNOTATION.into(), remembered(config).into());
    if size(annotations) > LARGEST_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    }
}

/// The configuration as the annotation says it: without the annotation, and with the end of line of upstream's encoder.
fn remembered(config: &Value) -> String {
    let mut config = config.clone();
    if let Some(annotations) = config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    format!("{config}\n")
}

fn size(annotations: &Map<String, Value>) -> usize {
    annotations.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum()
}
