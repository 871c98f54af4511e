//! Clusters in this process. Each test has one of its own, with paused time: waiting costs nothing and repeats.

mod nodes;
mod tokens;
mod workloads;
