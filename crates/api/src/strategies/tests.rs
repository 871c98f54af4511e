//! Tables of what strategies fill, show and decide.

use crate::resources::Kind;
use jiff::Timestamp;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().expect("it is a time")
}

fn object(value: &Value) -> crate::Object {
    let text = |key: &str| value[key].as_str().expect("it is a text").to_owned();
    let kind = Kind::named(&text("apiVersion"), &text("kind")).expect("it is in the table");
    kind.decode_value(value.clone()).expect("it decodes")
}

/// The row that `kubectl get` prints, its columns joined by bars; wide ones after two.
#[track_caller]
fn check_row(value: Value, expect: &str) {
    let object = object(&value);
    let strategy = object.kind().row().strategy;
    let cells = strategy.cells(&object, now());
    let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let shown = |wide: bool| -> Vec<String> {
        let columns = strategy.columns().iter().zip(&cells);
        columns.filter(|(column, _)| (column.priority > 0) == wide).map(|(_, cell)| text(cell)).collect()
    };
    let row = format!("{} || {}", shown(false).join(" | "), shown(true).join(" | "));
    assert_eq!(row.trim_end_matches(" || "), expect);
}

fn made(api_version: &str, kind: &str, fields: Value) -> Value {
    let mut value = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:58:30Z"}});
    let map = value.as_object_mut().expect("it is a map");
    map.extend(fields.as_object().cloned().expect("it is a map"));
    value
}

fn template() -> Value {
    json!({"spec": {"containers": [{"name": "one", "image": "x"}, {"name": "two", "image": "y"}]}})
}

#[test]
fn rows_of_workloads() {
    let selector =
        json!({"matchLabels": {"b": "c"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]});
    let spec = json!({"replicas": 3, "selector": selector, "template": template()});
    let status = json!({"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2});
    let fields = json!({"spec": spec, "status": status});
    check_row(
        made("apps/v1", "Deployment", fields.clone()),
        "a | 2/3 | 1 | 2 | 90s || one,two | x,y | a,b=c",
    );
    check_row(made("apps/v1", "ReplicaSet", fields.clone()), "a | 3 | 3 | 2 | 90s || one,two | x,y | a,b=c");
    check_row(made("apps/v1", "StatefulSet", fields), "a | 2/3 | 90s || one,two | x,y");
    let status = json!({"desiredNumberScheduled": 2, "currentNumberScheduled": 1, "numberReady": 1, "numberMisscheduled": 0});
    let set = json!({"spec": {"selector": {}, "template": template()}, "status": status});
    check_row(made("apps/v1", "DaemonSet", set), "a | 2 | 1 | 1 | 0 | 0 | <none> | 90s || one,two | x,y | ");
    let status = json!({"succeeded": 1, "startTime": "2026-01-01T00:58:30Z", "completionTime": "2026-01-01T00:59:00Z",
        "conditions": [{"type": "Complete", "status": "True"}]});
    let job = json!({"spec": {"completions": 1, "template": template()}, "status": status});
    check_row(made("batch/v1", "Job", job), "a | Complete | 1/1 | 30s | 90s || one,two | x,y | <none>");
    let spec =
        json!({"schedule": "@daily", "suspend": false, "jobTemplate": {"spec": {"template": template()}}});
    check_row(
        made("batch/v1", "CronJob", json!({"spec": spec})),
        "a | @daily | <none> | False | 0 | <none> | 90s || one,two | x,y | <none>",
    );
}

#[test]
fn rows_of_the_cluster() {
    let status = json!({"conditions": [{"type": "Ready", "status": "True"}], "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}],
        "nodeInfo": {"kubeletVersion": "v1.37.0", "osImage": "Debian", "kernelVersion": "6.1", "containerRuntimeVersion": "docker://20"}});
    let mut node = made("v1", "Node", json!({"spec": {"unschedulable": true}, "status": status}));
    node["metadata"]["labels"] = json!({"node-role.kubernetes.io/control-plane": ""});
    check_row(
        node,
        "a | Ready,SchedulingDisabled | control-plane | 90s | v1.37.0 || 10.0.0.2 | <none> | Debian | 6.1 | docker://20",
    );
    let ports = json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]);
    let spec =
        json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": ports, "selector": {"app": "a"}});
    check_row(
        made("v1", "Service", json!({"spec": spec})),
        "a | LoadBalancer | 10.0.0.1 | <pending> | 80:30080/TCP,53/UDP | 90s || app=a",
    );
    let spec = json!({"volumeName": "v", "storageClassName": "fast", "volumeMode": "Filesystem"});
    let status = json!({"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]});
    check_row(
        made("v1", "PersistentVolumeClaim", json!({"spec": spec, "status": status})),
        "a | Bound | v | 1Gi | RWO,RWX | fast | <unset> | 90s || Filesystem",
    );
    check_row(made("rbac.authorization.k8s.io/v1", "Role", json!({})), "a | 2026-01-01T00:58:30Z");
    let about = json!({"involvedObject": {"kind": "Pod", "name": "p"}, "type": "Normal", "reason": "Started",
        "message": "up\n", "lastTimestamp": "2026-01-01T00:59:30Z", "source": {"component": "kubelet", "host": "one"}});
    check_row(
        made("v1", "Event", about),
        "30s | Normal | Started | pod/p | up ||  | kubelet, one | <unknown> | 1 | a",
    );
    let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
    let spec = json!({"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": [metric]});
    check_row(
        made("autoscaling/v2", "HorizontalPodAutoscaler", json!({"spec": spec})),
        "a | Deployment/web | cpu: <unknown>/80% | <unset> | 5 | 0 | 90s",
    );
}

#[test]
fn pods_get_time_to_end() {
    let check = |spec: Value, phase: &str, requested: Option<i64>, expect: i64| {
        let pod = object(&made("v1", "Pod", json!({"spec": spec, "status": {"phase": phase}})));
        assert_eq!(pod.kind().row().strategy.grace(&pod, requested), Some(expect));
    };
    let bound = || json!({"containers": [], "nodeName": "one", "terminationGracePeriodSeconds": 7});
    check(json!({"containers": []}), "Pending", Some(30), 0);
    check(bound(), "Running", None, 7);
    check(bound(), "Running", Some(60), 60);
    check(bound(), "Running", Some(0), 0);
    check(bound(), "Running", Some(-5), 1);
    check(bound(), "Failed", Some(60), 0);
}

#[test]
fn services_keep_what_they_were_given() {
    let check = |old: Value, new: Value, pointer: &str, expect: Value| {
        let old = object(&made("v1", "Service", json!({"spec": old})));
        let mut new = object(&made("v1", "Service", json!({"spec": new})));
        let strategy = new.kind().row().strategy;
        strategy.set_defaults(&mut new);
        strategy.prepare_update(&mut new, &old);
        assert_eq!(new.to_value().pointer(pointer).cloned().unwrap_or_default(), expect, "{pointer}");
    };
    let port = |node_port: i32| json!([{"port": 80, "protocol": "TCP", "nodePort": node_port}]);
    let old = json!({"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": port(30001)});
    let same = json!({"type": "NodePort", "ports": [{"port": 80}]});
    check(old.clone(), same.clone(), "/spec/clusterIP", json!("10.0.0.1"));
    check(old.clone(), same.clone(), "/spec/clusterIPs", json!(["10.0.0.1"]));
    check(old.clone(), same, "/spec/ports/0/nodePort", json!(30001));
    let plain = json!({"type": "ClusterIP", "ports": port(30001)});
    check(old.clone(), plain, "/spec/ports/0/nodePort", Value::Null);
    let external = json!({"type": "ExternalName", "externalName": "a.b", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]});
    check(old.clone(), external, "/spec/clusterIP", Value::Null);
    let other = json!({"type": "NodePort", "clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.1"], "ports": port(30001)});
    check(old, other, "/spec/clusterIPs", json!(["10.0.0.9"]));
}

