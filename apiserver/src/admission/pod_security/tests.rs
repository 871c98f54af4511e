use super::checks::{self, Subject};
use super::policy::Policy;
use super::{LevelVersion, line, warnings_of_pods};
use api::k8s::api::core::v1::Pod;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `restricted`, or `restricted:v1.20`.
fn at(level: &str) -> LevelVersion {
    let (level, version) = level.split_once(':').unwrap_or((level, "latest"));
    let label = |name: &str, value: &str| (format!("pod-security.kubernetes.io/{name}"), value.to_owned());
    let labels = BTreeMap::from([label("enforce", level), label("enforce-version", version)]);
    let (policy, errors) = Policy::of(&labels);
    assert!(errors.is_empty(), "{errors:?}");
    policy.enforce
}

fn pod(value: Value) -> Pod {
    serde_json::from_value(value).unwrap()
}

fn check(level: &str, value: &Value, expect: &str) {
    let pod = pod(value.clone());
    let subject =
        Subject { annotations: pod.metadata.annotations.as_ref(), spec: pod.spec.as_ref().unwrap() };
    assert_eq!(checks::detail(&checks::violations(at(level), &subject)), expect, "{level} {value}");
}

/// A pod of one container with this security context.
fn with(security: Value) -> Value {
    json!({"spec": {"containers": [{"name": "a", "securityContext": security}]}})
}

fn of(spec: Value) -> Value {
    let mut spec = spec;
    spec["containers"] = json!([{"name": "a"}]);
    json!({"spec": spec})
}

#[test]
fn what_baseline_forbids() {
    let check = |value: Value, expect: &str| check("baseline", &value, expect);
    check(with(json!({})), "");
    check(
        with(json!({"privileged": true})),
        "privileged (container \"a\" must not set securityContext.privileged=true)",
    );
    check(
        of(json!({"hostNetwork": true, "hostPID": true})),
        "host namespaces (hostNetwork=true, hostPID=true)",
    );
    check(
        of(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {}}]})),
        "hostPath volumes (volume \"v\")",
    );
    check(
        with(json!({"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}})),
        "non-default capabilities (container \"a\" must not include \"SYS_ADMIN\" in \
         securityContext.capabilities.add)",
    );
    check(
        json!({"spec": {"initContainers": [{"name": "i", "ports": [{"containerPort": 1, "hostPort": 80}]}],
            "containers": [{"name": "a", "ports": [{"containerPort": 1, "hostPort": 443}]}]}}),
        "hostPort (containers \"i\", \"a\" use hostPorts 443, 80)",
    );
    check(
        json!({"spec": {"containers": [{"name": "a", "livenessProbe": {"tcpSocket": {"port": 1, "host": "h"}}}]}}),
        "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"h\")",
    );
    check(
        with(json!({"procMount": "Unmasked"})),
        "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")",
    );
    check(
        with(json!({"seLinuxOptions": {"type": "spc_t", "user": "u"}})),
        "seLinuxOptions (container \"a\" set forbidden securityContext.seLinuxOptions: type \"spc_t\"; user \
         may not be set)",
    );
    check(
        of(json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}})),
        "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
    );
    check(
        of(json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"},
            {"name": "net.ipv4.tcp_rmem", "value": "1"}]}})),
        "forbidden sysctls (kernel.msgmax)",
    );
    check(
        of(json!({"securityContext": {"windowsOptions": {"hostProcess": true}}})),
        "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    );
    check(
        with(json!({"appArmorProfile": {"type": "Unconfined"}})),
        "forbidden AppArmor profile (container \"a\" must not set AppArmor profile type to \"Unconfined\")",
    );
}

#[test]
fn what_restricted_demands() {
    let good = json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let check = |change: Value, expect: &str| {
        let mut security = good.clone();
        for (name, value) in change.as_object().unwrap() {
            security[name] = value.clone();
        }
        check("restricted", &with(security), expect);
    };
    check(json!({}), "");
    check(
        json!({"allowPrivilegeEscalation": null}),
        "allowPrivilegeEscalation != false (container \"a\" must set \
         securityContext.allowPrivilegeEscalation=false)",
    );
    check(
        json!({"capabilities": {"add": ["CHOWN"]}}),
        "unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"]; \
         container \"a\" must not include \"CHOWN\" in securityContext.capabilities.add)",
    );
    check(
        json!({"runAsNonRoot": null}),
        "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true)",
    );
    check(
        json!({"runAsNonRoot": false}),
        "runAsNonRoot != true (container \"a\" must not set securityContext.runAsNonRoot=false)",
    );
    check(json!({"runAsUser": 0}), "runAsUser=0 (container \"a\" must not set runAsUser=0)");
    check(
        json!({"seccompProfile": null}),
        "seccompProfile (pod or container \"a\" must set securityContext.seccompProfile.type to \
         \"RuntimeDefault\" or \"Localhost\")",
    );
    check(
        json!({"procMount": "Unmasked"}),
        "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")",
    );
}

