//! What is wrong with the security contexts of pods and containers.

use super::{MOST_SECONDS, no_backsteps};
use crate::field::{Error, Errors, Path};
use crate::validation::common::{all_of_number, one_of, optional_one_of, shown};
use crate::validation::names;
use k8s_openapi::api::core::v1::{AppArmorProfile, PodSecurityContext, PodSpec, SecurityContext};
use std::collections::BTreeSet;

/// Most bytes of the name of a profile, as Linux has it for paths.
const MOST_OF_PROFILE: usize = 4095;

/// The security context of a pod.
pub(super) fn of_pod(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    if spec.host_pid == Some(true) && spec.share_process_namespace == Some(true) {
        let path = path.child("shareProcessNamespace");
        errors.push(Error::invalid(&path, true, "ShareProcessNamespace and HostPID cannot both be enabled"));
    }
    let Some(context) = &spec.security_context else { return };
    for (name, id) in [
        ("fsGroup", context.fs_group),
        ("runAsUser", context.run_as_user),
        ("runAsGroup", context.run_as_group),
    ] {
        id_in_range(errors, &path.child(name), id);
    }
    for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
        id_in_range(errors, &path.child("supplementalGroups").index(index), Some(*group));
    }
    optional_one_of(
        errors,
        &path.child("fsGroupChangePolicy"),
        context.fs_group_change_policy.as_deref(),
        &["Always", "OnRootMismatch"],
    );
    if let Some(policy) = &context.supplemental_groups_policy {
        // Upstream takes an empty one for unknown.
        let known = ["Merge", "Strict"];
        if !known.contains(&policy.as_str()) {
            let path = path.child("supplementalGroupsPolicy");
            errors.push(Error::not_supported(&path, policy.as_str(), &known));
        }
    }
    sysctls(errors, &path.child("sysctls"), context);
    if let Some(profile) = &context.seccomp_profile {
        seccomp(errors, &path.child("seccompProfile"), &profile.type_, profile.localhost_profile.as_deref());
    }
    app_armor(errors, &path.child("appArmorProfile"), context.app_armor_profile.as_ref());
}

fn sysctls(errors: &mut Errors, path: &Path, context: &PodSecurityContext) {
    let mut seen = BTreeSet::new();
    for (index, sysctl) in context.sysctls.iter().flatten().enumerate() {
        let path = path.index(index).child("name");
        let good = |it: u8| {
            it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'.' | b'-' | b'_' | b'/')
        };
        if sysctl.name.is_empty() {
            errors.push(Error::required(&path, ""));
        } else if !sysctl.name.bytes().all(good) || sysctl.name.len() > 253 {
            errors.push(Error::invalid(
                &path,
                sysctl.name.as_str(),
                "must have at most 253 characters and match the format of a sysctl",
            ));
        } else if !seen.insert(&sysctl.name) {
            errors.push(Error::duplicate(&path, sysctl.name.as_str()));
        }
    }
}

/// A user's or a group's number.
fn id_in_range(errors: &mut Errors, path: &Path, id: Option<i64>) {
    if let Some(id) = id {
        all_of_number(errors, path, id, names::in_range(id, 0, MOST_SECONDS));
    }
}

fn seccomp(errors: &mut Errors, path: &Path, type_: &str, localhost: Option<&str>) {
    one_of(errors, &path.child("type"), Some(type_), &["Localhost", "RuntimeDefault", "Unconfined"]);
    let path = path.child("localhostProfile");
    match (type_, localhost) {
        ("Localhost", None) => {
            errors.push(Error::required(&path, "must be set when seccomp type is Localhost"))
        }
        ("Localhost", Some(_)) | (_, None) => {}
        (_, Some(profile)) => {
            errors.push(Error::invalid(&path, profile, "can only be set when seccomp type is Localhost"));
        }
    }
}

/// The security context of a container.
pub(super) fn of_container(errors: &mut Errors, path: &Path, context: &SecurityContext) {
    id_in_range(errors, &path.child("runAsUser"), context.run_as_user);
    id_in_range(errors, &path.child("runAsGroup"), context.run_as_group);
    let proc_mounts = ["Default", "Unmasked"];
    optional_one_of(errors, &path.child("procMount"), context.proc_mount.as_deref(), &proc_mounts);
    if let Some(profile) = &context.seccomp_profile {
        seccomp(errors, &path.child("seccompProfile"), &profile.type_, profile.localhost_profile.as_deref());
        no_backsteps(errors, path, profile.localhost_profile.as_deref().unwrap_or_default());
    }
    app_armor(errors, &path.child("appArmorProfile"), context.app_armor_profile.as_ref());
    if context.allow_privilege_escalation == Some(false) {
        if context.privileged == Some(true) {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(Error::invalid(path, shown(context), detail));
        }
        let added = context.capabilities.as_ref().and_then(|it| it.add.as_deref()).unwrap_or_default();
        if added.iter().any(|it| it == "CAP_SYS_ADMIN") {
            let detail =
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.push(Error::invalid(path, shown(context), detail));
        }
    }
}

/// The profile of AppArmor that confines a pod or a container.
fn app_armor(errors: &mut Errors, path: &Path, profile: Option<&AppArmorProfile>) {
    let Some(profile) = profile else { return };
    let known = ["Localhost", "RuntimeDefault", "Unconfined"];
    if profile.type_.is_empty() {
        errors.push(Error::required(&path.child("type"), "type is required when appArmorProfile is set"));
    } else {
        one_of(errors, &path.child("type"), Some(&profile.type_), &known);
    }
    let path = path.child("localhostProfile");
    let name = profile.localhost_profile.as_deref();
    if profile.type_ == "Localhost" {
        app_armor_name(errors, &path, name.unwrap_or_default());
    } else if let Some(name) = name.filter(|_| known.contains(&profile.type_.as_str())) {
        errors.push(Error::invalid(&path, name, "can only be set when AppArmor type is Localhost"));
    }
}

fn app_armor_name(errors: &mut Errors, path: &Path, name: &str) {
    if name != name.trim() {
        errors.push(Error::invalid(path, name, "must not be padded with whitespace"));
    } else if name.is_empty() {
        errors.push(Error::required(path, "must be set when AppArmor type is Localhost"));
    }
    if name.len() > MOST_OF_PROFILE {
        errors.push(Error::too_long(path, MOST_OF_PROFILE));
    }
}
