//! The way to a webhook: HTTPS, with connections kept for the next request.
//!
//! Start at [`Client::post`]. A client belongs to one webhook of one version of its configuration, and so do its
//! connections: they end with it. What goes wrong reads as upstream's own client says it.

use super::resolve::{self, Place};
use crate::body;
use crate::state::State;
use api::k8s::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use bytes::Bytes;
use daemon::clock;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const HTTPS: u16 = 443;
/// How many connections wait for the next request.
const MOST_IDLE: usize = 16;
const JSON: &str = "application/json";

type Sender = SendRequest<Full<Bytes>>;

/// See the module.
pub(crate) struct Client {
    target: Result<Target, String>,
    trust: Trust,
    /// Locked to take a connection out or to put it back.
    idle: Mutex<Vec<Sender>>,
}

/// Whose certificates are taken.
enum Trust {
    /// Those that the authorities of a bundle have signed, unless nobody can read it.
    Bundle(Result<Arc<ClientConfig>, String>),
    /// Those that the system trusts, as upstream does without a bundle.
    System,
}

/// Whom a client asks.
struct Target {
    /// Who is expected to answer: a name, or an address.
    host: String,
    port: u16,
    /// Begins with a slash.
    path: String,
    /// The service behind the name, when it is one.
    service: Option<ServiceReference>,
}

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// The webhook is told.
    Told(Duration),
    /// It is not.
    Silent(Duration),
}

/// Why a request on a connection failed.
enum Broken {
    /// The connection had ended before: another one may do.
    Stale,
    Failed(String),
}

impl Client {
    pub(crate) fn of(config: &WebhookClientConfig) -> Self {
        let target = match (&config.url, &config.service) {
            (Some(url), _) => Target::of_url(url),
            (None, Some(service)) => Ok(Target::of_service(service)),
            (None, None) => Err("webhook configuration must have either service or URL".to_owned()),
        };
        let bundle = config.ca_bundle.as_ref().map(|it| String::from_utf8_lossy(&it.0));
        let trust = match bundle.filter(|it| !it.is_empty()) {
            Some(bundle) => {
                Trust::Bundle(pki::tls::foreign_client_config(&bundle).map(Arc::new).map_err(|it| {
                    format!("unable to load root certificates: unable to parse bytes as PEM block: {it}")
                }))
            }
            None => Trust::System,
        };
        Self { target, trust, idle: Mutex::default() }
    }

    /// Sends a review and gives the body of the answer.
    pub(crate) async fn post(&self, state: &State, limit: Limit, review: Bytes) -> Result<Bytes, String> {
        let target = self.target.as_ref().map_err(Clone::clone)?;
        let (timeout, target_path) = match limit {
            Limit::Told(it) => (it, format!("{}?timeout={}s", target.path, it.as_secs())),
            Limit::Silent(it) => (it, target.path.clone()),
        };
        let url = format!("https://{}{target_path}", target.authority());
        let failed = |why: String| format!("Post {url:?}: {why}");
        let request = || target.request(&target_path, review.clone());
        let answered = clock::timeout(timeout, self.exchange(state, target, &request)).await;
        let response = answered.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()));
        let (status, body) = response.map_err(failed)?;
        if status.is_success() { Ok(body) } else { Err(unexpected(status, &body)) }
    }

    /// Sends on a waiting connection if there is one, and on a new one when it turns out to have ended.
    async fn exchange(
        &self,
        state: &State,
        target: &Target,
        request: &(dyn Fn() -> Result<Request<Full<Bytes>>, String> + Sync),
    ) -> Result<(StatusCode, Bytes), String> {
        while let Some(sender) = self.waiting() {
            match self.send(sender, request()?).await {
                Err(Broken::Stale) => {}
                Err(Broken::Failed(why)) => return Err(why),
                Ok(answer) => return Ok(answer),
            }
        }
        let sender = self.connect(state, target).await?;
        self.send(sender, request()?).await.map_err(|it| match it {
            Broken::Stale => "EOF".to_owned(),
            Broken::Failed(why) => why,
        })
    }

    fn waiting(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().expect("nobody panics while holding this lock");
        std::iter::from_fn(|| idle.pop()).find(Sender::is_ready)
    }

    async fn send(
        &self,
        mut sender: Sender,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Broken> {
        let response = sender.send_request(request).await.map_err(|error| {
            let stale = error.is_canceled() || error.is_closed() || error.is_incomplete_message();
            if stale { Broken::Stale } else { Broken::Failed(error.to_string()) }
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), body::LIMIT).collect().await;
        let body = body.map_err(|error| Broken::Failed(error.to_string()))?.to_bytes();
        let mut idle = self.idle.lock().expect("nobody panics while holding this lock");
        if idle.len() < MOST_IDLE {
            idle.push(sender);
        }
        Ok((status, body))
    }

    async fn connect(&self, state: &State, target: &Target) -> Result<Sender, String> {
        let place = match &target.service {
            Some(service) => resolve::service(state, service)?,
            None => Place { host: target.host.clone(), port: target.port },
        };
        let tls = self.trust.config()?;
        let dialled = TcpStream::connect((place.host.as_str(), place.port)).await;
        let stream = dialled.map_err(|error| dial_error(&place, &error))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let name = ServerName::try_from(target.host.clone()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(|it| tls_error(&it))?;
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let shutdown = state.shutdown.clone();
        state.tasks.spawn("webhook connection", async move {
            if let Some(Err(error)) = shutdown.run_until_cancelled(driver).await {
                tracing::debug!(%error, "a connection to a webhook ended early");
            }
        });
        Ok(sender)
    }
}

impl Trust {
    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        match self {
            Self::Bundle(config) => config.clone(),
            Self::System => pki::tls::public_client_config().map_err(|it| it.to_string()),
        }
    }
}

