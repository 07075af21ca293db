//! The proof that an edit did what was asked and no more, with a parser that had no part in it.

use yaml_serde::Value;

use crate::document::parse_values;
use crate::splice::Splice;
use crate::{Edit, Error, Scalar};

/// Reads `after` anew and requires that it is `before` with exactly these edits, and that outside
/// the splices (sorted, not overlapping, in positions of `before_text`) no byte differs.
pub(crate) fn check(
    before: &Value,
    before_text: &str,
    after_text: &str,
    edits: &[&Edit],
    splices: &[Splice],
) -> Result<(), Error> {
    let mut after = parse_values(after_text)?;
    let after = match after.len() {
        1 => after.swap_remove(0),
        _ => Value::Sequence(after),
    };
    let mut expected = before.clone();
    for edit in edits {
        if !apply(&mut expected, edit.path.keys(), edit.value.as_ref()) {
            let message = format!("{} is below a tag: what it means there is not known", edit.path);
            return Err(Error::not_in_place(None, message));
        }
    }
    if expected != after {
        let mut paths = Vec::new();
        differences(&expected, &after, "", &mut paths);
        return Err(Error::Spills { paths });
    }
    if !same_outside(before_text, after_text, splices) {
        return Err(Error::Unproven);
    }
    Ok(())
}

/// Whether the value has such a place.
fn apply(value: &mut Value, keys: &[String], new: Option<&Scalar>) -> bool {
    let Some((key, rest)) = keys.split_first() else { return false };
    match (value, rest.is_empty(), new) {
        (Value::Mapping(map), true, Some(new)) => {
            map.insert(Value::String(key.clone()), new.to_value());
            true
        }
        (Value::Mapping(map), true, None) => map.remove(key.as_str()).is_some(),
        (Value::Mapping(map), false, _) => {
            map.get_mut(key.as_str()).is_some_and(|inner| apply(inner, rest, new))
        }
        (Value::Sequence(list), last, new) => {
            match (key.parse().ok().and_then(|at: usize| list.get_mut(at)), last, new) {
                (Some(item), true, Some(new)) => {
                    *item = new.to_value();
                    true
                }
                (Some(item), false, _) => apply(item, rest, new),
                _ => false,
            }
        }
        _ => false,
    }
}

fn differences(expected: &Value, found: &Value, at: &str, paths: &mut Vec<String>) {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (expected, found) {
        (Value::Mapping(a), Value::Mapping(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(key)));
            for key in keys {
                let name = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(a, b, &below(&name), paths),
                    _ => paths.push(below(&name)),
                }
            }
        }
        (Value::Sequence(a), Value::Sequence(b)) if a.len() == b.len() => {
            for (position, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &below(&position.to_string()), paths);
            }
        }
        (a, b) if a == b => {}
        _ => {
            paths.push(if at.is_empty() { "the whole document".to_owned() } else { at.to_owned() })
        }
    }
}

fn same_outside(before: &str, after: &str, splices: &[Splice]) -> bool {
    let (mut from, mut rest) = (0, after);
    for splice in splices {
        let Some(kept) = before.get(from..splice.range.start) else { return false };
        let Some(tail) = rest.strip_prefix(kept).and_then(|r| r.strip_prefix(&*splice.text)) else {
            return false;
        };
        (from, rest) = (splice.range.end, tail);
    }
    before.get(from..) == Some(rest)
}
