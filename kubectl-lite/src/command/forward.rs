//! `port-forward`: local ports that lead into a pod.
//!
//! Each local connection gets a WebSocket of its own, so that one that breaks does no harm to the others.

use super::pods::{pod_of, target_of};
use crate::args::PortForward;
use crate::output;
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::Resource;
use crate::session::Session;
use anyhow::{Result, anyhow, bail};
use client::exec::{V4, connect};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The channels of the one port that each connection asks for.
const DATA: u8 = 0;
const ERROR: u8 = 1;

/// A local port, or 0 for any, and the pod's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    local: u16,
    remote: u16,
}

/// Runs the command until it is interrupted.
pub(super) async fn run(session: &Session, args: PortForward) -> Result<()> {
    let target = target_of(session, &args.pod).await?;
    let object = session.get(&target.resource, &target.namespace, target.name()).await?;
    let pod =
        if target.resource.is("", "pods") { object.clone() } else { pod_of(session, &args.pod).await? };
    if text(&pod, "status.phase") != "Running" {
        bail!(
            "unable to forward port because pod is not running. Current status={}",
            text(&pod, "status.phase")
        );
    }
    let mut listeners = Vec::new();
    for word in &args.ports {
        let pair = pair_of(word, &object, &pod)?;
        for address in &args.address {
            let address = if address == "localhost" { "127.0.0.1" } else { address };
            let listener = TcpListener::bind((address, pair.local)).await;
            let listener =
                listener.map_err(|error| anyhow!("unable to listen on port {}: {error}", pair.local))?;
            output::line(format!("Forwarding from {} -> {}", listener.local_addr()?, pair.remote))?;
            listeners.push((listener, pair));
        }
    }
    let path = Resource::of::<Pod>().below(
        text(&pod, "metadata.namespace"),
        text(&pod, "metadata.name"),
        "portforward",
    );
    let mut all: FuturesUnordered<_> =
        listeners.iter().map(|(it, pair)| serve(session, &path, it, *pair)).collect();
    match all.next().await {
        Some(outcome) => outcome,
        None => Ok(()),
    }
}

/// `80`, `8080:80`, `:80`, `8080:http`.
fn pair_of(word: &str, object: &Value, pod: &Value) -> Result<Pair> {
    let (local, remote) = word.split_once(':').unwrap_or((word, word));
    let remote = remote_of(remote, object, pod)?;
    let local = match local {
        "" => 0,
        local if !word.contains(':') && local.parse::<u16>().is_err() => remote,
        local => local.parse().map_err(|_| anyhow!("error parsing local port '{local}': invalid port"))?,
    };
    Ok(Pair { local, remote })
}

/// The pod's port: a service's port leads to its target, a name to the container's port of that name.
fn remote_of(word: &str, object: &Value, pod: &Value) -> Result<u16> {
    let is_service = object["kind"] == "Service";
    let number = word.parse::<u16>().ok();
    let named = |name: &str| {
        let ports = items(pod, "spec.containers").iter().flat_map(|it| items(it, "ports"));
        let port = ports.into_iter().find(|it| text(it, "name") == name);
        let port = port.and_then(|it| it["containerPort"].as_u64()).and_then(|it| u16::try_from(it).ok());
        port.ok_or_else(|| {
            anyhow!("Pod '{}' does not have a named port '{name}'", text(pod, "metadata.name"))
        })
    };
    if !is_service {
        return number.map_or_else(|| named(word), Ok);
    }
    let is_it = |it: &&Value| {
        text(it, "name") == word || (number.is_some() && it["port"].as_u64() == number.map(u64::from))
    };
    let Some(port) = items(object, "spec.ports").iter().find(is_it) else {
        bail!("Service {} does not have a service port {word}", text(object, "metadata.name"));
    };
    match (&port["targetPort"], object["spec"]["clusterIP"] == "None") {
        (Value::String(name), _) => named(name),
        (Value::Number(target), false) => {
            Ok(target.as_u64().and_then(|it| u16::try_from(it).ok()).unwrap_or_default())
        }
        _ => number.ok_or_else(|| anyhow!("invalid port {word:?}")),
    }
}

async fn serve(session: &Session, path: &str, listener: &TcpListener, pair: Pair) -> Result<()> {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted?;
                output::line(format!("Handling connection for {}", listener.local_addr()?.port()))?;
                open.push(forward(session, path, socket, pair.remote));
            }
            Some(outcome) = open.next(), if !open.is_empty() => {
                if let Err(error) = outcome {
                    output::note(format!("error: an error occurred forwarding to {}: {error:#}", pair.remote));
                }
            }
        }
    }
}

/// Copies one connection both ways.
async fn forward(session: &Session, path: &str, mut socket: TcpStream, port: u16) -> Result<()> {
    let target = Call::get(path).with("ports", Some(port)).target();
    let (mut sender, mut receiver) = connect(&session.credentials, &session.headers, &target, &[V4]).await?;
    let (mut from, mut to) = socket.split();
    let mut buffer = vec![0; 32 << 10];
    let mut open = true;
    // Each channel begins with its port's number, which we know.
    let mut greeted = [false, false];
    loop {
        tokio::select! {
            read = from.read(&mut buffer), if open => match read? {
                0 => {
                    open = false;
                    sender.close().await?;
                }
                length => sender.send(DATA, &buffer[..length]).await?,
            },
            message = receiver.next() => match message? {
                None => return Ok(()),
                Some((channel @ (DATA | ERROR), _)) if !std::mem::replace(&mut greeted[usize::from(channel)], true) => {}
                Some((DATA, bytes)) => to.write_all(&bytes).await?,
                Some((ERROR, bytes)) => bail!("{}", String::from_utf8_lossy(&bytes)),
                Some(_) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ports_are_paired() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 8080}]}]}});
        let service = json!({"kind": "Service", "spec": {"ports": [
            {"name": "http", "port": 80, "targetPort": "web"}, {"port": 81, "targetPort": 9000}]}});
        let check = |word: &str, object: &Value, local: u16, remote: u16| {
            assert_eq!(pair_of(word, object, &pod).unwrap(), Pair { local, remote }, "{word}");
        };
        check("80", &pod, 80, 80);
        check("8080:80", &pod, 8080, 80);
        check(":80", &pod, 0, 80);
        check("web", &pod, 8080, 8080);
        check("1:web", &pod, 1, 8080);
        check(":80", &service, 0, 8080);
        check("81", &service, 81, 9000);
        check("7:http", &service, 7, 8080);
        assert!(pair_of("x", &pod, &pod).is_err() && pair_of("82", &service, &pod).is_err());
    }
}
