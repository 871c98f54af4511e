//! A table of pods: what is changed in a good one, and which fields are blamed.

use super::*;
use crate::strategies::pod::defaults;
use serde_json::{Value, json};

fn pod(change: Value) -> Pod {
    let mut value = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "main", "image": "x"}]}});
    let spec = value["spec"].as_object_mut().expect("it is a map");
    spec.extend(change.as_object().cloned().expect("it is a map"));
    let mut pod: Pod = serde_json::from_value(value).expect("it is a pod");
    defaults::pod(pod.spec.as_mut().expect("it has a spec"));
    pod
}

fn main(change: Value) -> Value {
    let mut container = json!({"name": "main", "image": "x"});
    container.as_object_mut().expect("it is a map").extend(change.as_object().cloned().expect("it is a map"));
    json!({"containers": [container]})
}

#[track_caller]
fn check(change: Value, expect: &[&str]) {
    let got: Vec<String> =
        validate(&pod(change)).iter().map(|it| format!("{} {:?}", it.field, it.kind)).collect();
    assert_eq!(got, expect);
}

#[test]
fn containers_are_checked() {
    let c = "spec.containers[0]";
    check(json!({}), &[]);
    check(json!({"containers": []}), &["spec.containers Required"]);
    let one = json!({"name": "main", "image": "x"});
    check(json!({"containers": [one, one]}), &["spec.containers[1].name Duplicate"]);
    check(json!({"containers": [one], "initContainers": [one]}), &["spec.initContainers[0].name Duplicate"]);
    check(main(json!({"name": "Main"})), &[&format!("{c}.name Invalid")]);
    check(main(json!({"image": ""})), &[&format!("{c}.image Required")]);
    check(main(json!({"image": " x"})), &[&format!("{c}.image Invalid")]);
    check(main(json!({"imagePullPolicy": "Sometimes"})), &[&format!("{c}.imagePullPolicy NotSupported")]);
    let ports = |ports: Value| main(json!({"ports": ports}));
    check(ports(json!([{"containerPort": 70_000}])), &[&format!("{c}.ports[0].containerPort Invalid")]);
    check(ports(json!([{"containerPort": 0}])), &[&format!("{c}.ports[0].containerPort Required")]);
    check(ports(json!([{"containerPort": 1, "name": "Up"}])), &[&format!("{c}.ports[0].name Invalid")]);
    check(
        ports(json!([{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}])),
        &[&format!("{c}.ports[1].name Duplicate")],
    );
    check(
        ports(json!([{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}])),
        &[&format!("{c}.ports[1].hostPort Duplicate")],
    );
    check(
        main(json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})),
        &[&format!("{c}.volumeMounts[0].name NotFound")],
    );
    check(
        main(json!({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})),
        &[&format!("{c}.resources.requests Invalid")],
    );
    check(
        main(json!({"resources": {"requests": {"cpu": "-1", "nope": "1"}}})),
        &[
            &format!("{c}.resources.requests[cpu] Invalid"),
            &format!("{c}.resources.requests[nope] Invalid"),
            &format!("{c}.resources.requests[nope] Invalid"),
        ],
    );
    check(
        main(json!({"resources": {"limits": {"example.com/gpu": "1.5"}}})),
        &[
            &format!("{c}.resources.limits[example.com/gpu] Invalid"),
            &format!("{c}.resources.requests[example.com/gpu] Invalid"),
        ],
    );
}

#[test]
fn variables_and_probes_are_checked() {
    let c = "spec.containers[0]";
    let env = |env: Value| main(json!({"env": [env]}));
    check(env(json!({"name": "a=b"})), &[&format!("{c}.env[0].name Invalid")]);
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    check(env(json!({"name": "A", "valueFrom": field("metadata.labels['a']")})), &[]);
    check(
        env(json!({"name": "A", "value": "b", "valueFrom": field("metadata.name")})),
        &[&format!("{c}.env[0].valueFrom Invalid")],
    );
    check(
        env(json!({"name": "A", "valueFrom": field("spec.nope")})),
        &[&format!("{c}.env[0].valueFrom.fieldRef.fieldPath Invalid")],
    );
    check(
        env(json!({"name": "A", "valueFrom": field("metadata.labels")})),
        &[&format!("{c}.env[0].valueFrom.fieldRef.fieldPath NotSupported")],
    );
    check(env(json!({"name": "A", "valueFrom": {}})), &[&format!("{c}.env[0].valueFrom Invalid")]);
    check(main(json!({"livenessProbe": {}})), &[&format!("{c}.livenessProbe Required")]);
    let exec = json!({"command": ["a"]});
    check(main(json!({"readinessProbe": {"exec": exec, "successThreshold": 2}})), &[]);
    check(
        main(json!({"livenessProbe": {"exec": exec, "successThreshold": 2}})),
        &[&format!("{c}.livenessProbe.successThreshold Invalid")],
    );
    check(
        main(json!({"livenessProbe": {"exec": exec, "tcpSocket": {"port": 1}}})),
        &[&format!("{c}.livenessProbe.tcpSocket Forbidden")],
    );
    check(
        main(json!({"livenessProbe": {"httpGet": {"port": "", "scheme": "FTP"}}})),
        &[
            &format!("{c}.livenessProbe.httpGet.port Invalid"),
            &format!("{c}.livenessProbe.httpGet.port Invalid"),
            &format!("{c}.livenessProbe.httpGet.scheme NotSupported"),
        ],
    );
}

