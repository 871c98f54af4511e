use super::*;
use crate::attributes::ResourceTarget;
use api::k8s::api::rbac::v1::Subject;
use api::{ObjectMeta, Resource};

fn meta(namespace: &str, name: &str) -> ObjectMeta {
    let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
    ObjectMeta { name: Some(name.to_owned()), namespace, ..ObjectMeta::default() }
}

/// `VERBS RESOURCES`, separated by commas.
fn rules(text: &str) -> Option<Vec<PolicyRule>> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let (verbs, resources) = text.split_once(' ').expect("verbs and resources");
    Some(vec![PolicyRule {
        verbs: list(verbs),
        api_groups: Some(vec![String::new()]),
        resources: Some(list(resources)),
        ..PolicyRule::default()
    }])
}

fn role(namespace: &str, name: &str, text: &str) -> Object {
    if namespace.is_empty() {
        ClusterRole { metadata: meta("", name), rules: rules(text), aggregation_rule: None }.into()
    } else {
        Role { metadata: meta(namespace, name), rules: rules(text) }.into()
    }
}

/// `KIND NAME [NAMESPACE]` of each subject, separated by commas.
fn subjects(text: &str) -> Option<Vec<Subject>> {
    let subject = |text: &str| {
        let mut words = text.split(' ').map(str::to_owned);
        let mut word = || words.next();
        Subject {
            kind: word().unwrap_or_default(),
            name: word().unwrap_or_default(),
            namespace: word(),
            api_group: None,
        }
    };
    Some(text.split(", ").map(subject).collect())
}

fn binding(namespace: &str, name: &str, role: (&str, &str), who: &str) -> Object {
    let role_ref = RoleRef { kind: role.0.to_owned(), name: role.1.to_owned(), api_group: None };
    let metadata = meta(namespace, name);
    if namespace.is_empty() {
        ClusterRoleBinding { metadata, role_ref, subjects: subjects(who) }.into()
    } else {
        RoleBinding { metadata, role_ref, subjects: subjects(who) }.into()
    }
}

fn shop() -> Authorizer {
    Authorizer::of(&[
        role("", "reader", "get,list pods"),
        role("shop", "writer", "create pods"),
        role("other", "writer", "delete pods"),
        binding("", "readers", ("ClusterRole", "reader"), "Group readers, ServiceAccount bot kube-system"),
        binding("shop", "write", ("Role", "writer"), "User jane, ServiceAccount web"),
        binding("shop", "read", ("ClusterRole", "reader"), "User joe, Robot jane"),
        binding("", "broken", ("ClusterRole", "gone"), "User joe, ServiceAccount nowhere"),
    ])
}

fn decide(authorizer: &Authorizer, user: &UserInfo, verb: &str, namespace: &str) -> Decision {
    let target = ResourceTarget::of("", "v1", "pods").in_namespace(namespace);
    authorizer.authorize(&Attributes::resource(user, verb, target))
}

#[track_caller]
fn check(user: UserInfo, verb: &str, namespace: &str, allowed: bool, reason: &str) {
    let decision = decide(&shop(), &user, verb, namespace);
    assert_eq!((decision.is_allowed(), decision.reason()), (allowed, reason));
}

fn user(name: &str) -> UserInfo {
    UserInfo::authenticated(name, [])
}

#[test]
fn subjects_are_users_groups_and_service_accounts() {
    let reader = UserInfo::authenticated("someone", ["readers".to_owned()]);
    let by_group =
        r#"RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "readers""#;
    check(reader.clone(), "list", "", true, by_group);
    check(reader.clone(), "list", "anywhere", true, by_group);
    check(reader, "delete", "", false, "");
    let by_name = r#"RBAC: allowed by RoleBinding "write/shop" of Role "writer" to User "jane""#;
    check(user("jane"), "create", "shop", true, by_name);
    check(user("readers"), "list", "", false, "");
    let bot = UserInfo::service_account("kube-system", "bot", "");
    let by_account = r#"RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to ServiceAccount "bot/kube-system""#;
    check(bot, "get", "shop", true, by_account);
    check(UserInfo::service_account("shop", "bot", ""), "get", "shop", false, "");
}

