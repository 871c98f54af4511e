//! Each walk by a table over a small schema that has every shape, and over pods where their own facts matter.

use serde_json::{Value, json};

use super::*;
use crate::path::{PathElement, path_text};
use crate::schema::{BuiltIn, Child, Deduced, Scalar, Schema, Shape};
use crate::set::Set;

/// A type with one field of every shape.
#[derive(Clone, Copy, Debug)]
enum Small {
    Root,
    Scalar(Scalar),
    Labels,
    Atomic,
    Args,
    Tags,
    Ports,
    Port,
    Nested,
    Free,
}

impl Schema for Small {
    const MAY_HAVE_CHANGED: bool = true;

    fn shape(&self) -> Shape<Self> {
        match self {
            Small::Root | Small::Labels | Small::Port | Small::Nested => Shape::Object,
            Small::Scalar(scalar) => Shape::Scalar(*scalar),
            Small::Atomic => Shape::AtomicObject,
            Small::Args => Shape::AtomicList(Small::Scalar(Scalar::Any)),
            Small::Tags => Shape::Set(Small::Scalar(Scalar::Any)),
            Small::Ports => Shape::ListMap(Small::Port),
            Small::Free => Shape::Unknown,
        }
    }

    fn child(&self, name: &str) -> Option<Child<Self>> {
        let declared = |schema| Some(Child { schema, declared: true });
        let entry = |schema| Some(Child { schema, declared: false });
        match (self, name) {
            (Small::Labels | Small::Atomic, _) => entry(Small::Scalar(Scalar::Text)),
            (Small::Free, _) => entry(Small::Free),
            (Small::Port, "port" | "weight") | (Small::Root | Small::Nested, "count") => {
                declared(Small::Scalar(Scalar::Number))
            }
            (Small::Port, "proto" | "note") | (Small::Root | Small::Nested, "name") => {
                declared(Small::Scalar(Scalar::Text))
            }
            (Small::Root | Small::Nested, "on") => declared(Small::Scalar(Scalar::Bool)),
            (Small::Root, "labels") => declared(Small::Labels),
            (Small::Root, "atomic") => declared(Small::Atomic),
            (Small::Root, "args") => declared(Small::Args),
            (Small::Root | Small::Nested, "tags") => declared(Small::Tags),
            (Small::Root, "ports") => declared(Small::Ports),
            (Small::Root, "nested") => declared(Small::Nested),
            (Small::Root, "free") => declared(Small::Free),
            _ => None,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let keys: &[&str] = if matches!(self, Small::Ports) { &["port", "proto"] } else { &[] };
        keys.iter().copied()
    }

    fn key_default(&self, key: &str) -> Option<Value> {
        (key == "proto").then(|| "TCP".into())
    }
}

fn paths(set: &Set<'_>) -> Vec<String> {
    let mut paths = vec![];
    set.for_each(|path| paths.push(path_text(path)));
    paths
}

fn flaws(value: Value, duplicates: Duplicates) -> String {
    validate(&value, Small::Root, duplicates).map_or_else(|unfit| unfit.to_string(), |()| String::new())
}

#[test]
fn what_does_not_fit_is_named_with_its_path() {
    let check = |value, expect: &str| assert_eq!(flaws(value, Duplicates::Refused), expect);
    check(json!({ "name": "a", "count": 1.5, "on": true, "labels": null, "ports": [{ "port": 1 }] }), "");
    check(json!({ "size": 1 }), ".size: field not declared in schema");
    check(json!({ "nested": { "size": 1 } }), ".nested.size: field not declared in schema");
    check(json!({ "count": "3" }), ".count: expected numeric (int or float), got string");
    check(json!({ "name": 3 }), ".name: expected string, got &value.valueUnstructured{Value:3}");
    check(json!({ "on": "yes" }), ".on: expected boolean, got &{yes}");
    check(json!({ "args": [{ "a": 1 }] }), ".args[0]: expected any scalar, got &{map[a:1]}");
    check(json!({ "tags": "a" }), ".tags: expected list, got &{a}");
    check(json!({ "labels": ["a"] }), ".labels: expected map, got &{[a]}");
    check(json!({ "atomic": 1 }), ".atomic: expected map, got &{1}");
    check(json!({ "free": [{ "a": [[]] }] }), "");
    check(
        json!({ "count": "3", "on": 1 }),
        "errors:\n  .count: expected numeric (int or float), got string\n  .on: expected boolean, got &{1}",
    );
}

#[test]
fn items_that_cannot_be_told_apart_are_named() {
    let check = |value, expect: &str| assert_eq!(flaws(value, Duplicates::Refused), expect);
    let twice = json!({ "ports": [{ "port": 80, "proto": "TCP" }, { "port": 80 }] });
    check(twice.clone(), ".ports: duplicate entries for key [port=80,proto=\"TCP\"]");
    check(json!({ "tags": ["a", "a"] }), ".tags: duplicate entries for key [=\"a\"]");
    assert_eq!(flaws(twice, Duplicates::Tolerated), "");
    check(
        json!({ "ports": [null] }),
        ".ports: element 0: associative list with keys may not have a null element",
    );
    check(
        json!({ "ports": ["a"] }),
        ".ports: element 0: associative list with keys may not have non-map elements",
    );
    check(
        json!({ "tags": ["a", {}] }),
        ".tags: element 1: associative list without keys has an element that's a map type",
    );
    check(
        json!({ "tags": [null] }),
        ".tags: element 0: associative list without keys has an element that's an explicit null",
    );
    let pod = BuiltIn::kind("", "v1", "Pod").expect("a built-in kind");
    let nameless = json!({ "spec": { "containers": [{ "image": "a" }] } });
    assert_eq!(
        validate(&nameless, pod, Duplicates::Refused).expect_err("it has no name").to_string(),
        ".spec.containers: element 0: associative list with keys has an element that omits all key fields \
         [\"name\"] (and doesn't have default values for any key fields)"
    );
    let wrong = json!({ "spec": { "containers": { "name": "a" } } });
    assert_eq!(
        validate(&wrong, pod, Duplicates::Refused).expect_err("it is no list").to_string(),
        ".spec.containers: expected list, got &{map[name:a]}"
    );
}

#[test]
fn a_value_owns_its_leaves_items_and_entries() {
    let check = |value: Value, expect: &[&str]| assert_eq!(paths(&field_set(&value, Small::Root)), expect);
    check(json!({ "name": "a", "nested": { "count": 1 } }), &[".name", ".nested.count"]);
    check(json!({ "labels": { "a": "b" } }), &[".labels.a"]);
    check(json!({ "labels": {}, "nested": {}, "name": null }), &[".labels", ".name", ".nested"]);
    check(json!({ "atomic": { "a": "b" }, "args": ["a"] }), &[".args", ".atomic"]);
    check(json!({ "args": [], "atomic": null, "tags": [] }), &[".args", ".atomic"]);
    check(json!({ "tags": ["b", "a"] }), &[".tags[=\"a\"]", ".tags[=\"b\"]"]);
    check(
        json!({ "ports": [{ "port": 80, "weight": 1 }] }),
        &[
            ".ports[port=80,proto=\"TCP\"]",
            ".ports[port=80,proto=\"TCP\"].port",
            ".ports[port=80,proto=\"TCP\"].weight",
        ],
    );
    check(json!({ "ports": [{ "port": 1 }, { "port": 1, "weight": 2 }] }), &[".ports[port=1,proto=\"TCP\"]"]);
    check(json!({ "free": { "a": { "b": [1] }, "c": null } }), &[".free.a", ".free.c", ".free.a.b"]);
}

#[test]
fn declared_fields_on_the_way_can_be_added() {
    let value = json!({ "nested": { "name": "a" }, "labels": { "a": "b" }, "ports": [{ "port": 1 }] });
    let set = with_declared_fields(field_set(&value, Small::Root), Small::Root);
    let expect = [
        ".labels",
        ".nested",
        ".ports",
        ".labels.a",
        ".nested.name",
        ".ports[port=1,proto=\"TCP\"]",
        ".ports[port=1,proto=\"TCP\"].port",
    ];
    assert_eq!(paths(&set), expect);
}

/// Added, modified and removed, each marked.
fn differences(before: &Value, after: &Value) -> Vec<String> {
    let found = compare(before, after, Small::Root).expect("both fit");
    let marked = |mark: &'static str, set: &Set<'_>| {
        paths(set).into_iter().map(move |path| format!("{mark}{path}")).collect::<Vec<_>>()
    };
    [marked("+", &found.added), marked("*", &found.modified), marked("-", &found.removed)].concat()
}

#[test]
fn differences_are_found_by_shape() {
    let check = |before: Value, after: Value, expect: &[&str]| {
        assert_eq!(differences(&before, &after), expect);
    };
    check(json!({ "name": "a", "count": 1 }), json!({ "name": "a", "count": 1.0 }), &[]);
    check(
        json!({ "name": "a", "count": 1 }),
        json!({ "name": "b", "on": true }),
        &["+.on", "*.name", "-.count"],
    );
    check(json!({ "atomic": { "a": "1" } }), json!({ "atomic": { "a": "2" } }), &["*.atomic"]);
    check(json!({ "args": ["a"] }), json!({ "args": ["a", "b"] }), &["*.args"]);
    check(json!({}), json!({ "nested": { "name": "a" } }), &["+.nested", "+.nested.name"]);
    check(json!({ "labels": { "a": "1" } }), json!({}), &["-.labels", "-.labels.a"]);
    check(json!({ "labels": { "a": "1" } }), json!({ "labels": {} }), &["-.labels.a"]);
    check(json!({ "labels": {} }), json!({ "labels": null }), &["*.labels"]);
    check(json!({ "tags": [] }), json!({ "tags": null }), &["*.tags"]);
    check(
        json!({ "tags": ["a", "b"] }),
        json!({ "tags": ["b", "c"] }),
        &["+.tags[=\"c\"]", "-.tags[=\"a\"]"],
    );
    check(json!({ "tags": ["a", "b"] }), json!({ "tags": ["b", "a"] }), &[]);
}

#[test]
fn differences_of_items_are_found_by_identity() {
    let check = |before: Value, after: Value, expect: &[&str]| {
        assert_eq!(differences(&json!({ "ports": before }), &json!({ "ports": after })), expect);
    };
    check(
        json!([{ "port": 1 }]),
        json!([{ "port": 1, "proto": "TCP" }]),
        &["+.ports[port=1,proto=\"TCP\"].proto"],
    );
    check(
        json!([{ "port": 2, "weight": 1 }, { "port": 1 }]),
        json!([{ "port": 3 }, { "port": 2, "weight": 2 }]),
        &[
            "+.ports[port=3,proto=\"TCP\"]",
            "+.ports[port=3,proto=\"TCP\"].port",
            "*.ports[port=2,proto=\"TCP\"].weight",
            "-.ports[port=1,proto=\"TCP\"]",
            "-.ports[port=1,proto=\"TCP\"].port",
        ],
    );
}

#[test]
fn duplicates_are_compared_as_one_value() {
    let check = |before: Value, after: Value, expect: &[&str]| {
        assert_eq!(differences(&json!({ "tags": before }), &json!({ "tags": after })), expect);
    };
    check(json!(["a", "a"]), json!(["a", "a", "b"]), &["+.tags[=\"b\"]"]);
    check(json!(["a", "a"]), json!(["a", "a", "a"]), &["*.tags[=\"a\"]"]);
    check(json!(["a", "a"]), json!(["a"]), &["+.tags[=\"a\"]", "-.tags[=\"a\"]"]);
    check(json!(["a"]), json!(["a", "a"]), &["+.tags[=\"a\"]", "-.tags[=\"a\"]"]);
    check(json!(["a", "a"]), json!([]), &["-.tags[=\"a\"]"]);
}

#[test]
fn what_is_unknown_may_change_its_form() {
    let check = |before: Value, after: Value, expect: &[&str]| {
        assert_eq!(differences(&json!({ "free": before }), &json!({ "free": after })), expect);
    };
    check(json!({ "a": 1 }), json!({ "a": 2, "b": {} }), &["+.free.b", "*.free.a"]);
    check(json!([1]), json!([1, 2]), &["*.free"]);
    check(json!({ "a": 1 }), json!("a"), &["*.free", "-.free.a"]);
    check(json!(1), json!({ "a": 1 }), &["+.free.a", "*.free"]);
    check(json!(null), json!({ "a": 1 }), &["+.free.a"]);
}

fn merged(live: Value, config: Value) -> Value {
    validate(&config, Small::Root, Duplicates::Refused).expect("the configuration fits");
    merge(&live, &config, Small::Root).expect("both fit")
}

#[test]
fn what_is_configured_wins_and_the_rest_stays() {
    let check = |live, config, expect: Value| assert_eq!(merged(live, config), expect);
    check(json!({ "name": "a", "count": 1 }), json!({ "name": "b" }), json!({ "name": "b", "count": 1 }));
    check(json!({ "name": "a" }), json!({ "name": null }), json!({ "name": null }));
    check(
        json!({ "labels": { "a": "1" } }),
        json!({ "labels": { "b": "2" } }),
        json!({ "labels": { "a": "1", "b": "2" } }),
    );
    check(json!({ "labels": { "a": "1" } }), json!({ "labels": {} }), json!({ "labels": { "a": "1" } }));
    check(json!({ "labels": { "a": "1" } }), json!({ "labels": null }), json!({ "labels": { "a": "1" } }));
    check(json!({ "labels": {} }), json!({ "labels": null }), json!({ "labels": null }));
    check(
        json!({ "atomic": { "a": "1" } }),
        json!({ "atomic": { "b": "2" } }),
        json!({ "atomic": { "b": "2" } }),
    );
    check(json!({ "args": ["a"] }), json!({ "args": [] }), json!({ "args": [] }));
    check(json!({ "tags": ["a"] }), json!({ "tags": [] }), json!({ "tags": ["a"] }));
    check(
        json!({ "free": { "a": { "b": 1 } } }),
        json!({ "free": { "a": { "c": 2 } } }),
        json!({ "free": { "a": { "b": 1, "c": 2 } } }),
    );
    check(json!({ "free": { "a": [1] } }), json!({ "free": { "a": [2] } }), json!({ "free": { "a": [2] } }));
    check(json!({ "free": "a" }), json!({ "free": { "a": {} } }), json!({ "free": { "a": {} } }));
    check(json!({ "free": { "a": 1 } }), json!({ "free": 2 }), json!({ "free": 2 }));
}

#[test]
fn merged_lists_follow_the_configuration_and_keep_others_beside_their_neighbours() {
    let check = |live: &str, config: &str, expect: &str| {
        let list = |letters: &str| letters.chars().map(String::from).collect::<Vec<_>>();
        let result = merged(json!({ "tags": list(live) }), json!({ "tags": list(config) }));
        assert_eq!(result, json!({ "tags": list(expect) }), "{live} and {config}");
    };
    check("", "ab", "ab");
    check("ab", "", "ab");
    check("ab", "ab", "ab");
    check("ab", "ba", "ba");
    check("abc", "b", "abc");
    check("ab", "c", "abc");
    check("abc", "cd", "abcd");
    check("abc", "cb", "acb");
    check("abcde", "ca", "bcdea");
    check("ade", "abcd", "abcde");
    check("aba", "c", "abac");
    check("aba", "a", "ab");
}

#[test]
fn items_are_merged_with_their_like() {
    let check = |live: Value, config: Value, expect: Value| {
        assert_eq!(merged(json!({ "ports": live }), json!({ "ports": config })), json!({ "ports": expect }));
    };
    check(
        json!([{ "port": 1, "weight": 1 }, { "port": 2 }]),
        json!([{ "port": 2, "note": "n" }, { "port": 1, "proto": "TCP" }]),
        json!([{ "port": 2, "note": "n" }, { "port": 1, "proto": "TCP", "weight": 1 }]),
    );
    check(
        json!([{ "port": 1, "weight": 1 }, { "port": 1, "weight": 2 }]),
        json!([{ "port": 1, "note": "n" }]),
        json!([{ "port": 1, "note": "n" }]),
    );
}

fn set_of(value: &Value) -> Set<'static> {
    crate::fields_v1::from_fields(value).expect("well-formed fields").into_owned()
}

