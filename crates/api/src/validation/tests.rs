//! Tables over all kinds: a small object in, the blamed fields out. Pods have a table of their own.

use crate::resources::Kind;
use serde_json::{Value, json};

fn decode(value: &Value) -> crate::Object {
    let text = |key: &str| value[key].as_str().expect("it is a text").to_owned();
    let kind = Kind::named(&text("apiVersion"), &text("kind")).expect("it is in the table");
    let mut object = kind.decode_value(value.clone()).expect("it decodes");
    kind.row().strategy.set_defaults(&mut object);
    object
}

/// A good object, with some fields replaced by others.
#[track_caller]
fn check(good: &Value, change: Value, expect: &[&str]) {
    let mut value = good.clone();
    merge(&mut value, change);
    let mut object = decode(&value);
    let strategy = object.kind().row().strategy;
    strategy.prepare_create(&mut object);
    let errors = strategy.validate(&object);
    let got: Vec<String> = errors.iter().map(|it| format!("{} {:?}", it.field, it.kind)).collect();
    assert_eq!(got, expect, "{errors:?}");
}

/// The same for what is asked of new objects only.
#[track_caller]
fn check_create(good: &Value, change: Value, expect: &[&str]) {
    let mut value = good.clone();
    merge(&mut value, change);
    let object = decode(&value);
    let errors = object.kind().row().strategy.validate_create(&object);
    let got: Vec<String> = errors.iter().map(|it| format!("{} {:?}", it.field, it.kind)).collect();
    assert_eq!(got, expect, "{errors:?}");
}

#[track_caller]
fn check_update(good: &Value, change: Value, expect: &[&str]) {
    let mut old = decode(good);
    let strategy = old.kind().row().strategy;
    strategy.prepare_create(&mut old);
    let mut value = old.to_value();
    merge(&mut value, change);
    let mut new = decode(&value);
    strategy.prepare_update(&mut new, &old);
    let errors = strategy.validate_update(&new, &old);
    assert_eq!(errors.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), expect, "{errors:?}");
}

/// RFC 7396.
fn merge(value: &mut Value, change: Value) {
    let Value::Object(change) = change else {
        *value = change;
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    let map = value.as_object_mut().expect("it was just made one");
    for (key, change) in change {
        match change {
            Value::Null => drop(map.remove(&key)),
            change => merge(map.entry(key).or_insert(Value::Null), change),
        }
    }
}

fn workload(api_version: &str, kind: &str) -> Value {
    let template =
        json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}});
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": "x", "uid": "1"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template}})
}

#[test]
fn workloads() {
    for kind in ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"] {
        let good = workload("apps/v1", kind);
        check(&good, json!({}), &[]);
        let labels = "spec.template.metadata.labels Invalid";
        let missing: &[&str] =
            if kind == "DaemonSet" { &[labels] } else { &["spec.selector Required", labels] };
        check(&good, json!({"spec": {"selector": null}}), missing);
        let deadline = json!({"spec": {"template": {"spec": {"activeDeadlineSeconds": 5}}}});
        check(&good, deadline, &["spec.template.spec.activeDeadlineSeconds Forbidden"]);
        let other = json!({"spec": {"selector": {"matchLabels": {"app": "b"}}}});
        check(&good, other.clone(), &["spec.template.metadata.labels Invalid"]);
        let never = json!({"spec": {"template": {"spec": {"restartPolicy": "Never"}}}});
        check(&good, never, &["spec.template.spec.restartPolicy NotSupported"]);
        let field = if kind == "StatefulSet" { "spec" } else { "spec.selector" };
        check_update(&good, other, &[field]);
        check_update(&good, json!({"spec": {"minReadySeconds": 3}}), &[]);
    }
    let good = workload("apps/v1", "Deployment");
    check(&good, json!({"spec": {"replicas": -1}}), &["spec.replicas Invalid"]);
    let rolling =
        |value: Value| json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": value}}});
    let unavailable = "spec.strategy.rollingUpdate.maxUnavailable Invalid";
    check(&good, rolling(json!({"maxSurge": 0, "maxUnavailable": 0})), &[unavailable]);
    check(&good, rolling(json!({"maxUnavailable": "101%"})), &[unavailable]);
    check(&good, rolling(json!({"maxUnavailable": "x%"})), &[unavailable]);
    check(&good, json!({"spec": {"strategy": {"type": "Magic"}}}), &["spec.strategy.type NotSupported"]);
    let deadline = json!({"spec": {"progressDeadlineSeconds": 3, "minReadySeconds": 3}});
    check(&good, deadline, &["spec.progressDeadlineSeconds Invalid"]);
    let good = workload("apps/v1", "StatefulSet");
    check(&good, json!({"spec": {"ordinals": {"start": -1}}}), &["spec.ordinals.start Invalid"]);
    check(&good, json!({"spec": {"serviceName": "A b"}}), &["spec.serviceName Invalid"]);
    let good = workload("apps/v1", "DaemonSet");
    let both = json!({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}});
    check(&good, both, &["spec.updateStrategy.rollingUpdate.maxSurge Invalid"]);
}

#[test]
fn jobs() {
    let mut good = workload("batch/v1", "Job");
    merge(&mut good, json!({"spec": {"selector": null, "template": {"spec": {"restartPolicy": "Never"}}}}));
    check(&good, json!({}), &[]);
    let always = json!({"spec": {"template": {"spec": {"restartPolicy": "Always"}}}});
    check(&good, always, &["spec.template.spec.restartPolicy Required"]);
    check(&good, json!({"spec": {"completionMode": "Indexed", "completions": 2}}), &[]);
    let indexed = json!({"spec": {"completionMode": "Indexed", "parallelism": 2}});
    check(&good, indexed, &["spec.completions Required"]);
    check_update(&good, json!({"spec": {"parallelism": 3, "suspend": true, "backoffLimit": 1}}), &[]);
    check_update(&good, json!({"spec": {"completions": 7}}), &["spec.completions"]);
    let policy = json!({"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}});
    check_update(&good, policy, &["spec.template"]);
    let nodes = json!({"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}});
    check_update(&good, nodes.clone(), &["spec.template"]);
    merge(&mut good, json!({"spec": {"suspend": true}}));
    check_update(&good, nodes, &[]);

    let mut spec = good["spec"].clone();
    merge(&mut spec, json!({"template": {"spec": {"restartPolicy": "Never"}}}));
    let good = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
        "spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": spec}}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"schedule": "61 * * * *"}}), &["spec.schedule Invalid"]);
    check(&good, json!({"spec": {"schedule": "TZ=UTC * * * * *"}}), &["spec.schedule Invalid"]);
    check(&good, json!({"spec": {"concurrencyPolicy": "Maybe"}}), &["spec.concurrencyPolicy NotSupported"]);
    check(&good, json!({"metadata": {"name": "a".repeat(53)}}), &["metadata.name Invalid"]);
}

