//! The cluster's trust: its certificate authority, the certificates it issues, service account tokens, TLS settings, keys
//! for what is kept secret at rest.
//!
//! Start at [`Authority`], which makes every certificate, and [`tokens::Signer`], which makes every token.
//! [`tls`] turns both ends' files into rustls settings, [`peer`] reads who a verified client is.
//!
//! It refuses to read a clock (each call is given its `now`), to decide who may have a certificate or a token (that is
//! the API server's and the signers' business), and to use any crypto provider but aws-lc-rs.

mod authority;
mod csr;
mod error;
pub mod files;
mod leaf;
pub mod peer;
pub mod renewal;
pub mod sealing;
pub mod tls;
pub mod tokens;

pub use authority::{Authority, Pair, San, Validity};
pub use csr::Request;
pub use error::Error;
pub use peer::check_chain;

/// Bytes that nobody can guess, for keys and secrets.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    tls::provider().secure_random.fill(&mut bytes).expect("the operating system always has entropy");
    bytes
}
