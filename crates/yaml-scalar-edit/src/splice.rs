//! From an edit to the bytes it replaces: where a value, a new key or a key to take away is.

use std::cmp::Reverse;
use std::ops::Range;

use crate::document::{Document, Entry, Kind, Node, lookup};
use crate::scalar::{Quotes, is_plain, render};
use crate::{Edit, Error, Scalar, TextChange};

/// A piece of text that takes the place of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splice {
    pub range: Range<usize>,
    pub text: String,
}

impl Splice {
    /// Where it comes among others: by its place. In one place, lines come after what fills a value, and the lines of an
    /// inner mapping before those of the mapping around it.
    pub fn order(&self) -> impl Ord + use<> {
        let line = self.text.strip_prefix('\r').unwrap_or(&self.text).strip_prefix('\n');
        let indent = line.map(|line| line.len() - line.trim_start_matches(' ').len());
        (self.range.start, self.range.end, indent.is_some(), Reverse(indent))
    }
}

/// Finds the place of each edit in a document.
pub(crate) struct Editor<'d> {
    pub document: &'d Document<'d>,
}

impl Editor<'_> {
    fn text(&self) -> &str {
        self.document.text
    }

    pub fn refused(&self, at: Range<usize>, message: impl Into<String>) -> Error {
        Error::not_in_place(Some(at), message)
    }

    pub fn splice(&self, edit: &Edit) -> Result<Splice, Error> {
        let (key, parents) = edit.path.keys().split_last().expect("a path is never empty");
        let mut node = &self.document.root;
        for (depth, parent) in parents.iter().enumerate() {
            node = self.document.resolve(node);
            self.only(node, parent, edit)?;
            node = self.child(node, parent).ok_or_else(|| {
                let missing = parents[..=depth].join(".");
                let reason = match lookup(&self.document.value, &parents[..=depth]) {
                    Some(_) => "comes from a merge key (<<): changing it would change others too",
                    None => "is not there",
                };
                let message = format!("{} cannot be set: {missing} {reason}", edit.path);
                Error::missing(Some(node.range.start..node.range.start), message)
            })?;
        }
        let parent = self.document.resolve(node);
        self.only(parent, key, edit)?;
        match (&parent.kind, &edit.value) {
            (Kind::Mapping { flow, entries }, value) => {
                let at = entries.iter().position(|e| e.key.as_deref() == Some(key.as_str()));
                match (at, value) {
                    (Some(at), Some(value)) => self.replace(&entries[at], *flow, value, edit),
                    (Some(at), None) => self.remove(entries, at, *flow, edit),
                    (None, Some(value)) => self.insert(parent, entries, *flow, key, value, edit),
                    (None, None) => Err(self.refused(
                        parent.range.clone(),
                        format!(
                            "{} comes from a merge key (<<) and cannot be taken away",
                            edit.path
                        ),
                    )),
                }
            }
            (Kind::Sequence(items), Some(value)) => {
                let item = key.parse::<usize>().ok().and_then(|at| items.get(at));
                match item.map(|item| (item, &item.kind)) {
                    Some((item, Kind::Scalar(quotes))) => {
                        Ok(Splice { range: item.range.clone(), text: render(value, *quotes) })
                    }
                    _ => Err(self.no_scalar(parent, edit)),
                }
            }
            _ => Err(self.no_scalar(parent, edit)),
        }
    }

    /// The splice that an edit's text asks for, where what is to give way ends at the value's end, or nothing is there.
    pub fn rewrite(&self, edit: &Edit) -> Option<Splice> {
        let text = edit.text.as_ref().filter(|text| **text != TextChange::default())?;
        let range = if text.before.is_empty() {
            self.splice(edit).ok()?.range
        } else {
            let end = self.value_end(edit)?;
            end.checked_sub(text.before.len())?..end
        };
        let is_there = self.text().get(range.clone())? == text.before;
        is_there.then(|| Splice { range, text: text.after.clone() })
    }

    /// Where the edit's own value ends: an empty one after its colon, wherever the next token is.
    fn value_end(&self, edit: &Edit) -> Option<usize> {
        let node = self.node(edit)?;
        if node.decorated || !matches!(node.kind, Kind::Empty) {
            return Some(node.range.end);
        }
        let (key, parents) = edit.path.keys().split_last()?;
        let Kind::Mapping { entries, .. } = &self.document.resolve(self.at(parents)?).kind else {
            return Some(node.range.end);
        };
        self.colon(entries.iter().find(|entry| entry.key.as_ref() == Some(key))?)
    }

    /// The edit's own node, where there is one.
    fn node(&self, edit: &Edit) -> Option<&Node> {
        self.at(edit.path.keys())
    }

    fn at(&self, keys: &[String]) -> Option<&Node> {
        keys.iter()
            .try_fold(&self.document.root, |node, key| self.child(self.document.resolve(node), key))
    }

    fn no_scalar(&self, node: &Node, edit: &Edit) -> Error {
        let parent =
            edit.path.parent().map_or_else(|| "the document".to_owned(), |p| p.to_string());
        self.refused(
            node.range.clone(),
            format!("{} cannot be set: {parent} has no keys", edit.path),
        )
    }

    fn child<'n>(&self, node: &'n Node, key: &str) -> Option<&'n Node> {
        match &node.kind {
            Kind::Mapping { entries, .. } => {
                entries.iter().find(|e| e.key.as_deref() == Some(key)).map(|e| &e.value)
            }
            Kind::Sequence(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// That no second key is written like this one: `"0"` and `0` are two keys, and a path does not distinguish text from numbers.
    fn only(&self, node: &Node, key: &str, edit: &Edit) -> Result<(), Error> {
        let Kind::Mapping { entries, .. } = &node.kind else { return Ok(()) };
        let mut same = entries.iter().filter(|entry| entry.key.as_deref() == Some(key));
        match same.nth(1) {
            None => Ok(()),
            Some(second) => Err(self.refused(
                second.key_range.clone(),
                format!("{} is there twice: the key {key} is text once and once is not", edit.path),
            )),
        }
    }

    /// The range of the anchored value, where the edit's own value is an alias.
    pub fn aliased(&self, edit: &Edit) -> Option<Range<usize>> {
        let node = self.node(edit)?;
        let target = self.document.resolve(node);
        (!std::ptr::eq(node, target)).then(|| target.range.clone())
    }

    fn replace(
        &self,
        entry: &Entry,
        flow: bool,
        new: &Scalar,
        edit: &Edit,
    ) -> Result<Splice, Error> {
        let range = entry.value.range.clone();
        let refused = |what: &str| self.refused(range.clone(), format!("{} {what}", edit.path));
        let quotes = match &entry.value.kind {
            Kind::Scalar(quotes) => *quotes,
            // Only this use is written out; the anchor and its other uses stay.
            Kind::Alias(_) => Quotes::Double,
            Kind::Empty if entry.value.decorated => {
                return Err(refused("has an anchor or tag and no value"));
            }
            Kind::Empty => {
                let at = self.colon(entry).ok_or_else(|| refused("has no colon to write after"))?;
                return Ok(Splice {
                    range: at..at,
                    text: format!(" {}", render(new, Quotes::Double)),
                });
            }
            Kind::Block => return Err(refused("is a block of lines, not a value on one line")),
            Kind::Mapping { .. } | Kind::Sequence(_) => {
                return Err(refused("holds more than one value"));
            }
        };
        if *new == Scalar::Null && !flow && !entry.value.decorated {
            // The reverse of filling an empty value: the blank goes with the value.
            let blank = self.colon(entry).filter(|at| self.text()[*at..range.start] == *" ");
            let start = blank.unwrap_or(range.start);
            return Ok(Splice { range: start..range.end, text: String::new() });
        }
        Ok(Splice { range, text: render(new, quotes) })
    }

    /// The position after the colon of an entry.
    fn colon(&self, entry: &Entry) -> Option<usize> {
        let rest = &self.text()[entry.key_range.end..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        rest[blank..].starts_with(':').then_some(entry.key_range.end + blank + 1)
    }

    fn insert(
        &self,
        parent: &Node,
        entries: &[Entry],
        flow: bool,
        key: &str,
        value: &Scalar,
        edit: &Edit,
    ) -> Result<Splice, Error> {
        let key = if is_plain(key) {
            key.to_owned()
        } else {
            render(&Scalar::String(key.to_owned()), Quotes::Double)
        };
        let entry = format!("{key}: {}", render(value, Quotes::Double));
        let nowhere = || {
            self.refused(
                parent.range.clone(),
                format!("no simple place for the new key {}", edit.path),
            )
        };
        // `{k:, new: 1}` is no YAML to every reader: a flow map goes on after a value.
        let ends = |e: &&Entry| !(flow && matches!(e.value.kind, Kind::Empty));
        let after = entries.iter().rev().filter(ends).find_map(|e| self.end(e));
        if flow {
            let (at, text) = match after {
                Some(at) => (at, format!(", {entry}")),
                // Some readers see the end of `{}` behind a comment.
                None if entries.is_empty() && self.ends_with_brace(parent) => {
                    (parent.range.end - 1, entry)
                }
                None => return Err(nowhere()),
            };
            return Ok(Splice { range: at..at, text });
        }
        let at = after.ok_or_else(nowhere)?;
        let line_end = self.line_end(at);
        let tail = self.text()[at..line_end].trim_start();
        if !(tail.is_empty() || tail.starts_with('#')) {
            return Err(nowhere());
        }
        let first = entries.first().ok_or_else(nowhere)?;
        let column = self.text()[self.line_start(first.key_range.start)..first.key_range.start]
            .chars()
            .count();
        let text = format!("{}{}{entry}", self.line_break(line_end), " ".repeat(column));
        Ok(Splice { range: line_end..line_end, text })
    }

    fn remove(
        &self,
        entries: &[Entry],
        at: usize,
        flow: bool,
        edit: &Edit,
    ) -> Result<Splice, Error> {
        let entry = &entries[at];
        let start = entry.key_range.start;
        let refused = |why: &str| {
            self.refused(
                start..entry.value.range.end.max(start),
                format!("{} cannot be taken away: {why}", edit.path),
            )
        };
        if !matches!(entry.value.kind, Kind::Scalar(_) | Kind::Empty) || entry.value.decorated {
            return Err(refused("it is not a plain value"));
        }
        let end = self.end(entry).ok_or_else(|| refused("its end is not clear"))?;
        let range = if flow {
            match (
                at.checked_sub(1).and_then(|before| self.end(&entries[before])),
                entries.get(at + 1),
            ) {
                (Some(before), _) => before..end,
                (None, Some(next)) => start..next.key_range.start,
                (None, None) => start..end,
            }
        } else {
            let (line, line_end) = (self.line_start(start), self.line_end(end));
            let alone = self.text()[line..start].trim().is_empty()
                && self.text()[end..line_end].trim().is_empty();
            if !alone || self.text()[start..end].contains('\n') {
                return Err(refused("something else stands on its line"));
            }
            if entries.len() == 1 {
                return Err(refused("it is the only key there"));
            }
            match self.text()[..line].strip_suffix('\n') {
                Some(before) => before.strip_suffix('\r').unwrap_or(before).len()..line_end,
                None => line..self.text()[line..].find('\n').map_or(line_end, |n| line + n + 1),
            }
        };
        Ok(Splice { range, text: String::new() })
    }

    /// Where an entry ends, without the comment; `None` after a block of lines.
    fn end(&self, entry: &Entry) -> Option<usize> {
        match &entry.value.kind {
            Kind::Empty if entry.value.decorated => Some(entry.value.range.end),
            Kind::Empty => self.colon(entry),
            Kind::Scalar(_) | Kind::Alias(_) => Some(entry.value.range.end),
            Kind::Block => None,
            Kind::Mapping { flow: false, entries } => self.end(entries.last()?),
            Kind::Mapping { flow: true, .. } => Some(entry.value.range.end),
            Kind::Sequence(_) if self.text()[..entry.value.range.end].ends_with(']') => {
                Some(entry.value.range.end)
            }
            Kind::Sequence(items) => match &items.last()?.kind {
                Kind::Scalar(_) | Kind::Alias(_) => Some(items.last()?.range.end),
                Kind::Mapping { flow: false, entries } => self.end(entries.last()?),
                _ => None,
            },
        }
    }

    fn ends_with_brace(&self, node: &Node) -> bool {
        self.text().get(..node.range.end).is_some_and(|text| text.ends_with('}'))
    }

    fn line_start(&self, at: usize) -> usize {
        self.text()[..at].rfind('\n').map_or(0, |n| n + 1)
    }

    /// Where the line's content ends, before `\r\n` or `\n`.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text()[at..].find('\n').map_or(self.text().len(), |n| at + n);
        if end > at && self.text()[..end].ends_with('\r') { end - 1 } else { end }
    }

    /// The line ending in use: that of this line, or of the file's first where this one has none.
    fn line_break(&self, line_end: usize) -> &'static str {
        let rest = &self.text()[line_end..];
        let first = self.text().split_inclusive('\n').next().unwrap_or_default();
        let crlf = if rest.is_empty() { first.ends_with("\r\n") } else { rest.starts_with('\r') };
        if crlf { "\r\n" } else { "\n" }
    }
}
