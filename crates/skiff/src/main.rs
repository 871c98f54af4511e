//! The launcher `skiff`: whole clusters on one machine.
//!
//! Start at [`args`], the command line; each command is a file in [`command`]. A cluster is described by
//! [`cluster::Cluster`] in its folder ([`home`]), runs in one background process ([`serve`]) or in one process for each
//! daemon ([`separate`]), and takes commands over a socket ([`control`]).

mod args;
mod cluster;
mod command;
mod control;
mod docker;
mod home;
mod images;
mod material;
mod separate;
mod serve;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(args::Args::parse())
}
