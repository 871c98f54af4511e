//! What holds for every document and every patch. Keys come from a handful of names, so that patches hit what is there.

use openapi::facts::Type;
use patch::{Class, MAX_DEPTH, json_patch, merge_patch, strategic_merge};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn value_of(name: &'static str) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => (-2..3i64).prop_map(Value::from),
        2 => "[ab]{0,1}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let fields = prop::collection::btree_map(name, inner.clone(), 0..4);
        prop_oneof![
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
            2 => fields.prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    value_of("[a-c~/]")
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c~/]", any_value(), 0..4)
        .prop_map(|it| Value::Object(it.into_iter().collect()))
}

/// A merge patch cannot say that a field shall be null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let set = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

/// The merge patch that makes one of the other.
fn merge_patch_between(from: &Map<String, Value>, to: &Map<String, Value>) -> Value {
    let mut patch = Map::new();
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in to {
        let part = match (from.get(name), value) {
            (Some(Value::Object(from)), Value::Object(to)) => merge_patch_between(from, to),
            _ => value.clone(),
        };
        patch.insert(name.clone(), part);
    }
    Value::Object(patch)
}

/// Every place of a document, as JSON pointers.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                pointers(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn any_pointer() -> impl Strategy<Value = String> {
    let step = prop_oneof![6 => "/[a-c]", 2 => "/[0-2-]", 1 => "/~[01]", 1 => "/?[~/a0-9-]{0,3}"];
    prop::collection::vec(step, 0..4).prop_map(|steps| steps.concat())
}

fn any_operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test", "nope"]);
    (op, any_pointer(), any_pointer(), any_value())
        .prop_map(|(op, path, from, value)| json!({ "op": op, "path": path, "from": from, "value": value }))
}

fn patched(doc: &Value, patch: &Value) -> Result<Value, Class> {
    json_patch(doc, patch.to_string().as_bytes()).map_err(|error| error.class())
}

