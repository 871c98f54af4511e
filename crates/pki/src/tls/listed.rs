//! Servers whose own certificate is among the authorities that their client was given.
//!
//! `openssl req -x509` makes such a certificate: self-signed, and marked as an authority's. webpki refuses authorities as
//! servers; Go's clients, whose caBundles people bring along, take a certificate that is itself a root as a chain of one.
//! Start at [`ListedVerifier`]. Everything but that one case is left to rustls' own verifier.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::peer;

/// See the module.
#[derive(Debug)]
pub(super) struct ListedVerifier {
    listed: Vec<CertificateDer<'static>>,
    inner: Arc<WebPkiServerVerifier>,
}

impl ListedVerifier {
    /// Trusts `listed` as authorities, and each of them as a server.
    pub(super) fn of(listed: Vec<CertificateDer<'static>>) -> Result<Self, crate::Error> {
        let mut roots = RootCertStore::empty();
        for certificate in &listed {
            roots.add(certificate.clone()).map_err(crate::Error::Tls)?;
        }
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), super::provider()).build();
        Ok(Self { listed, inner: inner.map_err(crate::Error::ServerCheck)? })
    }
}

impl ServerCertVerifier for ListedVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.listed.contains(leaf) {
            return self.inner.verify_server_cert(leaf, intermediates, name, ocsp, now);
        }
        check_use(leaf, now)?;
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What rustls' verifier would have looked at besides names and signatures: when the certificate holds, and what for.
fn check_use(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let unreadable = |_| Error::from(CertificateError::BadEncoding);
    let (from, to) = peer::validity_of(leaf).map_err(unreadable)?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds < from.as_second() {
        return Err(CertificateError::NotValidYet.into());
    }
    if seconds > to.as_second() {
        return Err(CertificateError::Expired.into());
    }
    let serves = peer::may_serve(leaf).map_err(unreadable)?;
    if serves { Ok(()) } else { Err(CertificateError::InvalidPurpose.into()) }
}
