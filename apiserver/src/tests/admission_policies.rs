//! Admission policies, from their creation to their refusals.

use super::{MAPS, Rig, map, rig};
use serde_json::{Value, json};

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

fn data(name: &str, data: &Value) -> Value {
    let mut object = map(name);
    object["data"] = data.clone();
    object
}

fn policy(spec: &Value) -> Value {
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"],
    });
    let mut object =
        json!({ "metadata": { "name": "p" }, "spec": { "matchConstraints": { "resourceRules": [rule] } } });
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

/// Makes a policy and its binding.
async fn bind(rig: &Rig, spec: &Value, binding: &Value) {
    let made = rig.ok("POST", &format!("{GROUP}/validatingadmissionpolicies"), &policy(spec)).await;
    assert_eq!(made["status"]["observedGeneration"], 1);
    let mut bound = json!({ "policyName": "p", "validationActions": ["Deny"] });
    for (field, value) in binding.as_object().into_iter().flatten() {
        bound[field] = value.clone();
    }
    let binding = json!({ "metadata": { "name": "b" }, "spec": bound });
    rig.ok("POST", &format!("{GROUP}/validatingadmissionpolicybindings"), &binding).await;
}

/// The policy as its one validation, tried on a config map with this data.
async fn check(spec: Value, binding: Value, tried: Value, expect: Result<(), (u16, &str)>) {
    let rig = rig().await;
    rig.ok("POST", MAPS, &data("limits", &json!({ "forbidden": "evil" }))).await;
    bind(&rig, &spec, &binding).await;
    let answer = rig.send("POST", MAPS, &data("a", &tried)).await;
    let code = answer.status.as_u16();
    match expect {
        Ok(()) => assert_eq!(code, 201, "{spec}: {}", answer.text),
        Err((expected, part)) => {
            assert_eq!(code, expected, "{spec}: {}", answer.text);
            let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
            assert!(message.ends_with(part), "{spec}: {message}");
        }
    }
}

#[tokio::test]
async fn a_validation_that_is_not_true_refuses() {
    let validation = |more: Value| {
        let mut it = json!({ "expression": "!('bad' in object.data)" });
        for (field, value) in more.as_object().into_iter().flatten() {
            it[field] = value.clone();
        }
        json!({ "validations": [it] })
    };
    let (bad, none) = (json!({ "bad": "1" }), json!({}));
    let with = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ";
    let said = |text: &str| format!("configmaps \"a\" is forbidden: {with}{text}");
    check(validation(json!({})), none.clone(), json!({ "x": "" }), Ok(())).await;
    check(
        validation(json!({})),
        none.clone(),
        bad.clone(),
        Err((422, &said("failed expression: !('bad' in object.data)"))),
    )
    .await;
    check(validation(json!({ "message": "no" })), none.clone(), bad.clone(), Err((422, &said("no")))).await;
    let made = json!({ "message": "no", "messageExpression": "'has ' + object.data.bad" });
    check(validation(made), none.clone(), bad.clone(), Err((422, &said("has 1")))).await;
    let forbidden = json!({ "message": "no", "reason": "Forbidden" });
    check(validation(forbidden), none.clone(), bad.clone(), Err((403, &said("no")))).await;
}

#[tokio::test]
async fn errors_count_by_the_failure_policy() {
    let validations = json!([{ "expression": "object.data.absent == ''" }]);
    let tried = json!({ "x": "" });
    let fails = json!({ "validations": validations });
    let why = "expression 'object.data.absent == ''' resulted in error: no such key: absent";
    check(fails, json!({}), tried.clone(), Err((422, why))).await;
    let ignores = json!({ "validations": validations, "failurePolicy": "Ignore" });
    check(ignores, json!({}), tried, Ok(())).await;
}

#[tokio::test]
async fn variables_conditions_namespaces_and_requests_can_be_read() {
    let tried = json!({ "a": "1", "b": "2" });
    let spec = |expression: &str, condition: &str| {
        json!({
            "validations": [{ "expression": expression, "message": "no" }],
            "variables": [
                { "name": "count", "expression": "size(object.data)" },
                { "name": "twice", "expression": "variables.count * 2" },
                { "name": "broken", "expression": "object.data.absent" },
            ],
            "matchConditions": [{ "name": "x", "expression": condition }],
        })
    };
    check(spec("variables.twice == 4", "true"), json!({}), tried.clone(), Ok(())).await;
    check(spec("variables.twice < 4", "true"), json!({}), tried.clone(), Err((422, "no"))).await;
    check(spec("variables.twice < 4", "object.metadata.name != 'a'"), json!({}), tried.clone(), Ok(())).await;
    let broken = "composited variable \"broken\" fails to evaluate: expression 'object.data.absent' resulted in error: no such key: absent";
    check(spec("variables.broken == ''", "true"), json!({}), tried.clone(), Err((422, broken))).await;
    let reads = "namespaceObject.metadata.name == 'default' && request.userInfo.username == 'admin' \
        && request.operation == 'CREATE' && oldObject == null";
    check(spec(reads, "true"), json!({}), tried, Ok(())).await;
}

