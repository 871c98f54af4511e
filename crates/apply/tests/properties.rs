//! What holds for every configuration.

mod story;

use apply::managed_fields::{check_entries, entries_of};
use apply::{Apply, BuiltIn, Force, Owners, PathElement, Set, Write, fields_v1, ownership_after_write};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use story::Story;

/// A part of a Deployment that one of a few managers may apply: its own names keep it apart from others'.
fn configuration(owner: &'static str) -> impl Strategy<Value = Value> {
    let label = (0..3u8, 0..3u8);
    let container = (0..2u8, 0..3u8, proptest::option::of(0..3u8));
    (proptest::collection::vec(label, 0..3), proptest::collection::vec(container, 0..3)).prop_map(
        move |(labels, containers)| {
            let labels =
                labels.into_iter().map(|(name, value)| (format!("{owner}{name}"), json!(value.to_string())));
            let labels: Map<String, Value> = labels.collect();
            let mut list = Map::new();
            for (name, image, port) in containers {
                let name = format!("{owner}{name}");
                let mut container = json!({ "name": name, "image": image.to_string() });
                if let Some(port) = port {
                    container["ports"] = json!([{ "containerPort": 80 + u16::from(port) }]);
                }
                list.insert(name, container);
            }
            let mut spec = json!({});
            if !list.is_empty() {
                // A list without items is nobody's, so it does not come back.
                spec["containers"] = list.into_iter().map(|(_, container)| container).collect();
            }
            json!({ "metadata": { "labels": labels }, "spec": { "template": { "spec": spec } } })
        },
    )
}

fn shared() -> impl Strategy<Value = Value> {
    configuration("")
}

/// The object with its containers by name, for orders depend on who came first.
fn by_name(mut object: Value) -> Value {
    if let Some(containers) =
        object.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut)
    {
        containers.sort_by_key(|container| container["name"].to_string());
    }
    object
}

fn deployment() -> Story {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("base", json!({ "spec": { "replicas": 1 } }));
    story
}

fn path() -> impl Strategy<Value = Vec<PathElement<'static>>> {
    let field = (0..3u8).prop_map(|name| PathElement::field(["a", "b", "c.d/e"][usize::from(name)]));
    let keys = (0..3u8, any::<bool>()).prop_map(|(port, text)| {
        let port = if text { json!(port.to_string()) } else { json!(port) };
        let part = |name: &'static str, value: Value| (name.into(), std::borrow::Cow::Owned(value));
        PathElement::Key(vec![part("port", port), part("protocol", json!("TCP"))])
    });
    let value = prop_oneof![Just(json!("x\"y")), Just(json!(1)), Just(json!(1.5)), Just(json!(true))];
    let value = value.prop_map(|value| PathElement::Value(std::borrow::Cow::Owned(value)));
    let index = (0..3i64).prop_map(PathElement::Index);
    proptest::collection::vec(prop_oneof![4 => field, 1 => keys, 1 => value, 1 => index], 1..4)
}

fn set() -> impl Strategy<Value = Set<'static>> {
    proptest::collection::vec(path(), 0..8).prop_map(|paths| {
        let mut set = Set::new();
        paths.into_iter().for_each(|path| set.insert(path));
        set
    })
}

/// Keys of managed fields, of which some are none.
fn any_step() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec![
            "f:metadata", "f:labels", "f:spec", "f:template", "f:containers", "f:replicas", "f:name", ".", "f:",
            "f:finalizers", "v:\"a\"", "k:{\"name\":\"0\"}", "k:{\"name\":\"1\"}", "i:0",
        ]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "", "f", "é:", "x:a", "k:{}", "k:{\"name\":null,\"x\":[1]}", "k:[]", "k:", "v:", "v:nope", "v:{\"a\":[]}", "i:-1",
            "i:99999999999999999999", "i:", "::", "f:é",
        ]).prop_map(str::to_owned),
        1 => "[fkvi.:]{0,2}:?.{0,4}",
    ]
}

fn any_fields() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![8 => Just(json!({})), 1 => Just(json!(null)), 1 => Just(json!("x")), 1 => Just(json!([{}]))];
    leaf.prop_recursive(5, 20, 3, |inner| {
        proptest::collection::btree_map(any_step(), inner, 0..3)
            .prop_map(|it| Value::Object(it.into_iter().collect()))
    })
}

