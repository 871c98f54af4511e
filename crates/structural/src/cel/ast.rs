//! An expression as a tree. Macros stay what they are: a loop knows that it is one, so its cost can be estimated and
//! its steps counted.

use super::functions::Function;
use crate::pattern::Pattern;

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    /// Where it starts, in characters.
    pub(crate) at: usize,
    /// How many nodes lie below each other, this one counted.
    pub(crate) depth: usize,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Ident(String),
    Select {
        of: Box<Expr>,
        field: String,
        optional: bool,
    },
    Has {
        of: Box<Expr>,
        field: String,
    },
    Index {
        of: Box<Expr>,
        key: Box<Expr>,
        optional: bool,
    },
    Call(Call),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Choose(Box<[Expr; 3]>),
    List(Vec<Element>),
    Map(Vec<(Expr, Element)>),
    /// An object of a named type: `Object.spec{replicas: 1}`.
    Message {
        name: String,
        fields: Vec<(String, Element)>,
    },
    Loop(Box<Loop>),
}

/// An element of a list or map literal; an optional one may be absent.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) value: Expr,
    pub(crate) optional: bool,
}

/// A function's call. The checker fills in which functions it may be and the pattern, if it is a literal.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Whether the first argument stood before the name.
    pub(crate) member: bool,
    pub(crate) args: Vec<Expr>,
    pub(crate) functions: Vec<&'static Function>,
    pub(crate) pattern: Option<Pattern>,
}

/// Operators of two operands that are always both evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

impl Operator {
    /// The name that messages use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Add => "_+_",
            Self::Subtract => "_-_",
            Self::Multiply => "_*_",
            Self::Divide => "_/_",
            Self::Modulo => "_%_",
            Self::Equal => "_==_",
            Self::NotEqual => "_!=_",
            Self::Less => "_<_",
            Self::LessEqual => "_<=_",
            Self::Greater => "_>_",
            Self::GreaterEqual => "_>=_",
            Self::In => "@in",
        }
    }
}

/// A macro over the items of a list or the entries of a map, or the inside of an optional value.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub(crate) how: How,
    pub(crate) range: Expr,
    pub(crate) names: Vec<String>,
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Expr,
}

/// What a loop makes of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
    TransformList,
    TransformMap,
    OptMap,
    OptFlatMap,
}

impl Expr {
    /// Every node right below.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Select { of, .. } | Kind::Has { of, .. } | Kind::Not(of) | Kind::Negate(of) => vec![of],
            Kind::Index { of, key, .. } => vec![of, key],
            Kind::Call(call) => call.args.iter().collect(),
            Kind::Binary(_, left, right) => vec![left, right],
            Kind::And(list) | Kind::Or(list) => list.iter().collect(),
            Kind::Choose(three) => three.iter().collect(),
            Kind::List(list) => list.iter().map(|it| &it.value).collect(),
            Kind::Message { fields, .. } => fields.iter().map(|it| &it.1.value).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(key, it)| [key, &it.value]).collect(),
            Kind::Loop(it) => [&it.range, &it.body].into_iter().chain(&it.filter).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the expression reads a variable of that name. A loop's own variable of the same name counts too.
    pub(crate) fn reads(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(it) if it == name) || self.children().iter().any(|it| it.reads(name))
    }
}
