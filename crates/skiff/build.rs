//! Builds the static programs of the images, so that the launcher carries them and a cluster needs no registry.

use std::path::PathBuf;
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("../workloads");
    println!("cargo::rerun-if-changed={}", root.join("src").display());
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    let out = PathBuf::from(env("OUT_DIR")).join("static");
    // A target directory of its own: the build that runs this script holds the lock of the other.
    let status = Command::new(env("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "workloads",
            "--bins",
            "--profile",
            "dist",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&out)
        .current_dir(&root)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // Clippy and the like wrap rustc to look only; these programs must come out.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static")
        .env("CARGO_PROFILE_DIST_OPT_LEVEL", "s")
        .env("CARGO_PROFILE_DIST_PANIC", "abort")
        .status()
        .expect("cargo runs, as it runs this script");
    assert!(status.success(), "failed to build the programs of the images: see cargo's message above");
    println!("cargo::rustc-env=IMAGE_PROGRAMS={}", out.join(TARGET).join("dist").display());
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
