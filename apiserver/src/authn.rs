//! Who is asking: a caller in this process, a client certificate, a bearer token, or nobody.
//!
//! Start at [`authenticate`]. Tokens of service accounts count as long as the account, and what the token is bound to,
//! exist; tokens that are kept in Secrets, and bootstrap tokens, as long as their Secret says so. Whoever is known may then ask to act as somebody else ([`impersonated`]), with the right to.

use crate::authz;
use crate::cache::Caches;
use crate::state::State;
use access::identity::KUBE_SYSTEM;
use access::{Attributes, ResourceTarget, UserInfo, bootstrap_token};
use api::k8s::api::authentication::v1::{TokenReviewSpec, TokenReviewStatus};
use api::k8s::api::core::v1::{Node, Pod, Secret, ServiceAccount};
use api::{ApiError, Resource, owner};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use pki::tokens::{Bound, Reference, Unending, Verified};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The identity that a connection or an in-process caller brings along. It is a type of this crate that no request from
/// outside can carry, so it cannot be forged.
#[derive(Clone, Debug)]
pub(crate) struct Identity(pub(crate) Arc<UserInfo>);

/// Decides who is asking. A token that is not accepted is refused rather than taken for nobody.
pub(crate) fn authenticate(
    state: &State,
    identity: Option<&Identity>,
    headers: &HeaderMap,
) -> Result<Arc<UserInfo>, ApiError> {
    if let Some(identity) = identity {
        return Ok(identity.0.clone());
    }
    match bearer(headers) {
        None => Ok(Arc::new(UserInfo::anonymous())),
        Some(token) => match user_of(state, token, &[state.tokens.issuer()]) {
            Ok((user, _)) => Ok(Arc::new(user)),
            Err(why) => {
                tracing::debug!(%why, "a bearer token was refused");
                Err(ApiError::unauthorized())
            }
        },
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whose token this is, and for which of the audiences.
fn user_of(state: &State, token: &str, audiences: &[&str]) -> Result<(UserInfo, Vec<String>), String> {
    if let Some(user) = state.static_tokens.get(token) {
        return Ok((user.clone(), audiences.iter().map(|it| (*it).to_owned()).collect()));
    }
    if let Some((id, key)) = bootstrap_token::split(token) {
        let user = bootstrapper(state, id, key)?;
        return Ok((user, here(state, audiences).ok_or("a bootstrap token is for this server only")?));
    }
    if let Some(subject) = state.tokens.verify_unending(token).map_err(|it| it.to_string())? {
        check_kept(&state.caches, &subject, token)?;
        let account = &subject.service_account;
        let user = UserInfo::service_account(&subject.namespace, &account.name, &account.uid);
        return Ok((user, here(state, audiences).ok_or("such a token is for this server only")?));
    }
    let verified = state.tokens.verify(token, audiences, state.now()).map_err(|it| it.to_string())?;
    check_alive(&state.caches, &verified)?;
    let subject = &verified.subject;
    let account = &subject.service_account;
    let mut user = UserInfo::service_account(&subject.namespace, &account.name, &account.uid);
    user.extra = verified.extra().into_iter().map(|(key, value)| (key.to_owned(), vec![value])).collect();
    Ok((user, verified.audiences))
}

/// Of the audiences, this server; nothing when it is none of them.
fn here(state: &State, audiences: &[&str]) -> Option<Vec<String>> {
    let own = state.tokens.issuer();
    audiences.contains(&own).then(|| vec![own.to_owned()])
}

/// Whom a bootstrap token lets in.
fn bootstrapper(state: &State, id: &str, key: &str) -> Result<UserInfo, String> {
    let place = api::Key::of::<Secret>(KUBE_SYSTEM, &bootstrap_token::secret_name(id));
    let entry = state.caches.of(Secret::KIND).and_then(|it| it.get(&crate::state::cache_key(&place)));
    let object = entry.ok_or("there is no such bootstrap token")?.decode().map_err(|it| it.to_string())?;
    let secret = object.get::<Secret>().ok_or("the cache holds something else under this name")?;
    bootstrap_token::user_of(secret, id, key, state.now()).map_err(|it| it.to_string())
}

/// The account and what the token is bound to must still be the same objects.
fn check_alive(caches: &Caches, verified: &Verified) -> Result<(), String> {
    let namespace = &verified.subject.namespace;
    alive::<ServiceAccount>(caches, namespace, &verified.subject.service_account)?;
    match &verified.subject.bound_to {
        Some(Bound::Pod { pod, .. }) => alive::<Pod>(caches, namespace, pod),
        Some(Bound::Secret(secret)) => alive::<Secret>(caches, namespace, secret),
        Some(Bound::Node(node)) => alive::<Node>(caches, "", node),
        None => Ok(()),
    }
}

/// A token without an end counts as long as its Secret holds it, and its account is the same one.
fn check_kept(caches: &Caches, subject: &Unending, token: &str) -> Result<(), String> {
    let key = crate::state::cache_key(&api::Key::of::<Secret>(&subject.namespace, &subject.secret));
    let entry = caches.of(Secret::KIND).and_then(|it| it.get(&key)).ok_or("the token's secret is gone")?;
    let object = entry.decode().map_err(|it| it.to_string())?;
    let secret = object.get::<Secret>().filter(|it| it.metadata.deletion_timestamp.is_none());
    let kept = secret.and_then(|it| it.data.as_ref()?.get("token"));
    if kept.is_none_or(|it| it.0 != token.as_bytes()) {
        return Err("the token's secret holds another token".to_owned());
    }
    alive::<ServiceAccount>(caches, &subject.namespace, &subject.service_account)
}

fn alive<K: Resource>(caches: &Caches, namespace: &str, reference: &Reference) -> Result<(), String> {
    let key = crate::state::cache_key(&api::Key::of::<K>(namespace, &reference.name));
    let gone = || format!("{} {key} is gone or another one", K::KIND);
    let entry = caches.of(K::KIND).and_then(|it| it.get(&key)).ok_or_else(gone)?;
    let object = entry.decode().map_err(|it| it.to_string())?;
    if owner::uid(&object) == reference.uid { Ok(()) } else { Err(gone()) }
}

/// Answers a TokenReview.
pub(crate) fn review(state: &State, spec: &TokenReviewSpec) -> TokenReviewStatus {
    let asked = spec.audiences.clone().filter(|it| !it.is_empty());
    let audiences = asked.unwrap_or_else(|| vec![state.tokens.issuer().to_owned()]);
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    match user_of(state, &spec.token, &audiences) {
        Ok((user, audiences)) => TokenReviewStatus {
            authenticated: Some(true),
            audiences: Some(audiences),
            user: Some(user.to_wire()),
            error: None,
        },
        Err(error) => TokenReviewStatus { error: Some(error), ..TokenReviewStatus::default() },
    }
}

/// The user that the request asks to act as; each part needs the right to impersonate it.
pub(crate) fn impersonated(
    state: &State,
    user: &Arc<UserInfo>,
    headers: &HeaderMap,
) -> Result<Arc<UserInfo>, ApiError> {
    let texts = |name: &str| {
        headers.get_all(name).iter().filter_map(|it| it.to_str().ok()).map(str::to_owned).collect::<Vec<_>>()
    };
    let Some(name) = texts("impersonate-user").into_iter().next() else {
        let wants = headers.keys().any(|it| it.as_str().starts_with("impersonate-"));
        return if wants { Err(nobody_to_impersonate()) } else { Ok(user.clone()) };
    };
    let groups = texts("impersonate-group");
    let uid = texts("impersonate-uid").into_iter().next().unwrap_or_default();
    let extra = extra_of(headers);
    let who = UserInfo { name, uid, groups, extra };
    check_impersonation(state, user, &who)?;
    Ok(Arc::new(completed(who)))
}

/// Groups, a UID or extra fields without a user. To go on as oneself would be more than what was asked for.
fn nobody_to_impersonate() -> ApiError {
    let message = "Internal error: requested impersonation of groups, a UID or extra fields without a user";
    ApiError::new(500, api::status::reason::INTERNAL_ERROR, message)
}

fn extra_of(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix("impersonate-extra-"), value.to_str()) {
            let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    extra
}

fn check_impersonation(state: &State, user: &UserInfo, who: &UserInfo) -> Result<(), ApiError> {
    let ask =
        |target: ResourceTarget<'_>| authz::check(state, &Attributes::resource(user, "impersonate", target));
    match who.service_account_name() {
        Some((namespace, name)) => {
            ask(ResourceTarget::of("", "v1", "serviceaccounts").in_namespace(namespace).named(name))?;
        }
        None => ask(ResourceTarget::of("", "v1", "users").named(&who.name))?,
    }
    for group in &who.groups {
        ask(ResourceTarget::of("", "v1", "groups").named(group))?;
    }
    let authentication = |resource| ResourceTarget::of("authentication.k8s.io", "v1", resource);
    if !who.uid.is_empty() {
        ask(authentication("uids").named(&who.uid))?;
    }
    for (key, values) in &who.extra {
        for value in values {
            ask(authentication("userextras").subresource(key).named(value))?;
        }
    }
    Ok(())
}

/// The groups that come with a name, as upstream adds them.
fn completed(mut who: UserInfo) -> UserInfo {
    if who.groups.is_empty()
        && let Some((namespace, _)) = who.service_account_name()
    {
        who.groups = vec![
            access::identity::SERVICE_ACCOUNTS.to_owned(),
            format!("{}:{namespace}", access::identity::SERVICE_ACCOUNTS),
        ];
    }
    let anonymous = who.name == access::identity::ANONYMOUS;
    let own = if anonymous { access::identity::UNAUTHENTICATED } else { access::identity::AUTHENTICATED };
    if !who.is_in(own) {
        who.groups.push(own.to_owned());
    }
    who
}
