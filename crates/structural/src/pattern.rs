//! Regular expressions as Kubernetes' users write them: RE2's syntax, translated where the engine here differs, with a
//! bound on what compiling may cost. Matching is linear in the text by construction.

use regex::{Regex, RegexBuilder};

/// Most memory that one compiled pattern may take.
const MOST_BYTES: usize = 1 << 20;
/// Deepest nesting of groups and repetitions.
const DEEPEST: u32 = 100;
/// Longest name of a class, and longest repetition.
const LONGEST_MARK: usize = 16;
/// Longest pattern.
const LONGEST: usize = 16 << 10;

/// A pattern ready to match.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it in one line.
    pub fn compile(source: &str) -> Result<Self, String> {
        if source.len() > LONGEST {
            return Err(format!("expression is longer than {LONGEST} bytes"));
        }
        let built = RegexBuilder::new(&translated(source))
            .size_limit(MOST_BYTES)
            .dfa_size_limit(MOST_BYTES)
            .nest_limit(DEEPEST)
            .build();
        match built {
            Ok(regex) => Ok(Self { source: source.to_owned(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("expression compiles to a too large program".to_owned())
            }
            Err(error) => Err(last_line(&error.to_string())),
        }
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern is found anywhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The compiled expression.
    pub(crate) fn regex(&self) -> &Regex {
        &self.regex
    }
}

/// The engine draws a picture over several lines; its last line says what is wrong.
fn last_line(message: &str) -> String {
    let line = message.lines().rfind(|it| !it.trim().is_empty()).unwrap_or(message);
    line.trim().trim_start_matches("error: ").to_owned()
}

/// RE2's pattern in the syntax of the engine: its classes are ASCII, a brace that repeats nothing stands for itself,
/// and brackets have no set operations.
fn translated(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let (mut out, mut at, mut in_class) = (String::with_capacity(source.len()), 0, false);
    while at < chars.len() {
        let c = chars[at];
        match c {
            '\\' => at += escape(&chars[at..], &mut out, in_class),
            '[' if !in_class => {
                in_class = true;
                at += class_start(&chars[at..], &mut out);
            }
            '[' if chars.get(at + 1) == Some(&':') => at += named_class(&chars[at..], &mut out),
            '[' => at += pushed(&mut out, "\\["),
            ']' if in_class => {
                in_class = false;
                at += pushed(&mut out, "]");
            }
            '&' | '~' if in_class => at += pushed(&mut out, if c == '&' { "\\&" } else { "\\~" }),
            '-' if in_class && chars.get(at + 1) == Some(&'-') => at += pushed(&mut out, "\\-"),
            '{' if !in_class && !repeats(&chars[at..]) => at += pushed(&mut out, "\\{"),
            _ => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

fn pushed(out: &mut String, text: &str) -> usize {
    out.push_str(text);
    1
}

/// An escape sequence; gives how many characters it took.
fn escape(chars: &[char], out: &mut String, in_class: bool) -> usize {
    let Some(&c) = chars.get(1) else {
        out.push('\\');
        return 1;
    };
    let text = match (c, in_class) {
        ('d', false) => "[0-9]",
        ('d', true) => "0-9",
        ('w', false) => "[0-9A-Za-z_]",
        ('w', true) => "0-9A-Za-z_",
        ('s', false) => "[\\t\\n\\f\\r ]",
        ('s', true) => "\\t\\n\\f\\r ",
        ('D', _) => "[^0-9]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('S', _) => "[^\\t\\n\\f\\r ]",
        ('b', false) => "(?-u:\\b)",
        ('B', false) => "(?-u:\\B)",
        ('<' | '>', _) => return literal(c, out),
        ('Q', false) => return quoted(chars, out),
        _ => {
            out.extend(['\\', c]);
            return 2;
        }
    };
    out.push_str(text);
    2
}

fn literal(c: char, out: &mut String) -> usize {
    out.push(c);
    2
}

/// `\Q` up to `\E` stands for itself.
fn quoted(chars: &[char], out: &mut String) -> usize {
    let end = chars.windows(2).position(|it| it == ['\\', 'E']).unwrap_or(chars.len());
    let text: String = chars[2..end].iter().collect();
    out.push_str(&regex::escape(&text));
    (end + 2).min(chars.len())
}

/// `[`, `[^`, and a bracket right behind it, which stands for itself.
fn class_start(chars: &[char], out: &mut String) -> usize {
    let mut taken = 1;
    out.push('[');
    if chars.get(taken) == Some(&'^') {
        out.push('^');
        taken += 1;
    }
    if chars.get(taken) == Some(&']') {
        out.push_str("\\]");
        taken += 1;
    }
    taken
}

/// `[:alpha:]` is kept as it is.
fn named_class(chars: &[char], out: &mut String) -> usize {
    match chars.iter().take(LONGEST_MARK).position(|it| *it == ']') {
        Some(end) if end > 2 && chars[end - 1] == ':' => {
            out.extend(&chars[..=end]);
            end + 1
        }
        _ => pushed(out, "\\["),
    }
}

/// Whether a brace opens a repetition: `{2}`, `{2,}`, `{2,3}`.
fn repeats(chars: &[char]) -> bool {
    let Some(end) = chars.iter().take(LONGEST_MARK).position(|it| *it == '}') else { return false };
    let inside: String = chars[1..end].iter().collect();
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
    match inside.split_once(',') {
        Some((low, high)) => digits(low) && (high.is_empty() || digits(high)),
        None => digits(&inside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_re2_means() {
        let check = |pattern: &str, text: &str, expect: bool| {
            let compiled = Pattern::compile(pattern).unwrap_or_else(|it| panic!("{pattern}: {it}"));
            assert_eq!(compiled.is_match(text), expect, "{pattern} on {text}");
        };
        check(r"^\d+$", "12", true);
        check(r"^\d+$", "١٢", false);
        check(r"^[\w.-]+$", "a_b.c-d", true);
        check(r"^\w$", "é", false);
        check(r"^\${[a-z]+}$", "${abc}", true);
        check(r"^a{2,3}$", "aa", true);
        check(r"^[[]$", "[", true);
        check(r"^[]a]$", "]", true);
        check(r"^[[:alpha:]]+$", "ab", true);
        check(r"^[a&&b]$", "&", true);
        check(r"^\Qa.b\E$", "a.b", true);
        check(r"^\<a\>$", "<a>", true);
        check(r"\bfoo\b", "a foo b", true);
    }

    #[test]
    fn what_would_explode_is_refused() {
        for pattern in ["(((a{100}){100}){100}){100}", "(", "a{5,2}", &"(".repeat(5000), "(?=a)", r"(a)\1"] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
    }
}
