//! Users, groups and rights: the container's own security context wins over the pod's.

use api::k8s::api::core::v1::{PodSecurityContext, SeccompProfile, SecurityContext};

use crate::{container_runtime::Security, events::full_name};

use super::{ConfigError, Inputs};

/// What a container may do, or why it must not run at all.
pub(super) fn security_of(inputs: &Inputs<'_>) -> Result<Security, ConfigError> {
    let (no_pod, no_own) = (PodSecurityContext::default(), SecurityContext::default());
    let of_pod = inputs.spec.security_context.as_ref().unwrap_or(&no_pod);
    let own = inputs.container.security_context.as_ref().unwrap_or(&no_own);
    let user = own.run_as_user.or(of_pod.run_as_user);
    if own.run_as_non_root.or(of_pod.run_as_non_root) == Some(true) {
        refuse_root(inputs, user)?;
    }
    let group = own.run_as_group.or(of_pod.run_as_group);
    let mut groups: Vec<i64> = of_pod.supplemental_groups.clone().unwrap_or_default();
    groups.extend(of_pod.fs_group);
    let capabilities = own.capabilities.clone().unwrap_or_default();
    Ok(Security {
        user: user_text(user, group, &inputs.image.user),
        groups,
        cap_add: capabilities.add.unwrap_or_default(),
        cap_drop: capabilities.drop.unwrap_or_default(),
        privileged: own.privileged == Some(true),
        read_only_root: own.read_only_root_filesystem == Some(true),
        options: options_of(own, of_pod)?,
    })
}

/// Whatever starts in a pause container needs no more rights than what it started with.
pub(super) fn sandbox_security() -> Security {
    Security { options: vec![NO_NEW_PRIVILEGES.to_owned()], ..Security::default() }
}

const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

fn user_text(user: Option<i64>, group: Option<i64>, of_image: &str) -> Option<String> {
    match (user, group) {
        (None, None) => None,
        (Some(user), None) => Some(user.to_string()),
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (None, Some(group)) => {
            let user = of_image.split(':').next().filter(|it| !it.is_empty()).unwrap_or("0");
            Some(format!("{user}:{group}"))
        }
    }
}

fn refuse_root(inputs: &Inputs<'_>, user: Option<i64>) -> Result<(), ConfigError> {
    let (pod, container) = (full_name(inputs.pod), &inputs.container.name);
    let place = format!("(pod: \"{pod}\", container: {container})");
    let of_image = inputs.image.user.split(':').next().unwrap_or_default();
    match (user, of_image.parse::<i64>()) {
        (Some(0), _) => {
            Err(ConfigError::Root(format!("container's runAsUser breaks non-root policy {place}")))
        }
        (Some(_), _) => Ok(()),
        (None, Ok(0)) => root_image(&place),
        (None, Ok(_)) => Ok(()),
        (None, Err(_)) if of_image.is_empty() => root_image(&place),
        (None, Err(_)) => Err(ConfigError::Root(format!(
            "container has runAsNonRoot and image has non-numeric user ({of_image}), cannot verify user is non-root \
             {place}"
        ))),
    }
}

fn root_image(place: &str) -> Result<(), ConfigError> {
    let why = "container has runAsNonRoot and image will run as root";
    Err(ConfigError::Root(format!("{why} {place}; set runAsUser to another user's number")))
}

/// The engine's security options. Its own defaults hold where the pod says nothing.
fn options_of(own: &SecurityContext, of_pod: &PodSecurityContext) -> Result<Vec<String>, ConfigError> {
    let mut options = Vec::new();
    if own.allow_privilege_escalation == Some(false) && own.privileged != Some(true) {
        options.push(NO_NEW_PRIVILEGES.to_owned());
    }
    if let Some(profile) = own.seccomp_profile.as_ref().or(of_pod.seccomp_profile.as_ref()) {
        options.extend(seccomp_option(profile)?);
    }
    let app_armor = own.app_armor_profile.as_ref().or(of_pod.app_armor_profile.as_ref());
    match app_armor.map(|it| (it.type_.as_str(), it.localhost_profile.as_deref())) {
        Some(("Unconfined", _)) => options.push("apparmor=unconfined".to_owned()),
        Some(("Localhost", Some(name))) => options.push(format!("apparmor={name}")),
        _ => {}
    }
    Ok(options)
}

fn seccomp_option(profile: &SeccompProfile) -> Result<Option<String>, ConfigError> {
    match profile.type_.as_str() {
        "Unconfined" => Ok(Some("seccomp=unconfined".to_owned())),
        "Localhost" => Err(ConfigError::Unsupported(
            "seccomp profiles of type Localhost are not supported on this node".to_owned(),
        )),
        _ => Ok(None),
    }
}