#[test]
fn snapshots_and_templates() {
    let good = json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "a"},
        "data": {"a": 1}, "revision": 1});
    check(&good, json!({}), &[]);
    check(&good, json!({"revision": -1}), &["revision Invalid"]);
    check(&good, json!({"data": null}), &["data Required"]);
    check_update(&good, json!({"revision": 2}), &[]);
    check_update(&good, json!({"data": {"a": 2}}), &["data"]);
    let good = json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"},
        "template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}});
    check(&good, json!({}), &[]);
    check(&good, json!({"template": {"spec": {"containers": []}}}), &["template.spec.containers Required"]);
}

#[test]
fn jobs_have_policies() {
    let mut good = workload("batch/v1", "Job");
    merge(
        &mut good,
        json!({"spec": {"selector": null, "template": {"spec": {"restartPolicy": "Never"}},
        "completionMode": "Indexed", "completions": 5}}),
    );
    let check = |spec: Value, expect: &[&str]| check(&good, json!({"spec": spec}), expect);
    check(json!({"managedBy": "example.com/me"}), &[]);
    check(json!({"managedBy": "me"}), &["spec.managedBy Invalid"]);
    check(json!({"maxFailedIndexes": 1}), &["spec.backoffLimitPerIndex Required"]);
    check(json!({"maxFailedIndexes": 6, "backoffLimitPerIndex": 1}), &["spec.maxFailedIndexes Invalid"]);
    check(json!({"parallelism": 100_001}), &["spec.parallelism Invalid"]);
    check(
        json!({"completions": 100_001, "parallelism": 10_001, "backoffLimitPerIndex": 1}),
        &["spec.parallelism Invalid", "spec.maxFailedIndexes Required"],
    );
    check(
        json!({"completionMode": null, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1, "successPolicy": {"rules": []}}),
        &["spec.backoffLimitPerIndex Invalid", "spec.maxFailedIndexes Invalid", "spec.successPolicy Invalid"],
    );
    let rule = |rule: Value, expect: &[&str]| {
        let expect: Vec<String> =
            expect.iter().map(|it| format!("spec.podFailurePolicy.rules[0]{it}")).collect();
        let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        check(json!({"podFailurePolicy": {"rules": [rule]}}), &expect);
    };
    let codes = |values: Value| json!({"operator": "In", "values": values});
    rule(json!({"action": "FailJob", "onExitCodes": codes(json!([1, 2]))}), &[]);
    rule(json!({"action": "FailIndex", "onExitCodes": codes(json!([1]))}), &[".action Invalid"]);
    rule(json!({"action": "Sing", "onExitCodes": codes(json!([1]))}), &[".action NotSupported"]);
    rule(json!({"action": "Count"}), &[" InvalidTogether"]);
    rule(
        json!({"action": "Count", "onExitCodes": codes(json!([2, 2, 0]))}),
        &[
            ".onExitCodes.values[1] Duplicate",
            ".onExitCodes.values[2] Invalid",
            ".onExitCodes.values Invalid",
        ],
    );
    let mut named = codes(json!([1]));
    named["containerName"] = json!("nobody");
    rule(json!({"action": "Count", "onExitCodes": named}), &[".onExitCodes.containerName Invalid"]);
    rule(
        json!({"action": "Count", "onPodConditions": [{"type": "Ready", "status": "Maybe"}]}),
        &[".onPodConditions[0].status NotSupported"],
    );
    check(
        json!({"podFailurePolicy": {"rules": []}, "podReplacementPolicy": "TerminatingOrFailed"}),
        &["spec.podReplacementPolicy NotSupported"],
    );
}

#[test]
fn jobs_say_what_success_is() {
    let mut good = workload("batch/v1", "Job");
    merge(
        &mut good,
        json!({"spec": {"selector": null, "template": {"spec": {"restartPolicy": "Never"}},
        "completionMode": "Indexed", "completions": 5}}),
    );
    let check = |spec: Value, expect: &[&str]| check(&good, json!({"spec": spec}), expect);
    let success = |rule: Value, expect: &[&str]| {
        let expect: Vec<String> =
            expect.iter().map(|it| format!("spec.successPolicy.rules[0]{it}")).collect();
        let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        check(json!({"successPolicy": {"rules": [rule]}}), &expect);
    };
    success(json!({"succeededIndexes": "0,2-4", "succeededCount": 4}), &[]);
    success(json!({}), &[" Required"]);
    success(json!({"succeededIndexes": "4-5"}), &[".succeededIndexes Invalid"]);
    success(json!({"succeededIndexes": "0", "succeededCount": 2}), &[".succeededCount Invalid"]);
    success(json!({"succeededCount": 6}), &[".succeededCount Invalid"]);
    check(json!({"successPolicy": {"rules": []}}), &["spec.successPolicy.rules Required"]);
}

#[test]
fn jobs_know_their_pods() {
    let mut good = workload("batch/v1", "Job");
    merge(&mut good, json!({"spec": {"selector": null, "template": {"spec": {"restartPolicy": "Never"}}}}));
    let labels = "spec.template.metadata.labels";
    let other = json!({"spec": {"template": {"metadata": {"labels": {"controller-uid": "x"}}}}});
    check(&good, other, &[&format!("{labels}[controller-uid] Invalid")]);
    let own = json!({"spec": {"selector": {"matchLabels": {"app": "a"}}}});
    check(&good, own.clone(), &["spec.selector Invalid"]);
    let mut manual = own;
    merge(&mut manual, json!({"spec": {"manualSelector": true}}));
    check(&good, manual.clone(), &[]);
    merge(&mut manual, json!({"spec": {"selector": null}}));
    check(&good, manual, &["spec.selector Required", &format!("{labels} Invalid")]);
    let long = json!({"metadata": {"name": "a".repeat(62)}, "spec": {"completionMode": "Indexed", "completions": 5}});
    check(&good, long, &["metadata.name Invalid"]);
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": good["spec"]}}});
    let spec = decode(&cron).to_value()["spec"]["jobTemplate"]["spec"].clone();
    let fields: Vec<&String> = spec.as_object().expect("it is a map").keys().collect();
    assert_eq!(fields, ["template"], "the rest is for the jobs to fill in");
    let selected = json!({"spec": {"jobTemplate": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}}});
    check(&cron, selected, &["spec.jobTemplate.spec.selector Invalid"]);
}