#[test]
fn cutting_takes_paths_and_what_they_leave_empty() {
    let check = |value: Value, set: Value, rest: Value, cut: Value| {
        let set = set_of(&set);
        assert_eq!(remove_items(&value, &set, Small::Root), rest);
        assert_eq!(extract_items(&value, &set, Small::Root), cut);
    };
    check(
        json!({ "name": "a", "labels": { "a": "1", "b": "2" }, "tags": ["a", "b"] }),
        json!({ "f:labels": { "f:a": {} }, "f:tags": { "v:\"b\"": {} } }),
        json!({ "name": "a", "labels": { "b": "2" }, "tags": ["a"] }),
        json!({ "labels": { "a": "1" }, "tags": ["b"] }),
    );
    check(
        json!({ "nested": { "name": "a" }, "args": [1] }),
        json!({ "f:nested": { "f:name": {} } }),
        json!({ "nested": {}, "args": [1] }),
        json!({ "nested": { "name": "a" } }),
    );
    check(
        json!({ "ports": [{ "port": 1, "weight": 1 }, { "port": 2 }] }),
        json!({ "f:ports": { "k:{\"port\":1,\"proto\":\"TCP\"}": { "f:weight": {} }, "k:{\"port\":2,\"proto\":\"TCP\"}": {} } }),
        json!({ "ports": [{ "port": 1 }] }),
        json!({ "ports": [{ "weight": 1 }, { "port": 2 }] }),
    );
    check(json!({ "name": "a" }), json!({ "f:name": {} }), json!({}), json!({ "name": "a" }));
    check(json!({ "name": "a" }), json!({}), json!({ "name": "a" }), json!({}));
}

