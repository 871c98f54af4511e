//! The way of every request: who asks, for what, with which right, and then the handler.
//!
//! Start at [`Front::serve`]. HTTPS and callers in this process come through here alike.

use crate::audit::{self, AuditId, record::Record};
use crate::authn::{self, Identity};
use crate::handlers;
use crate::metrics::Answered;
use crate::notes::Notes;
use crate::pretty;
use crate::request::{self, Query, ResourcePath, Route, Verb};
use crate::respond::{self, Answer, Response};
use crate::state::State;
use crate::{authz, endpoints};
use access::UserInfo;
use api::ApiError;
use api::selector::{FieldRequirement, FieldSelector};
use axum::Router;
use axum::body::Body;
use daemon::{Random, clock};
use futures::FutureExt;
use http::Request;
use jiff::SignedDuration;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// How long a request may take, or the part of it that is not a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) Duration);

/// The server without its sockets; cheap to clone.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) state: Arc<State>,
    endpoints: Router,
    /// Where requests get their names from that bring none.
    ids: Random,
}

impl Front {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { endpoints: endpoints::router(state.clone()), ids: state.random.fork(), state }
    }

    /// Answers a request. A refusal is an answer too.
    pub(crate) async fn serve(&self, mut request: Request<Body>) -> Response {
        let began = clock::instant();
        let query = Query::parse(request.uri().query());
        let route = request::route(request.method(), request.uri().path(), &query);
        let id = AuditId::of(request.headers(), &self.ids);
        request.extensions_mut().insert(id.clone());
        let is_for_people = pretty::is_wanted(&route, &query, request.headers());
        let (verb, resource) = match &route {
            Route::Resource(path) => (path.verb.name(), self.known_plural(path)),
            Route::Other(_) | Route::NotAllowed => ("other", ""),
        };
        let answer = caught(self.answer(route, query, request)).await;
        let mut response = answer.unwrap_or_else(|error| respond::refusal(&error));
        id.mark(&mut response);
        if is_for_people {
            response = pretty::answer(response).await;
        }
        let answered = Answered { verb, resource, code: response.status().as_u16() };
        self.state.metrics.answered(answered, began.elapsed());
        response
    }

    /// Who asks; from there on the audit log follows the request.
    async fn answer(&self, route: Route, query: Query, mut request: Request<Body>) -> Answer {
        let identity = request.extensions().get::<Identity>();
        let user = authn::authenticate(&self.state, identity, request.headers());
        let Some(audit) = &self.state.audit else {
            return self.known(&user?, route, query, request, &Arc::default()).await;
        };
        let user = user.inspect_err(|error| audit.unauthenticated(&request, &route, &query, error))?;
        let notes = Arc::new(Notes::default());
        let Some(record) = audit.begin(&request, &route, &query, &user, &notes) else {
            return self.known(&user, route, query, request, &notes).await;
        };
        request.extensions_mut().insert(record.clone());
        let answer = async {
            let answer = self.known(&user, route, query, request, &notes).await;
            answer.unwrap_or_else(|error| respond::refusal(&error))
        };
        Ok(audit::follow(record, answer).await)
    }

    async fn known(
        &self,
        user: &Arc<UserInfo>,
        route: Route,
        query: Query,
        mut request: Request<Body>,
        notes: &Arc<Notes>,
    ) -> Answer {
        let state = &self.state;
        let user = authn::impersonated(state, user, request.headers())?;
        if let Some(record) = request.extensions().get::<Arc<Record>>() {
            record.acts_as(&user);
        }
        let _seat = match is_about_health(&route) {
            true => None,
            false => state.fairness.enter(&user).await?,
        };
        let limit = limit_of(&route, &query, state.request_timeout)?;
        request.extensions_mut().insert(Limit(limit.unwrap_or(state.request_timeout)));
        // On the heap: what handlers keep across their waits would otherwise be part of every future above them.
        let work = Box::pin(self.work(route, query, user, request, notes));
        match limit {
            None => work.await,
            Some(limit) => clock::timeout(limit, work).await.unwrap_or_else(|_| Err(too_late())),
        }
    }

    async fn work(
        &self,
        route: Route,
        query: Query,
        user: Arc<UserInfo>,
        request: Request<Body>,
        notes: &Arc<Notes>,
    ) -> Answer {
        let state = &self.state;
        match route {
            Route::NotAllowed => Err(ApiError::method_not_allowed()),
            Route::Other(path) => self.other(&user, path, request, notes).await,
            Route::Resource(path) => {
                authz::check_resource(state, &user, &path, &selected(&path, &query), notes)?;
                handlers::handle(state, path, query, user, request.into_parts(), notes).await
            }
        }
    }

    /// Only names of the table become labels of metrics.
    fn known_plural(&self, path: &ResourcePath) -> &'static str {
        let kind = self.state.catalogue.find(&path.group, &path.version, &path.resource);
        kind.map_or("", |it| it.row().plural)
    }

    async fn other(
        &self,
        user: &UserInfo,
        path: String,
        mut request: Request<Body>,
        notes: &Notes,
    ) -> Answer {
        let method = request.method().as_str().to_ascii_lowercase();
        authz::check_path(&self.state, user, &method, &path, notes)?;
        if path != request.uri().path() {
            let query = request.uri().query().map(|it| format!("?{it}")).unwrap_or_default();
            *request.uri_mut() = format!("{path}{query}").parse().map_err(|_| ApiError::no_route())?;
        }
        let response = self.endpoints.clone().oneshot(request).await;
        response.map_err(|never| match never {})
    }
}