impl Target {
    fn of_url(url: &str) -> Result<Self, String> {
        let unparsable = |why: &dyn std::fmt::Display| format!("unable to parse webhook URL {url:?}: {why}");
        let uri: Uri = url.parse().map_err(|error| unparsable(&error))?;
        let host = uri.host().ok_or_else(|| unparsable(&"it has no host"))?;
        // Addresses of version 6 have brackets in URLs alone.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(HTTPS);
        Ok(Self { host, port, path: uri.path().to_owned(), service: None })
    }

    fn of_service(service: &ServiceReference) -> Self {
        let path = service.path.as_deref().unwrap_or_default();
        let port = service.port.and_then(|it| u16::try_from(it).ok()).unwrap_or(HTTPS);
        Self {
            host: format!("{}.{}.svc", service.name, service.namespace),
            port,
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
            service: Some(service.clone()),
        }
    }

    /// Host and port as URLs have them.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == HTTPS && self.service.is_none() { host } else { format!("{host}:{}", self.port) }
    }

    fn request(&self, target: &str, review: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::new(Full::new(review));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let headers = request.headers_mut();
        let authority = HeaderValue::from_str(&self.authority()).map_err(|error| error.to_string())?;
        headers.insert(HOST, authority);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(ACCEPT, HeaderValue::from_static(JSON));
        Ok(request)
    }
}

fn dial_error(place: &Place, error: &std::io::Error) -> String {
    let text = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {}:{}: connect: {text}", place.host, place.port)
}

fn tls_error(error: &std::io::Error) -> String {
    use rustls::CertificateError::{
        Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext, NotValidForName,
        NotValidForNameContext, NotValidYet, NotValidYetContext, UnknownIssuer,
    };
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            let why = match wrong {
                UnknownIssuer => "certificate signed by unknown authority".to_owned(),
                Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
                    "certificate has expired or is not yet valid".to_owned()
                }
                NotValidForName | NotValidForNameContext { .. } => {
                    format!("certificate is not valid: {wrong}")
                }
                InvalidPurpose | InvalidPurposeContext { .. } => {
                    "certificate specifies an incompatible key usage".to_owned()
                }
                _ => wrong.to_string(),
            };
            format!("tls: failed to verify certificate: x509: {why}")
        }
        Some(other) => format!("tls: {other}"),
        None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    }
}

/// What upstream's client says of an answer that is none.
fn unexpected(status: StatusCode, body: &[u8]) -> String {
    match status.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => "forbidden".to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        429 => "the server has received too many requests and has asked us to try again later".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => "the server was unable to return a response in the time allotted".to_owned(),
        code @ 500.. => {
            let said: String = String::from_utf8_lossy(body).chars().take(2048).collect();
            let said = if said.is_empty() { format!("status code {code}") } else { said };
            format!("an error on the server ({said:?}) has prevented the request from succeeding")
        }
        code => {
            format!("the server responded with the status code {code} but did not return more information")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: (&str, u16, &str, &str)) {
        let target = Target::of_url(url).unwrap();
        let got = (target.host.as_str(), target.port, target.path.as_str(), target.authority());
        assert_eq!((got.0, got.1, got.2, got.3.as_str()), expect);
    }

    #[test]
    fn urls_say_where_to_go() {
        check("https://a.example.com/x", ("a.example.com", 443, "/x", "a.example.com"));
        check("https://127.0.0.1:8443", ("127.0.0.1", 8443, "/", "127.0.0.1:8443"));
        check("https://[::1]:8443/x", ("::1", 8443, "/x", "[::1]:8443"));
        assert!(Target::of_url("x y").is_err());
    }

    #[test]
    fn services_have_a_name_of_their_own() {
        let service = |path: Option<&str>, port: Option<i32>| {
            let path = path.map(str::to_owned);
            Target::of_service(&ServiceReference { name: "a".into(), namespace: "b".into(), path, port })
        };
        assert_eq!(service(None, None).authority(), "a.b.svc:443");
        assert_eq!(service(Some("x"), Some(8443)).path, "/x");
    }
}
