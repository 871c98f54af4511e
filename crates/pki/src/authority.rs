//! The cluster's certificate authority and what it issues on its own account. Requests by others are in [`crate::csr`].
//!
//! Keys are ECDSA P-256: small, quick to make, and known to every client.

use std::{fmt, net::IpAddr, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use time::OffsetDateTime;

use crate::{
    Error,
    files::{self, Audience},
    leaf::{self, Leaf},
    peer,
    tls::Identity,
};

/// How long before `now` a certificate becomes valid, for peers whose clocks are a little behind.
const BACKDATING: Duration = Duration::from_secs(5 * 60);

const CERTIFICATE_FILE: &str = "ca.crt";
const KEY_FILE: &str = "ca.key";

/// When a certificate holds.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The present; the certificate holds from a few minutes earlier.
    pub now: Timestamp,
    /// How long it holds from `now`.
    pub lifetime: Duration,
}

impl Validity {
    /// From `now` for `days` days.
    pub fn days(now: Timestamp, days: u32) -> Validity {
        Validity { now, lifetime: Duration::from_secs(u64::from(days) * 24 * 60 * 60) }
    }

    pub(crate) fn apply_to(self, params: &mut CertificateParams) {
        params.not_before = date_of(self.now.checked_sub(BACKDATING).unwrap_or(Timestamp::MIN));
        params.not_after = date_of(self.now.checked_add(self.lifetime).unwrap_or(Timestamp::MAX));
    }
}

fn date_of(timestamp: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(timestamp.as_second()).expect("both calendars span the years to 9999")
}

/// A name or an address that a server answers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum San {
    /// A DNS name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl San {
    /// An address if `text` is one, a DNS name otherwise.
    pub fn of(text: &str) -> San {
        text.parse().map_or_else(|_| San::Dns(text.to_owned()), San::Ip)
    }
}

impl From<IpAddr> for San {
    fn from(address: IpAddr) -> San {
        San::Ip(address)
    }
}

impl TryFrom<&San> for SanType {
    type Error = Error;

    fn try_from(san: &San) -> Result<SanType, Error> {
        match san {
            San::Dns(name) => {
                name.as_str().try_into().map(SanType::DnsName).map_err(|_| Error::Name(name.clone()))
            }
            San::Ip(address) => Ok(SanType::IpAddress(*address)),
        }
    }
}

/// A certificate and its private key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub cert_pem: String,
    /// The key, PKCS #8.
    pub key_pem: String,
}

impl Pair {
    /// The pair in two files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Pair, Error> {
        Ok(Pair { cert_pem: files::read(certificate)?, key_pem: files::read(key)? })
    }

    /// What a program proves itself with, to be replaced while it runs.
    pub fn live(&self) -> Result<Arc<Identity>, Error> {
        Identity::new(self).map(Arc::new)
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pair").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

/// The cluster's certificate authority.
pub struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    cert_pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority with a new key.
    pub fn create(common_name: &str, validity: Validity) -> Result<Authority, Error> {
        Authority::with_key(common_name, new_key()?, validity)
    }

    fn with_key(common_name: &str, key: KeyPair, validity: Validity) -> Result<Authority, Error> {
        let mut params = CertificateParams::default();
        validity.apply_to(&mut params);
        params.serial_number = Some(leaf::serial());
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert_pem = params.self_signed(&key).map_err(Error::Issue)?.pem();
        Ok(Authority { issuer: Issuer::new(params, key), cert_pem })
    }

    /// The authority that these two make up.
    pub fn load(cert_pem: &str, key_pem: &str) -> Result<Authority, Error> {
        let key = KeyPair::from_pem(key_pem).map_err(Error::Key)?;
        if peer::public_key_of(&leaf::der_of(cert_pem)?)? != key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(cert_pem, key).map_err(Error::Issue)?;
        Ok(Authority { issuer, cert_pem: cert_pem.to_owned() })
    }

    /// The authority kept in `folder` as `ca.crt` and `ca.key`, made when the folder has none.
    ///
    /// The key is written before the certificate, so a key alone is a creation that was cut short: it is finished. A
    /// certificate alone is refused.
    pub fn load_or_create(folder: &Path, common_name: &str, validity: Validity) -> Result<Authority, Error> {
        let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        match (files::read_if_present(&certificate)?, files::read_if_present(&key)?) {
            (Some(cert_pem), Some(key_pem)) => Authority::load(&cert_pem, &key_pem),
            (Some(_), None) => Err(Error::KeyMissing { certificate, key }),
            (None, key_pem) => {
                let key_pair =
                    key_pem.map_or_else(new_key, |pem| KeyPair::from_pem(&pem).map_err(Error::Key))?;
                files::write(&key, key_pair.serialize_pem().as_bytes(), Audience::Owner)?;
                let authority = Authority::with_key(common_name, key_pair, validity)?;
                files::write(&certificate, authority.cert_pem.as_bytes(), Audience::Everybody)?;
                Ok(authority)
            }
        }
    }

    /// The authority's certificate, for kubeconfigs and everybody who must trust the cluster.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The authority's key, for those who keep it elsewhere than [`Authority::load_or_create`] does.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A server's certificate: it proves the names in `sans` and cannot be used by a client.
    pub fn issue_server(&self, name: &str, sans: &[San], validity: Validity) -> Result<Pair, Error> {
        let sans = sans.iter().map(SanType::try_from).collect::<Result<_, _>>()?;
        self.issue(leaf::subject(name, &[]), sans, ExtendedKeyUsagePurpose::ServerAuth, validity)
    }

    /// A client's certificate: Kubernetes reads the common name as the user, each organization as a group.
    pub fn issue_client(&self, user: &str, groups: &[&str], validity: Validity) -> Result<Pair, Error> {
        self.issue(leaf::subject(user, groups), Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, validity)
    }

    fn issue(
        &self,
        subject: Vec<u8>,
        sans: Vec<SanType>,
        purpose: ExtendedKeyUsagePurpose,
        validity: Validity,
    ) -> Result<Pair, Error> {
        let key = new_key()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let leaf = Leaf { subject, public_key: key.subject_public_key_info(), params, validity };
        Ok(Pair { cert_pem: leaf.sign(&self.issuer)?, key_pem: key.serialize_pem() })
    }
}

pub(crate) fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(Error::Key)
}

#[cfg(test)]
mod tests;
