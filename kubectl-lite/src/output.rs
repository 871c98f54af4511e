//! The two streams that a command writes to.
//!
//! Results go to standard output, everything said to a person goes to standard error, so that pipes stay clean.

use anyhow::Result;
use std::io::Write;

/// Writes text as it is to standard output.
pub(crate) fn text(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

/// Writes bytes as they are to standard output, at once.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Writes a line to standard output.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    self::text(&format!("{}\n", text.as_ref()))
}

/// Writes a line to standard error. A closed standard error is no reason to fail.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}