/// Operations, most of which have a place to work on.
fn doc_and_operations() -> impl Strategy<Value = (Value, Vec<Value>)> {
    any_object().prop_flat_map(|doc| {
        let mut there = Vec::new();
        pointers(&doc, "", &mut there);
        let path = prop::sample::select(there);
        let operation =
            (any_operation(), path.clone(), path, 0..4u8).prop_map(|(mut operation, at, from, known)| {
                if known > 0 {
                    operation["path"] = Value::from(at);
                }
                if known > 1 {
                    operation["from"] = Value::from(from);
                }
                operation
            });
        (Just(doc), prop::collection::vec(operation, 0..5))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_merge_patch_applied_twice_is_applied_once(doc in any_object(), patch in any_object()) {
        let once = merge_patch(&doc, &patch).expect("objects merge");
        prop_assert_eq!(merge_patch(&once, &patch).expect("objects merge"), once);
    }

    #[test]
    fn a_merge_patch_leads_from_any_document_to_any_other(from in any_object(), to in any_object()) {
        let to = without_nulls(&to);
        let patch = merge_patch_between(from.as_object().expect("an object"), to.as_object().expect("an object"));
        prop_assert_eq!(merge_patch(&from, &patch).expect("objects merge"), to);
    }

    #[test]
    fn bytes_never_panic(doc in any_object(), patch in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = json_patch(&doc, &patch);
    }

    #[test]
    fn operations_in_one_patch_do_what_they_do_one_by_one((doc, operations) in doc_and_operations()) {
        let together = patched(&doc, &Value::from(operations.clone()));
        let malformed = together == Err(Class::Malformed);
        let mut one_by_one = Ok(doc);
        for operation in operations {
            one_by_one = one_by_one.and_then(|doc| patched(&doc, &json!([operation])));
        }
        // All of a patch is decoded before any of it is done.
        prop_assert!(malformed || together == one_by_one, "{together:?} is not {one_by_one:?}");
    }

    #[test]
    fn what_is_there_passes_its_test_and_nothing_else_does(doc in any_object(), other in any_value()) {
        let mut all = Vec::new();
        pointers(&doc, "", &mut all);
        for path in all {
            let there = doc.pointer(&path).expect("it is there");
            let test = |value: &Value| patched(&doc, &json!([{ "op": "test", "path": path, "value": value }]));
            prop_assert_eq!(test(there), Ok(doc.clone()));
            let expect = if *there == other { Ok(doc.clone()) } else { Err(Class::DoesNotApply) };
            prop_assert_eq!(test(&other), expect);
        }
    }

    #[test]
    fn what_is_moved_away_and_back_was_never_gone(doc in any_object()) {
        let mut all = Vec::new();
        pointers(&doc, "", &mut all);
        for path in all.into_iter().skip(1) {
            let there = json!({ "doc": doc, "aside": {} });
            let path = format!("/doc{path}");
            let patch = json!([
                { "op": "move", "from": path, "path": "/aside/x" },
                { "op": "move", "from": "/aside/x", "path": path },
            ]);
            prop_assert_eq!(patched(&there, &patch), Ok(there));
        }
    }
}

fn depth(value: &Value) -> usize {
    let below: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(fields) => Box::new(fields.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return 0,
    };
    1 + below.map(depth).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Moves and copies build depth out of nothing, and whoever walks the document next must not run out of stack.
    #[test]
    fn documents_do_not_grow_deep(step in 1..60usize, rounds in 1..40usize, copies in any::<bool>()) {
        let long = "/d".repeat(step);
        let nest = (1..step).fold(json!({}), |below, _| json!({ "d": below }));
        let mut patch = Vec::new();
        for _ in 0..rounds {
            patch.push(json!({ "op": "add", "path": "/n", "value": nest }));
            patch.push(json!({ "op": if copies { "copy" } else { "move" }, "from": "/doc", "path": format!("/n{long}") }));
            patch.push(json!({ "op": "move", "from": "/n", "path": "/doc" }));
        }
        match patched(&json!({ "doc": 1 }), &Value::from(patch)) {
            Ok(doc) => {
                prop_assert_eq!(depth(&doc), 1 + step * rounds);
                prop_assert!(depth(&doc) <= MAX_DEPTH);
            }
            Err(class) => {
                prop_assert_eq!(class, Class::DoesNotApply);
                prop_assert!(1 + step * rounds > MAX_DEPTH, "refused at depth {}", 1 + step * rounds);
            }
        }
    }
}

const TYPES: [&str; 4] = [
    "io.k8s.api.core.v1.PodSpec",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
];

fn strategic(type_name: &str, doc: &Value, patch: &Value) -> Result<Value, patch::Error> {
    strategic_merge(doc, patch, Type::named(type_name).expect("the type exists"))
}

/// Fields of those types and directives, both with values of any type.
fn any_directives() -> impl Strategy<Value = Value> {
    const NAMES: &str = "containers|volumes|env|ports|tolerations|name|containerPort|spec|template|metadata|labels|\
        finalizers|strategy|x|\\$patch|\\$retainKeys|\\$setElementOrder/containers|\\$setElementOrder/ports|\
        \\$setElementOrder/finalizers|\\$setElementOrder|\\$deleteFromPrimitiveList/finalizers|\\$deleteFromPrimitiveList";
    let word = prop::sample::select(vec!["delete", "replace", "merge", "a", "name"]).prop_map(Value::from);
    let value = prop_oneof![3 => value_of(NAMES), 1 => word];
    prop::collection::btree_map(NAMES, value, 0..5).prop_map(|it| Value::Object(it.into_iter().collect()))
}

/// The items of a list by their keys, each key once.
fn keyed<T: Strategy<Value = Value>>(key: &'static str, item: T) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::btree_map(0..4u16, item, 0..4).prop_map(move |items| {
        let item = |(at, mut item): (u16, Value)| {
            item[key] = if key == "containerPort" { json!(at) } else { json!(format!("{key}-{at}")) };
            item
        };
        items.into_iter().map(item).collect::<Vec<_>>()
    })
}

/// Any order of a list's items.
fn shuffled<T: Strategy<Value = Vec<Value>>>(items: T) -> impl Strategy<Value = Value> {
    items.prop_shuffle().prop_map(Value::from)
}

fn scalar(name: &'static str) -> impl Strategy<Value = Value> {
    (0..3u8).prop_map(move |value| json!({ name: value.to_string() }))
}

