//! Server-side apply, told as what people do to a Deployment and what becomes of it.

mod story;

use serde_json::json;
use story::Story;

#[test]
fn one_manager_applies_again_and_again() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("ana", json!({ "spec": { "replicas": 3, "paused": true } }));
    story.is(json!({ "spec": { "replicas": 3, "paused": true } }));
    story.owners("ana applied .spec.paused .spec.replicas");

    // The same again is no write, and the time stays.
    story.applies_in_vain("ana", json!({ "spec": { "replicas": 3, "paused": true } }));

    // What is left out goes, since nobody else owns it.
    story.applies("ana", json!({ "spec": { "replicas": 4 } }));
    story.is(json!({ "spec": { "replicas": 4 } }));
    story.owners("ana applied .spec.replicas");
}

#[test]
fn two_managers_share_what_they_agree_on() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("ana", json!({ "spec": { "replicas": 3, "paused": true } }));
    story.applies("ben", json!({ "spec": { "replicas": 3 } }));
    story.owners("ana applied .spec.paused .spec.replicas; ben applied .spec.replicas");

    // Ana lets go of it, and Ben still has it.
    story.applies("ana", json!({ "spec": { "paused": true } }));
    story.is(json!({ "spec": { "replicas": 3, "paused": true } }));
    story.owners("ana applied .spec.paused; ben applied .spec.replicas");

    // Ben lets go of it, too.
    story.applies("ben", json!({}));
    story.is(json!({ "spec": { "paused": true } }));
    story.owners("ana applied .spec.paused");
}

#[test]
fn a_field_of_others_is_a_conflict_until_force() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("ana", json!({ "spec": { "replicas": 3, "paused": true } }));
    story.is_refused(
        "ben",
        json!({ "spec": { "replicas": 4 } }),
        "Apply failed with 1 conflict: conflict with \"ana\": .spec.replicas",
    );
    story.is_refused(
        "ben",
        json!({ "spec": { "replicas": 4, "paused": false } }),
        "Apply failed with 2 conflicts: conflicts with \"ana\":\n- .spec.paused\n- .spec.replicas",
    );
    story.applies_with_force("ben", json!({ "spec": { "replicas": 4 } }));
    story.is(json!({ "spec": { "replicas": 4, "paused": true } }));
    story.owners("ana applied .spec.paused; ben applied .spec.replicas");
}

#[test]
fn a_plain_write_takes_fields_and_is_in_the_way_of_appliers() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("ana", json!({ "spec": { "replicas": 3, "paused": true } }));
    story.writes("hpa", json!({ "spec": { "replicas": 5, "paused": true } }));
    story.owners("ana applied .spec.paused; hpa wrote .spec.replicas");
    story.is_refused(
        "ana",
        json!({ "spec": { "replicas": 3, "paused": true } }),
        "Apply failed with 1 conflict: conflict with \"hpa\" using apps/v1: .spec.replicas",
    );

    // Leaving it out hands it over: the autoscaler's value stays.
    story.applies("ana", json!({ "spec": { "paused": true, "minReadySeconds": 1 } }));
    story.is(json!({ "spec": { "replicas": 5, "paused": true, "minReadySeconds": 1 } }));
    story.owners("ana applied .spec.minReadySeconds .spec.paused; hpa wrote .spec.replicas");
}

#[test]
fn an_object_nobody_applied_to_belongs_to_who_was_before() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.was_there_before_ownership(json!({ "spec": { "replicas": 3 } }));
    story.is_refused(
        "ana",
        json!({ "spec": { "replicas": 4 } }),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using apps/v1: .spec.replicas",
    );
    story.applies("ana", json!({ "spec": { "replicas": 3, "paused": true } }));
    story.owners("ana applied .spec.paused .spec.replicas; before-first-apply wrote .spec.replicas");
}

#[test]
fn items_come_and_go_by_their_keys() {
    let mut story = Story::of("v1", "Pod");
    let container = |name: &str, image: &str| json!({ "name": name, "image": image });
    story.applies("ana", json!({ "spec": { "containers": [container("a", "1"), container("b", "1")] } }));
    story.applies("mesh", json!({ "spec": { "containers": [container("proxy", "9")] } }));
    story.is(json!({ "spec": { "containers": [container("a", "1"), container("b", "1"), container("proxy", "9")] } }));
    story.applies("ana", json!({ "spec": { "containers": [container("b", "2")] } }));
    story.is(json!({ "spec": { "containers": [container("b", "2"), container("proxy", "9")] } }));
    story.owners(
        "ana applied .spec.containers[name=\"b\"] .spec.containers[name=\"b\"].image \
         .spec.containers[name=\"b\"].name; \
         mesh applied .spec.containers[name=\"proxy\"] .spec.containers[name=\"proxy\"].image \
         .spec.containers[name=\"proxy\"].name",
    );
}

#[test]
fn an_item_stays_while_another_owns_a_part_of_it() {
    let mut story = Story::of("v1", "Pod");
    story.applies("ana", json!({ "spec": { "containers": [{ "name": "a", "image": "1" }] } }));
    story.applies(
        "vpa",
        json!({ "spec": { "containers": [{ "name": "a", "resources": { "limits": { "cpu": "1" } } }] } }),
    );
    story.applies("ana", json!({ "spec": { "hostname": "h" } }));
    story.is(json!({
        "spec": {
            "containers": [{ "name": "a", "resources": { "limits": { "cpu": "1" } } }],
            "hostname": "h",
        },
    }));
}

