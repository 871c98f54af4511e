//! The claims as they stand in a token, and the way between them and [`Subject`].

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Bound, Error, Grant, Reference, Subject, Verified, user_of};

#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(deserialize_with = "one_or_many")]
    pub(super) aud: Vec<String>,
    pub(super) exp: i64,
    pub(super) iat: i64,
    pub(super) iss: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jti: Option<String>,
    #[serde(rename = "kubernetes.io")]
    pub(super) private: Private,
    pub(super) nbf: i64,
    pub(super) sub: String,
}

/// What Kubernetes adds to the registered claims.
#[derive(Serialize, Deserialize)]
pub(super) struct Private {
    namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Reference>,
    serviceaccount: Reference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warnafter: Option<i64>,
}

impl Claims {
    pub(super) fn of(issuer: &str, grant: &Grant) -> Claims {
        let now = grant.now.as_second();
        let after = |duration: std::time::Duration| now.saturating_add_unsigned(duration.as_secs());
        Claims {
            aud: grant.audiences.clone(),
            exp: after(grant.lifetime),
            iat: now,
            iss: issuer.to_owned(),
            jti: Some(grant.id.clone()),
            private: Private::of(&grant.subject, grant.warn_after.map(after)),
            nbf: now,
            sub: user_of(&grant.subject.namespace, &grant.subject.service_account.name),
        }
    }

    pub(super) fn check_times(&self, now: Timestamp) -> Result<(), Error> {
        let (from, to) = (timestamp_of(self.nbf)?, timestamp_of(self.exp)?);
        match now {
            now if now >= to => Err(Error::Expired(to)),
            now if now < from => Err(Error::NotYet(from)),
            _ => Ok(()),
        }
    }

    pub(super) fn into_verified(self, audiences: Vec<String>, now: Timestamp) -> Result<Verified, Error> {
        if self.sub != user_of(&self.private.namespace, &self.private.serviceaccount.name) {
            return Err(Error::Claims("the subject is not the service account"));
        }
        Ok(Verified {
            audiences,
            id: self.jti,
            issued_at: timestamp_of(self.iat)?,
            expires_at: timestamp_of(self.exp)?,
            stale: self.private.warnafter.is_some_and(|moment| now.as_second() >= moment),
            subject: self.private.into_subject()?,
        })
    }
}

impl Private {
    fn of(subject: &Subject, warnafter: Option<i64>) -> Private {
        let (pod, node, secret) = match subject.bound_to.clone() {
            Some(Bound::Pod { pod, node }) => (Some(pod), node, None),
            Some(Bound::Node(node)) => (None, Some(node), None),
            Some(Bound::Secret(secret)) => (None, None, Some(secret)),
            None => (None, None, None),
        };
        let (namespace, serviceaccount) = (subject.namespace.clone(), subject.service_account.clone());
        Private { namespace, node, pod, secret, serviceaccount, warnafter }
    }

    fn into_subject(self) -> Result<Subject, Error> {
        let bound_to = match (self.pod, self.node, self.secret) {
            (Some(pod), node, None) => Some(Bound::Pod { pod, node }),
            (None, Some(node), None) => Some(Bound::Node(node)),
            (None, None, Some(secret)) => Some(Bound::Secret(secret)),
            (None, None, None) => None,
            _ => return Err(Error::Claims("they bind the token to several objects")),
        };
        Ok(Subject { namespace: self.namespace, service_account: self.serviceaccount, bound_to })
    }
}

fn timestamp_of(second: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(second).map_err(|_| Error::Claims("a time is out of range"))
}

/// A JSON Web Token may write a single audience as a plain string.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(name) => vec![name],
        Audience::Many(names) => names,
    })
}