fn pod_spec() -> impl Strategy<Value = Value> {
    let container = (
        0..3u8,
        prop::option::of(shuffled(keyed("containerPort", scalar("protocol")))),
        prop::option::of(shuffled(keyed("name", scalar("value")))),
        prop::option::of(shuffled(keyed("mountPath", scalar("name")))),
        prop::option::of(prop::collection::vec("[ab]", 0..3)),
    );
    let container = container.prop_map(|(image, ports, env, mounts, args)| {
        let mut container = json!({ "image": image.to_string() });
        let lists =
            [("ports", ports), ("env", env), ("volumeMounts", mounts), ("args", args.map(Value::from))];
        for (name, list) in lists {
            container.as_object_mut().expect("an object").extend(list.map(|list| (name.to_owned(), list)));
        }
        container
    });
    let volume = prop_oneof![
        Just(json!({ "emptyDir": {} })),
        scalar("path").prop_map(|path| json!({ "hostPath": path })),
        scalar("secretName").prop_map(|secret| json!({ "secret": secret })),
    ];
    let labels = prop::collection::btree_map("[a-c]", "[ab]", 0..3);
    (shuffled(keyed("name", container)), shuffled(keyed("name", volume)), labels)
        .prop_map(|(containers, volumes, labels)| {
            json!({ "containers": containers, "volumes": volumes, "nodeSelector": labels })
        })
}

fn by_name(list: &Value) -> Map<String, Value> {
    let items = list.as_array().into_iter().flatten();
    items.map(|item| (item["name"].to_string(), item.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_directive_panics(doc in any_directives(), patch in any_directives(), name in prop::sample::select(&TYPES[..])) {
        let _ = strategic(name, &doc, &patch);
    }

    #[test]
    fn a_strategic_patch_applied_twice_is_applied_once(doc in pod_spec(), patch in pod_spec()) {
        let once = strategic(TYPES[0], &doc, &patch).expect("it applies");
        prop_assert_eq!(strategic(TYPES[0], &once, &patch).expect("it applies"), once);
    }

    #[test]
    fn a_document_is_its_own_patch(doc in pod_spec()) {
        prop_assert_eq!(&strategic(TYPES[0], &doc, &doc).expect("it applies"), &doc);
        prop_assert_eq!(&strategic(TYPES[0], &doc, &json!({})).expect("it applies"), &doc);
        prop_assert_eq!(&strategic(TYPES[0], &json!({}), &doc).expect("it applies"), &doc);
    }

    #[test]
    fn items_that_a_patch_does_not_name_stay(doc in pod_spec(), patch in pod_spec()) {
        let merged = strategic(TYPES[0], &doc, &patch).expect("it applies");
        for list in ["containers", "volumes"] {
            let (merged, doc, patch) = (by_name(&merged[list]), by_name(&doc[list]), by_name(&patch[list]));
            let names = doc.keys().chain(patch.keys());
            prop_assert_eq!(merged.len(), names.collect::<std::collections::BTreeSet<_>>().len());
            for (name, item) in merged.iter().filter(|(name, _)| !patch.contains_key(*name)) {
                prop_assert_eq!(Some(item), doc.get(name));
            }
            for (name, item) in merged.iter().filter(|(name, _)| !doc.contains_key(*name)) {
                prop_assert_eq!(Some(item), patch.get(name));
            }
        }
    }

    #[test]
    fn the_order_that_a_patch_sets_is_the_order_of_the_result(doc in pod_spec(), patch in pod_spec()) {
        let order: Vec<Value> = patch["containers"].as_array().expect("a list").iter()
            .map(|item| json!({ "name": item["name"] })).collect();
        let mut ordered = patch.clone();
        ordered["$setElementOrder/containers"] = Value::from(order.clone());
        let merged = strategic(TYPES[0], &doc, &ordered).expect("it applies");
        let names = merged["containers"].as_array().expect("a list").iter()
            .map(|item| json!({ "name": item["name"] })).filter(|name| order.contains(name));
        prop_assert_eq!(names.collect::<Vec<_>>(), order);
        prop_assert_eq!(strategic(TYPES[0], &merged, &ordered).expect("it applies"), merged);
    }

    #[test]
    fn deleted_items_are_gone_and_the_others_stay(doc in pod_spec(), name in 0..4u8) {
        let name = format!("name-{name}");
        let patch = json!({ "containers": [{ "$patch": "delete", "name": name }] });
        let left = strategic(TYPES[0], &doc, &patch).expect("it applies");
        let mut expect = doc.clone();
        expect["containers"].as_array_mut().expect("a list").retain(|item| item["name"] != *name);
        prop_assert_eq!(left, expect);
    }
}
