use super::*;
use crate::attributes::{Attributes, ResourceTarget};
use crate::identity::UserInfo;
use crate::rbac::Authorizer;
use api::k8s::api::rbac::v1::{ClusterRoleBinding, RoleBinding, RoleRef, Subject};
use api::{Key, Kind, ObjectMeta};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The default roles, plus `admin-of`, `edit-of` and `view-of` bound in the namespace `shop`.
fn cluster() -> Authorizer {
    let mut authorizer = Authorizer::of(&objects());
    for role in ["admin", "edit", "view"] {
        let kind = |kind: &str, name: String| Subject { kind: kind.to_owned(), name, ..Subject::default() };
        authorizer.apply(&Object::from(RoleBinding {
            metadata: ObjectMeta {
                name: Some(role.to_owned()),
                namespace: Some("shop".to_owned()),
                ..ObjectMeta::default()
            },
            role_ref: RoleRef { kind: "ClusterRole".to_owned(), name: role.to_owned(), api_group: None },
            subjects: Some(vec![kind("User", format!("{role}-of"))]),
        }));
    }
    authorizer
}

fn who(name: &str) -> UserInfo {
    match name {
        "anonymous" => UserInfo::anonymous(),
        "root" => UserInfo::administrator("root"),
        "node" => UserInfo::node("one"),
        "scheduler" => UserInfo::kube_scheduler(),
        "manager" => UserInfo::kube_controller_manager(),
        "monitor" => UserInfo::authenticated("m", ["system:monitoring".to_owned()]),
        "apiserver" => UserInfo::authenticated("system:apiserver", []),
        name => match name.strip_prefix("sa:") {
            Some(name) => UserInfo::service_account("kube-system", name, ""),
            None => UserInfo::authenticated(name, []),
        },
    }
}

/// `VERB GROUP/RESOURCE[/SUB] [NAMESPACE [NAME]]`, where the core group is empty, or `VERB path:PATH`.
fn may(authorizer: &Authorizer, user: &UserInfo, question: &str) -> bool {
    let words: Vec<&str> = question.split(' ').collect();
    if let Some(path) = words[1].strip_prefix("path:") {
        return authorizer.authorize(&Attributes::path(user, words[0], path)).is_allowed();
    }
    let mut parts = words[1].split('/');
    let mut part = || parts.next().unwrap_or_default();
    let target = ResourceTarget::of(part(), "v1", part()).subresource(part());
    let word = |index: usize| words.get(index).copied().unwrap_or_default().trim_matches('-');
    let target = target.in_namespace(word(2)).named(word(3));
    authorizer.authorize(&Attributes::resource(user, words[0], target)).is_allowed()
}

const QUESTIONS: &[&str] = &[
    "get /pods shop",
    "get /pods other",
    "create apps/deployments shop",
    "update apps/deployments/scale shop",
    "update apps/deployments/status shop",
    "get /pods/log shop",
    "create /pods/exec shop",
    "create /pods/eviction shop",
    "get /secrets shop",
    "create /serviceaccounts/token shop",
    "impersonate /serviceaccounts shop",
    "get rbac.authorization.k8s.io/rolebindings shop",
    "create rbac.authorization.k8s.io/rolebindings shop",
    "escalate rbac.authorization.k8s.io/roles shop",
    "create authorization.k8s.io/localsubjectaccessreviews shop",
    "update /resourcequotas shop",
    "get /namespaces shop shop",
    "delete /namespaces shop shop",
    "list /nodes",
    "create authorization.k8s.io/selfsubjectaccessreviews",
    "get path:/version",
    "get path:/api/v1",
    "get path:/openapi/v3",
    "get path:/metrics",
    "get path:/livez/ping",
];

#[test]
fn who_can() {
    let authorizer = cluster();
    let users = ["anonymous", "jane", "view-of", "edit-of", "admin-of", "monitor", "sa:any", "root"];
    let mut table = String::from("\n");
    for question in QUESTIONS {
        let able: Vec<&str> =
            users.iter().copied().filter(|it| may(&authorizer, &who(it), question)).collect();
        let able = if able.len() == users.len() { "everybody".to_owned() } else { able.join(" ") };
        writeln!(table, "{question}: {able}").expect("a string takes everything");
    }
    assert_eq!(table, GOLDEN);
}

