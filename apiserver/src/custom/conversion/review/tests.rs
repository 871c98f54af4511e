use super::*;
use crate::custom::definition::kinds_of;

fn wanted() -> Kind {
    let schema = json!({ "openAPIV3Schema": { "type": "object", "properties": {
        "spec": { "type": "object", "properties": { "size": { "type": "integer" } } },
    } } });
    let definition = json!({
        "metadata": { "name": "widgets.x.io" },
        "spec": {
            "group": "x.io", "scope": "Namespaced", "names": { "plural": "widgets", "kind": "Widget" },
            "versions": [{ "name": "v2", "served": true, "storage": true, "schema": schema }],
        },
    });
    kinds_of(&serde_json::from_value(definition).unwrap()).unwrap().stored
}

/// What comes of a converted object: it, or what is wrong with it. `changes` are pointers and values.
#[track_caller]
fn check(changes: &[(&str, Value)], expect: Result<Value, &str>) {
    let original = json!({
        "apiVersion": "x.io/v1", "kind": "Widget", "spec": { "old": 1 },
        "metadata": { "name": "a", "namespace": "ns", "uid": "1", "labels": { "a": "b" }, "finalizers": ["x.io/f"] },
    });
    let mut converted = original.clone();
    converted["apiVersion"] = "x.io/v2".into();
    converted["spec"] = json!({ "size": 1 });
    for (pointer, value) in changes {
        *converted.pointer_mut(pointer).unwrap() = value.clone();
    }
    let got = accepted(&original, converted, wanted()).map(|it| it.to_value());
    match (&got, &expect) {
        (Ok(got), Ok(expect)) => {
            assert_eq!((&got["metadata"], &got["spec"]), (&expect["metadata"], &expect["spec"]))
        }
        (Err(got), Err(expect)) => assert!(got.contains(expect), "{got:?} has no {expect:?}"),
        _ => panic!("{got:?} is not {expect:?}"),
    }
}

#[test]
fn metadata_stays_but_for_labels_and_annotations() {
    let metadata = |labels: &Value| {
        let mut it = json!({ "name": "a", "namespace": "ns", "uid": "1", "finalizers": ["x.io/f"] });
        if !labels.is_null() {
            it["labels"] = labels.clone();
        }
        json!({ "metadata": it, "spec": { "size": 1 } })
    };
    check(&[], Ok(metadata(&json!({ "a": "b" }))));
    check(&[("/metadata/labels", json!({ "c": "d" }))], Ok(metadata(&json!({ "c": "d" }))));
    check(&[("/metadata/labels", Value::Null)], Ok(metadata(&Value::Null)));
    check(&[("/metadata/finalizers", json!([]))], Ok(metadata(&json!({ "a": "b" }))));
    // What the schema does not have is pruned.
    check(&[("/spec", json!({ "size": 1, "other": 2 }))], Ok(metadata(&json!({ "a": "b" }))));
    check(&[("/metadata/name", json!("b"))], Err("must have the same name: a != b"));
    check(&[("/metadata/namespace", json!("b"))], Err("must have the same namespace: ns != b"));
    check(&[("/metadata/uid", json!("2"))], Err("must have the same UID: 1 != 2"));
    check(&[("/metadata", json!(1))], Err("must have the same name"));
    check(&[("/metadata/labels", json!(1))], Err("metadata.labels in converted object is no object"));
    check(&[("/metadata/labels", json!({ "a": 1 }))], Err("metadata.labels[a] must be a string"));
    check(&[("/metadata/labels", json!({ "a": "b c" }))], Err("metadata.labels"));
}

#[test]
fn the_type_must_be_the_one_that_was_asked_for() {
    let version = "invalid groupVersion (expected x.io/v2, received x.io/v1)";
    check(&[("/apiVersion", json!("x.io/v1"))], Err(version));
    check(&[("/kind", json!("Gadget"))], Err("invalid kind (expected Widget, received Gadget)"));
}

#[track_caller]
fn check_answer(changes: &[(&str, Value)], expect: Result<usize, &str>) {
    let mut review = json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "response": { "uid": "1", "convertedObjects": [{}], "result": { "status": "Success" } },
    });
    for (pointer, value) in changes {
        *review.pointer_mut(pointer).unwrap() = value.clone();
    }
    let got = answer(review.to_string().as_bytes(), "1", 1).map(|it| it.len());
    assert_eq!(got, expect.map_err(str::to_owned));
}

#[test]
fn answers_that_make_no_sense_are_named() {
    check_answer(&[], Ok(1));
    check_answer(
        &[("/apiVersion", json!("apiextensions.k8s.io/v1beta1"))],
        Err("failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got \
             apiextensions.k8s.io/v1beta1, Kind=ConversionReview"),
    );
    check_answer(&[("/response", Value::Null)], Err("failed: no response provided"));
    check_answer(&[("/response/uid", json!("2"))], Err("failed: expected response.uid=\"1\", got \"2\""));
    let failed = json!({ "status": "Failure", "message": "no" });
    check_answer(&[("/response/result", failed)], Err("failed: no"));
    let failed = json!({ "status": "Failure" });
    let silent = "failed: response.result.status was 'Failure', not 'Success'";
    check_answer(&[("/response/result", failed)], Err(silent));
    check_answer(&[("/response/convertedObjects", json!([]))], Err("returned 0 objects, expected 1"));
}
