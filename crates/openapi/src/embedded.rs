//! Reads the embedded schemas of built-in types.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
};

use flate2::bufread::ZlibDecoder;

use crate::facts::Type;

/// One line a type, in the order of the type table, compressed by the build.
static SCHEMAS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schemas.z"));

/// The types that the given ones reach, themselves included, by their position in the table.
pub(crate) fn reachable(roots: impl IntoIterator<Item = &'static Type>) -> BTreeSet<usize> {
    let mut pending: Vec<_> = roots.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(next) = pending.pop() {
        if found.insert(next.index()) {
            pending.extend(next.fields().iter().filter_map(|field| field.target()));
        }
    }
    found
}

/// Reads through the schemas once and hands over the wanted ones, each as the JSON of one OpenAPI v3 schema.
pub(crate) fn for_each(wanted: &BTreeSet<usize>, mut take: impl FnMut(&'static Type, &[u8])) {
    let mut reader = BufReader::new(ZlibDecoder::new(SCHEMAS));
    let mut line = Vec::new();
    let Some(last) = wanted.last() else { return };
    for index in 0..=*last {
        line.clear();
        reader.read_until(b'\n', &mut line).expect("the build compressed what is read here");
        if wanted.contains(&index) {
            take(Type::at(index), line.trim_ascii_end());
        }
    }
}
