//! What the pods on each node refer to, kept up to date by watch events of pods and claims.
//!
//! Like [`crate::Authorizer`] this is a snapshot of persistent maps: clone, apply, swap.

use super::{NodeView, Reference};
use api::k8s::api::core::v1::{
    ConfigMap, Container, PersistentVolumeClaim, Pod, PodSpec, Secret, ServiceAccount, Volume,
};
use api::{Key, Kind, Object, Resource};
use imbl::{OrdMap, OrdSet};

/// Namespace and name.
type Name = (String, String);

/// What the pods on each node refer to.
#[derive(Clone, Debug, Default)]
pub struct NodeIndex {
    /// Bound pods, each with its node and what it refers to.
    pods: OrdMap<Name, (String, OrdSet<Referred>)>,
    /// The pods of a node that refer to an object. Kept in step with `pods`.
    users: OrdMap<(String, Referred), OrdSet<Name>>,
    /// The volume that a claim is bound to.
    volumes: OrdMap<Name, String>,
    /// The claim that a volume is bound to. Kept in step with `volumes`.
    claims: OrdMap<String, Name>,
}

/// A [`Reference`] that owns its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Referred {
    Secret(Name),
    ConfigMap(Name),
    ServiceAccount(Name),
    Claim(Name),
}

impl NodeIndex {
    /// Takes in an object that was added or changed; kinds other than pods and claims are skipped.
    pub fn apply(&mut self, object: &Object) {
        let name = name_of(&object.key());
        if let Some(pod) = object.get::<Pod>() {
            self.remove_pod(&name);
            self.add_pod(name, pod);
        } else if let Some(claim) = object.get::<PersistentVolumeClaim>() {
            self.remove_claim(&name);
            let volume = claim.spec.as_ref().and_then(|it| it.volume_name.clone());
            if let Some(volume) = volume.filter(|it| !it.is_empty()) {
                self.claims.insert(volume.clone(), name.clone());
                self.volumes.insert(name, volume);
            }
        }
    }

    /// Forgets an object that was deleted.
    pub fn remove(&mut self, key: &Key) {
        if key.kind == Pod::KIND {
            self.remove_pod(&name_of(key));
        } else if key.kind == PersistentVolumeClaim::KIND {
            self.remove_claim(&name_of(key));
        }
    }

    fn add_pod(&mut self, name: Name, pod: &Pod) {
        let Some(spec) = &pod.spec else { return };
        let Some(node) = spec.node_name.clone().filter(|it| !it.is_empty()) else { return };
        let referred = references_of(&name, spec);
        for it in &referred {
            self.users.entry((node.clone(), it.clone())).or_default().insert(name.clone());
        }
        self.pods.insert(name, (node, referred));
    }

    fn remove_pod(&mut self, name: &Name) {
        let Some((node, referred)) = self.pods.remove(name) else { return };
        for it in referred {
            let key = (node.clone(), it);
            let Some(users) = self.users.get_mut(&key) else { continue };
            users.remove(name);
            if users.is_empty() {
                self.users.remove(&key);
            }
        }
    }

    fn remove_claim(&mut self, name: &Name) {
        let Some(volume) = self.volumes.remove(name) else { return };
        if self.claims.get(&volume) == Some(name) {
            self.claims.remove(&volume);
        }
    }

    fn has_user(&self, node: &str, referred: Referred) -> bool {
        self.users.contains_key(&(node.to_owned(), referred))
    }
}

impl NodeView for NodeIndex {
    fn runs_pod(&self, node: &str, namespace: &str, pod: &str) -> bool {
        self.pods.get(&owned(namespace, pod)).is_some_and(|(on, _)| on == node)
    }

