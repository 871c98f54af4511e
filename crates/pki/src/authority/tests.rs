use super::*;
use crate::peer::{Peer, identity_of};
use sha2::{Digest, Sha256};
use std::fs;

fn validity() -> Validity {
    Validity::days("2030-01-01T12:00:00Z".parse().unwrap(), 365)
}

fn stamp(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_client_certificate_names_user_and_groups() {
    let authority = Authority::create("skiff", validity()).unwrap();
    let check = |user: &str, groups: &[&str]| {
        let pair = authority.issue_client(user, groups, validity()).unwrap();
        let der = leaf::der_of(&pair.cert_pem).unwrap();
        let digits = Sha256::digest(&der).iter().map(|it| format!("{it:02x}")).collect::<String>();
        let expect = Peer {
            fingerprint: digits,
            user: user.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            not_after: stamp("2031-01-01T12:00:00Z"),
        };
        assert_eq!(identity_of(&der).unwrap(), expect);
    };
    check("jane", &[]);
    check("system:node:n1", &["system:nodes"]);
    check("jürgen", &["dev", "ops", "system:masters"]);
}

#[test]
fn a_certificate_without_a_name_is_nobodys() {
    let authority = Authority::create("skiff", validity()).unwrap();
    let pair = authority.issue_client("", &["system:masters"], validity()).unwrap();
    assert!(matches!(identity_of(&leaf::der_of(&pair.cert_pem).unwrap()), Err(Error::NoCommonName)));
    assert!(matches!(identity_of(b"nonsense"), Err(Error::Decode { .. })));
}

#[test]
fn validity_starts_a_little_earlier_and_stops_at_the_calendars_end() {
    let authority = Authority::create("skiff", validity()).unwrap();
    let check = |validity: Validity, expect: (&str, &str)| {
        let pair = authority.issue_client("jane", &[], validity).unwrap();
        let found = peer::validity_of(&leaf::der_of(&pair.cert_pem).unwrap()).unwrap();
        assert_eq!(found, (stamp(expect.0), stamp(expect.1)));
    };
    check(validity(), ("2030-01-01T11:55:00Z", "2031-01-01T12:00:00Z"));
    let forever = Validity { lifetime: Duration::MAX, ..validity() };
    check(forever, ("2030-01-01T11:55:00Z", "9999-12-30T22:00:00Z"));
}

#[test]
fn the_authority_survives_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let load = || Authority::load_or_create(folder.path(), "skiff", validity());
    let made = load().unwrap();
    let loaded = load().unwrap();
    assert_eq!((made.cert_pem(), made.key_pem()), (loaded.cert_pem(), loaded.key_pem()));

    // Cut short between the two files: the key is kept, so what it signed elsewhere stays valid.
    fs::remove_file(folder.path().join(CERTIFICATE_FILE)).unwrap();
    assert_eq!(load().unwrap().key_pem(), made.key_pem());

    fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
    assert!(matches!(load(), Err(Error::KeyMissing { .. })));
    fs::write(folder.path().join(KEY_FILE), new_key().unwrap().serialize_pem()).unwrap();
    assert!(matches!(load(), Err(Error::KeyMismatch)));
}

#[test]
fn names_are_told_from_addresses() {
    let check = |text: &str, expect: San| assert_eq!(San::of(text), expect);
    check("kubernetes.default.svc", San::Dns("kubernetes.default.svc".into()));
    check("10.0.0.1", San::Ip([10, 0, 0, 1].into()));
    check("::1", San::Ip("::1".parse().unwrap()));
    let authority = Authority::create("skiff", validity()).unwrap();
    let refused = authority.issue_server("x", &[San::Dns("bücher.example".into())], validity());
    assert!(matches!(refused, Err(Error::Name(_))), "{refused:?}");
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let authority = Authority::create("skiff", validity()).unwrap();
    let pair = authority.issue_client("jane", &[], validity()).unwrap();
    for text in [format!("{pair:?}"), format!("{authority:?}")] {
        assert!(text.contains("BEGIN CERTIFICATE") && !text.contains("PRIVATE"), "{text}");
    }
}
