//! The node's heartbeat: a Lease in a namespace of its own.

use api::{
    Key, ObjectMeta,
    k8s::{
        api::coordination::v1::{Lease, LeaseSpec},
        apimachinery::pkg::apis::meta::v1::MicroTime,
    },
};
use client::{Client, Error, PatchType};
use jiff::Timestamp;
use serde_json::json;

/// Where nodes' leases live.
const NAMESPACE: &str = "kube-node-lease";
/// After so many seconds without a heartbeat a node is taken for lost.
const LASTS_SECONDS: i32 = 40;

/// Renews the lease; makes it if there is none.
pub(super) async fn renew(client: &Client, node: &str, now: Timestamp) -> Result<(), Error> {
    let key = Key::of::<Lease>(NAMESPACE, node);
    let spec = LeaseSpec {
        holder_identity: Some(node.to_owned()),
        lease_duration_seconds: Some(LASTS_SECONDS),
        renew_time: Some(MicroTime(now)),
        ..LeaseSpec::default()
    };
    match client.patch(&key, None, PatchType::Merge, &json!({ "spec": spec })).await {
        Err(error) if error.is_not_found() => {
            let metadata = ObjectMeta {
                name: Some(node.to_owned()),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            };
            client.create(&Lease { metadata, spec: Some(spec) }).await.map(drop)
        }
        other => other.map(drop),
    }
}
