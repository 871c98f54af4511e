//! Schemas of custom resources, and what is done with values by them: prune, default, validate, run rules.
//!
//! Start at [`Structural`], a version's schema compiled once; [`check`] says what is wrong with a definition's schemas.
//! [`cel`] is the expression language of `x-kubernetes-validations` and of admission, [`columns`] and [`JsonPath`] are
//! the printer columns and selectable fields. Everything is pure: values and time come in, values and errors go out.
//!
//! Refuses to know names, versions and conversions of a definition (the API's vocabulary validates them), metadata of
//! objects (any object's validation does), and the store. Whatever is handed in, memory and time stay bounded: schemas
//! have a depth, patterns a size, expressions a length, a depth, an estimated cost and a budget at run time.
#![warn(missing_docs)]

pub mod cel;
mod check;
pub mod columns;
mod correlate;
mod default;
mod embedded;
mod format;
mod jsonpath;
mod junctor;
mod pattern;
mod prune;
mod schema;
mod sets;
mod validate;
mod walk;

pub use check::check;
pub use correlate::Old;
pub use jsonpath::JsonPath;
pub use pattern::Pattern;
pub use schema::{Additional, Error, ListType, MAX_DEPTH, Shape, Structural, Type};
pub use validate::Findings;

#[cfg(test)]
mod tests;
