//! Which kind a word means: `po`, `deploy`, `deployments.apps`, `all`.
//!
//! Start at [`resources_of`]. The built-in table answers first, so that everyday commands cost no request; only a word
//! that it does not know asks the server for its [`Catalog`]. [`targets`] reads the arguments that name objects.

mod discovery;
mod targets;

pub(crate) use targets::{Target, selected, targets};

use crate::session::Session;
use anyhow::{Result, anyhow};
use api::resources::Row;
use api::{Kind, path};

/// A kind as the command line needs it, built in or custom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Empty for the core group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// Such as `Pod`.
    pub(crate) kind: String,
    /// Such as `pods`.
    pub(crate) plural: String,
    /// Such as `pod`.
    pub(crate) singular: String,
    /// Such as `po`.
    pub(crate) short_names: Vec<String>,
    /// Such as `all`.
    pub(crate) categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub(crate) namespaced: bool,
    /// What may be done.
    pub(crate) verbs: Vec<String>,
}

impl Resource {
    /// The kind of a row of the built-in table.
    pub(crate) fn of_row(row: &Row) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        Self {
            group: row.group.to_owned(),
            version: row.version.to_owned(),
            kind: row.kind.to_owned(),
            plural: row.plural.to_owned(),
            singular: row.singular.to_owned(),
            short_names: owned(row.short_names),
            categories: owned(row.categories),
            namespaced: row.namespaced(),
            verbs: owned(row.verbs.names()),
        }
    }

    /// The built-in kind `K`.
    pub(crate) fn of<K: api::Resource>() -> Self {
        Self::of_row(K::KIND.row())
    }

    /// `apps/v1`, or `v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `pods`.
    pub(crate) fn qualified(&self) -> String {
        qualify(&self.plural, &self.group)
    }

    /// `deployment.apps`, or `pod`: how outputs name the kind.
    pub(crate) fn label(&self) -> String {
        qualify(&self.kind.to_lowercase(), &self.group)
    }

    /// `deployment.apps/web`: how outputs name an object.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.label())
    }

    /// The path of the collection in a namespace, or of all objects when it is empty.
    pub(crate) fn collection(&self, namespace: &str) -> String {
        let namespace = if self.namespaced { namespace } else { "" };
        path::collection_of(&self.group, &self.version, &self.plural, namespace)
    }

    /// The path of an object.
    pub(crate) fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }

    /// The path of what hangs below an object.
    pub(crate) fn below(&self, namespace: &str, name: &str, subresource: &str) -> String {
        format!("{}/{subresource}", self.object(namespace, name))
    }

    /// Whether this is the kind that a plural and group name.
    pub(crate) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    /// Whether the server lets us do this.
    pub(crate) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|it| it == verb)
    }

    fn answers_to(&self, word: &Word<'_>) -> bool {
        let name = word.name;
        let named = self.plural == name
            || self.singular == name
            || self.short_names.iter().any(|it| it == name)
            || self.kind.to_lowercase() == name;
        named && word.fits(self)
    }
}

fn qualify(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// A word taken apart: `deployments.v1.apps` may be a name with a version and group, or with a longer group.
struct Word<'a> {
    name: &'a str,
    rest: Option<&'a str>,
}

impl<'a> Word<'a> {
    fn new(text: &'a str) -> Self {
        match text.split_once('.') {
            Some((name, rest)) => Self { name, rest: Some(rest) },
            None => Self { name: text, rest: None },
        }
    }

    fn fits(&self, resource: &Resource) -> bool {
        let Some(rest) = self.rest.map(|it| it.trim_end_matches('.')) else { return true };
        let versioned = rest.split_once('.').unwrap_or((rest, ""));
        rest == resource.group
            || (!resource.group.is_empty() && resource.group.starts_with(&format!("{rest}.")))
            || versioned == (resource.version.as_str(), resource.group.as_str())
    }
}

/// The kinds that a server has, or those of the built-in table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog(pub(crate) Vec<Resource>);

impl Catalog {
    /// The built-in table.
    pub(crate) fn built_in() -> Self {
        Self(Kind::all().map(|kind| Resource::of_row(kind.row())).collect())
    }

    /// What the server says that it has.
    pub(crate) async fn discover(session: &Session) -> Result<Self> {
        discovery::discover(session).await.map(Self)
    }

