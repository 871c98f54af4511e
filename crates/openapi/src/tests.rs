//! The documents, held against what upstream publishes and what clients look for in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS: Subresource = Subresource { name: "status", verbs: &["get", "patch", "update"], body: None };

const fn row<'a>(
    kind: &'a str,
    plural: &'a str,
    scope: Scope,
    subresources: &'a [Subresource<'a>],
) -> PathRow<'a> {
    PathRow {
        kind,
        plural,
        scope,
        verbs: ALL,
        subresources,
        schema: Schema::BuiltIn,
        deleted: Deleted::Status,
    }
}

const CORE: GroupVersion = GroupVersion {
    group: "",
    version: "v1",
    rows: &[
        row("Namespace", "namespaces", Scope::Cluster, &[STATUS]),
        row(
            "Pod",
            "pods",
            Scope::Namespaced,
            &[
                STATUS,
                Subresource {
                    name: "eviction",
                    verbs: &["create"],
                    body: Some(("policy", "v1", "Eviction")),
                },
                Subresource { name: "exec", verbs: &["create", "get"], body: None },
                Subresource { name: "log", verbs: &["get"], body: None },
            ],
        ),
    ],
};

const APPS: GroupVersion = GroupVersion {
    group: "apps",
    version: "v1",
    rows: &[row(
        "Deployment",
        "deployments",
        Scope::Namespaced,
        &[
            STATUS,
            Subresource {
                name: "scale",
                verbs: &["get", "patch", "update"],
                body: Some(("autoscaling", "v1", "Scale")),
            },
        ],
    )],
};

const REVIEWS: GroupVersion = GroupVersion {
    group: "authorization.k8s.io",
    version: "v1",
    rows: &[PathRow {
        verbs: &["create"],
        ..row("SelfSubjectAccessReview", "selfsubjectaccessreviews", Scope::Cluster, &[])
    }],
};

const EXTENSIONS: GroupVersion = GroupVersion {
    group: "apiextensions.k8s.io",
    version: "v1",
    rows: &[row("CustomResourceDefinition", "customresourcedefinitions", Scope::Cluster, &[STATUS])],
};

fn v3(group_version: &GroupVersion) -> Value {
    serde_json::from_slice(&v3_document(group_version)).expect("the document is JSON")
}

fn v2(group_versions: &[GroupVersion]) -> Value {
    serde_json::from_slice(&v2_document(group_versions)).expect("the document is JSON")
}

fn with_custom<T>(check: impl FnOnce(GroupVersion) -> T) -> T {
    let schema = json!({
        "type": "object",
        "properties": { "spec": { "type": "object", "properties": { "port": { "x-kubernetes-int-or-string": true } } } },
    });
    let row =
        PathRow { schema: Schema::Custom(&schema), ..row("CronTab", "crontabs", Scope::Namespaced, &[]) };
    check(GroupVersion { group: "stable.example.com", version: "v1", rows: &[row] })
}

/// The targets of all references in a document.
fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(String::from);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}

fn check_references(document: &Value) {
    for target in references(document) {
        let pointer = target.strip_prefix('#').expect("references stay in the document");
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for group_version in [CORE, APPS, REVIEWS, EXTENSIONS] {
        check_references(&v3(&group_version));
    }
    with_custom(|custom| check_references(&v3(&custom)));
    with_custom(|custom| check_references(&v2(&[CORE, APPS, REVIEWS, EXTENSIONS, custom])));
}

#[test]
fn only_what_is_reached_is_in_a_document() {
    let document = v3(&APPS);
    let schemas = document["components"]["schemas"].as_object().expect("an object");
    for name in [
        "io.k8s.api.apps.v1.DeploymentList",
        "io.k8s.api.core.v1.Container",
        "io.k8s.api.autoscaling.v1.Scale",
    ] {
        assert!(schemas.contains_key(name), "{name}");
    }
    for name in ["io.k8s.api.apps.v1.DaemonSet", "io.k8s.api.core.v1.Pod"] {
        assert!(!schemas.contains_key(name), "{name}");
    }
}

#[test]
fn schemas_carry_what_kubectl_reads() {
    let document = v3(&APPS);
    let schema = |name: &str| document["components"]["schemas"][format!("io.k8s.api.{name}")].clone();
    let gvk = json!([{ "group": "apps", "version": "v1", "kind": "Deployment" }]);
    assert_eq!(schema("apps.v1.Deployment")["x-kubernetes-group-version-kind"], gvk);
    assert_eq!(schema("core.v1.PodTemplateSpec")["required"], json!(null), "metadata is never asked for");
    assert_eq!(schema("core.v1.PodSpec")["required"], json!(["containers"]));
    let containers = &schema("core.v1.PodSpec")["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-list-type"], "map");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    let item =
        json!({ "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.core.v1.Container" }], "default": {} });
    assert_eq!(containers["items"], item);
    let volumes = &schema("core.v1.PodSpec")["properties"]["volumes"];
    assert_eq!(volumes["x-kubernetes-patch-strategy"], "merge,retainKeys");
    assert_eq!(schema("core.v1.LocalObjectReference")["x-kubernetes-map-type"], "atomic");
}