#[track_caller]
fn check_details(good: &Value) {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
        "properties": {"color": {"type": "string"}, "parts": {"type": "array"}}}}}});
    let version = |it: Value| {
        let mut version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
        merge(&mut version, it);
        json!({"spec": {"versions": [version]}})
    };
    let own = |notes: Value| json!({"metadata": {"name": "toys.x.k8s.io", "annotations": notes}, "spec": {"group": "x.k8s.io"}});
    let approved = "metadata.annotations[api-approved.kubernetes.io]";
    check(good, own(json!({})), &[&format!("{approved} Required")]);
    check(good, own(json!({"api-approved.kubernetes.io": "unapproved, a test"})), &[]);
    check(good, own(json!({"api-approved.kubernetes.io": "https://example.com/pull/1"})), &[]);
    check(good, own(json!({"api-approved.kubernetes.io": "me"})), &[&format!("{approved} Invalid")]);
    check(good, json!({"spec": {"preserveUnknownFields": true}}), &["spec.preserveUnknownFields Invalid"]);
    let dated = version(json!({"deprecationWarning": "old"}));
    check(good, dated, &["spec.versions[0].deprecationWarning Invalid"]);
    let scale = |it: Value| version(json!({"subresources": {"scale": it}}));
    check(good, scale(json!({"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"})), &[]);
    let s = "spec.subresources.scale";
    check(
        good,
        scale(json!({"specReplicasPath": ".status.n", "statusReplicasPath": "n", "labelSelectorPath": ".x"})),
        &[
            &format!("{s}.specReplicasPath Invalid"),
            &format!("{s}.statusReplicasPath Invalid"),
            &format!("{s}.labelSelectorPath Invalid"),
        ],
    );
    let column = |it: Value| version(json!({"additionalPrinterColumns": [it]}));
    check(good, column(json!({"name": "A", "type": "string", "jsonPath": ".a"})), &[]);
    let c = "spec.additionalPrinterColumns[0]";
    check(
        good,
        column(json!({"name": "", "type": "text", "format": "long", "jsonPath": ""})),
        &[
            &format!("{c}.name Required"),
            &format!("{c}.type Invalid"),
            &format!("{c}.format Invalid"),
            &format!("{c}.JSONPath Required"),
        ],
    );
    let fields = |paths: &[&str]| {
        let fields: Vec<Value> = paths.iter().map(|it| json!({"jsonPath": it})).collect();
        version(json!({"selectableFields": fields}))
    };
    check(good, fields(&[".spec.color"]), &[]);
    let f = "spec.selectableFields";
    check(
        good,
        fields(&[".spec.color", ".spec.color", ".spec.parts", ".spec.nope", "spec", ""]),
        &[
            &format!("{f}[1] Duplicate"),
            &format!("{f}[2] Invalid"),
            &format!("{f}[3].jsonPath Invalid"),
            &format!("{f}[4].jsonPath Invalid"),
            &format!("{f}[5].jsonPath Required"),
        ],
    );
}

#[test]
fn services() {
    let good = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"ports": []}}), &["spec.ports Required"]);
    check(&good, json!({"spec": {"ports": [], "clusterIP": "None"}}), &[]);
    check(&good, json!({"spec": {"clusterIP": "nope"}}), &["spec.clusterIPs[0] Invalid"]);
    check(
        &good,
        json!({"spec": {"ports": [{"port": 80, "nodePort": 30000}]}}),
        &["spec.ports[0].nodePort Forbidden"],
    );
    let external = json!({"spec": {"type": "ExternalName", "clusterIP": null, "externalName": "a.example"}});
    check(&good, external, &[]);
    check(&good, json!({"spec": {"sessionAffinity": "Yes"}}), &["spec.sessionAffinity NotSupported"]);
    check_update(
        &good,
        json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
        &["spec.clusterIPs[0]"],
    );
    check_update(&good, json!({"spec": {"clusterIP": null, "clusterIPs": null}}), &[]);
    check_update(&good, json!({"spec": {"type": "NodePort"}}), &[]);
    let check = |spec: Value, expect: &[&str]| check(&good, json!({"spec": spec}), expect);
    check(json!({"externalIPs": ["127.0.0.1"]}), &["spec.externalIPs[0] Invalid"]);
    check(json!({"trafficDistribution": "PreferClose"}), &[]);
    check(json!({"trafficDistribution": "PreferFar"}), &["spec.trafficDistribution NotSupported"]);
    check(
        json!({"loadBalancerSourceRanges": ["10.0.0.0/8"], "loadBalancerClass": "a.b/c",
            "allocateLoadBalancerNodePorts": false, "healthCheckNodePort": 30000}),
        &[
            "spec.LoadBalancerSourceRanges Forbidden",
            "spec.allocateLoadBalancerNodePorts Forbidden",
            "spec.loadBalancerClass Forbidden",
            "spec.healthCheckNodePort Invalid",
        ],
    );
    check(json!({"type": "LoadBalancer", "loadBalancerClass": "a.b/c"}), &[]);
    check(json!({"type": "LoadBalancer", "loadBalancerClass": "a b"}), &["spec.loadBalancerClass Invalid"]);
    check(json!({"type": "NodePort", "clusterIP": "None"}), &["spec.clusterIPs[0] Invalid"]);
    check(
        json!({"type": "ExternalName", "clusterIP": null, "externalName": "a.b", "ipFamilies": ["IPv4"]}),
        &["spec.ipFamilies Forbidden"],
    );
    let balanced = json!({"spec": {"type": "LoadBalancer", "loadBalancerClass": "a.b/c"}});
    let mut balancer = good.clone();
    merge(&mut balancer, balanced);
    check_update(&balancer, json!({"spec": {"loadBalancerClass": "a.b/d"}}), &["spec.loadBalancerClass"]);
}

