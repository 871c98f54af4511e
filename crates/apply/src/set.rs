//! Sets of paths: what a manager owns, what a change touched.
//!
//! A [`Set`] is a tree. A path is in it if its last node is a *member*: `.spec` need not be in a set that has
//! `.spec.replicas`. Nodes are kept in order, so every operation on two sets is one walk along both, and equal sets
//! are written equally.

use crate::path::PathElement;

/// A set of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set<'a>(Vec<Node<'a>>);

/// One step and what is in the set below it. A node is a member or has nodes below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    pub(crate) element: PathElement<'a>,
    pub(crate) member: bool,
    pub(crate) children: Set<'a>,
}

impl Node<'_> {
    fn counts(&self) -> bool {
        self.member || !self.children.is_empty()
    }
}

impl<'a> Set<'a> {
    /// The set without paths.
    pub const fn new() -> Self {
        Set(Vec::new())
    }

    /// The set of these paths of field names.
    pub fn of_fields(paths: &[&[&'a str]]) -> Self {
        let mut set = Set::new();
        for path in paths {
            set.insert(path.iter().copied().map(PathElement::field));
        }
        set
    }

    /// Adds a path, and none of those that lead to it. The path of no steps, the object itself, is never in a set.
    pub fn insert(&mut self, path: impl IntoIterator<Item = PathElement<'a>>) {
        let mut path = path.into_iter();
        let Some(first) = path.next() else { return };
        let mut node = self.descend(first);
        for element in path {
            node = node.children.descend(element);
        }
        node.member = true;
    }

    /// The node of a step, made if it is not there.
    fn descend(&mut self, element: PathElement<'a>) -> &mut Node<'a> {
        let at = match self.find(&element) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, Node { element, member: false, children: Set::new() });
                at
            }
        };
        &mut self.0[at]
    }

