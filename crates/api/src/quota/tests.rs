use super::*;
use crate::object::Object;
use crate::resources::Kind;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, ResourceQuota, Service};
use serde_json::{Value, json};

fn object<K: crate::Resource>(value: Value) -> Object {
    serde_json::from_value::<K>(value).unwrap().into()
}

fn pod(spec: Value) -> Object {
    object::<Pod>(json!({"metadata": {"name": "p"}, "spec": spec}))
}

fn asking(requests: Value, limits: Value) -> Object {
    pod(json!({"containers": [{"name": "c", "resources": {"requests": requests, "limits": limits}}]}))
}

fn quota(hard: Value, used: Value, spec: Value) -> ResourceQuota {
    let status = json!({"hard": hard, "used": used});
    serde_json::from_value(json!({"metadata": {"name": "q"}, "spec": spec, "status": status})).unwrap()
}

fn text(usage: &Usage) -> String {
    usage.iter().map(|(name, it)| format!("{name}={}", it.0)).collect::<Vec<_>>().join(" ")
}

#[test]
fn objects_use() {
    let check = |object: Object, expect: &str| {
        assert_eq!(text(&usage(&object, Timestamp::UNIX_EPOCH)), expect);
    };
    check(object::<ConfigMap>(json!({})), "configmaps=1 count/configmaps=1");
    check(pod(json!({"containers": [{"name": "c"}]})), "count/pods=1 pods=1");
    check(
        asking(json!({"cpu": "100m", "memory": "1Gi", "example.com/gpu": "2"}), json!({"cpu": "1"})),
        "count/pods=1 cpu=100m limits.cpu=1 memory=1Gi pods=1 requests.cpu=100m requests.example.com/gpu=2 \
         requests.memory=1Gi",
    );
    let over = json!({"spec": {"containers": []}, "status": {"phase": "Succeeded"}});
    check(object::<Pod>(over), "count/pods=1");
    let late = json!({"metadata": {"deletionTimestamp": "1969-12-31T23:00:00Z",
        "deletionGracePeriodSeconds": 30}, "spec": {"containers": []}});
    check(object::<Pod>(late), "count/pods=1");
    let service = |spec: Value| object::<Service>(json!({"spec": spec}));
    let plain = "count/services=1 services=1 services.loadbalancers=";
    check(service(json!({"type": "ClusterIP"})), &format!("{plain}0 services.nodeports=0"));
    let ports = json!([{"port": 1}, {"port": 2}]);
    check(service(json!({"type": "NodePort", "ports": ports})), &format!("{plain}0 services.nodeports=2"));
    check(
        service(json!({"type": "LoadBalancer", "ports": ports})),
        &format!("{plain}1 services.nodeports=2"),
    );
    check(
        service(json!({"type": "LoadBalancer", "ports": ports, "allocateLoadBalancerNodePorts": false})),
        &format!("{plain}1 services.nodeports=0"),
    );
    check(
        object::<PersistentVolumeClaim>(
            json!({"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "2Gi"}}}}),
        ),
        "count/persistentvolumeclaims=1 fast.storageclass.storage.k8s.io/persistentvolumeclaims=1 \
         fast.storageclass.storage.k8s.io/requests.storage=2Gi persistentvolumeclaims=1 requests.storage=2Gi",
    );
}

#[test]
fn writes_are_charged_or_refused() {
    let check = |hard: Value, used: Value, new: Object, expect: Result<&str, &str>| {
        let got = charge(&quota(hard, used, json!({})), &new, None, Timestamp::UNIX_EPOCH);
        let got = got.map(|it| it.map_or_else(String::new, |it| text(&it)));
        assert_eq!(got.as_deref().map_err(String::as_str), expect);
    };
    let plain = || pod(json!({"containers": [{"name": "c"}]}));
    check(json!({"pods": "2"}), json!({"pods": "1"}), plain(), Ok("pods=2"));
    check(
        json!({"pods": "1"}),
        json!({"pods": "1"}),
        plain(),
        Err("exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"),
    );
    check(json!({"services": "0"}), json!({"services": "0"}), plain(), Ok(""));
    check(
        json!({"limits.cpu": "1"}),
        json!({"limits.cpu": "0"}),
        plain(),
        Err("failed quota: q: must specify limits.cpu for: c"),
    );
    let two = json!({"containers": [{"name": "b"}], "initContainers": [{"name": "a"}]});
    check(
        json!({"cpu": "1", "requests.memory": "1"}),
        json!({"cpu": "0", "requests.memory": "0"}),
        pod(two),
        Err("failed quota: q: must specify cpu for: a,b; requests.memory for: a,b"),
    );
    check(
        json!({"requests.cpu": "1", "pods": "5"}),
        json!({"requests.cpu": "700m", "pods": "1"}),
        asking(json!({"cpu": "400m"}), json!({})),
        Err(
            "exceeded quota: q, requested: requests.cpu=400m, used: requests.cpu=700m, limited: requests.cpu=1",
        ),
    );
    check(json!({"pods": "1"}), json!({}), plain(), Err("status unknown for quota: q, resources: pods"));
    check(json!({"ephemeral-storage": "1Gi"}), json!({"ephemeral-storage": "0"}), plain(), Ok(""));
}

#[test]
fn only_what_a_change_adds_is_charged() {
    let claim = |size: &str| {
        object::<PersistentVolumeClaim>(json!({"spec": {"resources": {"requests": {"storage": size}}}}))
    };
    let check = |used: &str, new: &str, expect: Result<Option<&str>, ()>| {
        let quota = quota(json!({"requests.storage": "3Gi"}), json!({"requests.storage": used}), json!({}));
        let got = charge(&quota, &claim(new), Some(&claim("1Gi")), Timestamp::UNIX_EPOCH);
        let got = got.map(|it| it.map(|it| text(&it))).map_err(drop);
        assert_eq!(got, expect.map(|it| it.map(|it| format!("requests.storage={it}"))));
    };
    check("2Gi", "2Gi", Ok(Some("3Gi")));
    check("2Gi", "3Gi", Err(()));
    check("3Gi", "1Gi", Ok(None));
    check("3Gi", "512Mi", Ok(None));
}

#[test]
fn scopes_select() {
    let check = |spec: Value, object: &Object, expect: bool| {
        assert_eq!(fits(&quota(json!({}), json!({}), spec.clone()), object), expect, "{spec}");
    };
    let plain = pod(json!({"containers": [{"name": "c"}]}));
    let asking = asking(json!({"cpu": "1"}), json!({}));
    let ending = pod(json!({"containers": [], "activeDeadlineSeconds": 5, "priorityClassName": "high"}));
    let scoped = |name: &str| json!({"scopes": [name]});
    check(json!({}), &plain, true);
    check(scoped("BestEffort"), &plain, true);
    check(scoped("BestEffort"), &asking, false);
    check(scoped("NotBestEffort"), &asking, true);
    check(scoped("Terminating"), &ending, true);
    check(scoped("Terminating"), &plain, false);
    check(scoped("NotTerminating"), &plain, true);
    check(scoped("PriorityClass"), &ending, true);
    check(scoped("PriorityClass"), &plain, false);
    check(scoped("BestEffort"), &object::<ConfigMap>(json!({})), false);
    let class = |operator: &str, values: Value| {
        let requirement = json!({"scopeName": "PriorityClass", "operator": operator, "values": values});
        json!({"scopeSelector": {"matchExpressions": [requirement]}})
    };
    check(class("In", json!(["high"])), &ending, true);
    check(class("In", json!(["low"])), &ending, false);
    check(class("NotIn", json!(["low"])), &plain, true);
    check(class("DoesNotExist", json!(null)), &plain, true);
    let affinity = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        [{"topologyKey": "x", "namespaces": ["other"]}]}});
    let crossing = pod(json!({"containers": [], "affinity": affinity}));
    check(scoped("CrossNamespacePodAffinity"), &crossing, true);
    check(scoped("CrossNamespacePodAffinity"), &plain, false);
}

