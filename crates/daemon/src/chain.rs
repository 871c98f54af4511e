//! Errors as people read them.

use std::error::Error;

/// An error with its sources, as one line.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(it) = source {
        line.push_str(": ");
        line.push_str(&it.to_string());
        source = it.source();
    }
    line
}
