//! Changes scalars in YAML and not one byte more: values are spliced in at their exact place, then
//! a second parser proves that the document differs only there. What cannot be done so is refused.

use std::collections::BTreeSet;

use yaml_serde::Value;

use crate::document::{Document, lookup};
use crate::locate::{locate, nowhere};
use crate::splice::{Editor, Splice};
use crate::{Change, Edit, Edited, Error, Scalar, TextChange, guard};

/// Makes these edits in a YAML text. All other bytes stay: comments, quotes, line endings, byte
/// order mark. Where the text of one is not what it says any more, all are made by their values alone.
///
/// # Errors
/// [`Error`] when the text is not YAML, a path leads nowhere or to more than one place, or an edit cannot be made
/// without changing something else. Then nothing is changed: edits are made all or none.
pub fn edit(bytes: &[u8], edits: &[Edit]) -> Result<Edited, Error> {
    let document = Document::parse(bytes)?;
    let make = |by_text, all| Attempt { document: &document, by_text, all }.make(edits);
    if edits.iter().any(|edit| edit.text.is_some())
        && let Ok(edited) = make(true, false).or_else(|_| make(true, true))
    {
        return Ok(edited);
    }
    // What is right already may depend on what is to change: an alias, a merge key.
    make(false, false).or_else(|error| make(false, true).map_err(|_| error))
}

/// The same, and proves that [`Edited::reversed`] leads back to these very bytes.
///
/// # Errors
/// Those of [`edit`]; [`Error::Irreversible`] where it does not.
pub fn edit_reversibly(bytes: &[u8], edits: &[Edit]) -> Result<Edited, Error> {
    let edited = edit(bytes, edits)?;
    let reason = match edit(&edited.bytes, &edited.reversed()) {
        Ok(back) if back.bytes == bytes => return Ok(edited),
        Ok(_) => "the way back leads to other bytes".to_owned(),
        Err(error) => error.to_string(),
    };
    let paths = edited.changes.iter().map(|change| change.path.to_string()).collect();
    Err(Error::Irreversible { paths, reason })
}

/// Whether an edit would change anything: its value, or the text of a value that is right already.
///
/// # Errors
/// Those of [`edit`] that a place alone can have.
pub fn would_change(bytes: &[u8], edit: &Edit) -> Result<bool, Error> {
    let document = Document::parse(bytes)?;
    let attempt = Attempt { document: &document, by_text: true, all: false };
    Ok(attempt.planned(edit)?.is_some())
}

/// One way to make edits.
#[derive(Clone, Copy)]
struct Attempt<'d> {
    document: &'d Document<'d>,
    /// Whether the text that an edit asks for counts.
    by_text: bool,
    /// Whether values that are right already are written out as well.
    all: bool,
}

/// An edit with its place.
struct Planned {
    edit: Edit,
    before: Option<Scalar>,
    splice: Splice,
    /// The value that is changed in its stead: the edit's own is an alias of that.
    anchor: Option<std::ops::Range<usize>>,
}