#[test]
fn operations_carry_what_kubectl_reads() {
    let document = v3(&APPS);
    let path = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
    let patch = &path["patch"];
    assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
    assert_eq!(patch["x-kubernetes-action"], "patch");
    let gvk = json!({ "group": "apps", "version": "v1", "kind": "Deployment" });
    assert_eq!(patch["x-kubernetes-group-version-kind"], gvk);
    let names: Vec<_> =
        patch["parameters"].as_array().expect("a list").iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    let content = patch["requestBody"]["content"].as_object().expect("an object");
    assert!(content.contains_key("application/strategic-merge-patch+json"));
    let scale = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]["get"];
    assert_eq!(scale["x-kubernetes-group-version-kind"]["kind"], "Scale");
}

#[test]
fn paths_follow_scope_and_verbs() {
    let paths = |document: Value| -> Vec<String> {
        document["paths"].as_object().expect("an object").keys().map(String::from).collect()
    };
    let expect = [
        "/api/v1/",
        "/api/v1/namespaces",
        "/api/v1/namespaces/{namespace}/pods",
        "/api/v1/namespaces/{namespace}/pods/{name}",
        "/api/v1/namespaces/{namespace}/pods/{name}/eviction",
        "/api/v1/namespaces/{namespace}/pods/{name}/exec",
        "/api/v1/namespaces/{namespace}/pods/{name}/log",
        "/api/v1/namespaces/{namespace}/pods/{name}/status",
        "/api/v1/namespaces/{name}",
        "/api/v1/namespaces/{name}/status",
        "/api/v1/pods",
    ];
    assert_eq!(paths(v3(&CORE)), expect);
    assert_eq!(paths(v2(&[CORE])), expect);
    let reviews =
        ["/apis/authorization.k8s.io/v1/", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"];
    assert_eq!(paths(v3(&REVIEWS)), reviews);
}

#[test]
fn custom_kinds_are_named_after_their_group() {
    with_custom(|custom| {
        let document = v3(&custom);
        let schema = &document["components"]["schemas"]["com.example.stable.v1.CronTab"];
        assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], "CronTab");
        assert!(schema["properties"]["metadata"]["allOf"][0]["$ref"].is_string());
        let path = &document["paths"]["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"];
        assert_eq!(path["get"]["operationId"], "readStableExampleComV1NamespacedCronTab");
        let types = path["patch"]["requestBody"]["content"].as_object().expect("an object");
        assert!(!types.contains_key("application/strategic-merge-patch+json"));
    });
}

#[test]
fn v2_says_the_same_in_its_words() {
    let document = v2(&[CORE, EXTENSIONS]);
    let definitions = &document["definitions"];
    let quantity = &definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"];
    assert_eq!((&quantity["type"], quantity.get("oneOf")), (&json!("string"), None));
    let spec = &definitions["io.k8s.api.core.v1.Pod"]["properties"]["spec"];
    assert_eq!(spec["$ref"], "#/definitions/io.k8s.api.core.v1.PodSpec");
    assert!(spec["description"].is_string() && spec.get("allOf").is_none());
    // Properties whose names are words of the schema language stay.
    let props = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    assert!(definitions[props]["properties"]["allOf"].is_object());
    let create = &document["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"];
    let body = create["parameters"].as_array().expect("a list").last().expect("a parameter");
    assert_eq!(body["in"], "body");
    assert_eq!(body["schema"]["$ref"], "#/definitions/io.k8s.api.core.v1.Pod");
}

#[test]
fn the_index_names_each_document_by_its_content() {
    let index = v3_index([CORE, APPS]);
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"].as_str().expect("a string");
    assert_eq!(url, format!("/openapi/v3/apis/apps/v1?hash={}", document_hash(&APPS)));
    assert!(index["paths"]["api/v1"].is_object());
    let fewer = GroupVersion { rows: &CORE.rows[..1], ..CORE };
    assert_ne!(document_hash(&CORE), document_hash(&fewer));
    with_custom(|custom| {
        let builtin = PathRow { schema: Schema::BuiltIn, ..custom.rows[0] };
        assert_ne!(document_hash(&custom), document_hash(&GroupVersion { rows: &[builtin], ..custom }));
    });
}
