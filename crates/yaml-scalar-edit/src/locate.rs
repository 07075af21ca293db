//! From a path as people write it to the one place in a file that it means: `[name=web]` becomes a position, and in a
//! file of several documents the one that is meant comes first.

use yaml_serde::Value;

use crate::document::{Document, lookup};
use crate::path::conditions;
use crate::{Error, Scalar, YamlPath};

impl Document<'_> {
    /// The value at a path; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Ambiguous`] where several are there, [`Error::Missing`] where a selector is asked of what is no list.
    pub fn get(&self, path: &YamlPath) -> Result<Option<&Value>, Error> {
        Ok(locate(self, path)?.and_then(|path| lookup(&self.value, path.keys())))
    }
}

/// The scalar at `path`, through aliases and merge keys; `None` where there is no such key, or none of the three kinds
/// of [`Scalar`] is there.
///
/// # Errors
/// [`Error`] when the text is not YAML, or more than one value is at the path.
pub fn read(text: &[u8], path: &YamlPath) -> Result<Option<Scalar>, Error> {
    Ok(Document::parse(text)?.get(path)?.and_then(Scalar::from_value))
}

/// The path in positions and keys alone; `None` where an item or document that it names is not there.
///
/// # Errors
/// More than one item or document is what it names, or something is no list.
pub(crate) fn locate(document: &Document<'_>, path: &YamlPath) -> Result<Option<YamlPath>, Error> {
    let keys = path.keys();
    let names_document = conditions(&keys[0]).is_some();
    let Some(found) = (match (document.documents, names_document) {
        (1, true) => match fits(&document.value, &keys[0]) {
            // A document by itself, said by what it has.
            true if keys.len() > 1 => within(&document.value, &keys[1..], path)?,
            _ => None,
        },
        (1, false) => within(&document.value, keys, path)?,
        (_, true) => within(&document.value, keys, path)?,
        _ if position(&document.value, &keys[0]).is_some() => within(&document.value, keys, path)?,
        _ => only_document(document, path)?,
    }) else {
        return Ok(None);
    };
    Ok(Some(YamlPath::of(found)))
}

/// Why there is no such place.
pub(crate) fn nowhere(document: &Document<'_>, path: &YamlPath) -> Error {
    let keys = path.keys();
    let is_there = |count: usize| match (count, document.documents) {
        (1, 1) => fits(&document.value, &keys[0]),
        _ => locate(document, &YamlPath::of(keys[..count].to_vec())).is_ok_and(|p| p.is_some()),
    };
    let mut selectors = (1..=keys.len()).filter(|count| conditions(&keys[count - 1]).is_some());
    let message = match selectors.find(|count| !is_there(*count)) {
        Some(count) => {
            let selector = keys[count - 1].trim_matches(['[', ']']);
            format!("{path} cannot be set: no item has {selector}")
        }
        None => format!("{path} cannot be set: no document has the keys above it"),
    };
    Error::missing(None, message)
}

/// The keys below `value`, selectors turned into positions.
fn within(
    mut value: &Value,
    keys: &[String],
    path: &YamlPath,
) -> Result<Option<Vec<String>>, Error> {
    let mut found = Vec::with_capacity(keys.len());
    for (depth, key) in keys.iter().enumerate() {
        let key = match conditions(key) {
            None => key.clone(),
            Some(_) => {
                let Value::Sequence(items) = value else {
                    let message =
                        format!("{path} leads nowhere: what {key} is asked of is not a list");
                    return Err(Error::missing(None, message));
                };
                let fitting = items.iter().enumerate().filter(|(_, item)| fits(item, key));
                let fitting: Vec<_> = fitting.map(|(at, _)| at.to_string()).collect();
                match fitting.as_slice() {
                    [] => return Ok(None),
                    [one] => one.clone(),
                    several => {
                        let several = several.join(" and ");
                        let message = format!("{path} means the items {several} alike");
                        return Err(Error::Ambiguous { message });
                    }
                }
            }
        };
        found.push(key);
        match lookup(value, &found[depth..]) {
            Some(below) => value = below,
            // What follows is not there; whether that is an error is for others to say, but for an item of nothing.
            None => {
                let rest = &keys[depth + 1..];
                if rest.iter().any(|key| conditions(key).is_some()) {
                    return Ok(None);
                }
                found.extend_from_slice(rest);
                break;
            }
        }
    }
    Ok(Some(found))
}

/// The only one of several documents that has what is above the last key.
fn only_document(document: &Document<'_>, path: &YamlPath) -> Result<Option<Vec<String>>, Error> {
    let Value::Sequence(documents) = &document.value else { return Ok(None) };
    let mut having = Vec::new();
    for (at, value) in documents.iter().enumerate() {
        let Some(keys) = within(value, path.keys(), path)? else { continue };
        let (_, above) = keys.split_last().expect("a path is never empty");
        if lookup(value, above).is_some_and(|value| value.is_mapping() || value.is_sequence()) {
            having.push([vec![at.to_string()], keys].concat());
        }
    }
    // A place for a new key is no reason to doubt where the value is.
    let with_value = |keys: &&Vec<String>| lookup(&document.value, keys).is_some();
    if having.iter().filter(with_value).count() == 1 {
        having.retain(|keys| with_value(&keys));
    }
    match having.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        several => {
            let several: Vec<_> = several.iter().map(|keys| keys[0].as_str()).collect();
            let several = several.join(" and ");
            let message = format!("{path} is in the documents {several}");
            Err(Error::Ambiguous { message })
        }
    }
}

fn position(value: &Value, key: &str) -> Option<usize> {
    let Value::Sequence(items) = value else { return None };
    key.parse().ok().filter(|at: &usize| *at < items.len())
}

/// Whether an item has everything that a selector asks for.
fn fits(item: &Value, selector: &str) -> bool {
    let has = |(keys, text): (Vec<&str>, &str)| {
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        match lookup(item, &keys) {
            Some(Value::String(found)) => found == text,
            Some(Value::Number(found)) => found.to_string() == text,
            Some(Value::Bool(found)) => found.to_string() == text,
            _ => false,
        }
    };
    conditions(selector).is_some_and(|conditions| conditions.into_iter().all(has))
}