    fn find(&self, element: &PathElement<'_>) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.element < *element => Err(self.0.len()),
            _ => self.0.binary_search_by(|node| node.element.cmp(element)),
        }
    }

    fn node(&self, element: &PathElement<'_>) -> Option<&Node<'a>> {
        self.find(element).ok().map(|at| &self.0[at])
    }

    /// Adds what is known of a step, unless that is nothing.
    pub(crate) fn add(&mut self, element: PathElement<'a>, member: bool, children: Set<'a>) {
        if !member && children.is_empty() {
            return;
        }
        match self.find(&element) {
            Ok(at) => {
                let node = &mut self.0[at];
                node.member |= member;
                node.children = std::mem::take(&mut node.children).union(children);
            }
            Err(at) => self.0.insert(at, Node { element, member, children }),
        }
    }

    pub(crate) fn nodes(&self) -> &[Node<'a>] {
        &self.0
    }

    /// Whether there is no path in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many paths are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|node| usize::from(node.member) + node.children.len()).sum()
    }

    /// Whether the path is in the set.
    pub fn has(&self, path: &[PathElement<'_>]) -> bool {
        let Some((last, before)) = path.split_last() else { return false };
        let mut set = self;
        for element in before {
            let Some(below) = set.below(element) else { return false };
            set = below;
        }
        set.is_member(last)
    }

    /// Whether the path of this one step is in the set.
    pub fn is_member(&self, element: &PathElement<'_>) -> bool {
        self.node(element).is_some_and(|node| node.member)
    }

    /// What the set has below a step; none where that is nothing.
    pub fn below(&self, element: &PathElement<'_>) -> Option<&Set<'a>> {
        self.node(element).map(|node| &node.children).filter(|set| !set.is_empty())
    }

    /// The paths that are in one of the two.
    pub fn union(mut self, other: Set<'a>) -> Set<'a> {
        if self.is_empty() {
            return other;
        }
        for node in other.0 {
            self.add(node.element, node.member, node.children);
        }
        self
    }

    /// The paths that are in both.
    pub fn intersection(&self, other: &Set<'_>) -> Set<'a> {
        let mut both = Set::new();
        for node in &self.0 {
            let Some(twin) = other.node(&node.element) else { continue };
            let children = node.children.intersection(&twin.children);
            both.add(node.element.clone(), node.member && twin.member, children);
        }
        both
    }

    /// The paths that are not in the other set. What lies below a path of the other set stays.
    pub fn difference(mut self, other: &Set<'_>) -> Set<'a> {
        self.subtract(other);
        self
    }

    /// Takes the other set's paths out; says whether there were any.
    pub fn subtract(&mut self, other: &Set<'_>) -> bool {
        let (mut changed, mut rest) = (false, other.0.as_slice());
        self.0.retain_mut(|node| {
            if let Some(twin) = twin(&mut rest, &node.element) {
                changed |= node.member && twin.member;
                node.member &= !twin.member;
                changed |= node.children.subtract(&twin.children);
            }
            node.counts()
        });
        changed
    }

    /// The paths that neither are in the other set nor lie below one of its paths.
    pub fn recursive_difference(mut self, other: &Set<'_>) -> Set<'a> {
        self.subtract_recursively(other);
        self
    }

    fn subtract_recursively(&mut self, other: &Set<'_>) {
        let mut rest = other.0.as_slice();
        self.0.retain_mut(|node| {
            let Some(twin) = twin(&mut rest, &node.element) else { return true };
            node.children.subtract_recursively(&twin.children);
            !twin.member && node.counts()
        });
    }

    /// The paths that no other path of the set goes on from.
    pub fn leaves(mut self) -> Set<'a> {
        for node in &mut self.0 {
            node.member &= node.children.is_empty();
            node.children = std::mem::take(&mut node.children).leaves();
        }
        self
    }

    /// The paths in upstream's order: those that end at a step before those that go on.
    pub fn for_each(&self, mut visit: impl FnMut(&[PathElement<'a>])) {
        self.visit(&mut Vec::new(), &mut visit);
    }

    fn visit(&self, path: &mut Vec<PathElement<'a>>, visit: &mut impl FnMut(&[PathElement<'a>])) {
        for node in self.0.iter().filter(|node| node.member) {
            path.push(node.element.clone());
            visit(path);
            path.pop();
        }
        for node in self.0.iter().filter(|node| !node.children.is_empty()) {
            path.push(node.element.clone());
            node.children.visit(path, visit);
            path.pop();
        }
    }

    /// Rebuilds the set node by node.
    pub(crate) fn map_nodes(self, change: impl FnMut(Node<'a>) -> Node<'a>) -> Set<'a> {
        Set(self.0.into_iter().map(change).filter(Node::counts).collect())
    }

    /// The same set, free of what it was read from.
    pub fn into_owned(self) -> Set<'static> {
        let owned = self.0.into_iter().map(|node| Node {
            element: node.element.into_owned(),
            member: node.member,
            children: node.children.into_owned(),
        });
        Set(owned.collect())
    }
}

/// The node of a step, from nodes in order; what lies before it is passed for good.
fn twin<'s, 'a>(rest: &mut &'s [Node<'a>], element: &PathElement<'_>) -> Option<&'s Node<'a>> {
    while let Some((first, others)) = rest.split_first() {
        match first.element.cmp(element) {
            std::cmp::Ordering::Less => *rest = others,
            std::cmp::Ordering::Equal => return Some(first),
            std::cmp::Ordering::Greater => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&'static str]) -> Set<'static> {
        let mut set = Set::new();
        for path in paths {
            set.insert(path.split('.').map(PathElement::field));
        }
        set
    }

    fn check(result: &Set<'_>, expect: &[&'static str]) {
        assert_eq!(*result, set(expect));
    }

    #[test]
    fn a_path_does_not_bring_those_that_lead_to_it() {
        let paths = set(&["a.b", "c"]);
        let step = PathElement::field;
        assert!(paths.has(&[step("a"), step("b")]) && paths.has(&[step("c")]));
        assert!(!paths.has(&[step("a")]) && !paths.has(&[]) && !paths.has(&[step("c"), step("d")]));
        assert_eq!((paths.len(), paths.is_empty(), Set::new().is_empty()), (2, false, true));
    }

    #[test]
    fn two_sets_become_one() {
        let (left, right) = (set(&["a", "a.b", "c.d"]), set(&["a.b", "a.c", "c", "e.f"]));
        check(&left.clone().union(right.clone()), &["a", "a.b", "a.c", "c", "c.d", "e.f"]);
        check(&left.intersection(&right), &["a.b"]);
        check(&left.clone().difference(&right), &["a", "c.d"]);
        check(&left.clone().recursive_difference(&right), &["a"]);
        check(&right.difference(&left), &["a.c", "c", "e.f"]);
    }

    #[test]
    fn leaves_are_where_no_path_goes_on() {
        check(&set(&["a", "a.b", "a.b.c", "d"]).leaves(), &["a.b.c", "d"]);
    }

    #[test]
    fn taking_out_says_whether_anything_was_there() {
        let mut paths = set(&["a.b", "c"]);
        assert!(!paths.subtract(&set(&["a", "b"])));
        assert!(paths.subtract(&set(&["a.b"])));
        check(&paths, &["c"]);
    }

    #[test]
    fn paths_come_by_level() {
        let mut order = vec![];
        set(&["b", "a.z", "c", "b.a"]).for_each(|path| order.push(crate::path::path_text(path)));
        assert_eq!(order, [".b", ".c", ".a.z", ".b.a"]);
    }
}
