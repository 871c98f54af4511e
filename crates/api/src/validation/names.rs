//! The formats of names, keys and values. Each check answers what is wrong, in upstream's words; nothing when it's right.

use std::net::IpAddr;

/// What is wrong with a text; empty when nothing is.
pub type Messages = Vec<String>;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const ENDS: &str = "and must start and end with an alphanumeric character";

/// Most bytes of a DNS label.
pub const LABEL_LENGTH: usize = 63;
/// Most bytes of a DNS name.
pub const SUBDOMAIN_LENGTH: usize = 253;

/// The message of a format that is described by an expression.
fn regex_error(message: &str, expression: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|it| format!("'{it}', ")).collect();
    let such = if examples.is_empty() { String::new() } else { format!("e.g. {}", examples.join(" or ")) };
    format!("{message} ({such}regex used for validation is '{expression}')")
}

fn too_long(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} bytes"))
}

fn collect(first: Option<String>, second: Option<String>) -> Messages {
    first.into_iter().chain(second).collect()
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|it| is_alphanumeric(*it))
        && bytes.last().is_some_and(|it| is_alphanumeric(*it));
    ends && bytes.iter().all(|it| is_alphanumeric(*it) || *it == b'-')
}

/// A DNS label, such as a container's name.
pub fn dns_label(text: &str) -> Messages {
    let message = format!(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {ENDS}"
    );
    let wrong = (!is_label(text)).then(|| match text.split('.').all(is_label) {
        true => "must not contain dots".to_owned(),
        false => regex_error(&message, LABEL, &["my-name", "123-abc"]),
    });
    collect(too_long(text, LABEL_LENGTH), wrong)
}

/// A DNS name, such as most objects' names.
pub fn dns_subdomain(text: &str) -> Messages {
    let message = format!(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {ENDS}"
    );
    let good = text.split('.').all(is_label);
    let wrong = (!good).then(|| regex_error(&message, SUBDOMAIN, &["example.com"]));
    collect(too_long(text, SUBDOMAIN_LENGTH), wrong)
}

/// A DNS name whose first label may be `*`.
pub fn wildcard_subdomain(text: &str) -> Messages {
    let message = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
    let good = text.strip_prefix("*.").is_some_and(|it| it.split('.').all(is_label));
    let wrong = (!good).then(|| regex_error(message, &format!(r"\*\.{SUBDOMAIN}"), &["*.example.com"]));
    collect(too_long(text, SUBDOMAIN_LENGTH), wrong)
}

/// The older form of a DNS label, which starts with a letter: a service's name.
pub fn dns_1035_label(text: &str) -> Messages {
    let message = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
    let good = is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase());
    let wrong = (!good).then(|| regex_error(message, LABEL_1035, &["my-name", "abc-123"]));
    collect(too_long(text, LABEL_LENGTH), wrong)
}

fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric);
    ends && bytes.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

/// A name with an optional domain before it, such as a label's key.
pub fn qualified_name(text: &str) -> Messages {
    let message = format!("must consist of alphanumeric characters, '-', '_' or '.', {ENDS}");
    let error = || regex_error(&message, QUALIFIED, &["MyName", "my.name", "123-abc"]);
    let mut messages = Messages::new();
    let name = match text.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            match prefix {
                "" => messages.push("prefix part must be non-empty".to_owned()),
                prefix => {
                    messages.extend(dns_subdomain(prefix).into_iter().map(|it| format!("prefix part {it}")))
                }
            }
            name
        }
        _ => {
            let prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a qualified name {} {prefix}", error())];
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".to_owned());
    } else if let Some(message) = too_long(name, LABEL_LENGTH) {
        messages.push(format!("name part {message}"));
    }
    if !is_qualified_part(name) {
        messages.push(format!("name part {}", error()));
    }
    messages
}

