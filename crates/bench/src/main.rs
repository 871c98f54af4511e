//! The benchmark room: what the system does in a second, beside a floor or a rival of the same run.
//!
//! Start at [`benches`], one file for each; [`report`] prints what they return, [`load`] is the client that loads an API
//! server, [`process`] reads what a process costs. Everything that is compared is measured in turn within one run, so
//! that a noisy machine is noisy for both.
//!
//! It asserts nothing: a figure that misses its target is printed as behind, and the run succeeds.

mod benches;
mod cluster;
mod docker;
mod etcd;
mod load;
mod machine;
mod process;
mod report;
mod server;
mod setting;

use anyhow::Result;
use benches::Bench;
use clap::Parser;
use report::Report;
use setting::Setting;
use std::io::Write;
use std::path::PathBuf;

/// Measure the store, the API server, the scheduler and whole clusters.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Args {
    /// Only these, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Bench>,
    /// Fewer rounds and smaller counts
    #[arg(long)]
    quick: bool,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
    /// Compare the store with this etcd program
    #[arg(long, value_name = "PROGRAM")]
    etcd: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let setting = Setting::new(args.quick, args.etcd)?;
    let wanted = |bench: &Bench| args.only.is_empty() || args.only.contains(bench);
    let chosen: Vec<Bench> = Bench::ALL.iter().copied().filter(wanted).collect();
    if chosen.iter().any(|it| it.needs_programs()) {
        setting::build_programs(&setting.folder)?;
    }
    let mut report = Report { machine: machine::facts(docker::version()), sections: Vec::new() };
    if args.quick {
        report.machine.push((
            "mode",
            "quick: one round, a fifth of every count; not to be compared with targets".to_owned(),
        ));
    }
    for bench in chosen {
        writeln!(std::io::stderr(), "measuring: {bench:?}")?;
        match bench.run(&setting) {
            Ok(sections) => report.sections.extend(sections),
            Err(error) => writeln!(std::io::stderr(), "failed to measure {bench:?}: {error:#}")?,
        }
    }
    let text = if args.markdown { report.markdown() } else { report.to_string() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
