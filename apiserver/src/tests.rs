//! The server as its callers see it: requests through the whole way, on a store in memory.

mod admission_policies;
mod apply;
mod audit;
mod bodies;
mod connections;
mod conversion;
mod custom;
mod encryption;
mod identity;
mod kept;
mod lists;
mod load;
mod mismatches;
mod mutation_policies;
mod node_restriction;
mod objects;
mod plugins;
mod policies;
mod rights;
mod services;
mod versions;
mod watches;
mod webhooks;

use crate::{Config, InProcess, Material, Server, Storage, UserInfo, start};
use axum::body::Body;
use daemon::{Clock, Random, Tasks};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use pki::{Authority, San, Validity};
use serde_json::{Value, json};
use std::sync::Arc;

/// A server with a memory store, a seed, and an administrator.
struct Rig {
    server: Server,
    admin: InProcess,
    tasks: Tasks,
    /// Who signed the server's certificate.
    ca_pem: String,
    authority: Authority,
}

/// An answer, decoded.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

async fn rig() -> Rig {
    rig_with(|_| {}).await
}

async fn rig_with(change: impl FnOnce(&mut Config)) -> Rig {
    let clock = Clock::system();
    let authority = Authority::create("test", Validity::days(clock.now(), 1)).unwrap();
    let material = Material {
        serving: authority
            .issue_server("localhost", &[San::of("localhost")], Validity::days(clock.now(), 1))
            .unwrap()
            .live()
            .unwrap(),
        ca_pem: authority.cert_pem().to_owned(),
        kubelet_client: None,
        tokens: Arc::new(pki::tokens::Signer::create("https://test").unwrap()),
    };
    let mut config = Config::new(Storage::Memory);
    config.random = Random::seeded(1);
    config.static_tokens = vec![("known".to_owned(), UserInfo::authenticated("token-user", []))];
    change(&mut config);
    let tasks = Tasks::new();
    let server = start(config, material, tasks.clone()).await.unwrap();
    let admin = server.service(UserInfo::administrator("admin"));
    let rig = Rig { server, admin, tasks, ca_pem: authority.cert_pem().to_owned(), authority };
    rig.ok("POST", "/api/v1/namespaces/default/serviceaccounts", &account("default")).await;
    rig
}

impl Rig {
    fn acting(&self, user: UserInfo) -> InProcess {
        self.server.service(user)
    }

    async fn send(&self, method: &str, uri: &str, body: &Value) -> Answer {
        send(&self.admin, method, uri, &[], &text_of(body)).await
    }

    /// The answer of a request that must succeed.
    async fn ok(&self, method: &str, uri: &str, body: &Value) -> Value {
        let answer = self.send(method, uri, body).await;
        assert!(answer.status.is_success(), "{method} {uri}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// The message of a request that must be refused with this code.
    async fn refused(&self, code: u16, method: &str, uri: &str, body: &Value) -> String {
        let answer = self.send(method, uri, body).await;
        assert_eq!(answer.status.as_u16(), code, "{method} {uri}: {}", answer.text);
        let status = answer.json();
        assert_eq!((&status["kind"], &status["code"]), (&json!("Status"), &json!(code)));
        status["message"].as_str().unwrap_or_default().to_owned()
    }

    async fn merge(&self, uri: &str, patch: &Value) -> Answer {
        let headers = [("content-type", "application/merge-patch+json")];
        send(&self.admin, "PATCH", uri, &headers, &patch.to_string()).await
    }
}

async fn send(caller: &InProcess, method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::new(Body::from(body.to_owned()));
    *request.method_mut() = method.parse::<Method>().unwrap();
    *request.uri_mut() = uri.parse().unwrap();
    for (name, value) in headers {
        request
            .headers_mut()
            .append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let (parts, body) = caller.call(request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

fn text_of(body: &Value) -> String {
    if body.is_null() { String::new() } else { body.to_string() }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
}

fn labelled(name: &str, key: &str, value: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { key: value } } })
}

fn account(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name } })
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": { "containers": [{ "name": "main", "image": "x:1" }] },
    })
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|it| it["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}
