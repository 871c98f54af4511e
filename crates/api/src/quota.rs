//! Resource quotas: what objects use, whom a quota concerns, and what is left of it.
//!
//! Start at [`charge`], which says whether a write fits into a quota, and [`used`], which counts what a namespace uses.
//! The API server charges with the first and both it and the quota controller count with the second, so that they never
//! disagree. Follows upstream's "Resource Quotas"; the messages are upstream's.
//!
//! Nothing here writes a status or knows where objects are kept.

mod charge;
mod count;
mod scope;
mod usage;

#[cfg(test)]
mod tests;

pub use charge::{charge, concerns};
pub use count::{Holdings, built_in_kind, counts, is_measured, used};
pub use scope::fits;
pub use usage::usage;

use crate::quantity;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Amounts by the names that quotas give to resources, such as `requests.cpu` and `count/jobs.batch`.
pub type Usage = BTreeMap<String, Quantity>;

/// Adds more of each resource.
pub(crate) fn add(total: &mut Usage, more: &Usage) {
    for (name, more) in more {
        let slot = total.entry(name.clone()).or_insert_with(zero);
        *slot = quantity::sum(slot, more);
    }
}

/// Those amounts whose name is good.
pub(crate) fn only(usage: &Usage, good: impl Fn(&str) -> bool) -> Usage {
    usage.iter().filter(|(name, _)| good(name)).map(|(name, it)| (name.clone(), it.clone())).collect()
}

pub(crate) fn zero() -> Quantity {
    Quantity("0".to_owned())
}
