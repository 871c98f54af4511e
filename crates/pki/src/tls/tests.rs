use super::*;
use crate::{Authority, San, Validity, peer::identity_of};
use jiff::Timestamp;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

#[allow(
    clippy::disallowed_methods,
    reason = "rustls reads the machine's clock, so these certificates must hold today"
)]
fn validity() -> Validity {
    let now = Timestamp::now();
    Validity::days(now, 1)
}

fn authority() -> Authority {
    Authority::create("skiff", validity()).unwrap()
}

fn server_pair(authority: &Authority) -> Pair {
    authority
        .issue_server("apiserver", &[San::of("kubernetes.default"), San::of("127.0.0.1")], validity())
        .unwrap()
}

/// Shakes hands over a pipe and sends a byte each way. Gives the user that the server saw, or which side refused.
async fn meet(server: ServerConfig, client: ClientConfig, name: &str) -> Result<Option<String>, String> {
    let (near, far) = duplex(16 * 1024);
    let serving = async {
        let mut stream = TlsAcceptor::from(Arc::new(server)).accept(far).await?;
        let user = stream.get_ref().1.peer_certificates().map(|chain| identity_of(&chain[0]).unwrap().user);
        let byte = stream.read_u8().await?;
        stream.write_u8(byte).await?;
        stream.flush().await?;
        std::io::Result::Ok(user)
    };
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let calling = async {
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, near).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        stream.read_u8().await
    };
    let (served, called) = tokio::join!(serving, calling);
    let user = served.map_err(|error| error.to_string())?;
    assert_eq!(called.map_err(|error| error.to_string())?, 7);
    Ok(user)
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate_and_let_in_without() {
    let authority = authority();
    let ca = authority.cert_pem();
    let server = || server_config(&server_pair(&authority), Some(ca)).unwrap();
    let admin = authority.issue_client("admin", &["system:masters", "dev"], validity()).unwrap();
    let known = client_config(ca, Some(&admin)).unwrap();
    assert_eq!(meet(server(), known, "kubernetes.default").await, Ok(Some("admin".to_owned())));
    let unknown = client_config(ca, None).unwrap();
    assert_eq!(meet(server(), unknown, "127.0.0.1").await, Ok(None));
}

#[tokio::test]
async fn a_server_without_a_client_ca_asks_for_nothing() {
    let authority = authority();
    let admin = authority.issue_client("admin", &[], validity()).unwrap();
    let server = server_config(&server_pair(&authority), None).unwrap();
    let client = client_config(authority.cert_pem(), Some(&admin)).unwrap();
    assert_eq!(meet(server, client, "kubernetes.default").await, Ok(None));
}

#[tokio::test]
async fn certificates_that_do_not_hold_end_the_connection() {
    let (authority, stranger) = (authority(), authority_of_strangers());
    let ca = authority.cert_pem();
    let server = || server_config(&server_pair(&authority), Some(ca)).unwrap();
    let check = async |client: ClientConfig, name: &str, expect: &str| {
        let refused = meet(server(), client, name).await.unwrap_err();
        assert!(refused.contains(expect), "{refused}");
    };
    let with = |pair: Pair| client_config(ca, Some(&pair)).unwrap();
    check(
        with(stranger.issue_client("admin", &[], validity()).unwrap()),
        "127.0.0.1",
        "invalid peer certificate",
    )
    .await;
    // A node's serving certificate must not open the API as the node.
    check(with(server_pair(&authority)), "127.0.0.1", "invalid peer certificate").await;
    let long_ago = Validity::days("2001-01-01T00:00:00Z".parse().unwrap(), 1);
    check(with(authority.issue_client("late", &[], long_ago).unwrap()), "127.0.0.1", "expired").await;
    check(client_config(ca, None).unwrap(), "10.0.0.9", "alert").await;
    check(client_config(stranger.cert_pem(), None).unwrap(), "127.0.0.1", "alert").await;
}

fn authority_of_strangers() -> Authority {
    Authority::create("strangers", validity()).unwrap()
}

#[tokio::test]
async fn a_signed_request_opens_the_door() {
    let authority = authority();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "jane");
    let csr = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = crate::Request::parse(&csr).unwrap();
    let cert_pem = authority.sign_csr(&request, &["client auth", "digital signature"], validity()).unwrap();
    let pair = Pair { cert_pem, key_pem: key.serialize_pem() };
    let server = server_config(&server_pair(&authority), Some(authority.cert_pem())).unwrap();
    let client = client_config(authority.cert_pem(), Some(&pair)).unwrap();
    assert_eq!(meet(server, client, "kubernetes.default").await, Ok(Some("jane".to_owned())));
}

#[tokio::test]
async fn a_renewed_certificate_is_used_at_once() {
    let authority = authority();
    let long_ago = Validity::days("2001-01-01T00:00:00Z".parse().unwrap(), 1);
    let expired = authority.issue_server("apiserver", &[San::of("127.0.0.1")], long_ago).unwrap();
    let identity = Arc::new(Identity::new(&expired).unwrap());
    let server = renewable_server_config(identity.clone(), None).unwrap();
    let client = client_config(authority.cert_pem(), None).unwrap();
    assert!(meet(server.clone(), client.clone(), "127.0.0.1").await.is_err());

    let mismatched = Pair { key_pem: authority.key_pem(), ..server_pair(&authority) };
    assert!(matches!(identity.replace(&mismatched), Err(Error::Tls(_))));
    identity.replace(&server_pair(&authority)).unwrap();
    assert_eq!(meet(server, client, "127.0.0.1").await, Ok(None));
}

