use std::{collections::BTreeMap, path::Path};

use api::quantity::Amount;
use serde_json::{Value, json};

use super::*;
use crate::container_runtime::MountSource;

fn node() -> NodeFacts {
    NodeFacts {
        owner: Owner { cluster: "c".into(), node: "n".into() },
        addresses: vec!["192.0.2.1".parse().unwrap()],
        allocatable: BTreeMap::from([
            ("cpu".to_owned(), Amount::whole(4)),
            ("memory".to_owned(), Amount::whole(8 << 30)),
        ]),
        cluster_dns: vec!["10.96.0.10".parse().unwrap()],
        cluster_domain: "cluster.local".into(),
        host_resolv_conf: "nameserver 192.0.2.53\nsearch corp.test\n".into(),
        network: Some("net".into()),
        pause_image: "pause".into(),
    }
}

/// A pod of one container, with these fields.
fn pod(container: Value, spec: Value) -> Pod {
    let mut pod = json!({
        "metadata": { "name": "p", "namespace": "ns", "uid": "u", "labels": { "tier": "gold" } },
        "spec": { "containers": [{ "name": "main", "image": "app:1" }], "nodeName": "n" },
    });
    for (field, value) in container.as_object().unwrap() {
        pod["spec"]["containers"][0][field] = value.clone();
    }
    for (field, value) in spec.as_object().unwrap() {
        pod["spec"][field] = value.clone();
    }
    serde_json::from_value(pod).unwrap()
}

fn sources() -> Sources {
    let map: ConfigMap = serde_json::from_value(json!({ "data": { "ONE": "1", "TWO": "2" } })).unwrap();
    Sources {
        config_maps: BTreeMap::from([("c".to_owned(), Some(Arc::new(map))), ("gone".to_owned(), None)]),
        secrets: BTreeMap::new(),
    }
}

fn composed_with(pod: &Pod, image: &Image, services: &[Arc<Service>]) -> Result<ContainerSpec, ConfigError> {
    let (node, sources, sandbox) = (node(), sources(), ContainerId::from("sandbox"));
    let spec = pod.spec.as_ref().unwrap();
    let inputs = Inputs {
        pod,
        spec,
        container: &spec.containers[0],
        number: 2,
        backoff: 20,
        sandbox: &sandbox,
        addresses: &["10.1.0.2".parse().unwrap()],
        target: None,
        node: &node,
        sources: &sources,
        services,
        image,
        folder: Path::new("/data/u"),
    };
    container_spec(&inputs).map(|it| it.spec)
}

fn composed(container: Value, spec: Value) -> Result<ContainerSpec, ConfigError> {
    composed_with(&pod(container, spec), &Image::default(), &[])
}

