//! What can go wrong with keys, certificates and their files. Tokens have their own: [`crate::tokens::Error`].

use std::{io, path::PathBuf};

/// A step that failed, with what it was done to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate is there but its key is not: making a new key would orphan every certificate already issued.
    #[error("{certificate} is there but {key} is missing; restore the key, or remove both to start anew")]
    KeyMissing {
        /// The certificate that was found.
        certificate: PathBuf,
        /// The key that was not.
        key: PathBuf,
    },
    /// Certificate and key do not belong together.
    #[error("the certificate was made for another key")]
    KeyMismatch,
    /// A key could not be made, read, or used.
    #[error("failed to use the private key")]
    Key(#[source] rcgen::Error),
    /// A certificate could not be made.
    #[error("failed to make the certificate")]
    Issue(#[source] rcgen::Error),
    /// A name cannot be written into a certificate.
    #[error("{0:?} cannot stand in a certificate")]
    Name(String),
    /// Text that should hold PEM blocks does not.
    #[error("failed to read PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// Bytes that should be a certificate or a request are not.
    #[error("failed to decode the {what}: {reason}")]
    Decode {
        /// A certificate or a certificate signing request.
        what: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A signing request was not signed by the key it names.
    #[error("the certificate signing request's signature is invalid")]
    RequestSignature,
    /// A usage that is unknown or cannot be granted.
    #[error("certificate usage {0:?} is not supported")]
    Usage(String),
    /// A client certificate names nobody.
    #[error("the certificate has no common name")]
    NoCommonName,
    /// rustls refused certificates or keys.
    #[error("failed to set TLS up")]
    Tls(#[source] rustls::Error),
    /// rustls refused the authority that clients are checked against.
    #[error("failed to set the check of client certificates up")]
    ClientCheck(#[source] rustls::server::VerifierBuilderError),
    /// Servers' certificates could not be checked against the authorities.
    #[error("failed to set up the check of servers' certificates")]
    ServerCheck(#[source] rustls::client::VerifierBuilderError),
    /// The system trusts no authority, or does not say which.
    #[error(
        "this system has no list of authorities that it trusts ({0}); install its package ca-certificates"
    )]
    NoRoots(String),
}
