//! What the tests of the whole repository share: the workspace as data for `tidy`.
//!
//! Start at [`workspace::Workspace`]. The rules themselves are in `tests/tidy.rs`; the tests that run clusters are in
//! `tests/it`. Nothing here knows a rule.

pub mod tokens;
pub mod workspace;
