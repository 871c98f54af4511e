use super::index::NodeIndex;
use super::*;
use crate::identity::UserInfo;
use api::Object;
use api::k8s::api::core::v1::{PersistentVolumeClaim, Pod};
use api::selector::FieldSelector;
use serde_json::json;

/// `shop/web` runs on node `one` and refers to something of each kind; `shop/db` runs on node `two`.
fn objects() -> Vec<Object> {
    let pod = |value| Object::from(serde_json::from_value::<Pod>(value).expect("a pod"));
    let claim =
        |value| Object::from(serde_json::from_value::<PersistentVolumeClaim>(value).expect("a claim"));
    vec![
        pod(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "web"}, "spec": {
                "nodeName": "one",
                "serviceAccountName": "web-account",
                "imagePullSecrets": [{"name": "pull"}],
                "volumes": [
                    {"name": "a", "secret": {"secretName": "mounted"}},
                    {"name": "b", "configMap": {"name": "settings"}},
                    {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "d", "projected": {"sources": [
                        {"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {"name": "projected"}}]}},
                    {"name": "e", "ephemeral": {}},
                ],
                "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "from"}}]}],
                "containers": [{"name": "c", "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keyed", "key": "a"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "keyed", "key": "b"}}}]}],
            }}),
        ),
        pod(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "db"}, "spec": {
                "nodeName": "two", "containers": [], "volumes": [{"name": "a", "secret": {"secretName": "db"}}],
            }}),
        ),
        claim(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"namespace": "shop", "name": "data"}, "spec": {"volumeName": "disk"}})),
    ]
}

fn index() -> NodeIndex {
    let mut index = NodeIndex::default();
    objects().iter().for_each(|it| index.apply(it));
    index
}

/// `VERB GROUP/RESOURCE[/SUB] NAMESPACE NAME [FIELDS]`, where `-` is empty, asked by node `one`.
fn decide(view: &NodeIndex, user: &UserInfo, question: &str) -> Decision {
    let words: Vec<&str> = question.split(' ').map(|it| it.trim_matches('-')).collect();
    let mut parts = words[1].split('/');
    let mut part = || parts.next().unwrap_or_default();
    let fields = FieldSelector::parse(words.get(4).copied().unwrap_or_default()).expect("it parses").0;
    let target = ResourceTarget::of(part(), "v1", part())
        .subresource(part())
        .in_namespace(words[2])
        .named(words[3])
        .selecting(&fields);
    NodeAuthorizer::default().authorize(view, &Attributes::resource(user, words[0], target))
}

#[track_caller]
fn check(question: &str, expect: bool) {
    let decision = decide(&index(), &UserInfo::node("one"), question);
    assert_eq!(decision.is_allowed(), expect, "{question}: {decision:?}");
}

#[test]
fn a_node_reads_what_its_pods_refer_to() {
    for name in ["pull", "mounted", "projected", "from", "keyed"] {
        check(&format!("get /secrets shop {name}"), true);
        check(&format!("get /secrets other {name}"), false);
    }
    for name in ["settings", "kube-root-ca.crt", "keyed"] {
        check(&format!("get /configmaps shop {name}"), true);
    }
    check("get /secrets shop db", false);
    check("watch /secrets shop - metadata.name=mounted", true);
    check("list /secrets shop -", false);
    check("list /secrets - -", false);
    check("update /secrets shop mounted", false);
    check("get /persistentvolumeclaims shop data", true);
    check("get /persistentvolumeclaims shop web-e", true);
    check("update /persistentvolumeclaims/status shop data", true);
    check("update /persistentvolumeclaims shop data", false);
    check("get /persistentvolumes - disk", true);
    check("get /persistentvolumes - other", false);
    check("create /serviceaccounts/token shop web-account", true);
    check("create /serviceaccounts/token shop default", false);
    check("create /serviceaccounts shop -", false);
}

#[test]
fn a_node_writes_its_own_pods_and_node() {
    check("patch /pods/status shop web", true);
    check("patch /pods/status shop db", false);
    check("delete /pods shop web", true);
    check("delete /pods shop db", false);
    check("get /pods shop web", true);
    check("create /pods shop -", true);
    check("list /pods - - spec.nodeName=one", true);
    check("watch /pods - - spec.nodeName=two", false);
    check("list /pods - -", false);
    check("create /nodes - -", true);
    check("patch /nodes/status - one", true);
    check("patch /nodes/status - two", false);
    check("watch /nodes - - metadata.name=one", true);
    check("watch /nodes - -", false);
    check("delete /nodes - one", false);
    check("update coordination.k8s.io/leases kube-node-lease one", true);
    check("update coordination.k8s.io/leases kube-node-lease two", false);
    check("update coordination.k8s.io/leases kube-system one", false);
    check("create coordination.k8s.io/leases kube-node-lease -", true);
    check("update storage.k8s.io/csinodes - one", true);
}

#[test]
fn the_rest_follows_the_role() {
    check("watch /services - -", true);
    check("create /events shop -", true);
    check("create events.k8s.io/events shop -", true);
    check("create authentication.k8s.io/tokenreviews - -", true);
    check("create apps/deployments shop -", false);
}

#[test]
fn others_are_none_of_its_business() {
    let decide = |user: &UserInfo| decide(&index(), user, "get /secrets shop mounted");
    assert_eq!(decide(&UserInfo::administrator("root")), Decision::no_opinion(""));
    let nameless = UserInfo::authenticated("system:node:", [NODES.to_owned()]);
    assert_eq!(decide(&nameless).reason(), r#"unknown node for user "system:node:""#);
    assert_eq!(
        decide(&UserInfo::node("two")).reason(),
        "no relationship found between node 'two' and this object"
    );
}

#[test]
fn the_index_forgets() {
    let mut index = index();
    for object in objects() {
        index.remove(&object.key());
    }
    assert!(!index.runs_pod("one", "shop", "web"));
    for reference in [Reference::Secret("shop", "mounted"), Reference::PersistentVolume("disk")] {
        assert!(!index.uses("one", reference), "{reference:?}");
    }
    objects().iter().for_each(|it| index.apply(it));
    let mut moved = objects().remove(0);
    moved.get_mut::<Pod>().and_then(|it| it.spec.as_mut()).expect("a spec").node_name =
        Some("two".to_owned());
    index.apply(&moved);
    assert!(!index.uses("one", Reference::Secret("shop", "mounted")));
    assert!(index.uses("two", Reference::Secret("shop", "mounted")));
}
