//! Writing volumes to the host's disk. Everything here blocks: call it on a thread made for that.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use api::k8s::api::core::v1::HostPathVolumeSource;

use crate::compose::HostFolder;

use super::{File, Files};

/// The link that always leads to the newest files.
const DATA: &str = "..data";
/// The link that is about to become [`DATA`].
const NEXT: &str = "..data_tmp";

/// Brings a folder to hold exactly `files`, in one step: files live in a folder of their own time, [`DATA`] leads
/// there, and renaming a link over it changes them all at once. A folder that holds them already is left alone.
pub(crate) fn write_files(folder: &Path, files: &Files, stamp: &str, group: Option<u32>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(if group.is_some() { 0o2777 } else { 0o777 }))?;
    give_to(folder, group)?;
    let old = fs::read_link(folder.join(DATA)).ok();
    if old.as_ref().is_some_and(|old| holds(&folder.join(old), files, group)) {
        return Ok(());
    }
    let fresh = PathBuf::from(format!("..{stamp}"));
    write_all(&folder.join(&fresh), files, group)?;
    let next = folder.join(NEXT);
    remove_file(&next)?;
    symlink(&fresh, &next)?;
    fs::rename(&next, folder.join(DATA))?;
    link_names(folder, files)?;
    match old {
        Some(old) if old != fresh => fs::remove_dir_all(folder.join(old)),
        _ => Ok(()),
    }
}

fn write_all(folder: &Path, files: &Files, group: Option<u32>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    for (path, File { bytes, mode }) in files {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&place, bytes)?;
        fs::set_permissions(&place, fs::Permissions::from_mode(mode_for(*mode, group)))?;
        give_to(&place, group)?;
    }
    Ok(())
}

/// A volume's group can read what its owner can.
fn mode_for(mode: u32, group: Option<u32>) -> u32 {
    if group.is_some() { mode | 0o440 } else { mode }
}

fn give_to(path: &Path, group: Option<u32>) -> io::Result<()> {
    group.map_or(Ok(()), |group| chown(path, None, Some(group)))
}

/// Whether a folder holds exactly these files.
fn holds(folder: &Path, files: &Files, group: Option<u32>) -> bool {
    let same = |(path, file): (&String, &File)| {
        let place = folder.join(path);
        let mode = fs::metadata(&place).map(|it| it.permissions().mode() & 0o777);
        fs::read(&place).is_ok_and(|bytes| bytes == file.bytes)
            && mode.is_ok_and(|it| it == mode_for(file.mode, group))
    };
    count(folder).is_ok_and(|count| count == files.len()) && files.iter().all(same)
}

fn count(folder: &Path) -> io::Result<usize> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(sum)
}

/// The names that users see: links through [`DATA`]. Those of files that went are removed.
fn link_names(folder: &Path, files: &Files) -> io::Result<()> {
    let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let names: std::collections::BTreeSet<String> = files.keys().map(|path| first(path)).collect();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !names.contains(&name) {
            remove_file(&folder.join(name))?;
        }
    }
    for name in &names {
        match symlink(Path::new(DATA).join(name), folder.join(name)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes an empty folder that everybody may write to; one that is there stays as it is.
pub(crate) fn make_empty_dir(folder: &Path, group: Option<u32>) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    give_to(folder, group)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(if group.is_some() { 0o2777 } else { 0o777 }))
}

/// The bytes that a folder takes on disk, links not followed.
pub(crate) fn size_of(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        // Blocks, not lengths: a file with holes takes less than it says.
        sum += if found.is_dir() { size_of(&entry.path())? } else { found.blocks() * 512 };
    }
    Ok(sum)
}

/// Why a path of the host is not what the pod says it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostPathError {
    /// It is something else, or not there.
    #[error("hostPath type check failed: {path} is not a {kind}")]
    Kind {
        /// Where.
        path: String,
        /// What it should be.
        kind: &'static str,
    },
    /// It could not be made.
    #[error("failed to make {path}: {source}")]
    Make {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Checks, or makes, a path of the host as its type says.
pub(crate) fn check_host_path(source: &HostPathVolumeSource) -> Result<(), HostPathError> {
    let path = Path::new(&source.path);
    let make = |result: io::Result<()>| {
        result.map_err(|error| HostPathError::Make { path: source.path.clone(), source: error })
    };
    let is = |kind: &'static str, test: fn(&fs::FileType) -> bool| {
        let holds = fs::metadata(path).is_ok_and(|it| test(&it.file_type()));
        if holds { Ok(()) } else { Err(HostPathError::Kind { path: source.path.clone(), kind }) }
    };
    match source.type_.as_deref().unwrap_or_default() {
        "DirectoryOrCreate" => {
            make(make_folder(path))?;
            is("directory", fs::FileType::is_dir)
        }
        "FileOrCreate" => {
            make(make_file(path))?;
            is("file", fs::FileType::is_file)
        }
        "Directory" => is("directory", fs::FileType::is_dir),
        "File" => is("file", fs::FileType::is_file),
        "Socket" => is("socket file", FileTypeExt::is_socket),
        "CharDevice" => is("character device", FileTypeExt::is_char_device),
        "BlockDevice" => is("block device", FileTypeExt::is_block_device),
        // Without a type nothing is checked; the engine needs something to mount, as it always had.
        _ if path.exists() => Ok(()),
        _ => make(make_folder(path)),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn make_file(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::File::create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Makes a folder inside a volume, and refuses one that a link leads out of it.
pub(crate) fn make_inside(folder: &HostFolder) -> io::Result<()> {
    if !folder.path.exists() {
        let above = existing_ancestor(&folder.path);
        inside(&folder.volume, above)?;
        fs::create_dir_all(&folder.path)?;
        fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o755))?;
    }
    inside(&folder.volume, &folder.path)
}

fn existing_ancestor(path: &Path) -> &Path {
    path.ancestors().find(|it| it.exists()).unwrap_or(path)
}

fn inside(volume: &Path, path: &Path) -> io::Result<()> {
    let within = fs::canonicalize(path)?.starts_with(fs::canonicalize(volume)?);
    let why = || io::Error::new(ErrorKind::PermissionDenied, "subPath leads out of the volume");
    if within { Ok(()) } else { Err(why()) }
}

/// Writes a file that containers write to as well: the node's word first, and anybody may change it.
pub(crate) fn write_shared(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Removes a pod's folder; one that is gone already is fine.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
