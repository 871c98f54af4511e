//! Tokens of service accounts that are kept in Secrets.

use api::Key;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;
use testkit::{Cluster, wait};

const NAME: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";

async fn review(cluster: &Cluster, token: &str) -> TokenReviewStatus {
    let spec = TokenReviewSpec { token: token.to_owned(), ..TokenReviewSpec::default() };
    let review = TokenReview { spec, ..TokenReview::default() };
    cluster.client().create(&review).await.expect("it is answered").status.expect("an answer")
}

fn secret(name: &str) -> Secret {
    let metadata = json!({ "name": name, "namespace": "default", "annotations": { NAME: "robot" } });
    let secret = json!({ "metadata": metadata, "type": "kubernetes.io/service-account-token" });
    serde_json::from_value(secret).expect("a secret")
}

/// The token of the Secret, once it has one.
async fn token(cluster: &Cluster, key: &Key) -> String {
    let entry = |it: &Secret, name: &str| it.data.as_ref()?.get(name).map(|it| it.0.clone());
    wait::until::<Secret>(cluster.client(), key, "it is filled", |it| entry(it, "token").is_some()).await;
    let secret: Secret = cluster.client().get("default", &key.name).await.expect("it is there");
    assert_eq!(entry(&secret, "namespace").as_deref(), Some(b"default".as_slice()));
    assert!(entry(&secret, "ca.crt").is_some_and(|it| it.starts_with(b"-----BEGIN CERTIFICATE")));
    let account: ServiceAccount = cluster.client().get("default", "robot").await.expect("it is there");
    assert_eq!(api::meta::annotation(&secret.metadata, UID), account.metadata.uid.as_deref());
    String::from_utf8(entry(&secret, "token").expect("a token")).expect("text")
}

#[tokio::test(start_paused = true)]
async fn a_secret_holds_a_token_as_long_as_secret_and_account_are_there() {
    let cluster = Cluster::start(0).await;
    let account: ServiceAccount =
        serde_json::from_value(json!({ "metadata": { "name": "robot", "namespace": "default" } }))
            .expect("an account");
    cluster.client().create(&account).await.expect("it is created");
    let (first, second) = (Key::of::<Secret>("default", "one"), Key::of::<Secret>("default", "two"));
    cluster.client().create(&secret("one")).await.expect("it is created");
    cluster.client().create(&secret("two")).await.expect("it is created");
    let tokens = (token(&cluster, &first).await, token(&cluster, &second).await);
    let status = review(&cluster, &tokens.0).await;
    let user = status.user.expect("somebody");
    assert_eq!(user.username.as_deref(), Some("system:serviceaccount:default:robot"));
    cluster.client().delete(&first, &DeleteOptions::default()).await.expect("it is deleted");
    assert_eq!(review(&cluster, &tokens.0).await.authenticated, None, "its secret is gone");
    assert_eq!(review(&cluster, &tokens.1).await.authenticated, Some(true));
    let key = Key::of::<ServiceAccount>("default", "robot");
    cluster.client().delete(&key, &DeleteOptions::default()).await.expect("it is deleted");
    assert_eq!(review(&cluster, &tokens.1).await.authenticated, None, "its account is gone");
    wait::gone(cluster.client(), &second).await;
    cluster.stop().await;
}