/// A panic ends the request that met it, and no other: the next one may be the one that repairs what is wrong.
async fn caught(answer: impl Future<Output = Answer>) -> Answer {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a request met a bug of the server: please report what stands above this line");
        Err(ApiError::internal("This request caused apiserver to panic. Look in the logs for details."))
    })
}

/// Health is told even when there are too many requests for anything else.
fn is_about_health(route: &Route) -> bool {
    let Route::Other(path) = route else { return false };
    matches!(path.split('/').nth(1), Some("healthz" | "livez" | "readyz"))
}

/// How long the request may take; without end for watches and streams.
fn limit_of(route: &Route, query: &Query, most: Duration) -> Result<Option<Duration>, ApiError> {
    if matches!(route, Route::Resource(path) if path.is_long_running()) {
        return Ok(None);
    }
    let Some(asked) = query.get("timeout") else { return Ok(Some(most)) };
    let asked: SignedDuration = asked.parse().map_err(|_| {
        ApiError::bad_request(format!(
            "invalid timeout specified in the request URL - {asked:?} is no duration such as 30s"
        ))
    })?;
    let asked = Duration::try_from(asked).unwrap_or_default();
    Ok(Some(if asked.is_zero() { most } else { asked.min(most) }))
}

fn too_late() -> ApiError {
    ApiError::timeout("request did not complete within the allotted timeout")
}

/// What a list or a watch selects by field: rights to single objects, or to the pods of a node, count for it, too.
fn selected(path: &ResourcePath, query: &Query) -> Vec<FieldRequirement> {
    if !matches!(path.verb, Verb::List | Verb::Watch | Verb::DeleteCollection) {
        return Vec::new();
    }
    // A selector that makes no sense is refused where it is used; here it selects nothing.
    let parsed = query.get("fieldSelector").and_then(|it| FieldSelector::parse(it).ok());
    parsed.unwrap_or_default().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request_only() {
        let refused = caught(async { panic!("a bug") }).await.unwrap_err();
        assert_eq!(refused.code(), 500);
        assert!(refused.message().contains("caused apiserver to panic"), "{refused}");
        assert!(caught(async { Err(ApiError::no_route()) }).await.unwrap_err().is_not_found());
    }
}
