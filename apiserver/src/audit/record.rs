//! One request as the audit log tells it: `audit.k8s.io/v1` Event, one line for each stage.

use super::Audit;
use super::policy::{Decision, Level, Stage};
use crate::body;
use crate::notes::{Notes, PATCHES};
use crate::respond::Response;
use access::UserInfo;
use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// What is known of a request before it is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) uri: String,
    /// The verb of a resource, or the method.
    pub(crate) verb: String,
    pub(crate) sources: Vec<String>,
    pub(crate) agent: String,
    /// None where it is not about a resource.
    pub(crate) object: Option<Value>,
    /// It is answered for as long as both sides like.
    pub(crate) lasts: bool,
}

/// See the module.
pub(crate) struct Record {
    audit: Arc<Audit>,
    decision: Decision,
    request: Request,
    user: UserInfo,
    received: Timestamp,
    notes: Arc<Notes>,
    /// What comes to be known on the way. Locked to set or to read it.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    impersonated: Option<UserInfo>,
    sent: Option<Value>,
    /// Name, namespace, UID and revision of what was sent, where the path does not have them.
    named: Map<String, Value>,
}

impl Record {
    pub(super) fn new(
        audit: Arc<Audit>,
        decision: Decision,
        request: Request,
        user: &UserInfo,
        notes: Arc<Notes>,
    ) -> Self {
        let received = audit.clock.now();
        Self { audit, decision, request, user: user.clone(), received, notes, known: Mutex::default() }
    }

    /// Whom the user acts as.
    pub(crate) fn acts_as(&self, user: &UserInfo) {
        if *user != self.user {
            self.known().impersonated = Some(user.clone());
        }
    }

    /// What was sent, as JSON.
    pub(crate) fn sent(&self, body: impl FnOnce() -> Option<Value>) {
        let Some(mut body) = body() else { return };
        let mut known = self.known();
        for field in ["name", "namespace", "uid", "resourceVersion"] {
            if let Some(value) = body.pointer(&format!("/metadata/{field}")).filter(|it| it.is_string()) {
                known.named.insert(field.to_owned(), value.clone());
            }
        }
        if self.decision.level >= Level::Request {
            self.clean(&mut body);
            known.sent = Some(body);
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("nobody panics while holding this lock")
    }

    /// Takes out managed fields where the policy wants that.
    fn clean(&self, body: &mut Value) {
        if !self.decision.omit_managed_fields {
            return;
        }
        let forget = |object: &mut Value| {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
        };
        forget(body);
        body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten().for_each(forget);
    }

    /// Logs a stage, unless the policy leaves it out.
    pub(super) fn log(&self, stage: Stage, outcome: &Outcome) {
        if !self.decision.omitted.contains(&stage) {
            self.audit.write(&self.event(stage, outcome));
        }
    }

    fn event(&self, stage: Stage, outcome: &Outcome) -> Value {
        let (request, known) = (&self.request, self.known());
        let mut event = json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": self.decision.level.name(),
            "auditID": request.id,
            "stage": stage.name(),
            "requestURI": request.uri,
            "verb": request.verb,
            "user": self.user.to_wire(),
            "requestReceivedTimestamp": micros(self.received),
            "stageTimestamp": micros(self.audit.clock.now()),
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                event[name] = value;
            }
        };
        set("impersonatedUser", known.impersonated.as_ref().map(|it| json!(it.to_wire())));
        set("sourceIPs", (!request.sources.is_empty()).then(|| json!(request.sources)));
        set("userAgent", (!request.agent.is_empty()).then(|| request.agent.as_str().into()));
        set("objectRef", request.object.as_ref().map(|it| referred(it, &known.named)));
        set("responseStatus", outcome.status.clone());
        set("requestObject", known.sent.clone());
        set("responseObject", outcome.object.clone());
        let mut annotations = self.notes.annotations();
        if self.decision.level < Level::Request {
            annotations.retain(|key, _| !key.starts_with(PATCHES));
        }
        set("annotations", (!annotations.is_empty()).then(|| json!(annotations)));
        event
    }

    /// Logs how a request was answered, now or when the answer ends.
    pub(super) async fn answered(self: Arc<Self>, response: Response) -> Response {
        if self.request.lasts && !is_refusal(response.status()) {
            let outcome = Outcome::of(response.status());
            self.log(Stage::ResponseStarted, &outcome);
            return response.map(|body| Body::new(Lasting { body, record: self, outcome }));
        }
        let wants_body = self.decision.level == Level::RequestResponse || is_refusal(response.status());
        let (outcome, response) = match wants_body {
            true => self.read(response).await,
            false => (Outcome::of(response.status()), response),
        };
        self.log(Stage::ResponseComplete, &outcome);
        response
    }

    /// Reads the body of an answer, if it is JSON that is not too long, and puts it back.
    async fn read(&self, response: Response) -> (Outcome, Response) {
        let (parts, body) = response.into_parts();
        let mut outcome = Outcome::of(parts.status);
        let length = http_body::Body::size_hint(&body).upper();
        if length.is_none_or(|it| it == 0 || it > body::LIMIT as u64) {
            return (outcome, Response::from_parts(parts, body));
        }
        let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            return (outcome, Response::from_parts(parts, Body::empty()));
        };
        if let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) {
            if is_refusal(parts.status) {
                outcome.status = Some(value.clone());
            }
            if self.decision.level == Level::RequestResponse {
                self.clean(&mut value);
                outcome.object = Some(value);
            }
        }
        (outcome, Response::from_parts(parts, Body::from(bytes)))
    }
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// The object of the path, with what only the body says.
fn referred(object: &Value, named: &Map<String, Value>) -> Value {
    let mut object = object.clone();
    for (field, value) in named {
        if object.get(field).is_none() {
            object[field] = value.clone();
        }
    }
    object
}

/// What came of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    status: Option<Value>,
    object: Option<Value>,
}

impl Outcome {
    pub(super) fn of(status: StatusCode) -> Self {
        Self { status: Some(json!({ "metadata": {}, "code": status.as_u16() })), object: None }
    }

    /// The status that a refusal is.
    pub(super) fn refused(error: &api::ApiError) -> Self {
        Self { status: serde_json::to_value(&error.0).ok(), object: None }
    }

    pub(super) fn panicked() -> Self {
        let status = json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
            "message": "APIServer panic'd: the request was not answered",
        });
        Self { status: Some(status), object: None }
    }
}

/// A time with microseconds, as events have it.
fn micros(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The body of an answer that goes on; its end is logged, whoever ends it.
struct Lasting {
    body: Body,
    record: Arc<Record>,
    outcome: Outcome,
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.record.log(Stage::ResponseComplete, &self.outcome);
    }
}

impl http_body::Body for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}
