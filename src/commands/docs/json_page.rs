//! What `--json` prints and what envlock's files hold, from the schemas.

use serde_json::Value;

use super::markdown::{self, WRITTEN};
use super::node::Node;
use crate::reports::schemas;

/// Schemas that have a page of their own.
const ELSEWHERE: [&str; 2] = ["spec", "config"];
/// Schemas of files, not of results.
const FILES: [(&str, &str); 2] =
    [("lock", "env.lock"), ("release", "A line of env.releases.jsonl")];

/// json.md
pub(super) fn page() -> String {
    let mut text = format!(
        "# JSON\n\n{WRITTEN}\nWith `--json` a command prints its result as JSON to stdout. `version` is the form of the value; \
         it changes when a field changes its meaning. `envlock schema` lists the JSON Schemas, `envlock schema NAME` prints \
         one; they are in `schemas/`, too. Fields marked with * are always there.\n"
    );
    for (name, schema) in schemas().iter().filter(|(name, _)| !ELSEWHERE.contains(name)) {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        let root = Node::root(&schema);
        let file =
            FILES.iter().find(|(file, _)| file == name).map(|(_, title)| (*title).to_owned());
        let title = file.unwrap_or_else(|| format!("`envlock {name} --json`"));
        text.push_str(&format!("\n## {title}\n\n{}", shapes(root)));
        for (definition, node) in root.definitions().into_iter().filter(|(_, n)| n.has_table()) {
            text.push_str(&format!("\n### {name}: {definition}\n\n{}", fields(node)));
        }
    }
    text
}

/// The fields of a result; of one that has several shapes, those of each.
fn shapes(root: Node) -> String {
    let shapes = root.choices();
    if shapes.is_empty() || !root.properties().is_empty() {
        return fields(root);
    }
    let mut text = markdown::sentence(root.description()) + "\n";
    for shape in shapes {
        text.push_str(&format!("\n{}", fields(shape)));
    }
    text
}

/// What a value is, and its fields; those of values inside, that have no name, follow their field.
fn fields(node: Node) -> String {
    let mut rows = Vec::new();
    list(node, "", &mut rows);
    let mut text = markdown::sentence(node.description()).replace('<', "&lt;");
    if rows.is_empty() {
        let kind = node.kind();
        text.push_str(&format!(
            "{}{}",
            if text.is_empty() { "" } else { " " },
            markdown::sentence(&format!("One of {kind}"))
        ));
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(&markdown::table(&["field", "type", ""], &rows));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn list(node: Node, before: &str, rows: &mut Vec<Vec<String>>) {
    for (key, own) in node.properties() {
        let star = if node.is_required(key) { "*" } else { "" };
        let name = format!("{before}{key}");
        rows.push(vec![
            format!("{}{star}", markdown::code(&name)),
            own.kind(),
            markdown::cell(&markdown::sentence(own.description())),
        ]);
        let inside = [(Some(own), "."), (own.items(), "[]."), (own.values(), ".*.")];
        for (inside, sign) in inside {
            if let Some(inside) = inside.filter(|inside| inside.refers_to().is_none()) {
                list(inside, &format!("{name}{sign}"), rows);
            }
        }
    }
    // What only some of these values have.
    for choice in node.choices().into_iter().filter(|choice| choice.refers_to().is_none()) {
        list(choice, before, rows);
    }
}