    fn uses(&self, node: &str, reference: Reference<'_>) -> bool {
        let referred = match reference {
            Reference::Secret(namespace, name) => Referred::Secret(owned(namespace, name)),
            Reference::ConfigMap(namespace, name) => Referred::ConfigMap(owned(namespace, name)),
            Reference::ServiceAccount(namespace, name) => Referred::ServiceAccount(owned(namespace, name)),
            Reference::PersistentVolumeClaim(namespace, name) => Referred::Claim(owned(namespace, name)),
            Reference::PersistentVolume(name) => match self.claims.get(name) {
                Some(claim) => Referred::Claim(claim.clone()),
                None => return false,
            },
        };
        self.has_user(node, referred)
    }
}

fn name_of(key: &Key) -> Name {
    (key.namespace.clone(), key.name.clone())
}

fn owned(namespace: &str, name: &str) -> Name {
    (namespace.to_owned(), name.to_owned())
}

/// Everything that the agent must read to run the pod.
/// The kinds of objects that a pod refers to.
pub fn kinds_used(spec: &PodSpec) -> Vec<Kind> {
    let nowhere = (String::new(), String::new());
    let found = references_of(&nowhere, spec);
    found
        .iter()
        .map(|it| match it {
            Referred::Secret(_) => Secret::KIND,
            Referred::ConfigMap(_) => ConfigMap::KIND,
            Referred::ServiceAccount(_) => ServiceAccount::KIND,
            Referred::Claim(_) => PersistentVolumeClaim::KIND,
        })
        .collect()
}

fn references_of((namespace, pod): &Name, spec: &PodSpec) -> OrdSet<Referred> {
    let mut found = Collector { namespace, found: OrdSet::new() };
    found.service_account(spec.service_account_name.as_deref());
    for it in spec.image_pull_secrets.iter().flatten() {
        found.secret(Some(&it.name));
    }
    for it in spec.volumes.iter().flatten() {
        found.volume(pod, it);
    }
    for it in spec.init_containers.iter().flatten().chain(&spec.containers) {
        found.container(it);
    }
    found.found
}

struct Collector<'a> {
    namespace: &'a str,
    found: OrdSet<Referred>,
}

impl Collector<'_> {
    fn add(&mut self, name: Option<&str>, referred: fn(Name) -> Referred) {
        if let Some(name) = name.filter(|it| !it.is_empty()) {
            self.found.insert(referred(owned(self.namespace, name)));
        }
    }

    fn secret(&mut self, name: Option<&str>) {
        self.add(name, Referred::Secret);
    }

    fn config_map(&mut self, name: Option<&str>) {
        self.add(name, Referred::ConfigMap);
    }

    fn service_account(&mut self, name: Option<&str>) {
        self.add(name, Referred::ServiceAccount);
    }

    fn container(&mut self, container: &Container) {
        for it in container.env_from.iter().flatten() {
            self.secret(it.secret_ref.as_ref().map(|it| it.name.as_str()));
            self.config_map(it.config_map_ref.as_ref().map(|it| it.name.as_str()));
        }
        for it in container.env.iter().flatten().filter_map(|it| it.value_from.as_ref()) {
            self.secret(it.secret_key_ref.as_ref().map(|it| it.name.as_str()));
            self.config_map(it.config_map_key_ref.as_ref().map(|it| it.name.as_str()));
        }
    }

    fn volume(&mut self, pod: &str, volume: &Volume) {
        self.secret(volume.secret.as_ref().and_then(|it| it.secret_name.as_deref()));
        self.config_map(volume.config_map.as_ref().map(|it| it.name.as_str()));
        self.add(volume.persistent_volume_claim.as_ref().map(|it| it.claim_name.as_str()), Referred::Claim);
        if volume.ephemeral.is_some() {
            self.add(Some(&format!("{pod}-{}", volume.name)), Referred::Claim);
        }
        for source in volume.projected.iter().flat_map(|it| it.sources.iter().flatten()) {
            self.secret(source.secret.as_ref().map(|it| it.name.as_str()));
            self.config_map(source.config_map.as_ref().map(|it| it.name.as_str()));
        }
    }
}
