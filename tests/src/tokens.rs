//! Rust source cut into words and literals: just enough to ask "does this file name X" without being fooled by comments.
//!
//! Start at [`of`]. This is no parser: it knows comments, strings, characters and words, and nothing of their meaning.

/// A piece of code that a rule may care about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// An identifier, a keyword or a number.
    Word(&'a str),
    /// What stands between a string literal's quotes, escapes as written.
    Literal(&'a str),
}

/// The words and string literals of some code, in order. Comments and character literals are left out.
pub fn of(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let (token, length) = next(rest, first);
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

/// The first piece, if it is a token, and how long it is. `rest` is not empty.
fn next(rest: &str, first: char) -> (Option<Token<'_>>, usize) {
    match first {
        '/' if rest.starts_with("//") => (None, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (None, block_comment(rest)),
        '"' => literal(rest, 0),
        '\'' => (None, character(rest)),
        c if is_word(c) => word_or_prefix(rest),
        c => (None, c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a comment that begins here; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let (change, step) = match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += change;
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// A word, or the string literal whose prefix (`b`, `r`, `c`, `br`, `cr`) it is.
fn word_or_prefix(rest: &str) -> (Option<Token<'_>>, usize) {
    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(length);
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let quoted = behind[hashes..].starts_with('"');
    match word {
        "b" | "c" if quoted && hashes == 0 => literal(rest, length),
        "r" | "br" | "cr" if quoted => raw(rest, length + hashes, hashes),
        _ => (Some(Token::Word(word)), length),
    }
}

/// A literal whose opening quote is at `open`.
fn literal(rest: &str, open: usize) -> (Option<Token<'_>>, usize) {
    let body = &rest[open + 1..];
    let mut escaped = false;
    let close = body.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let close = close.unwrap_or(body.len());
    (Some(Token::Literal(&body[..close])), (open + close + 2).min(rest.len()))
}

/// A raw literal whose opening quote is at `open`.
fn raw(rest: &str, open: usize, hashes: usize) -> (Option<Token<'_>>, usize) {
    let body = &rest[open + 1..];
    let end = format!("\"{}", "#".repeat(hashes));
    let close = body.find(&end).unwrap_or(body.len());
    (Some(Token::Literal(&body[..close])), (open + 1 + close + end.len()).min(rest.len()))
}

/// The length of a character literal, or of a lifetime's quote.
fn character(rest: &str) -> usize {
    let mut inside = rest.char_indices().skip(1);
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            rest[from..].find('\'').map_or(rest.len(), |close| from + close + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expect: &str) {
        let shown: Vec<String> = of(code)
            .into_iter()
            .map(|it| match it {
                Token::Word(word) => word.to_owned(),
                Token::Literal(text) => format!("<{text}>"),
            })
            .collect();
        assert_eq!(shown.join(" "), expect, "{code}");
    }

    #[test]
    fn words_and_literals_are_kept_and_comments_are_not() {
        check("let a = b::c(1); // d \"e\"\nf", "let a b c 1 f");
        check("a /* b /* c */ d */ e", "a e");
        check("a /* never closed", "a");
        check(r#"f("x", "a \"b\" c") + b"y""#, r#"f <x> <a \"b\" c> <y>"#);
        check(r##"r#"a "b" // c"# d"##, r#"<a "b" // c> d"#);
        check(r"('a', '\'', '\u{1F600}', 'é') b", "b");
        check("fn f<'a>(x: &'a str)", "fn f a x a str");
        check("\"never closed", "<never closed>");
        check("r#type", "r type");
    }
}
