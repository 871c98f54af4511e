//! Custom resources: kinds that users define at run time.
//!
//! A [`definition`] adds rows to the table; from there on its objects go the way of every kind. What is their own is here:
//! the [`strategy`] that a schema makes, [`conversion`] between versions, the [`status`] of definitions and the
//! [`controller`] that follows them.

pub(crate) mod controller;
pub(crate) mod conversion;
pub(crate) mod definition;
pub(crate) mod ownership;
pub(crate) mod status;
mod strategy;
