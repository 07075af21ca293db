//! A YAML file with the place of every value, from the events of `saphyr-parser`. A file of several documents is a
//! list of them.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde::Deserialize;
use yaml_serde::Value;

use crate::Error;
use crate::scalar::Quotes;

/// A text that two parsers read alike, and the place of each of its values.
#[derive(Debug)]
pub struct Document<'t> {
    /// Without the byte order mark.
    pub(crate) text: &'t str,
    /// The byte order mark, where there is one.
    pub(crate) mark: &'t str,
    /// The top node.
    pub(crate) root: Node,
    /// What `yaml_serde`, another parser, reads; merge keys are resolved.
    pub(crate) value: Value,
    /// How many documents there are; the root is a list of them where there is more than one.
    pub(crate) documents: usize,
    /// Anchored nodes, by the number aliases use.
    anchors: BTreeMap<usize, Node>,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Bytes of the value itself, without anchor, tag and comment.
    pub range: Range<usize>,
    /// Whether an anchor or tag stands before it.
    pub decorated: bool,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Nothing where a value could be.
    Empty,
    /// Plain or quoted text.
    Scalar(Quotes),
    /// `|` or `>`.
    Block,
    /// `*name`, by number.
    Alias(usize),
    Mapping {
        flow: bool,
        entries: Vec<Entry>,
    },
    Sequence(Vec<Node>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// `None` where the key is not a scalar.
    pub key: Option<String>,
    pub key_range: Range<usize>,
    pub value: Node,
}

/// The value at the end of these keys, of which those of a list are positions; `None` where there is none.
pub fn lookup<'v>(value: &'v Value, keys: &[String]) -> Option<&'v Value> {
    keys.iter().try_fold(value, |value, key| match value {
        Value::Mapping(map) => map.get(key.as_str()),
        Value::Sequence(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

impl<'t> Document<'t> {
    /// Reads a text with both parsers.
    ///
    /// # Errors
    /// [`Error::NotText`], and [`Error::NotYaml`] where one of the two cannot read it or they disagree.
    pub fn parse(bytes: &'t [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Error::NotText { offset: error.valid_up_to() })?;
        let (mark, text) = text.split_at(if text.starts_with('\u{feff}') { 3 } else { 0 });
        let mut values = parse_values(text)?;
        let mut builder = Builder::new(text);
        let mut roots = builder.documents()?;
        let documents = roots.len();
        if documents != values.len() {
            let message = format!(
                "{documents} or {} YAML documents: it can be read in two ways",
                values.len()
            );
            return Err(Error::not_yaml(None, message));
        }
        let (root, value) = match documents {
            1 => (roots.swap_remove(0), values.swap_remove(0)),
            _ => {
                let list =
                    Node { range: 0..text.len(), decorated: false, kind: Kind::Sequence(roots) };
                (list, Value::Sequence(values))
            }
        };
        Ok(Document { text, mark, root, value, documents, anchors: builder.anchors })
    }

    /// The node itself, or the one its alias stands for.
    pub(crate) fn resolve<'n>(&'n self, node: &'n Node) -> &'n Node {
        match node.kind {
            Kind::Alias(id) => self.anchors.get(&id).unwrap_or(node),
            _ => node,
        }
    }
}

/// Reads all documents with the second parser, merge keys resolved.
pub(crate) fn parse_values(text: &str) -> Result<Vec<Value>, Error> {
    let refused = |error: yaml_serde::Error| {
        let at = error.location().map(|l| text.floor_char_boundary(l.index())).map(|at| at..at);
        Error::not_yaml(at, format!("not readable as YAML: {error}"))
    };
    let read = |document| {
        let mut value = Value::deserialize(document).map_err(refused)?;
        value.apply_merge().map_err(refused)?;
        Ok(value)
    };
    yaml_serde::Deserializer::from_str(text).map(read).collect()
}

/// What YAML takes for blank; other spaces are part of a value.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Events → nodes.
struct Builder<'t> {
    text: &'t str,
    events: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// Byte offset of each character, and of the end: the parser counts characters.
    offsets: Vec<usize>,
    anchors: BTreeMap<usize, Node>,
    depth: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let events = Parser::new_from_str(text);
        Builder { text, events, offsets, anchors: BTreeMap::new(), depth: 0 }
    }

    /// The top node of each; at least one.
    fn documents(&mut self) -> Result<Vec<Node>, Error> {
        let mut roots = Vec::new();
        loop {
            let (event, _) = self.next()?;
            match event {
                Event::StreamEnd if roots.is_empty() => {
                    return Err(self.refused(0..0, "the file is empty"));
                }
                Event::StreamEnd => return Ok(roots),
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    roots.push(self.node(event, span)?);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Error> {
        match self.events.next() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => {
                let at = self.offset(error.marker().index());
                Err(self.refused(at..at, format!("not readable as YAML: {}", error.info())))
            }
            None => Err(self.refused(0..0, "the YAML ends too early")),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, Error> {
        let range = self.bytes(span);
        // Deeper files are no config files; recursion must not end the process.
        if self.depth > 200 {
            return Err(self.refused(range, "nested too deeply"));
        }
        self.depth += 1;
        let (node, anchor) = match event {
            Event::Scalar(value, style, anchor, tag) => {
                let decorated = anchor != 0 || tag.is_some();
                (self.scalar(&value, style, range, decorated)?, anchor)
            }
            Event::Alias(id) => (Node { range, decorated: false, kind: Kind::Alias(id) }, 0),
            Event::MappingStart(anchor, tag) => {
                let (entries, end) = self.entries()?;
                let flow = self.text[end.clone()].starts_with('}');
                let decorated = anchor != 0 || tag.is_some();
                let kind = Kind::Mapping { flow, entries };
                (Node { range: range.start..end.end, decorated, kind }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                let end = loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break self.bytes(span).end;
                    }
                    items.push(self.node(event, span)?);
                };
                let decorated = anchor != 0 || tag.is_some();
                (Node { range: range.start..end, decorated, kind: Kind::Sequence(items) }, anchor)
            }
            _ => return Err(self.refused(range, "not readable as YAML")),
        };
        self.depth -= 1;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self) -> Result<(Vec<Entry>, Range<usize>), Error> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, self.bytes(span)));
            }
            let key = match &event {
                Event::Scalar(key, ..) => Some(key.to_string()),
                _ => None,
            };
            let key_range = self.node(event, span)?.range;
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push(Entry { key, key_range, value });
        }
    }

    fn scalar(
        &self,
        value: &str,
        style: ScalarStyle,
        range: Range<usize>,
        decorated: bool,
    ) -> Result<Node, Error> {
        let text = &self.text[range.clone()];
        // The parser's range starts at the anchor or tag and may run into a comment.
        let skipped = if decorated { properties(text) } else { 0 };
        let start = range.start + skipped;
        let rest = &self.text[start..];
        let (kind, length) = match style {
            ScalarStyle::Plain if value.is_empty() => (Kind::Empty, Some(0)),
            ScalarStyle::Plain => {
                (Kind::Scalar(Quotes::None), Some(text[skipped..].trim_end_matches(BLANKS).len()))
            }
            ScalarStyle::SingleQuoted => (Kind::Scalar(Quotes::Single), single_quoted(rest)),
            ScalarStyle::DoubleQuoted => (Kind::Scalar(Quotes::Double), double_quoted(rest)),
            ScalarStyle::Literal | ScalarStyle::Folded => (Kind::Block, Some(text.len() - skipped)),
        };
        let length =
            length.ok_or_else(|| self.refused(range, "the end of the quotes is not found"))?;
        Ok(Node { range: start..start + length, decorated, kind })
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        start..end.max(start)
    }

    fn offset(&self, character: usize) -> usize {
        self.offsets.get(character).copied().unwrap_or(self.text.len())
    }

    fn refused(&self, at: Range<usize>, message: impl Into<String>) -> Error {
        Error::not_yaml(Some(at), message)
    }
}

