use super::*;
use rcgen::{BasicConstraints, DnType, IsCa, KeyPair};

fn validity() -> Validity {
    Validity::days("2030-01-01T00:00:00Z".parse().unwrap(), 1)
}

/// A request as openssl makes it, asking for more than it should get.
fn greedy_request(algorithm: &'static rcgen::SignatureAlgorithm) -> String {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(["web.shop.svc".to_owned(), "10.0.0.7".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "system:node:n1");
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.serialize_request(&key).unwrap().pem().unwrap()
}

#[test]
fn a_request_is_read() {
    let request = Request::parse(&greedy_request(&rcgen::PKCS_ECDSA_P256_SHA256)).unwrap();
    assert_eq!(request.common_name.as_deref(), Some("system:node:n1"));
    assert_eq!(request.organizations, ["system:nodes"]);
    assert_eq!(request.dns_names, ["web.shop.svc"]);
    assert_eq!(request.addresses, [IpAddr::from([10, 0, 0, 7])]);
}

#[test]
fn a_granted_certificate_has_the_asked_name_and_only_the_granted_usages() {
    let authority = Authority::create("skiff", validity()).unwrap();
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let request = Request::parse(&greedy_request(algorithm)).unwrap();
        let cert_pem =
            authority.sign_csr(&request, &["digital signature", "client auth"], validity()).unwrap();
        let der = crate::leaf::der_of(&cert_pem).unwrap();
        let peer = peer::identity_of(&der).unwrap();
        assert_eq!((peer.user.as_str(), peer.groups), ("system:node:n1", vec!["system:nodes".to_owned()]));
        assert_eq!(peer::public_key_of(&der).unwrap(), request.public_key);
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert!(!certificate.is_ca());
        let usage = certificate.key_usage().unwrap().unwrap().value;
        assert!(usage.digital_signature() && !usage.key_cert_sign());
        let extended = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.client_auth && !extended.server_auth && !extended.any);
    }
}

/// A name as Go writes it: all organizations in one set.
fn go_subject(common_name: &str, organizations: &[&str]) -> Vec<u8> {
    let attribute = |writer: yasna::DERWriter<'_>, last: u64, value: &str| {
        writer.write_sequence(|writer| {
            writer.next().write_oid(&yasna::models::ObjectIdentifier::from_slice(&[2, 5, 4, last]));
            writer.next().write_printable_string(value);
        });
    };
    yasna::construct_der(|writer| {
        writer.write_sequence_of(|writer| {
            writer.next().write_set_of(|writer| {
                organizations.iter().for_each(|name| attribute(writer.next(), 10, name))
            });
            writer.next().write_set_of(|writer| attribute(writer.next(), 3, common_name));
        });
    })
}

#[test]
fn a_request_of_many_organizations_keeps_them_all() {
    let key = crate::authority::new_key().unwrap();
    let template = CertificateParams::default().serialize_request(&key).unwrap();
    let authority = Authority::create("skiff", validity()).unwrap();
    for subject in [crate::leaf::subject("jane", &["dev", "ops"]), go_subject("jane", &["dev", "ops"])] {
        let pem = crate::leaf::tests::request_with_subject(template.der(), subject, &key);
        let request = Request::parse(&pem).unwrap();
        assert_eq!(request.organizations, ["dev", "ops"]);
        let cert_pem = authority.sign_csr(&request, &["client auth"], validity()).unwrap();
        let peer = peer::identity_of(&crate::leaf::der_of(&cert_pem).unwrap()).unwrap();
        assert_eq!((peer.user, peer.groups), ("jane".to_owned(), vec!["dev".to_owned(), "ops".to_owned()]));
    }
}

#[test]
fn bad_requests_are_refused() {
    let good = greedy_request(&rcgen::PKCS_ECDSA_P256_SHA256);
    assert!(matches!(Request::parse("nothing"), Err(Error::Pem(_))));
    assert!(matches!(Request::parse(&good.replace("REQUEST", "NONSENSE")), Err(Error::Pem(_))));
    let authority = Authority::create("skiff", validity()).unwrap();
    let request = Request::parse(&good).unwrap();
    for usage in ["cert sign", "crl sign", "netscape sgc", ""] {
        let refused = authority.sign_csr(&request, &[usage], validity());
        assert!(matches!(refused, Err(Error::Usage(_))), "{usage}");
    }
}

#[test]
fn a_request_signed_by_another_key_is_refused() {
    let (key, other) = (crate::authority::new_key().unwrap(), crate::authority::new_key().unwrap());
    let template = CertificateParams::default().serialize_request(&key).unwrap();
    let subject = crate::leaf::subject("jane", &[]);
    let pem = crate::leaf::tests::request_with_subject(template.der(), subject, &other);
    assert!(matches!(Request::parse(&pem), Err(Error::RequestSignature)));
}
