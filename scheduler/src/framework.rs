//! The decision: filter, score, choose. Pure, and its outcome is data.

use crate::plugins::PLUGINS;
use crate::pod_info::PodInfo;
use crate::queue::Cause;
use crate::snapshot::{NodeInfo, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a node cannot run a pod, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject(pub String);

impl Reject {
    /// A rejection for this reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The best and the worst that a rule can say of a node.
pub(crate) const BEST: i64 = 100;

/// One scheduling rule. Every method has a neutral default, so a rule is often one method.
pub trait Plugin: Sync {
    /// Upstream's name of the rule; appears in verdicts.
    fn name(&self) -> &'static str;
    /// May the pod run here? All reasons why not.
    fn filter(&self, _pod: &PodInfo, _node: &NodeInfo) -> Result<(), Vec<Reject>> {
        Ok(())
    }
    /// How good is each of these nodes, from 0 to [`BEST`]? `None` for rules that have no opinion.
    fn score(&self, _pod: &PodInfo, _nodes: &[Arc<NodeInfo>], _cluster: &Snapshot) -> Option<Vec<i64>> {
        None
    }
    /// What the score counts in the sum.
    fn weight(&self) -> i64 {
        1
    }
    /// What may happen that makes a pod fit which this rule has rejected.
    fn wakes_on(&self) -> &'static [Cause] {
        &[]
    }
}

/// What one rule says of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// The rule.
    pub plugin: &'static str,
    /// From 0 to [`BEST`].
    pub score: i64,
    /// What it counts in the sum.
    pub weight: i64,
}

/// What all rules say of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeVerdict {
    /// The pod cannot run here: the first rule that says so, and why.
    Rejected(&'static str, Vec<Reject>),
    /// The pod can; so good is it.
    Fits(Vec<Score>),
}

impl NodeVerdict {
    /// The weighted sum; nothing for a node that is rejected.
    pub fn total(&self) -> Option<i64> {
        match self {
            Self::Rejected(..) => None,
            Self::Fits(scores) => Some(scores.iter().map(|it| it.score * it.weight).sum()),
        }
    }
}

/// The outcome for one pod: every node, every rule, every score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The chosen node, if one fits.
    pub node: Option<String>,
    /// Every node's verdict, by name.
    pub nodes: BTreeMap<String, NodeVerdict>,
}

impl Decision {
    /// The message of a FailedScheduling event.
    pub fn message(&self) -> String {
        let total = self.nodes.len();
        if total == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for verdict in self.nodes.values() {
            if let NodeVerdict::Rejected(_, rejects) = verdict {
                rejects.iter().for_each(|it| *reasons.entry(&it.0).or_default() += 1);
            }
        }
        let mut reasons: Vec<String> =
            reasons.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        reasons.sort();
        let no_help = format!("{total} Preemption is not helpful for scheduling");
        let list = reasons.join(", ");
        format!(
            "0/{total} nodes are available: {list}. preemption: 0/{total} nodes are available: {no_help}."
        )
    }

    /// The rules that rejected a node.
    pub fn rejecting(&self) -> Vec<&'static str> {
        let mut rules: Vec<&'static str> = self
            .nodes
            .values()
            .filter_map(|it| match it {
                NodeVerdict::Rejected(rule, _) => Some(*rule),
                NodeVerdict::Fits(_) => None,
            })
            .collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// Decides where a pod goes. Ties break by a hash of the pod's UID and the seed, so a run can be repeated and yet
/// equal nodes get equal shares.
pub fn schedule(pod: &PodInfo, cluster: &Snapshot, seed: u64) -> Decision {
    let mut nodes = BTreeMap::new();
    let mut feasible = Vec::new();
    for node in cluster.nodes() {
        match filter(pod, node) {
            Ok(()) => feasible.push(Arc::clone(node)),
            Err(rejected) => drop(nodes.insert(node.name().to_owned(), rejected)),
        }
    }
    let mut best: Option<((i64, u64), &str)> = None;
    let scores = score(pod, &feasible, cluster);
    for (node, scores) in feasible.iter().zip(scores) {
        let verdict = NodeVerdict::Fits(scores);
        let rank = (verdict.total().unwrap_or(0), lot(&pod.uid, node.name(), seed));
        if best.is_none_or(|(top, _)| top < rank) {
            best = Some((rank, node.name()));
        }
        nodes.insert(node.name().to_owned(), verdict);
    }
    Decision { node: best.map(|(_, name)| name.to_owned()), nodes }
}

fn filter(pod: &PodInfo, node: &NodeInfo) -> Result<(), NodeVerdict> {
    for plugin in PLUGINS {
        plugin.filter(pod, node).map_err(|rejects| NodeVerdict::Rejected(plugin.name(), rejects))?;
    }
    Ok(())
}

fn score(pod: &PodInfo, feasible: &[Arc<NodeInfo>], cluster: &Snapshot) -> Vec<Vec<Score>> {
    let mut all = vec![Vec::new(); feasible.len()];
    if feasible.len() < 2 {
        return all;
    }
    for plugin in PLUGINS {
        let Some(scores) = plugin.score(pod, feasible, cluster) else { continue };
        for (all, score) in all.iter_mut().zip(scores) {
            all.push(Score { plugin: plugin.name(), score, weight: plugin.weight() });
        }
    }
    all
}

/// A seeded hash (FNV-1a with a final mix): the same lot for the same pod, node and seed on every machine.
fn lot(uid: &str, node: &str, seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in uid.bytes().chain(node.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Spreads raw scores over 0 to [`BEST`]; with `reverse`, the highest raw score becomes the worst.
pub(crate) fn normalize(mut scores: Vec<i64>, reverse: bool) -> Vec<i64> {
    let most = scores.iter().copied().max().unwrap_or(0);
    for score in &mut scores {
        let share = if most == 0 { 0 } else { *score * BEST / most };
        *score = if reverse { BEST - share } else { share };
    }
    scores
}