/// A list of entries such as no server wrote.
fn any_entries() -> impl Strategy<Value = Value> {
    let text = |good: &'static str| prop_oneof![8 => Just(json!(good)), 1 => Just(json!("")), 1 => Just(json!("é/x")), 1 => Just(json!(null))];
    let operation = prop_oneof![text("Apply"), text("Update")];
    let manager = prop_oneof![text("me"), text("other")];
    let entry =
        (manager, operation, text("apps/v1"), text("FieldsV1"), text("2024-01-01T00:00:00Z"), any_fields());
    let entry = entry.prop_map(|(manager, operation, api_version, fields_type, time, fields)| {
        json!({ "manager": manager, "operation": operation, "apiVersion": api_version, "fieldsType": fields_type,
            "time": time, "fieldsV1": fields })
    });
    proptest::collection::vec(entry, 0..4).prop_map(Value::from)
}

/// Fields of a Deployment with values that seldom belong there.
fn any_part() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(json!(null)), Just(json!(1)), Just(json!("a")), Just(json!({})), Just(json!([]))];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let name = "labels|finalizers|spec|template|containers|name|ports|containerPort|replicas|x";
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            3 => proptest::collection::btree_map(name, inner, 0..4).prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn whole(labels: Value, spec: Value, entries: Option<Value>) -> Value {
    let mut object = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
        "metadata": { "name": "it", "labels": labels } });
    object["metadata"]
        .as_object_mut()
        .expect("an object")
        .extend(entries.map(|it| ("managedFields".to_owned(), it)));
    object
}

fn write() -> Write<'static> {
    let now = Time(Timestamp::from_second(9).expect("a time"));
    Write { manager: "me", subresource: "", api_version: "apps/v1", now, ignored: None, served: &|_| true }
}

proptest! {
    #[test]
    fn nothing_that_managed_fields_hold_panics(
        live in (shared(), any_part(), any_part(), any_entries(), any::<bool>()), config in (shared(), any_part(), any::<bool>()),
        sent in any_entries(), forced in any::<bool>(),
    ) {
        let (good, labels, spec, entries, odd) = live;
        let live = if odd { whole(labels, spec, Some(entries)) } else {
            whole(good["metadata"]["labels"].clone(), good["spec"].clone(), Some(entries))
        };
        let (good, spec, odd) = config;
        let config = whole(good["metadata"]["labels"].clone(), if odd { spec } else { good["spec"].clone() }, None);
        let schema = || BuiltIn::kind("apps", "v1", "Deployment").expect("a built-in kind");
        let force = if forced { Force::Yes } else { Force::No };
        let request = Apply { write: write(), kind: "Deployment", force };
        if let Ok(Some(applied)) = apply::apply(Some(&live), &config, schema(), &request) {
            let entries = entries_of(&applied).expect("they were just written").unwrap_or_default();
            prop_assert_eq!(check_entries(&entries).map_err(|error| error.to_string()), Ok(()));
            let again = apply::apply(Some(&applied), &config, schema(), &request);
            prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(None));
        }
        let owners = Owners { sent: entries_of(&whole(json!({}), json!({}), Some(sent))).ok().flatten(), ..Owners::of(Some(&live), &live) };
        let after = ownership_after_write(Some(&live), &config, owners.clone(), schema(), &write());
        let after = after.expect("everything is at hand");
        prop_assert!(after == owners.live || check_entries(&after).is_ok(), "{:?}", after);
    }

    #[test]
    fn fields_that_are_read_are_written_as_they_were_meant(fields in any_fields()) {
        if let Ok(set) = fields_v1::from_fields(&fields) {
            let written = fields_v1::to_fields(&set);
            prop_assert_eq!(fields_v1::from_fields(&written).expect("it was just written"), set);
        }
    }
}

