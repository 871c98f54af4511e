//! Bootstrap tokens: Secrets that let a machine in for as long as it takes to ask for a certificate of its own.
//!
//! Start at [`user_of`]. A token is `ID.KEY`; its Secret is `bootstrap-token-ID` in `kube-system`. Upstream: the page
//! "Authenticating with Bootstrap Tokens". Finding the Secret is the API server's, deleting old ones a controller's.

use crate::UserInfo;
use crate::identity::BOOTSTRAPPERS;
use api::k8s::api::core::v1::Secret;
use jiff::Timestamp;

/// The type of the Secrets.
pub const TYPE: &str = "bootstrap.kubernetes.io/token";

const ID_LENGTH: usize = 6;
const KEY_LENGTH: usize = 16;
const LONGEST_GROUP: usize = 256;

/// Why a token lets nobody in. For the log: who asks learns nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not of the type.
    #[error("the secret is no bootstrap token")]
    Type,
    /// It is being deleted.
    #[error("the bootstrap token is being deleted")]
    Deleted,
    /// The secret names another token.
    #[error("the secret is that of another bootstrap token")]
    Id,
    /// The second half of the token is wrong.
    #[error("the key of the bootstrap token is wrong")]
    Key,
    /// Its time is over, or cannot be read.
    #[error("the bootstrap token has ended")]
    Ended,
    /// It may be used for other things only.
    #[error("the bootstrap token is not for authentication")]
    Usage,
    /// An extra group is not one that tokens may have.
    #[error("the bootstrap token has a group that does not begin with system:bootstrappers:")]
    Group,
}

/// The two halves of a token, if it has the form of a bootstrap token.
pub fn split(token: &str) -> Option<(&str, &str)> {
    let (id, key) = token.split_once('.')?;
    let good = |it: &str| it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    (id.len() == ID_LENGTH && key.len() == KEY_LENGTH && good(id) && good(key)).then_some((id, key))
}

/// The name of a token's Secret.
pub fn secret_name(id: &str) -> String {
    format!("bootstrap-token-{id}")
}

/// When a token ends, if it does. One whose end cannot be read has ended.
pub fn end_of(secret: &Secret) -> Option<Timestamp> {
    let bytes = &secret.data.as_ref()?.get("expiration")?.0;
    if bytes.is_empty() {
        return None;
    }
    let end = std::str::from_utf8(bytes).ok().and_then(|it| it.parse().ok());
    Some(end.unwrap_or(Timestamp::MIN))
}

/// Whom a token lets in, by its Secret.
pub fn user_of(secret: &Secret, id: &str, key: &str, now: Timestamp) -> Result<UserInfo, Refusal> {
    let field = |name: &str| secret.data.as_ref().and_then(|it| it.get(name)).map_or(&[][..], |it| &it.0);
    let must = |good: bool, refusal: Refusal| if good { Ok(()) } else { Err(refusal) };
    must(secret.type_.as_deref() == Some(TYPE), Refusal::Type)?;
    must(secret.metadata.deletion_timestamp.is_none(), Refusal::Deleted)?;
    must(same(field("token-secret"), key.as_bytes()), Refusal::Key)?;
    must(field("token-id") == id.as_bytes(), Refusal::Id)?;
    must(end_of(secret).is_none_or(|it| now < it), Refusal::Ended)?;
    must(field("usage-bootstrap-authentication") == b"true", Refusal::Usage)?;
    let groups = groups_of(field("auth-extra-groups"))?;
    Ok(UserInfo::authenticated(format!("system:bootstrap:{id}"), groups))
}

/// Compares without telling by its time how much of the key was right.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other)) == 0
}

fn groups_of(extra: &[u8]) -> Result<Vec<String>, Refusal> {
    let extra = std::str::from_utf8(extra).map_err(|_| Refusal::Group)?;
    let mut groups = vec![BOOTSTRAPPERS.to_owned()];
    for group in extra.split(',').filter(|_| !extra.is_empty()) {
        let rest = group.strip_prefix(BOOTSTRAPPERS).and_then(|it| it.strip_prefix(':'));
        if !rest.is_some_and(is_group) {
            return Err(Refusal::Group);
        }
        if !groups.iter().any(|it| it == group) {
            groups.push(group.to_owned());
        }
    }
    Ok(groups)
}

fn is_group(rest: &str) -> bool {
    let good = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    rest.len() <= LONGEST_GROUP
        && rest.bytes().next_back().is_some_and(good)
        && rest.bytes().all(|it| good(it) || it == b':' || it == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::ByteString;

    #[test]
    fn a_token_has_two_halves() {
        let check = |token: &str, expect: bool| assert_eq!(split(token).is_some(), expect, "{token}");
        check("abcdef.0123456789abcdef", true);
        check("Abcdef.0123456789abcdef", false);
        check("abcde.0123456789abcdef", false);
        check("abcdef.0123456789abcde", false);
        check("abcdef.0123456789abcdef.x", false);
        check("abcdef", false);
    }

    /// The token `abcdef.0123456789abcdef`, with some fields changed or left out.
    #[track_caller]
    fn check(changes: &[(&str, &str)], expect: Result<&[&str], Refusal>) {
        let good = [
            ("token-id", "abcdef"),
            ("token-secret", "0123456789abcdef"),
            ("usage-bootstrap-authentication", "true"),
            ("expiration", "2030-01-01T00:00:01Z"),
        ];
        let data = good
            .iter()
            .chain(changes)
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        let secret = Secret { data: Some(data.collect()), type_: Some(TYPE.to_owned()), ..Secret::default() };
        let now = "2030-01-01T00:00:00Z".parse().unwrap();
        let user = user_of(&secret, "abcdef", "0123456789abcdef", now);
        let expect = expect.map(|groups| {
            let groups = ["system:bootstrappers"].iter().chain(groups).map(|it| (*it).to_owned());
            UserInfo::authenticated("system:bootstrap:abcdef", groups)
        });
        assert_eq!(user, expect, "{changes:?}");
    }

    #[test]
    fn a_token_lets_in_whom_its_secret_names() {
        check(&[], Ok(&[]));
        let groups = "system:bootstrappers:kubeadm:default-node-token,system:bootstrappers:a";
        let told = ["system:bootstrappers:kubeadm:default-node-token", "system:bootstrappers:a"];
        check(&[("auth-extra-groups", groups)], Ok(&told));
        check(&[("auth-extra-groups", "system:masters")], Err(Refusal::Group));
        check(&[("auth-extra-groups", "system:bootstrappers:")], Err(Refusal::Group));
        check(&[("auth-extra-groups", "system:bootstrappersx")], Err(Refusal::Group));
        check(&[("token-id", "abcdeg")], Err(Refusal::Id));
        check(&[("token-secret", "0123456789abcdeg")], Err(Refusal::Key));
        check(&[("token-secret", "")], Err(Refusal::Key));
        check(&[("usage-bootstrap-authentication", "yes")], Err(Refusal::Usage));
        check(&[("expiration", "2030-01-01T00:00:00Z")], Err(Refusal::Ended));
        check(&[("expiration", "soon")], Err(Refusal::Ended));
        check(&[("expiration", "")], Ok(&[]));
    }
}
