//! The versions of a kind, for managers that wrote another one than the write at hand: what they own is compared with
//! the object as it is in their version.
//!
//! Start at [`Versions`]. Converting may take somebody else, so it is asked for rather than done: whoever calls converts
//! what [`Unconverted`] names and calls again. Every [`Schema`] stands for a kind of which only one version is known.

use serde_json::Value;

use crate::Write;
use crate::error::Unfit;
use crate::managers::Managers;
use crate::schema::Schema;
use crate::set::Set;
use crate::update::Change;

/// An object is needed in another version.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the object is needed in version {version}")]
pub struct Unconverted {
    /// The object; it says its own version.
    pub object: Box<Value>,
    /// The version in which it is needed, such as `x.io/v2`.
    pub version: String,
}

/// What is known of a kind's versions.
pub trait Versions {
    /// A place in one of them.
    type Schema: Schema;

    /// The version that is written.
    fn own(&self) -> Self::Schema;

    /// Another version; none if nothing is known of it, and then it counts as the one that is written.
    fn other(&self, version: &str) -> Option<Self::Schema>;

    /// The object in a version.
    fn convert(&self, object: &Value, version: &str) -> Result<Value, Unconverted>;
}

impl<S: Schema> Versions for S {
    type Schema = S;

    fn own(&self) -> S {
        *self
    }

    fn other(&self, _version: &str) -> Option<S> {
        None
    }

    fn convert(&self, object: &Value, _version: &str) -> Result<Value, Unconverted> {
        Ok(object.clone())
    }
}

/// An object in one of the other versions.
pub(crate) struct Shown<S> {
    pub(crate) version: String,
    pub(crate) schema: S,
    pub(crate) object: Value,
}

/// An object in the versions that managers speak of, apart from the one that is written.
pub(crate) fn shown<V: Versions>(
    object: &Value,
    managers: &Managers<'_>,
    versions: &V,
    own: &str,
) -> Result<Vec<Shown<V::Schema>>, Unconverted> {
    let mut names: Vec<&str> = managers.0.iter().map(|it| &*it.api_version).filter(|it| *it != own).collect();
    names.sort_unstable();
    names.dedup();
    let known = names.into_iter().filter_map(|it| versions.other(it).map(|schema| (it, schema)));
    let each = known.map(|(version, schema)| {
        let object = versions.convert(object, version)?;
        Ok(Shown { version: version.to_owned(), schema, object })
    });
    each.collect()
}

/// What a write did, as each version sees it.
pub(crate) struct Changes<'a> {
    pub(crate) own: Change<'a>,
    others: Vec<(&'a str, Change<'a>)>,
}

impl<'a> From<Change<'a>> for Changes<'a> {
    fn from(own: Change<'a>) -> Self {
        Changes { own, others: Vec::new() }
    }
}

impl<'a> Changes<'a> {
    /// Compares the object before and after the write in the other versions, too.
    pub(crate) fn with<S: Schema>(
        own: Change<'a>,
        before: &'a [Shown<S>],
        after: &'a [Shown<S>],
        write: &Write<'_>,
    ) -> Result<Self, Unfit> {
        let pairs = before.iter().zip(after);
        let others = pairs.map(|(before, after)| {
            let change = Change::between(&before.object, &after.object, before.schema, write.ignored)?;
            Ok((before.version.as_str(), change))
        });
        Ok(Changes { own, others: others.collect::<Result<_, _>>()? })
    }

    fn of(&self, version: &str) -> &Change<'a> {
        self.others.iter().find(|(it, _)| *it == version).map_or(&self.own, |(_, change)| change)
    }

    /// Paths that are new or have another value.
    pub(crate) fn written(&self, version: &str) -> &Set<'a> {
        &self.of(version).written
    }

    /// Those, and the paths that are gone.
    pub(crate) fn touched(&self, version: &str) -> &Set<'a> {
        &self.of(version).touched
    }
}
