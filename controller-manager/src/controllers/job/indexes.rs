//! Sets of completion indexes, written as `0-2,5`.

use std::collections::BTreeSet;

/// A set of completion indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(pub BTreeSet<i32>);

impl Indexes {
    /// Reads `0-2,5`; indexes of `limit` and above, and what is no number, are left out.
    pub(super) fn parse(text: &str, limit: i32) -> Self {
        let ranges = text.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.trim().parse::<i32>().ok()?, last.trim().parse::<i32>().ok()?))
        });
        let below = |(first, last): (i32, i32)| first.max(0)..last.saturating_add(1).min(limit);
        Self(ranges.flat_map(below).collect())
    }

    pub(super) fn len(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }

    pub(super) fn contains(&self, index: i32) -> bool {
        self.0.contains(&index)
    }

    /// `0-2,5`; nothing when the set is empty.
    pub(super) fn to_text(&self) -> Option<String> {
        let mut ranges: Vec<(i32, i32)> = Vec::new();
        for &index in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == index => *last = index,
                _ => ranges.push((index, index)),
            }
        }
        let parts = ranges.iter().map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first},{last}"),
            _ => format!("{first}-{last}"),
        });
        let text = parts.collect::<Vec<_>>().join(",");
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_sets_agree() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Indexes::parse(text, 10).to_text().as_deref(), expect, "{text}");
        };
        check("", None);
        check("3", Some("3"));
        check("0-2,5", Some("0-2,5"));
        check("0,1,2,4,5", Some("0-2,4,5"));
        check("8-20", Some("8,9"));
        check("x,2", Some("2"));
    }
}