#[test]
fn a_role_binding_grants_in_its_namespace_only() {
    check(user("jane"), "create", "other", false, "");
    check(user("jane"), "create", "", false, "");
    // The role of that name in the other namespace is another role.
    check(user("jane"), "delete", "shop", false, "");
    let web = UserInfo::service_account("shop", "web", "");
    let reason = r#"RBAC: allowed by RoleBinding "write/shop" of Role "writer" to ServiceAccount "web/shop""#;
    check(web, "create", "shop", true, reason);
}

#[test]
fn a_missing_role_is_told_and_hides_no_other_grant() {
    let told = r#"RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found"#;
    check(user("joe"), "delete", "shop", false, told);
    check(
        user("joe"),
        "get",
        "shop",
        true,
        r#"RBAC: allowed by RoleBinding "read/shop" of ClusterRole "reader" to User "joe""#,
    );
    check(user("joe"), "get", "", false, told);
}

#[test]
fn masters_may_everything() {
    check(UserInfo::administrator("root"), "melt", "moon", true, "");
    let root = UserInfo::administrator("root");
    assert!(shop().authorize(&Attributes::path(&root, "post", "/reset")).is_allowed());
    assert!(cover::covers(&shop().rules_for(&root, "").rules, &cover::everything()));
}

#[test]
fn updates_leave_nothing_behind() {
    let mut authorizer = shop();
    let before = authorizer.clone();
    authorizer.apply(&binding("shop", "write", ("Role", "writer"), "User joe"));
    assert!(!decide(&authorizer, &user("jane"), "create", "shop").is_allowed());
    assert!(decide(&authorizer, &user("joe"), "create", "shop").is_allowed());
    assert!(decide(&before, &user("jane"), "create", "shop").is_allowed(), "a snapshot stays as it was");

    authorizer.apply(&role("shop", "writer", "patch pods"));
    assert!(!decide(&authorizer, &user("joe"), "create", "shop").is_allowed());
    assert!(decide(&authorizer, &user("joe"), "patch", "shop").is_allowed());

    authorizer.remove(&Key::of::<Role>("shop", "writer"));
    let decision = decide(&authorizer, &user("joe"), "patch", "shop");
    assert!(decision.reason().starts_with("RBAC: ["), "two roles are missing: {decision:?}");

    for (kind, namespace, name) in [
        (ClusterRoleBinding::KIND, "", "readers"),
        (ClusterRoleBinding::KIND, "", "broken"),
        (RoleBinding::KIND, "shop", "write"),
        (RoleBinding::KIND, "shop", "read"),
    ] {
        authorizer.remove(&Key { kind, namespace: namespace.to_owned(), name: name.to_owned() });
    }
    assert!(authorizer.bindings.is_empty() && authorizer.granted.is_empty());
}

#[test]
fn rules_for_lists_what_applies() {
    let verbs = |user: &UserInfo, namespace: &str| {
        let found = shop().rules_for(user, namespace);
        found.rules.iter().map(|it| it.verbs.join("+")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(verbs(&user("jane"), "shop"), "create");
    assert_eq!(verbs(&user("jane"), ""), "");
    assert_eq!(verbs(&user("joe"), "shop"), "get+list");
    assert_eq!(shop().rules_for(&user("joe"), "").errors.len(), 1);
}

#[test]
fn the_next_authorizer_is_asked_only_without_an_opinion() {
    let no = |reason: &str| Decision::NoOpinion { reason: reason.to_owned() };
    assert_eq!(no("").or_else(|| no("b")), no("b"));
    assert_eq!(no("a").or_else(|| no("b")), no("[a, b]"));
    assert!(no("a").or_else(Decision::allow).is_allowed());
    assert!(Decision::allow().or_else(|| unreachable!("it was allowed already")).is_allowed());
}
