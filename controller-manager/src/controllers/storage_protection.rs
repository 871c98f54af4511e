//! Lets deleted claims and volumes go when nobody uses them any more.
//!
//! Admission gives each of them a finalizer when it is made; one that lost it gets it back, as long as it is not on its way
//! out. A claim is in use while a pod that has a node mounts it, a volume while it is bound.
//!
//! Upstream: "Persistent Volumes", section "Storage Object in Use Protection".

use api::{Key, Object, Resource, meta, pod};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use runtime::{Action, Change, Controller, Plan, Snapshot, Watch};

const CLAIM: &str = "kubernetes.io/pvc-protection";
const VOLUME: &str = "kubernetes.io/pv-protection";

/// The controller of claims' finalizers.
pub(crate) enum ClaimProtection {}

impl Controller for ClaimProtection {
    type Observed<'a> = (&'a PersistentVolumeClaim, bool);
    const NAME: &'static str = "persistentvolumeclaim-protection-controller";
    const WATCHES: &'static [Watch] =
        &[Watch::of::<PersistentVolumeClaim>(), Watch::mapped::<Pod>(pod_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Self::Observed<'a>> {
        let claim = caches.at::<PersistentVolumeClaim>(key)?;
        let uses = |it: &Pod| {
            meta::namespace(&it.metadata) == key.namespace
                && !pod::node_name(it).is_empty()
                && claims_of(it).contains(&key.name)
        };
        Some((claim, caches.all::<Pod>().any(uses)))
    }

    fn reconcile((claim, used): Self::Observed<'_>, _now: Timestamp) -> Plan {
        guard(claim, CLAIM, used)
    }
}

/// The controller of volumes' finalizers.
pub(crate) enum VolumeProtection {}

impl Controller for VolumeProtection {
    type Observed<'a> = &'a PersistentVolume;
    const NAME: &'static str = "persistentvolume-protection-controller";
    const WATCHES: &'static [Watch] = &[Watch::of::<PersistentVolume>()];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<&'a PersistentVolume> {
        caches.at(key)
    }

    fn reconcile(volume: &PersistentVolume, _now: Timestamp) -> Plan {
        let phase = volume.status.as_ref().and_then(|it| it.phase.as_deref());
        guard(volume, VOLUME, phase == Some("Bound"))
    }
}

/// Adds the finalizer to what lives and lacks it, takes it from what shall go and is not used.
fn guard<K: Resource + Into<Object>>(object: &K, finalizer: &str, used: bool) -> Plan {
    let (leaves, has) =
        (object.meta().deletion_timestamp.is_some(), meta::has_finalizer(object.meta(), finalizer));
    let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
    match (leaves, has) {
        (false, false) => finalizers.push(finalizer.to_owned()),
        (true, true) if !used => finalizers.retain(|it| it != finalizer),
        _ => return Plan::nothing(),
    }
    let mut changed = object.clone();
    changed.meta_mut().finalizers = Some(finalizers);
    Plan::of(vec![Action::Update { object: changed.into(), below: None }])
}

/// The names of the claims that a pod mounts, those that are made for it included.
fn claims_of(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|it| it.volumes.iter().flatten());
    volumes
        .filter_map(|it| match (&it.persistent_volume_claim, &it.ephemeral) {
            (Some(claim), _) => Some(claim.claim_name.clone()),
            (None, Some(_)) => Some(format!("{}-{}", meta::name(&pod.metadata), it.name)),
            (None, None) => None,
        })
        .collect()
}

/// A pod concerns the claims that it mounts.
fn pod_wakes(change: &Change, _caches: &Snapshot) -> Vec<Key> {
    let Some(pod) = change.latest().and_then(|it| it.get::<Pod>()) else { return Vec::new() };
    let key = |name: String| Key::of::<PersistentVolumeClaim>(meta::namespace(&pod.metadata), &name);
    claims_of(pod).into_iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_finalizer_stays_as_long_as_the_claim_is_used() {
        let check = |deleted: bool, finalizers: Value, used: bool, expect: Option<&[&str]>| {
            let deleted = deleted.then_some("2030-01-01T00:00:00Z");
            let meta = json!({ "name": "a", "deletionTimestamp": deleted, "finalizers": finalizers });
            let claim: PersistentVolumeClaim = serde_json::from_value(json!({ "metadata": meta })).unwrap();
            let plan = ClaimProtection::reconcile((&claim, used), Timestamp::UNIX_EPOCH);
            let written = plan.actions.first().map(|it| match it {
                Action::Update { object, .. } => object.meta().finalizers.clone().unwrap_or_default(),
                other => panic!("{other}"),
            });
            let expect = expect.map(|it| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
            assert_eq!(written, expect);
        };
        check(false, json!([]), false, Some(&[CLAIM]));
        check(false, json!([CLAIM]), false, None);
        check(true, json!([CLAIM]), true, None);
        check(true, json!(["x", CLAIM]), false, Some(&["x"]));
        check(true, json!(["x"]), false, None);
    }

    #[test]
    fn a_pod_mounts_claims_by_name_and_its_own() {
        let volumes = json!([
            { "name": "a", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "b", "ephemeral": {} },
            { "name": "c", "emptyDir": {} },
        ]);
        let pod = json!({ "metadata": { "name": "web" }, "spec": { "containers": [], "volumes": volumes } });
        assert_eq!(claims_of(&serde_json::from_value(pod).unwrap()), ["data", "web-b"]);
    }
}
