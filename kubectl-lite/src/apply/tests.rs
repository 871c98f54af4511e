use super::*;
use serde_json::json;

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec})
}

/// Checks the patch, and that applying it to what is there gives what is expected.
#[track_caller]
fn check(original: Value, modified: Value, current: Value, patch: Value, result: Value) {
    let planned = plan_patch(Some(&original), &modified, &current);
    assert_eq!(planned.patch, patch);
    let schema = schema_of(&modified).expect("a built-in kind");
    assert_eq!(::patch::strategic_merge(&current, &planned.patch, schema).expect("it applies"), result);
}

#[test]
fn nothing_changed_is_nothing_to_do() {
    let applied = pod(json!({"containers": [{"name": "x", "image": "i"}]}));
    let mut current = applied.clone();
    current["status"] = json!({"phase": "Running"});
    current["spec"]["nodeName"] = json!("one");
    check(applied.clone(), applied, current.clone(), json!({}), current);
}

#[test]
fn fields_are_added_changed_and_removed() {
    let original = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "1", "b": "1"}},
        "data": {"x": "1", "y": "1"}});
    let modified = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "2"}},
        "data": {"x": "1", "z": "1"}});
    let current = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "1", "b": "1", "theirs": "1"}},
        "data": {"x": "1", "y": "1", "w": "1"}});
    check(
        original,
        modified,
        current,
        json!({"metadata": {"labels": {"a": "2", "b": null}}, "data": {"y": null, "z": "1"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "2", "theirs": "1"}},
            "data": {"x": "1", "z": "1", "w": "1"}}),
    );
}

#[test]
fn list_items_merge_by_their_key() {
    let original = pod(
        json!({"containers": [{"name": "x", "image": "1", "env": [{"name": "E", "value": "1"}]}, {"name": "y"}]}),
    );
    let modified = pod(json!({"containers": [{"name": "x", "image": "2"}, {"name": "z"}]}));
    let mut current = original.clone();
    current["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "sidecar"}));
    check(
        original,
        modified,
        current,
        json!({"spec": {
            "$setElementOrder/containers": [{"name": "x"}, {"name": "z"}],
            "containers": [{"name": "x", "image": "2", "env": null}, {"name": "z"}, {"name": "y", "$patch": "delete"}],
        }}),
        pod(json!({"containers": [{"name": "x", "image": "2"}, {"name": "z"}, {"name": "sidecar"}]})),
    );
}

#[test]
fn lists_of_scalars_merge_where_the_schema_says_so() {
    let object =
        |list: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": list}});
    check(
        object(json!(["a/a", "b/b"])),
        object(json!(["a/a", "c/c"])),
        object(json!(["a/a", "b/b", "theirs/x"])),
        json!({"metadata": {
            "$setElementOrder/finalizers": ["a/a", "c/c"],
            "$deleteFromPrimitiveList/finalizers": ["b/b"],
            "finalizers": ["c/c"],
        }}),
        object(json!(["a/a", "c/c", "theirs/x"])),
    );
}

#[test]
fn lists_without_a_key_are_replaced() {
    let args = |list: Value| pod(json!({"containers": [{"name": "x", "args": list}]}));
    check(
        args(json!(["a", "b"])),
        args(json!(["a"])),
        args(json!(["a", "b"])),
        json!({"spec": {"$setElementOrder/containers": [{"name": "x"}], "containers": [{"name": "x", "args": ["a"]}]}}),
        args(json!(["a"])),
    );
}

#[test]
fn unions_keep_only_what_is_sent() {
    let object = |strategy: Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": strategy}});
    let current = object(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
    check(
        object(json!({"type": "RollingUpdate"})),
        object(json!({"type": "Recreate"})),
        current,
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        object(json!({"type": "Recreate"})),
    );
}

#[test]
fn kinds_without_a_schema_get_merge_patches() {
    let object = |spec: Value| json!({"apiVersion": "a.io/v1", "kind": "Foo", "spec": spec});
    let planned = plan_patch(
        Some(&object(json!({"gone": 1, "list": [{"name": "a"}]}))),
        &object(json!({"list": [{"name": "b"}], "new": 1})),
        &object(json!({"gone": 1, "list": [{"name": "a"}], "theirs": 1})),
    );
    assert_eq!(planned.kind, PatchType::Merge);
    assert_eq!(planned.patch, json!({"spec": {"gone": null, "list": [{"name": "b"}], "new": 1}}));
}

#[test]
fn what_is_applied_is_remembered() {
    let object = json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "<"}});
    let remembered = remembered(&object);
    let text = remembered["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap();
    let expect = "{\"data\":{\"x\":\"\\u003c\"},\"kind\":\"ConfigMap\",\"metadata\":{\"annotations\":{},\"name\":\"a\"}}\n";
    assert_eq!(text, expect);
    assert_eq!(last_applied(&remembered).unwrap()["data"], object["data"]);
    assert_eq!(super::remembered(&remembered), remembered);
}