/// A label's value.
pub fn label_value(text: &str) -> Messages {
    let message = format!(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {ENDS}"
    );
    let good = text.is_empty() || is_qualified_part(text);
    let examples = ["MyValue", "my_value", "12345"];
    let wrong = (!good).then(|| regex_error(&message, &format!("({QUALIFIED})?"), &examples));
    collect(too_long(text, LABEL_LENGTH), wrong)
}

/// A key of a ConfigMap or a Secret.
pub fn config_key(text: &str) -> Messages {
    let message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    let good = !text.is_empty()
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'));
    let mut messages: Messages = too_long(text, SUBDOMAIN_LENGTH).into_iter().collect();
    if !good {
        messages.push(regex_error(message, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    } else if text == "." || text == ".." {
        messages.push(format!("must not be '{text}'"));
    } else if text.starts_with("..") {
        messages.push("must not start with '..'".to_owned());
    }
    messages
}

/// The name of a port.
pub fn port_name(text: &str) -> Messages {
    let mut messages: Messages = too_long(text, 15).into_iter().collect();
    let mut wrong = |it: &str| messages.push(it.to_owned());
    if text.is_empty() || !text.bytes().all(|it| is_alphanumeric(it) || it == b'-') {
        wrong("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !text.bytes().any(|it| it.is_ascii_lowercase()) {
        wrong("must contain at least one letter (a-z)");
    }
    if text.contains("--") {
        wrong("must not contain consecutive hyphens");
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong("must not begin or end with a hyphen");
    }
    messages
}

/// The number of a port.
pub fn port_number(port: i32) -> Messages {
    in_range(i64::from(port), 1, 65_535)
}

/// A number between two others.
pub fn in_range(number: i64, least: i64, most: i64) -> Messages {
    match (least..=most).contains(&number) {
        true => Messages::new(),
        false => vec![format!("must be between {least} and {most}, inclusive")],
    }
}

/// The name of an environment variable.
pub fn variable_name(text: &str) -> Messages {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    match text.bytes().all(|it| matches!(it, b' '..=b'~') && it != b'=') {
        true => Messages::new(),
        false => vec![
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        ],
    }
}

/// An address of either family.
pub fn ip(text: &str) -> Messages {
    match text.parse::<IpAddr>() {
        Ok(_) => Messages::new(),
        Err(_) => vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()],
    }
}

/// The address and the length of a range.
fn parse_range(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let canonical = length == "0" || !length.starts_with(['0', '+']);
    let length = length.parse::<u8>().ok().filter(|it| *it <= width(address) && canonical)?;
    Some((address, length))
}

/// How many bits an address has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether a range is part of another one, and smaller; not when either is no range.
pub fn is_strict_part(part: &str, whole: &str) -> bool {
    let (Some((inner, longer)), Some((outer, length))) = (parse_range(part), parse_range(whole)) else {
        return false;
    };
    let bits = |it: IpAddr| match it {
        IpAddr::V4(it) => u128::from(it.to_bits()),
        IpAddr::V6(it) => it.to_bits(),
    };
    let same = |free: u8| (bits(inner) ^ bits(outer)).checked_shr(u32::from(free)).unwrap_or(0) == 0;
    inner.is_ipv4() == outer.is_ipv4() && longer > length && same(width(outer) - length)
}

/// A range of addresses.
pub fn cidr(text: &str) -> Messages {
    match parse_range(text) {
        Some(_) => Messages::new(),
        None => vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()],
    }
}

/// A percentage.
pub fn percent(text: &str) -> Messages {
    let digits = text.strip_suffix('%').filter(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()));
    let message = "a valid percent string must be a numeric string followed by an ending '%'";
    match digits {
        Some(_) => Messages::new(),
        None => vec![regex_error(message, "[0-9]+%", &["1%", "93%"])],
    }
}

/// A name that may hold anything a path segment may: roles and their bindings.
pub fn path_segment(text: &str) -> Messages {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"].iter().filter(|it| text.contains(**it)).map(|it| format!("may not contain '{it}'")).collect()
}

