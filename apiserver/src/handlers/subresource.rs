//! What hangs below an object: each subresource with the verbs it has.

use super::change::Part;
use super::{Call, get, patch, pods, scale, token, update};
use crate::proxy;
use crate::request::Verb;
use crate::respond::Answer;
use crate::state::State;
use crate::webhooks::connect;
use api::{ApiError, Subresource};
use std::sync::Arc;

/// The verbs of a subresource, as discovery names them.
pub(crate) fn verbs(subresource: Subresource) -> &'static [&'static str] {
    use Subresource::{
        Approval, Attach, Binding, EphemeralContainers, Eviction, Exec, Finalize, Log, PortForward, Proxy,
        Resize, Scale, Status, Token,
    };
    match subresource {
        Status | Scale | EphemeralContainers | Resize | Approval => &["get", "patch", "update"],
        Finalize => &["update"],
        Binding | Eviction | Token => &["create"],
        Log => &["get"],
        Exec | Attach | PortForward => &["create", "get"],
        Proxy => &["create", "delete", "get", "patch", "update"],
    }
}

/// What is sent and answered, when it is not the object itself: group, version, kind.
pub(crate) fn kind(subresource: Subresource) -> Option<(&'static str, &'static str, &'static str)> {
    use Subresource as S;
    match subresource {
        S::Scale => Some(("autoscaling", "v1", "Scale")),
        S::Binding => Some(("", "v1", "Binding")),
        S::Eviction => Some(("policy", "v1", "Eviction")),
        S::Token => Some(("authentication.k8s.io", "v1", "TokenRequest")),
        S::Exec => Some(("", "v1", "PodExecOptions")),
        S::Attach => Some(("", "v1", "PodAttachOptions")),
        S::PortForward => Some(("", "v1", "PodPortForwardOptions")),
        S::Status | S::EphemeralContainers | S::Resize | S::Approval | S::Finalize | S::Log | S::Proxy => {
            None
        }
    }
}

/// Does what a request asks of a subresource.
pub(crate) async fn dispatch(state: &Arc<State>, call: &mut Call) -> Answer {
    let found = call.kind.row().subresource(&call.path.subresource).ok_or_else(ApiError::no_route)?;
    let verb = call.path.verb;
    if call.key.name.is_empty() || !verbs(found).contains(&verb.name()) {
        return Err(ApiError::method_not_allowed());
    }
    match (found, verb) {
        (Subresource::Scale, _) => scale::handle(state, call).await,
        (Subresource::Binding, _) => pods::bind(state, call).await,
        (Subresource::Eviction, _) => pods::evict(state, call).await,
        (Subresource::Token, _) => token::request(state, call).await,
        (Subresource::Log, _) => proxy::to_kubelet(state, call, found).await,
        (Subresource::Exec | Subresource::Attach | Subresource::PortForward, _) => {
            // A WebSocket begins with a GET, but what goes on in it takes the right to create (upstream's
            // `AuthorizePodWebsocketUpgradeCreatePermission`).
            call.check_create(state)?;
            connect::admit(state, call, found).await?;
            proxy::to_kubelet(state, call, found).await
        }
        (Subresource::Proxy, _) => {
            connect::admit(state, call, found).await?;
            proxy::to_object(state, call).await
        }
        (_, Verb::Get) => get::get(state, call).await,
        (Subresource::Status | Subresource::Approval, Verb::Update) => {
            update::update(state, call, Part::Status).await
        }
        (Subresource::Status | Subresource::Approval, _) => patch::patch(state, call, Part::Status).await,
        (Subresource::Finalize, _) => pods::finalize(state, call).await,
        (chosen, _) => pods::change_containers(state, call, chosen).await,
    }
}
