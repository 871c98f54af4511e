//! Fills Secrets of type `kubernetes.io/service-account-token`: with a token that lasts as long as the Secret, the
//! cluster's certificate and the namespace. Those whose account is gone are deleted.
//!
//! Upstream: "Managing Service Accounts", section "Token controller". What the token says is decided here, signing it is an
//! action ([`runtime::Action::IssueToken`]).

use super::root_ca::{ENTRY, SOURCE};
use crate::common::write;
use api::{Key, meta};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};

/// The controller of tokens that are kept in Secrets.
pub(crate) enum TokensController {}

/// Its name; a manager without the key for tokens runs without it.
pub const NAME: &str = "serviceaccount-token-controller";

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
const TOKEN: &str = "token";
const NAMESPACE: &str = "namespace";

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    secret: &'a Secret,
    /// The account that the Secret names, if it is the one that it means.
    account: Option<&'a ServiceAccount>,
    certificate: Option<&'a str>,
}

impl Controller for TokensController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = NAME;
    const WATCHES: &'static [Watch] = &[
        Watch::of::<Secret>(),
        Watch::mapped::<ServiceAccount>(account_wakes),
        Watch::mapped::<ConfigMap>(certificate_wakes),
    ];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let secret = caches.at::<Secret>(key).filter(|it| holds_token(it))?;
        let account = caches.get::<ServiceAccount>(&key.namespace, account_of(secret));
        let uid = meta::annotation(&secret.metadata, ACCOUNT_UID).unwrap_or_default();
        let account = account.filter(|it| uid.is_empty() || meta::uid(&it.metadata) == uid);
        let certificate =
            caches.get::<ConfigMap>(SOURCE.0, SOURCE.1).and_then(|it| it.data.as_ref()?.get(ENTRY));
        Some(Observed { secret, account, certificate: certificate.map(String::as_str) })
    }

    fn reconcile(Observed { secret, account, certificate }: Observed<'_>, _now: Timestamp) -> Plan {
        let Some(account) = account else { return Plan::of(vec![removal(secret)]) };
        let mut filled = secret.clone();
        let data = filled.data.get_or_insert_default();
        if let Some(certificate) = certificate {
            data.insert(ENTRY.to_owned(), ByteString(certificate.as_bytes().to_vec()));
        }
        if is_empty(data.get(NAMESPACE)) {
            let namespace = meta::namespace(&secret.metadata).as_bytes().to_vec();
            data.insert(NAMESPACE.to_owned(), ByteString(namespace));
        }
        let needs_token = is_empty(data.get(TOKEN));
        if filled.data == secret.data && !needs_token {
            return Plan::nothing();
        }
        let uid = meta::uid(&account.metadata).to_owned();
        filled.metadata.annotations.get_or_insert_default().insert(ACCOUNT_UID.to_owned(), uid.clone());
        Plan::of(vec![match needs_token {
            true => {
                let account = (meta::name(&account.metadata).to_owned(), uid);
                Action::IssueToken { secret: Box::new(filled), account }
            }
            false => Action::Update { object: filled.into(), below: None },
        }])
    }
}

/// The cache may lag: the account may have been made since.
fn removal(secret: &Secret) -> Action {
    let account = Key::of::<ServiceAccount>(meta::namespace(&secret.metadata), account_of(secret));
    let uid = meta::annotation(&secret.metadata, ACCOUNT_UID).unwrap_or_default().to_owned();
    Action::WhenGone { gone: vec![(account, uid)], then: Box::new(write::delete(secret)) }
}

fn is_empty(value: Option<&ByteString>) -> bool {
    value.is_none_or(|it| it.0.is_empty())
}

fn holds_token(secret: &Secret) -> bool {
    secret.type_.as_deref() == Some(TYPE)
        && secret.metadata.deletion_timestamp.is_none()
        && !account_of(secret).is_empty()
}

fn account_of(secret: &Secret) -> &str {
    meta::annotation(&secret.metadata, ACCOUNT).unwrap_or_default()
}

/// An account concerns the Secrets that name it.
fn account_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(account) = change.key() else { return Vec::new() };
    let names = |it: &&Secret| {
        meta::namespace(&it.metadata) == account.namespace
            && account_of(it) == account.name
            && holds_token(it)
    };
    caches.all::<Secret>().filter(names).map(write::key_of).collect()
}

/// The certificate concerns all of them.
fn certificate_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let source = Key::of::<ConfigMap>(SOURCE.0, SOURCE.1);
    if change.key() != Some(source) {
        return Vec::new();
    }
    caches.all::<Secret>().filter(|it| holds_token(it)).map(write::key_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(secret: Value, account: Option<Value>, expect: &[&str]) {
        let secret: Secret = serde_json::from_value(secret).unwrap();
        let account: Option<ServiceAccount> = account.map(|it| serde_json::from_value(it).unwrap());
        let observed = Observed { secret: &secret, account: account.as_ref(), certificate: Some("CA") };
        let plan = TokensController::reconcile(observed, Timestamp::UNIX_EPOCH);
        let lines: Vec<String> = plan.actions.iter().map(ToString::to_string).collect();
        assert_eq!(lines, expect);
    }

    #[test]
    fn a_secret_is_filled_once_and_goes_with_its_account() {
        let secret = |data: Value| {
            json!({
                "type": TYPE, "data": data,
                "metadata": { "name": "s", "namespace": "shop", "annotations": { ACCOUNT: "web" } },
            })
        };
        let account = || Some(json!({ "metadata": { "name": "web", "namespace": "shop", "uid": "u" } }));
        let full = json!({ "token": "eA==", "ca.crt": "Q0E=", "namespace": "c2hvcA==" });
        check(secret(json!({})), account(), &["issue a token of shop/web into s"]);
        check(secret(full.clone()), account(), &[]);
        let mut other = full.clone();
        other["ca.crt"] = json!("eA==");
        check(secret(other), account(), &["update secret/shop/s"]);
        check(secret(full), None, &["delete secret/shop/s"]);
    }
}