const GOLDEN: &str = "
get /pods shop: view-of edit-of admin-of root
get /pods other: root
create apps/deployments shop: edit-of admin-of root
update apps/deployments/scale shop: edit-of admin-of root
update apps/deployments/status shop: root
get /pods/log shop: view-of edit-of admin-of root
create /pods/exec shop: edit-of admin-of root
create /pods/eviction shop: edit-of admin-of root
get /secrets shop: edit-of admin-of root
create /serviceaccounts/token shop: edit-of admin-of root
impersonate /serviceaccounts shop: edit-of admin-of root
get rbac.authorization.k8s.io/rolebindings shop: admin-of root
create rbac.authorization.k8s.io/rolebindings shop: admin-of root
escalate rbac.authorization.k8s.io/roles shop: root
create authorization.k8s.io/localsubjectaccessreviews shop: admin-of root
update /resourcequotas shop: root
get /namespaces shop shop: view-of edit-of admin-of root
delete /namespaces shop shop: root
list /nodes: root
create authorization.k8s.io/selfsubjectaccessreviews: jane view-of edit-of admin-of monitor sa:any root
get path:/version: everybody
get path:/api/v1: jane view-of edit-of admin-of monitor sa:any root
get path:/openapi/v3: jane view-of edit-of admin-of monitor sa:any root
get path:/metrics: monitor root
get path:/livez/ping: monitor root
";

/// What our own programs do; a program that starts to do more adds a line.
const NEEDS: &[(&str, &[&str])] = &[
    (
        "scheduler",
        &[
            "watch /pods",
            "delete /pods shop web",
            "create /pods/binding shop web",
            "patch /pods/status shop web",
            "update /pods/status shop web",
            "watch /nodes",
            "watch /namespaces",
            "watch /services",
            "watch apps/replicasets",
            "watch apps/statefulsets",
            "watch policy/poddisruptionbudgets",
            "watch /persistentvolumes",
            "update /persistentvolumeclaims shop data",
            "watch storage.k8s.io/storageclasses",
            "create /events shop",
            "patch events.k8s.io/events shop e",
            "create coordination.k8s.io/leases kube-system",
            "get coordination.k8s.io/leases kube-system kube-scheduler",
            "update coordination.k8s.io/leases kube-system kube-scheduler",
            "patch coordination.k8s.io/leases kube-system kube-scheduler",
            "watch coordination.k8s.io/leases kube-system",
        ],
    ),
    (
        "manager",
        &[
            "list made.up/things",
            "watch made.up/things",
            "delete made.up/things shop a",
            "deletecollection made.up/things shop",
            "patch made.up/things shop a",
            "create /pods shop",
            "delete /pods shop web",
            "patch /pods/status shop web",
            "create apps/replicasets shop",
            "update apps/replicasets/scale shop web",
            "update apps/deployments/status shop web",
            "create apps/controllerrevisions shop",
            "create batch/jobs shop",
            "create discovery.k8s.io/endpointslices shop",
            "create /endpoints shop",
            "create /persistentvolumes",
            "create /persistentvolumeclaims shop",
            "create /configmaps shop",
            "create /serviceaccounts shop",
            "create /serviceaccounts/token kube-system job-controller",
            "update /namespaces/finalize - shop",
            "update /namespaces/status - shop",
            "update /nodes - one",
            "patch /nodes/status - one",
            "delete /nodes - one",
            "update rbac.authorization.k8s.io/clusterroles - view",
            "escalate rbac.authorization.k8s.io/clusterroles - view",
            "update certificates.k8s.io/certificatesigningrequests/approval - c",
            "sign certificates.k8s.io/signers - kubernetes.io/kubelet-serving",
            "create /events shop",
            "create events.k8s.io/events shop",
            "create coordination.k8s.io/leases kube-system",
            "update coordination.k8s.io/leases kube-system kube-controller-manager",
            "get path:/apis",
        ],
    ),
    (
        "node",
        &[
            "create /nodes",
            "get /nodes - one",
            "watch /nodes",
            "patch /nodes/status - one",
            "watch /pods",
            "delete /pods shop web",
            "patch /pods/status shop web",
            "update /pods/status shop web",
            "get /secrets shop s",
            "watch /configmaps shop c",
            "create /serviceaccounts/token shop web",
            "get /persistentvolumeclaims shop data",
            "create coordination.k8s.io/leases kube-node-lease",
            "update coordination.k8s.io/leases kube-node-lease one",
            "watch /services",
            "watch discovery.k8s.io/endpointslices",
            "create /events shop",
            "create events.k8s.io/events shop",
            "create authentication.k8s.io/tokenreviews",
            "create authorization.k8s.io/subjectaccessreviews",
            "create certificates.k8s.io/certificatesigningrequests",
        ],
    ),
    ("apiserver", &["get /nodes/proxy - one", "create /nodes/proxy - one", "get /nodes/log - one"]),
    ("sa:job-controller", &["create /pods shop", "update batch/jobs/status shop j"]),
    ("sa:any", &["get path:/openid/v1/jwks"]),
];

