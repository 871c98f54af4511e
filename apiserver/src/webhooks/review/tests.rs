use super::*;

fn answer(response: &Value) -> Vec<u8> {
    let review =
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response });
    review.to_string().into_bytes()
}

#[track_caller]
fn check(answer: &[u8], expect: Result<bool, &str>) {
    let got = verdict(answer, "v1", "u").map(|it| it.allows);
    assert_eq!(got.as_ref().map_err(String::as_str), expect.as_ref().map_err(|it| *it));
}

#[test]
fn answers_are_read_strictly() {
    check(&answer(&json!({ "uid": "u", "allowed": true })), Ok(true));
    check(&answer(&json!({ "uid": "u" })), Ok(false));
    check(&answer(&json!({ "uid": "v" })), Err(r#"expected response.uid="u", got "v""#));
    check(
        br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#,
        Err("webhook response was absent"),
    );
    check(
        br#"{"apiVersion":"v1","kind":"X","response":{}}"#,
        Err("expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got v1, Kind=X"),
    );
    check(
        &answer(&json!({ "uid": "u", "allowed": true, "patch": "W10=" })),
        Err("webhook returned response.patch but not response.patchType"),
    );
    check(
        &answer(&json!({ "uid": "u", "allowed": true, "patch": "W10=", "patchType": "Merge" })),
        Err(r#"webhook returned invalid response.patchType of "Merge""#),
    );
}

#[test]
fn refusals_are_failures_whatever_the_webhook_says() {
    let check = |status: Value, expect: (u16, &str)| {
        let error = refusal("w", serde_json::from_value(status).unwrap());
        assert_eq!((error.code(), error.message()), expect);
    };
    check(json!({}), (400, r#"admission webhook "w" denied the request without explanation"#));
    check(
        json!({ "code": 200, "status": "Success" }),
        (400, r#"admission webhook "w" denied the request without explanation"#),
    );
    check(json!({ "code": 418, "message": "no" }), (418, r#"admission webhook "w" denied the request: no"#));
    check(json!({ "reason": "Odd" }), (400, r#"admission webhook "w" denied the request: Odd"#));
}
