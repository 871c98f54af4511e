//! Clusters on the Docker Engine of this machine.
//!
//! Start at [`cluster::Cluster`]: each test has one of its own, made by `skiff up` and removed at the end, also of a
//! failure; what a killed test run leaves, the next one removes. The programs are those beside the tests, as
//! `cargo build --workspace --bins --tests` leaves them. Every wait says what it is for.

mod cluster;
mod crashes;
mod docker;
mod helm;
mod kube_rs;
mod lifecycle;
mod lite;
mod nodes;
mod process;
mod workloads;
