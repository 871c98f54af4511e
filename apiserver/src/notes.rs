//! What is said about a request besides its answer: warnings for the client, annotations for the audit log.
//!
//! Start at [`Notes`]. Everything on the way of a request may add to them, and they go out with an answer and with a
//! refusal alike. What is tried several times keeps notes of its own and hands over those of the attempt that counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// How the keys of patches begin: they hold parts of what was sent.
pub(crate) const PATCHES: &str = "patch.webhook.admission.k8s.io/";

/// How many warnings are kept: more are never sent.
const MOST_WARNINGS: usize = 256;
/// How many characters all warnings of an answer have, and each once that is too much, as upstream.
const MOST_CHARACTERS: usize = 4 << 10;
const MOST_OF_ONE: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Locked to add or to read, never across anything that takes time.
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    warnings: Vec<String>,
    annotations: BTreeMap<String, String>,
}

impl Notes {
    /// Tells the client something, once, however many say it.
    pub(crate) fn warn(&self, warnings: impl IntoIterator<Item = String>) {
        let mut all = self.all();
        for warning in warnings {
            let has_room = all.warnings.len() < MOST_WARNINGS;
            if has_room && !warning.is_empty() && !all.warnings.contains(&warning) {
                all.warnings.push(warning);
            }
        }
    }

    /// Notes something for the audit log. What is noted stays: the first value of a key counts.
    pub(crate) fn annotate(&self, key: impl Into<String>, value: impl Into<String>) {
        self.all().annotations.entry(key.into()).or_insert_with(|| value.into());
    }

    /// Takes over everything that others noted.
    pub(crate) fn absorb(&self, other: Self) {
        let other = other.all.into_inner().expect("nobody panics while holding this lock");
        self.warn(other.warnings);
        for (key, value) in other.annotations {
            self.annotate(key, value);
        }
    }

    /// The warnings as they are sent.
    pub(crate) fn warnings(&self) -> Vec<String> {
        fitted(&self.all().warnings)
    }

    /// What the audit log is to know.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        self.all().annotations.clone()
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().expect("nobody panics while holding this lock")
    }
}

/// Warnings that are too much together are cut one by one, and the last of them left out.
fn fitted(warnings: &[String]) -> Vec<String> {
    let total: usize = warnings.iter().map(|it| it.chars().count()).sum();
    if total <= MOST_CHARACTERS {
        return warnings.to_vec();
    }
    let (mut written, mut cut) = (0, Vec::new());
    for warning in warnings {
        if written >= MOST_CHARACTERS {
            break;
        }
        let short: String = warning.chars().take(MOST_OF_ONE).collect();
        written += short.chars().count();
        cut.push(short);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(warnings: &[String], lengths: &[usize]) {
        let notes = Notes::default();
        notes.warn(warnings.iter().cloned());
        let got: Vec<usize> = notes.warnings().iter().map(|it| it.chars().count()).collect();
        assert_eq!(got, lengths);
    }

    #[test]
    fn warnings_are_said_once_and_cut_when_they_are_too_much() {
        let long = |letter: char, count: usize| std::iter::repeat_n(letter, count).collect::<String>();
        check(&["a".into(), "a".into(), String::new(), "b".into()], &[1, 1]);
        check(&[long('ä', 4096)], &[4096]);
        check(&[long('a', 4096), "b".into()], &[256, 1]);
        let many: Vec<String> = (0..20).map(|it| format!("{it:02}{}", long('a', 300))).collect();
        check(&many, &[256; 16]);
    }

    #[test]
    fn the_first_annotation_of_a_key_counts() {
        let (notes, other) = (Notes::default(), Notes::default());
        notes.annotate("a", "1");
        other.annotate("a", "2");
        other.annotate("b", "3");
        notes.absorb(other);
        let expect = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "3".to_owned())];
        assert_eq!(notes.annotations(), BTreeMap::from(expect));
    }
}
