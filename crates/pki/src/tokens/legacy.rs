//! Tokens without an end, kept in Secrets: what service accounts had before tokens were bound to objects.
//!
//! Their claims name the Secret. Whether it is still there and still holds the token is checked by the API server.
//!
//! Upstream: "Managing Service Accounts", section "Manually create a long-lived API token for a ServiceAccount".

use super::{ALGORITHM, Error, Reference, Signer, signature_only, user_of};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Header;
use serde::{Deserialize, Serialize};

/// What such tokens name as their issuer, in every cluster.
const ISSUER: &str = "kubernetes/serviceaccount";

/// What a token without an end speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unending {
    /// The namespace of service account and Secret.
    pub namespace: String,
    /// The service account.
    pub service_account: Reference,
    /// The name of the Secret that holds the token.
    pub secret: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(rename = "kubernetes.io/serviceaccount/namespace")]
    namespace: String,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    secret: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.name")]
    name: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    uid: String,
    sub: String,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

impl Signer {
    /// Signs a token that is accepted as long as the Secret that holds it is there.
    pub fn issue_unending(&self, subject: &Unending) -> Result<String, Error> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            namespace: subject.namespace.clone(),
            secret: subject.secret.clone(),
            name: subject.service_account.name.clone(),
            uid: subject.service_account.uid.clone(),
            sub: user_of(&subject.namespace, &subject.service_account.name),
        };
        let header = Header { typ: None, kid: Some(self.key_id.clone()), ..Header::new(ALGORITHM) };
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(Error::Sign)
    }

    /// Whom a token without an end speaks for; nothing when it is a token of another make.
    pub fn verify_unending(&self, token: &str) -> Result<Option<Unending>, Error> {
        if issuer_of(token).as_deref() != Some(ISSUER) {
            return Ok(None);
        }
        let header = jsonwebtoken::decode_header(token).ok();
        let ours = |it: &Header| it.kid.as_deref() == Some(self.key_id.as_str()) && it.alg == ALGORITHM;
        if !header.as_ref().is_some_and(ours) {
            return Err(Error::Foreign("it names another key"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &signature_only());
        let claims = claims.map_err(|_| Error::Signature)?.claims;
        if claims.sub != user_of(&claims.namespace, &claims.name) {
            return Err(Error::Claims("the subject is not the service account"));
        }
        let service_account = Reference::new(claims.name, claims.uid);
        Ok(Some(Unending { namespace: claims.namespace, service_account, secret: claims.secret }))
    }
}

/// What a token says of its issuer. Nothing of it is proved.
fn issuer_of(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issuer>(&claims).ok().map(|it| it.iss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_an_end_names_its_secret() {
        let signer = Signer::create("https://test").unwrap();
        let subject = Unending {
            namespace: "shop".to_owned(),
            service_account: Reference::new("web", "u-sa"),
            secret: "web-token".to_owned(),
        };
        let token = signer.issue_unending(&subject).unwrap();
        assert_eq!(signer.verify_unending(&token).unwrap(), Some(subject));
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let expect = serde_json::json!({
            "iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/namespace": "shop",
            "kubernetes.io/serviceaccount/secret.name": "web-token",
            "kubernetes.io/serviceaccount/service-account.name": "web",
            "kubernetes.io/serviceaccount/service-account.uid": "u-sa",
            "sub": "system:serviceaccount:shop:web",
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&payload).unwrap(), expect);
    }

    #[test]
    fn other_tokens_are_none_of_them() {
        let signer = Signer::create("https://test").unwrap();
        let stranger = Signer::create("https://test").unwrap();
        let subject = Unending {
            namespace: "shop".to_owned(),
            service_account: Reference::new("web", "u-sa"),
            secret: "web-token".to_owned(),
        };
        let token = signer.issue_unending(&subject).unwrap();
        assert!(matches!(stranger.verify_unending(&token), Err(Error::Foreign(_))));
        let (head, _) = token.rsplit_once('.').unwrap();
        let (_, tail) = signer
            .issue_unending(&Unending { secret: "x".to_owned(), ..subject })
            .map(|it| {
                let (head, tail) = it.rsplit_once('.').unwrap();
                (head.to_owned(), tail.to_owned())
            })
            .unwrap();
        assert!(matches!(signer.verify_unending(&format!("{head}.{tail}")), Err(Error::Signature)));
        for other in ["", "a.b.c", "known"] {
            assert!(matches!(signer.verify_unending(other), Ok(None)), "{other}");
        }
    }
}