#[tokio::test]
async fn parameters_are_found_by_name_or_by_labels() {
    let spec = json!({
        "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
        "validations": [{ "expression": "!(params.data.forbidden in object.data)", "message": "no" }],
    });
    let named = |name: &str, action: &str| json!({ "paramRef": { "name": name, "namespace": "default", "parameterNotFoundAction": action } });
    let (evil, fine) = (json!({ "evil": "" }), json!({ "fine": "" }));
    check(spec.clone(), named("limits", "Deny"), evil.clone(), Err((422, "no"))).await;
    check(spec.clone(), named("limits", "Deny"), fine.clone(), Ok(())).await;
    check(spec.clone(), named("absent", "Allow"), evil.clone(), Ok(())).await;
    let missing =
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    check(spec.clone(), named("absent", "Deny"), evil.clone(), Err((422, missing))).await;
    let all = json!({ "paramRef": { "selector": {}, "parameterNotFoundAction": "Deny" } });
    check(spec.clone(), all, evil, Err((422, "no"))).await;
    let none = json!({ "paramRef": { "selector": { "matchLabels": { "a": "b" } }, "parameterNotFoundAction": "Allow" } });
    check(spec, none, fine, Ok(())).await;
}

#[tokio::test]
async fn expressions_ask_what_somebody_may_do() {
    let spec = |expression: &str| json!({ "validations": [{ "expression": expression, "message": "no" }] });
    let good = "authorizer.requestResource.check('delete').allowed() && authorizer.path('/metrics').check('get').allowed()";
    check(spec(good), json!({}), json!({}), Ok(())).await;
    let robot = "authorizer.serviceAccount('default', 'default')";
    let pods = format!("{robot}.group('').resource('pods').namespace('default').check('get').allowed()");
    check(spec(&pods), json!({}), json!({}), Err((422, "no"))).await;
    let condition = json!({
        "validations": [{ "expression": "false" }],
        "matchConditions": [{ "name": "x", "expression": format!("{robot}.path('/x').check('get').allowed()") }],
    });
    check(condition, json!({}), json!({}), Ok(())).await;
    let many: Vec<String> = (0..40).map(|it| it.to_string()).collect();
    let many = format!("[{}].all(it, {})", many.join(", "), "authorizer.path('/x').check('get').allowed()");
    check(spec(&many), json!({}), json!({}), Err((422, "cost limit exceeded"))).await;
}

#[tokio::test]
async fn bindings_limit_and_may_only_warn() {
    let spec = json!({ "validations": [{ "expression": "false", "message": "careful" }] });
    let elsewhere =
        json!({ "matchResources": { "namespaceSelector": { "matchLabels": { "no": "where" } } } });
    check(spec.clone(), elsewhere, json!({}), Ok(())).await;
    let rig = rig().await;
    bind(&rig, &spec, &json!({ "validationActions": ["Warn", "Audit"] })).await;
    let answer = rig.send("POST", MAPS, &map("a")).await;
    let warning = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': careful";
    assert_eq!(answer.headers["warning"], format!("299 - \"{warning}\""));
}

#[tokio::test]
async fn expressions_that_make_no_sense_are_refused_at_once() {
    let rig = rig().await;
    for (spec, field) in [
        (json!({ "validations": [{ "expression": "object." }] }), "spec.validations[0].expression"),
        (json!({ "validations": [{ "expression": "'text'" }] }), "spec.validations[0].expression"),
        (json!({ "validations": [{ "expression": "nothing.x" }] }), "spec.validations[0].expression"),
        (json!({ "validations": [{ "expression": "params.x" }] }), "spec.validations[0].expression"),
        (
            json!({ "validations": [{ "expression": "true", "messageExpression": "authorizer.path('/').check('get').reason()" }] }),
            "spec.validations[0].messageExpression",
        ),
        (json!({ "validations": [] }), "spec.validations"),
        (
            json!({ "validations": [{ "expression": "true" }], "matchConstraints": null }),
            "spec.matchConstraints",
        ),
        (
            json!({ "validations": [{ "expression": "true", "messageExpression": "1" }] }),
            "spec.validations[0].messageExpression",
        ),
        (
            json!({ "validations": [{ "expression": "true" }], "matchConditions": [{ "name": "a", "expression": "(" }] }),
            "spec.matchConditions[0].expression",
        ),
    ] {
        let answer = rig.send("POST", &format!("{GROUP}/validatingadmissionpolicies"), &policy(&spec)).await;
        assert_eq!(answer.status.as_u16(), 422, "{spec}: {}", answer.text);
        assert_eq!(answer.json()["details"]["causes"][0]["field"], field, "{spec}");
    }
}
