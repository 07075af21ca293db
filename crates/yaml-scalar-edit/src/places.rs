//! What a text says and where it says it, for those who only read.

use std::ops::Range;

use yaml_serde::Value;

use crate::document::{Document, Kind, Node};

impl<'t> Document<'t> {
    /// The text that places are positions of: without the byte order mark.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// What the text says, merge keys resolved; a list where it has several documents.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The bytes of the value at the end of these keys; those of its key, where it is more than a line; those of
    /// the innermost key on the way that is there, where it is not. `None`: not even the first.
    pub fn span(&self, keys: &[String]) -> Option<Range<usize>> {
        self.walk(keys, false)
    }

    /// The bytes of the key at the end of these keys.
    pub fn key_span(&self, keys: &[String]) -> Option<Range<usize>> {
        self.walk(keys, true)
    }

    fn walk(&self, keys: &[String], wants_key: bool) -> Option<Range<usize>> {
        let (mut node, mut found) = (&self.root, None);
        for key in keys {
            let Some((at, below)) = self.child(node, key) else { break };
            let scalar = matches!(below.kind, Kind::Scalar(_) | Kind::Alias(_));
            found = Some(match at {
                Some(at) if wants_key || !scalar => at,
                _ => below.range.clone(),
            });
            node = below;
        }
        found
    }

    /// A value below `node`, through an alias or a merge key, with the place of its key.
    fn child<'n>(&'n self, node: &'n Node, key: &str) -> Option<(Option<Range<usize>>, &'n Node)> {
        match &self.resolve(node).kind {
            Kind::Mapping { entries, .. } => {
                let own = entries.iter().find(|entry| entry.key.as_deref() == Some(key));
                own.map(|entry| (Some(entry.key_range.clone()), &entry.value)).or_else(|| {
                    let mut merged = entries.iter().filter(|e| e.key.as_deref() == Some("<<"));
                    merged.find_map(|entry| match &self.resolve(&entry.value).kind {
                        Kind::Sequence(maps) => maps.iter().find_map(|map| self.child(map, key)),
                        _ => self.child(&entry.value, key),
                    })
                })
            }
            Kind::Sequence(items) => Some((None, items.get(key.parse::<usize>().ok()?)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_a_key_and_the_nearest_key_above_are_found() {
        let yaml = "\u{feff}a: &a\n  ポート: 70000  # c\n  l: [x, y]\nb:\n  <<: *a\n  c: {d: 1}\n";
        let document = Document::parse(yaml.as_bytes()).unwrap();
        let of = |path: &str| {
            let keys: Vec<_> = path.split('.').map(str::to_owned).collect();
            let text = |range: Option<Range<usize>>| range.map_or("", |r| &document.text()[r]);
            (text(document.span(&keys)), text(document.key_span(&keys)))
        };
        assert_eq!(of("a.ポート"), ("70000", "ポート"));
        assert_eq!(of("a.l"), ("l", "l"));
        assert_eq!(of("a.l.1"), ("y", "y"));
        assert_eq!(of("a.none.deeper"), ("a", "a"));
        assert_eq!(of("b.ポート"), ("70000", "ポート"));
        assert_eq!(of("b.c.d"), ("1", "d"));
        assert_eq!(of("none"), ("", ""));
    }
}