#[test]
fn a_port_without_protocol_is_the_tcp_port() {
    let mut story = Story::of("v1", "Service");
    story.applies("ana", json!({ "spec": { "ports": [{ "port": 53 }, { "port": 53, "protocol": "UDP" }] } }));
    // The server's defaulting adds what was left out, and owns nothing for it.
    story.defaults(json!({
        "spec": { "ports": [{ "port": 53, "protocol": "TCP" }, { "port": 53, "protocol": "UDP" }] },
    }));
    story.applies_in_vain(
        "ana",
        json!({ "spec": { "ports": [{ "port": 53 }, { "port": 53, "protocol": "UDP" }] } }),
    );
    story.applies("ana", json!({ "spec": { "ports": [{ "port": 53, "name": "dns" }] } }));
    story.is(json!({ "spec": { "ports": [{ "port": 53, "protocol": "TCP", "name": "dns" }] } }));
}

#[test]
fn what_the_server_sets_survives_pruning() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("ana", json!({ "metadata": { "labels": { "a": "1" } }, "spec": { "replicas": 3 } }));
    story.defaults(json!({
        "metadata": { "labels": { "a": "1" }, "uid": "7", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "replicas": 3, "revisionHistoryLimit": 10, "strategy": { "type": "RollingUpdate" } },
    }));
    story.applies("ana", json!({ "spec": { "paused": true } }));
    story.is(json!({
        "metadata": { "uid": "7", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "paused": true, "revisionHistoryLimit": 10, "strategy": { "type": "RollingUpdate" } },
    }));
}

#[test]
fn atomic_values_are_owned_as_one() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.applies("ana", json!({ "spec": { "selector": { "matchLabels": { "a": "1" } } } }));
    story.owners("ana applied .spec.selector");
    story.is_refused(
        "ben",
        json!({ "spec": { "selector": { "matchLabels": { "b": "1" } } } }),
        "Apply failed with 1 conflict: conflict with \"ana\": .spec.selector",
    );
    story.applies_with_force("ben", json!({ "spec": { "selector": { "matchLabels": { "b": "1" } } } }));
    story.is(json!({ "spec": { "selector": { "matchLabels": { "b": "1" } } } }));
    story.owners("ben applied .spec.selector");
}

#[test]
fn finalizers_are_a_set() {
    let mut story = Story::of("v1", "ConfigMap");
    story.applies("ana", json!({ "metadata": { "finalizers": ["x/a"] } }));
    story.applies("ben", json!({ "metadata": { "finalizers": ["x/b", "x/a"] } }));
    story.is(json!({ "metadata": { "finalizers": ["x/b", "x/a"] } }));
    story.applies("ana", json!({}));
    story.is(json!({ "metadata": { "finalizers": ["x/b", "x/a"] } }));
    story.applies("ben", json!({ "metadata": { "finalizers": ["x/b"] } }));
    story.is(json!({ "metadata": { "finalizers": ["x/b"] } }));
}

#[test]
fn kubectl_takes_over_from_its_client_side() {
    let mut story = Story::of("apps/v1", "Deployment");
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let last = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "it" }, "spec": { "replicas": 3 },
    });
    story.writes(
        "kubectl-client-side-apply",
        json!({ "metadata": { "annotations": { annotation: last.to_string() } }, "spec": { "replicas": 3, "paused": true } }),
    );

    // Replicas are as client-side apply left them: no conflict. Whether it is paused was never said there.
    story.is_refused(
        "kubectl",
        json!({ "spec": { "replicas": 4, "paused": false } }),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.paused",
    );
    story.applies("kubectl", json!({ "spec": { "replicas": 4 } }));
    let now = format!(
        "{}\n",
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "it" }, "spec": { "replicas": 4 },
        })
    );
    story.is(json!({ "metadata": { "annotations": { annotation: now } }, "spec": { "replicas": 4, "paused": true } }));

    // Under another name, kubectl is a stranger to itself.
    story.is_refused(
        "somebody",
        json!({ "spec": { "replicas": 5 } }),
        "Apply failed with 1 conflict: conflict with \"kubectl\": .spec.replicas",
    );
}

#[test]
fn duplicates_that_are_there_are_tolerated_until_they_are_applied() {
    let mut story = Story::of("v1", "Pod");
    let env = |value: &str| json!({ "name": "A", "value": value });
    let pod = |env: serde_json::Value, image: &str| json!({ "spec": { "containers": [{ "name": "a", "image": image, "env": env }] } });
    story.writes("old", pod(json!([env("1"), env("2")]), "1"));
    story.applies_with_force("ana", json!({ "spec": { "containers": [{ "name": "a", "image": "2" }] } }));
    story.is(pod(json!([env("1"), env("2")]), "2"));
    story.applies_with_force("ana", pod(json!([env("3")]), "2"));
    story.is(pod(json!([env("3")]), "2"));
    story.is_refused(
        "ana",
        pod(json!([env("1"), env("2")]), "2"),
        "failed to create typed patch object (/it; /v1, Kind=Pod): .spec.containers[name=\"a\"].env: duplicate \
         entries for key [name=\"A\"]",
    );
}

#[test]
fn what_cannot_be_applied_is_told_in_upstreams_words() {
    let mut story = Story::of("apps/v1", "Deployment");
    story.is_refused(
        "ana",
        json!({ "spec": { "colour": "red" } }),
        "failed to create typed patch object (/it; apps/v1, Kind=Deployment): .spec.colour: field not declared in \
         schema",
    );
    story.is_refused("ana", json!({ "kind": "Pod" }), "invalid object type: apps/v1, Kind=Pod");
    story.is_refused("ana", json!({ "apiVersion": "v1" }), "invalid object type: /v1, Kind=Deployment");
    story.is_refused(
        "ana",
        json!({ "metadata": { "managedFields": [] } }),
        "metadata.managedFields must be nil",
    );
}
