//! Keys that keep values secret at rest: AES-256-GCM, each value bound to the place where it is kept.
//!
//! Start at [`Keys`]. A key file holds one key a line, `NAME BASE64`; the first one seals, all of them open. To change
//! the key: put a new one on top, have everything written anew, then take the old one out. A sealed value begins with
//! `k8s:enc:aesgcm:v1:NAME:`, as upstream's provider writes it, and goes on with the nonce, the ciphertext and the tag.
//!
//! What cannot be opened is an error that says what to do; it is never taken for a value that isn't there.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::files::{self, Audience};
use crate::random_bytes;

const PREFIX: &[u8] = b"k8s:enc:aesgcm:v1:";
const KEY_LENGTH: usize = 32;
const HEADER: &str = "# Keys that Secrets are encrypted with. The first one writes, all of them read.\n\
                      # Keep a copy in another place: nobody can read the Secrets without it.\n";

/// Why values cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key file could not be read or written.
    #[error(transparent)]
    File(#[from] crate::Error),
    /// The key file holds something else.
    #[error("line {line} of {} is no key: a key is a name, a space and {KEY_LENGTH} bytes in base64", file.display())]
    Line {
        /// The key file.
        file: PathBuf,
        /// Counted from one.
        line: usize,
    },
    /// The key file holds no key.
    #[error("{} holds no key; put back the file that was there", file.display())]
    Empty {
        /// The key file.
        file: PathBuf,
    },
    /// There are sealed values and no key file.
    #[error("there are encrypted values but {} is missing; put it back, they cannot be read without it", file.display())]
    FileMissing {
        /// The key file.
        file: PathBuf,
    },
    /// A value was sealed with a key that the file does not hold.
    #[error(
        "{place} is encrypted with the key {name:?}, which {} does not hold; put that key back as a line of the file",
        file.display()
    )]
    KeyMissing {
        /// Where the value is kept.
        place: String,
        /// The name of the key.
        name: String,
        /// The key file.
        file: PathBuf,
    },
    /// A value does not open with the key that it names.
    #[error(
        "{place} does not decrypt with the key {name:?} of {}: the key is another one, or the value was changed; \
         put back the right key, or restore a snapshot together with its key file",
        file.display()
    )]
    Unreadable {
        /// Where the value is kept.
        place: String,
        /// The name of the key.
        name: String,
        /// The key file.
        file: PathBuf,
    },
}

/// The keys of a file.
pub struct Keys {
    file: PathBuf,
    /// At least one; the first one seals.
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.keys.iter().map(|(name, _)| name.as_str()).collect();
        formatter.debug_struct("Keys").field("file", &self.file).field("names", &names).finish()
    }
}

/// A value that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The value.
    pub plain: Vec<u8>,
    /// Whether it was sealed with the key that seals now.
    pub age: Age,
}

/// What became of a value's key since it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It is the one that seals now.
    Current,
    /// Another one seals now, or the value was never sealed: it should be written anew.
    Stale,
}

/// Whether a value is sealed, with whatever key.
pub fn is_sealed(value: &[u8]) -> bool {
    value.starts_with(PREFIX)
}

impl Keys {
    /// The keys of `file`, or none when there is no such file.
    pub fn load(file: &Path) -> Result<Option<Keys>, Error> {
        files::read_if_present(file)?.map(|text| Keys::parse(file, &text)).transpose()
    }

    /// One new key, kept in `file` for its owner only. For where nothing is sealed yet.
    pub fn create(file: &Path) -> Result<Keys, Error> {
        let name: String = random_bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{HEADER}key-{name} {}\n", STANDARD.encode(random_bytes::<KEY_LENGTH>()));
        files::write(file, text.as_bytes(), Audience::Owner)?;
        Keys::parse(file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Keys, Error> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = key_of(line).ok_or_else(|| Error::Line { file: file.to_owned(), line: index + 1 })?;
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(Error::Empty { file: file.to_owned() });
        }
        Ok(Keys { file: file.to_owned(), keys })
    }

