//! How revisions lie in an ordered key-value engine: the only place that knows the bytes.
//!
//! Three kinds of keys share one tree, so that one batch changes all of them atomically:
//!
//! | key                                    | value                                                          |
//! |----------------------------------------|----------------------------------------------------------------|
//! | `m` name                               | the header: format, [`Head`], [`Floor`]                        |
//! | `o` key                                | [`Pointer`]: which write is the newest for that key            |
//! | `r` revision (8 bytes) chunk (2 bytes) | [`Entry`]: the write itself, value included, cut into chunks   |
//!
//! A value is stored once, under the revision that wrote it. The newest entry of a key is the object, older ones are
//! its history, and each entry names its predecessor. An example, `+` being a put:
//!
//! ```text
//! revision 2: + a=1      o a -> 2          r2 { + a=1, prior 0 }
//! revision 3: + a=2      o a -> 3          r3 { + a=2, prior 2 }
//! revision 4: delete a   o a -> 4 (gone)   r4 { - a,   prior 3 }
//! revision 5: + a=7      o a -> 5          r5 { + a=7, prior 4, created 5 }
//! ```
//!
//! Reading `a` at revision 3 starts at `o a`, and walks 5 -> 4 -> 3. Compacting up to 4 removes r2 and r3 (superseded)
//! and r4 (a deletion has no value to keep); what remains of the log is r5. The predecessor of a creation is a
//! deletion or nothing, that of any other entry is a put: so r5 need not find r4 to know that `a` was gone before it.
//!
//! Entries are cut into chunks because sled moves pages of more than an eighth of a megabyte into files of their
//! own, which it never syncs. A leaf page holds some seventeen values: with [`CHUNK`] bytes each it stays below.

use bytes::{BufMut, Bytes, BytesMut};

use crate::engine::{Batch, Change};
use crate::error::Error;
use crate::types::EventKind;

/// The format that this code reads and writes.
pub(crate) const FORMAT: u32 = 1;
/// The revision of an empty store. Zero means "any" to Kubernetes' clients, so no answer may carry it.
pub(crate) const FIRST: u64 = 1;
/// The longest key in bytes. Kubernetes' own stay far below; sled's index pages hold 256 of them.
pub(crate) const KEY_LIMIT: usize = 1024;
/// The longest value in bytes.
pub(crate) const VALUE_LIMIT: usize = 16 << 20;
/// The longest engine value that an entry is cut into.
pub(crate) const CHUNK: usize = 6000;

const MAGIC: &[u8] = b"skiff store ";
const HEADER_FORMAT: &[u8] = b"mformat";
const HEADER_HEAD: &[u8] = b"mhead";
const HEADER_FLOOR: &[u8] = b"mfloor";
const PUT: u8 = b'+';
const DELETE: u8 = b'-';

/// The newest write of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub revision: u64,
    pub created: u64,
    pub kind: EventKind,
}

/// One write in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub kind: EventKind,
    pub key: Bytes,
    /// Empty for a delete: its last value is the predecessor's.
    pub value: Bytes,
    pub created: u64,
    /// The revision of the key's write before this one; zero when there was none.
    pub prior: u64,
    /// When it was written, in milliseconds since 1970. Never falls from one revision to the next.
    pub time: u64,
    /// The bytes of history that all writes up to and including this one have left behind.
    pub history: u64,
}

/// The newest committed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub revision: u64,
    /// The first revision of the newest batch: what an open checks for completeness.
    pub first: u64,
    pub time: u64,
    pub history: u64,
}

/// Up to where the log has been removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor {
    pub revision: u64,
    pub history: u64,
}

impl Entry {
    /// Whether the key had no object before this write.
    pub(crate) fn is_creation(&self, revision: u64) -> bool {
        self.kind == EventKind::Put && self.created == revision
    }

    /// Appends the entry, cut into chunks.
    pub(crate) fn encode_into(&self, revision: u64, batch: &mut Batch) {
        let mut bytes = BytesMut::with_capacity(ENTRY_HEADER + self.key.len() + self.value.len());
        bytes.put_u32(u32::try_from(self.key.len()).expect("keys are limited"));
        bytes.put_u32(u32::try_from(self.value.len()).expect("values are limited"));
        bytes.put_u8(kind_byte(self.kind));
        for field in [self.created, self.prior, self.time, self.history] {
            bytes.put_u64(field);
        }
        bytes.put_slice(&self.key);
        bytes.put_slice(&self.value);
        let bytes = bytes.freeze();
        for (index, start) in (0..bytes.len()).step_by(CHUNK).enumerate() {
            let chunk = bytes.slice(start..bytes.len().min(start + CHUNK));
            batch.push((entry_key(revision, chunk_index(index)), Change::Put(chunk)));
        }
    }