#[test]
fn services_have_one_family() {
    let good = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}});
    let check = |spec: Value, expect: &[&str]| check(&good, json!({"spec": spec}), expect);
    let (policy, family) = ("spec.ipFamilyPolicy", "spec.ipFamilies[0]");
    check(json!({}), &[]);
    check(json!({"ipFamilyPolicy": "PreferDualStack"}), &[]);
    check(json!({"ipFamilyPolicy": "RequireDualStack"}), &[&format!("{policy} Invalid")]);
    check(json!({"ipFamilyPolicy": "Some"}), &[&format!("{policy} NotSupported")]);
    check(json!({"ipFamilies": ["IPv6"]}), &[&format!("{family} Invalid")]);
    check(json!({"ipFamilies": ["IPv5"]}), &[&format!("{family} NotSupported")]);
    check(
        json!({"ipFamilies": ["IPv4", "IPv4"], "ipFamilyPolicy": "PreferDualStack"}),
        &["spec.ipFamilies[1] Duplicate"],
    );
    check(
        json!({"ipFamilies": ["IPv4", "IPv6"]}),
        &[&format!("{policy} Invalid"), "spec.ipFamilies[1] Invalid"],
    );
    check(json!({"clusterIPs": ["10.0.0.1"]}), &["spec.clusterIPs Invalid"]);
    check(
        json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "10.0.0.2"]}),
        &["spec.clusterIPs Invalid"],
    );
    check(json!({"clusterIP": "None", "selector": null}), &[]);
    check(json!({"clusterIP": "fd00::1", "ipFamilies": ["IPv4"]}), &["spec.clusterIPs[0] Invalid"]);
}

#[test]
fn configuration() {
    let good =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "b"}});
    check(&good, json!({"binaryData": {"b": "aGk="}}), &[]);
    check(&good, json!({"data": {"a/b": "c"}}), &["data[a/b] Invalid"]);
    check(&good, json!({"data": {"a": "x".repeat(1 << 21)}}), &["[] TooLong"]);
    let mut frozen = good;
    merge(&mut frozen, json!({"immutable": true}));
    check_update(&frozen, json!({"metadata": {"labels": {"a": "b"}}}), &[]);
    check_update(&frozen, json!({"data": {"a": "c"}, "immutable": null}), &["immutable", "data"]);
    let good = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    check(&good, json!({"stringData": {"a": "b"}}), &[]);
    check(&good, json!({"type": "kubernetes.io/tls"}), &["data[tls.crt] Required", "data[tls.key] Required"]);
    let docker = json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "x"}});
    check(&good, docker, &["data[.dockerconfigjson] Invalid"]);
    check(&good, json!({"type": "kubernetes.io/basic-auth", "stringData": {"password": "x"}}), &[]);
    check_update(&good, json!({"type": "other"}), &["type"]);
    check_update(&good, json!({"type": null}), &[]);
}

#[test]
fn storage() {
    let good = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"}, "spec":
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "x"}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"accessModes": []}}), &["spec.accessModes Required"]);
    check(&good, json!({"spec": {"resources": null}}), &["spec.resources[storage] Required"]);
    check_update(&good, json!({"spec": {"storageClassName": "y"}}), &["spec"]);
    check_update(&good, json!({"spec": {"volumeName": "v"}}), &[]);
    let source = |it: Value| json!({"spec": it});
    let snapshot = json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"});
    check(&good, source(json!({"dataSource": snapshot, "dataSourceRef": snapshot})), &[]);
    check(
        &good,
        source(json!({"dataSource": {"kind": "Pod", "name": ""}})),
        &["spec.dataSource.name Required", "spec.dataSource Invalid"],
    );
    let claim = json!({"kind": "PersistentVolumeClaim", "name": "other"});
    check(&good, source(json!({"dataSource": snapshot, "dataSourceRef": claim})), &["spec Invalid"]);
    let good = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "a"}, "spec":
        {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/a"}}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"hostPath": null}}), &["spec Required"]);
    check(
        &good,
        json!({"spec": {"hostPath": null, "local": {"path": "/a"}}}),
        &["spec.nodeAffinity Required"],
    );
    check_update(&good, json!({"spec": {"hostPath": {"path": "/b"}}}), &["spec.persistentvolumesource"]);
    let nfs = json!({"server": "s", "path": "/p"});
    check(&good, json!({"spec": {"nfs": nfs}}), &["spec.nfs Forbidden"]);
    let root = json!({"spec": {"hostPath": {"path": "/./"}, "persistentVolumeReclaimPolicy": "Recycle"}});
    check(&good, root, &["spec.persistentVolumeReclaimPolicy Forbidden"]);
    check(&good, json!({"spec": {"capacity": {"cpu": "1"}}}), &["spec.capacity NotSupported"]);
    check(&good, json!({"spec": {"capacity": null}}), &["spec.capacity Required"]);
    let csi = |it: Value| json!({"spec": {"hostPath": null, "csi": it}});
    check(&good, csi(json!({"driver": "a.b", "volumeHandle": "1"})), &[]);
    check(
        &good,
        csi(json!({"driver": "a_b", "volumeHandle": "", "nodePublishSecretRef": {"name": "s"}})),
        &[
            "spec.csi.driver Invalid",
            "spec.csi.volumeHandle Required",
            "spec.csi.nodePublishSecretRef.namespace Required",
        ],
    );
    let good = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "a"},
        "provisioner": "a.b/c"});
    check(&good, json!({}), &[]);
    check(&good, json!({"provisioner": ""}), &["provisioner Required"]);
    check_update(&good, json!({"provisioner": "x"}), &["provisioner"]);
}

