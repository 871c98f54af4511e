//! Service account tokens: JSON Web Tokens with Kubernetes' claims, signed with ES256.
//!
//! Start at [`Signer`]. A [`Subject`] goes in with [`Signer::issue`] and comes out of [`Signer::verify`]. Verifying covers
//! signature, issuer, audience and times; whether the account, pod, node or secret that a token is bound to still exists
//! is checked by the API server, which has them.
//!
//! Upstream: "Managing Service Accounts", KEP-1205 (bound tokens), KEP-4193 (node binding and token ids).

mod claims;
mod legacy;

use std::{collections::BTreeSet, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};

use crate::{
    authority::new_key,
    files::{self, Audience},
};
use claims::Claims;
pub use legacy::Unending;

const ALGORITHM: Algorithm = Algorithm::ES256;

/// What a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The service account's namespace.
    pub namespace: String,
    /// The service account.
    pub service_account: Reference,
    /// What ends the token early when it goes away.
    pub bound_to: Option<Bound>,
}

/// An object by name, and the one object by UID.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its UID; another object of that name is not meant.
    pub uid: String,
}

impl Reference {
    /// A reference to the object of this name and UID.
    pub fn new(name: impl Into<String>, uid: impl Into<String>) -> Reference {
        Reference { name: name.into(), uid: uid.into() }
    }
}

/// The object that a token's life is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A pod, with the node it runs on once it is known.
    Pod {
        /// The pod.
        pod: Reference,
        /// Its node.
        node: Option<Reference>,
    },
    /// A node.
    Node(Reference),
    /// A secret.
    Secret(Reference),
}

/// One token to be issued.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What it speaks for.
    pub subject: Subject,
    /// Who may accept it; at least one.
    pub audiences: Vec<String>,
    /// The present.
    pub now: Timestamp,
    /// How long it is accepted.
    pub lifetime: Duration,
    /// After how long its use deserves a warning; for tokens that live longer than asked, so that clients that never
    /// re-read them keep working.
    pub warn_after: Option<Duration>,
    /// The token's own id (a UUID), by which it is found in audit logs.
    pub id: String,
}

/// A token that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it speaks for.
    pub subject: Subject,
    /// Those of the accepted audiences that the token is for; never empty.
    pub audiences: Vec<String>,
    /// The token's own id.
    pub id: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it stops being accepted.
    pub expires_at: Timestamp,
    /// Whether its use deserves a warning.
    pub stale: bool,
}

impl Verified {
    /// The user's name: `system:serviceaccount:<namespace>:<name>`.
    pub fn user(&self) -> String {
        user_of(&self.subject.namespace, &self.subject.service_account.name)
    }

    /// The groups that the token gives; `system:authenticated` is added by who authenticates.
    pub fn groups(&self) -> [String; 2] {
        ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{}", self.subject.namespace)]
    }

    /// The extra fields of the user info, as upstream spells them.
    pub fn extra(&self) -> Vec<(&'static str, String)> {
        let mut extra = Vec::new();
        if let Some(id) = &self.id {
            extra.push(("authentication.kubernetes.io/credential-id", format!("JTI={id}")));
        }
        let (pod, node) = match &self.subject.bound_to {
            Some(Bound::Pod { pod, node }) => (Some(pod), node.as_ref()),
            Some(Bound::Node(node)) => (None, Some(node)),
            Some(Bound::Secret(_)) | None => (None, None),
        };
        if let Some(Reference { name, uid }) = pod {
            extra.push(("authentication.kubernetes.io/pod-name", name.clone()));
            extra.push(("authentication.kubernetes.io/pod-uid", uid.clone()));
        }
        if let Some(Reference { name, uid }) = node {
            extra.push(("authentication.kubernetes.io/node-name", name.clone()));
            extra.push(("authentication.kubernetes.io/node-uid", uid.clone()));
        }
        extra
    }
}

