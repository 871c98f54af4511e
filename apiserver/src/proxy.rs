//! Requests that end on a node: logs, exec, attach and port-forward go to its agent; proxies to what is named.
//!
//! Start at [`to_kubelet`]. The server opens a connection of its own, shows its client certificate, sends the request on
//! and passes the answer back as it comes. When both sides agree on another protocol (WebSocket), it becomes a tunnel
//! and the server no longer looks at what passes.

mod logs;

use crate::cache::watcher;
use crate::handlers::Call;
use crate::respond::{Answer, Response};
use crate::state::State;
use api::k8s::api::core::v1::{Node, Pod, Service, ServicePort};
use api::k8s::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use api::status::reason;
use api::{ApiError, Key, Object, Resource, Subresource, meta};
use axum::body::Body;
use daemon::clock;
use http::header::{CONNECTION, HOST, HeaderName, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

const KUBELET_PORT: u16 = 10250;
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Where a request goes on to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Upstream {
    address: IpAddr,
    port: u16,
    secure: bool,
    /// Path and query.
    target: String,
}

/// `log`, `exec`, `attach` and `portforward` of a pod.
pub(crate) async fn to_kubelet(state: &State, call: &mut Call, subresource: Subresource) -> Answer {
    if subresource == Subresource::Log {
        logs::check(&call.query, &call.key.name)?;
    }
    let entry = state.current(&call.key).await?;
    let object = entry.decode().map_err(ApiError::internal)?;
    let pod = object.get::<Pod>().ok_or_else(ApiError::no_route)?;
    let node = pod.spec.as_ref().and_then(|it| it.node_name.clone()).unwrap_or_default();
    let path = kubelet_path(call, pod, subresource)?;
    if node.is_empty() {
        return match subresource {
            // A pod without a node has not said anything yet.
            Subresource::Log => Ok(crate::respond::text(StatusCode::OK, Body::empty())),
            _ => Err(ApiError::bad_request(format!("pod {} does not have a host assigned", call.key.name))),
        };
    }
    let (address, port) = node_address(state, &node).await?;
    forward(state, call, Upstream { address, port, secure: true, target: path }).await
}

/// `proxy` of nodes, pods and services.
pub(crate) async fn to_object(state: &State, call: &mut Call) -> Answer {
    let (scheme, name, port) = parse_name(&call.key.name);
    let key = Key { name: name.to_owned(), ..call.key.clone() };
    let query = call.parts.uri.query().map(|it| format!("?{it}")).unwrap_or_default();
    let path = if call.path.tail.is_empty() { "/" } else { call.path.tail.as_str() };
    let target = format!("{path}{query}");
    let object = state.current(&key).await?.decode().map_err(ApiError::internal)?;
    let upstream = if object.get::<Node>().is_some() {
        let (address, own) = node_address(state, &key.name).await?;
        Upstream { address, port: port.and_then(|it| it.parse().ok()).unwrap_or(own), secure: true, target }
    } else if let Some(service) = object.get::<Service>() {
        let (address, port) = service_address(state, service, port)?;
        Upstream { address, port, secure: scheme == "https", target }
    } else {
        let (address, own) = pod_address(&object, &key)?;
        let port = port.and_then(|it| it.parse().ok()).unwrap_or(own);
        Upstream { address, port, secure: scheme == "https", target }
    };
    forward(state, call, upstream).await
}

/// `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`; a service's port may be a name.
fn parse_name(text: &str) -> (&str, &str, Option<&str>) {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [scheme @ ("http" | "https"), name, port] => (scheme, name, Some(*port).filter(|it| !it.is_empty())),
        [name, port] => ("", name, Some(*port).filter(|it| !it.is_empty())),
        _ => ("", text, None),
    }
}

