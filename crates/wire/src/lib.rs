//! Reads Kubernetes protobuf request bodies as JSON.
//!
//! Go's typed clients (most of kubectl's `create`, `auth can-i`, client-go programs) send built-in kinds as
//! `application/vnd.kubernetes.protobuf` and do not fall back to JSON. The API server therefore turns such a body into
//! JSON at its edge, and past that edge there is one form. Answers are JSON always; nothing here writes protobuf.
//!
//! Start at [`decode`]. `descriptor.rs` is the table of messages that the build derives (see `build/main.rs`),
//! `reader.rs` knows protobuf's wire format and no Kubernetes, `transcode.rs` walks the two together, and `forms.rs`
//! holds the messages that have a JSON form of their own (Quantity, IntOrString, times, raw JSON).
//!
//! It refuses to default or validate: absent stays absent, and the strategy of the kind decides what that means.

mod descriptor;
mod envelope;
mod error;
mod forms;
mod reader;
mod transcode;

pub use envelope::decode;
pub use error::{Error, Problem};

#[cfg(test)]
mod tests;

/// The media type of such a body.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
