//! Running programs, and finding those that run.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that this build has made.
pub(super) fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own file");
    // .../debug/deps/it-HASH: the programs are one folder up.
    let folder = own.parent().and_then(Path::parent).expect("tests are built in a folder of a folder");
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins --tests", path.display());
    path
}

/// Runs a program to its end and returns what it wrote: on standard output if it succeeded, else all of it.
pub(super) fn run(command: &mut Command, input: &str) -> Result<String, String> {
    let shown = format!("{command:?}");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(|error| format!("{shown}: {error}"))?;
    // A program that does not read its input is free to do so.
    _ = child.stdin.take().expect("it was asked for").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| format!("{shown}: {error}"))?;
    let [out, err] = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    if output.status.success() { Ok(out) } else { Err(format!("{shown}: {}\n{out}{err}", output.status)) }
}

/// The processes whose command line holds `text`: number and command line.
pub(super) fn with(text: &str) -> Vec<(i32, String)> {
    let entries = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let numbers = entries.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    let line = |pid: i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    let own = std::process::id();
    numbers
        .filter_map(line)
        .filter(|(pid, line)| line.contains(text) && u32::try_from(*pid) != Ok(own))
        .collect()
}

/// Whether a process is there.
pub(super) fn is_alive(pid: i32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Ends a process at once, as `kill -9` does.
pub(super) fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("the process is there and ours");
}
