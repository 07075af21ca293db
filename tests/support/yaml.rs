//! A judge of edits in YAML that shares no code with the editor: where the scalars of a text are, what may
//! differ after one was replaced, and what may not.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde::Deserialize;
use yaml_scalar_edit::{Edit, Edited, Error, Scalar, YamlPath, edit};
use yaml_serde::Value;

/// A value in a text: its keys, the bytes of its node, and whether a key may be added below it.
#[derive(Debug, Clone)]
pub struct Place {
    pub path: YamlPath,
    pub range: Range<usize>,
    pub plain: bool,
    pub mapping: bool,
}

/// Every value of a text that has a path; none where the text cannot be read. In a file of several documents the
/// first key is the document's number.
pub fn places(text: &str) -> Vec<Place> {
    let (end, text) = (text.len(), text.strip_prefix('\u{feff}').unwrap_or(text));
    let mark = end - text.len();
    let offsets = text.char_indices().map(|(at, _)| at + mark).chain([end]).collect();
    let events: Option<Vec<_>> = Parser::new_from_str(text).map(Result::ok).collect();
    let events = events.unwrap_or_default();
    let starts = |(event, _): &&(Event<'_>, Span)| matches!(event, Event::DocumentStart(_));
    let several = events.iter().filter(starts).count() > 1;
    let mut walk = Walk { offsets, events, at: 0, found: vec![] };
    let mut number = 0;
    while walk.at < walk.events.len() {
        walk.at += 1;
        if let Event::DocumentStart(_) = walk.events[walk.at - 1].0 {
            let root = if several { below(None, &number.to_string()) } else { None };
            walk.node(root.as_ref(), usize::from(several));
            number += 1;
        }
    }
    walk.found
}

struct Walk<'t> {
    offsets: Vec<usize>,
    events: Vec<(Event<'t>, Span)>,
    at: usize,
    found: Vec<Place>,
}

impl Walk<'_> {
    fn node(&mut self, path: Option<&YamlPath>, depth: usize) {
        let Some((event, span)) = self.events.get(self.at).cloned() else { return };
        self.at += 1;
        let offset =
            |at: usize| self.offsets.get(at).copied().unwrap_or(*self.offsets.last().unwrap());
        let range = offset(span.start.index())..offset(span.end.index());
        let place = |plain, mapping| {
            let path = path.filter(|_| depth > 0 && depth < 150)?.clone();
            Some(Place { path, range: range.clone(), plain, mapping })
        };
        match event {
            Event::Scalar(_, style, ..) => {
                self.found.extend(place(style == ScalarStyle::Plain, false));
            }
            Event::Alias(_) => self.found.extend(place(true, false)),
            Event::SequenceStart(..) => {
                let mut position = 0;
                while !self.ends(|event| matches!(event, Event::SequenceEnd)) {
                    let below = below_at(path, depth, &position.to_string());
                    self.node(below.as_ref(), depth + 1);
                    position += 1;
                }
            }
            Event::MappingStart(..) => {
                self.found.extend(place(false, true));
                while !self.ends(|event| matches!(event, Event::MappingEnd)) {
                    let key = match self.events.get(self.at) {
                        Some((Event::Scalar(key, ..), _)) => Some(key.to_string()),
                        _ => None,
                    };
                    self.node(None, depth + 1);
                    let below = key.and_then(|key| below_at(path, depth, &key));
                    self.node(below.as_ref(), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn ends(&mut self, end: impl Fn(&Event<'_>) -> bool) -> bool {
        let ended = self.events.get(self.at).is_none_or(|(event, _)| end(event));
        self.at += usize::from(ended);
        ended
    }
}

/// What is in a key that is a list or a mapping has no path.
fn below_at(path: Option<&YamlPath>, depth: usize, key: &str) -> Option<YamlPath> {
    if path.is_none() && depth > 0 { None } else { below(path, key) }
}

/// A key that looks like a selector of list items has no path either.
fn below(path: Option<&YamlPath>, key: &str) -> Option<YamlPath> {
    if key.starts_with('[') {
        return None;
    }
    let Some(path) = path else {
        let first = if key.contains('.') { format!("\"{key}\"") } else { key.to_owned() };
        return first.parse().ok().filter(|path: &YamlPath| path.keys() == [key]);
    };
    Some(path.join(key))
}

/// What became of an edit that was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Made,
    /// In words.
    Refused(String),
    /// The value was there already.
    Same,
}

/// Puts `new` in one place of a text. Panics where more changes than that value.
pub fn replace(text: &str, before: &Value, place: &Place, new: &Scalar) -> Outcome {
    let one = Edit { path: place.path.clone(), value: Some(new.clone()), text: None };
    let Edited { bytes, changes } = match edit(text.as_bytes(), &[one]) {
        Ok(edited) => edited,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if changes.is_empty() {
        assert_eq!(bytes, text.as_bytes());
        return Outcome::Same;
    }
    let after = String::from_utf8(bytes).unwrap();
    // Nothing is written as nothing: the blank before the value goes with it.
    let blank = *new == Scalar::Null && text[..place.range.start].ends_with(' ');
    let start = place.range.start - usize::from(blank);
    let (mut old, added) = difference(text, &after);
    // What is only taken away may be reported in several ways: `a [b ]c` is `a[ b] c`.
    let bytes = text.as_bytes();
    while added.is_empty() && start < old.start && bytes[old.start - 1] == bytes[old.end - 1] {
        old = old.start - 1..old.end - 1;
    }
    let gone = String::from_utf8_lossy(&bytes[old.clone()]);
    let at = |what: &str| format!("{what}: {} {gone:?}\n{text}\n=>\n{after}", place.path);
    if old.is_empty() {
        // An empty value is written after its colon; a value that grows, inside its own bytes.
        // The parser may put an empty one behind the comments below that.
        let near = place.range.start.saturating_sub(old.start);
        let mut lines = text[old.start..old.start + near].split(['\r', '\n']).map(str::trim_start);
        let free = lines.all(|line| line.is_empty() || line.starts_with('#'));
        assert!(free, "{}", at("not at its place"));
    } else {
        let inside = start <= old.start && old.end <= place.range.end;
        assert!(inside, "{}", at("bytes of something else"));
        // To YAML no other character is a blank: `x\u{205f}#` is one word.
        let mut words = gone.split_inclusive([' ', '\t', '\r', '\n']).skip(1);
        let comment = place.plain && words.any(|word| word.starts_with('#'));
        assert!(!comment, "{}", at("a comment"));
    }
    let mut expected = before.clone();
    set(&mut expected, place.path.keys(), Some(to_value(new)));
    assert!(read(&after).is_some_and(|found| found == expected), "{}", at("other values"));
    Outcome::Made
}

/// Adds a key to a mapping and takes it away again. Panics where anything but its own bytes is added,
/// or where the way back leads elsewhere.
pub fn insert(text: &str, before: &Value, mapping: &Place, key: &str, new: &Scalar) -> Outcome {
    let path = mapping.path.join(key);
    let one = Edit { path: path.clone(), value: Some(new.clone()), text: None };
    let Edited { bytes, changes } = match edit(text.as_bytes(), &[one]) {
        Ok(edited) => edited,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if changes.is_empty() || changes[0].before.is_some() {
        return Outcome::Same;
    }
    let after = String::from_utf8(bytes).unwrap();
    let (old, added) = difference(text, &after);
    let at = |what: &str| format!("{what}: {path}\n{text}\n=>\n{after}");
    // Indented, quoted, and each character escaped: no more than that.
    let most = 6 * (key.len() + new.to_string().len()) + text.len();
    assert!(old.is_empty() && added.len() < most + 20, "{}", at("not only added"));
    let mut expected = before.clone();
    set(&mut expected, path.keys(), Some(to_value(new)));
    assert!(read(&after).is_some_and(|found| found == expected), "{}", at("other values"));
    let back = Edit { path: path.clone(), value: None, text: None };
    match edit(after.as_bytes(), &[back]) {
        Ok(back) => {
            assert_eq!(String::from_utf8(back.bytes).unwrap(), text, "{}", at("the way back"))
        }
        Err(Error::NotInPlace { .. } | Error::Missing { .. } | Error::Spills { .. }) => {}
        Err(error) => panic!("{}: {error}", at("the way back")),
    }
    Outcome::Made
}

/// The text as the second parser reads it, merge keys resolved; several documents are a list.
pub fn read(text: &str) -> Option<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = |document| {
        let mut value = Value::deserialize(document).ok()?;
        value.apply_merge().ok()?;
        Some(value)
    };
    let mut values: Vec<Value> =
        yaml_serde::Deserializer::from_str(text).map(read).collect::<Option<_>>()?;
    if values.len() == 1 { values.pop() } else { Some(Value::Sequence(values)) }
}

/// What is not the common beginning and end.
fn difference(before: &str, after: &str) -> (Range<usize>, Range<usize>) {
    let (a, b) = (before.as_bytes(), after.as_bytes());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let mut same = before.floor_char_boundary(same);
    same = after.floor_char_boundary(same);
    let rest =
        a[same..].iter().rev().zip(b[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    let end = before.ceil_char_boundary(a.len() - rest);
    (same..end, same..b.len() - (a.len() - end))
}

fn to_value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(*value),
        Scalar::String(text) => Value::String(text.clone()),
    }
}

fn set(value: &mut Value, keys: &[String], new: Option<Value>) {
    let Some((key, rest)) = keys.split_first() else { return };
    let inner = match value {
        Value::Mapping(map) if rest.is_empty() => {
            let new = new.expect("a value to set");
            map.insert(Value::String(key.clone()), new);
            return;
        }
        Value::Mapping(map) => map.get_mut(key.as_str()),
        Value::Sequence(list) => key.parse::<usize>().ok().and_then(|at| list.get_mut(at)),
        _ => None,
    };
    match (inner, rest.is_empty()) {
        (Some(inner), true) => *inner = new.expect("a value to set"),
        (Some(inner), false) => set(inner, rest, new),
        (None, _) => panic!("{key} is not there"),
    }
}