#[test]
fn volumes_are_checked() {
    let volumes = |volumes: Value| json!({"volumes": volumes});
    check(volumes(json!([{"name": "v"}])), &[]);
    check(volumes(json!([{"name": "v"}, {"name": "v"}])), &["spec.volumes[1].name Duplicate"]);
    check(
        volumes(json!([{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}])),
        &["spec.volumes[0].hostPath Forbidden"],
    );
    check(
        volumes(json!([{"name": "v", "hostPath": {"path": "/a/../b"}}])),
        &["spec.volumes[0].hostPath.path Invalid"],
    );
    check(volumes(json!([{"name": "v", "configMap": {}}])), &["spec.volumes[0].configMap.name Required"]);
    check(
        volumes(
            json!([{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 5}}]}}]),
        ),
        &["spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds Invalid"],
    );
    let mount = json!({"name": "v", "mountPath": "/v"});
    let mut twice = main(json!({"volumeMounts": [mount, mount]}));
    twice["volumes"] = json!([{"name": "v"}]);
    check(twice, &["spec.containers[0].volumeMounts[1].mountPath Invalid"]);
}

#[test]
fn the_pod_itself_is_checked() {
    check(json!({"restartPolicy": "Sometimes"}), &["spec.restartPolicy NotSupported"]);
    check(json!({"dnsPolicy": "Sometimes"}), &["spec.dnsPolicy NotSupported"]);
    check(json!({"activeDeadlineSeconds": -1}), &["spec.activeDeadlineSeconds Invalid"]);
    check(json!({"hostname": "a.b"}), &["spec.hostname Invalid"]);
    check(json!({"dnsPolicy": "None"}), &["spec.dnsConfig.nameservers Required"]);
    check(
        json!({"tolerations": [{"key": "a", "operator": "Maybe"}]}),
        &["spec.tolerations[0].operator NotSupported"],
    );
    check(json!({"tolerations": [{"operator": "Exists"}]}), &[]);
    let like = json!([{"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]}]);
    check(
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": like}}}}),
        &[
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator Invalid",
        ],
    );
    let spread = json!([{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Never"}]);
    let s = "spec.topologySpreadConstraints[0]";
    check(
        json!({"topologySpreadConstraints": spread}),
        &[
            &format!("{s}.maxSkew Invalid"),
            &format!("{s}.topologyKey Required"),
            &format!("{s}.whenUnsatisfiable NotSupported"),
        ],
    );
    let mut ports = main(json!({"ports": [{"containerPort": 80, "hostPort": 81}]}));
    ports["hostNetwork"] = json!(true);
    check(ports, &["spec.containers[0].ports[0].hostPort Invalid"]);
    check(json!({"imagePullSecrets": [{"name": ""}]}), &[]);
}

#[test]
fn little_of_a_pod_may_change() {
    #[track_caller]
    fn check(change: Value, expect: &[&str]) {
        let old =
            pod(json!({"tolerations": [{"key": "a", "operator": "Exists"}], "activeDeadlineSeconds": 9}));
        let mut value = serde_json::to_value(&old).expect("it serializes");
        let spec = value["spec"].as_object_mut().expect("it is a map");
        spec.extend(change.as_object().cloned().expect("it is a map"));
        let new: Pod = serde_json::from_value(value).expect("it is a pod");
        let got: Vec<String> = update::validate(&new, &old).iter().map(|it| it.field.clone()).collect();
        assert_eq!(got, expect);
    }
    let image = pod(main(json!({"image": "other"}))).spec.expect("it has a spec").containers;
    let image = serde_json::to_value(image).expect("it serializes");
    let command = pod(main(json!({"command": ["x"]}))).spec.expect("it has a spec").containers;
    let command = serde_json::to_value(command).expect("it serializes");
    check(json!({}), &[]);
    // The pull policy was chosen by the old tag and stays.
    check(json!({"containers": image}), &[]);
    check(json!({"containers": command}), &["spec"]);
    check(json!({"containers": [image[0], {"name": "b", "image": "b"}]}), &["spec.containers"]);
    check(json!({"nodeName": "one"}), &["spec"]);
    check(json!({"activeDeadlineSeconds": 5}), &[]);
    check(json!({"activeDeadlineSeconds": 10}), &["spec.activeDeadlineSeconds"]);
    check(
        json!({"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]}),
        &[],
    );
    check(json!({"tolerations": []}), &["spec.tolerations"]);
}

#[test]
fn a_template_leaves_host_ports_to_its_pods() {
    let check = |port: Value, expect: &[&str]| {
        let mut spec = main(json!({"ports": [port]}));
        spec["hostNetwork"] = json!(true);
        let mut whole: PodTemplateSpec =
            serde_json::from_value(json!({"spec": spec})).expect("it is a template");
        defaults::template(&mut whole);
        let mut errors = Errors::new();
        template(&mut errors, &Path::new("t"), &whole);
        assert_eq!(errors.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), expect);
    };
    check(json!({"containerPort": 80}), &[]);
    check(json!({"containerPort": 80, "hostPort": 80}), &[]);
    check(json!({"containerPort": 80, "hostPort": 81}), &["t.spec.containers[0].ports[0].hostPort"]);
}

#[test]
fn hooks_fit_into_the_grace_period() {
    let hooks = |seconds: i64| {
        let mut spec = main(json!({"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}}));
        spec["terminationGracePeriodSeconds"] = json!(10);
        spec
    };
    let sleep = "spec.containers[0].lifecycle.preStop.sleep Invalid";
    check(hooks(0), &[]);
    check(hooks(10), &[]);
    check(hooks(11), &[sleep]);
    check(hooks(-1), &[sleep]);
    let stopped = |signal: &str, os: Value| {
        let mut spec = main(json!({"lifecycle": {"stopSignal": signal}}));
        spec["os"] = os;
        spec
    };
    let (linux, windows) = (json!({"name": "linux"}), json!({"name": "windows"}));
    let path = "spec.containers[0].lifecycle.stopSignal";
    check(stopped("SIGUSR1", linux.clone()), &[]);
    check(stopped("SIGRTMIN+15", linux.clone()), &[]);
    check(stopped("SIGRTMAX-15", linux.clone()), &[&format!("{path} NotSupported")]);
    check(stopped("SIGNOPE", linux), &[&format!("{path} NotSupported")]);
    check(stopped("SIGUSR1", windows), &[&format!("{path} NotSupported")]);
    check(stopped("SIGTERM", Value::Null), &[&format!("{path} Forbidden")]);
}

#[test]
fn systems_have_their_own_fields() {
    let on = |os: &str, mut spec: Value| {
        spec["os"] = json!({"name": os});
        spec
    };
    let privileged = || main(json!({"securityContext": {"privileged": true, "capabilities": {}}}));
    let c = "spec.containers[0].securityContext";
    check(on("linux", privileged()), &[]);
    check(on("moon", privileged()), &["spec.os.name NotSupported"]);
    check(
        on("windows", privileged()),
        &[&format!("{c}.capabilities Forbidden"), &format!("{c}.privileged Forbidden")],
    );
    check(
        on("windows", json!({"hostPID": true, "securityContext": {"fsGroup": 1}})),
        &["spec.hostPID Forbidden", "spec.securityContext.fsGroup Forbidden"],
    );
    let options = || json!({"windowsOptions": {"runAsUserName": "u"}});
    let mut both = main(json!({"securityContext": options()}));
    both["securityContext"] = options();
    check(on("windows", both.clone()), &[]);
    check(
        on("linux", both),
        &["spec.securityContext.windowsOptions Forbidden", &format!("{c}.windowsOptions Forbidden")],
    );
}

#[test]
fn security_is_checked() {
    check(json!({"hostUsers": false}), &[]);
    check(
        json!({"hostUsers": false, "hostNetwork": true, "hostPID": true, "hostIPC": true}),
        &["spec.hostNetwork Forbidden", "spec.HostPID Forbidden", "spec.HostIPC Forbidden"],
    );
    let context = |it: Value| json!({"securityContext": it});
    check(context(json!({"supplementalGroupsPolicy": "Strict"})), &[]);
    check(
        context(json!({"supplementalGroupsPolicy": "Some"})),
        &["spec.securityContext.supplementalGroupsPolicy NotSupported"],
    );
    let armor = |it: Value, expect: &[&str]| {
        let at = |start: &str| -> Vec<String> {
            expect.iter().map(|it| format!("{start}.securityContext.appArmorProfile.{it}")).collect()
        };
        let profile = json!({"appArmorProfile": it});
        let whole = main(json!({"securityContext": profile}));
        for (spec, expect) in [(context(profile), at("spec")), (whole, at("spec.containers[0]"))] {
            check(spec, &expect.iter().map(String::as_str).collect::<Vec<_>>());
        }
    };
    armor(json!({"type": "RuntimeDefault"}), &[]);
    armor(json!({"type": "Localhost", "localhostProfile": "p"}), &[]);
    armor(json!({"type": "Localhost"}), &["localhostProfile Required"]);
    armor(json!({"type": "Localhost", "localhostProfile": " p"}), &["localhostProfile Invalid"]);
    armor(json!({"type": "Unconfined", "localhostProfile": "p"}), &["localhostProfile Invalid"]);
    armor(json!({"type": "Some"}), &["type NotSupported"]);
    armor(json!({"type": ""}), &["type Required"]);
}

#[test]
fn keys_of_labels_need_a_selector() {
    let spread = |it: Value| {
        let mut constraint =
            json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
        constraint
            .as_object_mut()
            .expect("it is a map")
            .extend(it.as_object().cloned().expect("it is a map"));
        json!({"topologySpreadConstraints": [constraint]})
    };
    let path = "spec.topologySpreadConstraints[0].matchLabelKeys";
    let selector = json!({"matchLabels": {"app": "a"}});
    check(spread(json!({"matchLabelKeys": ["hash"], "labelSelector": selector})), &[]);
    check(spread(json!({"matchLabelKeys": ["hash"]})), &[&format!("{path} Forbidden")]);
    check(
        spread(json!({"matchLabelKeys": ["app"], "labelSelector": selector})),
        &[&format!("{path}[0] Invalid")],
    );
    let near = |it: Value| json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [it]}}});
    let path = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]";
    check(
        near(json!({"topologyKey": "zone", "matchLabelKeys": ["a"]})),
        &[&format!("{path}.matchLabelKeys Forbidden")],
    );
    check(
        near(
            json!({"topologyKey": "zone", "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"], "labelSelector": selector}),
        ),
        &[&format!("{path}.matchLabelKeys[0] Invalid")],
    );
}

#[test]
fn resources_may_be_the_pods_own() {
    let spec = |own: Value, cpu: &str| {
        let mut spec = main(json!({"resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}}));
        spec["resources"] = own;
        spec
    };
    let r = "spec.resources";
    check(spec(json!({"requests": {"cpu": "2"}}), "1"), &[]);
    check(spec(json!({"requests": {"cpu": "1"}}), "2"), &[&format!("{r}.requests[cpu] Invalid")]);
    check(
        spec(json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "500m"}}), "1"),
        &[&format!("{r}.requests[cpu] Invalid"), &format!("{r}.containers[0][cpu].limits Invalid")],
    );
    check(
        spec(json!({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}}), "1"),
        &[
            &format!("{r}.limits[example.com/gpu] NotSupported"),
            &format!("{r}.requests[example.com/gpu] NotSupported"),
        ],
    );
    let policies = |it: Value| main(json!({"resizePolicy": it}));
    let path = "spec.containers[0].resizePolicy";
    let cpu = json!({"resourceName": "cpu", "restartPolicy": "NotRequired"});
    check(policies(json!([cpu])), &[]);
    check(policies(json!([cpu, cpu])), &[&format!("{path}[1] Duplicate")]);
    check(
        policies(json!([{"resourceName": "disk", "restartPolicy": "Maybe"}])),
        &[&format!("{path} NotSupported"), &format!("{path} NotSupported")],
    );
}

#[test]
fn a_gated_pod_has_no_node() {
    let check = |spec: Value, expect: &[&str]| {
        let errors = validate_create(&pod(spec));
        assert_eq!(errors.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), expect);
    };
    check(json!({"schedulingGates": [{"name": "a"}]}), &[]);
    check(json!({"schedulingGates": [{"name": "a"}], "nodeName": "one"}), &["spec.nodeName"]);
    let twice = json!({"schedulingGates": [{"name": "a"}, {"name": "a"}]});
    super::tests::check(twice, &["spec.schedulingGates[1] Duplicate"]);
}

#[test]
fn a_resize_keeps_the_quality_of_service() {
    let check = |old: Value, new: Value, expect: &[&str]| {
        let sized = |it: Value| pod(main(json!({"resources": it})));
        let errors = validate_resize(&sized(new), &sized(old));
        let got: Vec<String> = errors.iter().map(|it| format!("{} {}", it.field, it.detail)).collect();
        assert_eq!(got, expect);
    };
    let cpu = |request: &str| json!({"requests": {"cpu": request}});
    let qos = "spec Pod QOS Class may not change as a result of resizing";
    check(cpu("1"), cpu("2"), &[]);
    let both = |it: &str| json!({"limits": {"cpu": it, "memory": "1Gi"}});
    check(both("1"), both("2"), &[]);
    let burst = json!({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}});
    check(both("1"), burst, &[qos]);
    let removed = "spec.containers[0].resources.requests resource requests cannot be removed";
    check(cpu("1"), json!({}), &[qos, removed]);
    let disk = json!({"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}});
    check(cpu("1"), disk, &["spec only cpu and memory resources are mutable"]);
}
