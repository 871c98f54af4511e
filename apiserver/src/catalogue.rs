//! The kinds that are served at this moment: the table's, and those that definitions add.
//!
//! Start at [`Catalogue`]. It follows the definitions as the watch cache does ([`Catalogue::observe`]), so a kind is served
//! from the moment on at which its definition is seen to be established, and its objects are in the cache by then.

use crate::cache::Caches;
use crate::cache::written::Written;
use crate::custom::conversion::Converter;
use crate::custom::definition::{Kinds, Served, kinds_of};
use crate::discovery::Discovery;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionNames,
};
use api::strategies::custom_resource_definition::is_established;
use api::{Kind, meta};
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// See the module.
pub(crate) struct Catalogue {
    /// Held only to copy or replace the pointer. The task that fills the cache writes.
    now: RwLock<Arc<Contents>>,
}

/// What is served.
pub(crate) struct Contents {
    /// By the definitions' names, which are `PLURAL.GROUP`.
    custom: BTreeMap<String, Arc<Custom>>,
    pub(crate) discovery: Discovery,
}

/// An established definition.
struct Custom {
    made_from: Origin,
    kinds: Kinds,
    /// Its objects are being removed; no more may be created.
    terminates: bool,
}

/// What of a definition decides about its kinds.
#[derive(Clone, Debug, PartialEq)]
struct Origin {
    uid: String,
    generation: Option<i64>,
    names: Option<CustomResourceDefinitionNames>,
}

impl Origin {
    fn of(definition: &CustomResourceDefinition) -> Self {
        Self {
            uid: meta::uid(&definition.metadata).to_owned(),
            generation: definition.metadata.generation,
            names: definition.status.as_ref().and_then(|it| it.accepted_names.clone()),
        }
    }
}

impl Contents {
    fn of(custom: BTreeMap<String, Arc<Custom>>) -> Self {
        let added = custom.values().flat_map(|it| it.kinds.served.iter().map(|it| it.kind));
        let discovery = Discovery::of(Kind::all().chain(added));
        Self { custom, discovery }
    }

    /// The kind with this group, version and plural.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Kind> {
        Kind::find(group, version, plural).or_else(|| {
            let custom = self.custom.get(&format!("{plural}.{group}"))?;
            custom.kinds.served.iter().map(|it| it.kind).find(|it| it.row().version == version)
        })
    }

    /// The versions of a custom kind that are served.
    pub(crate) fn versions(&self, kind: Kind) -> Vec<Kind> {
        let custom = self.custom.get(&kind.row().qualified());
        custom.iter().flat_map(|it| it.kinds.served.iter().map(|it| it.kind)).collect()
    }

    /// The custom kind that an object's `apiVersion` and `kind` name.
    pub(crate) fn named(&self, api_version: &str, kind: &str) -> Option<Kind> {
        let mut served = self.custom.values().flat_map(|it| it.kinds.served.iter().map(|it| it.kind));
        served.find(|it| it.row().api_version() == api_version && it.row().kind == kind)
    }

    /// What the definition of a custom kind says beyond its row.
    pub(crate) fn served(&self, kind: Kind) -> Option<&Served> {
        let custom = self.custom.get(&kind.row().qualified())?;
        custom.kinds.served.iter().find(|it| it.kind == kind)
    }

    /// The kind in which the objects of a definition are stored.
    pub(crate) fn stored(&self, definition: &str) -> Option<Kind> {
        self.custom.get(definition).map(|it| it.kinds.stored)
    }

    /// Who converts between the versions of a custom kind.
    pub(crate) fn converter(&self, kind: Kind) -> Option<Arc<Converter>> {
        self.custom.get(&kind.row().qualified())?.kinds.converter.clone()
    }

    /// Whether the definition of a kind is being deleted.
    pub(crate) fn terminates(&self, kind: Kind) -> bool {
        self.custom.get(&kind.row().qualified()).is_some_and(|it| it.terminates)
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { now: RwLock::new(Arc::new(Contents::of(BTreeMap::new()))) }
    }
}

impl Catalogue {
    /// What is served now.
    pub(crate) fn now(&self) -> Arc<Contents> {
        self.now.read().expect("nobody panics while holding this lock").clone()
    }

    /// The kind with this group, version and plural.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Kind> {
        Kind::find(group, version, plural).or_else(|| self.now().find(group, version, plural))
    }

    /// What to tell users of a version that is deprecated.
    pub(crate) fn deprecation(&self, kind: Kind) -> Option<String> {
        let own = kind.row().strategy.deprecation();
        if !own.is_empty() {
            return Some(own.to_owned());
        }
        // Built-in kinds have no entry, and no look-up.
        if kind.row().group.is_empty() || Kind::all().any(|it| it == kind) {
            return None;
        }
        self.now().served(kind)?.deprecation.clone()
    }

    /// Takes in a definition as it is at a revision, or that it is gone.
    pub(crate) fn observe(
        &self,
        caches: &Caches,
        name: &str,
        definition: Option<&CustomResourceDefinition>,
        revision: u64,
    ) {
        let contents = self.now();
        let present = contents.custom.get(name);
        let Some(definition) = definition.filter(|it| is_established(it)) else {
            if let Some(present) = present {
                caches.close(present.kinds.stored);
                self.replace(&contents, name, None);
            }
            return;
        };
        let (made_from, terminates) =
            (Origin::of(definition), definition.metadata.deletion_timestamp.is_some());
        let kinds = match present {
            Some(present) if present.made_from == made_from => {
                if present.terminates == terminates {
                    return;
                }
                present.kinds.clone()
            }
            _ => match open(caches, definition, revision) {
                Some(kinds) => kinds,
                None => return,
            },
        };
        self.replace(&contents, name, Some(Arc::new(Custom { made_from, kinds, terminates })));
    }

    fn replace(&self, contents: &Contents, name: &str, custom: Option<Arc<Custom>>) {
        let mut all = contents.custom.clone();
        match custom {
            Some(custom) => drop(all.insert(name.to_owned(), custom)),
            None => drop(all.remove(name)),
        }
        *self.now.write().expect("nobody panics while holding this lock") = Arc::new(Contents::of(all));
    }
}

/// Compiles a definition and brings its objects into the cache.
fn open(caches: &Caches, definition: &CustomResourceDefinition, revision: u64) -> Option<Kinds> {
    let name = meta::name(&definition.metadata);
    let kinds = match kinds_of(definition) {
        Ok(kinds) => kinds,
        Err(error) => {
            tracing::error!(name, %error, "a stored definition does not compile; its kind is not served");
            return None;
        }
    };
    match caches.open(Written::of(kinds.stored, &kinds.all), revision) {
        Ok(()) => Some(kinds),
        Err(error) => {
            tracing::error!(name, %error, "failed to read the objects of a custom kind; it is not served");
            None
        }
    }
}
