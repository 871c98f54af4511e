//! Talking to the API server: requests without I/O, decoding of answers, kubeconfig, and the transports.
//!
//! Start at [`Client`]. It turns typed calls into [`http::Request`]s ([`request`]), sends them through a
//! [`Transport`] and decodes the answers ([`decode`]). There are two transports: HTTPS ([`https`]), and the one that
//! the API server lends to daemons of the same process. Both go through the same router and rights.
//!
//! Nothing here retries or caches; the runtime does.
#![warn(missing_docs)]

mod client;
pub mod decode;
pub mod error;
pub mod exec;
pub mod frames;
pub mod https;
pub mod kubeconfig;
pub mod request;
pub mod transport;

pub use client::{Client, List};
pub use error::Error;
pub use request::{ListParams, PatchType, WatchParams};
pub use transport::{Body, Transport};
