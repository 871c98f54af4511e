//! Reading who a client is from the certificate that rustls has verified. Verifying is not done here.

use jiff::Timestamp;
use rustls_pki_types::pem::{PemObject, SectionKind};
use sha2::{Digest, Sha256};
use x509_parser::{certificate::X509Certificate, prelude::FromDer, x509::X509Name};

use crate::Error;

/// A client, as its certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The common name.
    pub user: String,
    /// The organizations, in their order.
    pub groups: Vec<String>,
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// When the certificate stops being valid; a connection must not outlive it.
    pub not_after: Timestamp,
}

/// Who the holder of this certificate (DER) is. A certificate without a common name is nobody's.
pub fn identity_of(cert_der: &[u8]) -> Result<Peer, Error> {
    let certificate = parse(cert_der)?;
    let (user, groups) = names_of(certificate.subject());
    let user = user.ok_or(Error::NoCommonName)?;
    let fingerprint = Sha256::digest(cert_der).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Peer { user, groups, fingerprint, not_after: timestamp_of(certificate.validity().not_after) })
}

/// Refuses what is not one certificate or more, as PEM and nothing else.
pub fn check_chain(pem: &[u8]) -> Result<(), Error> {
    let mut found = 0;
    for block in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, der) = block.map_err(Error::Pem)?;
        if kind != SectionKind::Certificate {
            return Err(undecodable("only CERTIFICATE blocks may be there"));
        }
        parse(&der)?;
        found += 1;
    }
    if found == 0 { Err(undecodable("it holds no PEM block")) } else { Ok(()) }
}

fn undecodable(reason: &str) -> Error {
    Error::Decode { what: "certificate", reason: reason.to_owned() }
}

/// Common name and organizations of a name. As Go's clients and servers do, the last common name counts.
pub(crate) fn names_of(name: &X509Name<'_>) -> (Option<String>, Vec<String>) {
    let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        attribute.as_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    (name.iter_common_name().filter_map(text).last(), name.iter_organization().filter_map(text).collect())
}

/// From when to when a certificate is valid.
pub(crate) fn validity_of(cert_der: &[u8]) -> Result<(Timestamp, Timestamp), Error> {
    let certificate = parse(cert_der)?;
    let validity = certificate.validity();
    Ok((timestamp_of(validity.not_before), timestamp_of(validity.not_after)))
}

/// Whether a server may prove itself with the certificate: one that does not say what it is for may be used for anything.
pub(crate) fn may_serve(cert_der: &[u8]) -> Result<bool, Error> {
    let certificate = parse(cert_der)?;
    let purposes = certificate.extended_key_usage().map_err(|it| undecodable(&it.to_string()))?;
    Ok(purposes.is_none_or(|it| it.value.any || it.value.server_auth))
}

/// DER of the certificate's SubjectPublicKeyInfo.
pub(crate) fn public_key_of(cert_der: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(parse(cert_der)?.public_key().raw.to_vec())
}

fn parse(cert_der: &[u8]) -> Result<X509Certificate<'_>, Error> {
    X509Certificate::from_der(cert_der)
        .map(|(_rest, certificate)| certificate)
        .map_err(|error| Error::Decode { what: "certificate", reason: error.to_string() })
}

fn timestamp_of(time: x509_parser::time::ASN1Time) -> Timestamp {
    // A date beyond the calendar's end is as good as never.
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}