impl Attempt<'_> {
    fn make(&self, edits: &[Edit]) -> Result<Edited, Error> {
        let document = self.document;
        let (mut planned, mut paths) = (Vec::<Planned>::new(), Vec::new());
        for asked in edits {
            let Some(new) = self.planned(asked)? else { continue };
            if !planned.iter().any(|known| known.edit == new.edit) {
                planned.push(new);
                paths.push(&asked.path);
            }
        }
        part(&mut planned);
        let (splices, followed) = self.splices(&planned)?;
        let text = document.text;
        let mut after = String::with_capacity(text.len() + 256);
        let mut from = 0;
        for splice in &splices {
            after.push_str(&text[from..splice.range.start]);
            after.push_str(&splice.text);
            from = splice.range.end;
        }
        after.push_str(&text[from..]);
        if !planned.is_empty() {
            let edits: Vec<&Edit> = planned.iter().map(|planned| &planned.edit).collect();
            guard::check(&document.value, text, &after, &edits, &splices)?;
        }
        let changes = planned.into_iter().zip(paths).zip(followed);
        let changes = changes.map(|((Planned { edit, before, splice, .. }, path), follows)| {
            let was = text[splice.range].to_owned();
            let is = if follows { was.clone() } else { splice.text };
            let text = TextChange { before: was, after: is };
            Change { path: path.clone(), before, after: edit.value, text }
        });
        let changes = changes.collect();
        Ok(Edited { bytes: [document.mark.as_bytes(), after.as_bytes()].concat(), changes })
    }

    /// Where an edit goes; `None`: what it asks for is there.
    fn planned(&self, asked: &Edit) -> Result<Option<Planned>, Error> {
        let (document, editor) = (self.document, Editor { document: self.document });
        let Some(path) = locate(document, &asked.path)? else {
            return Err(nowhere(document, &asked.path));
        };
        let text = asked.text.clone().filter(|_| self.by_text);
        let edit = Edit { path, value: asked.value.clone(), text };
        let found = lookup(&document.value, edit.path.keys());
        let before = found.and_then(Scalar::from_value);
        let is_right = before == edit.value && found.is_some() == before.is_some();
        let rewritten = editor.rewrite(&edit);
        let rewrites = rewritten.as_ref().is_some_and(|s| document.text[s.range.clone()] != s.text);
        if is_right && !rewrites && !(self.all && found.is_some()) {
            return Ok(None);
        }
        let splice = rewritten.map_or_else(|| editor.splice(&edit), Ok)?;
        // A change could not say what was there, and the way back would take the key away.
        if let Some(Value::Number(_)) = found {
            let message = format!("{} is a number, and numbers are not changed", edit.path);
            return Err(editor.refused(splice.range, message));
        }
        let anchor = editor.aliased(&edit);
        Ok(Some(Planned { edit, before, splice, anchor }))
    }

    /// The splices, in order, and for each edit whether it needs none of its own.
    fn splices(&self, planned: &[Planned]) -> Result<(Vec<Splice>, Vec<bool>), Error> {
        let editor = Editor { document: self.document };
        let mut splices: Vec<(&Splice, &Edit)> = Vec::new();
        for planned in planned.iter().filter(|planned| planned.anchor.is_none()) {
            push(&editor, &mut splices, planned)?;
        }
        // An alias whose anchor gets the same value follows by itself and stays an alias.
        let mut followed = Vec::new();
        for planned in planned {
            let follows = planned.anchor.as_ref().is_some_and(|anchor| {
                let same = |(splice, edit): &(&Splice, &Edit)| {
                    splice.range == *anchor && edit.value == planned.edit.value
                };
                splices.iter().any(same)
            });
            if planned.anchor.is_some() && !follows {
                push(&editor, &mut splices, planned)?;
            }
            followed.push(follows);
        }
        let mut splices: Vec<Splice> = splices.into_iter().map(|(s, _)| s.clone()).collect();
        splices.sort_by_key(Splice::order);
        if let Some(pair) = splices.windows(2).find(|w| w[0].range.end > w[1].range.start) {
            return Err(editor.refused(pair[1].range.clone(), "two edits meet in the same place"));
        }
        let text = self.document.text;
        // The reader of YAML may see an end within such a character.
        let ends_a_line = |s: &&Splice| {
            text.get(s.range.clone()).is_none_or(|text| text.contains(LINE_ENDS_OF_1_1))
        };
        if let Some(splice) = splices.iter().find(ends_a_line) {
            let message = "this value holds a character that ends a line for some readers of YAML";
            return Err(editor.refused(splice.range.clone(), message));
        }
        Ok((splices, followed))
    }
}

/// The first key in `{}` needs no comma; others beside it do.
fn part(planned: &mut [Planned]) {
    let mut begun = BTreeSet::new();
    for Planned { splice, .. } in planned {
        let is_first = !splice.text.starts_with([' ', ',', '\r', '\n']);
        if splice.range.is_empty() && is_first && !begun.insert(splice.range.start) {
            splice.text.insert_str(0, ", ");
        }
    }
}

/// Two paths may lead to one place (an anchor), as long as they set the same value.
fn push<'p>(
    editor: &Editor<'_>,
    splices: &mut Vec<(&'p Splice, &'p Edit)>,
    Planned { splice: new, edit, .. }: &'p Planned,
) -> Result<(), Error> {
    let same = |s: &&(&Splice, &Edit)| !new.range.is_empty() && s.0.range == new.range;
    match splices.iter().find(same) {
        Some((old, _)) if old.text == new.text => Ok(()),
        Some((old, other)) => Err(editor.refused(
            old.range.clone(),
            format!("{} and {} are one value here and cannot differ", other.path, edit.path),
        )),
        None => {
            splices.push((new, edit));
            Ok(())
        }
    }
}

/// Where YAML 1.1 ends a line and 1.2 does not: what one reads as the value's own may be a comment to the other.
const LINE_ENDS_OF_1_1: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

#[cfg(test)]
mod tests;