#[test]
fn our_programs_may_do_what_they_do() {
    let authorizer = cluster();
    for (name, questions) in NEEDS {
        for question in *questions {
            assert!(may(&authorizer, &who(name), question), "{name} cannot {question}");
        }
    }
}

#[test]
fn our_programs_may_not_do_the_rest() {
    let authorizer = cluster();
    for (name, question) in [
        ("scheduler", "get /secrets shop s"),
        ("scheduler", "create /pods shop"),
        ("scheduler", "update coordination.k8s.io/leases kube-system other"),
        ("manager", "create /pods/exec shop web"),
        ("manager", "create rbac.authorization.k8s.io/clusterrolebindings"),
        ("manager", "bind rbac.authorization.k8s.io/clusterroles - cluster-admin"),
        ("node", "create apps/deployments shop"),
        ("node", "update /secrets shop s"),
        ("node", "delete /nodes - one"),
        ("apiserver", "get /secrets shop s"),
        ("sa:job-controller", "create apps/deployments shop"),
    ] {
        assert!(!may(&authorizer, &who(name), question), "{name} can {question}");
    }
}

#[test]
fn objects_are_whole() {
    let objects = objects();
    let keys: BTreeSet<Key> = objects.iter().map(Object::key).collect();
    assert_eq!(keys.len(), objects.len(), "no name is given twice");
    for object in &objects {
        let meta = object.meta();
        let marks = (meta.labels.as_ref(), meta.annotations.as_ref());
        assert_eq!(marks.0.and_then(|it| it.get(BOOTSTRAPPING.0)).map(String::as_str), Some(BOOTSTRAPPING.1));
        assert_eq!(marks.1.and_then(|it| it.get(AUTOUPDATE)).map(String::as_str), Some("true"));
        if let Some(role) = role_of(object) {
            assert!(keys.contains(&role), "{} names {role}", object.key());
        }
    }
}

/// The role that a binding names.
fn role_of(object: &Object) -> Option<Key> {
    let namespace = object.meta().namespace.clone().unwrap_or_default();
    let role = object
        .get::<RoleBinding>()
        .map(|it| &it.role_ref)
        .or(object.get::<ClusterRoleBinding>().map(|it| &it.role_ref))?;
    let kind = Kind::named("rbac.authorization.k8s.io/v1", &role.kind).expect("a kind of the table");
    let namespace = if kind.row().namespaced() { namespace } else { String::new() };
    Some(Key { kind, namespace, name: role.name.clone() })
}

#[test]
fn aggregated_roles_hold_their_parts() {
    let verbs = |name: &str| {
        let roles = cluster_roles();
        let role = roles.into_iter().find(|it| it.metadata.name.as_deref() == Some(name)).expect(name);
        role.rules.map_or(0, |it| it.len())
    };
    assert!(0 < verbs("view") && verbs("view") < verbs("edit") && verbs("edit") < verbs("admin"));
    assert_eq!(verbs("edit"), verbs("system:aggregate-to-edit") + verbs("view"));
}

#[test]
fn default_objects_are_brought_up_to_date() {
    let all = objects();
    let find = |kind: &str, name: &str| {
        let found = all.iter().find(|it| it.kind().row().kind == kind && it.key().name == name);
        found.expect(name).clone()
    };
    for default in &all {
        assert_eq!(reconciled(default, default), None, "{}", default.key());
    }

    let default = find("ClusterRole", "system:node-proxier");
    let mut old = default.clone();
    let rules = old.get_mut::<ClusterRole>().and_then(|it| it.rules.as_mut()).expect("it has rules");
    let lost = rules.remove(0);
    rules[0].verbs = vec!["*".to_owned()];
    let kept = rules.clone();
    let updated = reconciled(&old, &default).expect("a rule is missing");
    let rules = updated.get::<ClusterRole>().and_then(|it| it.rules.clone()).expect("it has rules");
    assert_eq!(rules, [kept, vec![lost]].concat());

    let mut frozen = old.clone();
    frozen.meta_mut().annotations = Some([(AUTOUPDATE.to_owned(), "false".to_owned())].into());
    assert_eq!(reconciled(&frozen, &default), None);

    let default = find("ClusterRoleBinding", "system:discovery");
    let mut old = default.clone();
    old.get_mut::<ClusterRoleBinding>().expect("a binding").subjects = None;
    assert_eq!(reconciled(&old, &default), Some(default.clone()));
    old.get_mut::<ClusterRoleBinding>().expect("a binding").role_ref.name = "mine".to_owned();
    assert_eq!(reconciled(&old, &default), None);
}