#[test]
fn drivers_of_storage() {
    let made = |kind: &str, fields: Value| {
        let mut value = json!({"apiVersion": "storage.k8s.io/v1", "kind": kind, "metadata": {"name": "a.b"}});
        merge(&mut value, fields);
        value
    };
    let good = made("CSIDriver", json!({"spec": {}}));
    check(&good, json!({}), &[]);
    check(
        &good,
        json!({"spec": {"fsGroupPolicy": "Some", "volumeLifecycleModes": ["Eternal"],
            "tokenRequests": [{"audience": "a"}, {"audience": "a", "expirationSeconds": 5}]}}),
        &[
            "spec.volumeLifecycleModes NotSupported",
            "spec.fsGroupPolicy NotSupported",
            "spec.tokenRequests[1].audience Duplicate",
            "spec.tokenRequests[1].expirationSeconds Invalid",
        ],
    );
    check_update(&good, json!({"spec": {"attachRequired": false}}), &["spec.attachedRequired"]);
    check_update(&good, json!({"spec": {"podInfoOnMount": true}}), &[]);
    let good = made(
        "CSINode",
        json!({"spec": {"drivers": [{"name": "a.b", "nodeID": "1", "topologyKeys": ["a"]}]}}),
    );
    check(&good, json!({}), &[]);
    let twice =
        json!([{"name": "a.b", "nodeID": ""}, {"name": "a.b", "nodeID": "1", "allocatable": {"count": -1}}]);
    check(
        &good,
        json!({"spec": {"drivers": twice}}),
        &[
            "spec.drivers[0].nodeID Required",
            "spec.drivers[1].allocatable.count Invalid",
            "spec.drivers[1].name Duplicate",
        ],
    );
    let good = made(
        "VolumeAttachment",
        json!({"spec": {"attacher": "a.b", "nodeName": "n", "source": {"persistentVolumeName": "v"}}}),
    );
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"source": {"persistentVolumeName": null}}}), &["spec.source Required"]);
    check_update(&good, json!({"spec": {"nodeName": "m"}}), &["spec"]);
    let good = made("VolumeAttributesClass", json!({"driverName": "a.b", "parameters": {"a": "b"}}));
    check(&good, json!({}), &[]);
    check(
        &good,
        json!({"driverName": "", "parameters": null}),
        &["driverName Required", "parameters Required"],
    );
    check_update(&good, json!({"parameters": {"a": "c"}}), &["parameters"]);
    let good = made("CSIStorageCapacity", json!({"storageClassName": "fast", "capacity": "1Gi"}));
    check(&good, json!({}), &[]);
    check(
        &good,
        json!({"storageClassName": "", "capacity": "-1"}),
        &["storageClassName Invalid", "capacity Invalid"],
    );
    check_update(&good, json!({"storageClassName": "slow"}), &["storageClassName"]);
}

#[test]
fn access() {
    let api = "rbac.authorization.k8s.io/v1";
    let good = json!({"apiVersion": api, "kind": "Role", "metadata": {"name": "a"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    check(&good, json!({}), &[]);
    let rule = |rule: Value| json!({"rules": [rule]});
    check(&good, rule(json!({"apiGroups": [""], "resources": ["pods"]})), &["rules[0].verbs Required"]);
    let both = ["rules[0].apiGroups Required", "rules[0].resources Required"];
    check(&good, rule(json!({"verbs": ["get"]})), &both);
    let urls = rule(json!({"nonResourceURLs": ["/x"], "verbs": ["get"]}));
    check(&good, urls.clone(), &["rules[0].nonResourceURLs Invalid"]);
    check(
        &good,
        {
            let mut it = urls;
            it["kind"] = json!("ClusterRole");
            it
        },
        &[],
    );
    let good = json!({"apiVersion": api, "kind": "RoleBinding", "metadata": {"name": "a"},
        "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]});
    check(&good, json!({}), &[]);
    check(&good, json!({"subjects": [{"kind": "Alien", "name": "x"}]}), &["subjects[0].kind NotSupported"]);
    check(
        &good,
        json!({"subjects": [{"kind": "ServiceAccount", "name": "x"}]}),
        &["subjects[0].namespace Required"],
    );
    check_update(&good, json!({"roleRef": {"name": "other"}}), &["roleRef"]);
}

#[test]
fn network_and_policy() {
    let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}});
    let good = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a"},
        "spec": {"rules": [{"host": "*.example.com", "http": {"paths": [path]}}]}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"rules": null}}), &["spec Invalid"]);
    check(&good, json!({"spec": {"rules": [{"host": "1.2.3.4"}]}}), &["spec.rules[0].host Invalid"]);
    let classed = json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "a"}}, "spec": {"ingressClassName": "b"}});
    check_create(&good, classed, &["annotations.kubernetes.io/ingress.class Invalid"]);
    let parameters = |it: Value| json!({"spec": {"parameters": it}});
    let class = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "a"},
        "spec": {"controller": "example.com/c"}});
    check(&class, parameters(json!({"kind": "K", "name": "n"})), &[]);
    check(&class, json!({"spec": {"controller": "c"}}), &["spec.controller Invalid"]);
    let p = "spec.parameters";
    let none = [format!("{p}.kind Required"), format!("{p}.name Required")];
    check(&class, parameters(json!({"kind": "", "name": ""})), &none.each_ref().map(String::as_str));
    let scoped = |scope: &str| parameters(json!({"kind": "K", "name": "n", "scope": scope}));
    check(&class, scoped("Moon"), &[&format!("{p}.scope NotSupported")]);
    check(&class, scoped("Namespace"), &[&format!("{p}.namespace Required")]);
    let both = parameters(json!({"kind": "K", "name": "n", "namespace": "x"}));
    check(&class, both, &[&format!("{p}.namespace Forbidden")]);
    let good = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"ingress": [{"from": [{}]}]}}), &["spec.ingress[0].from[0] Required"]);
    let block = |except: &str| json!({"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [except]}}]}]}});
    check(&good, block("10.1.0.0/16"), &[]);
    let outside = ["spec.ingress[0].from[0].ipBlock.except[0] Invalid"];
    check(&good, block("10.0.0.0/8"), &outside);
    check(&good, block("11.0.0.0/16"), &outside);
    check(&good, json!({"spec": {"policyTypes": ["In"]}}), &["spec.policyTypes[0] NotSupported"]);
    let three = json!({"spec": {"policyTypes": ["Egress", "Ingress", "Egress"]}});
    check(&good, three, &["spec.policyTypes Invalid"]);
    let good = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "a"},
        "spec": {"minAvailable": 1, "selector": {}}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"maxUnavailable": 1}}), &["spec Invalid"]);
    let good = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "a"}, "value": 5});
    check(&good, json!({}), &[]);
    check(&good, json!({"value": 2_000_000_000}), &["value Forbidden"]);
    check(&good, json!({"metadata": {"name": "system-x"}}), &["metadata.name Forbidden"]);
    check_update(&good, json!({"value": 6}), &["value"]);
}

