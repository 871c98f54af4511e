//! Whole clusters, from the outside.
//!
//! [`inside`] has clusters in this process, on engines that run nothing, in paused time: they prove what the parts do
//! together, and take no time. [`engine`] has clusters on the Docker Engine of this machine, made by the launcher and
//! used through real kubectl, as people do; nextest's profile `e2e` runs them (`make e2e`).

#[cfg(test)]
mod engine;
#[cfg(test)]
mod inside;