    /// Reads an entry whose chunks are put together.
    pub(crate) fn decode(bytes: Bytes) -> Result<Entry, Error> {
        let mut fields = Fields(bytes);
        let (key_len, value_len) = (fields.u32()? as usize, fields.u32()? as usize);
        let kind = fields.kind()?;
        let (created, prior, time, history) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        let (key, value) = (fields.take(key_len)?, fields.take(value_len)?);
        Ok(Entry { kind, key, value, created, prior, time, history })
    }

    /// How many bytes an entry takes, and leaves behind as history once it is superseded.
    pub(crate) fn weight_of(key: &[u8], value: &[u8]) -> u64 {
        (ENTRY_HEADER + key.len() + value.len()) as u64
    }
}

const ENTRY_HEADER: usize = 4 + 4 + 1 + 4 * 8;

/// How many chunks the entry has that starts with this chunk.
pub(crate) fn chunks_of(first: &Bytes) -> Result<u16, Error> {
    let mut fields = Fields(first.clone());
    let length = ENTRY_HEADER + fields.u32()? as usize + fields.u32()? as usize;
    u16::try_from(length.div_ceil(CHUNK))
        .map_err(|_| Error::corrupt(format!("an entry claims {length} bytes")))
}

fn chunk_index(index: usize) -> u16 {
    u16::try_from(index).expect("the limits on keys and values leave fewer chunks than that")
}

impl Pointer {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(17);
        bytes.put_u8(kind_byte(self.kind));
        bytes.put_u64(self.revision);
        bytes.put_u64(self.created);
        bytes.freeze()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Pointer, Error> {
        let mut fields = Fields(bytes);
        Ok(Pointer { kind: fields.kind()?, revision: fields.u64()?, created: fields.u64()? })
    }
}

impl Head {
    pub(crate) fn encode(&self) -> (Vec<u8>, Change) {
        (HEADER_HEAD.to_vec(), Change::Put(numbers(&[self.revision, self.first, self.time, self.history])))
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Head, Error> {
        let mut fields = Fields(bytes);
        Ok(Head {
            revision: fields.u64()?,
            first: fields.u64()?,
            time: fields.u64()?,
            history: fields.u64()?,
        })
    }
}

impl Floor {
    pub(crate) fn encode(&self) -> (Vec<u8>, Change) {
        (HEADER_FLOOR.to_vec(), Change::Put(numbers(&[self.revision, self.history])))
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Floor, Error> {
        let mut fields = Fields(bytes);
        Ok(Floor { revision: fields.u64()?, history: fields.u64()? })
    }
}

/// The header of a store whose newest revision is `revision` and whose log is empty.
pub(crate) fn header_of(revision: u64) -> Batch {
    let format = [MAGIC, &FORMAT.to_be_bytes()].concat();
    vec![
        (HEADER_FORMAT.to_vec(), Change::Put(format.into())),
        Head { revision, first: revision + 1, time: 0, history: 0 }.encode(),
        Floor { revision, history: 0 }.encode(),
    ]
}

/// The format number in the header, whatever it is.
pub(crate) fn format_of(bytes: &[u8]) -> Result<u32, Error> {
    let number = bytes.strip_prefix(MAGIC).and_then(|number| number.try_into().ok());
    number.map(u32::from_be_bytes).ok_or_else(|| Error::corrupt("the header is not that of a store"))
}

pub(crate) fn format_key() -> &'static [u8] {
    HEADER_FORMAT
}

pub(crate) fn head_key() -> &'static [u8] {
    HEADER_HEAD
}

pub(crate) fn floor_key() -> &'static [u8] {
    HEADER_FLOOR
}

/// Where the engine keeps the pointer of `key`.
pub(crate) fn pointer_key(key: &[u8]) -> Vec<u8> {
    [b"o", key].concat()
}

