//! A place in a JSON Schema, read for people.

use serde_json::Value;

use super::markdown;

/// A place in a schema, with references followed inside the file.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    root: &'a Value,
    /// The node itself: its own keys take precedence over those of what it refers to.
    written: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn root(root: &'a Value) -> Self {
        Node { root, written: root }
    }

    fn at(self, written: &'a Value) -> Self {
        Node { root: self.root, written }
    }

    /// The name of what it refers to: `#/$defs/NAME` in the file, `NAME.json` beside it.
    pub(super) fn refers_to(self) -> Option<&'a str> {
        let reference = self.written.get("$ref")?.as_str()?;
        Some(reference.rsplit('/').next().unwrap_or(reference).trim_end_matches(".json"))
    }

    fn value(self, word: &str) -> Option<&'a Value> {
        let there = || {
            let pointer = self.written.get("$ref")?.as_str()?.strip_prefix('#')?;
            self.root.pointer(pointer)?.get(word)
        };
        self.written.get(word).or_else(there)
    }

    pub(super) fn description(self) -> &'a str {
        self.value("description").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its own keys, in order.
    pub(super) fn properties(self) -> Vec<(&'a str, Node<'a>)> {
        let map = self.value("properties").and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key.as_str(), self.at(value))).collect()
    }

    pub(super) fn is_required(self, key: &str) -> bool {
        let list = self.value("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|name| name == key))
    }

    /// The schema of every value of a map.
    pub(super) fn values(self) -> Option<Node<'a>> {
        self.value("additionalProperties")
            .filter(|value| value.is_object())
            .map(|value| self.at(value))
    }

    pub(super) fn items(self) -> Option<Node<'a>> {
        self.value("items").map(|value| self.at(value))
    }

    pub(super) fn definitions(self) -> Vec<(&'a str, Node<'a>)> {
        let map = self.root.get("$defs").and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key.as_str(), self.at(value))).collect()
    }

    pub(super) fn default(self) -> Option<&'a Value> {
        self.value("default").filter(|value| !value.is_null())
    }

    /// The alternatives of which it must be one.
    pub(super) fn choices(self) -> Vec<Node<'a>> {
        let list = ["oneOf", "anyOf"].into_iter().find_map(|word| self.value(word)?.as_array());
        list.into_iter().flatten().map(|value| self.at(value)).collect()
    }

    /// The type for a table cell, in a few words; a type that has its own table is named.
    pub(super) fn kind(self) -> String {
        if let Some(name) = self.refers_to().filter(|_| self.has_table() || !self.is_local()) {
            return markdown::code(name);
        }
        let literal = |value: &Value| markdown::code(&value.to_string());
        if let Some(value) = self.value("const") {
            return literal(value);
        }
        if let Some(values) = self.value("enum").and_then(Value::as_array) {
            return values.iter().map(literal).collect::<Vec<_>>().join(", ");
        }
        let types: Vec<&str> = match self.value("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => self.value("properties").map(|_| "object").into_iter().collect(),
        };
        if types.is_empty() {
            let kinds: Vec<_> = self.choices().into_iter().map(Node::kind).collect();
            return kinds.join(" or ");
        }
        types.into_iter().map(|name| self.named(name)).collect::<Vec<_>>().join(" or ")
    }

    fn named(self, name: &str) -> String {
        let bounds = ["minimum", "maximum"].map(|word| self.value(word).and_then(Value::as_i64));
        match (name, self.items(), self.values(), bounds) {
            ("array", Some(items), ..) => format!("list of {}", items.kind()),
            ("object", _, Some(values), _) if self.properties().is_empty() => {
                format!("map of {}", values.kind())
            }
            ("integer", _, _, [Some(from), Some(to)]) => format!("integer from {from} to {to}"),
            ("integer", _, _, [Some(from), None]) if from > 0 => format!("integer from {from}"),
            _ => name.to_owned(),
        }
    }

    fn is_local(self) -> bool {
        self.written.get("$ref").and_then(Value::as_str).is_none_or(|name| name.starts_with('#'))
    }

    pub(super) fn has_table(self) -> bool {
        let own = |choice: &Node| choice.refers_to().is_none() && !choice.properties().is_empty();
        !self.properties().is_empty() || self.choices().iter().any(own)
    }
}
