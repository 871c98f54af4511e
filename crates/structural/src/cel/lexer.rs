//! Text to tokens: CEL's literals with their escapes, names, and punctuation.

use super::error::CompileError;

/// A token and where it starts, in characters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Int(i128),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Name(String),
    /// A name in backticks, which may hold any character and is no keyword.
    Quoted(String),
    Mark(&'static str),
    End,
}

/// Longest first, so that `<=` is not taken for `<`.
const MARKS: [&str; 27] = [
    "==", "!=", "<=", ">=", "&&", "||", "[?", ".?", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+",
    "-", "*", "/", "%", "<", ">", "!", ";",
];

/// All tokens of an expression, the last one being its end.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, CompileError> {
    let chars: Vec<char> = source.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, source };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let kind = lexer.next()?;
        let is_end = kind == TokenKind::End;
        tokens.push(Token { kind, at });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    source: &'a str,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn fail<T>(&self, at: usize, message: &str) -> Result<T, CompileError> {
        Err(CompileError::at(self.source, at, format!("Syntax error: {message}")))
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.peek(0) {
            if c == '/' && self.peek(1) == Some('/') {
                while self.peek(0).is_some_and(|it| it != '\n') {
                    self.at += 1;
                }
            } else if c.is_ascii_whitespace() || c == '\u{c}' {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn next(&mut self) -> Result<TokenKind, CompileError> {
        let Some(c) = self.peek(0) else { return Ok(TokenKind::End) };
        if let Some(start) = self.quote_behind_prefix() {
            return self.text(start);
        }
        if c.is_ascii_digit() || (c == '.' && self.peek(1).is_some_and(|it| it.is_ascii_digit())) {
            return self.number();
        }
        if c.is_ascii_alphabetic() || c == '_' {
            return Ok(TokenKind::Name(self.take_while(|it| it.is_ascii_alphanumeric() || it == '_')));
        }
        if c == '`' {
            return self.backticks();
        }
        for mark in MARKS {
            if mark.chars().enumerate().all(|(index, it)| self.peek(index) == Some(it)) {
                self.at += mark.len();
                return Ok(TokenKind::Mark(mark));
            }
        }
        self.fail(self.at, &format!("token recognition error at: '{c}'"))
    }

    fn take_while(&mut self, good: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(&good) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn backticks(&mut self) -> Result<TokenKind, CompileError> {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|it| it.is_ascii_alphanumeric() || "_./- ".contains(it));
        if self.peek(0) != Some('`') || name.is_empty() {
            return self.fail(start, "token recognition error at: '`'");
        }
        self.at += 1;
        Ok(TokenKind::Quoted(name))
    }

    /// How many characters (`r`, `b`, `br`) stand before a quote, if one comes.
    fn quote_behind_prefix(&self) -> Option<usize> {
        let is_quote = |ahead| matches!(self.peek(ahead), Some('"' | '\''));
        let is_prefix = |ahead| matches!(self.peek(ahead), Some('r' | 'R' | 'b' | 'B'));
        match () {
            () if is_quote(0) => Some(0),
            () if is_prefix(0) && is_quote(1) => Some(1),
            () if is_prefix(0) && is_prefix(1) && is_quote(2) => Some(2),
            () => None,
        }
    }

    fn number(&mut self) -> Result<TokenKind, CompileError> {
        let start = self.at;
        if self.peek(0) == Some('0') && matches!(self.peek(1), Some('x' | 'X')) {
            self.at += 2;
            let digits = self.take_while(|it| it.is_ascii_hexdigit());
            return self.whole(start, &digits, 16);
        }
        let mut text = self.take_while(|it| it.is_ascii_digit());
        let mut is_double = false;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|it| it.is_ascii_digit()) {
            is_double = true;
            self.at += 1;
            text.push('.');
            text.push_str(&self.take_while(|it| it.is_ascii_digit()));
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            is_double = true;
            self.at += 1;
            text.push('e');
            text.push_str(&self.take_while(|it| it == '+' || it == '-'));
            text.push_str(&self.take_while(|it| it.is_ascii_digit()));
        }
        if !is_double {
            return self.whole(start, &text, 10);
        }
        match text.parse() {
            Ok(number) => Ok(TokenKind::Double(number)),
            Err(_) => self.fail(start, "invalid double literal"),
        }
    }

    fn whole(&mut self, start: usize, digits: &str, radix: u32) -> Result<TokenKind, CompileError> {
        let is_uint = matches!(self.peek(0), Some('u' | 'U'));
        self.at += usize::from(is_uint);
        let number = i128::from_str_radix(digits, radix).unwrap_or(i128::MAX);
        match u64::try_from(number) {
            Ok(number) if is_uint => Ok(TokenKind::Uint(number)),
            Ok(number) if number <= 1 << 63 => Ok(TokenKind::Int(i128::from(number))),
            _ if is_uint => self.fail(start, "invalid uint literal"),
            _ => self.fail(start, "invalid int literal"),
        }
    }

    fn text(&mut self, prefix: usize) -> Result<TokenKind, CompileError> {
        let start = self.at;
        let prefixes: String = self.chars[start..start + prefix].iter().collect::<String>().to_lowercase();
        self.at += prefix;
        let (raw, bytes) = (prefixes.contains('r'), prefixes.contains('b'));
        let quote = self.peek(0).unwrap_or('"');
        let closing = if self.peek(1) == Some(quote) && self.peek(2) == Some(quote) { 3 } else { 1 };
        self.at += closing;
        let mut out = Vec::new();
        loop {
            let Some(c) = self.peek(0) else { return self.fail(start, "unterminated string literal") };
            if (0..closing).all(|ahead| self.peek(ahead) == Some(quote)) {
                self.at += closing;
                break;
            }
            if closing == 1 && (c == '\n' || c == '\r') {
                return self.fail(start, "unterminated string literal");
            }
            if c == '\\' && !raw {
                self.escape(&mut out, bytes)?;
            } else {
                self.at += 1;
                out.extend(c.to_string().as_bytes());
            }
        }
        match String::from_utf8(out) {
            Err(error) if bytes => Ok(TokenKind::Bytes(error.into_bytes())),
            Ok(text) if bytes => Ok(TokenKind::Bytes(text.into_bytes())),
            Ok(text) => Ok(TokenKind::String(text)),
            Err(_) => self.fail(start, "string literal is not text"),
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>, bytes: bool) -> Result<(), CompileError> {
        let start = self.at;
        let Some(c) = self.peek(1) else { return self.fail(start, "unterminated string literal") };
        self.at += 2;
        let simple = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' | '`' | '?' => c as u8,
            'x' | 'X' => return self.code(start, out, 2, 16, bytes),
            'u' => return self.code(start, out, 4, 16, false),
            'U' => return self.code(start, out, 8, 16, false),
            '0'..='3' => {
                self.at -= 1;
                return self.code(start, out, 3, 8, bytes);
            }
            _ => return self.fail(start, "invalid escape sequence"),
        };
        out.push(simple);
        Ok(())
    }

    fn code(
        &mut self,
        start: usize,
        out: &mut Vec<u8>,
        n: usize,
        radix: u32,
        byte: bool,
    ) -> Result<(), CompileError> {
        let end = (self.at + n).min(self.chars.len());
        let digits: String = self.chars[self.at..end].iter().collect();
        self.at = end;
        let code = u32::from_str_radix(&digits, radix).ok().filter(|_| digits.len() == n);
        match code {
            Some(code) if byte && code < 256 => out.push(code as u8),
            Some(code) => match char::from_u32(code) {
                Some(c) => out.extend(c.to_string().as_bytes()),
                None => return self.fail(start, "invalid escape sequence"),
            },
            None => return self.fail(start, "invalid escape sequence"),
        }
        Ok(())
    }
}