/// A ready endpoint of the service, at the port that is meant.
pub(crate) fn service_address(
    state: &State,
    service: &Service,
    port: Option<&str>,
) -> Result<(IpAddr, u16), ApiError> {
    let (namespace, name) = (meta::namespace(&service.metadata), meta::name(&service.metadata));
    let ports = service.spec.iter().flat_map(|it| it.ports.iter().flatten());
    let is_meant = |it: &&ServicePort| match port {
        None => true,
        Some(port) => it.name.as_deref() == Some(port) || it.port.to_string() == port,
    };
    let found = ports.into_iter().find(is_meant);
    let found = found.ok_or_else(|| {
        unavailable(format!("no service port {:?} found for service {name:?}", port.unwrap_or_default()))
    })?;
    let snapshot = state.cached(EndpointSlice::KIND)?.now(state.caches.seen());
    for entry in watcher::within(&snapshot, namespace) {
        let object = entry.decode().map_err(ApiError::internal)?;
        let Some(slice) = object.get::<EndpointSlice>() else { continue };
        if meta::label(&slice.metadata, "kubernetes.io/service-name") == Some(name)
            && let Some(address) = endpoint_of(slice, found)
        {
            return Ok(address);
        }
    }
    Err(unavailable(format!("no endpoints available for service {name:?}")))
}

fn endpoint_of(slice: &EndpointSlice, port: &ServicePort) -> Option<(IpAddr, u16)> {
    let same = |it: &&EndpointPort| {
        it.name.as_deref().unwrap_or_default() == port.name.as_deref().unwrap_or_default()
    };
    let port = slice.ports.iter().flatten().find(same)?.port?;
    let ready = |it: &&Endpoint| it.conditions.as_ref().and_then(|it| it.ready) != Some(false);
    let endpoint = slice.endpoints.iter().flatten().find(ready)?;
    Some((endpoint.addresses.first()?.parse().ok()?, u16::try_from(port).ok()?))
}

fn pod_address(object: &Object, key: &Key) -> Result<(IpAddr, u16), ApiError> {
    let pod = object.get::<Pod>().ok_or_else(ApiError::no_route)?;
    let address = pod.status.as_ref().and_then(|it| it.pod_ip.as_deref()).and_then(|it| it.parse().ok());
    let containers = pod.spec.iter().flat_map(|it| &it.containers);
    let port = containers.flat_map(|it| it.ports.iter().flatten()).next().map_or(80, |it| it.container_port);
    match address {
        Some(address) => Ok((address, u16::try_from(port).unwrap_or(80))),
        None => Err(unavailable(format!("pod {} has no address yet", key.name))),
    }
}

/// The path that the node's agent serves the subresource under.
fn kubelet_path(call: &Call, pod: &Pod, subresource: Subresource) -> Result<String, ApiError> {
    let (namespace, name) = (&call.key.namespace, &call.key.name);
    if subresource == Subresource::PortForward {
        return Ok(format!("/portForward/{namespace}/{name}{}", query_of(call, &[])));
    }
    let container = container_of(pod, call.query.get("container"))?;
    let (verb, renamed) = match subresource {
        Subresource::Log => ("containerLogs", &[][..]),
        Subresource::Exec => ("exec", STREAMS),
        _ => ("attach", STREAMS),
    };
    Ok(format!("/{verb}/{namespace}/{name}/{container}{}", query_of(call, renamed)))
}

/// The agent calls the streams by other names than the API does.
const STREAMS: &[(&str, &str)] = &[("stdin", "input"), ("stdout", "output"), ("stderr", "error")];

fn query_of(call: &Call, renamed: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.query.pairs().filter(|(name, _)| *name != "container") {
        match renamed.iter().find(|(it, _)| *it == name) {
            Some((_, agent)) => query.append_pair(agent, flag(call.query.is_true(name))),
            None if name == "tty" => query.append_pair("tty", flag(call.query.is_true(name))),
            None => query.append_pair(name, value),
        };
    }
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

fn flag(set: bool) -> &'static str {
    if set { "1" } else { "0" }
}

