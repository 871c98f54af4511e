//! Who may ask the node: whoever the cluster's authority certifies as the API server or an administrator.

use axum::{extract::Request, middleware::Next, response::Response};
use http::StatusCode;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::logs::refusal;

/// The group whose members may do everything.
const ADMINISTRATORS: &str = "system:masters";
/// The API server's own identity, and the beginning of those of its clients.
const API_SERVER: &str = "kube-apiserver";

/// Who is on the other side of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// It showed no certificate.
    Anonymous,
    /// It is who its certificate says.
    Known {
        /// Its name.
        user: String,
        /// Its groups.
        groups: Vec<String>,
    },
}

/// Who is on the other side; rustls has verified the certificate.
pub(super) fn caller_of(stream: &TlsStream<TcpStream>) -> Caller {
    let certificates = stream.get_ref().1.peer_certificates();
    let peer = certificates.and_then(<[_]>::first).and_then(|it| pki::peer::identity_of(it).ok());
    peer.map_or(Caller::Anonymous, |it| Caller::Known { user: it.user, groups: it.groups })
}

/// Lets those through who may ask.
pub(super) async fn require(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().unwrap_or(&Caller::Anonymous);
    match verdict_of(caller) {
        Ok(()) => next.run(request).await,
        Err((code, why)) => refusal(code, &why),
    }
}

fn verdict_of(caller: &Caller) -> Result<(), (StatusCode, String)> {
    match caller {
        Caller::Anonymous => Err((StatusCode::UNAUTHORIZED, "Unauthorized".to_owned())),
        Caller::Known { user, groups } if may(user, groups) => Ok(()),
        Caller::Known { user, .. } => Err((StatusCode::FORBIDDEN, format!("Forbidden (user={user})"))),
    }
}

fn may(user: &str, groups: &[String]) -> bool {
    groups.iter().any(|it| it == ADMINISTRATORS) || user == API_SERVER || user.starts_with("kube-apiserver-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_api_server_and_administrators_may_ask() {
        let known = |user: &str, group: &str| Caller::Known { user: user.into(), groups: vec![group.into()] };
        assert!(verdict_of(&known("admin", ADMINISTRATORS)).is_ok());
        assert!(verdict_of(&known("kube-apiserver", "other")).is_ok());
        let code = |caller: &Caller| verdict_of(caller).unwrap_err().0;
        assert_eq!(code(&known("system:node:a", "system:nodes")), StatusCode::FORBIDDEN);
        assert_eq!(code(&Caller::Anonymous), StatusCode::UNAUTHORIZED);
    }
}
