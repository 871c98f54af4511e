//! Gives each namespace a ConfigMap with the certificate that tells the API server from an impostor.
//!
//! The certificate itself comes from the ConfigMap [`SOURCE`], which the manager publishes when it starts.

use super::service_account::is_active;
use crate::common::write;
use api::{Key, ObjectMeta, meta};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};
use serde_json::json;
use std::collections::BTreeMap;

/// The publisher of the root certificate. Its keys are namespaces.
pub(crate) enum RootCaController {}

/// Namespace and name of the ConfigMap that holds the original.
pub const SOURCE: (&str, &str) = ("kube-system", "cluster-root-ca");
/// Name of the copies.
pub const COPY: &str = "kube-root-ca.crt";
/// The entry that holds the certificate.
pub const ENTRY: &str = "ca.crt";

/// What a decision depends on.
pub(crate) struct Observed<'a> {
    namespace: &'a Namespace,
    certificate: &'a str,
    copy: Option<&'a ConfigMap>,
}

impl Controller for RootCaController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "root-ca-certificate-publisher-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<Namespace>(), Watch::mapped::<ConfigMap>(map_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let namespace = caches.at::<Namespace>(key).filter(|it| is_active(it))?;
        let certificate = caches.get::<ConfigMap>(SOURCE.0, SOURCE.1)?.data.as_ref()?.get(ENTRY)?;
        Some(Observed { namespace, certificate, copy: caches.get(&key.name, COPY) })
    }

    fn reconcile(Observed { namespace, certificate, copy }: Observed<'_>, _now: Timestamp) -> Plan {
        let data = BTreeMap::from([(ENTRY.to_owned(), certificate.to_owned())]);
        let Some(copy) = copy else {
            return Plan::of(vec![Action::Create(fresh(namespace, data).into())]);
        };
        let tree = |it: &Option<BTreeMap<String, String>>| json!({"data": it, "binaryData": null});
        match write::difference(&tree(&copy.data), &tree(&Some(data))) {
            None => Plan::nothing(),
            Some(patch) => {
                Plan::of(vec![write::guarded_patch(write::key_of(copy), &copy.metadata, None, patch)])
            }
        }
    }
}

fn fresh(namespace: &Namespace, data: BTreeMap<String, String>) -> ConfigMap {
    let metadata = ObjectMeta {
        name: Some(COPY.to_owned()),
        namespace: namespace.metadata.name.clone(),
        ..ObjectMeta::default()
    };
    ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }
}

/// A copy concerns its namespace, the original concerns all.
fn map_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let Some(object) = change.latest() else { return Vec::new() };
    let (namespace, name) = (meta::namespace(object.meta()), meta::name(object.meta()));
    if (namespace, name) == SOURCE {
        return caches.all::<Namespace>().map(write::key_of).collect();
    }
    let own = caches.get::<Namespace>("", namespace).filter(|_| name == COPY);
    own.map(write::key_of).into_iter().collect()
}