/// Three pods, one of them over, and two objects of any other kind.
struct Some3;

impl Holdings for Some3 {
    fn kind(&self, resource: &str) -> Option<Kind> {
        built_in_kind(resource)
    }
    fn number(&self, _kind: Kind) -> usize {
        2
    }
    fn each(&self, kind: Kind, visit: &mut dyn FnMut(&Object)) {
        if kind == <Pod as crate::Resource>::KIND {
            visit(&asking(json!({"cpu": "100m"}), json!({})));
            visit(&pod(json!({"containers": []})));
            visit(&object::<Pod>(json!({"spec": {"containers": []}, "status": {"phase": "Failed"}})));
        }
    }
}

#[test]
fn namespaces_are_counted() {
    let check = |hard: &[&str], spec: Value, expect: &str| {
        let hard: Usage = hard.iter().map(|it| ((*it).to_owned(), zero())).collect();
        let quota = quota(json!({}), json!({"count/widgets.example.com": "7", "gone": "1"}), spec);
        assert_eq!(text(&used(&quota, &hard, &Some3, Timestamp::UNIX_EPOCH)), expect);
    };
    check(
        &["pods", "count/pods", "cpu", "limits.cpu"],
        json!({}),
        "count/pods=3 cpu=100m limits.cpu=0 pods=2",
    );
    check(
        &["configmaps", "count/jobs.batch", "services"],
        json!({}),
        "configmaps=2 count/jobs.batch=2 services=0",
    );
    check(&["configmaps", "pods"], json!({"scopes": ["NotBestEffort"]}), "configmaps=0 pods=1");
    check(&["count/widgets.example.com", "never-heard-of"], json!({}), "count/widgets.example.com=7");
    check(
        &["requests.storage", "x.storageclass.storage.k8s.io/requests.storage"],
        json!({}),
        "requests.storage=0 x.storageclass.storage.k8s.io/requests.storage=0",
    );
}
