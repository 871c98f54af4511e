//! Certificates and keys of a cluster: made on the first start, kept, and made anew when they near their end.

use crate::cluster::{Cluster, Node};
use anyhow::{Context, Result};
use client::kubeconfig::{Credentials, Kubeconfig};
use daemon::Clock;
use pki::files::Audience;
use pki::tokens::Signer;
use pki::{Authority, Pair, San, Validity};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CA_DAYS: u32 = 3650;
const LEAF_DAYS: u32 = 365;

/// Makes and keeps a cluster's certificates.
pub(crate) struct Material {
    folder: PathBuf,
    authority: Arc<Authority>,
    clock: Clock,
}

impl Material {
    /// Opens the folder, and makes the authority if it is not there.
    pub(crate) fn open(folder: &Path, clock: Clock) -> Result<Self> {
        let validity = Validity::days(clock.now(), CA_DAYS);
        let authority = Authority::load_or_create(folder, "skiff-ca", validity)
            .with_context(|| format!("failed to open the cluster's authority in {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), authority: Arc::new(authority), clock })
    }

    /// What signs certificates.
    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// The authority's certificate.
    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.cert_pem()
    }

    /// The signer of service account tokens.
    pub(crate) fn tokens(&self) -> Result<Signer> {
        let signer = Signer::load_or_create(&self.folder.join("service-accounts.key"), ISSUER);
        signer.context("failed to open the key for service account tokens")
    }

    /// What the API server shows its callers.
    pub(crate) fn server(&self, cluster: &Cluster) -> Result<Pair> {
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let mut sans: Vec<San> = names.iter().map(|it| San::of(it)).collect();
        sans.push(San::of("kubernetes.default.svc.cluster.local"));
        sans.push(San::of("127.0.0.1"));
        sans.push(San::of(&cluster.gateway().to_string()));
        sans.push(San::of(&cluster.api_service().to_string()));
        self.kept("apiserver", |validity| self.authority.issue_server("kube-apiserver", &sans, validity))
    }

    /// What a node shows the API server.
    pub(crate) fn node_server(&self, node: &Node, address: IpAddr) -> Result<Pair> {
        let sans = [San::of(&node.name), San::of("127.0.0.1"), San::of(&address.to_string())];
        let name = format!("system:node:{}", node.name);
        let file = format!("kubelet-{}", node.name);
        self.kept(&file, |validity| self.authority.issue_server(&name, &sans, validity))
    }

    /// A certificate for a client.
    pub(crate) fn client(&self, file: &str, user: &str, groups: &[&str]) -> Result<Pair> {
        self.kept(file, |validity| self.authority.issue_client(user, groups, validity))
    }

    /// The file of a kubeconfig for a daemon. It is written only when it would say something else, since daemons read it
    /// again whenever it is written.
    pub(crate) fn kubeconfig(
        &self,
        cluster: &Cluster,
        name: &str,
        user: &str,
        groups: &[&str],
    ) -> Result<PathBuf> {
        let pair = self.client(name, user, groups)?;
        let credentials = Credentials {
            server: format!("https://127.0.0.1:{}", cluster.port),
            ca_pem: self.ca_pem().as_bytes().to_vec(),
            identity_pem: Some((pair.cert_pem.into_bytes(), pair.key_pem.into_bytes())),
            ..Credentials::default()
        };
        let mut kubeconfig = Kubeconfig::default();
        kubeconfig.put(&cluster.context(), &credentials);
        let path = self.folder.join(format!("{name}.kubeconfig"));
        if Kubeconfig::load(&path).ok().as_ref() != Some(&kubeconfig) {
            kubeconfig.save(&path)?;
        }
        Ok(path)
    }

    /// The pair of this file, if it is good for long enough; else a new one, which is kept.
    fn kept(&self, file: &str, issue: impl FnOnce(Validity) -> Result<Pair, pki::Error>) -> Result<Pair> {
        let now = self.clock.now();
        let paths = (self.folder.join(format!("{file}.crt")), self.folder.join(format!("{file}.key")));
        if let (Some(cert_pem), Some(key_pem)) =
            (pki::files::read_if_present(&paths.0)?, pki::files::read_if_present(&paths.1)?)
            && !pki::renewal::due(&cert_pem, now)?
        {
            return Ok(Pair { cert_pem, key_pem });
        }
        let pair = issue(Validity::days(now, LEAF_DAYS))?;
        pki::files::write(&paths.1, pair.key_pem.as_bytes(), Audience::Owner)?;
        pki::files::write(&paths.0, pair.cert_pem.as_bytes(), Audience::Everybody)?;
        Ok(pair)
    }
}

/// Who issues service account tokens, as their `iss` claim says.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_kubeconfig_is_written_only_when_its_certificate_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::plan("dev", 1, &crate::cluster::Taken::default(), true).unwrap();
        // Which file it is, and the certificate in it.
        let at = |now: &str| {
            let material = Material::open(folder.path(), Clock::starting_at(now.parse().unwrap())).unwrap();
            let path = material.kubeconfig(&cluster, "scheduler", "system:kube-scheduler", &[]).unwrap();
            let credentials = Kubeconfig::load(&path).unwrap().credentials(None).unwrap();
            (std::fs::metadata(&path).unwrap().ino(), credentials.identity_pem.unwrap().0)
        };
        let first = at("2030-01-01T00:00:00Z");
        assert_eq!(at("2030-10-01T00:00:00Z"), first);
        let second = at("2030-11-01T00:00:00Z");
        assert!(second.0 != first.0 && second.1 != first.1);
        assert_eq!(at("2030-11-02T00:00:00Z"), second);
    }

    #[test]
    fn a_certificate_is_kept_until_its_last_fifth() {
        let folder = tempfile::tempdir().unwrap();
        let at = |now: &str| {
            let material = Material::open(folder.path(), Clock::starting_at(now.parse().unwrap())).unwrap();
            material.client("jane", "jane", &[]).unwrap().cert_pem
        };
        let first = at("2030-01-01T00:00:00Z");
        assert_eq!(at("2030-10-01T00:00:00Z"), first);
        let second = at("2030-11-01T00:00:00Z");
        assert_ne!(second, first);
        assert_eq!(at("2031-01-02T00:00:00Z"), second);
    }
}