#[test]
fn versions_differ() {
    let bare = of(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}));
    check("privileged", &bare, "");
    let volumes = "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\")";
    let root = "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true)";
    check("restricted:v1.0", &bare, &format!("{volumes}, {root}"));
    let escalation = "allowPrivilegeEscalation != false (container \"a\" must set \
                      securityContext.allowPrivilegeEscalation=false)";
    check("restricted:v1.8", &bare, &format!("{escalation}, {volumes}, {root}"));
    let users = of(json!({"hostUsers": false, "securityContext": {"runAsUser": 0}}));
    check(
        "restricted:v1.19",
        &users,
        &format!(
            "{escalation}, {root}, seccompProfile (pod or container \"a\" must set \
             securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        ),
    );
    let capabilities = "unrestricted capabilities (container \"a\" must set \
                        securityContext.capabilities.drop=[\"ALL\"])";
    let seccomp = "seccompProfile (pod or container \"a\" must set securityContext.seccompProfile.type to \
                   \"RuntimeDefault\" or \"Localhost\")";
    check("restricted", &users, &format!("{escalation}, {capabilities}, {seccomp}"));
    let rmem = of(json!({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}}));
    check("baseline:v1.31", &rmem, "forbidden sysctls (net.ipv4.tcp_rmem)");
    check("baseline:v1.32", &rmem, "");
    let annotated = json!({"metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}},
        "spec": {"containers": [{"name": "a"}]}});
    check(
        "baseline:v1.18",
        &annotated,
        "seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod=\"unconfined\")",
    );
    check("baseline:v1.19", &annotated, "");
}

#[test]
fn labels_are_read() {
    let check = |name: &str, value: &str, expect: &[&str]| {
        let label = (format!("pod-security.kubernetes.io/{name}"), value.to_owned());
        let errors = Policy::of(&BTreeMap::from([label])).1;
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, expect);
    };
    check("enforce", "baseline", &[]);
    check("enforce-version", "v1.20", &[]);
    let path = "metadata.labels[pod-security.kubernetes.io/";
    check(
        "audit",
        "strict",
        &[&format!(
            "{path}audit]: Invalid value: \"strict\": must be one of privileged, baseline, restricted"
        )],
    );
    for bad in ["1.20", "v2.0", "v1.020", "v1."] {
        let text = format!("{path}warn-version]: Invalid value: {bad:?}: must be \"latest\" or \"v1.x\"");
        check("warn-version", bad, &[&text]);
    }
}

#[test]
fn levels_are_news_when_they_are_stricter_or_another_version() {
    let check = |before: &str, now: &str, expect: bool| {
        assert_eq!(at(now).is_news_after(at(before)), expect, "{before} to {now}");
    };
    check("privileged", "baseline", true);
    check("restricted", "baseline", false);
    check("baseline", "baseline", false);
    check("restricted:v1.20", "baseline", true);
    check("restricted", "privileged", false);
}

#[test]
fn pods_that_are_there_are_named() {
    let named = |name: &str, spec: Value| {
        let mut value = of(spec);
        value["metadata"] = json!({"name": name});
        pod(value)
    };
    let pods = [
        named("z", json!({"hostPID": true})),
        named("b", json!({"hostNetwork": true})),
        named("good", json!({})),
        named("c", json!({"hostNetwork": true, "volumes": [{"name": "v", "hostPath": {"path": "/"}}]})),
    ];
    assert_eq!(
        warnings_of_pods("x", at("baseline"), pods.len(), pods.iter()),
        [
            "existing pods in namespace \"x\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "b (and 1 other pod): host namespaces",
            "c: host namespaces, hostPath volumes",
        ]
    );
    assert_eq!(line("privileged", &["b", "a", "c"]), "a (and 2 other pods): privileged");
}
