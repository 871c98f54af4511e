//! What holds for every configuration.

mod story;

use apply::{Force, PathElement, Set, fields_v1};
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
