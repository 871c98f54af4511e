//! Starting and stopping: the store, the cache, the listeners, and callers of the same process.
//!
//! Start at [`start`].

use crate::admission::Admission;
use crate::allocate::{Allocators, Range};
use crate::audit::{Audit, AuditError};
use crate::authn::Identity;
use crate::body::room::Room;
use crate::bootstrap::{self, Itself};
use crate::cache::Caches;
use crate::catalogue::Catalogue;
use crate::config::{Config, Material, Storage};
use crate::custom;
use crate::fairness::Fairness;
use crate::front::Front;
use crate::housekeeping;
use crate::https;
use crate::in_process::{Connector, InProcess};
use crate::kept;
use crate::metrics::Metrics;
use crate::state::{Derived, Rights, State};
use crate::vault::{self, Vault};
use access::UserInfo;
use daemon::{Clock, Tasks};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;
use store::Store;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store could not be opened.
    #[error("failed to open the store")]
    Open(#[from] store::OpenError),
    /// The store could not be read, or what is in it not be decrypted.
    #[error("failed to read the store")]
    Read(#[from] vault::Error),
    /// Keys or certificates are not usable.
    #[error("failed to set up TLS")]
    Tls(#[from] pki::Error),
    /// An address is not free, or not of this machine.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The audit log could not be set up.
    #[error("failed to set up the audit log")]
    Audit(#[from] AuditError),
    /// The service range is none.
    #[error("{0:?} is not a range of IPv4 addresses such as 10.96.0.0/16")]
    ServiceRange(String),
    /// The objects of every cluster could not be created.
    #[error("failed to create the objects that every cluster has")]
    Bootstrap(#[source] api::ApiError),
}

/// A running server; cheap to clone. It stops with the tasks it was started with.
#[derive(Clone)]
pub struct Server {
    front: Front,
    addresses: Arc<[SocketAddr]>,
}

/// Starts a server. When this returns, reads and writes are answered and the objects of every cluster exist.
pub async fn start(config: Config, material: Material, tasks: Tasks) -> Result<Server, Error> {
    let range = Range::parse(&config.service_cidr).ok_or(Error::ServiceRange(config.service_cidr.clone()))?;
    let vault = Vault::open(open(&config, &tasks).await?, config.encryption_keys.as_deref())?;
    let caches = Arc::new(Caches::load(vault)?);
    tell_stale(caches.store().stale_count());
    let rights = Arc::new(Rights::default());
    let allocators = Arc::new(Allocators::new(range));
    let catalogue = Arc::new(Catalogue::default());
    let (webhooks, policies) = (Arc::default(), Arc::default());
    let derived = Derived { rights, allocators, catalogue, webhooks, policies };
    derived.load(&caches);
    tasks.spawn_vital(
        "watch cache",
        until_cancelled(tasks.clone(), caches.clone().pump(Arc::new(derived.clone()))),
    );
    let state = Arc::new(state(&config, &material, caches, derived, &tasks)?);
    let front = Front::new(state.clone());
    let (listeners, addresses) = https::bind(&config.listen).await?;
    let advertise = config.advertise.or_else(|| addresses.first().copied());
    let itself = Itself { first: range.address(1), advertise, ca_pem: &material.ca_pem };
    bootstrap::bootstrap(&state, &itself).await?;
    https::serve(&front, &material, listeners, &tasks)?;
    tasks.spawn("store snapshots", housekeeping::snapshots(state.clone(), tasks.clone()));
    tasks.spawn("event expiry", housekeeping::events(state.clone(), tasks.clone()));
    tasks.spawn("custom resource definitions", custom::controller::run(state.clone(), tasks.clone()));
    tasks.spawn("objects about the server", kept::run(state.clone(), tasks.clone()));
    tasks.spawn("addresses of services", kept::addresses::run(state, tasks.clone()));
    Ok(Server { front, addresses: addresses.into() })
}

/// Opening reads files, so it happens beside the runtime's own threads.
async fn open(config: &Config, tasks: &Tasks) -> Result<Store, Error> {
    let options = store::Options::with_clock(now_of(config.clock.clone()));
    let Storage::Directory(directory) = config.storage.clone() else { return Ok(Store::memory(options)) };
    let opened = tasks.spawn_blocking("open store", move || Store::open(&directory, options)).await;
    Ok(opened.ok().flatten().ok_or(vault::Error::Store(store::Error::Closed))??)
}

fn tell_stale(count: usize) {
    if count > 0 {
        tracing::info!(
            count,
            "secrets that are plain or under an older key will be encrypted anew when they are updated"
        );
    }
}

fn now_of(clock: Clock) -> impl Fn() -> SystemTime + Send + Sync + 'static {
    move || clock.now().into()
}

fn state(
    config: &Config,
    material: &Material,
    caches: Arc<Caches>,
    derived: Derived,
    tasks: &Tasks,
) -> Result<State, Error> {
    let nodes = match &material.kubelet_client {
        Some(identity) => {
            Some(Arc::new(pki::tls::renewable_client_config(&material.ca_pem, identity.clone())?))
        }
        None => None,
    };
    let metrics = Metrics::new(config.metrics.clone());
    let open = |it| Audit::open(it, &config.clock, &config.metrics, tasks).map(Arc::new);
    let audit = config.audit.as_ref().map(open).transpose()?;
    Ok(State {
        audit,
        store: caches.store().clone(),
        caches,
        catalogue: derived.catalogue,
        rights: derived.rights,
        admission: Admission,
        webhooks: derived.webhooks,
        policies: derived.policies,
        allocators: derived.allocators,
        tokens: material.tokens.clone(),
        static_tokens: config.static_tokens.iter().cloned().collect(),
        nodes,
        clock: config.clock.clone(),
        random: config.random.clone(),
        fairness: Fairness::new(config.max_requests_in_flight, metrics.seats()),
        room: Arc::new(Room::new(config.body_bytes, metrics.bodies())),
        request_timeout: config.request_timeout,
        metrics,
        shutdown: tasks.token(),
        tasks: tasks.clone(),
    })
}

/// Ends without an error when the tasks are told to stop.
async fn until_cancelled<E>(tasks: Tasks, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    tasks.token().run_until_cancelled(work).await.unwrap_or(Ok(()))
}

impl Server {
    /// The addresses on which HTTPS is served, as bound.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers requests of this process, as this user.
    pub fn service(&self, user: UserInfo) -> InProcess {
        InProcess::new(self.front.clone(), Identity(Arc::new(user)))
    }

    /// Answers a request as though it had come over HTTPS without a certificate.
    #[cfg(test)]
    pub(crate) async fn answer_stranger(
        &self,
        request: http::Request<axum::body::Body>,
    ) -> crate::respond::Response {
        self.front.serve(request).await
    }

    /// How many bytes large bodies take, and how many wait for room.
    #[cfg(test)]
    pub(crate) fn room(&self) -> (usize, usize) {
        self.front.state.room.now()
    }

    /// A transport for clients of this process, as this user. Lists and watches share the server's objects.
    pub fn connector(&self, user: UserInfo) -> Arc<dyn client::Transport> {
        Arc::new(Connector::new(self.service(user)))
    }
}
