//! What a server is told when it starts.

use crate::audit::AuditConfig;
use access::UserInfo;
use daemon::metrics::Registry;
use daemon::{Clock, Random};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where objects are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// On disk.
    Directory(PathBuf),
    /// Nowhere: they end with the process.
    Memory,
}

/// What a server is told when it starts.
#[derive(Clone)]
pub struct Config {
    /// Where objects are kept.
    pub storage: Storage,
    /// The file of the keys that Secrets are encrypted with; it is made when nothing is encrypted yet. Without it, Secrets
    /// are kept as they are.
    pub encryption_keys: Option<PathBuf>,
    /// Where HTTPS is served; a port of 0 takes a free one. Empty for callers of the same process only.
    pub listen: Vec<SocketAddr>,
    /// Where services get their addresses from, such as `10.96.0.0/16`.
    pub service_cidr: String,
    /// What the endpoints of the service `kubernetes` say; the first bound address when none is given.
    pub advertise: Option<SocketAddr>,
    /// Bearer tokens that never end, and whose they are.
    pub static_tokens: Vec<(String, UserInfo)>,
    /// How many requests are worked on at once; the others wait for their turn, or are told to come back.
    pub max_requests_in_flight: usize,
    /// How many bytes of large bodies are held at once; further ones wait for room, or are told to come back.
    pub body_bytes: usize,
    /// How long a request may take, unless it is a watch or a stream. Clients may ask for less.
    pub request_timeout: Duration,
    /// What is logged of requests, and where; nothing when none is given.
    pub audit: Option<AuditConfig>,
    /// The time.
    pub clock: Clock,
    /// Where UIDs and generated names come from.
    pub random: Random,
    /// What `/metrics` shows; daemons of one process share it.
    pub metrics: Registry,
}

impl Config {
    /// The defaults: the system's clock and chance, no listeners.
    pub fn new(storage: Storage) -> Self {
        Self {
            storage,
            encryption_keys: None,
            listen: Vec::new(),
            service_cidr: "10.96.0.0/16".to_owned(),
            advertise: None,
            static_tokens: Vec::new(),
            max_requests_in_flight: 600,
            body_bytes: 64 << 20,
            request_timeout: Duration::from_secs(60),
            audit: None,
            clock: Clock::system(),
            random: Random::system(),
            metrics: Registry::new(),
        }
    }
}

/// Keys and certificates; crate `pki` makes them. Who made them renews them: identities can be replaced at any time.
#[derive(Debug)]
pub struct Material {
    /// What HTTPS is served with.
    pub serving: Arc<pki::tls::Identity>,
    /// The authority that client certificates, and the serving certificates of nodes, are checked against.
    pub ca_pem: String,
    /// What the server shows to nodes; without it, logs and exec are refused.
    pub kubelet_client: Option<Arc<pki::tls::Identity>>,
    /// Signs and checks the tokens of service accounts.
    pub tokens: Arc<pki::tokens::Signer>,
}
