//! Names of fields in expressions: what is no identifier is spelled out, such as `foo-bar` as `foo__dash__bar`.

use super::parser::RESERVED;

/// The spelling of a field's name in an expression; none for names that cannot be spelled.
pub(crate) fn escaped(name: &str) -> Option<String> {
    let mut chars = name.chars();
    let first = chars.next()?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if first.is_ascii_digit() || !good(first) || !chars.all(good) {
        return None;
    }
    if RESERVED.contains(&name) && name != "var" {
        return Some(format!("__{name}__"));
    }
    let spelled = name.replace("__", "__underscores__").replace('.', "__dot__").replace('-', "__dash__");
    Some(spelled.replace('/', "__slash__"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_spelled_as_upstream_spells_them() {
        let check =
            |name: &str, expect: Option<&str>| assert_eq!(super::escaped(name).as_deref(), expect, "{name}");
        check("plain", Some("plain"));
        check("foo-bar", Some("foo__dash__bar"));
        check("a.b/c", Some("a__dot__b__slash__c"));
        check("a__b", Some("a__underscores__b"));
        check("namespace", Some("__namespace__"));
        check("1st", None);
        check("a b", None);
        check("", None);
    }
}