#[test]
fn autoscalers() {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"});
    let good = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": target}});
    check(&good, json!({}), &[]);
    check(&good, json!({"spec": {"minReplicas": 4}}), &["spec.maxReplicas Invalid"]);
    check(&good, json!({"spec": {"minReplicas": 0}}), &["spec.minReplicas Invalid"]);
    check(&good, json!({"spec": {"scaleTargetRef": {"name": "a/b"}}}), &["spec.scaleTargetRef.name Invalid"]);
    let counted = {
        let mut value = good.clone();
        merge(&mut value, json!({"status": {"desiredReplicas": -1}}));
        decode(&value)
    };
    assert_eq!(counted.kind().row().strategy.validate(&counted)[0].field, "status.desiredReplicas");
    check_autoscaled(&good);
    let metric = |metric: Value, expect: &[&str]| {
        let expect: Vec<String> = expect.iter().map(|it| format!("spec.metrics[0].{it}")).collect();
        let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        check(&good, json!({"spec": {"metrics": [metric]}}), &expect);
    };
    let cpu = |target: Value| json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
    let half = json!({"type": "Utilization", "averageUtilization": 50});
    metric(cpu(half.clone()), &[]);
    metric(cpu(json!({"type": "Utilization"})), &["resource.target.averageUtilization Required"]);
    metric(
        cpu(json!({"type": "Much", "averageUtilization": 0})),
        &["resource.target.type Invalid", "resource.target.averageUtilization Invalid"],
    );
    metric(
        cpu(json!({"type": "Value", "averageValue": "0", "averageUtilization": 5})),
        &["resource.target.averageValue Invalid", "resource.target.averageValue Forbidden"],
    );
    metric(json!({"type": "Pods"}), &["pods Required"]);
    metric(json!({"type": "Moon"}), &["type NotSupported"]);
    let pods = json!({"metric": {"name": "a"}, "target": {"type": "AverageValue", "averageValue": "1"}});
    metric(
        json!({"type": "Pods", "pods": pods, "resource": {"name": "cpu", "target": half}}),
        &["resource Forbidden"],
    );
    metric(
        json!({"type": "External", "external": {"metric": {"name": ""}, "target": {"type": "Value", "value": "1", "averageValue": "1"}}}),
        &["external.metric.name Required", "external.target.value Forbidden"],
    );
    metric(
        json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "A", "target": half}}),
        &["containerResource.container Invalid"],
    );
    let rules = |rules: Value, expect: &[&str]| {
        check(&good, json!({"spec": {"behavior": {"scaleUp": rules}}}), expect)
    };
    let policy = json!({"type": "Pods", "value": 1, "periodSeconds": 1801});
    rules(json!({"policies": [policy]}), &["spec.behavior.scaleUp.policies[0].periodSeconds Invalid"]);
    rules(json!({"policies": []}), &["spec.behavior.scaleUp.policies Required"]);
}

/// The version of what is scaled must be right where it is written, and is left alone where it stays.
#[track_caller]
fn check_autoscaled(good: &Value) {
    let without = json!({"spec": {"scaleTargetRef": {"apiVersion": null}}});
    let created = |change: &Value| {
        let mut value = good.clone();
        merge(&mut value, change.clone());
        let scaler = decode(&value);
        scaler.kind().row().strategy.validate_create(&scaler).len()
    };
    let controller =
        json!({"spec": {"scaleTargetRef": {"apiVersion": null, "kind": "ReplicationController"}}});
    assert_eq!((created(&json!({})), created(&without), created(&controller)), (0, 1, 0));
    check_update(good, without.clone(), &["spec.scaleTargetRef.apiVersion"]);
    let mut old = good.clone();
    merge(&mut old, without);
    check_update(&old, json!({"spec": {"maxReplicas": 4}}), &[]);
}

#[test]
fn extensions() {
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}});
    let good = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "toys.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
        "names": {"plural": "toys", "kind": "Toy"}, "versions": [version]}});
    check(&good, json!({}), &[]);
    check(&good, json!({"metadata": {"name": "toys"}}), &["metadata.name Invalid"]);
    check(&good, json!({"spec": {"versions": []}}), &["spec.versions Invalid"]);
    check(&good, json!({"spec": {"scope": "Moon"}}), &["spec.scope NotSupported"]);
    check_details(&good);
    let rules =
        json!([{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["CREATE"]}]);
    let hook = json!({"name": "a.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"url": "https://a"}, "rules": rules});
    let good = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "a"}, "webhooks": [hook]});
    check(&good, json!({}), &[]);
    check(&good, json!({"webhooks": [hook, hook]}), &["webhooks[1].name Duplicate"]);
}

fn policy() -> Value {
    let rules = json!([{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }]);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "p" },
        "spec": { "matchConstraints": { "resourceRules": rules }, "validations": [{ "expression": "true" }] },
    })
}

#[test]
fn policies_say_what_they_are_about() {
    let check = |spec: Value, expect: &[&str]| check(&policy(), json!({ "spec": spec }), expect);
    check(json!({}), &[]);
    check(json!({ "failurePolicy": "Maybe" }), &["spec.failurePolicy NotSupported"]);
    check(json!({ "matchConstraints": null }), &["spec.matchConstraints Required"]);
    check(
        json!({ "matchConstraints": { "resourceRules": [] } }),
        &["spec.matchConstraints.resourceRules Required"],
    );
    let none = ["spec.validations Required", "spec.auditAnnotations Required"];
    check(json!({ "validations": null }), &none);
    let kind = |version: &str, kind: &str| json!({ "paramKind": { "apiVersion": version, "kind": kind } });
    check(kind("v1", "ConfigMap"), &[]);
    check(kind("x.io/v1", "X"), &[]);
    check(kind("", ""), &["spec.paramKind.apiVersion Required", "spec.paramKind.kind Required"]);
    check(kind("a/b/c", "X"), &["spec.paramKind.apiVersion Invalid"]);
    let variable = |name: &str| json!({ "variables": [{ "name": name, "expression": "1" }] });
    check(variable("a_1"), &[]);
    check(variable(""), &["spec.variables[0].name Required"]);
    check(variable("in"), &["spec.variables[0].name Invalid"]);
    check(variable("1a"), &["spec.variables[0].name Invalid"]);
    let validation =
        |field: &str, value: &str| json!({ "validations": [{ "expression": "true", field: value }] });
    check(validation("message", "a\nb"), &["spec.validations[0].message Invalid"]);
    check(validation("message", " "), &["spec.validations[0].message Invalid"]);
    check(validation("messageExpression", " "), &["spec.validations[0].messageExpression Invalid"]);
    check(validation("reason", "Mood"), &["spec.validations[0].reason NotSupported"]);
    let noted = json!({ "key": "a", "valueExpression": "'x'" });
    let twice = json!({ "auditAnnotations": [noted, noted] });
    check(twice, &["spec.auditAnnotations[1].key Duplicate"]);
    check(
        json!({ "auditAnnotations": [{ "key": "a b", "valueExpression": "'x'" }] }),
        &["spec.auditAnnotations[0].key Invalid"],
    );
}

