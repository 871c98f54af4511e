//! Asking a container: by a command inside it, an HTTP request, or a connection.

use std::{net::IpAddr, time::Duration};

use api::k8s::{
    api::core::v1::{Container, GRPCAction, HTTPGetAction, Probe, TCPSocketAction},
    apimachinery::pkg::util::intstr::IntOrString,
};
use bytes::Bytes;
use daemon::clock;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::container_runtime::{ContainerId, ContainerRuntime, ExecSpec};

use super::{Success, grpc, tls};

/// As much of an answer as is read and shown.
const SHOWN: usize = 10 * 1024;
/// Who asks.
pub(super) const AGENT: &str = concat!("kube-probe/", "1.37");

/// Where a probe aims.
pub struct Aim<'a> {
    /// The engine.
    pub runtime: &'a dyn ContainerRuntime,
    /// The container.
    pub id: &'a ContainerId,
    /// The container's spec, for the names of its ports.
    pub container: &'a Container,
    /// The pod's address.
    pub address: IpAddr,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it succeeded.
    pub success: Success,
    /// What was said, for the event of a failure.
    pub output: String,
}

fn success() -> Outcome {
    Outcome { success: Success::Yes, output: String::new() }
}

fn failure(output: impl Into<String>) -> Outcome {
    Outcome { success: Success::No, output: output.into() }
}

/// Carries out one probe.
pub async fn carry_out(probe: &Probe, aim: &Aim<'_>) -> Outcome {
    if let Some(exec) = &probe.exec {
        return by_command(exec.command.as_deref().unwrap_or_default(), aim).await;
    }
    if let Some(get) = &probe.http_get {
        return match http_target(get, aim.container, aim.address) {
            Ok(target) => answer_of(http_get(&target, aim.timeout).await),
            Err(why) => failure(why),
        };
    }
    match (&probe.tcp_socket, &probe.grpc) {
        (Some(socket), _) => by_connection(socket, aim).await,
        (None, Some(call)) => by_call(call, aim).await,
        (None, None) => failure("missing probe handler"),
    }
}

async fn by_command(command: &[String], aim: &Aim<'_>) -> Outcome {
    let spec = ExecSpec { command: command.to_vec(), ..ExecSpec::default() };
    let run = crate::hooks::run_command(aim.runtime, aim.id, &spec, SHOWN);
    match clock::timeout(aim.timeout, run).await {
        Ok(Ok((0, _))) => success(),
        Ok(Ok((_, output))) => failure(output),
        Ok(Err(error)) => failure(error.to_string()),
        Err(_) => {
            failure(format!("command timed out: {} timed out after {:?}", command.join(" "), aim.timeout))
        }
    }
}

async fn by_connection(socket: &TCPSocketAction, aim: &Aim<'_>) -> Outcome {
    let Some(port) = port_of(&socket.port, aim.container) else { return failure("couldn't find port") };
    let host = socket.host.clone().filter(|it| !it.is_empty()).unwrap_or_else(|| aim.address.to_string());
    match clock::timeout(aim.timeout, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => success(),
        Ok(Err(error)) => failure(format!("dial tcp {host}:{port}: {error}")),
        Err(_) => failure(format!("dial tcp {host}:{port}: i/o timeout")),
    }
}

async fn by_call(call: &GRPCAction, aim: &Aim<'_>) -> Outcome {
    let Ok(port) = u16::try_from(call.port) else { return failure("couldn't find port") };
    let (host, service) = (aim.address.to_string(), call.service.as_deref().unwrap_or_default());
    match clock::timeout(aim.timeout, grpc::check(&host, port, service)).await {
        Ok(Ok(())) => success(),
        Ok(Err(error)) => failure(error.to_string()),
        Err(_) => failure(format!("timeout: health rpc did not complete within {:?}", aim.timeout)),
    }
}

/// The number of a port that is given by number or name.
pub(crate) fn port_of(port: &IntOrString, container: &Container) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|it| it.name.as_ref() == Some(name));
            named.map(|it| it.container_port).or_else(|| name.parse().ok())?
        }
    };
    u16::try_from(number).ok().filter(|it| *it > 0)
}

/// An HTTP request to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpTarget {
    host: String,
    port: u16,
    path: String,
    headers: Vec<(String, String)>,
    secure: bool,
}

/// The request that an action describes; `address` is the pod's.
pub(crate) fn http_target(
    get: &HTTPGetAction,
    container: &Container,
    address: IpAddr,
) -> Result<HttpTarget, String> {
    let port = port_of(&get.port, container).ok_or("couldn't find port")?;
    let path = get.path.as_deref().unwrap_or("/");
    let headers = get.http_headers.iter().flatten().map(|it| (it.name.clone(), it.value.clone()));
    Ok(HttpTarget {
        host: get.host.clone().filter(|it| !it.is_empty()).unwrap_or_else(|| address.to_string()),
        port,
        path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        headers: headers.collect(),
        secure: get.scheme.as_deref() == Some("HTTPS"),
    })
}

/// The code and the beginning of the body of an HTTP answer.
type Answer = Result<(u16, String), String>;

/// A redirect counts as success, as it does upstream for other hosts.
fn answer_of(answer: Answer) -> Outcome {
    match answer {
        Ok((200..=399, _)) => success(),
        Ok((code, _)) => failure(format!("HTTP probe failed with statuscode: {code}")),
        Err(why) => failure(why),
    }
}

/// Makes an HTTP request.
pub(crate) async fn http_get(target: &HttpTarget, timeout: Duration) -> Answer {
    let url = format!(
        "{}://{}:{}{}",
        if target.secure { "https" } else { "http" },
        target.host,
        target.port,
        target.path
    );
    match clock::timeout(timeout, exchange(target)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("Get \"{url}\": {error}")),
        Err(_) => Err(format!("Get \"{url}\": context deadline exceeded")),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(target: &HttpTarget) -> Result<(u16, String), BoxError> {
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
    if target.secure { ask(tls::connect(stream).await?, target).await } else { ask(stream, target).await }
}

async fn ask<S>(stream: S, target: &HttpTarget) -> Result<(u16, String), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::Builder::new().title_case_headers(true).handshake(TokioIo::new(stream)).await?;
    let request = request_of(target)?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let code = response.status().as_u16();
        // A body that is longer than what is shown is no failure.
        let body = Limited::new(response.into_body(), SHOWN).collect().await;
        let text = body.map(|it| String::from_utf8_lossy(&it.to_bytes()).into_owned()).unwrap_or_default();
        Ok((code, text))
    };
    tokio::pin!(answer, connection);
    // The connection has to be driven until the answer is there.
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => { ended?; answer.await }
    }
}

fn request_of(target: &HttpTarget) -> Result<http::Request<Empty<Bytes>>, BoxError> {
    let given = |name: &str| target.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut request = http::Request::get(&target.path);
    for (name, default) in [
        ("Host", format!("{}:{}", target.host, target.port)),
        ("User-Agent", AGENT.to_owned()),
        ("Accept", "*/*".to_owned()),
    ] {
        if !given(name) {
            request = request.header(name, default);
        }
    }
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    Ok(request.header("Connection", "close").body(Empty::new())?)
}