/// The container that is meant: the one named, or the only one.
fn container_of(pod: &Pod, wanted: Option<&str>) -> Result<String, ApiError> {
    let spec = pod.spec.clone().unwrap_or_default();
    let names: Vec<&str> = spec.containers.iter().map(|it| it.name.as_str()).collect();
    let init: Vec<&str> = spec.init_containers.iter().flatten().map(|it| it.name.as_str()).collect();
    let ephemeral: Vec<&str> =
        spec.ephemeral_containers.iter().flatten().map(|it| it.name.as_str()).collect();
    let pod = pod.metadata.name.as_deref().unwrap_or_default();
    match (wanted, names.as_slice()) {
        (Some(wanted), _) if names.iter().chain(&init).chain(&ephemeral).any(|it| *it == wanted) => {
            Ok(wanted.to_owned())
        }
        (Some(wanted), _) => {
            Err(ApiError::bad_request(format!("container {wanted} is not valid for pod {pod}")))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => {
            let mut message = format!(
                "a container name must be specified for pod {pod}, choose one of: [{}]",
                names.join(" ")
            );
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(ApiError::bad_request(message))
        }
    }
}

/// Where the node's agent listens.
async fn node_address(state: &State, name: &str) -> Result<(IpAddr, u16), ApiError> {
    let object = state.current(&Key::of::<Node>("", name)).await?.decode().map_err(ApiError::internal)?;
    let status = object.get::<Node>().and_then(|it| it.status.clone()).unwrap_or_default();
    let port = status.daemon_endpoints.and_then(|it| it.kubelet_endpoint).map(|it| it.port);
    let port = port.and_then(|it| u16::try_from(it).ok()).filter(|it| *it > 0).unwrap_or(KUBELET_PORT);
    let addresses = status.addresses.unwrap_or_default();
    let of = |kind: &str| {
        addresses.iter().filter(move |it| it.type_ == kind).find_map(|it| it.address.parse().ok())
    };
    let address = of("InternalIP").or_else(|| of("ExternalIP")).or_else(|| of("Hostname"));
    address.map(|it| (it, port)).ok_or_else(|| unavailable(format!("node {name} has no address yet")))
}

fn unavailable(message: String) -> ApiError {
    ApiError::new(503, reason::SERVICE_UNAVAILABLE, message)
}

/// Sends the request on and passes the answer back.
async fn forward(state: &State, call: &mut Call, upstream: Upstream) -> Answer {
    let client_upgrade = call.parts.extensions.remove::<OnUpgrade>();
    let body = call.take_body();
    let request = onward(&call.parts, &upstream, body)?;
    let failed = |error: &dyn std::fmt::Display| {
        let scheme = if upstream.secure { "https" } else { "http" };
        let url = format!("{scheme}://{}:{}{}", upstream.address, upstream.port, upstream.target);
        ApiError::new(500, reason::INTERNAL_ERROR, format!("{} {url:?}: {error}", call.parts.method))
    };
    let connected = clock::timeout(CONNECT_PATIENCE, connect(state, &upstream)).await;
    let connection =
        connected.map_err(|_| failed(&"it took too long to connect"))?.map_err(|it| failed(&it))?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await.map_err(|it| failed(&it))?;
    state.tasks.spawn("proxied connection", drive(driver, state.shutdown.clone()));
    let mut response = sender.send_request(request).await.map_err(|it| failed(&it))?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let node_upgrade = hyper::upgrade::on(&mut response);
        let client_upgrade =
            client_upgrade.ok_or_else(|| ApiError::bad_request("this caller cannot upgrade"))?;
        state.tasks.spawn("tunnel", tunnel(client_upgrade, node_upgrade, state.shutdown.clone()));
    }
    Ok(answer(response))
}

/// The request as the other side gets it.
fn onward(parts: &Parts, upstream: &Upstream, body: Body) -> Result<Request<Body>, ApiError> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() =
        upstream.target.parse::<Uri>().map_err(|_| ApiError::bad_request("the path cannot be passed on"))?;
    let upgrades = parts.headers.contains_key(UPGRADE);
    *request.headers_mut() = passed(&parts.headers, upgrades);
    let host = format!("{}:{}", upstream.address, upstream.port);
    let host = host.parse().map_err(|_| ApiError::bad_request("the address cannot be passed on"))?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}

