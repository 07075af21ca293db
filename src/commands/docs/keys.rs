//! The keys of envlock.toml and config.yaml, from their schemas.

use serde_json::Value;

use super::markdown::{self, WRITTEN};
use super::node::Node;
use crate::reports::schemas;
use crate::spec::BUILTIN_TEXT;

/// How the path of a table is written.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// `[a.b]`, `[[a.b]]`
    Toml,
    /// `a.b`
    Yaml,
}

/// envlock-toml.md
pub(super) fn envlock_toml() -> String {
    let text = "Every key is optional; what is absent is as in the built-in stack. A wrong key is an error that shows its line. \
                [Write envlock.toml](../how-to/spec.md) has an example.";
    let defaults: Value = toml::from_str(BUILTIN_TEXT).unwrap_or_default();
    let schema = schema("spec");
    Walk::new(Style::Toml, defaults).page(&schema, "envlock.toml", text)
}

/// config-yaml.md
pub(super) fn config_yaml() -> String {
    let text = "What runs: the services of the platform. [`envlock render`](../how-to/platform.md#render-the-compose-file) checks it \
                and makes docker/compose.yaml of it. Relative paths are seen from that file's folder. Keys that begin with `x-` \
                are yours, anywhere. `….image` and `….build` are also taken from `services.ray` where a node has none.";
    let schema = schema("config");
    Walk::new(Style::Yaml, Value::Null).page(&schema, "config.yaml", text)
}

/// A schema that is part of the program.
fn schema(name: &str) -> Value {
    let found = schemas().into_iter().find(|(known, _)| *known == name);
    found.and_then(|(_, text)| serde_json::from_str(&text).ok()).unwrap_or_default()
}

struct Walk<'a> {
    style: Style,
    /// The default of a key, by the same path.
    defaults: Value,
    /// The definitions that have a table, and its heading.
    shown: Vec<(&'a str, String)>,
    text: String,
}

impl<'a> Walk<'a> {
    fn new(style: Style, defaults: Value) -> Self {
        Walk { style, defaults, shown: Vec::new(), text: String::new() }
    }

    fn page(mut self, schema: &'a Value, title: &str, introduction: &str) -> String {
        self.text = format!("# {title}\n\n{WRITTEN}\n{introduction}\n");
        self.table(Node::root(schema), &[], false);
        self.text
    }

    /// The table of one place, and those of the places below it.
    fn table(&mut self, node: Node<'a>, path: &[&str], is_list: bool) {
        let heading = self.heading(path, is_list);
        if let Some(name) = node.refers_to() {
            if let Some((_, first)) = self.shown.iter().find(|(shown, _)| *shown == name) {
                self.text.push_str(&format!("\n## {heading}\n\nThe same keys as {first}.\n"));
                return;
            }
            self.shown.push((name, heading.clone()));
        }
        let about = markdown::sentence(node.description()).replace('<', "&lt;");
        let about = if path.is_empty() || about.is_empty() {
            String::new()
        } else {
            format!("{about}\n\n")
        };
        if self.style == Style::Toml && path.first() == Some(&"profiles") {
            self.text.push_str(&format!(
                "\n## {heading}\n\n{about}All keys and tables above but `profiles`.\n"
            ));
            return;
        }
        let rows: Vec<_> =
            node.properties().into_iter().map(|(key, own)| self.row(key, own, path)).collect();
        self.text.push_str(&format!(
            "\n## {heading}\n\n{about}{}",
            markdown::table(&["key", "value", ""], &rows)
        ));
        for (key, own) in node.properties() {
            let (mut at, mut is_list) = ([path, &[key]].concat(), false);
            let below = match (own.values(), own.items()) {
                (Some(values), _) if own.properties().is_empty() => {
                    at.push("NAME");
                    values
                }
                (_, Some(items)) => {
                    is_list = true;
                    items
                }
                _ => own,
            };
            if !below.properties().is_empty() {
                self.table(below, &at, is_list);
            }
        }
    }

    fn row(&self, key: &str, node: Node, path: &[&str]) -> Vec<String> {
        let pointer: String = path.iter().chain([&key]).map(|part| format!("/{part}")).collect();
        let default =
            self.defaults.pointer(&pointer).or(node.default()).filter(|value| !value.is_object());
        let mut text = markdown::cell(&markdown::sentence(node.description()));
        if let Some(default) = default {
            text.push_str(&format!(" Default: {}.", markdown::code(&default.to_string())));
        }
        vec![markdown::code(key), node.kind(), text.trim_start().to_owned()]
    }

    fn heading(&self, path: &[&str], is_list: bool) -> String {
        match (self.style, is_list) {
            _ if path.is_empty() => "At the top".to_owned(),
            (Style::Toml, false) => format!("`[{}]`", path.join(".")),
            (Style::Toml, true) => format!("`[[{}]]`", path.join(".")),
            (Style::Yaml, _) => format!("`{}`", path.join(".")),
        }
    }
}