#[test]
fn jobs_select_their_own_pods() {
    let mut value = made("batch/v1", "Job", json!({"spec": {"template": template()}}));
    value["metadata"]["uid"] = json!("u-1");
    let mut job = object(&value);
    let strategy = job.kind().row().strategy;
    strategy.set_defaults(&mut job);
    strategy.prepare_create(&mut job);
    let value = job.to_value();
    let labels = json!({"batch.kubernetes.io/controller-uid": "u-1", "batch.kubernetes.io/job-name": "a",
        "controller-uid": "u-1", "job-name": "a"});
    assert_eq!(value.pointer("/spec/template/metadata/labels"), Some(&labels));
    assert_eq!(value.pointer("/metadata/labels"), Some(&labels));
    let selector = json!({"batch.kubernetes.io/controller-uid": "u-1"});
    assert_eq!(value.pointer("/spec/selector/matchLabels"), Some(&selector));
}

#[test]
fn rows_of_kinds_about_the_server_and_devices() {
    let flow = "flowcontrol.apiserver.k8s.io/v1";
    let spec = json!({"priorityLevelConfiguration": {"name": "slow"}, "matchingPrecedence": 9});
    check_row(made(flow, "FlowSchema", json!({"spec": spec})), "a | slow | 9 | <none> | 90s | ?");
    let queuing = json!({"queues": 64, "handSize": 8, "queueLengthLimit": 50});
    let limited =
        json!({"nominalConcurrencyShares": 5, "limitResponse": {"type": "Queue", "queuing": queuing}});
    let spec = json!({"type": "Limited", "limited": limited});
    check_row(
        made(flow, "PriorityLevelConfiguration", json!({"spec": spec})),
        "a | Limited | 5 | 64 | 8 | 50 | 90s",
    );
    let spec = json!({"type": "Exempt"});
    check_row(
        made(flow, "PriorityLevelConfiguration", json!({"spec": spec})),
        "a | Exempt | <none> | <none> | <none> | <none> | 90s",
    );
    let spec =
        json!({"service": {"namespace": "b", "name": "c"}, "groupPriorityMinimum": 1, "versionPriority": 1});
    check_row(
        made("apiregistration.k8s.io/v1", "APIService", json!({"spec": spec})),
        "a | b/c | Unknown | 90s",
    );
    let devices = "resource.k8s.io/v1";
    check_row(made(devices, "ResourceClaim", json!({"spec": {}})), "a | pending | 90s");
    let status = json!({"allocation": {}, "reservedFor": [{"name": "p", "resource": "pods", "uid": "u"}]});
    check_row(
        made(devices, "ResourceClaim", json!({"spec": {}, "status": status})),
        "a | allocated,reserved | 90s",
    );
}
