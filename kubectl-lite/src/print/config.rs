//! kubeconfig files as `config` shows them.

use super::tabs::{TABLE, align};
use client::kubeconfig::Kubeconfig;
use serde_json::Value;

/// The contexts, the one in use with a star.
pub(crate) fn contexts(config: &Kubeconfig, only: Option<&str>, headings: bool) -> String {
    let mut lines = String::new();
    if headings {
        lines.push_str("CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n");
    }
    let mut contexts: Vec<_> =
        config.contexts.iter().filter(|it| only.is_none_or(|only| it.name == only)).collect();
    contexts.sort_by_key(|it| &it.name);
    for named in contexts {
        let star = if named.name == config.current_context { "*" } else { "" };
        let context = &named.context;
        let namespace = context.namespace.as_deref().unwrap_or_default();
        lines.push_str(&[star, &named.name, &context.cluster, &context.user, namespace].join("\t"));
        lines.push('\n');
    }
    align(&lines, TABLE)
}

/// Names below a heading.
pub(crate) fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut names: Vec<&String> = names.collect();
    names.sort();
    let mut text = "NAME\n".to_owned();
    names.iter().for_each(|it| text.push_str(&format!("{it}\n")));
    text
}

/// The kubeconfig without what it must not show.
pub(crate) fn redacted(mut config: Value) -> Value {
    let hide = |object: &mut Value, field: &str, mask: &str| {
        if let Some(value) = object.get_mut(field).filter(|it| it.as_str().is_some_and(|it| !it.is_empty())) {
            *value = mask.into();
        }
    };
    for cluster in config["clusters"].as_array_mut().into_iter().flatten() {
        hide(&mut cluster["cluster"], "certificate-authority-data", "DATA+OMITTED");
    }
    for user in config["users"].as_array_mut().into_iter().flatten() {
        hide(&mut user["user"], "client-certificate-data", "DATA+OMITTED");
        hide(&mut user["user"], "client-key-data", "DATA+OMITTED");
        hide(&mut user["user"], "token", "REDACTED");
        hide(&mut user["user"], "password", "REDACTED");
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::kubeconfig::{Context, NamedContext};
    use serde_json::json;

    #[test]
    fn contexts_are_listed() {
        let context = |name: &str, namespace: Option<&str>| NamedContext {
            name: name.to_owned(),
            context: Context {
                cluster: "c".to_owned(),
                user: "u".to_owned(),
                namespace: namespace.map(str::to_owned),
                ..Context::default()
            },
        };
        let config = Kubeconfig {
            contexts: vec![context("b", None), context("a", Some("n"))],
            current_context: "b".to_owned(),
            ..Kubeconfig::default()
        };
        let expect = "CURRENT   NAME   CLUSTER   AUTHINFO   NAMESPACE\n          a      c         u          n\n\
                      *         b      c         u          \n";
        assert_eq!(contexts(&config, None, true), expect);
    }

    #[test]
    fn secrets_are_hidden() {
        let config = json!({"clusters": [{"cluster": {"server": "s", "certificate-authority-data": "x"}}],
            "users": [{"user": {"token": "x", "client-key-data": ""}}]});
        let expect = json!({"clusters": [{"cluster": {"server": "s", "certificate-authority-data": "DATA+OMITTED"}}],
            "users": [{"user": {"token": "REDACTED", "client-key-data": ""}}]});
        assert_eq!(redacted(config), expect);
    }
}
