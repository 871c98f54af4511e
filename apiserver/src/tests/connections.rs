//! Connections as HTTPS clients see them.

use super::{MAPS, Rig, map, rig_with};
use client::kubeconfig::Credentials;
use client::{Transport, https::Https};
use daemon::{Clock, clock};
use http_body_util::BodyExt;
use pki::Validity;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn read_until(stream: &mut TlsStream<TcpStream>, end: &str) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(end) {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.unwrap();
        assert!(length > 0, "the server closed the connection after {:?}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&part[..length]);
    }
    String::from_utf8(text).unwrap()
}

async fn connect(rig: &Rig) -> TlsStream<TcpStream> {
    let connector = TlsConnector::from(Arc::new(pki::tls::client_config(&rig.ca_pem, None).unwrap()));
    let stream = TcpStream::connect(rig.server.addresses()[0]).await.unwrap();
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

#[tokio::test]
async fn who_forgets_the_s_of_https_is_told() {
    let rig = rig_with(|config| config.listen = vec![([127, 0, 0, 1], 0).into()]).await;
    let mut stream = TcpStream::connect(rig.server.addresses()[0]).await.unwrap();
    stream.write_all(b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{answer}");
}

/// Python's clients send a request's head and its body one after the other, and use the connection again.
#[tokio::test]
async fn a_refusal_before_the_body_has_come_does_not_cost_the_connection() {
    let rig = rig_with(|config| config.listen = vec![([127, 0, 0, 1], 0).into()]).await;
    let mut stream = connect(&rig).await;
    for _ in 0..3 {
        let head =
            "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        clock::sleep(Duration::from_millis(50)).await;
        stream.write_all(b"{}").await.unwrap();
        let refused = read_until(&mut stream, "\"code\":403").await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(read_until(&mut stream, "\r\n\r\nok").await.starts_with("HTTP/1.1 200"));
    }
}

/// The head of a request and most of its body; the rest never comes.
async fn begin(rig: &Rig, framing: &str, length: usize) -> TlsStream<TcpStream> {
    let mut stream = connect(rig).await;
    let head = format!("POST {MAPS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer known\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // What the server does not read stays on the way, and then this side waits; that is the point.
    let _full = clock::timeout(Duration::from_millis(5), stream.write_all(&vec![b' '; length])).await;
    let _full = clock::timeout(Duration::from_millis(5), stream.flush()).await;
    stream
}

#[tokio::test]
async fn slow_bodies_take_no_more_memory_than_there_is_for_them() {
    let room = 8 << 20;
    let rig = rig_with(|config| {
        config.listen = vec![([127, 0, 0, 1], 0).into()];
        config.body_bytes = room;
    })
    .await;
    let binding = json!({
        "metadata": { "name": "known" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "token-user" }],
    });
    rig.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await;
    rig.ok("GET", MAPS, &serde_json::Value::Null).await;
    let mut slow = Vec::new();
    for number in 0..40 {
        slow.push(match number % 2 {
            0 => begin(&rig, "content-length: 3000000", 100_000).await,
            _ => begin(&rig, "transfer-encoding: chunked\r\n\r\n2dc6c0", 100_000).await,
        });
    }
    // One of them fits into the user's half. All others wait: they came, and hold nothing.
    while rig.server.room().1 < slow.len() - 1 {
        clock::sleep(Duration::from_millis(10)).await;
    }
    let (taken, _) = rig.server.room();
    assert!(taken > 0 && taken <= room / 2, "{taken}");
    rig.ok("POST", MAPS, &map("small")).await;
    let mut large = map("large");
    large["data"] = json!({ "a": "x".repeat(1 << 20) });
    // Another user's half is free.
    rig.ok("POST", MAPS, &large).await;
    drop(slow);
    while rig.server.room().0 > 0 {
        clock::sleep(Duration::from_millis(10)).await;
    }
}

/// Who the server says that this client is.
async fn whoami(https: &Https) -> String {
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let request = http::Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("content-type", "application/json")
        .body(review.to_string().into())
        .unwrap();
    let body = https.send(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    answer["status"]["userInfo"]["username"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_client_whose_certificate_is_replaced_is_known_by_the_new_one() {
    let rig = rig_with(|config| config.listen = vec![([127, 0, 0, 1], 0).into()]).await;
    let credentials = |user: &str| {
        let pair = rig.authority.issue_client(user, &[], Validity::days(Clock::system().now(), 1)).unwrap();
        Credentials {
            server: format!("https://localhost:{}", rig.server.addresses()[0].port()),
            ca_pem: rig.ca_pem.clone().into_bytes(),
            identity_pem: Some((pair.cert_pem.into_bytes(), pair.key_pem.into_bytes())),
            ..Credentials::default()
        }
    };
    let https = Https::new(&credentials("jane")).unwrap();
    assert_eq!(whoami(&https).await, "jane");
    https.replace(&credentials("joe")).unwrap();
    assert_eq!(whoami(&https).await, "joe");
    let broken = Credentials { ca_pem: b"-----BEGIN CERTIFICATE-----".to_vec(), ..credentials("jack") };
    assert!(https.replace(&broken).is_err());
    assert_eq!(whoami(&https).await, "joe");
}