/// Where the pointers of `start..end` end; an empty `end` means "behind the last key".
pub(crate) fn pointer_end(end: &[u8]) -> Vec<u8> {
    if end.is_empty() { b"p".to_vec() } else { pointer_key(end) }
}

/// The key that an engine key of a pointer stands for.
pub(crate) fn key_of(pointer_key: &Bytes) -> Bytes {
    pointer_key.slice(1..)
}

/// Where the engine keeps a chunk of an entry.
pub(crate) fn entry_key(revision: u64, chunk: u16) -> Vec<u8> {
    [b"r".as_slice(), &revision.to_be_bytes(), &chunk.to_be_bytes()].concat()
}

/// The revision and chunk that an engine key of an entry stands for.
pub(crate) fn revision_of(entry_key: &[u8]) -> Result<(u64, u16), Error> {
    let mut fields = Fields(Bytes::copy_from_slice(entry_key.strip_prefix(b"r").unwrap_or_default()));
    let revision = fields.u64()?;
    let chunk = u16::from_be_bytes(fields.array()?);
    Ok((revision, chunk))
}

fn kind_byte(kind: EventKind) -> u8 {
    match kind {
        EventKind::Put => PUT,
        EventKind::Delete => DELETE,
    }
}

fn numbers(numbers: &[u64]) -> Bytes {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Bytes that are read from the front; too few of them is damage, not a panic.
struct Fields(Bytes);

impl Fields {
    fn take(&mut self, length: usize) -> Result<Bytes, Error> {
        if self.0.len() < length {
            return Err(Error::corrupt("a stored value is cut short"));
        }
        Ok(self.0.split_to(length))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.take(N)?[..].try_into().expect("exactly N bytes were taken"))
    }

    fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn kind(&mut self) -> Result<EventKind, Error> {
        match self.array()? {
            [PUT] => Ok(EventKind::Put),
            [DELETE] => Ok(EventKind::Delete),
            [other] => Err(Error::corrupt(format!("a stored write has the unknown kind {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, value: usize, chunks: u16) {
        let entry = Entry {
            kind: EventKind::Put,
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: vec![7; value].into(),
            created: 3,
            prior: 2,
            time: 5,
            history: 9,
        };
        let mut batch = Batch::new();
        entry.encode_into(4, &mut batch);
        let parts: Vec<Bytes> = batch
            .iter()
            .map(|(_, change)| match change {
                Change::Put(bytes) => bytes.clone(),
                Change::Remove => panic!("an entry removes nothing"),
            })
            .collect();
        assert_eq!(parts.len(), usize::from(chunks));
        assert_eq!(chunks_of(&parts[0]).unwrap(), chunks);
        assert!(parts.iter().all(|part| part.len() <= CHUNK));
        assert_eq!(Entry::decode(parts.concat().into()).unwrap(), entry);
        assert_eq!(revision_of(&batch[parts.len() - 1].0).unwrap(), (4, chunks - 1));
    }

    #[test]
    fn entries_read_back() {
        check("a", 0, 1);
        check("a", CHUNK - ENTRY_HEADER - 1, 1);
        check("a", CHUNK - ENTRY_HEADER, 2);
        check("key", 1 << 20, 175);
        check("key", VALUE_LIMIT, 2797);
    }

    #[test]
    fn what_is_cut_short_is_damage() {
        let mut batch = Batch::new();
        let entry = Entry {
            kind: EventKind::Delete,
            key: "k".into(),
            value: Bytes::new(),
            created: 1,
            prior: 1,
            time: 1,
            history: 1,
        };
        entry.encode_into(2, &mut batch);
        let Change::Put(bytes) = &batch[0].1 else { panic!("an entry removes nothing") };
        for length in 0..bytes.len() {
            assert!(matches!(Entry::decode(bytes.slice(..length)), Err(Error::Corrupt { .. })));
        }
        assert!(matches!(Pointer::decode("+".into()), Err(Error::Corrupt { .. })));
        assert!(matches!(format_of(b"something else"), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn keys_keep_their_order() {
        let keys =
            [entry_key(1, 0), entry_key(1, 1), entry_key(2, 0), entry_key(256, 0), entry_key(u64::MAX, 9)];
        assert!(keys.is_sorted());
        assert!(pointer_key(b"") < pointer_key(b"a") && pointer_key(b"\xff\xff") < pointer_end(b""));
    }
}