proptest! {
    #[test]
    fn applying_twice_is_applying_once(before in shared(), config in shared()) {
        let mut story = deployment();
        story.try_apply("other", before, Force::Yes).expect("it applies");
        story.try_apply("me", config.clone(), Force::Yes).expect("it applies");
        let once = (story.bare(), story.owned());
        let again = story.try_apply("me", config, Force::No).expect("there is no conflict");
        prop_assert_eq!(again, None);
        prop_assert_eq!((story.bare(), story.owned()), once);
    }

    #[test]
    fn managers_of_different_fields_do_not_see_each_other(a in configuration("a"), b in configuration("b")) {
        let (mut first, mut second) = (deployment(), deployment());
        first.try_apply("ana", a.clone(), Force::No).expect("there is no conflict");
        first.try_apply("ben", b.clone(), Force::No).expect("there is no conflict");
        second.try_apply("ben", b, Force::No).expect("there is no conflict");
        second.try_apply("ana", a, Force::No).expect("there is no conflict");
        prop_assert_eq!(by_name(first.bare()), by_name(second.bare()));
        prop_assert_eq!(first.owned(), second.owned());
    }

    #[test]
    fn what_is_no_longer_applied_returns_to_what_others_own(a in shared(), b in shared()) {
        let mut story = deployment();
        story.try_apply("ana", a.clone(), Force::Yes).expect("it applies");
        let (alone, owned) = (story.bare(), story.owned());
        let agreed = story.clone().try_apply("ben", b.clone(), Force::No).is_ok();
        story.try_apply("ben", b, Force::Yes).expect("it applies");
        story.try_apply("ben", json!({}), Force::No).expect("there is no conflict");
        if agreed {
            prop_assert_eq!(by_name(story.bare()), by_name(alone));
            prop_assert_eq!(story.owned(), owned);
        } else {
            prop_assert!(!story.owned().contains("ben"));
        }
    }

    #[test]
    fn an_applier_has_what_it_applied(before in shared(), config in shared()) {
        let mut story = deployment();
        story.try_apply("other", before, Force::Yes).expect("it applies");
        story.try_apply("me", config.clone(), Force::Yes).expect("it applies");
        let object = story.bare();
        for (name, value) in config["metadata"]["labels"].as_object().expect("an object") {
            prop_assert_eq!(&object["metadata"]["labels"][name], value);
        }
    }

    #[test]
    fn sets_survive_the_wire(set in set()) {
        let fields = fields_v1::to_fields(&set);
        let read: Value = serde_json::from_str(&fields.to_string()).expect("it is JSON");
        prop_assert_eq!(fields_v1::from_fields(&read).expect("it was just written"), set);
    }

    #[test]
    fn sets_obey_the_laws_of_sets(a in set(), b in set(), c in set()) {
        let union = |left: &Set<'static>, right: &Set<'static>| left.clone().union(right.clone());
        prop_assert_eq!(union(&a, &b), union(&b, &a));
        prop_assert_eq!(union(&union(&a, &b), &c), union(&a, &union(&b, &c)));
        prop_assert_eq!(union(&a, &a), a.clone());
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.intersection(&b), a.clone().difference(&a.clone().difference(&b)));
        prop_assert_eq!(union(&a.clone().difference(&b), &a.intersection(&b)), a.clone());
        prop_assert_eq!(union(&a, &b).len() + a.intersection(&b).len(), a.len() + b.len());
        prop_assert!(a.clone().difference(&a).is_empty() && a.clone().recursive_difference(&a).is_empty());
        let recursive = a.clone().recursive_difference(&b);
        prop_assert!(recursive.clone().difference(&a).is_empty() && recursive.intersection(&b).is_empty());
    }

    #[test]
    fn each_path_of_a_set_is_in_it(set in set(), other in set()) {
        let mut count = 0;
        set.for_each(|path| {
            count += 1;
            assert!(set.has(path));
            let left = set.clone().difference(&other).has(path);
            assert_eq!(left, !other.has(path));
            assert_eq!(set.intersection(&other).has(path), other.has(path));
        });
        prop_assert_eq!(count, set.len());
        let leaves = set.clone().leaves();
        prop_assert!(leaves.clone().difference(&set).is_empty());
        leaves.for_each(|path| assert!(path.iter().try_fold(&set, |set, step| set.below(step)).is_none()));
    }
}
