//! Filling what users left out. An empty text and a zero that upstream cannot tell from absence count as left out.

/// A text.
pub(crate) fn text(slot: &mut Option<String>, default: &str) {
    if slot.as_deref().is_none_or(str::is_empty) {
        *slot = Some(default.to_owned());
    }
}

/// A value for which zero has a meaning of its own.
pub(crate) fn value<T>(slot: &mut Option<T>, default: T) {
    slot.get_or_insert(default);
}

/// A number for which zero means absence.
pub(crate) fn nonzero(slot: &mut Option<i32>, default: i32) {
    if slot.unwrap_or(0) == 0 {
        *slot = Some(default);
    }
}
