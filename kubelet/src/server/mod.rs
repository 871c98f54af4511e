//! What the node serves: logs, commands, attachments, forwarded ports, its pods and its metrics.
//!
//! Start at [`serve`]. Connections are TLS with a client certificate that the cluster signed; only the API server and
//! administrators get further than `/healthz` ([`auth`]). [`routes`] says what is served where, [`logs`] and [`exec`]
//! serve it, and [`streams`] speaks the channel protocol that kubectl speaks.

mod auth;
mod exec;
mod forward;
mod logs;
mod routes;
mod streams;

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::Context;
use api::{Key, k8s::api::core::v1::Pod};
use axum::{Router, body::Body};
use daemon::{Clock, Tasks, clock, metrics::Registry};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::informers::Informer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower::ServiceExt;

use crate::{Config, Credentials, container_runtime::ContainerRuntime, labels::Owner};

/// How long a client may take to agree on TLS, and then to send the head of a request once it began.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long accepting pauses when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What requests are answered from; cheap to clone.
#[derive(Clone)]
pub struct Server {
    owner: Owner,
    runtime: Arc<dyn ContainerRuntime>,
    pods: Arc<Informer>,
    clock: Clock,
    metrics: Registry,
}

impl Server {
    /// A server for the pods of one node.
    pub fn new(
        config: Arc<Config>,
        runtime: Arc<dyn ContainerRuntime>,
        pods: Arc<Informer>,
        clock: Clock,
    ) -> Server {
        let metrics = Registry::new();
        metrics.process();
        let running = pods.clone();
        metrics.gauge_from("kubelet_running_pods", "Pods bound to the node.", &[], move || {
            running.objects().len() as f64
        });
        Server { owner: config.owner(), runtime, pods, clock, metrics }
    }

    /// A pod of this node.
    fn pod(&self, namespace: &str, name: &str) -> Option<Pod> {
        self.pods.objects().get(&Key::of::<Pod>(namespace, name))?.get::<Pod>().cloned()
    }
}

/// Opens the listener: on the given port, or on any free one when another node of this host has taken it.
pub async fn listen(address: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((address, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) => {
            tracing::info!(%error, %address, port, "the node's usual port is not free; serving on another one");
            TcpListener::bind((address, 0)).await.with_context(|| format!("failed to listen on {address}"))
        }
    }
}

/// Serves until the group of tasks is told to stop.
pub fn serve(
    listener: TcpListener,
    server: Server,
    credentials: &Credentials,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    let tls =
        pki::tls::renewable_server_config(credentials.serving.clone(), Some(&credentials.client_ca_pem))
            .context("failed to set up TLS for the node's server")?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let edge = Edge { router: routes::router(server), acceptor, tasks: tasks.clone() };
    tasks.spawn("node listener", edge.accept(listener));
    Ok(())
}

#[derive(Clone)]
struct Edge {
    router: Router,
    acceptor: TlsAcceptor,
    tasks: Tasks,
}

impl Edge {
    async fn accept(self, listener: TcpListener) {
        let token = self.tasks.token();
        while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => drop(self.tasks.spawn("node connection", self.clone().connection(stream))),
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    clock::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        // Output is passed on piece by piece, each as soon as it is there.
        let _unsupported = stream.set_nodelay(true);
        let token = self.tasks.token();
        let life = async {
            match clock::timeout(HANDSHAKE_PATIENCE, self.acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.requests(stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "TLS failed"),
                Err(_) => tracing::debug!("TLS took too long"),
            }
        };
        let _stopped = token.run_until_cancelled(life).await;
    }

    async fn requests(&self, stream: TlsStream<TcpStream>) {
        let caller = auth::caller_of(&stream);
        let router = self.router.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(caller.clone());
            router.clone().oneshot(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
        if let Err(error) = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