#[tokio::test]
async fn a_client_shows_its_renewed_certificate_at_once() {
    let authority = authority();
    let pair = |user: &str| authority.issue_client(user, &[], validity()).unwrap();
    let identity = pair("before").live().unwrap();
    let server = server_config(&server_pair(&authority), Some(authority.cert_pem())).unwrap();
    let client = renewable_client_config(authority.cert_pem(), identity.clone()).unwrap();
    assert_eq!(meet(server.clone(), client.clone(), "127.0.0.1").await, Ok(Some("before".to_owned())));
    identity.replace(&pair("after")).unwrap();
    assert_eq!(meet(server, client, "127.0.0.1").await, Ok(Some("after".to_owned())));
}

/// What `openssl req -x509` makes: self-signed, an authority's, for a name.
fn own_authority(name: &str, since: &str, until: &str, purposes: &[rcgen::ExtendedKeyUsagePurpose]) -> Pair {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.extended_key_usages = purposes.to_vec();
    let at = |day: &str| {
        let day: Timestamp = day.parse().unwrap();
        time::OffsetDateTime::from_unix_timestamp(day.as_second()).unwrap()
    };
    (params.not_before, params.not_after) = (at(since), at(until));
    Pair { cert_pem: params.self_signed(&key).unwrap().pem(), key_pem: key.serialize_pem() }
}

#[tokio::test]
async fn a_server_may_be_an_authority_of_its_own_when_it_is_listed() {
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let (long_ago, lately, far, farther) =
        ("2001-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "2301-01-01T00:00:00Z");
    let check = async |served: &Pair, listed: &str, name: &str, expect: Option<&str>| {
        let server = server_config(served, None).unwrap();
        let (near, away) = duplex(16 * 1024);
        let client = foreign_client_config(listed).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let serving = async { TlsAcceptor::from(Arc::new(server)).accept(away).await.map(drop) };
        let calling = async { TlsConnector::from(Arc::new(client)).connect(name, near).await.map(drop) };
        let (_, called) = tokio::join!(serving, calling);
        let refused = called.err().map(|it| it.to_string());
        match (&refused, expect) {
            (None, None) => {}
            (Some(why), Some(expect)) => assert!(why.contains(expect), "{why}"),
            _ => panic!("{refused:?} instead of {expect:?}"),
        }
    };
    let own = own_authority("hook.default.svc", lately, far, &[]);
    check(&own, &own.cert_pem, "hook.default.svc", None).await;
    check(&own, &own.cert_pem, "other.default.svc", Some("not valid for name")).await;
    let stranger = own_authority("hook.default.svc", lately, far, &[]);
    check(&stranger, &own.cert_pem, "hook.default.svc", Some("invalid peer certificate")).await;
    let both = format!("{}{}", stranger.cert_pem, own.cert_pem);
    check(&own, &both, "hook.default.svc", None).await;
    for (since, until, purpose, expect) in [
        (long_ago, lately, ServerAuth, Some("Expired")),
        (far, farther, ServerAuth, Some("NotValidYet")),
        (lately, far, ClientAuth, Some("InvalidPurpose")),
        (lately, far, ServerAuth, None),
    ] {
        let own = own_authority("hook.default.svc", since, until, &[purpose]);
        check(&own, &own.cert_pem, "hook.default.svc", expect).await;
    }
    // What is merely signed by an authority goes the usual way.
    let authority = authority();
    check(&server_pair(&authority), authority.cert_pem(), "127.0.0.1", None).await;
}

#[test]
fn files_that_hold_nothing_are_refused() {
    assert!(matches!(client_config("", None), Err(Error::Pem(_))));
    assert!(matches!(foreign_client_config(""), Err(Error::Pem(_))));
    let authority = authority();
    let pair = server_pair(&authority);
    assert!(matches!(server_config(&pair, Some("")), Err(Error::Pem(_))));
    let mismatched = Pair { key_pem: authority.key_pem(), ..pair };
    assert!(matches!(server_config(&mismatched, None), Err(Error::Tls(_))));
}

#[tokio::test]
async fn without_authorities_of_its_own_a_client_trusts_those_of_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let listed = |text: &str| {
        let file = folder.path().join("list.pem");
        std::fs::write(&file, text).unwrap();
        config_trusting(rustls_native_certs::load_certs_from_paths(Some(&file), None))
    };
    let (authority, stranger) = (authority(), authority_of_strangers());
    let server = || server_config(&server_pair(&authority), None).unwrap();
    let both = listed(&format!("{}{}", stranger.cert_pem(), authority.cert_pem())).unwrap();
    assert_eq!(meet(server(), both, "kubernetes.default").await, Ok(None));
    let other = listed(stranger.cert_pem()).unwrap();
    let refused = meet(server(), other, "kubernetes.default").await.unwrap_err();
    assert!(refused.contains("UnknownCA"), "{refused}");
    assert!(matches!(listed(""), Err(Error::NoRoots(_))));
}
