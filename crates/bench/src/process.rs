//! What a process costs, read from `/proc`: CPU, resident memory, and its children.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One process by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process(pub(crate) u32);

/// Memory in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    /// Everything mapped and present, shared pages in full.
    pub(crate) rss: f64,
    /// The same, with shared pages divided among those who share them.
    pub(crate) pss: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

impl std::ops::Add for Memory {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { rss: self.rss + other.rss, pss: self.pss + other.pss, peak: self.peak + other.peak }
    }
}

impl Process {
    fn file(self, name: &str) -> Result<String> {
        let path = PathBuf::from(format!("/proc/{}/{name}", self.0));
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    }

    /// Seconds of CPU so far, of user and kernel.
    pub(crate) fn cpu(self) -> Result<f64> {
        Ok(cpu_ticks(&self.file("stat")?)? as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    pub(crate) fn memory(self) -> Result<Memory> {
        let status = self.file("status")?;
        let rollup = self.file("smaps_rollup")?;
        Ok(Memory {
            rss: mebibytes(&status, "VmRSS")?,
            pss: mebibytes(&rollup, "Pss")?,
            peak: mebibytes(&status, "VmHWM")?,
        })
    }

    /// This process and everything that descends from it.
    pub(crate) fn family(self) -> Result<Vec<Self>> {
        let parents = parents()?;
        let descends = |mut id: u32| loop {
            if id == self.0 {
                return true;
            }
            match parents.get(&id) {
                Some(parent) if *parent != id => id = *parent,
                _ => return false,
            }
        };
        Ok(parents.keys().copied().filter(|it| descends(*it)).map(Self).collect())
    }
}

/// The processes whose command line has all of these words.
pub(crate) fn find(words: &[&str]) -> Result<Vec<Process>> {
    let matches = |id: &u32| {
        let line = Process(*id).file("cmdline").unwrap_or_default();
        let arguments: Vec<&str> = line.split('\0').collect();
        words.iter().all(|word| arguments.contains(word))
    };
    Ok(parents()?.into_keys().filter(matches).map(Process).collect())
}

/// Each process with its parent.
fn parents() -> Result<BTreeMap<u32, u32>> {
    let entries = std::fs::read_dir("/proc").context("failed to read /proc")?.flatten();
    let ids = entries.filter_map(|it| it.file_name().to_str()?.parse().ok());
    // A process that ends meanwhile has no parent any more, and no place in the map.
    Ok(ids.filter_map(|id| Some((id, parent_of(&Process(id).file("stat").ok()?)?))).collect())
}

/// The fields after the program's name, which may hold spaces and brackets itself.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |it| it.1).split_ascii_whitespace()
}

fn parent_of(stat: &str) -> Option<u32> {
    fields(stat).nth(1)?.parse().ok()
}

fn cpu_ticks(stat: &str) -> Result<u64> {
    let mut times = fields(stat).skip(11).map(str::parse::<u64>);
    let mut next = || times.next().context("a process's stat line is too short");
    Ok(next()?? + next()??)
}

fn mebibytes(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(':'));
    let line = line.with_context(|| format!("/proc does not tell {name}"))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_are_read_behind_the_name() {
        let stat = "42 (a) b) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 100 1 1 1";
        assert_eq!((parent_of(stat), cpu_ticks(stat).unwrap()), (Some(7), 200));
    }

    #[test]
    fn sizes_are_in_mebibytes() {
        assert_eq!(mebibytes("Name:\tx\nVmRSS:\t   2048 kB\n", "VmRSS").unwrap(), 2.0);
        assert!(mebibytes("VmRSSx: 1 kB", "VmRSS").is_err());
    }

    #[test]
    fn this_process_is_in_its_own_family() {
        let own = Process(std::process::id());
        assert!(own.family().unwrap().contains(&own));
        assert!(own.memory().unwrap().rss > 0.0);
    }
}
