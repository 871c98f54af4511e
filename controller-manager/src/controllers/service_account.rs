//! Gives each namespace its service account `default`.

use crate::common::write;
use api::{Key, ObjectMeta, meta};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};

/// The controller of default service accounts. Its keys are namespaces.
pub(crate) enum ServiceAccountController {}

const DEFAULT: &str = "default";

impl Controller for ServiceAccountController {
    type Observed<'a> = &'a Namespace;
    const NAME: &'static str = "serviceaccount-controller";
    const WATCHES: &'static [Watch] =
        &[Watch::of::<Namespace>(), Watch::mapped::<ServiceAccount>(account_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a Namespace> {
        let namespace = caches.at::<Namespace>(key).filter(|it| is_active(it))?;
        caches.get::<ServiceAccount>(&key.name, DEFAULT).is_none().then_some(namespace)
    }

    fn reconcile(namespace: &Namespace, _now: Timestamp) -> Plan {
        let metadata = ObjectMeta {
            name: Some(DEFAULT.to_owned()),
            namespace: namespace.metadata.name.clone(),
            ..ObjectMeta::default()
        };
        Plan::of(vec![Action::Create(ServiceAccount { metadata, ..ServiceAccount::default() }.into())])
    }
}

/// Whether a namespace takes new objects.
pub(super) fn is_active(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_none()
}

fn account_wakes(change: &Change, caches: &Snapshot) -> Vec<Key> {
    let gone = change.latest().filter(|_| change.new.is_none());
    let default = gone.filter(|it| meta::name(it.meta()) == DEFAULT);
    let namespace = default.and_then(|it| caches.get::<Namespace>("", meta::namespace(it.meta())));
    namespace.map(write::key_of).into_iter().collect()
}
