//! Deletes jobs some time after they are over.

use super::job;
use crate::common::write;
use api::Key;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use runtime::{Action, Controller, Plan, Snapshot, Watch};

/// The controller of `ttlSecondsAfterFinished`.
pub(crate) enum TtlController {}

impl Controller for TtlController {
    type Observed<'a> = &'a Job;
    const NAME: &'static str = "ttl-after-finished-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<Job>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a Job> {
        caches.at::<Job>(key).filter(|it| it.metadata.deletion_timestamp.is_none())
    }

    fn reconcile(job: &Job, now: Timestamp) -> Plan {
        match job::time_left(job, now) {
            None => Plan::nothing(),
            Some(left) if !left.is_zero() => Plan::nothing().again_after(left),
            Some(_) => {
                let options = DeleteOptions {
                    propagation_policy: Some("Foreground".to_owned()),
                    ..write::only_this(&job.metadata)
                };
                Plan::of(vec![Action::Delete { key: write::key_of(job), options }])
            }
        }
    }
}