#[test]
fn sets_of_an_older_type_are_fitted() {
    let live =
        json!({ "atomic": { "a": "1" }, "labels": { "a": "1" }, "tags": ["a"], "ports": [{ "port": 1 }] });
    let check =
        |set: Value, expect: &[&str]| assert_eq!(paths(&fit(set_of(&set), &live, Small::Root)), expect);
    check(json!({ "f:atomic": { "f:a": {} } }), &[".atomic"]);
    check(json!({ "f:labels": {} }), &[".labels", ".labels.a"]);
    check(json!({ "f:tags": {} }), &[".tags", ".tags[=\"a\"]"]);
    check(json!({ "f:labels": { "f:a": {} }, "f:name": {} }), &[".name", ".labels.a"]);
    check(json!({ "f:gone": { "f:a": {} } }), &[".gone.a"]);
}

#[test]
fn a_deduced_object_is_owned_by_its_entries() {
    let value = json!({ "spec": { "list": [{ "a": 1 }], "map": { "a": {} } } });
    let set = field_set(&value, Deduced);
    assert_eq!(paths(&set), [".spec", ".spec.list", ".spec.map", ".spec.map.a"]);
    assert!(set.has(&[PathElement::field("spec"), PathElement::field("list")]));
}

#[test]
fn values_owned_as_one_are_found() {
    let check = |value: Value, expect: &[&str]| assert_eq!(atomics(&value, Small::Root), expect, "{value}");
    check(json!({"count": 1, "labels": {"a": "b"}, "tags": ["x"]}), &[]);
    check(json!({"atomic": {"a": "b"}, "args": ["x"]}), &[".args", ".atomic"]);
    check(json!({"free": {"a": {"b": [1]}}}), &[".free.a.b"]);
    check(json!({"nested": {"count": 1}, "ports": [{"port": 1}]}), &[]);
}
