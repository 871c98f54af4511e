//! Patches over JSON values: RFC 6902, RFC 7386, and Kubernetes' strategic merge patch.
//!
//! Start at [`json_patch`], [`merge_patch`] and [`strategic_merge`]; each takes a document and gives a new one. The
//! values stay untyped because a round trip through the types would add what the sender left out. Refuses to decode
//! requests, to validate results and to know HTTP: [`Error::class`] says which kind of refusal the server owes.

mod error;
mod json;
mod strategic;

pub use error::{Class, Error, go_text};
pub use json::{MAX_COPIED_BYTES, MAX_DEPTH, MAX_OPERATIONS, json_patch, merge_patch};
pub use strategic::strategic_merge;
