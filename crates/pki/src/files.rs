//! Files that hold keys and certificates: read with the path in the error, written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::Error;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Its owner only (0600): keys, tokens, kubeconfigs.
    Owner,
    /// Everybody (0644): certificates.
    Everybody,
}

impl Audience {
    fn mode(self) -> u32 {
        match self {
            Audience::Owner => 0o600,
            Audience::Everybody => 0o644,
        }
    }
}

/// Replaces the file at `path`, creating its folder when missing. A crash leaves the old content or the new one, never a
/// part; the mode holds from the first byte on. Two writers of one path at the same time are not supported.
pub fn write(path: &Path, content: &[u8], audience: Audience) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    replace(path, content, audience).map_err(failed)
}

fn replace(path: &Path, content: &[u8], audience: Audience) -> io::Result<()> {
    let staged = staged_of(path);
    // A crash may have left one behind, perhaps with another mode.
    absent_is_none(fs::remove_file(&staged))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(audience.mode()).open(&staged)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&staged, path)?;
    sync_folder(path)
}

fn staged_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Makes the rename itself durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The text at `path`.
pub fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// The text at `path`, or `None` when there is no such file. Any other failure is an error, never an absence.
pub fn read_if_present(path: &Path) -> Result<Option<String>, Error> {
    absent_is_none(fs::read_to_string(path)).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_replaced_with_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/key");
        assert_eq!(read_if_present(&path).unwrap(), None);
        write(&path, b"one", Audience::Everybody).unwrap();
        assert_eq!(mode_of(&path), 0o644);
        // A leftover of a crash must not lend its mode to the new file.
        fs::write(staged_of(&path), "partial").unwrap();
        write(&path, b"two", Audience::Owner).unwrap();
        assert_eq!((mode_of(&path), read(&path).unwrap().as_str()), (0o600, "two"));
        assert!(!staged_of(&path).exists());
    }

    #[test]
    fn a_failure_is_not_an_absence() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_if_present(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Read { .. }), "{error}");
        let below_a_file = folder.path().join("file");
        fs::write(&below_a_file, "").unwrap();
        assert!(write(&below_a_file.join("key"), b"", Audience::Owner).is_err());
    }
}
