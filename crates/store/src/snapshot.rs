//! The snapshot file: all objects of one revision, with a checksum over everything.
//!
//! ```text
//! "skiff snapshot\n"  format u32  revision u64  time u64
//! per object:  key length u32  value length u32  created u64  revision u64  key  value
//! end:         u32::MAX  count u64  SHA-256 of all bytes before
//! ```
//!
//! A file is written under another name, flushed, and renamed: a file with the right name is whole.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::disk;
use crate::error::SnapshotError;
use crate::mvcc::layout::{KEY_LIMIT, VALUE_LIMIT};
use crate::types::Record;

const MAGIC: &[u8; 15] = b"skiff snapshot\n";
const FORMAT: u32 = 1;
const END: u32 = u32::MAX;

/// Where a backend puts its objects.
pub(crate) trait Cut {
    /// Called first, with the revision that all objects are of and the time.
    fn begin(&mut self, revision: u64, time: u64) -> Result<(), SnapshotError>;
    /// Called for each object, in key order.
    fn record(&mut self, record: &Record) -> Result<(), SnapshotError>;
}

/// What the head and the tail of a snapshot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub revision: u64,
    pub objects: u64,
}

/// Writes the snapshot that `fill` produces to `to`, and gives its revision.
pub(crate) fn write(
    to: &Path,
    fill: impl FnOnce(&mut dyn Cut) -> Result<(), SnapshotError>,
) -> Result<u64, SnapshotError> {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let result = write_partial(&partial, fill).and_then(|revision| {
        disk::rename(&partial, to)?;
        Ok(revision)
    });
    if result.is_err() {
        // The first error is the one to tell; a left-over is overwritten by the next try.
        let _ = std::fs::remove_file(&partial);
    }
    result
}

fn write_partial(
    path: &Path,
    fill: impl FnOnce(&mut dyn Cut) -> Result<(), SnapshotError>,
) -> Result<u64, SnapshotError> {
    let file = disk::create_private(path).map_err(SnapshotError::io("create", path))?;
    let mut writer =
        Writer { path, file: BufWriter::new(file), hash: Sha256::new(), objects: 0, revision: 0 };
    fill(&mut writer)?;
    writer.finish()
}

struct Writer<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    hash: Sha256,
    objects: u64,
    revision: u64,
}

impl Writer<'_> {
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), SnapshotError> {
        for part in parts {
            self.hash.update(part);
            self.file.write_all(part).map_err(SnapshotError::io("write", self.path))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64, SnapshotError> {
        let objects = self.objects.to_be_bytes();
        self.put(&[&END.to_be_bytes(), &objects])?;
        let hash = self.hash.clone().finalize();
        let failed = || SnapshotError::io("write", self.path);
        self.file.write_all(&hash).map_err(failed())?;
        let file = self.file.into_inner().map_err(|error| failed()(error.into_error()))?;
        file.sync_all().map_err(failed())?;
        Ok(self.revision)
    }
}

impl Cut for Writer<'_> {
    fn begin(&mut self, revision: u64, time: u64) -> Result<(), SnapshotError> {
        self.revision = revision;
        self.put(&[MAGIC, &FORMAT.to_be_bytes(), &revision.to_be_bytes(), &time.to_be_bytes()])
    }

    fn record(&mut self, record: &Record) -> Result<(), SnapshotError> {
        let length =
            |bytes: &Bytes| u32::try_from(bytes.len()).expect("keys and values are limited").to_be_bytes();
        self.objects += 1;
        self.put(&[
            &length(&record.key),
            &length(&record.value),
            &record.created.to_be_bytes(),
            &record.revision.to_be_bytes(),
            &record.key,
            &record.value,
        ])
    }
}

/// Reads a snapshot and shows each object to `visit`. The summary comes last, once the checksum was right: whatever
/// `visit` did counts for nothing when this fails.
pub(crate) fn read(
    from: &Path,
    mut visit: impl FnMut(Record) -> Result<(), SnapshotError>,
) -> Result<Summary, SnapshotError> {
    let file = File::open(from).map_err(SnapshotError::io("open", from))?;
    let mut reader = Reader { path: from, file: BufReader::new(file), hash: Sha256::new() };
    let revision = reader.head()?;
    let mut objects = 0;
    while let Some(record) = reader.record()? {
        objects += 1;
        visit(record)?;
    }
    reader.tail(objects)?;
    Ok(Summary { revision, objects })
}

struct Reader<'a> {
    path: &'a Path,
    file: BufReader<File>,
    hash: Sha256,
}

impl Reader<'_> {
    fn head(&mut self) -> Result<u64, SnapshotError> {
        if self.array()? != *MAGIC {
            return Err(self.unsound("it does not begin like one"));
        }
        let format = self.u32()?;
        if format != FORMAT {
            return Err(self.unsound(&format!("it has format {format}, this program knows {FORMAT}")));
        }
        let revision = self.u64()?;
        self.u64()?;
        Ok(revision)
    }

    fn record(&mut self) -> Result<Option<Record>, SnapshotError> {
        let key = self.u32()?;
        if key == END {
            return Ok(None);
        }
        let value = self.u32()?;
        let (created, revision) = (self.u64()?, self.u64()?);
        let (key, value) = (self.bytes(key, KEY_LIMIT)?, self.bytes(value, VALUE_LIMIT)?);
        Ok(Some(Record { key, value, created, revision }))
    }

    fn tail(&mut self, objects: u64) -> Result<(), SnapshotError> {
        let claimed = self.u64()?;
        let computed: [u8; 32] = self.hash.clone().finalize().into();
        if claimed != objects || self.array()? != computed {
            return Err(self.unsound("its checksum does not match"));
        }
        Ok(())
    }

    fn u32(&mut self) -> Result<u32, SnapshotError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, SnapshotError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    fn bytes(&mut self, length: u32, limit: usize) -> Result<Bytes, SnapshotError> {
        let length = length as usize;
        if length > limit {
            return Err(self.unsound("an object is larger than any can be"));
        }
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes.into())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        self.file.read_exact(bytes).map_err(|error| self.failed(error))?;
        self.hash.update(bytes);
        Ok(())
    }

    fn failed(&self, error: io::Error) -> SnapshotError {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.unsound("it is cut short"),
            _ => SnapshotError::io("read", self.path)(error),
        }
    }

    fn unsound(&self, detail: &str) -> SnapshotError {
        SnapshotError::Unsound { path: self.path.into(), detail: detail.into() }
    }
}