/// The bytes that anchors, tags, and the space and comments after them take.
fn properties(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = match rest.chars().next() {
            Some('&' | '!') => rest.trim_start_matches(|c: char| !c.is_whitespace()).trim_start(),
            // The value begins on a line of its own, below the anchor's comment.
            Some('#') => rest.find(['\r', '\n']).map_or("", |end| rest[end..].trim_start()),
            _ => return text.len() - rest.len(),
        };
    }
}

fn single_quoted(text: &str) -> Option<usize> {
    let mut from = 1;
    while text.starts_with('\'') {
        let end = from + text.get(from..)?.find('\'')? + 1;
        if !text[end..].starts_with('\'') {
            return Some(end);
        }
        from = end + 1;
    }
    None
}

fn double_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.strip_prefix('"')?.char_indices().find_map(|(at, c)| match c {
        '"' if !escaped => Some(at + 2),
        c => {
            escaped = c == '\\' && !escaped;
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scalar, read};

    fn texts(yaml: &str) -> Vec<(String, String)> {
        let document = Document::parse(yaml.as_bytes()).unwrap();
        let Kind::Mapping { entries, .. } = &document.root.kind else { panic!("no mapping") };
        let text = |range: &Range<usize>| document.text[range.clone()].to_owned();
        entries.iter().map(|e| (text(&e.key_range), text(&e.value.range))).collect()
    }

    #[test]
    fn a_range_is_the_value_and_nothing_else() {
        let yaml = "\u{feff}# 日本\r\na: \"x\\\"\"  # c\r\n'b': 'it''s' # d\r\nc: plain one  # e\r\nd: &t !!str \"q\" # f\r\ne:  # none\r\nf: *t\r\n";
        let expected = [
            ("a", r#""x\"""#),
            ("'b'", "'it''s'"),
            ("c", "plain one"),
            ("d", "\"q\""),
            ("e", ""),
            ("f", "*t"),
        ];
        assert_eq!(texts(yaml), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn what_is_no_yaml_is_refused() {
        let deep = "[".repeat(5000);
        for yaml in ["", "a: [", "a: 1\na: 2\n", "\ta: 1\n", "# only\n", deep.as_str()] {
            assert!(Document::parse(yaml.as_bytes()).is_err(), "{yaml:.20}");
        }
        assert!(matches!(Document::parse(b"a: \xff"), Err(Error::NotText { offset: 3, .. })));
    }

    #[test]
    fn several_documents_are_a_list() {
        for (yaml, documents) in [
            ("a: 1", 1),
            ("---\na: 1\n...\n", 1),
            ("a: 1\n---\nb: 2\n", 2),
            ("a: 1\n---\n# c\n", 2),
        ] {
            let document = Document::parse(yaml.as_bytes()).unwrap();
            assert_eq!(document.documents, documents, "{yaml}");
            assert_eq!(matches!(document.root.kind, Kind::Sequence(_)), documents > 1, "{yaml}");
        }
    }

    #[test]
    fn values_are_read_through_aliases_and_merge_keys() {
        let yaml = b"x: &x {image: a}\ny: {<<: *x}\nz: *x\nl: [{image: b}]\n";
        for (path, expected) in
            [("x.image", "a"), ("y.image", "a"), ("z.image", "a"), ("l.0.image", "b")]
        {
            let found = read(yaml, &path.parse().unwrap()).unwrap();
            assert_eq!(found, Some(Scalar::String(expected.to_owned())), "{path}");
        }
        assert_eq!(read(yaml, &"y.other".parse().unwrap()).unwrap(), None);
    }
}
