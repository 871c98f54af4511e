//! Tokens to a tree, by CEL's grammar. Length and nesting are bounded, so neither parsing nor anything that walks the
//! tree can run out of stack.

use super::ast::{Call, Element, Expr, How, Kind, Loop, Operator};
use super::error::CompileError;
use super::functions;
use super::lexer::{Token, TokenKind, tokens};

/// Longest expression, in characters.
pub(crate) const LONGEST: usize = 100_000;
/// Deepest nesting.
const DEEPEST: usize = 100;

/// Words that cannot be names.
pub(crate) const RESERVED: [&str; 19] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
];

/// Parses an expression.
pub(crate) fn parse(source: &str) -> Result<Expr, CompileError> {
    let length = source.chars().count();
    if length > LONGEST {
        let message = format!("expression code point size exceeds limit: size: {length}, limit {LONGEST}");
        return Err(CompileError::whole(message));
    }
    let mut parser = Parser { source, tokens: tokens(source)?, next: 0, level: 0 };
    let expr = parser.expr()?;
    match parser.peek() {
        TokenKind::End => Ok(expr),
        _ => parser.unexpected(),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    next: usize,
    level: usize,
}

type Parsed = Result<Expr, CompileError>;

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.next].at
    }

    /// The next token; the end is never passed.
    fn take(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        kind
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), TokenKind::Mark(it) if *it == mark)
    }

    fn accept(&mut self, mark: &str) -> bool {
        let is = self.is(mark);
        if is {
            self.take();
        }
        is
    }

    fn expect(&mut self, mark: &str) -> Result<(), CompileError> {
        if self.accept(mark) { Ok(()) } else { self.unexpected() }
    }

    fn unexpected<T>(&self) -> Result<T, CompileError> {
        let found = match self.peek() {
            TokenKind::End => "<EOF>".to_owned(),
            TokenKind::Mark(mark) => (*mark).to_owned(),
            TokenKind::Name(name) | TokenKind::Quoted(name) => name.clone(),
            _ => "literal".to_owned(),
        };
        self.fail(self.at(), format!("Syntax error: mismatched input '{found}'"))
    }

    fn fail<T>(&self, at: usize, message: impl AsRef<str>) -> Result<T, CompileError> {
        Err(CompileError::at(self.source, at, message))
    }

    fn node(&self, at: usize, kind: Kind) -> Parsed {
        let mut expr = Expr { kind, at, depth: 1 };
        expr.depth += expr.children().iter().map(|it| it.depth).max().unwrap_or_default();
        if expr.depth > DEEPEST {
            return self.fail(at, format!("expression recursion limit exceeded: {DEEPEST}"));
        }
        Ok(expr)
    }

    fn expr(&mut self) -> Parsed {
        self.level += 1;
        if self.level > DEEPEST {
            return self.fail(self.at(), format!("expression recursion limit exceeded: {DEEPEST}"));
        }
        let at = self.at();
        let mut expr = self.any_of()?;
        if self.accept("?") {
            let yes = self.any_of()?;
            self.expect(":")?;
            let no = self.expr()?;
            expr = self.node(at, Kind::Choose(Box::new([expr, yes, no])))?;
        }
        self.level -= 1;
        Ok(expr)
    }

    fn any_of(&mut self) -> Parsed {
        let at = self.at();
        let mut list = vec![self.all_of()?];
        while self.accept("||") {
            list.push(self.all_of()?);
        }
        if list.len() == 1 { Ok(list.remove(0)) } else { self.node(at, Kind::Or(list)) }
    }

    fn all_of(&mut self) -> Parsed {
        let at = self.at();
        let mut list = vec![self.binary(0)?];
        while self.accept("&&") {
            list.push(self.binary(0)?);
        }
        if list.len() == 1 { Ok(list.remove(0)) } else { self.node(at, Kind::And(list)) }
    }

    /// Operators that bind at least as tightly as `least`.
    fn binary(&mut self, least: u8) -> Parsed {
        let at = self.at();
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.operator().filter(|it| it.1 >= least) {
            self.take();
            let right = self.binary(strength + 1)?;
            left = self.node(at, Kind::Binary(operator, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        Some(match self.peek() {
            TokenKind::Name(name) if name == "in" => (Operator::In, 0),
            TokenKind::Mark(mark) => match *mark {
                "==" => (Operator::Equal, 0),
                "!=" => (Operator::NotEqual, 0),
                "<" => (Operator::Less, 0),
                "<=" => (Operator::LessEqual, 0),
                ">" => (Operator::Greater, 0),
                ">=" => (Operator::GreaterEqual, 0),
                "+" => (Operator::Add, 1),
                "-" => (Operator::Subtract, 1),
                "*" => (Operator::Multiply, 2),
                "/" => (Operator::Divide, 2),
                "%" => (Operator::Modulo, 2),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// `!` and `-`, any number of them; an even number says nothing.
    fn unary(&mut self) -> Parsed {
        let at = self.at();
        let (mut not, mut minus) = (0, 0);
        while self.accept("!") {
            not += 1;
        }
        while not == 0 && self.is("-") && !self.negative_number() && self.accept("-") {
            minus += 1;
        }
        let expr = self.member()?;
        match (not % 2, minus % 2) {
            (1, _) => self.node(at, Kind::Not(Box::new(expr))),
            (_, 1) => self.node(at, Kind::Negate(Box::new(expr))),
            _ => Ok(expr),
        }
    }

    fn negative_number(&self) -> bool {
        let next = &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].kind;
        matches!(next, TokenKind::Int(_) | TokenKind::Double(_))
    }

    fn member(&mut self) -> Parsed {
        let mut expr = self.primary()?;
        loop {
            let at = self.at();
            expr = match self.peek() {
                TokenKind::Mark(".") => self.dot(at, expr)?,
                TokenKind::Mark(".?") => self.optional_field(at, expr)?,
                TokenKind::Mark("[" | "[?") => self.index(at, expr)?,
                TokenKind::Mark("{") => self.message(&expr)?,
                _ => return Ok(expr),
            };
        }
    }

    // What follows a member has functions of its own, so that nesting does not pay with stack for what it does not use.

    fn optional_field(&mut self, at: usize, of: Expr) -> Parsed {
        self.expect(".?")?;
        let field = self.field()?;
        self.node(at, Kind::Select { of: Box::new(of), field, optional: true })
    }

    fn index(&mut self, at: usize, of: Expr) -> Parsed {
        let optional = self.take() == TokenKind::Mark("[?");
        let key = Box::new(self.expr()?);
        self.expect("]")?;
        self.node(at, Kind::Index { of: Box::new(of), key, optional })
    }

    /// The fields of an object of a named type.
    fn message(&mut self, type_: &Expr) -> Parsed {
        let (at, Some(name)) = (type_.at, type_name(type_)) else { return self.unexpected() };
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.accept("}") {
            let optional = self.accept("?");
            let field = self.field()?;
            self.expect(":")?;
            fields.push((field, Element { value: self.expr()?, optional }));
            if !self.is("}") {
                self.expect(",")?;
            }
        }
        self.node(at, Kind::Message { name, fields })
    }

    fn field(&mut self) -> Result<String, CompileError> {
        match self.peek().clone() {
            TokenKind::Name(name) if name != "in" && name != "true" && name != "false" && name != "null" => {
                self.take();
                Ok(name)
            }
            TokenKind::Quoted(name) => {
                self.take();
                Ok(name)
            }
            _ => self.unexpected(),
        }
    }

    fn dot(&mut self, at: usize, of: Expr) -> Parsed {
        self.expect(".")?;
        let field = self.field()?;
        if !self.accept("(") {
            return self.node(at, Kind::Select { of: Box::new(of), field, optional: false });
        }
        let args = self.arguments(")")?;
        if let Kind::Ident(space) = &of.kind {
            let name = format!("{space}.{field}");
            if functions::exists(&name) {
                return self.call(at, name, false, args);
            }
        }
        match how_of(&field, args.len()) {
            Some((how, names)) => self.loop_of(at, how, names, of, args),
            None => {
                let args = std::iter::once(of).chain(args).collect();
                self.call(at, field, true, args)
            }
        }
    }

    fn call(&self, at: usize, name: String, member: bool, args: Vec<Expr>) -> Parsed {
        self.node(at, Kind::Call(Call { name, member, args, functions: Vec::new(), pattern: None }))
    }

    fn arguments(&mut self, closing: &str) -> Result<Vec<Expr>, CompileError> {
        let mut list = Vec::new();
        while !self.accept(closing) {
            if !list.is_empty() {
                self.expect(",")?;
            }
            list.push(self.expr()?);
        }
        Ok(list)
    }

    fn loop_of(&self, at: usize, how: How, names: usize, range: Expr, mut args: Vec<Expr>) -> Parsed {
        let mut variables = Vec::new();
        for arg in args.drain(..names) {
            match arg.kind {
                Kind::Ident(name) => variables.push(name),
                _ => return self.fail(arg.at, "argument must be a simple name"),
            }
        }
        let body = args.pop().expect("how_of asks for a body");
        let filter = args.pop();
        self.node(at, Kind::Loop(Box::new(Loop { how, range, names: variables, filter, body })))
    }

    fn primary(&mut self) -> Parsed {
        let (at, before) = (self.at(), self.next);
        let kind = match self.take() {
            TokenKind::Int(number) => Kind::Int(self.int(at, number)?),
            TokenKind::Uint(number) => Kind::Uint(number),
            TokenKind::Double(number) => Kind::Double(number),
            TokenKind::String(text) => Kind::String(text),
            TokenKind::Bytes(bytes) => Kind::Bytes(bytes),
            TokenKind::Mark("-") => match self.take() {
                TokenKind::Int(number) => Kind::Int(self.int(at, -number)?),
                TokenKind::Double(number) => Kind::Double(-number),
                _ => return self.fail(at, "Syntax error: mismatched input '-'"),
            },
            TokenKind::Mark("(") => {
                let expr = self.expr()?;
                self.expect(")")?;
                return Ok(expr);
            }
            TokenKind::Mark("[") => return self.list(at, false),
            TokenKind::Mark("[?") => return self.list(at, true),
            TokenKind::Mark("{") => return self.map(at),
            TokenKind::Mark(".") => return self.primary_name(at),
            TokenKind::Name(name) => return self.name(at, name),
            _ => {
                self.next = before;
                return self.unexpected();
            }
        };
        self.node(at, kind)
    }

    fn int(&self, at: usize, number: i128) -> Result<i64, CompileError> {
        i64::try_from(number).or_else(|_| self.fail(at, "invalid int literal"))
    }

    /// `.name`, a name looked up from the outside, which is all there is here.
    fn primary_name(&mut self, at: usize) -> Parsed {
        match self.take() {
            TokenKind::Name(name) => self.name(at, name),
            _ => self.fail(at, "Syntax error: mismatched input '.'"),
        }
    }

    fn name(&mut self, at: usize, name: String) -> Parsed {
        let kind = match name.as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            reserved if RESERVED.contains(&reserved) => {
                return self.fail(at, format!("reserved identifier: {reserved}"));
            }
            _ if self.accept("(") => {
                let args = self.arguments(")")?;
                return if name == "has" { self.has(at, args) } else { self.call(at, name, false, args) };
            }
            _ => Kind::Ident(name),
        };
        self.node(at, kind)
    }

    fn has(&self, at: usize, mut args: Vec<Expr>) -> Parsed {
        let arg = if args.len() == 1 { args.pop().map(|it| it.kind) } else { None };
        match arg {
            Some(Kind::Select { of, field, optional: false }) => self.node(at, Kind::Has { of, field }),
            _ => self.fail(at, "invalid argument to has() macro"),
        }
    }

    /// A list, whose first element is optional if the bracket came with a question mark.
    fn list(&mut self, at: usize, mut optional: bool) -> Parsed {
        let mut list = Vec::new();
        while optional || !self.accept("]") {
            optional |= self.accept("?");
            list.push(Element { value: self.expr()?, optional: std::mem::take(&mut optional) });
            if !self.is("]") {
                self.expect(",")?;
            }
        }
        self.node(at, Kind::List(list))
    }

    fn map(&mut self, at: usize) -> Parsed {
        let mut entries = Vec::new();
        while !self.accept("}") {
            let optional = self.accept("?");
            let key = self.expr()?;
            self.expect(":")?;
            entries.push((key, Element { value: self.expr()?, optional }));
            if !self.is("}") {
                self.expect(",")?;
            }
        }
        self.node(at, Kind::Map(entries))
    }
}

/// Names joined by dots, which before a brace are the name of a type.
fn type_name(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) => Some(name.clone()),
        Kind::Select { of, field, optional: false } => Some(format!("{}.{field}", type_name(of)?)),
        _ => None,
    }
}

/// Which macro a call is, by its name and number of arguments, and how many of these are variables.
fn how_of(name: &str, args: usize) -> Option<(How, usize)> {
    Some(match (name, args) {
        ("all", 2 | 3) => (How::All, args - 1),
        ("exists", 2 | 3) => (How::Exists, args - 1),
        ("exists_one" | "existsOne", 2 | 3) => (How::ExistsOne, args - 1),
        ("filter", 2) => (How::Filter, 1),
        ("map", 2 | 3) => (How::Map, 1),
        ("transformList", 3 | 4) => (How::TransformList, 2),
        ("transformMap", 3 | 4) => (How::TransformMap, 2),
        ("optMap", 2) => (How::OptMap, 1),
        ("optFlatMap", 2) => (How::OptFlatMap, 1),
        _ => return None,
    })
}
