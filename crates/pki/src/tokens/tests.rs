use super::*;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn grant(bound_to: Option<Bound>) -> Grant {
    Grant {
        subject: Subject {
            namespace: "shop".into(),
            service_account: Reference::new("web", "u-sa"),
            bound_to,
        },
        audiences: vec!["api".into(), "vault".into()],
        now: now(),
        lifetime: Duration::from_secs(3600),
        warn_after: Some(Duration::from_secs(600)),
        id: "id-1".into(),
    }
}

fn pod_bound() -> Option<Bound> {
    Some(Bound::Pod { pod: Reference::new("web-0", "u-pod"), node: Some(Reference::new("n1", "u-node")) })
}

fn part_of(token: &str, index: usize) -> serde_json::Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_has_kubernetes_claims() {
    let signer = Signer::create(ISSUER).unwrap();
    let token = signer.issue(&grant(pod_bound())).unwrap();
    assert_eq!(part_of(&token, 0), serde_json::json!({"alg": "ES256", "kid": signer.key_id}));
    let expect = serde_json::json!({
        "aud": ["api", "vault"],
        "exp": 1_893_459_600,
        "iat": 1_893_456_000,
        "iss": ISSUER,
        "jti": "id-1",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "n1", "uid": "u-node"},
            "pod": {"name": "web-0", "uid": "u-pod"},
            "serviceaccount": {"name": "web", "uid": "u-sa"},
            "warnafter": 1_893_456_600,
        },
        "nbf": 1_893_456_000,
        "sub": "system:serviceaccount:shop:web",
    });
    assert_eq!(part_of(&token, 1), expect);
}

#[test]
fn what_was_granted_is_what_is_verified() {
    let signer = Signer::create(ISSUER).unwrap();
    let bindings = [
        None,
        pod_bound(),
        Some(Bound::Pod { pod: Reference::new("web-0", "u"), node: None }),
        Some(Bound::Node(Reference::new("n1", "u"))),
        Some(Bound::Secret(Reference::new("s", "u"))),
    ];
    for bound_to in bindings {
        let grant = grant(bound_to);
        let verified = signer.verify(&signer.issue(&grant).unwrap(), &["other", "api"], after(599)).unwrap();
        assert_eq!(verified.subject, grant.subject);
        assert_eq!((verified.audiences, verified.stale), (vec!["api".to_owned()], false));
        assert_eq!((verified.issued_at, verified.expires_at), (now(), after(3600)));
    }
}

