use super::*;
use crate::resolve::Catalog;
use serde_json::json;

fn described(object: Value, around: &Around) -> String {
    let catalog = Catalog::built_in();
    let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let resource = catalog.named(api_version, kind).cloned().unwrap();
    describe(&resource, &object, around, "2026-01-01T01:00:00Z".parse().unwrap())
}

#[track_caller]
fn check(object: Value, around: &Around, expect: &str) {
    let text = described(object, around);
    assert_eq!(text, expect.trim_start_matches('\n'), "\n{text}");
}

#[test]
fn config_maps_and_secrets() {
    check(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n", "labels": {"x": "1", "y": "2"}},
            "data": {"key": "value"}}),
        &Around { events: Some(Vec::new()), ..Around::default() },
        "
Name:         a
Namespace:    n
Labels:       x=1
              y=2
Annotations:  <none>

Data
====
key:
----
value


BinaryData
====

Events:  <none>
",
    );
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque", "data": {"x": "MQ=="}});
    assert!(described(secret, &Around::default()).ends_with("\nType:  Opaque\n\nData\n====\nx:  1 bytes\n"));
}

fn running_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "default", "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": true}]},
        "spec": {
            "nodeName": "one", "serviceAccountName": "default",
            "containers": [{"name": "app", "image": "img:1", "command": ["sh"], "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "1"}}, "readinessProbe": {"httpGet": {"port": 80, "path": "/ok"}},
                "env": [{"name": "A", "value": "1"}],
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {"phase": "Running", "podIP": "10.0.0.5", "podIPs": [{"ip": "10.0.0.5"}], "hostIP": "1.2.3.4", "qosClass": "Burstable",
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "containerID": "docker://x", "imageID": "sha", "ready": true, "restartCount": 1,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                "lastState": {"terminated": {"reason": "Error", "exitCode": 2, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}}}]},
    })
}

#[test]
fn pods() {
    check(
        running_pod(),
        &Around::default(),
        "
Name:             web-1
Namespace:        default
Priority:         0
Service Account:  default
Node:             one/1.2.3.4
Start Time:       Thu, 01 Jan 2026 00:00:00 +0000
Labels:           <none>
Annotations:      <none>
Status:           Running
IP:               10.0.0.5
IPs:
  IP:           10.0.0.5
Controlled By:  ReplicaSet/web
Containers:
  app:
    Container ID:  docker://x
    Image:         img:1
    Image ID:      sha
    Port:          80/TCP
    Host Port:     0/TCP
    Command:
      sh
    State:          Running
      Started:      Thu, 01 Jan 2026 00:00:00 +0000
    Last State:     Terminated
      Reason:       Error
      Exit Code:    2
      Started:      Thu, 01 Jan 2026 00:00:00 +0000
      Finished:     Thu, 01 Jan 2026 00:00:01 +0000
    Ready:          True
    Restart Count:  1
    Requests:
      cpu:      1
    Readiness:  http-get http://:80/ok delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:
      A:  1
    Mounts:
      /tmp from tmp (rw)
Conditions:
  Type    Status
  Ready   True \nVolumes:
  tmp:
    Type:        EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:      \n    SizeLimit:   <unset>
QoS Class:       Burstable
Node-Selectors:  <none>
Tolerations:     k:NoExecute op=Exists for 300s
",
    );
}

#[test]
fn events_are_told() {
    let event = json!({"type": "Warning", "reason": "Failed", "message": "no\n", "source": {"component": "kubelet"}, "count": 3,
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:59:00Z"});
    let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}});
    let text = described(object, &Around { events: Some(vec![event]), ..Around::default() });
    let expect = "
Events:
  Type     Reason  Age                From     Message
  ----     ------  ----               ----     -------
  Warning  Failed  60s (x3 over 60m)  kubelet  no
";
    assert!(text.ends_with(expect), "{text}");
}

#[test]
fn services_show_their_endpoints() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
        "spec": {"type": "ClusterIP", "selector": {"app": "x"}, "clusterIP": "10.1.1.1",
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]}});
    let endpoint = |ip: &str, ready: bool| json!({"addresses": [ip], "conditions": {"ready": ready}});
    let slice = json!({"ports": [{"name": "http", "port": 8080}],
        "endpoints": [endpoint("a", true), endpoint("b", false), endpoint("c", true), endpoint("d", true), endpoint("e", true)]});
    let text = described(service, &Around { endpoint_slices: vec![slice], ..Around::default() });
    for line in
        ["Port:              http  80/TCP", "TargetPort:        8080/TCP", "a:8080,c:8080,d:8080 + 1 more..."]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn nodes_add_up_what_pods_ask_for() {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": ""}},
        "spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi"}}});
    let pod = |phase: &str| {
        json!({"metadata": {"namespace": "a", "name": "p"}, "status": {"phase": phase},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}}}]}})
    };
    let text = described(node, &Around { pods: vec![pod("Running"), pod("Succeeded")], ..Around::default() });
    for line in [
        "Roles:              worker",
        "Taints:             k=v:NoSchedule",
        "Non-terminated Pods:          (1 in total)",
        "p       500m (25%)    0 (0%)      256Mi (25%)      0 (0%)         <unknown>",
        "  cpu                500m (25%)   0 (0%)",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn other_kinds_are_shown_field_by_field() {
    check(
        json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x", "resourceVersion": "1"},
            "subsets": [{"addresses": [{"ip": "a"}], "clusterIPs": ["b", "c"]}]}),
        &Around::default(),
        "
Name:         x
Labels:       <none>
Annotations:  <none>
API Version:  v1
Kind:         PodTemplate
Metadata:
  Resource Version:  1
Subsets:
  Addresses:
    Ip:  a
  Cluster IPs:
    b
    c
",
    );
}
