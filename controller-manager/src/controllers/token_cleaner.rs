//! Deletes bootstrap tokens when they end.

use crate::common::write;
use api::Key;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use runtime::{Controller, Plan, Snapshot, Watch};
use std::time::Duration;

/// The cleaner of bootstrap tokens.
pub(crate) enum TokenCleaner {}

const NAMESPACE: &str = "kube-system";

impl Controller for TokenCleaner {
    type Observed<'a> = &'a Secret;
    const NAME: &'static str = "token-cleaner-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<Secret>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a Secret> {
        let secret = caches.at::<Secret>(key).filter(|_| key.namespace == NAMESPACE)?;
        let token = secret.type_.as_deref() == Some(access::bootstrap_token::TYPE);
        (token && secret.metadata.deletion_timestamp.is_none()).then_some(secret)
    }

    fn reconcile(secret: &Secret, now: Timestamp) -> Plan {
        match access::bootstrap_token::end_of(secret) {
            None => Plan::nothing(),
            Some(end) if now < end => {
                let left = Duration::try_from(now.duration_until(end)).unwrap_or_default();
                Plan::nothing().again_after(left + Duration::from_secs(1))
            }
            Some(_) => Plan::of(vec![write::delete(secret)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;

    #[test]
    fn a_token_goes_when_it_ends() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let check = |expiration: Option<&str>, expect: (usize, Option<u64>)| {
            let data = expiration.map(|it| ("expiration".to_owned(), ByteString(it.as_bytes().to_vec())));
            let secret = Secret { data: Some(data.into_iter().collect()), ..Secret::default() };
            let plan = TokenCleaner::reconcile(&secret, now);
            assert_eq!((plan.actions.len(), plan.requeue.map(|it| it.as_secs())), expect, "{expiration:?}");
        };
        check(None, (0, None));
        check(Some("2030-01-01T00:01:00Z"), (0, Some(61)));
        check(Some("2030-01-01T00:00:00Z"), (1, None));
        check(Some("2029-12-31T23:00:00+00:00"), (1, None));
        check(Some("tomorrow"), (1, None));
    }
}
