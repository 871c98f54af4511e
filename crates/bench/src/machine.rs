//! What the figures were measured on. Tells no host names.

use std::fs;

/// Facts that figures depend on, by name. What cannot be found out is left out.
pub(crate) fn facts(docker: Option<String>) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map(|it| it.to_string()).ok();
    let model = line_of("/proc/cpuinfo", "model name");
    let memory = line_of("/proc/meminfo", "MemTotal").and_then(|it| gibibytes(&it));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|it| it.trim().to_owned());
    let facts = [
        ("cores", cores),
        ("processor", model),
        ("memory", memory),
        ("kernel", kernel),
        ("Docker Engine", docker),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|it| it.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn gibibytes(kibibytes: &str) -> Option<String> {
    let number: f64 = kibibytes.trim_end_matches("kB").trim().parse().ok()?;
    Some(format!("{:.0} GiB", number / (1 << 20) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_gibibytes() {
        assert_eq!(gibibytes("16777216 kB").as_deref(), Some("16 GiB"));
        assert_eq!(gibibytes("much"), None);
    }
}
