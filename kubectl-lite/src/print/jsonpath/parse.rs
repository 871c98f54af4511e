//! Reads templates into nodes.

use super::{Filter, Node, Operand, Operator, Path, Step};
use anyhow::{Result, anyhow, bail};
use serde_json::Value;

/// What stands in one pair of braces.
enum Action {
    Node(Node),
    Range(Path),
    End,
}

/// Reads a whole template.
pub(super) fn template(text: &str) -> Result<Vec<Node>> {
    let mut open: Vec<(Path, Vec<Node>)> = Vec::new();
    let mut nodes = Vec::new();
    for action in actions(text)? {
        match action {
            Action::Node(node) => nodes.push(node),
            Action::Range(path) => open.push((path, std::mem::take(&mut nodes))),
            Action::End => {
                let (path, before) = open.pop().ok_or_else(|| anyhow!("not in range, nothing to end"))?;
                let body = std::mem::replace(&mut nodes, before);
                nodes.push(Node::Range(path, body));
            }
        }
    }
    if !open.is_empty() {
        bail!("unterminated range: add {{end}}");
    }
    Ok(nodes)
}

fn actions(text: &str) -> Result<Vec<Action>> {
    let mut actions = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        if start > 0 {
            actions.push(Action::Node(Node::Text(rest[..start].to_owned())));
        }
        let mut reader = Reader { rest: &rest[start + 1..] };
        reader.braces(&mut actions)?;
        rest = reader.rest;
    }
    if !rest.is_empty() {
        actions.push(Action::Node(Node::Text(rest.to_owned())));
    }
    Ok(actions)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    fn skip(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// What stands between braces, the opening one already read.
    fn braces(&mut self, actions: &mut Vec<Action>) -> Result<()> {
        loop {
            self.spaces();
            match self.peek() {
                None => bail!("unclosed action"),
                Some('}') => {
                    self.next();
                    return Ok(());
                }
                Some(quote @ ('"' | '\'')) => actions.push(Action::Node(Node::Text(self.quoted(quote)?))),
                Some('.' | '[' | '$' | '@') => actions.push(Action::Node(Node::Find(self.path()?))),
                Some(_) => actions.push(self.word()?),
            }
        }
    }

    fn word(&mut self) -> Result<Action> {
        let end = self.rest.find(|it: char| !it.is_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "range" => {
                self.spaces();
                Ok(Action::Range(self.path()?))
            }
            "end" => Ok(Action::End),
            "" => bail!("unrecognized character in action: {:?}", self.peek().unwrap_or_default()),
            other => bail!("unrecognized identifier {other}"),
        }
    }

    /// A quoted text, from its opening quote on.
    fn quoted(&mut self, quote: char) -> Result<String> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => bail!("unterminated quoted string"),
                Some(letter) if letter == quote => return Ok(text),
                Some('\\') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('.') => text.push_str("\\."),
                    Some(other) => text.push(other),
                    None => bail!("unterminated quoted string"),
                },
                Some(letter) => text.push(letter),
            }
        }
    }

    fn path(&mut self) -> Result<Path> {
        let mut path = Path::new();
        loop {
            if self.skip("..") {
                path.push(Step::Deep);
                if !matches!(self.peek(), Some('[')) {
                    path.push(self.field()?);
                }
            } else if self.skip(".") {
                // A lone dot is the object itself.
                if self.peek().is_some_and(|it| !ends_field(it)) {
                    path.push(self.field()?);
                }
            } else if self.skip("[") {
                path.push(self.brackets()?);
            } else if !self.skip("$") && !self.skip("@") {
                return Ok(path);
            }
        }
    }

    fn field(&mut self) -> Result<Step> {
        let mut name = String::new();
        while let Some(letter) = self.peek().filter(|it| !ends_field(*it)) {
            self.next();
            match letter {
                '\\' => name.extend(self.next()),
                other => name.push(other),
            }
        }
        match name.as_str() {
            "" => bail!("a field's name is missing after the dot"),
            "*" => Ok(Step::All),
            _ => Ok(Step::Field(name)),
        }
    }

    fn brackets(&mut self) -> Result<Step> {
        self.spaces();
        if self.skip("?(") {
            let filter = self.filter()?;
            self.spaces();
            return if self.skip("]") { Ok(Step::Filter(filter)) } else { bail!("unterminated filter") };
        }
        let mut choices = Vec::new();
        loop {
            self.spaces();
            choices.push(self.choice()?);
            self.spaces();
            match self.next() {
                Some(',') => {}
                Some(']') if choices.len() == 1 => return Ok(choices.remove(0)),
                Some(']') => return Ok(Step::Union(choices)),
                _ => bail!("unterminated array"),
            }
        }
    }

    /// One of what brackets hold between commas.
    fn choice(&mut self) -> Result<Step> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return quoted_field(&self.quoted(quote)?);
        }
        let end = self.rest.find([',', ']']).ok_or_else(|| anyhow!("unterminated array"))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let text = text.trim();
        if text == "*" {
            return Ok(Step::All);
        }
        let number = |it: &str| it.trim().parse::<i64>().map_err(|_| anyhow!("invalid array index {it}"));
        let bound =
            |it: Option<&&str>| it.filter(|it| !it.trim().is_empty()).map(|it| number(it)).transpose();
        match text.split(':').collect::<Vec<_>>().as_slice() {
            [one] => Ok(Step::Index(number(one)?)),
            parts if parts.len() <= 3 => Ok(Step::Slice {
                from: bound(parts.first())?,
                to: bound(parts.get(1))?,
                step: bound(parts.get(2))?,
            }),
            _ => bail!("invalid array index {text}"),
        }
    }

    /// What stands in `?(...)`, the opening bracket already read.
    fn filter(&mut self) -> Result<Filter> {
        let left = self.operand()?;
        self.spaces();
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let operator = operators.into_iter().find(|(token, _)| self.skip(token)).map(|(_, it)| it);
        let test = operator.map(|it| Ok::<_, anyhow::Error>((it, self.operand()?))).transpose()?;
        self.spaces();
        if self.skip(")") { Ok(Filter { left, test }) } else { bail!("unterminated filter") }
    }

    fn operand(&mut self) -> Result<Operand> {
        self.spaces();
        match self.peek() {
            Some(quote @ ('"' | '\'')) => Ok(Operand::Literal(self.quoted(quote)?.into())),
            Some('@' | '.' | '$' | '[') => Ok(Operand::Path(self.path()?)),
            _ => {
                let end = self.rest.find([' ', ')', '=', '!', '<', '>']).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                let value: Value =
                    serde_json::from_str(word).map_err(|_| anyhow!("invalid filter operand {word:?}"))?;
                Ok(Operand::Literal(value))
            }
        }
    }
}

/// `['a.b']` leads down two fields, `['a\.b']` to one.
fn quoted_field(text: &str) -> Result<Step> {
    let mut reader = Reader { rest: text };
    let mut steps = vec![reader.field()?];
    while reader.skip(".") {
        steps.push(reader.field()?);
    }
    if !reader.rest.is_empty() {
        return Ok(Step::Field(text.to_owned()));
    }
    Ok(if steps.len() == 1 { steps.remove(0) } else { Step::Path(steps) })
}

fn ends_field(letter: char) -> bool {
    matches!(
        letter,
        '.' | '[' | ']' | '{' | '}' | ' ' | '\t' | '\n' | ')' | '(' | '=' | '!' | '<' | '>' | ','
    )
}