/// The headers without those that are about the connection, and without the client's own credentials.
fn passed(headers: &HeaderMap, upgrades: bool) -> HeaderMap {
    let own = |name: &HeaderName| {
        let connection = matches!(name.as_str(), "connection" | "upgrade") && !upgrades;
        let hop = matches!(name.as_str(), "keep-alive" | "te" | "trailer" | "transfer-encoding" | "host");
        let credential = name.as_str() == "authorization" || name.as_str().starts_with("impersonate-");
        connection || hop || credential
    };
    headers.iter().filter(|(name, _)| !own(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn answer(response: http::Response<hyper::body::Incoming>) -> Response {
    let (mut parts, body) = response.into_parts();
    if parts.status != StatusCode::SWITCHING_PROTOCOLS {
        parts.headers.remove(CONNECTION);
        parts.headers.remove(http::header::TRANSFER_ENCODING);
    }
    Response::from_parts(parts, Body::new(body))
}

/// Moves the connection's bytes until it has ended.
async fn drive(driver: http1::Connection<TokioIo<Box<dyn Stream>>, Body>, shutdown: CancellationToken) {
    tokio::select! {
        ended = driver.with_upgrades() => if let Err(error) = ended {
            tracing::debug!(%error, "a proxied connection ended early");
        },
        () = shutdown.cancelled() => {}
    }
}

/// Passes bytes both ways until both sides are done.
async fn tunnel(client: OnUpgrade, node: OnUpgrade, shutdown: CancellationToken) {
    let pass = async {
        let (client, node) = tokio::try_join!(client, node)?;
        let (mut client, mut node) = (TokioIo::new(client), TokioIo::new(node));
        tokio::io::copy_bidirectional(&mut client, &mut node).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    };
    if let Some(Err(error)) = shutdown.run_until_cancelled(pass).await {
        tracing::debug!(%error, "a tunnel ended early");
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for T {}

async fn connect(state: &State, upstream: &Upstream) -> Result<Box<dyn Stream>, std::io::Error> {
    let stream = TcpStream::connect((upstream.address, upstream.port)).await?;
    stream.set_nodelay(true)?;
    if !upstream.secure {
        return Ok(Box::new(stream));
    }
    let refused = || std::io::Error::other("the API server has no certificate for nodes");
    let tls: Arc<rustls::ClientConfig> = state.nodes.clone().ok_or_else(refused)?;
    let name = ServerName::IpAddress(upstream.address.into());
    Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(containers: &[&str]) -> Pod {
        let containers: Vec<_> = containers.iter().map(|it| json!({ "name": it })).collect();
        let spec = json!({ "containers": containers, "initContainers": [{ "name": "first" }] });
        serde_json::from_value(json!({ "metadata": { "name": "p" }, "spec": spec })).unwrap()
    }

    #[test]
    fn the_container_is_the_one_named_or_the_only_one() {
        let check = |containers: &[&str], wanted: Option<&str>, expect: Result<&str, &str>| {
            let got = container_of(&pod(containers), wanted).map_err(|it| it.message().to_owned());
            assert_eq!(got, expect.map(str::to_owned).map_err(str::to_owned));
        };
        check(&["a"], None, Ok("a"));
        check(&["a", "b"], Some("b"), Ok("b"));
        check(&["a"], Some("first"), Ok("first"));
        check(&["a"], Some("x"), Err("container x is not valid for pod p"));
        check(
            &["a", "b"],
            None,
            Err(
                "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [first]",
            ),
        );
    }

    #[test]
    fn names_of_proxies_have_a_port() {
        assert_eq!(parse_name("a"), ("", "a", None));
        assert_eq!(parse_name("a:80"), ("", "a", Some("80")));
        assert_eq!(parse_name("https:a:web"), ("https", "a", Some("web")));
        assert_eq!(parse_name("http:a:"), ("http", "a", None));
    }

    #[test]
    fn credentials_stay_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("authorization", "x"), ("impersonate-user", "x"), ("connection", "Upgrade"), ("accept", "*/*")]
        {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        assert_eq!(passed(&headers, false).len(), 1);
        assert_eq!(passed(&headers, true).len(), 2);
    }
}
