//! Services that change their type: what is given to them then, and what they give back.

use super::{Rig, rig, send};
use serde_json::{Value, json};

const SERVICES: &str = "/api/v1/namespaces/default/services";

fn service(spec: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" }, "spec": spec })
}

/// Type, address, node ports, health check port and external traffic policy; given numbers as `*`.
fn shown(service: &Value) -> String {
    let spec = &service["spec"];
    let given = |it: &Value| if it.is_null() { "-" } else { "*" };
    let ports: Vec<&str> =
        spec["ports"].as_array().into_iter().flatten().map(|it| given(&it["nodePort"])).collect();
    format!(
        "{} {} {} {} {}",
        spec["type"].as_str().unwrap_or_default(),
        given(&spec["clusterIP"]),
        ports.join(","),
        given(&spec["healthCheckNodePort"]),
        spec["externalTrafficPolicy"].as_str().unwrap_or("-"),
    )
}

async fn made(rig: &Rig, spec: &Value) -> Value {
    rig.ok("POST", SERVICES, &service(spec)).await
}

async fn merged(rig: &Rig, spec: &Value) -> Value {
    let answer = rig.merge(&format!("{SERVICES}/web"), &json!({ "spec": spec })).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_type_gets_what_it_needs_and_gives_back_what_it_needs_no_more() {
    let rig = rig().await;
    made(&rig, &json!({ "ports": [{ "port": 80 }], "selector": { "app": "a" } })).await;
    let steps = [
        (json!({ "type": "NodePort" }), "NodePort * * - Cluster"),
        (json!({ "type": "ClusterIP" }), "ClusterIP * - - -"),
        (
            json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false }),
            "LoadBalancer * - - Cluster",
        ),
        (json!({ "allocateLoadBalancerNodePorts": true }), "LoadBalancer * * - Cluster"),
        (json!({ "externalTrafficPolicy": "Local" }), "LoadBalancer * * * Local"),
        (json!({ "externalTrafficPolicy": "Cluster" }), "LoadBalancer * * - Cluster"),
        (json!({ "externalTrafficPolicy": "Local" }), "LoadBalancer * * * Local"),
        (json!({ "type": "ExternalName", "externalName": "a.b" }), "ExternalName - - - -"),
        (json!({ "type": "ClusterIP", "externalName": null }), "ClusterIP * - - -"),
    ];
    for (spec, expect) in steps {
        assert_eq!(shown(&merged(&rig, &spec).await), expect, "{spec}");
    }
}

#[tokio::test]
async fn updates_and_applies_are_given_ports_too() {
    let rig = rig().await;
    let ports = json!([{ "port": 80 }]);
    made(&rig, &json!({ "ports": ports })).await;
    let uri = format!("{SERVICES}/web");
    let open = service(&json!({ "type": "NodePort", "ports": ports }));
    let dry = rig.ok("PUT", &format!("{uri}?dryRun=All"), &open).await;
    let put = rig.ok("PUT", &uri, &open).await;
    assert_eq!(shown(&put), "NodePort * * - Cluster");
    assert_eq!(dry["spec"]["ports"], put["spec"]["ports"], "a dry run gives back what it took");
    assert_eq!(rig.ok("PUT", &uri, &open).await["metadata"], put["metadata"], "nothing to write");
    rig.ok("DELETE", &uri, &Value::Null).await;
    let headers = [("content-type", "application/apply-patch+yaml")];
    for (type_, expect) in [("ClusterIP", "ClusterIP * - - -"), ("NodePort", "NodePort * * - Cluster")] {
        let config = service(&json!({ "type": type_, "ports": [{ "port": 80, "protocol": "TCP" }] }));
        let uri = format!("{uri}?fieldManager=one&force=true");
        let applied = send(&rig.admin, "PATCH", &uri, &headers, &config.to_string()).await;
        assert_eq!(shown(&applied.json()), expect, "{}", applied.text);
    }
}

#[tokio::test]
async fn a_health_check_port_belongs_to_balancers_that_keep_traffic_local() {
    let rig = rig().await;
    let ports = json!([{ "port": 80 }]);
    let local = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": ports });
    let balancer = made(&rig, &local).await;
    assert_eq!(shown(&balancer), "LoadBalancer * * * Local");
    let port = balancer["spec"]["healthCheckNodePort"].as_i64().unwrap();
    let uri = format!("{SERVICES}/web");
    let answer = rig.merge(&uri, &json!({ "spec": { "healthCheckNodePort": port + 1 } })).await;
    assert!(
        answer.text.contains("spec.healthCheckNodePort: Forbidden: field is immutable"),
        "{}",
        answer.text
    );
    let answer =
        rig.merge(&uri, &json!({ "spec": { "type": "ClusterIP", "healthCheckNodePort": 30999 } })).await;
    assert!(answer.text.contains("may only be set when `type` is 'LoadBalancer'"), "{}", answer.text);
    let mut other = service(&json!({ "type": "NodePort", "ports": [{ "port": 80, "nodePort": port }] }));
    other["metadata"]["name"] = "other".into();
    let why = rig.refused(422, "POST", SERVICES, &other).await;
    assert!(why.contains("provided port is already allocated"), "{why}");
}

#[tokio::test]
async fn it_can_be_looked_up_whose_an_address_is() {
    let rig = rig().await;
    let uri = |address: &str| format!("/apis/networking.k8s.io/v1/ipaddresses/{address}");
    let found = |status: u16, address: String| {
        let rig = &rig;
        async move {
            for _ in 0..500 {
                let answer = rig.send("GET", &uri(&address), &Value::Null).await;
                if answer.status.as_u16() == status {
                    return answer.json();
                }
                daemon::clock::sleep(std::time::Duration::from_millis(10)).await;
            }
            panic!("{address} is never {status}");
        }
    };
    found(200, "10.96.0.1".to_owned()).await;
    let made = made(&rig, &json!({ "ports": [{ "port": 80 }] })).await;
    let address = made["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let object = found(200, address.clone()).await;
    let parent = json!({ "resource": "services", "namespace": "default", "name": "web" });
    assert_eq!(object["spec"]["parentRef"], parent);
    rig.ok("DELETE", &format!("{SERVICES}/web"), &Value::Null).await;
    found(404, address).await;
}
