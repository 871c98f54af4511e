//! One stored object, served in several versions.

use super::{Rig, rig, send};
use serde_json::{Value, json};

const OLD: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
const NEW: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

fn scaler(spec: &Value) -> Value {
    let mut whole = json!({ "metadata": { "name": "a" }, "spec": { "maxReplicas": 5,
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" } } });
    whole["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    whole
}

async fn read(rig: &Rig, collection: &str) -> Value {
    rig.ok("GET", &format!("{collection}/a"), &Value::Null).await
}

#[tokio::test]
async fn an_autoscaler_of_v1_is_one_of_v2() {
    let rig = rig().await;
    let made = rig.ok("POST", OLD, &scaler(&json!({ "targetCPUUtilizationPercentage": 70 }))).await;
    assert_eq!((&made["apiVersion"], &made["spec"]["minReplicas"]), (&json!("autoscaling/v1"), &json!(1)));
    let new = read(&rig, NEW).await;
    let cpu = json!({ "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 70 } });
    assert_eq!(new["spec"]["metrics"], json!([{ "type": "Resource", "resource": cpu }]));
    assert_eq!(
        (&new["metadata"]["uid"], &new["apiVersion"]),
        (&made["metadata"]["uid"], &json!("autoscaling/v2"))
    );
    rig.refused(409, "POST", NEW, &scaler(&json!({}))).await;
    assert_eq!(
        rig.ok("GET", OLD, &Value::Null).await["items"][0]["spec"]["targetCPUUtilizationPercentage"],
        70
    );
    let listed = rig.ok("GET", "/apis/autoscaling/v1/horizontalpodautoscalers", &Value::Null).await;
    assert_eq!(listed["kind"], "HorizontalPodAutoscalerList");
    rig.merge(&format!("{OLD}/a"), &json!({ "spec": { "targetCPUUtilizationPercentage": 40 } })).await;
    assert_eq!(read(&rig, NEW).await["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 40);
    rig.ok("DELETE", &format!("{OLD}/a"), &Value::Null).await;
    rig.refused(404, "GET", &format!("{NEW}/a"), &Value::Null).await;
}

#[tokio::test]
async fn what_v1_cannot_say_stays() {
    let rig = rig().await;
    let memory = json!({ "type": "Resource", "resource": { "name": "memory", "target": { "type": "AverageValue", "averageValue": "1Gi" } } });
    let rules = json!({ "scaleDown": { "stabilizationWindowSeconds": 60 } });
    let made = rig.ok("POST", NEW, &scaler(&json!({ "metrics": [memory], "behavior": rules }))).await;
    let status = json!({ "status": { "desiredReplicas": 2, "conditions": [{ "type": "AbleToScale", "status": "True" }] } });
    assert!(rig.merge(&format!("{NEW}/a/status"), &status).await.status.is_success());
    let old = read(&rig, OLD).await;
    assert!(old["spec"].get("targetCPUUtilizationPercentage").is_none(), "{old}");
    assert!(
        old["metadata"]["annotations"][METRICS].as_str().unwrap().contains("\"targetAverageValue\":\"1Gi\"")
    );
    // An edit through v1 changes what it names and nothing else; a status that it takes away stays.
    let edit = json!({ "spec": { "maxReplicas": 7 }, "metadata": { "annotations": { CONDITIONS: null, "mine": "x" } } });
    assert!(rig.merge(&format!("{OLD}/a"), &edit).await.status.is_success());
    let new = read(&rig, NEW).await;
    assert_eq!((&new["spec"]["metrics"], &new["spec"]["maxReplicas"]), (&made["spec"]["metrics"], &json!(7)));
    assert_eq!(new["spec"]["behavior"], made["spec"]["behavior"]);
    assert_eq!(new["status"]["conditions"][0]["type"], "AbleToScale");
    assert_eq!(new["metadata"]["annotations"], json!({ "mine": "x" }));
    // A status through v1, with what is in annotations.
    let conditions = json!([{ "type": "AbleToScale", "status": "False" }]).to_string();
    let status = json!({ "status": { "desiredReplicas": 3 }, "metadata": { "annotations": { CONDITIONS: conditions } } });
    assert!(rig.merge(&format!("{OLD}/a/status"), &status).await.status.is_success());
    let new = read(&rig, NEW).await;
    assert_eq!(
        (&new["status"]["conditions"][0]["status"], &new["status"]["desiredReplicas"]),
        (&json!("False"), &json!(3))
    );
}

#[tokio::test]
async fn both_versions_are_checked_alike() {
    let rig = rig().await;
    for (collection, spec, part) in [
        (
            OLD,
            json!({ "minReplicas": 6 }),
            "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`",
        ),
        (
            OLD,
            json!({ "targetCPUUtilizationPercentage": 0 }),
            "spec.metrics[0].resource.target.averageUtilization",
        ),
        (NEW, json!({ "metrics": [{ "type": "Pods" }] }), "spec.metrics[0].pods: Required value"),
        (
            NEW,
            json!({ "scaleTargetRef": { "kind": "Deployment", "name": "web" } }),
            "apiVersion must specify API group",
        ),
    ] {
        let message = rig.refused(422, "POST", collection, &scaler(&spec)).await;
        assert!(message.contains(part), "{message}");
    }
    let wrong = json!({ "metadata": { "name": "a", "annotations": { METRICS: "no JSON" } } });
    let mut made = scaler(&json!({}));
    made["metadata"] = wrong["metadata"].clone();
    rig.ok("POST", OLD, &made).await;
    let new = read(&rig, NEW).await;
    assert_eq!(new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
    assert!(new["metadata"].get("annotations").is_none());
}

#[tokio::test]
async fn each_version_is_applied_to() {
    let rig = rig().await;
    let headers = [("content-type", "application/apply-patch+yaml")];
    let mut config = scaler(&json!({ "targetCPUUtilizationPercentage": 60 }));
    (config["apiVersion"], config["kind"]) = ("autoscaling/v1".into(), "HorizontalPodAutoscaler".into());
    let apply =
        async |uri: &str, config: &Value| send(&rig.admin, "PATCH", uri, &headers, &config.to_string()).await;
    let answer = apply(&format!("{OLD}/a?fieldManager=me"), &config).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    config["spec"]["maxReplicas"] = 9.into();
    let answer = apply(&format!("{OLD}/a?fieldManager=me"), &config).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let again = apply(&format!("{OLD}/a?fieldManager=me"), &config).await.json();
    assert_eq!(again["metadata"]["resourceVersion"], answer.json()["metadata"]["resourceVersion"]);
    let new = read(&rig, NEW).await;
    assert_eq!(
        (&new["spec"]["maxReplicas"], &new["spec"]["metrics"][0]["resource"]["name"]),
        (&json!(9), &json!("cpu"))
    );
    assert_eq!(new["metadata"]["managedFields"][0]["apiVersion"], "autoscaling/v1");
}
