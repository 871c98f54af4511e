//! Why a value does not fit its type, and why an apply was refused. Messages are upstream's: clients' users know them.

use std::fmt::{Display, Formatter, Result};

use crate::conflict::Conflicts;
use crate::fields_v1::Malformed;

/// A place that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, as [`path_text`](crate::path_text) writes it.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// All places of a value that do not fit its type; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub Vec<Flaw>);

impl Unfit {
    /// Something is wrong here.
    pub(crate) fn here(message: impl Into<String>) -> Self {
        Unfit(vec![Flaw { path: String::new(), message: message.into() }])
    }

    /// An item that cannot be told apart from the others.
    pub(crate) fn item((at, reason): (usize, String)) -> Self {
        Unfit::here(format!("element {at}: {reason}"))
    }

    /// What is wrong below a step, seen from above it.
    pub(crate) fn below(mut self, step: &impl Display) -> Self {
        let step = step.to_string();
        self.0.iter_mut().for_each(|flaw| flaw.path.insert_str(0, &step));
        self
    }
}

impl Display for Flaw {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)
    }
}

impl Display for Unfit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(formatter);
        }
        formatter.write_str("errors:")?;
        self.0.iter().try_for_each(|flaw| write!(formatter, "\n  {flaw}"))
    }
}

impl std::error::Error for Unfit {}

/// Why an apply was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is of another kind or version than the URL.
    #[error("invalid object type: {0}")]
    OtherType(String),
    /// The configuration says who owns what.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// Some of the managed fields speak of a version in which the object is not at hand.
    #[error(transparent)]
    Unconverted(#[from] crate::versions::Unconverted),
    /// The live object's managed fields cannot be read.
    #[error("failed to decode managed fields")]
    Decode(#[from] DecodeError),
    /// The configuration does not fit its type.
    #[error("failed to create typed patch object ({object})")]
    Configuration {
        /// Namespace, name and kind.
        object: String,
        /// What does not fit.
        #[source]
        source: Unfit,
    },
    /// The live object does not fit its type.
    #[error("failed to create typed live object ({object})")]
    Live {
        /// Namespace, name and kind.
        object: String,
        /// What does not fit.
        #[source]
        source: Unfit,
    },
    /// The configuration cannot be merged into the object.
    #[error("failed to merge config")]
    Merge(#[source] Unfit),
    /// The object and what would become of it cannot be compared.
    #[error("failed to compare objects")]
    Compare(#[source] Unfit),
    /// Others own fields that the configuration would change.
    #[error(transparent)]
    Conflict(#[from] Conflicts),
}

/// Which kind of answer an [`Error`] calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 400: the request contradicts itself.
    Malformed,
    /// 409, with the conflicts as causes.
    Conflict,
    /// 500 upstream, with the error's message and those of its sources, and without a reason.
    Unfit,
}

impl Error {
    /// Which kind of answer this calls for.
    pub fn class(&self) -> Class {
        match self {
            Error::OtherType(_) | Error::ManagedFields => Class::Malformed,
            Error::Conflict(_) => Class::Conflict,
            Error::Decode(_)
            | Error::Unconverted(_)
            | Error::Configuration { .. }
            | Error::Live { .. }
            | Error::Merge(_)
            | Error::Compare(_) => Class::Unfit,
        }
    }
}

/// What is wrong with a list of managed fields.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The list is not one of entries.
    #[error("metadata.managedFields is malformed")]
    Entries(#[source] serde_json::Error),
    /// An operation other than the two.
    #[error("operation must be `Apply` or `Update`")]
    Operation,
    /// An entry of no version.
    #[error("apiVersion must not be empty")]
    ApiVersion,
    /// An entry that does not say how its fields are written.
    #[error("missing fieldsType in managed fields entry {0}")]
    NoFieldsType(usize),
    /// An entry whose fields are written in another way.
    #[error("invalid fieldsType {found:?} in managed fields entry {entry}")]
    FieldsType {
        /// The entry's position.
        entry: usize,
        /// What it says.
        found: String,
    },
    /// An entry whose fields cannot be read.
    #[error("error decoding set")]
    Fields(#[from] Malformed),
}
