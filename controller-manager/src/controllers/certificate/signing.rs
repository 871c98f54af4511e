//! Signs approved requests, each by the rules of the signer that it names.
//!
//! Upstream: the page "Certificates and Certificate Signing Requests", section "Kubernetes signers".

use super::{
    KUBE_APISERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, has_failed, is_approved, issued,
    not_a_node_client, not_a_node_server, told,
};
use api::validation::certificate::{FAILED, LEGACY_UNKNOWN};
use api::{Key, Subresource};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use pki::Request;
use runtime::{Action, Controller, Plan, Snapshot, Watch};
use std::time::Duration;

/// The signer of `kubernetes.io`'s requests.
pub(crate) enum SigningController {}

/// Its name; a manager without an authority runs without it.
pub const NAME: &str = "certificatesigningrequest-signing-controller";

/// How long a certificate lasts, unless its request wants less, and the least that one may want.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const SHORTEST: Duration = Duration::from_secs(10 * 60);

const REASON: &str = "SignerValidationFailure";

impl Controller for SigningController {
    type Observed<'a> = &'a CertificateSigningRequest;
    const NAME: &'static str = NAME;
    const WATCHES: &'static [Watch] = &[Watch::of::<CertificateSigningRequest>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a CertificateSigningRequest> {
        let request = caches.at::<CertificateSigningRequest>(key)?;
        let waits = is_approved(request) && !has_failed(request) && issued(request).is_none();
        waits.then_some(request)
    }

    fn reconcile(request: &CertificateSigningRequest, _now: Timestamp) -> Plan {
        let usages = request.spec.usages.as_deref().unwrap_or_default();
        let asked = Request::parse_bytes(&request.spec.request.0);
        let action = match asked
            .map_err(|it| it.to_string())
            .map(|it| refusal(&request.spec.signer_name, &it, usages))
        {
            Ok(Verdict::NotOurs) => return Plan::nothing(),
            Ok(Verdict::Sign) => Action::Sign {
                request: Box::new(request.clone()),
                lifetime: lifetime(request.spec.expiration_seconds),
            },
            Ok(Verdict::Refuse(why)) | Err(why) => {
                let object = told(request, FAILED, REASON, &why).into();
                Action::Update { object, below: Some(Subresource::Status) }
            }
        };
        Plan::of(vec![action])
    }
}

/// What a signer says to a request.
enum Verdict {
    /// Somebody else signs these.
    NotOurs,
    Sign,
    Refuse(String),
}

fn refusal(signer: &str, asked: &Request, usages: &[String]) -> Verdict {
    let why = match signer {
        KUBE_APISERVER_CLIENT => not_a_client(usages),
        KUBELET_CLIENT => not_a_node_client(asked, usages),
        KUBELET_SERVING => not_a_node_server(asked, usages),
        LEGACY_UNKNOWN => None,
        _ => return Verdict::NotOurs,
    };
    why.map_or(Verdict::Sign, Verdict::Refuse)
}

fn not_a_client(usages: &[String]) -> Option<String> {
    let known = ["digital signature", "key encipherment", "client auth"];
    if let Some(usage) = usages.iter().find(|it| !known.contains(&it.as_str())) {
        return Some(format!("invalid usage for client certificate: {usage}"));
    }
    let client = usages.iter().any(|it| it == "client auth");
    (!client).then(|| "missing required usage for client certificate: client auth".to_owned())
}

fn lifetime(seconds: Option<i32>) -> Duration {
    let wanted = seconds.and_then(|it| u64::try_from(it).ok()).map(Duration::from_secs);
    wanted.map_or(LONGEST, |it| it.clamp(SHORTEST, LONGEST))
}
