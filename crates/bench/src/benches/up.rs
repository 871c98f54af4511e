//! From `skiff up` to Ready nodes, on a machine that has the images.

use crate::cluster::Cluster;
use crate::report::{Row, Section, Target as Goal, Unit};
use crate::setting::Setting;
use anyhow::Result;

/// Node counts, with what they should reach in milliseconds.
const NODES: [(usize, f64); 2] = [(1, 1_000.0), (3, 2_000.0)];

pub(super) async fn run(setting: &Setting) -> Result<Vec<Section>> {
    // The first cluster loads the images into Docker; that happens once on a machine.
    drop(Cluster::up(setting, 1)?);
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..setting.rounds() {
        for (samples, (nodes, _)) in samples.iter_mut().zip(NODES) {
            samples.push(Cluster::up(setting, nodes)?.up_in.as_secs_f64() * 1e3);
        }
    }
    let mut section = Section::new("a new cluster: `skiff up` until its nodes are Ready");
    for (samples, (nodes, goal)) in samples.into_iter().zip(NODES) {
        section.row(Row::new(format!("nodes: {nodes}"), Unit::Millis, samples).target(Goal::AtMost(goal)));
    }
    Ok(vec![section])
}
