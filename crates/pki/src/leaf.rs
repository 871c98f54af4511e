//! The shape of a certificate that is not an authority's.
//!
//! rcgen keeps one value per attribute type in a subject, but Kubernetes needs one organization per group. So the subject
//! is encoded here: rcgen builds the certificate, and [`Leaf::sign`] puts the real subject and public key in their places
//! and signs the result. A request's subject and key thereby also stay exactly as they were sent.

use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, SerialNumber, SigningKey};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use yasna::{DERWriter, models::ObjectIdentifier};

use crate::{Error, Validity, random_bytes};

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];

/// Places in RFC 5280's TBSCertificate, counting the version.
const SUBJECT_FIELD: usize = 5;
const PUBLIC_KEY_FIELD: usize = 6;

/// A certificate about to be signed.
pub(crate) struct Leaf {
    /// DER of the subject's name.
    pub(crate) subject: Vec<u8>,
    /// DER of the SubjectPublicKeyInfo.
    pub(crate) public_key: Vec<u8>,
    /// Names and usages; everything else is set here.
    pub(crate) params: CertificateParams,
    pub(crate) validity: Validity,
}

impl Leaf {
    /// The signed certificate as PEM.
    pub(crate) fn sign(mut self, issuer: &Issuer<'_, KeyPair>) -> Result<String, Error> {
        self.validity.apply_to(&mut self.params);
        self.params.is_ca = IsCa::NoCa;
        self.params.serial_number = Some(serial());
        self.params.use_authority_key_identifier_extension = true;
        let draft = self.params.signed_by(issuer.key(), issuer).map_err(Error::Issue)?;
        let der = resigned(draft.der(), issuer.key(), |fields| {
            fields[SUBJECT_FIELD] = self.subject;
            fields[PUBLIC_KEY_FIELD] = self.public_key;
        })?;
        Ok(pem_of("CERTIFICATE", &der))
    }
}

/// A certificate with some fields of its signed part changed and signed again by `key`.
fn resigned(
    certificate: &[u8],
    key: &KeyPair,
    change: impl FnOnce(&mut [Vec<u8>]),
) -> Result<Vec<u8>, Error> {
    let [signed_part, algorithm, _signature] =
        sequence_of(certificate).try_into().expect("a certificate has three parts");
    let mut fields = sequence_of(&signed_part);
    change(&mut fields);
    let signed_part = sequence(&fields);
    let signature = key.sign(&signed_part).map_err(Error::Issue)?;
    let signature = yasna::construct_der(|writer| writer.write_bitvec_bytes(&signature, signature.len() * 8));
    Ok(sequence(&[signed_part, algorithm, signature]))
}

/// The elements of a DER sequence that rcgen has just written.
fn sequence_of(der: &[u8]) -> Vec<Vec<u8>> {
    yasna::parse_der(der, |reader| reader.collect_sequence_of(|reader| reader.read_der()))
        .expect("rcgen writes DER")
}

fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer
            .write_sequence_of(|writer| elements.iter().for_each(|element| writer.next().write_der(element)));
    })
}

/// DER of a name with a common name and any number of organizations.
pub(crate) fn subject(common_name: &str, organizations: &[&str]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence_of(|writer| {
            organizations.iter().for_each(|name| write_attribute(writer.next(), ORGANIZATION, name));
            write_attribute(writer.next(), COMMON_NAME, common_name);
        });
    })
}

fn write_attribute(writer: DERWriter<'_>, oid: &[u64], value: &str) {
    writer.write_set_of(|writer| {
        writer.next().write_sequence(|writer| {
            writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
            writer.next().write_utf8_string(value);
        });
    });
}

/// A serial number that no other certificate of this authority has; positive, as RFC 5280 asks.
pub(crate) fn serial() -> SerialNumber {
    let mut bytes = random_bytes::<16>();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// The first certificate in a PEM text.
pub(crate) fn der_of(cert_pem: &str) -> Result<CertificateDer<'static>, Error> {
    CertificateDer::from_pem_slice(cert_pem.as_bytes()).map_err(Error::Pem)
}

fn pem_of(label: &str, der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    let lines: Vec<_> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request with another subject, signed by `key`; rcgen cannot write names with several organizations.
    pub(crate) fn request_with_subject(request: &[u8], subject: Vec<u8>, key: &KeyPair) -> String {
        let der = resigned(request, key, |fields| fields[1] = subject).unwrap();
        pem_of("CERTIFICATE REQUEST", &der)
    }

    #[test]
    fn serial_numbers_are_positive_and_differ() {
        let (one, two) = (serial(), serial());
        assert_ne!(one.as_ref(), two.as_ref());
        assert!(one.as_ref()[0] < 0x80 && one.len() == 16);
    }

    #[test]
    fn pem_lines_are_at_most_64_long() {
        let text = pem_of("CERTIFICATE", &[7; 100]);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(der_of(&text).unwrap().as_ref(), [7; 100]);
    }
}
