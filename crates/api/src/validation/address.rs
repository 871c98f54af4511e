//! What is wrong with the kinds that say which addresses services may have, and have (KEP-1880).

use crate::field::{Error, Errors, Path};
use crate::validation::common::{IMMUTABLE, all, immutable, optional, required, shown};
use crate::validation::names;
use k8s_openapi::api::networking::v1::{IPAddress, ServiceCIDR};

/// What is wrong with a ServiceCIDR: it has a range of each family at most.
pub fn service_range(range: &ServiceCIDR) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec").child("cidrs"));
    let ranges = range.spec.as_ref().and_then(|it| it.cidrs.as_deref()).unwrap_or_default();
    let is_v6 = |it: &String| it.contains(':');
    match ranges {
        [] => errors.push(Error::required(&path, "at least one CIDR required")),
        [_, _, _, ..] => {
            errors.push(Error::invalid(&path, shown(&range.spec), "may only hold up to 2 values"));
        }
        [first, second] if is_v6(first) == is_v6(second) => {
            let detail =
                "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96";
            errors.push(Error::invalid(&path, shown(&range.spec), detail));
        }
        ranges => {
            for (index, it) in ranges.iter().enumerate() {
                all(&mut errors, &path.index(index), it, names::cidr(it));
            }
        }
    }
    errors
}

/// What is wrong with a change of a ServiceCIDR: it may get a second family, and nothing else.
pub fn service_range_update(new: &ServiceCIDR, old: &ServiceCIDR) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec").child("cidrs"));
    let ranges = |it: &ServiceCIDR| it.spec.as_ref().and_then(|it| it.cidrs.clone()).unwrap_or_default();
    let (new, old) = (ranges(new), ranges(old));
    if new.len() < old.len() {
        errors.push(Error::invalid(&path, shown(&new), IMMUTABLE));
    }
    for (index, (new, _)) in new.iter().zip(&old).enumerate().filter(|(_, (new, old))| new != old) {
        errors.push(Error::invalid(&path.index(index), new.as_str(), IMMUTABLE));
    }
    errors
}

/// What is wrong with an IPAddress.
pub fn address(address: &IPAddress) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec").child("parentRef"));
    let parent = &address.spec.parent_ref;
    optional(&mut errors, &path.child("group"), parent.group.as_deref(), names::dns_subdomain);
    required(&mut errors, &path.child("resource"), &parent.resource, names::path_segment);
    required(&mut errors, &path.child("name"), &parent.name, names::path_segment);
    optional(&mut errors, &path.child("namespace"), parent.namespace.as_deref(), names::path_segment);
    errors
}

/// What is wrong with a change of an IPAddress.
pub fn address_update(new: &IPAddress, old: &IPAddress) -> Errors {
    let mut errors = Errors::new();
    let path = Path::new("spec").child("parentRef");
    immutable(&mut errors, &path, &new.spec.parent_ref, &old.spec.parent_ref);
    errors
}