#[test]
fn times_and_audiences_are_checked() {
    let signer = Signer::create(ISSUER).unwrap();
    let token = signer.issue(&grant(None)).unwrap();
    let check = |audience: &str, seconds: i64, expect: &str| {
        let outcome = match signer.verify(&token, &[audience], after(seconds)) {
            Ok(verified) if verified.stale => "stale".to_owned(),
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(outcome, expect, "{audience} {seconds}");
    };
    check("api", 0, "accepted");
    check("vault", 599, "accepted");
    check("api", 600, "stale");
    check("api", 3599, "stale");
    check("api", 3600, "the token expired at 2030-01-01T01:00:00Z");
    check("api", -1, "the token is not valid before 2030-01-01T00:00:00Z");
    check("bank", 0, r#"the token is for ["api", "vault"], none of which is accepted here"#);
}

#[test]
fn foreign_and_forged_tokens_are_refused() {
    let signer = Signer::create(ISSUER).unwrap();
    let verify = |token: &str| signer.verify(token, &["api"], now()).unwrap_err();
    let token = signer.issue(&grant(None)).unwrap();
    let other_key = Signer::create(ISSUER).unwrap().issue(&grant(None)).unwrap();
    let other_issuer =
        Signer::load("https://elsewhere", &signer.key_pem).unwrap().issue(&grant(None)).unwrap();
    for foreign in ["", "bootstrap.token", "a.b.c", &other_key, &other_issuer] {
        assert!(matches!(verify(foreign), Error::Foreign(_)), "{foreign}");
    }
    // The claims of one token under the signature of another.
    let admin = Grant { id: "id-2".into(), ..grant(None) };
    let admin = signer.issue(&admin).unwrap();
    let mixed: Vec<_> =
        token.split('.').take(1).chain(admin.split('.').nth(1)).chain(token.split('.').nth(2)).collect();
    assert!(matches!(verify(&mixed.join(".")), Error::Signature));
    // No signature at all, however politely asked.
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{}"}}"#, signer.key_id));
    let unsigned = format!("{header}.{}.", token.split('.').nth(1).unwrap());
    assert!(matches!(verify(&unsigned), Error::Foreign(_)));
}

#[test]
fn claims_that_contradict_each_other_are_refused() {
    let signer = Signer::create(ISSUER).unwrap();
    let check = |change: fn(&mut serde_json::Value), expect: &str| {
        let mut claims = serde_json::to_value(Claims::of(ISSUER, &grant(None))).unwrap();
        change(&mut claims);
        let header = Header { kid: Some(signer.key_id.clone()), ..Header::new(ALGORITHM) };
        let token = jsonwebtoken::encode(&header, &claims, &signer.signing).unwrap();
        let outcome = signer
            .verify(&token, &["api"], now())
            .map_or_else(|error| error.to_string(), |found| found.user());
        assert_eq!(outcome, expect);
    };
    check(|_| {}, "system:serviceaccount:shop:web");
    check(|claims| claims["aud"] = "api".into(), "system:serviceaccount:shop:web");
    let other = "the token's claims are invalid: the subject is not the service account";
    check(|claims| claims["sub"] = "system:admin".into(), other);
    let several = "the token's claims are invalid: they bind the token to several objects";
    check(
        |claims| {
            claims["kubernetes.io"]["pod"] = serde_json::json!({"name": "a", "uid": "b"});
            claims["kubernetes.io"]["secret"] = serde_json::json!({"name": "a", "uid": "b"});
        },
        several,
    );
    let incomplete = "the token's claims are invalid: they are not those of a service account";
    check(|claims| claims["kubernetes.io"] = serde_json::Value::Null, incomplete);
    check(|claims| claims["exp"] = i64::MAX.into(), "the token's claims are invalid: a time is out of range");
}

#[test]
fn a_verified_token_gives_the_user_info() {
    let signer = Signer::create(ISSUER).unwrap();
    let verified = signer.verify(&signer.issue(&grant(pod_bound())).unwrap(), &["api"], now()).unwrap();
    assert_eq!(verified.user(), "system:serviceaccount:shop:web");
    assert_eq!(verified.groups(), ["system:serviceaccounts", "system:serviceaccounts:shop"]);
    let expect = [
        ("authentication.kubernetes.io/credential-id", "JTI=id-1"),
        ("authentication.kubernetes.io/pod-name", "web-0"),
        ("authentication.kubernetes.io/pod-uid", "u-pod"),
        ("authentication.kubernetes.io/node-name", "n1"),
        ("authentication.kubernetes.io/node-uid", "u-node"),
    ];
    assert_eq!(verified.extra(), expect.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn the_key_survives_and_its_public_part_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sa.key");
    let token = Signer::load_or_create(&path, ISSUER).unwrap().issue(&grant(None)).unwrap();
    let again = Signer::load_or_create(&path, ISSUER).unwrap();
    assert!(again.verify(&token, &["api"], now()).is_ok());

    // What anybody does who reads the published key set.
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(again.jwks()).unwrap();
    let key = DecodingKey::from_jwk(set.find(&again.key_id).unwrap()).unwrap();
    assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &key, &signature_only()).is_ok());
    assert_eq!(again.openid_configuration()["jwks_uri"], format!("{ISSUER}/openid/v1/jwks"));
}