    /// The kind that a word means; earlier kinds win.
    pub(crate) fn find(&self, word: &str) -> Option<&Resource> {
        let lower = word.to_lowercase();
        let word = Word::new(&lower);
        let exact = |it: &&Resource| it.plural == word.name && word.fits(it);
        self.0.iter().find(exact).or_else(|| self.0.iter().find(|it| it.answers_to(&word)))
    }

    /// The kind that an object's `apiVersion` and `kind` name.
    pub(crate) fn named(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        self.0.iter().find(|it| it.kind == kind && it.api_version() == api_version)
    }

    /// The kinds of a category such as `all`.
    pub(crate) fn category(&self, name: &str) -> Vec<&Resource> {
        self.0.iter().filter(|it| it.categories.iter().any(|it| it == name)).collect()
    }

    /// The word that was probably meant.
    fn closest(&self, word: &str) -> Option<&str> {
        let words = self.0.iter().filter(|it| it.can("list")).map(|it| it.plural.as_str());
        let near = words.map(|it| (distance(word, it).min(distance(word, it.trim_end_matches('s'))), it));
        near.filter(|(distance, it)| *distance <= 2 && *distance * 3 <= it.len()).min().map(|(_, it)| it)
    }
}

/// How many letters must change to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

/// The kinds that a word such as `pods`, `pods,svc` or `all` means.
pub(crate) async fn resources_of(session: &Session, words: &str) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    for word in words.split(',').filter(|it| !it.is_empty()) {
        for resource in one_word(session, word).await? {
            if !found.contains(&resource) {
                found.push(resource);
            }
        }
    }
    Ok(found)
}

/// The one kind that a word means.
pub(crate) async fn resource_of(session: &Session, word: &str) -> Result<Resource> {
    let built_in = Catalog::built_in();
    if let Some(found) = built_in.find(word) {
        return Ok(found.clone());
    }
    let discovered = session.catalog().await?;
    discovered.find(word).cloned().ok_or_else(|| unknown(word, &built_in))
}

async fn one_word(session: &Session, word: &str) -> Result<Vec<Resource>> {
    let built_in = Catalog::built_in();
    let category = built_in.category(word);
    if category.is_empty() {
        return resource_of(session, word).await.map(|it| vec![it]);
    }
    // Only kinds that this server serves: asking for others would fail the whole command.
    Ok(category.into_iter().cloned().collect())
}

/// The kind of an object that says its `apiVersion` and `kind`.
pub(crate) async fn resource_named(
    session: &Session,
    api_version: &str,
    kind: &str,
) -> Result<Option<Resource>> {
    if let Some(found) = Kind::named(api_version, kind) {
        return Ok(Some(Resource::of_row(found.row())));
    }
    Ok(session.catalog().await?.named(api_version, kind).cloned())
}

fn unknown(word: &str, catalog: &Catalog) -> anyhow::Error {
    match catalog.closest(word) {
        Some(near) => {
            anyhow!("the server doesn't have a resource type {word:?}, did you mean {near:?}?")
        }
        None => anyhow!("the server doesn't have a resource type {word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_kinds() {
        let catalog = Catalog::built_in();
        let check = |word: &str, expect: Option<&str>| {
            assert_eq!(catalog.find(word).map(|it| it.named("x")).as_deref(), expect, "{word}");
        };
        check("po", Some("pod/x"));
        check("Pod", Some("pod/x"));
        check("deployments.apps", Some("deployment.apps/x"));
        check("deploy.v1.apps", Some("deployment.apps/x"));
        check("deployments.batch", None);
        check("roles.rbac", Some("role.rbac.authorization.k8s.io/x"));
        check("events", Some("event/x"));
        check("events.events.k8s.io", Some("event.events.k8s.io/x"));
        check("nonsense", None);
    }

    #[test]
    fn typos_are_understood() {
        let catalog = Catalog::built_in();
        let check = |word: &str, expect: Option<&str>| assert_eq!(catalog.closest(word), expect, "{word}");
        check("podz", Some("pods"));
        check("deploymnt", Some("deployments"));
        check("sevices", Some("services"));
        check("nonsense", None);
        check("xy", None);
    }
}
