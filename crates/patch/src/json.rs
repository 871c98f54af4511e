//! The two patches that know no schema: JSON patch (RFC 6902) and JSON merge patch (RFC 7386).

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use crate::error::{Error, type_name};

/// Operations that one JSON patch may have, as upstream.
pub const MAX_OPERATIONS: usize = 10_000;

/// Bytes that the copy operations of one JSON patch may add, as upstream: without a bound, each copy could double the
/// document.
pub const MAX_COPIED_BYTES: usize = 3 << 20;

/// Levels of lists and objects that a patched document may have, which are as many as one that is sent may have. Moves
/// could nest without bound, and whoever walks the document next would run out of stack.
pub const MAX_DEPTH: usize = 127;

/// Applies an RFC 6902 patch: all of it, or nothing.
pub fn json_patch(doc: &Value, patch: &[u8]) -> Result<Value, Error> {
    // By way of a tree, in which the last of two equal keys counts, as upstream reads them.
    let tree: Value = serde_json::from_slice(patch).map_err(Error::Decode)?;
    let Patch(operations) = serde_json::from_value(tree).map_err(Error::Decode)?;
    if operations.len() > MAX_OPERATIONS {
        return Err(Error::TooManyOperations(operations.len()));
    }
    let mut doc = doc.clone();
    let mut copied = 0;
    for operation in &operations {
        check_depth(&doc, operation)?;
        copied += copied_bytes(&doc, operation);
        if copied > MAX_COPIED_BYTES {
            return Err(Error::CopiesTooLarge);
        }
        json_patch::patch(&mut doc, std::slice::from_ref(operation)).map_err(Error::Operation)?;
    }
    Ok(doc)
}

fn copied_bytes(doc: &Value, operation: &PatchOperation) -> usize {
    let PatchOperation::Copy(copy) = operation else { return 0 };
    doc.pointer(copy.from.as_str()).map_or(0, |value| value.to_string().len())
}

/// Refuses what would put a value deeper than documents may be.
fn check_depth(doc: &Value, operation: &PatchOperation) -> Result<(), Error> {
    let (path, value) = match operation {
        PatchOperation::Add(add) => (&add.path, Some(&add.value)),
        PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
        PatchOperation::Move(from) => (&from.path, doc.pointer(from.from.as_str())),
        PatchOperation::Copy(copy) => (&copy.path, doc.pointer(copy.from.as_str())),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    let levels = MAX_DEPTH.checked_sub(path.count());
    match (levels, value) {
        (_, None) => Ok(()),
        (Some(levels), Some(value)) if fits(value, levels) => Ok(()),
        _ => Err(Error::TooDeep),
    }
}

/// Whether a value has no more levels of lists and objects than that.
fn fits(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => false,
        (Value::Array(items), Some(below)) => items.iter().all(|item| fits(item, below)),
        (Value::Object(fields), Some(below)) => fields.values().all(|value| fits(value, below)),
        _ => true,
    }
}

/// Applies an RFC 7386 patch. The patch must be an object, since no object of the API may become anything else.
pub fn merge_patch(doc: &Value, patch: &Value) -> Result<Value, Error> {
    if !patch.is_object() {
        return Err(Error::NotAnObject(type_name(patch)));
    }
    let mut doc = doc.clone();
    json_patch::merge(&mut doc, patch);
    Ok(doc)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Class;

    fn check(doc: Value, patch: Value, expect: Result<Value, Class>) {
        let result = json_patch(&doc, patch.to_string().as_bytes());
        assert_eq!(result.map_err(|error| error.class()), expect);
    }

    #[test]
    fn operations_apply_in_order() {
        let doc = json!({ "metadata": { "labels": { "a/b": "1" } }, "list": [1, 2] });
        let patch = json!([
            { "op": "test", "path": "/metadata/labels/a~1b", "value": "1" },
            { "op": "replace", "path": "/metadata/labels/a~1b", "value": "2" },
            { "op": "add", "path": "/list/-", "value": 3 },
            { "op": "remove", "path": "/list/0" },
            { "op": "copy", "from": "/list/0", "path": "/first" },
            { "op": "move", "from": "/metadata/labels", "path": "/labels" },
        ]);
        let expect = json!({ "metadata": {}, "labels": { "a/b": "2" }, "list": [2, 3], "first": 2 });
        check(doc, patch, Ok(expect));
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let patch = br#"[{"op":"add","path":"/a","path":"/b","value":1,"more":2}]"#;
        assert_eq!(json_patch(&json!({}), patch).expect("the patch applies"), json!({ "b": 1 }));
    }

    #[test]
    fn refusals_have_their_class() {
        let doc = json!({ "a": 1 });
        check(doc.clone(), json!({ "op": "add" }), Err(Class::Malformed));
        check(doc.clone(), json!([{ "op": "add", "path": "/a" }]), Err(Class::Malformed));
        check(doc.clone(), json!([{ "op": "test", "path": "/a", "value": 2 }]), Err(Class::DoesNotApply));
        check(doc.clone(), json!([{ "op": "remove", "path": "/b" }]), Err(Class::DoesNotApply));
        check(
            doc.clone(),
            json!([{ "op": "replace", "path": "/b/c", "value": 1 }]),
            Err(Class::DoesNotApply),
        );
        let add = json!({ "op": "add", "path": "/b", "value": 1 });
        check(doc.clone(), json!(vec![add.clone(); MAX_OPERATIONS]), Ok(json!({ "a": 1, "b": 1 })));
        check(doc, json!(vec![add; MAX_OPERATIONS + 1]), Err(Class::TooLarge));
    }

    #[test]
    fn copies_cannot_double_without_end() {
        let grow = json!({ "op": "copy", "from": "/a", "path": "/a/-" });
        check(json!({ "a": ["0123456789"] }), json!(vec![grow; 60]), Err(Class::DoesNotApply));
    }

    /// Each round nests the document a hundred levels deeper; all rounds together are a body that the server reads.
    #[test]
    fn moves_cannot_nest_without_end() {
        let nest = (1..100).fold(json!({}), |below, _| json!({ "d": below }));
        let round = [
            json!({ "op": "add", "path": "/n", "value": nest }),
            json!({ "op": "move", "from": "/doc", "path": format!("/n{}", "/d".repeat(100)) }),
            json!({ "op": "move", "from": "/n", "path": "/doc" }),
        ];
        let rounds = round.iter().cycle().take(MAX_OPERATIONS).cloned().collect();
        check(json!({ "doc": 1 }), rounds, Err(Class::DoesNotApply));
    }

    #[test]
    fn merge_patch_removes_by_null_and_replaces_lists() {
        let doc = json!({ "a": { "b": 1, "c": [1, 2] }, "d": 1 });
        let patch = json!({ "a": { "b": null, "c": [3], "e": { "f": null, "g": 1 } }, "d": null });
        let expect = json!({ "a": { "c": [3], "e": { "g": 1 } } });
        assert_eq!(merge_patch(&doc, &patch).expect("the patch applies"), expect);
        assert_eq!(merge_patch(&doc, &json!([])).expect_err("no object").class(), Class::Malformed);
    }
}
