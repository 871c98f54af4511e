//! Secrets on the disk: what lies there, and what happens when the keys are not what they were.

use super::send;
use crate::{Config, InProcess, Material, Server, Storage, UserInfo, start};
use daemon::{Clock, Tasks};
use pki::{Authority, Validity};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const PLAIN: &str = "the quick brown fox";
/// `PLAIN` as it stands in an object.
const ENCODED: &str = "dGhlIHF1aWNrIGJyb3duIGZveA==";

/// A server on a folder, until it is stopped.
struct Running {
    server: Server,
    admin: InProcess,
    tasks: Tasks,
}

async fn run(folder: &Path, keys: Option<PathBuf>) -> Result<Running, crate::Error> {
    let validity = Validity::days(Clock::system().now(), 1);
    let authority = Authority::create("test", validity).unwrap();
    let material = Material {
        serving: authority.issue_server("localhost", &[], validity).unwrap().live().unwrap(),
        ca_pem: authority.cert_pem().to_owned(),
        kubelet_client: None,
        tokens: Arc::new(pki::tokens::Signer::create("https://test").unwrap()),
    };
    let mut config = Config::new(Storage::Directory(folder.join("store")));
    config.encryption_keys = keys;
    let tasks = Tasks::new();
    let server = start(config, material, tasks.clone()).await?;
    let admin = server.service(UserInfo::administrator("admin"));
    Ok(Running { server, admin, tasks })
}

impl Running {
    async fn stop(self) {
        self.tasks.shutdown().await;
        drop((self.server, self.admin));
    }

    async fn ok(&self, method: &str, uri: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(&self.admin, method, uri, &[], &body).await;
        assert!(answer.status.is_success(), "{method} {uri}: {}", answer.text);
        answer.json()
    }

    async fn read(&self, name: &str) -> Value {
        self.ok("GET", &format!("{SECRETS}/{name}"), &Value::Null).await["data"]["word"].take()
    }
}

fn secret(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": { "word": ENCODED } })
}

/// Whether a text lies anywhere below a folder.
fn lies_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).any(|path| {
        if path.is_dir() {
            return lies_in(&path, text);
        }
        std::fs::read(&path).unwrap().windows(text.len()).any(|it| it == text.as_bytes())
    })
}

/// Why a server does not start.
async fn refusal(folder: &Path, keys: Option<PathBuf>) -> String {
    match run(folder, keys).await {
        Ok(_) => panic!("it started"),
        Err(error) => daemon::chain(&error),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_lies_on_the_disk_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (folder.path(), folder.path().join("keys"));
    let running = run(path, Some(keys.clone())).await.unwrap();
    running.ok("POST", SECRETS, &secret("kept")).await;
    let mut map = secret("seen");
    (map["kind"], map["data"]["word"]) = (json!("ConfigMap"), json!("a slow green toad"));
    running.ok("POST", &SECRETS.replace("secrets", "configmaps"), &map).await;
    running.ok("POST", SECRETS, &secret("deleted")).await;
    running.ok("DELETE", &format!("{SECRETS}/deleted"), &Value::Null).await;
    assert_eq!(running.read("kept").await, ENCODED);
    running.stop().await;
    assert!(lies_in(path, "a slow green toad"), "what is not secret is found, so the search works");
    assert!(!lies_in(path, ENCODED) && !lies_in(path, PLAIN));
    let running = run(path, Some(keys)).await.unwrap();
    assert_eq!(running.read("kept").await, ENCODED);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_or_wrong_stop_the_server_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (folder.path(), folder.path().join("keys"));
    let running = run(path, Some(keys.clone())).await.unwrap();
    running.ok("POST", SECRETS, &secret("kept")).await;
    running.stop().await;
    let good = std::fs::read_to_string(&keys).unwrap();
    std::fs::remove_file(&keys).unwrap();
    for given in [Some(keys.clone()), None] {
        let why = refusal(path, given).await;
        assert!(why.contains("put it back, they cannot be read without it"), "{why}");
    }
    assert!(!keys.exists(), "no new key was made in its place");
    pki::sealing::Keys::create(&keys).unwrap();
    let other = std::fs::read_to_string(&keys).unwrap();
    let why = refusal(path, Some(keys.clone())).await;
    assert!(
        why.contains("/default/kept is encrypted with the key") && why.contains("does not hold"),
        "{why}"
    );
    // The old name with the new key.
    let word = |text: &str, at| text.lines().last().unwrap().split(' ').nth(at).unwrap().to_owned();
    std::fs::write(&keys, format!("{} {}\n", word(&good, 0), word(&other, 1))).unwrap();
    let why = refusal(path, Some(keys.clone())).await;
    assert!(why.contains("does not decrypt with the key"), "{why}");
    std::fs::write(&keys, good).unwrap();
    let running = run(path, Some(keys)).await.unwrap();
    assert_eq!(running.read("kept").await, ENCODED);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_plain_or_under_an_older_key_is_written_anew_by_an_update() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (folder.path(), folder.path().join("keys"));
    let plain = run(path, None).await.unwrap();
    plain.ok("POST", SECRETS, &secret("old")).await;
    plain.stop().await;
    let running = run(path, Some(keys.clone())).await.unwrap();
    let old = running.ok("GET", &format!("{SECRETS}/old"), &Value::Null).await;
    let new = running.ok("PUT", &format!("{SECRETS}/old"), &old).await;
    assert_ne!(old["metadata"]["resourceVersion"], new["metadata"]["resourceVersion"], "it was written");
    let same = running.ok("PUT", &format!("{SECRETS}/old"), &new).await;
    assert_eq!(same["metadata"]["resourceVersion"], new["metadata"]["resourceVersion"], "once");
    running.stop().await;
    // A new key on top; the update moves the secret to it, and the old key can go.
    let first = std::fs::read_to_string(&keys).unwrap();
    pki::sealing::Keys::create(&keys).unwrap();
    let second = std::fs::read_to_string(&keys).unwrap();
    std::fs::write(&keys, format!("{second}{first}")).unwrap();
    let running = run(path, Some(keys.clone())).await.unwrap();
    running.ok("PUT", &format!("{SECRETS}/old"), &new).await;
    running.stop().await;
    std::fs::write(&keys, second).unwrap();
    let running = run(path, Some(keys)).await.unwrap();
    assert_eq!(running.read("old").await, ENCODED);
    running.stop().await;
}
