//! `$(VAR)` in commands, arguments and values.

/// Replaces each `$(VAR)` by what `lookup` says; one that it doesn't know stays as it is, and `$$` is a plain `$`.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|it| it.split_once(')')) {
            expanded.push_str(&lookup(name).unwrap_or_else(|| format!("$({name})")));
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand_and_dollars_escape() {
        let lookup = |name: &str| match name {
            "A" => Some("x".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let check = |text, expect| assert_eq!(expand(text, &lookup), expect, "{text}");
        check("$(A)-$(A)", "x-x");
        check("$$(A)", "$(A)");
        check("$$$(A)", "$x");
        check("$(NONE)", "$(NONE)");
        check("[$(EMPTY)]", "[]");
        check("$A $HOME $", "$A $HOME $");
        check("$(A", "$(A");
        check("ü$(A)ü", "üxü");
    }
}
