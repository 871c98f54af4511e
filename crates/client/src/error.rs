//! Why a call failed.

use api::ApiError;

/// Why a call failed. An error is never taken for an absence: [`Error::is_not_found`] names the one that is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused, and says why.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// The server could not be reached, or the connection broke.
    #[error("failed to reach the API server")]
    Transport(#[source] crate::transport::BoxError),
    /// The answer is not what the protocol says.
    #[error("failed to decode the answer to {what}")]
    Decode {
        /// What was being read.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// The refusal, when the server answered.
    pub fn refusal(&self) -> Option<&ApiError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// The object isn't there.
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(ApiError::is_not_found)
    }

    /// Somebody else changed the object.
    pub fn is_conflict(&self) -> bool {
        self.refusal().is_some_and(ApiError::is_conflict)
    }

    /// The name is taken.
    pub fn is_already_exists(&self) -> bool {
        self.refusal().is_some_and(ApiError::is_already_exists)
    }

    /// The revision has left the window: list again.
    pub fn is_expired(&self) -> bool {
        self.refusal().is_some_and(ApiError::is_expired)
    }
}
