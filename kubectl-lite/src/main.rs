//! `kubectl-lite`, a small kubectl: the commands that people type, with kubectl's flags, outputs and exit codes.
//!
//! Start at [`args`] for what can be typed and at [`command`] for what each command does. What is printed is made by
//! pure functions in [`print`]; which object a word such as `deploy/web` means is decided in [`resolve`]. Plugins,
//! kustomize and Go templates are refused.

mod apply;
mod args;
mod command;
mod error;
mod manifest;
mod output;
mod print;
mod request;
mod resolve;
mod session;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return args::exit_code_of(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return error::report(&error.into()),
    };
    let result = runtime.block_on(command::run(cli));
    // A read of the terminal may still block its thread; nobody waits for it.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&error),
    }
}