/// A path in a URL.
pub fn http_path(text: &str) -> Messages {
    let good = |it: u8| it.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&it);
    match !text.is_empty() && text.bytes().all(good) {
        true => Messages::new(),
        false => vec![regex_error("Invalid path", r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", &[])],
    }
}

/// A domain name of two parts or more; it may end in a dot.
pub fn full_domain(text: &str) -> Messages {
    let name = text.strip_suffix('.').unwrap_or(text);
    let mut messages = dns_subdomain(name);
    if messages.is_empty() && !name.contains('.') {
        messages.push("should be a domain with at least two segments separated by dots".to_owned());
    }
    messages
}

/// The name of an HTTP header.
pub fn header_name(text: &str) -> Messages {
    let good = !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    let message = "a valid HTTP header must consist of alphanumeric characters or '-'";
    match good {
        true => Messages::new(),
        false => vec![regex_error(message, "[-A-Za-z0-9]+", &["X-Header-Name"])],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |test: fn(&str) -> Messages, good: &[&str], bad: &[&str]| {
            good.iter().for_each(|it| assert_eq!(test(it), Messages::new(), "{it}"));
            bad.iter().for_each(|it| assert_ne!(test(it), Messages::new(), "{it}"));
        };
        let long = "a".repeat(64);
        check(dns_label, &["a", "a-1", "1"], &["", "A", "-a", "a-", "a.b", &long]);
        check(dns_subdomain, &["a", "a.b-c.1"], &["", "a..b", "a_b", ".a", "a."]);
        check(dns_1035_label, &["a", "a1"], &["1a", "a.b"]);
        check(
            qualified_name,
            &["a", "A_b.c", "x.y/Z", "1"],
            &["", "a/", "/a", "a/b/c", "-a", "X.y/a", "a b"],
        );
        check(label_value, &["", "a", "A.b_c"], &["a b", "-a", &long]);
        check(config_key, &["a", ".a", "A_b-c.d"], &["", ".", "..", "..a", "a/b"]);
        check(port_name, &["http", "p-1"], &["", "1", "Http", "a--b", "-a", "averyveryverylong"]);
        check(variable_name, &["A", "a.b-c", "my var"], &["", "a=b", "ä", "a\nb"]);
        check(ip, &["1.2.3.4", "::1"], &["1.2.3", "x", "01.2.3.4"]);
        check(cidr, &["1.2.3.0/24", "::/0"], &["1.2.3.0", "1.2.3.0/33", "1.2.3.0/024", "/8"]);
        check(http_path, &["a/b", "a~%20"], &["", "a b", "a?b"]);
        check(full_domain, &["a.b", "a.b."], &["a", "a.", "A.b"]);
        check(percent, &["1%", "100%"], &["%", "1", "x%", "-1%"]);
        check(path_segment, &["a:b", "A b"], &[".", "..", "a/b", "a%b"]);
        check(wildcard_subdomain, &["*.a.b"], &["a.b", "*", "*.", "*.*.a"]);
    }

    #[test]
    fn ranges_hold_smaller_ones() {
        let check =
            |part: &str, whole: &str, expect| assert_eq!(is_strict_part(part, whole), expect, "{part}");
        check("10.1.0.0/16", "10.0.0.0/8", true);
        check("10.1.0.0/16", "0.0.0.0/0", true);
        check("fd00:1::/32", "fd00::/8", true);
        check("fd00:1::/32", "::/0", true);
        check("10.0.0.0/8", "10.0.0.0/8", false);
        check("11.1.0.0/16", "10.0.0.0/8", false);
        check("fd00:1::/32", "0.0.0.0/0", false);
        check("x", "0.0.0.0/0", false);
    }

    #[test]
    fn messages_are_upstreams() {
        assert_eq!(
            dns_subdomain("Bad"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        assert_eq!(dns_label("a.b"), ["must not contain dots"]);
        assert!(dns_label("A")[0].contains("(e.g. 'my-name',  or '123-abc', regex used"));
    }
}
