//! The process's own numbers, read from `/proc/self` at the moment of rendering. Where that is absent, they are NaN,
//! Prometheus' way to say that a number is not known.

use std::fs;

use super::{Kind, Registry};

/// Clock ticks a second in `/proc`; Linux has this one value on every platform we build for.
const TICKS: f64 = 100.0;

/// `statm` counts pages; 4 KiB on every platform we build for.
const PAGE: f64 = 4096.0;

pub(super) fn register(registry: &Registry) {
    registry.gauge_from("process_resident_memory_bytes", "Resident memory size in bytes.", &[], || {
        known(read("statm").as_deref().and_then(resident_bytes_of))
    });
    registry.gauge_from("process_open_fds", "Number of open file descriptors.", &[], || {
        known(fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64))
    });
    let cpu = || known(read("stat").as_deref().and_then(cpu_seconds_of));
    let help = "Total user and system CPU time spent in seconds.";
    registry.read_from("process_cpu_seconds_total", help, &[], Kind::Counter, Box::new(cpu));
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{name}")).ok()
}

fn known(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// The second number of `statm`.
fn resident_bytes_of(statm: &str) -> Option<f64> {
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// Fields 14 and 15 of `stat`, counted from behind the program's name, which may itself hold spaces and parentheses.
fn cpu_seconds_of(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        assert_eq!(resident_bytes_of("900 25 10 1 0 30 0"), Some(25.0 * 4096.0));
        assert_eq!(resident_bytes_of(""), None);
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 100 0 0";
        assert_eq!(cpu_seconds_of(stat), Some(2.0));
        assert_eq!(cpu_seconds_of("7 (short) S 1"), None);
    }
}
