//! When to renew a certificate. Who does it, and where the new one goes, is the caller's business.

use jiff::Timestamp;

use crate::{Error, leaf, peer};

/// The share of its lifetime after which a certificate is renewed, in percent: late enough to be rare, early enough to
/// leave a machine that was asleep, or a cluster that was down, a fifth of the lifetime to catch up.
const RENEW_AFTER_PERCENT: i64 = 80;

/// Whether the certificate should be replaced at `now`.
pub fn due(cert_pem: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(now >= renew_at(cert_pem)?)
}

/// When [`due`] becomes true, for those who would rather wait than ask.
pub fn renew_at(cert_pem: &str) -> Result<Timestamp, Error> {
    let (from, to) = peer::validity_of(&leaf::der_of(cert_pem)?)?;
    Ok(share_of(from, to))
}

/// When the certificate ceases to be valid.
pub fn ends_at(cert_pem: &str) -> Result<Timestamp, Error> {
    Ok(peer::validity_of(&leaf::der_of(cert_pem)?)?.1)
}

fn share_of(from: Timestamp, to: Timestamp) -> Timestamp {
    let seconds = (to.as_second() - from.as_second()) * RENEW_AFTER_PERCENT / 100;
    Timestamp::from_second(from.as_second() + seconds).unwrap_or(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authority, Validity};

    #[test]
    fn a_certificate_is_due_in_its_last_fifth() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let cert = Authority::create("test", Validity::days(now, 100)).unwrap();
        let check = |moment: &str, expect: bool| {
            assert_eq!(due(cert.cert_pem(), moment.parse().unwrap()).unwrap(), expect, "{moment}");
        };
        check("2030-01-01T00:00:00Z", false);
        check("2030-03-21T23:58:59Z", false);
        check("2030-03-21T23:59:00Z", true);
        check("2031-01-01T00:00:00Z", true);
        assert!(due("not a certificate", now).is_err());
    }
}
