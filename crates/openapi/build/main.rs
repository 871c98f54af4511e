//! Turns k8s-openapi's types and `facts.txt` into what the library embeds.
//!
//! Start at `main`: `kinds` lists the kinds, `schemas` brings their JSON schemas into upstream's form, `facts` reads
//! the table and annotates them, `tables` writes the navigation tables. Two files come out, neither committed:
//! `schemas.z`, one schema a line, compressed; and `tables.rs`, plain integers over one string.
#![allow(clippy::print_stdout, reason = "a build script speaks to cargo through its standard output")]
#![allow(clippy::unwrap_used, reason = "a build script that cannot go on has nobody else to tell")]

mod facts;
mod kinds;
mod schemas;
mod tables;

use std::{env, fs, io::Write as _, path::PathBuf};

use flate2::{Compression, write::ZlibEncoder};

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=facts.txt");

    let catalogue = kinds::catalogue();
    let mut definitions = schemas::definitions(catalogue.generator, &catalogue.kinds);
    let rows = facts::parse(&fs::read_to_string("facts.txt").unwrap());
    facts::check(&rows, &definitions);
    facts::annotate(&rows, &mut definitions);

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::write(out.join("schemas.z"), compress(&definitions)).unwrap();
    fs::write(out.join("tables.rs"), tables::code(&definitions, &rows, &catalogue.kinds)).unwrap();
}

/// One schema a line in the order of the type table, so that a reader can skip what it does not need.
fn compress(definitions: &schemas::Definitions) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for schema in definitions.values() {
        serde_json::to_writer(&mut encoder, schema).unwrap();
        encoder.write_all(b"\n").unwrap();
    }
    encoder.finish().unwrap()
}
