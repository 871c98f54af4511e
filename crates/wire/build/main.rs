//! Makes the descriptor table that `src/descriptor.rs` includes.
//!
//! Two published crates each know half of it. k8s-pb is upstream's `.proto` files compiled by prost, so its text has
//! every message, field number and wire type, but prost has renamed the fields. k8s-openapi is upstream's OpenAPI
//! document, so its text has the JSON name of every field and says which ones are required. `protobuf.rs` reads the
//! first, `openapi.rs` the second, `table.rs` joins them, and `facts.rs` and `newer.rs` hold the little that neither says.
//!
//! Start at `main`. Nothing here guesses: a text that lost its shape fails the build instead of thinning the table.

mod facts;
mod newer;
mod openapi;
mod protobuf;
mod table;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The Kubernetes version the workspace speaks, as a folder of k8s-openapi.
const OPENAPI_VERSION: &str = "v1_37";

#[expect(clippy::print_stdout, reason = "how a build script speaks to cargo")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let packages = packages()?;
    let mut messages = protobuf::read(&source_of(&packages, "k8s-pb")?)?;
    newer::add_to(&mut messages)?;
    let schemas = openapi::read(&source_of(&packages, "k8s-openapi")?.join(OPENAPI_VERSION))?;
    let text = table::render(&messages, &schemas)?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("table.rs"), text)?;
    Ok(())
}

/// What cargo resolved, from the lock file. Only cargo knows where a package's text is: in its registry folder, in a
/// vendored one, or wherever a `[patch]` points.
fn packages() -> Result<serde_json::Value, Box<dyn Error>> {
    let output = Command::new(env::var("CARGO")?)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &env::var("HOST")?])
        .current_dir(env::var("CARGO_MANIFEST_DIR")?)
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn source_of(packages: &serde_json::Value, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let manifest = packages["packages"]
        .as_array()
        .and_then(|all| all.iter().find(|package| package["name"] == name))
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or_else(|| format!("cargo metadata does not list {name}"))?;
    Ok(Path::new(manifest).with_file_name("src"))
}

/// Every Rust file below `root`, with its folder relative to `root`, in a stable order.
fn rust_files(root: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for path in entries.iter().map(fs::DirEntry::path) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let package = folder.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                files.push((package, fs::read_to_string(path)?));
            }
        }
    }
    Ok(files)
}
