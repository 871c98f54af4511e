//! rustls settings for both ends of the cluster's connections, with the one crypto provider passed explicitly.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SignatureScheme,
    client::{ResolvesClientCert, Resumption},
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::{Error, Pair};

mod listed;

/// The versions are the provider's own, so asking for them cannot fail.
const OWN_VERSIONS: &str = "aws-lc-rs supports rustls' safe default versions";

/// What the listening side speaks.
const HTTP1: &[u8] = b"http/1.1";

/// The workspace's crypto provider.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a server or a client proves itself with; it can be replaced while the program runs, and connections made from then
/// on get the new certificate.
#[derive(Debug)]
pub struct Identity {
    /// Locked to copy or to replace the pointer, never during a handshake.
    current: RwLock<Arc<CertifiedKey>>,
}

impl Identity {
    /// An identity that starts with `pair`.
    pub fn new(pair: &Pair) -> Result<Identity, Error> {
        Ok(Identity { current: RwLock::new(Arc::new(certified_key_of(pair)?)) })
    }

    fn now(&self) -> Arc<CertifiedKey> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the certificate and its key; refuses a pair that does not fit together and keeps the old one then.
    pub fn replace(&self, pair: &Pair) -> Result<(), Error> {
        let key = Arc::new(certified_key_of(pair)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A server that proves itself with `pair` for as long as it runs; for one that renews it see [`renewable_server_config`].
pub fn server_config(pair: &Pair, client_ca: Option<&str>) -> Result<ServerConfig, Error> {
    renewable_server_config(Arc::new(Identity::new(pair)?), client_ca)
}

/// A server that proves itself with whatever `identity` holds when a client comes.
///
/// With `client_ca` (PEM), a client may present a certificate, and one that does not verify ends the connection; a client
/// without one is let in, to be asked for a token. Without `client_ca`, no certificate is asked for.
pub fn renewable_server_config(
    identity: Arc<Identity>,
    client_ca: Option<&str>,
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect(OWN_VERSIONS);
    let builder = match client_ca {
        Some(ca) => builder.with_client_cert_verifier(client_verifier(ca)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = vec![HTTP1.to_vec()];
    Ok(config)
}

/// A client that trusts servers signed by `ca` (PEM, one or more certificates), and proves itself with `pair` if given.
pub fn client_config(ca: &str, pair: Option<&Pair>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect(OWN_VERSIONS);
    let builder = builder.with_root_certificates(roots_of(ca)?);
    match pair {
        Some(pair) => builder.with_client_auth_cert(chain_of(pair)?, key_of(pair)?).map_err(Error::Tls),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// A client that trusts servers signed by `ca`, and those whose own certificate is in it, as Go's clients do. It is for
/// servers that somebody brings along, such as webhooks.
pub fn foreign_client_config(ca: &str) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect(OWN_VERSIONS);
    let verifier = Arc::new(listed::ListedVerifier::of(certificates_of(ca)?)?);
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// A client that trusts whom the system trusts, as Go's clients without authorities of their own do: `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` say where the list is when it is not in its usual place. The list is read once.
///
/// # Errors
///
/// When there is no list, or nothing in it; then it is looked for again the next time.
pub fn public_client_config() -> Result<Arc<ClientConfig>, Error> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let config = config_trusting(rustls_native_certs::load_native_certs())?;
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

fn config_trusting(found: rustls_native_certs::CertificateResult) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    // Lists hold certificates that are not usable; one of them must not cost all others.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Error::NoRoots(if why.is_empty() { "it is empty".to_owned() } else { why.join(", ") }));
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect(OWN_VERSIONS);
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The same as [`client_config`] for a client that renews what it proves itself with.
pub fn renewable_client_config(ca: &str, identity: Arc<Identity>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect(OWN_VERSIONS);
    let mut config = builder.with_root_certificates(roots_of(ca)?).with_client_cert_resolver(identity);
    // A resumed session stands for the certificate that began it, which may have been replaced since.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn client_verifier(ca: &str) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let roots = Arc::new(roots_of(ca)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    builder.allow_unauthenticated().build().map_err(Error::ClientCheck)
}

fn roots_of(ca: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of(ca)? {
        roots.add(certificate).map_err(Error::Tls)?;
    }
    Ok(roots)
}

fn certificates_of(ca: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(ca.as_bytes()).collect();
    let found = found.map_err(Error::Pem)?;
    // A file without certificates would otherwise surface much later, as every connection failing.
    if found.is_empty() { Err(Error::Pem(rustls_pki_types::pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn certified_key_of(pair: &Pair) -> Result<CertifiedKey, Error> {
    CertifiedKey::from_der(chain_of(pair)?, key_of(pair)?, &provider()).map_err(Error::Tls)
}

fn chain_of(pair: &Pair) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_slice_iter(pair.cert_pem.as_bytes()).collect::<Result<_, _>>().map_err(Error::Pem)
}

fn key_of(pair: &Pair) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).map_err(Error::Pem)
}

#[cfg(test)]
mod tests;
