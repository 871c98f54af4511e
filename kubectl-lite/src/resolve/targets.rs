//! Arguments that name objects: `TYPE NAME...`, `TYPE/NAME...`, `TYPE[,TYPE]`, and files.

use super::{Resource, resources_of};
use crate::args::{Files, Selecting};
use crate::manifest;
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};

/// An object, or every object of a kind that a selector lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The kind.
    pub(crate) resource: Resource,
    /// Empty for cluster-scoped kinds, and for all namespaces.
    pub(crate) namespace: String,
    /// The object; none means that a selector chooses.
    pub(crate) name: Option<String>,
}

/// What the arguments and files name, in their order.
pub(crate) async fn targets(
    session: &Session,
    words: &[String],
    files: &Files,
    selecting: &Selecting,
) -> Result<Vec<Target>> {
    if !files.filename.is_empty() {
        return of_files(session, files).await;
    }
    let namespace = if selecting.all_namespaces { "" } else { &session.namespace };
    let mut found = Vec::new();
    for (types, names) in pairs(words)? {
        for resource in resources_of(session, &types).await? {
            let namespace = if resource.namespaced { namespace } else { "" };
            let target = |name| Target { resource: resource.clone(), namespace: namespace.to_owned(), name };
            if names.is_empty() {
                found.push(target(None));
            }
            found.extend(names.iter().map(|name| target(Some(name.clone()))));
        }
    }
    if selecting.all_namespaces && found.iter().any(|it| it.name.is_some() && it.resource.namespaced) {
        bail!("a resource cannot be retrieved by name across all namespaces");
    }
    let selects = selecting.selector.is_some() || selecting.field_selector.is_some();
    if selects && found.iter().any(|it| it.name.is_some()) {
        bail!("name cannot be provided when a selector is specified");
    }
    Ok(found)
}

/// The types with the names of each.
fn pairs(words: &[String]) -> Result<Vec<(String, Vec<String>)>> {
    if words.iter().any(|it| it.contains('/')) {
        return words.iter().map(|it| pair(it)).collect();
    }
    Ok(words.split_first().map(|(types, names)| (types.clone(), names.to_vec())).into_iter().collect())
}

fn pair(word: &str) -> Result<(String, Vec<String>)> {
    match word.split('/').collect::<Vec<_>>().as_slice() {
        [_] => bail!(
            "there is no need to specify a resource type as a separate argument when passing arguments in \
             resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource \
             resource/<resource_name>'"
        ),
        [kind, name] if !kind.is_empty() && !name.is_empty() => {
            Ok(((*kind).to_owned(), vec![(*name).to_owned()]))
        }
        [_, _] => bail!("arguments in resource/name form must have a single resource and name"),
        _ => bail!("arguments in resource/name form may not have more than one slash"),
    }
}

async fn of_files(session: &Session, files: &Files) -> Result<Vec<Target>> {
    let mut found = Vec::new();
    for document in manifest::load(files)? {
        let object = document.resolve(session).await?;
        found.push(Target {
            resource: object.resource,
            namespace: object.namespace,
            name: Some(object.name),
        });
    }
    Ok(found)
}

/// Every single object that the targets mean: names as they are, the others listed.
pub(crate) async fn selected(
    session: &Session,
    all: Vec<Target>,
    selecting: &Selecting,
) -> Result<Vec<Target>> {
    let mut found = Vec::new();
    for target in all {
        if target.name.is_some() {
            found.push(target);
            continue;
        }
        let wanted = Wanted {
            labels: selecting.selector.as_deref(),
            fields: selecting.field_selector.as_deref(),
            ..Wanted::all(&target.resource, &target.namespace)
        };
        let list = session.list(&wanted).await?;
        for item in list["items"].as_array().into_iter().flatten() {
            found.push(Target {
                resource: target.resource.clone(),
                namespace: item["metadata"]["namespace"].as_str().unwrap_or_default().to_owned(),
                name: item["metadata"]["name"].as_str().map(str::to_owned),
            });
        }
    }
    Ok(found)
}

impl Target {
    /// The object's name; empty for a whole kind.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// `deployment.apps/web`.
    pub(crate) fn label(&self) -> String {
        self.resource.named(self.name())
    }

    /// The path of the object.
    pub(crate) fn path(&self) -> String {
        self.resource.object(&self.namespace, self.name())
    }

    /// The path of what hangs below the object.
    pub(crate) fn below(&self, subresource: &str) -> String {
        self.resource.below(&self.namespace, self.name(), subresource)
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn arguments_pair_up() {
        let check = |words: &[&str], expect: &[(&str, &[&str])]| {
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            let found = pairs(&words).unwrap();
            let found: Vec<(&str, Vec<&str>)> = found
                .iter()
                .map(|(kind, names)| (kind.as_str(), names.iter().map(String::as_str).collect()))
                .collect();
            let expect: Vec<(&str, Vec<&str>)> =
                expect.iter().map(|(kind, names)| (*kind, names.to_vec())).collect();
            assert_eq!(found, expect);
        };
        check(&["pods"], &[("pods", &[])]);
        check(&["pods,svc", "a", "b"], &[("pods,svc", &["a", "b"])]);
        check(&["pod/a", "svc/b"], &[("pod", &["a"]), ("svc", &["b"])]);
    }

    #[test]
    fn forms_are_not_mixed() {
        for words in [["pods", "pod/a"], ["pod/", "pod/a"], ["a/b/c", "pod/a"]] {
            assert!(pairs(&words.map(str::to_owned)).is_err(), "{words:?}");
        }
    }
}
