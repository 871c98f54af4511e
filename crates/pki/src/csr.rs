//! Certificate signing requests (PKCS #10): what they ask for, and granting it. Whether to grant it is decided by the
//! signers of `certificates.k8s.io`, from [`Request`]'s fields.

use std::net::IpAddr;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

use crate::{Authority, Error, Validity, leaf::Leaf, peer};

/// What a certificate signing request asks for. Its signature has been checked: the asker holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The user that a client certificate would name.
    pub common_name: Option<String>,
    /// The groups that a client certificate would name.
    pub organizations: Vec<String>,
    /// DNS names asked for.
    pub dns_names: Vec<String>,
    /// Addresses asked for.
    pub addresses: Vec<IpAddr>,
    /// E-mail addresses asked for.
    pub emails: Vec<String>,
    /// URIs asked for.
    pub uris: Vec<String>,
    /// DER of the subject, kept as sent.
    subject: Vec<u8>,
    /// DER of the public key, kept as sent.
    public_key: Vec<u8>,
}

impl Request {
    /// Reads the first request in a PEM text. Extensions other than alternative names are ignored: what a certificate may
    /// be used for is said by who grants it.
    pub fn parse(csr_pem: &str) -> Result<Request, Error> {
        Request::parse_bytes(csr_pem.as_bytes())
    }

    /// The same, for PEM that comes as bytes.
    pub fn parse_bytes(csr_pem: &[u8]) -> Result<Request, Error> {
        let der = CertificateSigningRequestDer::from_pem_slice(csr_pem).map_err(Error::Pem)?;
        let (rest, csr) =
            X509CertificationRequest::from_der(&der).map_err(|error| undecodable(&error.to_string()))?;
        if !rest.is_empty() {
            return Err(undecodable("something follows it"));
        }
        csr.verify_signature().map_err(|_| Error::RequestSignature)?;
        let info = &csr.certification_request_info;
        let (common_name, organizations) = peer::names_of(&info.subject);
        let mut request = Request {
            common_name,
            organizations,
            dns_names: Vec::new(),
            addresses: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
            subject: info.subject.as_raw().to_vec(),
            public_key: info.subject_pki.raw.to_vec(),
        };
        for extension in csr.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                names.general_names.iter().try_for_each(|name| request.add(name))?;
            }
        }
        Ok(request)
    }

    fn add(&mut self, name: &GeneralName<'_>) -> Result<(), Error> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::RFC822Name(name) => self.emails.push((*name).to_owned()),
            GeneralName::URI(name) => self.uris.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => {
                self.addresses
                    .push(address_of(bytes).ok_or_else(|| undecodable("an address has a wrong length"))?);
            }
            other => return Err(Error::Name(other.to_string())),
        }
        Ok(())
    }

    fn sans(&self) -> Result<Vec<SanType>, Error> {
        let text = |name: &String| name.as_str().try_into().map_err(|_| Error::Name(name.clone()));
        let mut sans = Vec::new();
        for name in &self.dns_names {
            sans.push(SanType::DnsName(text(name)?));
        }
        for name in &self.emails {
            sans.push(SanType::Rfc822Name(text(name)?));
        }
        for name in &self.uris {
            sans.push(SanType::URI(text(name)?));
        }
        sans.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        Ok(sans)
    }
}

fn undecodable(reason: &str) -> Error {
    Error::Decode { what: "certificate signing request", reason: reason.to_owned() }
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

impl Authority {
    /// Grants a request: a certificate (PEM) for its subject, key and names. `usages` are Kubernetes' words, such as
    /// `client auth`; a requester cannot become an authority whatever it asks for.
    pub fn sign_csr<S: AsRef<str>>(
        &self,
        request: &Request,
        usages: &[S],
        validity: Validity,
    ) -> Result<String, Error> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = request.sans()?;
        for usage in usages {
            grant(&mut params, usage.as_ref())?;
        }
        let (subject, public_key) = (request.subject.clone(), request.public_key.clone());
        Leaf { subject, public_key, params, validity }.sign(&self.issuer)
    }
}

/// Adds a usage of `certificates.k8s.io/v1` (KeyUsage) to a certificate.
fn grant(params: &mut CertificateParams, usage: &str) -> Result<(), Error> {
    let key = |params: &mut CertificateParams, purpose| params.key_usages.push(purpose);
    let extended = |params: &mut CertificateParams, purpose| params.extended_key_usages.push(purpose);
    match usage {
        "signing" | "digital signature" => key(params, KeyUsagePurpose::DigitalSignature),
        "content commitment" => key(params, KeyUsagePurpose::ContentCommitment),
        "key encipherment" => key(params, KeyUsagePurpose::KeyEncipherment),
        "key agreement" => key(params, KeyUsagePurpose::KeyAgreement),
        "data encipherment" => key(params, KeyUsagePurpose::DataEncipherment),
        "encipher only" => key(params, KeyUsagePurpose::EncipherOnly),
        "decipher only" => key(params, KeyUsagePurpose::DecipherOnly),
        "any" => extended(params, ExtendedKeyUsagePurpose::Any),
        "server auth" => extended(params, ExtendedKeyUsagePurpose::ServerAuth),
        "client auth" => extended(params, ExtendedKeyUsagePurpose::ClientAuth),
        "code signing" => extended(params, ExtendedKeyUsagePurpose::CodeSigning),
        "email protection" | "s/mime" => extended(params, ExtendedKeyUsagePurpose::EmailProtection),
        "timestamping" => extended(params, ExtendedKeyUsagePurpose::TimeStamping),
        "ocsp signing" => extended(params, ExtendedKeyUsagePurpose::OcspSigning),
        other => return Err(Error::Usage(other.to_owned())),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