#[test]
fn rules_say_nothing_twice_over() {
    let check = |rule: Value, expect: &[&str]| {
        let mut whole = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] });
        merge(&mut whole, rule);
        check(&policy(), json!({ "spec": { "matchConstraints": { "resourceRules": [whole] } } }), expect);
    };
    let at = |field: &str| format!("spec.matchConstraints.resourceRules[0].{field}");
    check(json!({ "resources": ["pods", "pods/status", "*/scale"] }), &[]);
    check(json!({ "operations": ["*", "CREATE"] }), &[&at("operations Invalid")]);
    check(json!({ "operations": ["LOOK"] }), &[&at("operations[0] NotSupported")]);
    check(json!({ "apiGroups": ["*", "apps"] }), &[&at("apiGroups Invalid")]);
    check(json!({ "apiVersions": [""] }), &[&at("apiVersions[0] Required")]);
    check(json!({ "resources": ["pods/*", "pods/log"] }), &[&at("resources[1] Invalid")]);
    check(json!({ "resources": ["*/*", "pods"] }), &[&at("resources Invalid")]);
    check(json!({ "resources": ["*", "pods"] }), &[&at("resources Invalid")]);
    check(
        json!({ "resourceNames": ["a", "a", "b/c"] }),
        &[&at("resourceNames[1] Duplicate"), &at("resourceNames[2] Invalid")],
    );
    check(json!({ "scope": "World" }), &[&at("scope NotSupported")]);
}

#[test]
fn bindings_say_what_comes_of_it() {
    let good = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "b" }, "spec": { "policyName": "p", "validationActions": ["Deny", "Audit"] },
    });
    let check = |spec: Value, expect: &[&str]| check(&good, json!({ "spec": spec }), expect);
    check(json!({}), &[]);
    check(json!({ "policyName": "" }), &["spec.policyName Required"]);
    check(json!({ "validationActions": [] }), &["spec.validationActions Required"]);
    check(json!({ "validationActions": ["Deny", "Warn"] }), &["spec.validationActions Invalid"]);
    check(json!({ "validationActions": ["Deny", "Deny"] }), &["spec.validationActions[1] Duplicate"]);
    check(json!({ "validationActions": ["Shout"] }), &["spec.validationActions[0] NotSupported"]);
    let reference = |it: Value| json!({ "paramRef": it });
    check(reference(json!({ "name": "a", "parameterNotFoundAction": "Deny" })), &[]);
    check(reference(json!({ "name": "a" })), &["spec.paramRef.parameterNotFoundAction Required"]);
    check(reference(json!({ "parameterNotFoundAction": "Deny" })), &["spec.paramRef Required"]);
    let both = json!({ "name": "a", "selector": {}, "parameterNotFoundAction": "Allow" });
    check(reference(both), &["spec.paramRef.name Forbidden", "spec.paramRef.selector Forbidden"]);
}

#[test]
fn endpoints_can_be_reached() {
    let good = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "a"},
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"name": "http", "port": 80}]});
    check(&good, json!({}), &[]);
    let one = |it: Value| json!({"endpoints": [it]});
    let address = |text: &str| one(json!({"addresses": [text]}));
    check(&good, address("127.0.0.1"), &[]);
    check(&good, address("169.254.0.1"), &["endpoints[0].addresses[0] Invalid"]);
    check(&good, address("fd00::1"), &["endpoints[0].addresses[0] Invalid"]);
    check(&good, one(json!({"addresses": []})), &["endpoints[0].addresses Required"]);
    let named = json!({"addresses": ["10.0.0.1"], "hostname": "A", "nodeName": "B"});
    check(&good, one(named), &["endpoints[0].nodeName Invalid", "endpoints[0].hostname Invalid"]);
    let hinted = json!({"addresses": ["10.0.0.1"], "hints": {"forZones": [{"name": "a"}, {"name": "a"}, {"name": ""}]}});
    check(
        &good,
        one(hinted),
        &["endpoints[0].hints.forZones[1].name Duplicate", "endpoints[0].hints.forZones[2].name Required"],
    );
    let mut domain = address("a");
    merge(&mut domain, json!({"addressType": "FQDN"}));
    check(&good, domain, &["endpoints[0].addresses[0] Invalid"]);
    check(
        &good,
        json!({"ports": [{"name": "A"}, {"port": 0}, {"port": 70_000, "protocol": "ICMP"}]}),
        &[
            "ports[0].name Invalid",
            "ports[1].port Invalid",
            "ports[2].name Duplicate",
            "ports[2].port Invalid",
            "ports[2].protocol NotSupported",
        ],
    );
    check_update(&good, json!({"addressType": "IPv6"}), &["addressType"]);
    let good = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "a"},
        "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]});
    check(&good, json!({}), &[]);
    check(&good, json!({"subsets": [{}]}), &["subsets[0] Required"]);
    let link = json!({"subsets": [{"addresses": [{"ip": "169.254.0.1"}], "ports": [{"port": 0}, {"port": 1, "name": "a"}]}]});
    check(
        &good,
        link,
        &[
            "subsets[0].addresses[0].ip Invalid",
            "subsets[0].ports[0].port Invalid",
            "subsets[0].ports[0].name Required",
        ],
    );
}

#[test]
fn addresses_of_services() {
    let api = "networking.k8s.io/v1";
    let good = json!({"apiVersion": api, "kind": "ServiceCIDR", "metadata": {"name": "a"}, "spec": {"cidrs": ["10.0.0.0/16"]}});
    let ranges = |it: Value| json!({"spec": {"cidrs": it}});
    check(&good, ranges(json!(["10.0.0.0/16", "fd00::/64"])), &[]);
    check(&good, ranges(json!([])), &["spec.cidrs Required"]);
    check(&good, ranges(json!(["10.0.0.0/16", "10.1.0.0/16"])), &["spec.cidrs Invalid"]);
    check(&good, ranges(json!(["10.0.0.0"])), &["spec.cidrs[0] Invalid"]);
    check_update(&good, ranges(json!(["10.0.0.0/16", "fd00::/64"])), &[]);
    check_update(&good, ranges(json!(["10.1.0.0/16"])), &["spec.cidrs[0]"]);
    let good = json!({"apiVersion": api, "kind": "IPAddress", "metadata": {"name": "10.0.0.1"},
        "spec": {"parentRef": {"resource": "services", "name": "a", "namespace": "x"}}});
    let parent = |it: Value| json!({"spec": {"parentRef": it}});
    check(&good, json!({}), &[]);
    check(
        &good,
        parent(json!({"resource": "", "name": "a/b"})),
        &["spec.parentRef.resource Required", "spec.parentRef.name Invalid"],
    );
    check_update(&good, parent(json!({"name": "b"})), &["spec.parentRef"]);
}

