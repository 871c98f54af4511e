//! What several controllers share: claiming by labels, pods from templates, guarded patches, events.
//!
//! Start at [`claims`]. Everything here is pure; what only one controller needs stays in its own file.

pub(crate) mod claims;
pub(crate) mod every;
pub(crate) mod pods;
pub(crate) mod rounding;
pub(crate) mod text;
pub(crate) mod write;