/// The user name of a service account.
pub fn user_of(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Why a token was not issued or not accepted. What an outsider reads should be no more than "unauthorized".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not a token, or not one of ours; other ways to authenticate may be tried.
    #[error("not a service account token of this cluster: {0}")]
    Foreign(&'static str),
    /// Signed by a key that is not ours, or changed after signing.
    #[error("the token's signature is invalid")]
    Signature,
    /// The claims contradict each other or lack something.
    #[error("the token's claims are invalid: {0}")]
    Claims(&'static str),
    /// Its time is over.
    #[error("the token expired at {0}")]
    Expired(Timestamp),
    /// Its time has not come.
    #[error("the token is not valid before {0}")]
    NotYet(Timestamp),
    /// It is for somebody else.
    #[error("the token is for {0:?}, none of which is accepted here")]
    Audience(Vec<String>),
    /// The signing failed.
    #[error("failed to sign the token")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// Makes and checks the cluster's service account tokens.
pub struct Signer {
    issuer: String,
    key_id: String,
    key_pem: String,
    /// The uncompressed point: 4, x, y.
    point: Vec<u8>,
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("issuer", &self.issuer)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer with a new key. `issuer` is the URL that tokens name and that discovery is served under.
    pub fn create(issuer: &str) -> Result<Signer, crate::Error> {
        Signer::with_key(issuer, &new_key()?)
    }

    /// A signer with this key (ECDSA P-256, PKCS #8 PEM).
    pub fn load(issuer: &str, key_pem: &str) -> Result<Signer, crate::Error> {
        let key = KeyPair::from_pem_and_sign_algo(key_pem, &rcgen::PKCS_ECDSA_P256_SHA256);
        Signer::with_key(issuer, &key.map_err(crate::Error::Key)?)
    }

    /// The signer whose key is kept at `path`, made when there is none.
    pub fn load_or_create(path: &Path, issuer: &str) -> Result<Signer, crate::Error> {
        if let Some(key_pem) = files::read_if_present(path)? {
            return Signer::load(issuer, &key_pem);
        }
        let signer = Signer::create(issuer)?;
        files::write(path, signer.key_pem.as_bytes(), Audience::Owner)?;
        Ok(signer)
    }

    fn with_key(issuer: &str, key: &KeyPair) -> Result<Signer, crate::Error> {
        let point = key.public_key_raw().to_vec();
        Ok(Signer {
            issuer: issuer.to_owned(),
            key_id: key_id_of(&key.subject_public_key_info()),
            key_pem: key.serialize_pem(),
            signing: EncodingKey::from_ec_der(key.serialized_der()),
            verifying: DecodingKey::from_ec_der(&point),
            point,
        })
    }

    /// The URL that tokens name as their issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a token.
    pub fn issue(&self, grant: &Grant) -> Result<String, Error> {
        let header = Header { typ: None, kid: Some(self.key_id.clone()), ..Header::new(ALGORITHM) };
        jsonwebtoken::encode(&header, &Claims::of(&self.issuer, grant), &self.signing).map_err(Error::Sign)
    }

    /// Checks a token at the time `now`, for a server that answers to `audiences`.
    pub fn verify<S: AsRef<str>>(
        &self,
        token: &str,
        audiences: &[S],
        now: Timestamp,
    ) -> Result<Verified, Error> {
        let claims = self.claims_of(token)?;
        claims.check_times(now)?;
        let accepted: BTreeSet<_> = audiences.iter().map(AsRef::as_ref).collect();
        let common: Vec<_> =
            claims.aud.iter().filter(|name| accepted.contains(name.as_str())).cloned().collect();
        if common.is_empty() {
            return Err(Error::Audience(claims.aud));
        }
        claims.into_verified(common, now)
    }

    /// The claims of a token that we have signed.
    fn claims_of(&self, token: &str) -> Result<Claims, Error> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| Error::Foreign("it is not a signed token"))?;
        if header.kid.as_deref() != Some(self.key_id.as_str()) || header.alg != ALGORITHM {
            return Err(Error::Foreign("it names another key"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &signature_only());
        let claims = claims.map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => {
                Error::Claims("they are not those of a service account")
            }
            _ => Error::Signature,
        })?;
        if claims.claims.iss == self.issuer {
            Ok(claims.claims)
        } else {
            Err(Error::Foreign("it names another issuer"))
        }
    }

    /// The public key as a JSON Web Key Set, for `/openid/v1/jwks`.
    pub fn jwks(&self) -> serde_json::Value {
        let (x, y) = self.point[1..].split_at(32);
        serde_json::json!({"keys": [{
            "use": "sig",
            "kty": "EC",
            "kid": self.key_id,
            "crv": "P-256",
            "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }

    /// The discovery document, for `/.well-known/openid-configuration`.
    pub fn openid_configuration(&self) -> serde_json::Value {
        serde_json::json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/openid/v1/jwks", self.issuer.trim_end_matches('/')),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

/// Times and audience are checked against arguments, in [`Claims`]; the library would read the machine's clock.
fn signature_only() -> Validation {
    let mut validation = Validation::new(ALGORITHM);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Names a key by its digest, so that a verifier with several keys finds the right one.
fn key_id_of(public_key_der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(public_key_der))
}

#[cfg(test)]
mod tests;
