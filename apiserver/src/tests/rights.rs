//! Who may do what, and who somebody is.

use super::{MAPS, account, map, pod, rig, send};
use crate::UserInfo;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_not_allowed_is_forbidden() {
    let rig = rig().await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    let answer = send(&jane, "GET", MAPS, &[], "").await;
    let expect = r#"configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default""#;
    assert_eq!((answer.status.as_u16(), answer.json()["message"].as_str()), (403, Some(expect)));
    assert_eq!(send(&jane, "GET", "/version", &[], "").await.status.as_u16(), 200);
    assert_eq!(send(&jane, "GET", "/metrics", &[], "").await.status.as_u16(), 403);
}

#[tokio::test]
async fn roles_give_rights_at_once() {
    let rig = rig().await;
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"] }]);
    rig.ok("POST", &format!("{roles}/roles"), &json!({ "metadata": { "name": "r" }, "rules": rules })).await;
    let binding = json!({
        "metadata": { "name": "b" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane" }],
    });
    rig.ok("POST", &format!("{roles}/rolebindings"), &binding).await;
    rig.ok("GET", MAPS, &Value::Null).await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    assert_eq!(send(&jane, "GET", MAPS, &[], "").await.status.as_u16(), 200);
    assert_eq!(send(&jane, "POST", MAPS, &[], &map("a").to_string()).await.status.as_u16(), 403);
    assert_eq!(send(&jane, "GET", &format!("{MAPS}?watch=1"), &[], "").await.status.as_u16(), 403);
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_have() {
    let rig = rig().await;
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    let rules =
        json!([{ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create"] }]);
    rig.ok("POST", roles, &json!({ "metadata": { "name": "author" }, "rules": rules })).await;
    let binding = json!({
        "metadata": { "name": "b" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "author" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane" }],
    });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    rig.ok("POST", bindings, &binding).await;
    rig.ok("GET", MAPS, &Value::Null).await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    let more = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }]);
    let role = json!({ "metadata": { "name": "more" }, "rules": more }).to_string();
    let answer = send(&jane, "POST", roles, &[], &role).await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.text);
    assert!(
        answer.text.contains("attempting to grant RBAC permissions not currently held"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn tokens_tell_whose_they_are() {
    let rig = rig().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    rig.ok("POST", accounts, &account("robot")).await;
    let request = json!({ "spec": { "expirationSeconds": 600 } });
    let made = rig.ok("POST", &format!("{accounts}/robot/token"), &request).await;
    let token = made["status"]["token"].as_str().unwrap().to_owned();
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token } });
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let told = rig.ok("POST", reviews, &review).await;
    assert_eq!(told["status"]["user"]["username"], "system:serviceaccount:default:robot", "{told}");
    rig.ok("DELETE", &format!("{accounts}/robot"), &Value::Null).await;
    let told = rig.ok("POST", reviews, &review).await;
    assert!(told["status"]["authenticated"].is_null() && told["status"]["error"].is_string(), "{told}");
    rig.refused(
        422,
        "POST",
        &format!("{accounts}/default/token"),
        &json!({ "spec": { "expirationSeconds": 60 } }),
    )
    .await;
}

#[tokio::test]
async fn acting_as_somebody_needs_a_right() {
    let rig = rig().await;
    let headers =
        [("impersonate-user", "jane"), ("impersonate-group", "dev"), ("impersonate-extra-color", "red")];
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" }).to_string();
    let uri = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let told = send(&rig.admin, "POST", uri, &headers, &body).await.json();
    let user = &told["status"]["userInfo"];
    assert_eq!(
        (&user["username"], &user["groups"]),
        (&json!("jane"), &json!(["dev", "system:authenticated"]))
    );
    assert_eq!(user["extra"], json!({ "color": ["red"] }));
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    let answer = send(&jane, "GET", MAPS, &[("impersonate-user", "admin")], "").await;
    assert!(answer.status.as_u16() == 403 && answer.text.contains("cannot impersonate"), "{}", answer.text);
}

#[tokio::test]
async fn rights_can_be_asked_for() {
    let rig = rig().await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    let attributes =
        json!({ "resourceAttributes": { "namespace": "default", "verb": "get", "resource": "pods" } });
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": attributes });
    let uri = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(rig.ok("POST", uri, &review).await["status"]["allowed"], true);
    let told = send(&jane, "POST", uri, &[], &review.to_string()).await;
    assert_eq!(told.json()["status"]["allowed"], false, "{}", told.text);
}

#[tokio::test]
async fn a_node_sees_only_what_its_pods_need() {
    let rig = rig().await;
    let mut wanted = pod("a");
    wanted["spec"]["nodeName"] = "one".into();
    wanted["spec"]["volumes"] = json!([{ "name": "v", "configMap": { "name": "needed" } }]);
    rig.ok("POST", "/api/v1/namespaces/default/pods", &wanted).await;
    for name in ["needed", "other"] {
        rig.ok("POST", MAPS, &map(name)).await;
    }
    rig.ok("GET", MAPS, &Value::Null).await;
    let node = rig.acting(UserInfo::node("one"));
    assert_eq!(send(&node, "GET", &format!("{MAPS}/needed"), &[], "").await.status.as_u16(), 200);
    assert_eq!(send(&node, "GET", &format!("{MAPS}/other"), &[], "").await.status.as_u16(), 403);
}

/// Gives a user these rights in the whole cluster.
async fn allow(rig: &super::Rig, user: &str, rules: &Value) {
    let roles = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({ "metadata": { "name": user }, "rules": rules });
    rig.ok("POST", &format!("{roles}/clusterroles"), &role).await;
    rig.ok("POST", &format!("{roles}/clusterrolebindings"), &binding(user, user)).await;
    rig.ok("GET", MAPS, &Value::Null).await;
}

fn binding(user: &str, role: &str) -> Value {
    json!({
        "metadata": { "name": format!("{user}-{role}") },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
    })
}

#[tokio::test]
async fn a_role_that_gathers_rules_takes_all_rights_to_write() {
    let rig = rig().await;
    let group = "rbac.authorization.k8s.io";
    let rules = json!([{ "apiGroups": [group], "resources": ["clusterroles"], "verbs": ["create", "get", "update"] }]);
    allow(&rig, "jane", &rules).await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    let gathers = json!({ "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] });
    let uri = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let role = json!({ "metadata": { "name": "g" }, "aggregationRule": gathers });
    let answer = send(&jane, "POST", uri, &[], &role.to_string()).await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.text);
    assert!(answer.text.contains("must have cluster-admin privileges to use the aggregationRule"));
    let mut own = send(&jane, "GET", &format!("{uri}/jane"), &[], "").await.json();
    own["aggregationRule"] = gathers;
    let answer = send(&jane, "PUT", &format!("{uri}/jane"), &[], &own.to_string()).await;
    assert_eq!(answer.status.as_u16(), 403, "{}", answer.text);
    rig.ok("POST", uri, &role).await;
}

#[tokio::test]
async fn a_binding_to_a_role_that_is_to_come_takes_the_right_to_bind() {
    let rig = rig().await;
    let group = "rbac.authorization.k8s.io";
    let create = json!({ "apiGroups": [group], "resources": ["clusterrolebindings"], "verbs": ["create"] });
    allow(&rig, "jane", &json!([create])).await;
    let bind = json!({ "apiGroups": [group], "resources": ["clusterroles"], "verbs": ["bind"] });
    allow(&rig, "joe", &json!([create, bind])).await;
    let uri = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    for (user, code) in [("jane", 404), ("joe", 201)] {
        let caller = rig.acting(UserInfo::authenticated(user, []));
        let answer = send(&caller, "POST", uri, &[], &binding(user, "to-come").to_string()).await;
        assert_eq!(answer.status.as_u16(), code, "{user}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_goes_on_in_a_web_socket_takes_the_right_to_create() {
    let rig = rig().await;
    let rules = json!([{ "apiGroups": [""], "resources": ["pods/exec", "pods/attach"], "verbs": ["get"] }]);
    allow(&rig, "jane", &rules).await;
    let jane = rig.acting(UserInfo::authenticated("jane", []));
    for below in ["exec?command=ls", "attach"] {
        let uri = format!("/api/v1/namespaces/default/pods/p/{below}");
        let answer = send(&jane, "GET", &uri, &[], "").await;
        assert_eq!(answer.status.as_u16(), 403, "{}", answer.text);
        assert!(answer.text.contains("cannot create resource"), "{}", answer.text);
    }
}
