//! Deletes requests that have had their time: an hour after they were decided or have failed, a day after nobody did
//! anything, and once the certificate has ended.

use super::{conditions, issued};
use crate::common::write;
use api::Key;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use runtime::{Controller, Plan, Snapshot, Watch};
use std::time::Duration;

/// The cleaner of requests.
pub(crate) enum CleaningController {}

const DECIDED: SignedDuration = SignedDuration::from_hours(1);
const PENDING: SignedDuration = SignedDuration::from_hours(24);

impl Controller for CleaningController {
    type Observed<'a> = &'a CertificateSigningRequest;
    const NAME: &'static str = "certificatesigningrequest-cleaner-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<CertificateSigningRequest>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a CertificateSigningRequest> {
        caches.at::<CertificateSigningRequest>(key).filter(|it| it.metadata.deletion_timestamp.is_none())
    }

    fn reconcile(request: &CertificateSigningRequest, now: Timestamp) -> Plan {
        let Some(end) = end_of(request) else { return Plan::nothing() };
        if now < end {
            let left = Duration::try_from(now.duration_until(end)).unwrap_or_default();
            return Plan::nothing().again_after(left + Duration::from_secs(1));
        }
        Plan::of(vec![write::delete(request)])
    }
}

/// When a request has had its time.
fn end_of(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let conditions = conditions(request);
    let created = request.metadata.creation_timestamp.as_ref().map(|it| it.0);
    if conditions.is_empty() {
        return created?.checked_add(PENDING).ok();
    }
    let decided = conditions.iter().filter_map(|it| it.last_update_time.as_ref()).map(|it| it.0).min();
    let after = decided.or(created)?.checked_add(DECIDED).ok();
    let certificate = issued(request).and_then(|it| std::str::from_utf8(it).ok());
    let ends = certificate.and_then(|it| pki::renewal::ends_at(it).ok());
    after.into_iter().chain(ends).min()
}
