//! A claim that names no storage class, and an ingress that names no ingress class, get the default one.

use super::{Attempt, Plugin, View};
use api::k8s::api::core::v1::PersistentVolumeClaim;
use api::k8s::api::networking::v1::{Ingress, IngressClass};
use api::k8s::api::storage::v1::StorageClass;
use api::{ApiError, Resource, meta};

const DEFAULT_STORAGE: &str = "storageclass.kubernetes.io/is-default-class";
const DEFAULT_INGRESS: &str = "ingressclass.kubernetes.io/is-default-class";
/// The classes as they were named before there were fields for them.
const OLD_STORAGE: &str = "volume.beta.kubernetes.io/storage-class";
const OLD_INGRESS: &str = "kubernetes.io/ingress.class";

/// See the module.
pub(super) struct DefaultStorageClass;

impl Plugin for DefaultStorageClass {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(claim) = attempt.created::<PersistentVolumeClaim>() else { return Ok(()) };
        let spec = claim.spec.get_or_insert_default();
        if spec.storage_class_name.is_none() && meta::annotation(&claim.metadata, OLD_STORAGE).is_none() {
            spec.storage_class_name = default_of::<StorageClass>(view, DEFAULT_STORAGE)?;
        }
        Ok(())
    }
}

/// See the module.
pub(super) struct DefaultIngressClass;

impl Plugin for DefaultIngressClass {
    fn mutate(&self, attempt: &mut Attempt<'_>, view: &View<'_>) -> Result<(), ApiError> {
        let Some(ingress) = attempt.created::<Ingress>() else { return Ok(()) };
        let spec = ingress.spec.get_or_insert_default();
        if spec.ingress_class_name.is_none() && meta::annotation(&ingress.metadata, OLD_INGRESS).is_none() {
            spec.ingress_class_name = default_of::<IngressClass>(view, DEFAULT_INGRESS)?;
        }
        Ok(())
    }
}

/// The name of the default class. Of several defaults the newest, and of those the first by name, as upstream.
fn default_of<K: Resource>(view: &View<'_>, annotation: &str) -> Result<Option<String>, ApiError> {
    let classes = view.all::<K>()?;
    let metas = classes.iter().map(|it| it.meta());
    let defaults = metas.filter(|it| meta::annotation(it, annotation) == Some("true"));
    let age = |it: &&api::ObjectMeta| it.creation_timestamp.as_ref().map(|it| it.0);
    let chosen = defaults.max_by(|a, b| age(a).cmp(&age(b)).then_with(|| b.name.cmp(&a.name)));
    Ok(chosen.map(|it| meta::name(it).to_owned()))
}
