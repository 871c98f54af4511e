//! Connections as HTTPS clients see them.

use super::rig_with;
use daemon::clock;
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

/// Python's clients send a request's head and its body one after the other, and use the connection again.
#[tokio::test]
async fn a_refusal_before_the_body_has_come_does_not_cost_the_connection() {
    let rig = rig_with(|config| config.listen = vec![([127, 0, 0, 1], 0).into()]).await;
    let connector = TlsConnector::from(Arc::new(pki::tls::client_config(&rig.ca_pem, None).unwrap()));
    let stream = TcpStream::connect(rig.server.addresses()[0]).await.unwrap();
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
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
