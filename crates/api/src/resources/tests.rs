//! Checks of the table as a whole: every row's strategy keeps its own promises.

use super::*;
use serde_json::json;

/// Objects with nothing but their identity.
fn blanks() -> impl Iterator<Item = (Kind, crate::Object)> {
    Kind::all().map(|kind| (kind, kind.decode(b"{}").expect("every field may be left out")))
}

#[test]
fn cells_match_columns_and_fields_their_names() {
    let now = jiff::Timestamp::UNIX_EPOCH;
    for (kind, object) in blanks() {
        let strategy = kind.row().strategy;
        assert_eq!(strategy.cells(&object, now).len(), strategy.columns().len(), "{kind:?}");
        let names: Vec<&str> = strategy.fields(&object).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, strategy.field_names(), "{kind:?}");
    }
}

#[test]
fn preparing_twice_changes_nothing() {
    for (kind, mut object) in blanks() {
        let strategy = kind.row().strategy;
        strategy.set_defaults(&mut object);
        strategy.prepare_create(&mut object);
        let once = object.clone();
        strategy.set_defaults(&mut object);
        strategy.prepare_update(&mut object, &once);
        assert_eq!(object, once, "{kind:?}");
        assert_eq!(strategy.validate_update(&object, &once), [], "{kind:?}");
    }
}

#[test]
fn quantities_are_normalized_or_refused() {
    let pod = |cpu: &str| {
        let resources = json!({"requests": {"cpu": cpu, "memory": "1024Mi"}});
        let spec = json!({"containers": [{"name": "a", "resources": resources}]});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec})
    };
    let kind = Kind::named("v1", "Pod").expect("it is in the table");
    let value = kind.decode_value(pod("0.5")).expect("it decodes").to_value();
    let requests = value.pointer("/spec/containers/0/resources/requests");
    assert_eq!(requests, Some(&json!({"cpu": "500m", "memory": "1Gi"})));
    let error = kind.decode_value(pod("12x")).expect_err("it is refused").to_string();
    assert!(error.starts_with("quantities must match the regular expression"), "{error}");
}