#[test]
fn what_was_wrong_before_stays_writable() {
    let stored = |replicas: i32| {
        let mut value = workload("apps/v1", "StatefulSet");
        merge(&mut value, json!({"spec": {"serviceName": "Not a name", "replicas": replicas}}));
        decode(&value)
    };
    let strategy = stored(1).kind().row().strategy;
    assert_eq!(strategy.validate_change(&stored(2), &stored(1)), []);
    let errors = strategy.validate_change(&stored(-1), &stored(1));
    assert_eq!(errors.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), ["spec.replicas"]);
}

#[test]
fn quotas() {
    let good = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "a"},
        "spec": {"hard": {"pods": "5"}, "scopes": ["BestEffort"]}});
    let check = |spec: Value, expect: &[&str]| check(&good, json!({"spec": spec}), expect);
    check(json!({}), &[]);
    check(json!({"hard": {"count/pods": "5", "requests.example.com/gpu": "1"}}), &[]);
    check(json!({"hard": {"pods": "1500m"}}), &["spec.hard[pods] Invalid"]);
    check(json!({"hard": {"pods": "-1"}}), &["spec.hard[pods] Invalid"]);
    check(json!({"hard": {"nope": "1"}}), &["spec.hard[nope] Invalid", "spec.hard[nope] Invalid"]);
    check(json!({"scopes": ["Moon"]}), &["spec.scopes Invalid"]);
    check(json!({"scopes": ["BestEffort", "NotBestEffort"]}), &["spec.scopes Invalid"]);
    check(json!({"hard": {"cpu": "1"}}), &["spec.scopes Invalid"]);
    let selects = |it: Value| json!({"scopeSelector": {"matchExpressions": [it]}});
    let s = "spec.scopeSelector.matchExpressions";
    check(selects(json!({"scopeName": "PriorityClass", "operator": "In", "values": ["a"]})), &[]);
    check(
        selects(json!({"scopeName": "PriorityClass", "operator": "In"})),
        &[&format!("{s}.values Required")],
    );
    check(
        selects(json!({"scopeName": "Terminating", "operator": "DoesNotExist"})),
        &[&format!("{s}.operator Invalid")],
    );
    check(
        selects(json!({"scopeName": "Moon", "operator": "Exists", "values": ["a"]})),
        &[&format!("{s}.scopeName Invalid"), &format!("{s}.values Invalid")],
    );
    check_update(&good, json!({"spec": {"scopes": ["NotBestEffort"]}}), &["spec.scopes"]);
    check_update(&good, json!({"spec": {"hard": {"pods": "6"}}}), &[]);
}

#[test]
fn limit_ranges() {
    let check = |item: Value, expect: &[&str]| {
        let good = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "a"},
            "spec": {"limits": [item]}});
        let expect: Vec<String> = expect.iter().map(|it| format!("spec.limits[0].{it}")).collect();
        self::check(&good, json!({}), &expect.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let cpu = |it: &str| json!({"cpu": it});
    check(
        json!({"type": "Container", "max": cpu("2"), "min": cpu("1"), "maxLimitRequestRatio": cpu("2")}),
        &[],
    );
    check(
        json!({"type": "Container", "max": cpu("1"), "min": cpu("2"), "default": cpu("1"), "defaultRequest": cpu("1")}),
        &["min[cpu] Invalid", "defaultRequest[cpu] Invalid", "default[cpu] Invalid"],
    );
    check(json!({"type": "Pod", "default": cpu("1")}), &["default Forbidden"]);
    check(json!({"type": "Moon", "max": cpu("1")}), &["type Invalid"]);
    check(json!({"type": "PersistentVolumeClaim"}), &["limits Required"]);
    check(json!({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}), &[]);
    check(
        json!({"type": "Pod", "maxLimitRequestRatio": cpu("500m")}),
        &["maxLimitRequestRatio[cpu] Invalid"],
    );
    check(
        json!({"type": "Pod", "max": cpu("2"), "min": cpu("1"), "maxLimitRequestRatio": cpu("3")}),
        &["maxLimitRequestRatio[cpu] Invalid"],
    );
    check(json!({"type": "Pod", "max": {"pods": "1"}}), &["max[pods] Invalid"]);
}

#[test]
fn events() {
    let about = json!({"kind": "Pod", "name": "p", "namespace": "x"});
    let good = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a", "namespace": "x"},
        "involvedObject": about});
    check(&good, json!({}), &[]);
    check(&good, json!({"involvedObject": {"namespace": "y"}}), &["involvedObject.namespace Invalid"]);
    check(&good, json!({"involvedObject": {"namespace": null}}), &["involvedObject.namespace Invalid"]);
    let cluster = json!({"metadata": {"namespace": "default"}, "involvedObject": {"namespace": null}});
    check(&good, cluster, &[]);
    check(
        &good,
        json!({"eventTime": "2026-01-01T00:00:00Z", "reportingComponent": "a", "reason": "R", "action": "A"}),
        &["reportingInstance Required"],
    );
    let good = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a", "namespace": "x"},
        "regarding": about, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/c",
        "reportingInstance": "i", "reason": "R", "action": "A", "type": "Normal"});
    check(&good, json!({}), &[]);
    check_create(&good, json!({}), &[]);
    check(&good, json!({"note": "n".repeat(1025)}), &["message Invalid"]);
    check(&good, json!({"reportingController": "a b"}), &["reportingController Invalid"]);
    check_create(&good, json!({"eventTime": null, "type": "Moon"}), &["eventTime Required", "type Invalid"]);
    check_create(&good, json!({"deprecatedCount": 1}), &["count Invalid"]);
    let series =
        |count: i32| json!({"series": {"count": count, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}});
    check_create(&good, series(1), &["series.count Invalid"]);
    check_update(&good, series(2), &[]);
    check_update(&good, json!({"note": "other", "reason": "S"}), &["reason", "message"]);
}

#[test]
fn phases_of_namespaces_follow_their_deletion() {
    let check = |meta: Value, phase: &str, expect: usize| {
        let namespace = decode(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta, "status": {"phase": phase}}),
        );
        let strategy = namespace.kind().row().strategy;
        let errors = strategy.validate_below(&namespace, &namespace, crate::resources::Subresource::Status);
        assert_eq!(errors.len(), expect, "{errors:?}");
    };
    let going = json!({"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"});
    check(json!({"name": "a"}), "Active", 0);
    check(json!({"name": "a"}), "Terminating", 1);
    check(going.clone(), "Terminating", 0);
    check(going, "Active", 1);
}
