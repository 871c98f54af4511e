//! Who am I, in three forms. Values come from the pod's environment, so each form escapes them.

use super::{Reply, settings::Identity};

/// The greeting in the form that `accept` asks for.
pub(super) fn greeting(identity: &Identity, greetings: u64, accept: &str) -> Reply {
    let facts = facts_of(identity, greetings);
    let (content_type, body) = match accept {
        accept if accept.contains("text/html") => ("text/html; charset=utf-8", html(identity, &facts)),
        accept if accept.contains("application/json") => ("application/json", json(&facts)),
        _ => ("text/plain; charset=utf-8", text(&facts)),
    };
    Reply { status: 200, content_type, body, deed: super::Deed::Nothing }
}

/// What is known, in the order it is shown.
fn facts_of(identity: &Identity, greetings: u64) -> Vec<(&'static str, String)> {
    let known = [
        ("version", identity.version.clone()),
        ("pod", Some(identity.pod.clone())),
        ("namespace", identity.namespace.clone()),
        ("node", identity.node.clone()),
        ("address", identity.address.clone()),
        ("greetings", Some(greetings.to_string())),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn text(facts: &[(&str, String)]) -> String {
    facts.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn json(facts: &[(&str, String)]) -> String {
    let members: Vec<_> =
        facts.iter().map(|(name, value)| format!("\"{name}\":{}", json_string(value))).collect();
    format!("{{{}}}\n", members.join(","))
}

fn json_string(value: &str) -> String {
    let mut out = String::from('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn html(identity: &Identity, facts: &[(&str, String)]) -> String {
    let title = identity
        .version
        .as_deref()
        .map_or("Hello".to_owned(), |version| format!("Hello, I am {}", html_text(version)));
    let hue = hue_of(identity.version.as_deref().unwrap_or(""));
    let rows: String =
        facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", html_text(value))).collect();
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hello from {pod}</title>
<style>
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.1rem/1.6 system-ui, sans-serif;
         background: hsl({hue} 45% 94%); color: hsl({hue} 30% 18%) }}
  main {{ background: white; border-radius: 1rem; padding: 2rem 3rem; border-top: .6rem solid hsl({hue} 60% 50%);
         box-shadow: 0 1rem 3rem hsl({hue} 30% 50% / .25) }}
  h1 {{ margin: 0 0 1rem; color: hsl({hue} 60% 38%) }}
  dl {{ display: grid; grid-template-columns: auto 1fr; gap: .25rem 1.5rem; margin: 0 }}
  dt {{ opacity: .65 }}
  dd {{ margin: 0; font-family: ui-monospace, monospace }}
</style>
<main>
<h1>{title}</h1>
<dl>
{rows}</dl>
</main>
</html>
"#,
        pod = html_text(&identity.pod),
    )
}

/// A colour for each version, so that a rolling update is seen at a glance.
fn hue_of(version: &str) -> u32 {
    // The golden angle keeps the colours of neighbours such as v1 and v2 far apart.
    let sum = version.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    sum.wrapping_mul(137) % 360
}

fn html_text(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
