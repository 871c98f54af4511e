//! The repository as data: its files, its packages and what they depend on.

use crate::tokens::{self, Token};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that hold no text of ours.
const NOT_OURS: [&str; 2] = [".git", "target"];

/// The whole repository.
pub struct Workspace {
    /// Its root.
    pub root: PathBuf,
    /// Every package, by name.
    pub packages: Vec<Package>,
    /// Every text file, by path.
    pub files: Vec<File>,
}

/// A package of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, from the root.
    pub folder: String,
    /// The workspace's packages that it needs outside its tests.
    pub needs: Vec<String>,
}

/// A text file.
#[derive(Debug)]
pub struct File {
    /// Its path, from the root.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Workspace {
    /// Reads the repository that this package lies in.
    pub fn read() -> Result<Self> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package has no parent folder")?;
        let mut files = Vec::new();
        collect(root, root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root: root.to_owned(), packages: packages(root)?, files })
    }

    /// The Rust files.
    pub fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|it| it.path.ends_with(".rs"))
    }

    /// A file by its path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|it| it.path == path)
    }
}

impl File {
    /// Whether the whole file is a test or there for tests only.
    pub fn is_test(&self) -> bool {
        let file = self.path.rsplit('/').next();
        let folder = ["tests/", "crates/testkit/"].iter().any(|it| self.path.starts_with(it));
        folder
            || self.path.contains("/tests/")
            || matches!(file, Some("tests.rs" | "fixtures.rs" | "golden.rs"))
    }

    /// The code without its test module, which stands at the end.
    pub fn code(&self) -> &str {
        let mut from = 0;
        while let Some(found) = self.text[from..].find("\n#[cfg(test)]\n") {
            let at = from + found;
            let mut behind = self.text[at..].lines().skip(2);
            if behind.find(|it| !it.starts_with("#[")).is_some_and(begins_module) {
                return &self.text[..=at];
            }
            from = at + 1;
        }
        &self.text
    }

    /// Words and literals outside comments and tests; none if the whole file is a test.
    pub fn tokens(&self) -> Vec<Token<'_>> {
        if self.is_test() { Vec::new() } else { tokens::of(self.code()) }
    }

    /// The words outside comments, literals and tests.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let word = |it| if let Token::Word(word) = it { Some(word) } else { None };
        self.tokens().into_iter().filter_map(word)
    }

    /// The string literals outside comments and tests.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let literal = |it| if let Token::Literal(text) = it { Some(text) } else { None };
        self.tokens().into_iter().filter_map(literal)
    }
}

fn begins_module(line: &str) -> bool {
    line.starts_with("mod ") || (line.starts_with("pub") && line.contains(" mod "))
}

/// All text files below a folder.
fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let (entry, path) = entry.map(|it| (it.file_name(), it.path()))?;
        if path.is_symlink() || NOT_OURS.iter().any(|it| entry == *it) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        // What is not text, such as an image, says nothing that a rule could mind.
        if let Ok(text) = String::from_utf8(bytes) {
            let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.push(File { path, text });
        }
    }
    Ok(())
}

/// The workspace's packages, as cargo sees them.
fn packages(root: &Path) -> Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(root).output();
    let output = output.context("failed to run cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo's answer names no packages")?;
    packages.iter().map(|it| package(root, it)).collect()
}

fn package(root: &Path, package: &Value) -> Result<Package> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().context("a manifest has no folder")?.strip_prefix(root)?;
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let ours = dependencies.filter(|it| it["kind"] != "dev" && it["path"].is_string());
    Ok(Package {
        name: text(&package["name"]),
        folder: folder.to_string_lossy().into_owned(),
        needs: ours.map(|it| text(&it["name"])).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, code: &str, is_test: bool) {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        assert_eq!((file.code(), file.is_test()), (code, is_test), "{path}");
    }

    #[test]
    fn code_ends_where_the_test_module_begins() {
        check("a/src/b.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {}\n", "fn f() {}\n\n", false);
        check("a/src/b.rs", "a\n#[cfg(test)]\n#[path = \"x\"]\npub(crate) mod tests;\n", "a\n", false);
        let uses = "a\n#[cfg(test)]\nuse b;\nc\n";
        check("a/src/b.rs", uses, uses, false);
        check("a/src/b/tests.rs", "a", "a", true);
        check("a/tests/b.rs", "a", "a", true);
        check("tests/src/b.rs", "a", "a", true);
    }
}
