//! A cluster at rest: nodes, and no pods.

use crate::cluster::{Cluster, cpu_of, memory_of};
use crate::report::{Row, Section, Target as Goal, Unit};
use crate::setting::Setting;
use anyhow::Result;
use daemon::clock;
use std::time::Duration;

/// What is done on start is done by then.
const SETTLING: Duration = Duration::from_secs(5);

/// What a cluster of so many nodes should stay under.
struct Goals {
    nodes: usize,
    rss: f64,
    cpu: f64,
}

const CLUSTERS: [Goals; 2] =
    [Goals { nodes: 1, rss: 40.0, cpu: 0.3 }, Goals { nodes: 3, rss: 80.0, cpu: 1.0 }];

pub(super) async fn run(setting: &Setting) -> Result<Vec<Section>> {
    let watched = Duration::from_secs(if setting.quick { 15 } else { 60 });
    let mut section =
        Section::new(format!("at rest for {} s, no pods, all processes of the cluster", watched.as_secs()));
    for goals in &CLUSTERS {
        let cluster = Cluster::up(setting, goals.nodes)?;
        clock::sleep(SETTLING).await;
        let processes = cluster.processes()?;
        let before = cpu_of(&processes)?;
        clock::sleep(watched).await;
        let cpu = (cpu_of(&processes)? - before) / watched.as_secs_f64() * 100.0;
        let memory = memory_of(&processes)?;
        let what = |what: &str| format!("nodes: {}: {what}", goals.nodes);
        section.row(Row::single(what("RSS"), Unit::MiB, memory.rss).target(Goal::AtMost(goals.rss)));
        section.row(Row::single(what("PSS"), Unit::MiB, memory.pss));
        section.row(Row::single(what("CPU of one core"), Unit::Percent, cpu).target(Goal::AtMost(goals.cpu)));
    }
    Ok(vec![section])
}