fn env_of(container: Value) -> String {
    match composed(container, json!({})) {
        Ok(spec) => {
            spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn variables_come_from_everywhere_and_the_last_one_wins() {
    let check = |container, expect: &str| assert_eq!(env_of(container), expect);
    let from = json!([{ "prefix": "P_", "configMapRef": { "name": "c" } }]);
    let own = json!([{ "name": "P_TWO", "value": "own" }, { "name": "A", "value": "$(P_ONE)$(P_TWO) $$(A) $(B)" }, { "name": "B" }]);
    check(json!({ "envFrom": from, "env": own }), "P_ONE=1 P_TWO=own A=1own $(A) $(B) B=");
    let field =
        |path: &str| json!({ "env": [{ "name": "A", "valueFrom": { "fieldRef": { "fieldPath": path } } }] });
    check(field("metadata.labels['tier']"), "A=gold");
    check(field("status.podIP"), "A=10.1.0.2");
    check(field("status.hostIP"), "A=192.0.2.1");
    check(field("spec.nodeName"), "A=n");
    check(field("spec.nope"), "unsupported fieldPath: spec.nope");
    let key = |name: &str, key: &str, optional: bool| {
        let reference = json!({ "name": name, "key": key, "optional": optional });
        json!({ "env": [{ "name": "A", "valueFrom": { "configMapKeyRef": reference } }] })
    };
    check(key("c", "ONE", false), "A=1");
    check(key("c", "no", false), "couldn't find key no in ConfigMap ns/c");
    check(key("c", "no", true), "");
    check(key("gone", "ONE", false), "configmap \"gone\" not found");
}

#[test]
fn resources_become_text_in_multiples_of_their_divisor() {
    let resources = json!({ "requests": { "cpu": "100m", "memory": "16Mi" }, "limits": { "cpu": "1500m" } });
    let check = |resource: &str, divisor: &str, expect: &str| {
        let reference = json!({ "resource": resource, "divisor": divisor });
        let env = json!([{ "name": "A", "valueFrom": { "resourceFieldRef": reference } }]);
        assert_eq!(
            env_of(json!({ "env": env, "resources": resources })),
            format!("A={expect}"),
            "{resource}"
        );
    };
    check("limits.cpu", "0", "2");
    check("limits.cpu", "1m", "1500");
    check("requests.memory", "1Mi", "16");
    check("limits.memory", "1Gi", "8");
}

#[test]
fn services_become_variables() {
    let service = json!({
        "metadata": { "name": "my-db" },
        "spec": { "clusterIP": "10.96.1.1", "ports": [{ "name": "sql", "port": 5432, "protocol": "TCP" }] },
    });
    let service = Arc::new(serde_json::from_value(service).unwrap());
    let env = composed_with(&pod(json!({}), json!({})), &Image::default(), &[service]).unwrap().env;
    let env: BTreeMap<String, String> = env.into_iter().collect();
    let expect = [
        ("MY_DB_SERVICE_HOST", "10.96.1.1"),
        ("MY_DB_SERVICE_PORT", "5432"),
        ("MY_DB_SERVICE_PORT_SQL", "5432"),
        ("MY_DB_PORT", "tcp://10.96.1.1:5432"),
        ("MY_DB_PORT_5432_TCP", "tcp://10.96.1.1:5432"),
        ("MY_DB_PORT_5432_TCP_PROTO", "tcp"),
        ("MY_DB_PORT_5432_TCP_PORT", "5432"),
        ("MY_DB_PORT_5432_TCP_ADDR", "10.96.1.1"),
    ];
    assert_eq!(env, expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn root_is_refused_where_it_must_not_be() {
    let check = |context: Value, image_user: &str, expect: Result<Option<&str>, &str>| {
        let pod = pod(
            json!({ "securityContext": context }),
            json!({ "securityContext": { "runAsNonRoot": true } }),
        );
        let image = Image { user: image_user.to_owned(), ..Image::default() };
        match (composed_with(&pod, &image, &[]), expect) {
            (Ok(spec), Ok(user)) => assert_eq!(spec.security.user.as_deref(), user),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, expect) => panic!("{got:?} instead of {expect:?}"),
        }
    };
    check(json!({}), "", Err("image will run as root"));
    check(json!({}), "nobody", Err("non-numeric user (nobody)"));
    check(json!({}), "1000:1000", Ok(None));
    check(json!({ "runAsUser": 5 }), "", Ok(Some("5")));
    check(json!({ "runAsUser": 0 }), "1000", Err("breaks non-root policy"));
    check(json!({ "runAsNonRoot": false }), "", Ok(None));
}

#[test]
fn rights_and_limits_reach_the_engine() {
    let context = json!({ "runAsGroup": 9, "capabilities": { "add": ["NET_ADMIN"], "drop": ["ALL"] },
        "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false });
    let container = json!({ "securityContext": context,
        "resources": { "requests": { "cpu": "250m", "memory": "2Gi" }, "limits": { "cpu": "500m", "memory": "4Gi" } } });
    let of_pod = json!({ "securityContext": { "runAsUser": 7, "supplementalGroups": [8], "fsGroup": 10 } });
    let spec = composed(container, of_pod).unwrap();
    let security = spec.security;
    assert_eq!((security.user.as_deref(), security.groups), (Some("7:9"), vec![8, 10]));
    assert_eq!((security.options, security.read_only_root), (vec!["no-new-privileges".to_owned()], true));
    let resources = spec.resources;
    assert_eq!(
        (resources.cpu_shares, resources.cpu_quota, resources.memory),
        (256, Some(50_000), Some(4 << 30))
    );
    assert_eq!(resources.oom_score_adj, 750);
    let scores = |container| composed(container, json!({})).unwrap().resources.oom_score_adj;
    let limits =
        json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "cpu": "1", "memory": "1Gi" } });
    assert_eq!((scores(json!({})), scores(json!({ "resources": limits }))), (1000, -997));
}

#[test]
fn volumes_and_own_files_are_mounted() {
    let mounts = json!([
        { "name": "c", "mountPath": "/c" },
        { "name": "e", "mountPath": "/e", "subPathExpr": "dir-$(ME)", "readOnly": true },
        { "name": "m", "mountPath": "/m" },
    ]);
    let env = json!([{ "name": "ME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }]);
    let volumes = json!([
        { "name": "c", "configMap": { "name": "c" } },
        { "name": "e", "emptyDir": {} },
        { "name": "m", "emptyDir": { "medium": "Memory", "sizeLimit": "8Mi" } },
    ]);
    let spec =
        composed(json!({ "volumeMounts": mounts, "env": env }), json!({ "volumes": volumes })).unwrap();
    let text = |mount: &crate::container_runtime::Mount| {
        let source = match &mount.source {
            MountSource::Host(path) => path.display().to_string(),
            MountSource::Memory { name, size, .. } => format!("{name} {size:?}"),
        };
        format!("{source} {}{}", mount.target, if mount.read_only { " ro" } else { "" })
    };
    let expect = [
        "/data/u/volumes/c /c ro",
        "/data/u/volumes/e/dir-p /e ro",
        "u_m Some(8388608) /m",
        "/data/u/resolv.conf /etc/resolv.conf",
        "/data/u/containers/main/2 /dev/termination-log",
        "/data/u/etc-hosts /etc/hosts",
    ];
    assert_eq!(spec.mounts.iter().map(text).collect::<Vec<_>>(), expect);
    let out = json!([{ "name": "e", "mountPath": "/e", "subPath": "../up" }]);
    let refused =
        composed(json!({ "volumeMounts": out }), json!({ "volumes": [{ "name": "e", "emptyDir": {} }] }));
    assert!(refused.unwrap_err().to_string().contains("inside the volume"));
}

#[test]
fn names_and_resolvers_follow_the_pod() {
    let check = |spec: Value, expect: &str| {
        let pod = pod(json!({}), spec);
        assert_eq!(resolv_file(&pod, pod.spec.as_ref().unwrap(), &node()), expect);
    };
    check(
        json!({}),
        "search ns.svc.cluster.local svc.cluster.local cluster.local corp.test\nnameserver 10.96.0.10\noptions ndots:5\n",
    );
    check(json!({ "dnsPolicy": "Default" }), "search corp.test\nnameserver 192.0.2.53\n");
    check(json!({ "hostNetwork": true }), "search corp.test\nnameserver 192.0.2.53\n");
    let config = json!({ "nameservers": ["192.0.2.9"], "searches": ["one.test"], "options": [{ "name": "ndots", "value": "3" }, { "name": "edns0" }] });
    check(
        json!({ "dnsPolicy": "None", "dnsConfig": config }),
        "search one.test\nnameserver 192.0.2.9\noptions ndots:3 edns0\n",
    );
    let aliases = json!([{ "ip": "192.0.2.7", "hostnames": ["one.test", "two.test"] }]);
    let pod = pod(json!({}), json!({ "hostname": "other", "subdomain": "sub", "hostAliases": aliases }));
    let hosts = hosts_file(&pod, pod.spec.as_ref().unwrap(), &node(), &["10.1.0.2".parse().unwrap()]);
    let end: Vec<&str> = hosts.lines().skip_while(|it| !it.starts_with("10.1")).collect();
    assert_eq!(end, ["10.1.0.2\tother.sub.ns.svc.cluster.local\tother", "192.0.2.7\tone.test\ttwo.test"]);
}

#[test]
fn a_pause_container_owns_address_ports_and_memory() {
    let ports = json!([{ "containerPort": 80, "hostPort": 8080 }, { "containerPort": 81 }]);
    let volumes = json!([{ "name": "m", "emptyDir": { "medium": "Memory" } }]);
    let pod = pod(json!({ "ports": ports }), json!({ "volumes": volumes }));
    let address = "10.1.0.2".parse().unwrap();
    let spec = sandbox_spec(&pod, pod.spec.as_ref().unwrap(), &node(), Some(address));
    let Namespaces::Own { hostname, network: Network::Bridged { address, ports, .. }, .. } = spec.namespaces
    else {
        panic!("it owns its namespaces")
    };
    assert_eq!((hostname.as_str(), address.map(|it| it.to_string()).as_deref()), ("p", Some("10.1.0.2")));
    assert_eq!(
        (ports.len(), ports[0].host_port, ports[0].host_address.to_string().as_str()),
        (1, 8080, "192.0.2.1")
    );
    assert_eq!(spec.mounts.len(), 1);
    assert_eq!(spec.name, "k8s_POD_p_ns_u_0");
}
