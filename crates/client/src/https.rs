//! HTTPS by reqwest, with rustls and aws-lc-rs.

use crate::kubeconfig::Credentials;
use crate::transport::{Body, BoxError, Transport};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, PoisonError, RwLock};

/// Sends requests to one server over HTTPS.
pub struct Https {
    /// Locked to copy or to replace the pointer, never while a request is sent.
    current: RwLock<Arc<Connection>>,
}

/// A server and an identity, with the connections made for them.
struct Connection {
    base: String,
    token: Option<http::HeaderValue>,
    http: reqwest::Client,
}

/// Why a transport could not be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SetupError {
    #[error("failed to read a certificate or key of the kubeconfig: it is not PEM")]
    Pem(#[from] rustls_pki_types::pem::Error),
    #[error("failed to set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("failed to set up the HTTP client")]
    Http(#[from] reqwest::Error),
    #[error("failed to use the token of the kubeconfig: it holds characters that a header cannot")]
    Token(#[from] http::header::InvalidHeaderValue),
}

impl Https {
    /// A transport to the server and with the identity of these credentials.
    pub fn new(credentials: &Credentials) -> Result<Self, SetupError> {
        Ok(Self { current: RwLock::new(Arc::new(Connection::new(credentials)?)) })
    }

    /// Sends requests from now on to the server and with the identity of these credentials. What is on its way stays on
    /// the connections that it has.
    pub fn replace(&self, credentials: &Credentials) -> Result<(), SetupError> {
        let connection = Arc::new(Connection::new(credentials)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = connection;
        Ok(())
    }

    fn current(&self) -> Arc<Connection> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Connection {
    fn new(credentials: &Credentials) -> Result<Self, SetupError> {
        let token = credentials.token.as_ref().map(|it| http::HeaderValue::from_str(&format!("Bearer {it}")));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(credentials)?)
            .http1_only()
            .no_proxy()
            .user_agent(user_agent())
            .build()?;
        Ok(Self {
            base: credentials.server.trim_end_matches('/').to_owned(),
            token: token.transpose()?,
            http,
        })
    }
}

/// Who we are, as upstream's clients say it: the program's name and version. The server's managed fields begin with it.
fn user_agent() -> String {
    let program = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = program.as_deref().and_then(std::path::Path::file_name).map(|it| it.to_string_lossy());
    format!("{}/{}", name.as_deref().unwrap_or("skiff"), env!("CARGO_PKG_VERSION"))
}

/// The TLS side of the credentials, also for WebSocket connections.
pub fn tls_config(credentials: &Credentials) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&credentials.ca_pem) {
        roots.add(certificate?)?;
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &credentials.identity_pem else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>()?;
    Ok(builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key)?)?)
}

impl Transport for Https {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Body>, BoxError>> {
        Box::pin(async move {
            let current = self.current();
            let (parts, body) = request.into_parts();
            let target = parts.uri.path_and_query().map_or("/", |it| it.as_str());
            let url = format!("{}{target}", current.base);
            let mut sent = current.http.request(parts.method, url).headers(parts.headers);
            if let Some(token) = &current.token {
                sent = sent.header(http::header::AUTHORIZATION, token.clone());
            }
            if !body.is_empty() {
                sent = sent.body(body);
            }
            Ok(answer_of(sent.send().await?))
        })
    }
}

fn answer_of(response: reqwest::Response) -> http::Response<Body> {
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    let pieces = response.bytes_stream().map_ok(Frame::data).map_err(|it| Box::new(it) as BoxError);
    answer
        .body(StreamBody::new(pieces).boxed_unsync())
        .expect("a status and headers that came from an answer")
}
