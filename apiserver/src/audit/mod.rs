//! The audit log: who asked for what, and what came of it, as upstream writes it (audit.k8s.io/v1).
//!
//! Start at [`Audit::begin`], which `front` calls once it knows who asks. [`policy`] decides whether and how much of a
//! request is logged, [`record`] is one request, [`log`] owns the file. What admission notes comes from the request's
//! [`Notes`](crate::notes::Notes). Without a policy there is no log, and nothing of this runs.
//!
//! Refuses to hold up a request: a line that finds no room is dropped and counted.

mod log;
pub(crate) mod policy;
pub(crate) mod record;

use crate::notes::Notes;
use crate::request::{Query, ResourcePath, Route, Verb};
use access::UserInfo;
use api::ApiError;
use axum::body::Body;
use daemon::metrics::Registry;
use daemon::{Clock, Random, Tasks};
use http::HeaderMap;
use http::header::{HeaderValue, USER_AGENT};
use policy::{Asked, Level, Policy, Stage, Subject};
use record::{Outcome, Record, Request};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

pub use log::Target;
pub use policy::PolicyError;

/// What a server is told about its audit log.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// The text of the policy file.
    pub policy: String,
    /// Where events go.
    pub target: Target,
}

/// Why there is no audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The file cannot be written.
    #[error("failed to open the audit log")]
    Log(#[from] std::io::Error),
}

/// See the module.
pub(crate) struct Audit {
    policy: Policy,
    log: log::Log,
    clock: Clock,
}

/// What an answer and the log call a request: what the client calls it, or a name of our own.
#[derive(Clone, Debug)]
pub(crate) struct AuditId(HeaderValue);

impl AuditId {
    pub(crate) fn of(headers: &HeaderMap, random: &Random) -> Self {
        let given = headers.get(AUDIT_ID).filter(|it| !it.is_empty()).cloned();
        let own = || HeaderValue::try_from(random.uid()).expect("a UUID is a header's value");
        Self(given.unwrap_or_else(own))
    }

    /// Tells the client. What is passed on from elsewhere may have a name already.
    pub(crate) fn mark(self, response: &mut crate::respond::Response) {
        response.headers_mut().entry(AUDIT_ID).or_insert(self.0);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.0.as_bytes()).into_owned()
    }
}

const AUDIT_ID: &str = "audit-id";

/// From where a connection comes; set by the HTTPS edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Subresources that are answered for as long as both sides like.
const LASTING: &[&str] = &["attach", "exec", "log", "portforward", "proxy"];

impl Audit {
    pub(crate) fn open(
        config: &AuditConfig,
        clock: &Clock,
        metrics: &Registry,
        tasks: &Tasks,
    ) -> Result<Self, AuditError> {
        let policy = Policy::parse(&config.policy)?;
        let log = log::Log::open(config.target.clone(), clock.clone(), metrics, tasks)?;
        Ok(Self { policy, log, clock: clock.clone() })
    }

    /// Begins to log a request, if the policy wants it.
    pub(crate) fn begin(
        self: &Arc<Self>,
        request: &http::Request<Body>,
        route: &Route,
        query: &Query,
        user: &UserInfo,
        notes: &Arc<Notes>,
    ) -> Option<Arc<Record>> {
        let record = self.record(request, route, query, user, notes)?;
        record.log(Stage::RequestReceived, &Outcome::default());
        Some(record)
    }

    /// Logs a request of somebody who did not prove who they are.
    pub(crate) fn unauthenticated(
        self: &Arc<Self>,
        request: &http::Request<Body>,
        route: &Route,
        query: &Query,
        error: &ApiError,
    ) {
        let nobody = UserInfo::default();
        if let Some(record) = self.record(request, route, query, &nobody, &Arc::default()) {
            record.log(Stage::ResponseStarted, &Outcome::refused(error));
        }
    }

    fn record(
        self: &Arc<Self>,
        request: &http::Request<Body>,
        route: &Route,
        query: &Query,
        user: &UserInfo,
        notes: &Arc<Notes>,
    ) -> Option<Arc<Record>> {
        let method = request.method().as_str().to_ascii_lowercase();
        let (verb, subject) = match route {
            Route::Resource(path) => (path.verb.name(), subject_of(path)),
            Route::Other(path) => (method.as_str(), Subject::Path(path)),
            Route::NotAllowed => (method.as_str(), Subject::Path(request.uri().path())),
        };
        let decision = self.policy.decide(&Asked { user, verb, subject });
        if decision.level == Level::None {
            return None;
        }
        let told = Request {
            id: request.extensions().get::<AuditId>().map(AuditId::text).unwrap_or_default(),
            uri: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            verb: verb.to_owned(),
            sources: sources(request),
            agent: header(request, USER_AGENT.as_str()),
            object: if let Route::Resource(path) = route { Some(reference(path)) } else { None },
            lasts: lasts(route, query),
        };
        Some(Arc::new(Record::new(self.clone(), decision, told, user, notes.clone())))
    }

    fn write(&self, event: &Value) {
        self.log.write(event.to_string().into_bytes());
    }
}

/// Follows a request to its answer, or to the bug that left it without one.
pub(crate) async fn follow(
    record: Arc<Record>,
    answer: impl Future<Output = crate::respond::Response>,
) -> crate::respond::Response {
    use futures::FutureExt;
    // What the panic left half-done belongs to this request, which ends with it.
    match std::panic::AssertUnwindSafe(answer).catch_unwind().await {
        Ok(response) => record.answered(response).await,
        Err(panic) => {
            record.log(Stage::Panic, &Outcome::panicked());
            std::panic::resume_unwind(panic)
        }
    }
}

fn subject_of(path: &ResourcePath) -> Subject<'_> {
    Subject::Resource {
        group: &path.group,
        resource: &path.resource,
        subresource: &path.subresource,
        namespace: &path.namespace,
        name: &path.name,
    }
}

fn lasts(route: &Route, query: &Query) -> bool {
    match route {
        Route::Resource(path) if path.subresource == "log" => query.is_true("follow"),
        Route::Resource(path) => path.verb == Verb::Watch || LASTING.contains(&path.subresource.as_str()),
        Route::Other(_) | Route::NotAllowed => false,
    }
}

fn reference(path: &ResourcePath) -> Value {
    let mut reference = json!({ "resource": path.resource, "apiVersion": path.version });
    let texts = [
        ("apiGroup", &path.group),
        ("namespace", &path.namespace),
        ("name", &path.name),
        ("subresource", &path.subresource),
    ];
    for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        reference[field] = text.as_str().into();
    }
    reference
}

fn header(request: &http::Request<Body>, name: &str) -> String {
    request.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
}

/// Where a request comes from: what proxies say, then the connection itself.
fn sources(request: &http::Request<Body>) -> Vec<String> {
    let forwarded = header(request, "x-forwarded-for");
    let mut sources: Vec<String> =
        forwarded.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    if let Some(Peer(peer)) = request.extensions().get::<Peer>() {
        let own = peer.ip().to_string();
        if sources.last() != Some(&own) {
            sources.push(own);
        }
    }
    sources
}