    /// Seals a value for the place where it will be kept: elsewhere it does not open.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        let (name, key) = &self.keys[0];
        let mut sealed = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)
            .expect("encrypting fails only for values of many gigabytes");
        [PREFIX, name.as_bytes(), b":", nonce.as_ref(), &sealed].concat()
    }

    /// Opens a value that is kept at `place`. One that was never sealed is given as it is.
    pub fn open(&self, place: &[u8], value: &[u8]) -> Result<Opened, Error> {
        let Some(rest) = value.strip_prefix(PREFIX) else {
            return Ok(Opened { plain: value.to_vec(), age: Age::Stale });
        };
        let (name, sealed) = split(rest);
        let at = self.keys.iter().position(|(it, _)| it.as_bytes() == name);
        let at = at.ok_or_else(|| Error::KeyMissing {
            place: shown(place),
            name: shown(name),
            file: self.file.clone(),
        })?;
        let plain = opened(&self.keys[at].1, place, sealed).ok_or_else(|| Error::Unreadable {
            place: shown(place),
            name: shown(name),
            file: self.file.clone(),
        })?;
        Ok(Opened { plain, age: if at == 0 { Age::Current } else { Age::Stale } })
    }
}

/// A name that can stand between colons, and its key.
fn key_of(line: &str) -> Option<(String, RandomizedNonceKey)> {
    let (name, key) = line.split_once(char::is_whitespace)?;
    let good = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    let bytes = STANDARD.decode(key.trim()).ok().filter(|_| name.chars().all(good))?;
    Some((name.to_owned(), RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()?))
}

/// The key's name, and what follows it.
fn split(rest: &[u8]) -> (&[u8], &[u8]) {
    let end = rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len());
    (&rest[..end], rest.get(end + 1..).unwrap_or_default())
}

fn opened(key: &RandomizedNonceKey, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut rest = rest.to_vec();
    let length = key.open_in_place(nonce, Aad::from(place), &mut rest).ok()?.len();
    rest.truncate(length);
    Some(rest)
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn keys(text: &str) -> Result<Keys, Error> {
        Keys::parse(Path::new("keys"), text)
    }

    fn line(name: &str, byte: u8) -> String {
        format!("{name} {}\n", STANDARD.encode([byte; KEY_LENGTH]))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let keys = keys(&line("key1", 1)).unwrap();
        let sealed = keys.seal(b"/a", b"plain text");
        assert!(is_sealed(&sealed) && sealed.starts_with(b"k8s:enc:aesgcm:v1:key1:"));
        assert!(!sealed.windows(5).any(|it| it == b"plain"));
        assert_ne!(sealed, keys.seal(b"/a", b"plain text"));
        let opened = keys.open(b"/a", &sealed).unwrap();
        assert_eq!(opened, Opened { plain: b"plain text".to_vec(), age: Age::Current });
        assert!(matches!(keys.open(b"/b", &sealed), Err(Error::Unreadable { .. })));
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        let keys = keys(&line("key1", 1)).unwrap();
        let sealed = keys.seal(b"/a", b"plain");
        for at in PREFIX.len()..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(keys.open(b"/a", &damaged).is_err(), "byte {at}");
        }
        for length in PREFIX.len()..sealed.len() {
            assert!(keys.open(b"/a", &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn keys_change_step_by_step() {
        let old = keys(&line("old", 1)).unwrap();
        let both = keys(&format!("{}{}", line("new", 2), line("old", 1))).unwrap();
        let new = keys(&line("new", 2)).unwrap();
        let impostor = keys(&line("old", 3)).unwrap();
        let sealed = old.seal(b"/a", b"x");
        assert_eq!(both.open(b"/a", &sealed).unwrap().age, Age::Stale);
        assert_eq!(both.open(b"/a", b"{}").unwrap(), Opened { plain: b"{}".to_vec(), age: Age::Stale });
        let anew = both.seal(b"/a", b"x");
        assert_eq!(new.open(b"/a", &anew).unwrap().age, Age::Current);
        let missing = new.open(b"/a", &sealed).unwrap_err().to_string();
        assert!(
            missing.contains(r#"/a is encrypted with the key "old", which keys does not hold"#),
            "{missing}"
        );
        assert!(matches!(impostor.open(b"/a", &sealed), Err(Error::Unreadable { .. })));
    }

    #[test]
    fn the_file_is_its_owners_and_holds_keys_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        assert!(Keys::load(&file).unwrap().is_none());
        let sealed = Keys::create(&file).unwrap().seal(b"/a", b"x");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Keys::load(&file).unwrap().unwrap().open(b"/a", &sealed).unwrap().plain, b"x");
        for (text, expect) in [
            ("# nothing\n", "holds no key"),
            ("key1\n", "line 1 of keys is no key"),
            ("\nkey1 YQ==\n", "line 2 of keys is no key"),
            (&line("a:b", 1), "line 1 of keys is no key"),
        ] {
            let error = keys(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
    }
}
