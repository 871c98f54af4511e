//! What pods must do that keep to what is known to be good practice. By id, as upstream orders them.

use super::baseline::{added_capabilities, has_own_users, proc_mount, seccomp, violation};
use super::checks::{Check, Setters, Subject, Violation, named, plural, quoted};
use super::containers::{Seen, all};
use api::k8s::api::core::v1::Volume;
use std::collections::BTreeSet;

pub(super) const CHECKS: &[Check] = &[
    Check::new("allowPrivilegeEscalation", &[(8, escalation), (25, not_on_windows_escalation)]),
    Check::new("capabilities_restricted", &[(22, capabilities), (25, not_on_windows_capabilities)])
        .overriding("capabilities_baseline"),
    Check::new("procMount_restricted", &[(35, proc_mount)]).overriding("procMount_baseline"),
    Check::new("restrictedVolumes", &[(0, volumes)]).overriding("hostPathVolumes"),
    Check::new("runAsNonRoot", &[(0, non_root), (35, non_root_of_host_users)]),
    Check::new("runAsUser", &[(23, root_user), (35, root_user_of_host_users)]),
    Check::new("seccompProfile_restricted", &[(19, seccomp_required), (25, not_on_windows_seccomp)])
        .overriding("seccompProfile_baseline"),
];

/// Fields that mean nothing on Windows are not asked of pods that say they run there.
fn is_for_windows(subject: &Subject<'_>) -> bool {
    subject.spec.os.as_ref().is_some_and(|it| it.name == "windows")
}

fn escalation(subject: &Subject<'_>) -> Option<Violation> {
    let good = |it: &Seen<'_>| it.security.is_some_and(|it| it.allow_privilege_escalation == Some(false));
    let bad: Vec<&str> = all(subject.spec).filter(|it| !good(it)).map(|it| it.name).collect();
    if bad.is_empty() {
        return None;
    }
    violation(
        "allowPrivilegeEscalation != false",
        format!("{} must set securityContext.allowPrivilegeEscalation=false", named("container", &bad)),
    )
}

fn not_on_windows_escalation(subject: &Subject<'_>) -> Option<Violation> {
    if is_for_windows(subject) { None } else { escalation(subject) }
}

fn capabilities(subject: &Subject<'_>) -> Option<Violation> {
    let drops = |it: &Seen<'_>| {
        let dropped = it.security.and_then(|it| it.capabilities.as_ref()?.drop.as_ref());
        dropped.is_some_and(|it| it.iter().any(|it| it == "ALL"))
    };
    let bad: Vec<&str> = all(subject.spec).filter(|it| !drops(it)).map(|it| it.name).collect();
    let missing = (!bad.is_empty()).then(|| {
        format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", named("container", &bad))
    });
    let added = added_capabilities(subject, &["NET_BIND_SERVICE"]);
    let details: Vec<String> = missing.into_iter().chain(added).collect();
    if details.is_empty() {
        return None;
    }
    violation("unrestricted capabilities", details.join("; "))
}

fn not_on_windows_capabilities(subject: &Subject<'_>) -> Option<Violation> {
    if is_for_windows(subject) { None } else { capabilities(subject) }
}

fn volumes(subject: &Subject<'_>) -> Option<Violation> {
    let (mut names, mut types) = (Vec::new(), BTreeSet::new());
    for volume in subject.spec.volumes.iter().flatten().filter(|it| !is_harmless(it)) {
        names.push(volume.name.as_str());
        types.insert(type_of(volume));
    }
    if names.is_empty() {
        return None;
    }
    let verb = if names.len() == 1 { "uses" } else { "use" };
    let what = plural("restricted volume type", types.len());
    let detail = format!("{} {verb} {what} {}", named("volume", &names), quoted(types));
    violation("restricted volume types", detail)
}

fn is_harmless(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.csi.is_some()
        || volume.downward_api.is_some()
        || volume.empty_dir.is_some()
        || volume.ephemeral.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.projected.is_some()
        || volume.secret.is_some()
}

fn type_of(volume: &Volume) -> &'static str {
    let types = [
        ("hostPath", volume.host_path.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("rbd", volume.rbd.is_some()),
        ("flexVolume", volume.flex_volume.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("cephfs", volume.cephfs.is_some()),
        ("flocker", volume.flocker.is_some()),
        ("fc", volume.fc.is_some()),
        ("azureFile", volume.azure_file.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
        ("quobyte", volume.quobyte.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("photonPersistentDisk", volume.photon_persistent_disk.is_some()),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("scaleIO", volume.scale_io.is_some()),
        ("storageos", volume.storageos.is_some()),
    ];
    types.into_iter().find(|(_, given)| *given).map_or("unknown", |(name, _)| name)
}

/// Nobody may ask for root, and everybody must say so: the container, or the pod for those that don't.
fn non_root(subject: &Subject<'_>) -> Option<Violation> {
    let own = subject.spec.security_context.as_ref().and_then(|it| it.run_as_non_root);
    let of = |it: &Seen<'_>| it.security.and_then(|it| it.run_as_non_root);
    let bad = all(subject.spec).filter(|it| of(it) == Some(false)).map(|it| it.name).collect();
    let setters = Setters { pod: own == Some(false), containers: bad, ..Setters::default() };
    if !setters.is_empty() {
        let detail = format!("{} must not set securityContext.runAsNonRoot=false", setters.text());
        return violation("runAsNonRoot != true", detail);
    }
    let silent = all(subject.spec).filter(|it| of(it).is_none() && own != Some(true));
    let silent: Vec<&str> = silent.map(|it| it.name).collect();
    if silent.is_empty() {
        return None;
    }
    let who = named("container", &silent);
    violation("runAsNonRoot != true", format!("pod or {who} must set securityContext.runAsNonRoot=true"))
}

fn non_root_of_host_users(subject: &Subject<'_>) -> Option<Violation> {
    if has_own_users(subject) { None } else { non_root(subject) }
}

fn root_user(subject: &Subject<'_>) -> Option<Violation> {
    let own = subject.spec.security_context.as_ref().and_then(|it| it.run_as_user);
    let root = |it: &Seen<'_>| it.security.is_some_and(|it| it.run_as_user == Some(0));
    let containers = all(subject.spec).filter(root).map(|it| it.name).collect();
    let setters = Setters { pod: own == Some(0), containers, ..Setters::default() };
    if setters.is_empty() {
        return None;
    }
    violation("runAsUser=0", format!("{} must not set runAsUser=0", setters.text()))
}

fn root_user_of_host_users(subject: &Subject<'_>) -> Option<Violation> {
    if has_own_users(subject) { None } else { root_user(subject) }
}

fn seccomp_required(subject: &Subject<'_>) -> Option<Violation> {
    let bad = seccomp(subject);
    if bad.is_some() {
        return bad;
    }
    let own = subject.spec.security_context.as_ref().is_some_and(|it| it.seccomp_profile.is_some());
    let given = |it: &Seen<'_>| it.security.is_some_and(|it| it.seccomp_profile.is_some());
    let silent: Vec<&str> = all(subject.spec).filter(|it| !own && !given(it)).map(|it| it.name).collect();
    if silent.is_empty() {
        return None;
    }
    let who = named("container", &silent);
    let detail = format!(
        "pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
    );
    violation("seccompProfile", detail)
}

fn not_on_windows_seccomp(subject: &Subject<'_>) -> Option<Violation> {
    if is_for_windows(subject) { None } else { seccomp_required(subject) }
}
