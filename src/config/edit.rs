//! Changes scalars in YAML and not one byte more: values are spliced in at their exact place, then
//! a second parser proves that the document differs only there. What cannot be done so is refused.

use std::collections::BTreeSet;

use yaml_serde::Value;

use super::document::{Document, lookup};
use super::locate::{locate, nowhere};
use super::splice::{Editor, Splice};
use super::{ConfigPath, Error, Scalar, TextChange, guard};

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub path: ConfigPath,
    /// What is to be there; `None` takes the key away.
    pub value: Option<Scalar>,
    /// How that is to be written, where the text that gives way is there. Without, in the form of what is there.
    pub text: Option<TextChange>,
}

/// What an edit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: ConfigPath,
    /// What was there; `None`: the key was not.
    pub before: Option<Scalar>,
    /// What is there now; `None`: the key is gone.
    pub after: Option<Scalar>,
    /// The letters.
    pub text: TextChange,
}

/// The new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Its bytes: the old ones where nothing was to be changed.
    pub bytes: Vec<u8>,
    /// In the order of the edits; values that were there already are no change.
    pub changes: Vec<Change>,
}

impl Edited {
    /// The edits that take this one back.
    pub fn reversed(&self) -> Vec<Edit> {
        let back = |change: &Change| Edit {
            path: change.path.clone(),
            value: change.before.clone(),
            text: Some(change.text.reversed()),
        };
        self.changes.iter().map(back).collect()
    }
}

/// Makes these edits in a YAML file. All other bytes stay: comments, quotes, line endings, byte
/// order mark. Where the text of one is not what it says any more, all are made by their values alone.
/// Errors: [`Error`] when the file is not YAML, a path leads nowhere or to more than one
/// place, or an edit cannot be made without changing something else. Then nothing is changed.
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

/// The same, and proves that the way back leads to these very bytes.
/// Errors: those of [`edit`]; [`Error::Refused`] where it does not.
pub fn edit_reversibly(bytes: &[u8], edits: &[Edit]) -> Result<Edited, Error> {
    let edited = edit(bytes, edits)?;
    let why = match edit(&edited.bytes, &edited.reversed()) {
        Ok(back) if back.bytes == bytes => return Ok(edited),
        Ok(_) => "the way back leads to other bytes".to_owned(),
        Err(error) => error.to_string(),
    };
    let paths: Vec<_> = edited.changes.iter().map(|change| change.path.to_string()).collect();
    let message = format!("a rollback could not take this back, {}: {why}", paths.join(", "));
    let help = "nothing was changed; write these values out in a simpler form, then run again";
    Err(Error::refused(Document::parse(bytes)?.text, None, message, help))
}

/// Whether an edit changes anything: its value, or the text of a value that is right already.
/// Errors: those of [`edit`] that a place alone can have.
pub fn is_wanting(bytes: &[u8], edit: &Edit) -> Result<bool, Error> {
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
            let wanted: Vec<&Edit> = planned.iter().map(|planned| &planned.edit).collect();
            guard::check(&document.value, text, &after, &wanted, &splices)?;
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
        // The release record could not say what was there, and a rollback would take the key away.
        if let Some(Value::Number(_)) = found {
            let message = format!("{} is a number: no image belongs there", edit.path);
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

/// Two paths may lead to one place (an anchor), as long as they want the same there.
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
mod tests {
    use super::*;

    fn set(path: &str, value: &str) -> Edit {
        Edit {
            path: path.parse().unwrap(),
            value: Some(Scalar::String(value.to_owned())),
            text: None,
        }
    }
    fn flag(path: &str, value: bool) -> Edit {
        Edit { path: path.parse().unwrap(), value: Some(Scalar::Bool(value)), text: None }
    }
    fn run(yaml: &str, edits: &[Edit]) -> Result<String, Error> {
        edit(yaml.as_bytes(), edits).map(|e| String::from_utf8(e.bytes).unwrap())
    }
    const PIN: &str = "127.0.0.1:5000/t/ray@sha256:0f";

    #[test]
    fn only_the_value_changes_in_its_own_quotes() {
        for (before, after) in [
            ("a: x", "a: PIN"),
            ("a: 'x' # 日本語 'c'\n", "a: 'PIN' # 日本語 'c'\n"),
            (
                "\u{feff}# 先頭\r\na:   \"x\"\t# c\r\nb: 1\r\n",
                "\u{feff}# 先頭\r\na:   \"PIN\"\t# c\r\nb: 1\r\n",
            ),
            ("{a: x, b: [1,2]}\n", "{a: PIN, b: [1,2]}\n"),
            ("{\"a\":\"x\"}", "{\"a\":\"PIN\"}"),
            ("a: # none\nb: 1\n", "a: \"PIN\" # none\nb: 1\n"),
            ("a:", "a: \"PIN\""),
            ("a: null\n", "a: PIN\n"),
            ("a: !!str x\n", "a: !!str PIN\n"),
            ("a: &n x\n", "a: &n PIN\n"),
            ("a: &n # c\n  x\n", "a: &n # c\n  PIN\n"),
            ("a: !!str # c\r\n  # d\r\n  'x'\r\n", "a: !!str # c\r\n  # d\r\n  'PIN'\r\n"),
            ("b: &n x\na: *n # c\n", "b: &n x\na: \"PIN\" # c\n"),
            ("a: one\n  two\nb: 1\n", "a: PIN\nb: 1\n"),
            ("a: x \u{205f}#y\u{3000} # c\n", "a: PIN # c\n"),
            ("---\na:\n  \"x\"\n...\n", "---\na:\n  \"PIN\"\n...\n"),
            ("b: 1\n", "b: 1\na: \"PIN\"\n"),
            ("b: &m {a: y}\n<<: *m\n", "b: &m {a: y}\n<<: *m\na: \"PIN\"\n"),
        ] {
            let expected = after.replace("PIN", PIN);
            assert_eq!(run(before, &[set("a", PIN)]).unwrap(), expected, "{before}");
        }
    }

    #[test]
    fn a_value_that_ends_elsewhere_for_older_readers_is_left_alone() {
        for end in LINE_ENDS_OF_1_1 {
            let text = format!("a: e4{end}#c\nb: x\n");
            let error = run(&text, &[set("a", PIN)]).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error}");
            let other = run(&text, &[set("b", PIN)]).unwrap();
            assert_eq!(other, text.replace('x', PIN));
        }
    }

    #[test]
    fn a_mapping_whose_end_the_reader_sees_within_a_comment_gets_no_key() {
        for end in LINE_ENDS_OF_1_1 {
            let text = format!("a: {{}} #{end}\nm: x\n");
            match run(&text, &[set("a.k", PIN)]) {
                Ok(after) => assert_eq!(after, text.replace("{}", &format!("{{k: \"{PIN}\"}}"))),
                Err(error) => assert!(format!("{:?}", miette::Report::new(error)).contains("a.k")),
            }
        }
        let error = run("a: {} #\u{85}\nm: x\n", &[set("a.k", PIN)]).unwrap_err();
        assert!(error.to_string().contains("no simple place"), "{error}");
    }

    #[test]
    fn a_missing_key_goes_after_its_siblings_and_comes_out_again_without_a_trace() {
        for (before, after) in [
            (
                "s:\n  r:\n    p: 1 # ポート\n    # end\nz: 1\n",
                "s:\n  r:\n    p: 1 # ポート\n    k: \"v\"\n    # end\nz: 1\n",
            ),
            (
                "s:\r\n    r:\r\n        p:\r\n            q: 1\r\nz: 1",
                "s:\r\n    r:\r\n        p:\r\n            q: 1\r\n        k: \"v\"\r\nz: 1",
            ),
            ("s:\r\n  r:\r\n    p: 日", "s:\r\n  r:\r\n    p: 日\r\n    k: \"v\""),
            ("s: {r: {p: 1}}\n", "s: {r: {p: 1, k: \"v\"}}\n"),
            ("s: {r: {}}\n", "s: {r: {k: \"v\"}}\n"),
            (
                "s:\n  r:\n    l:\n    - a\n    - b: 1\n      c: [1]\n\nz: 1\n",
                "s:\n  r:\n    l:\n    - a\n    - b: 1\n      c: [1]\n    k: \"v\"\n\nz: 1\n",
            ),
            ("s:\n  r:\n    p:\n", "s:\n  r:\n    p:\n    k: \"v\"\n"),
        ] {
            let edited = edit(before.as_bytes(), &[set("s.r.k", "v")]).unwrap();
            assert_eq!(String::from_utf8(edited.bytes).unwrap(), after);
            assert_eq!(edited.changes[0].before, None);
            let back = Edit { path: "s.r.k".parse().unwrap(), value: None, text: None };
            assert_eq!(run(after, &[back]).unwrap(), before);
        }
    }

    #[test]
    fn every_change_can_be_reversed_byte_for_byte() {
        let before = "s:\n  a: 'old'\n  b: &x true\n  c:   # none\n  d: TRUE\n  e: {f: 1}\n";
        let edits = [set("s.a", "n"), flag("s.b", false), set("s.c", "n"), set("s.e.g", "n")];
        let edited = edit(before.as_bytes(), &edits).unwrap();
        let back: Vec<_> = edited
            .changes
            .iter()
            .map(|c| Edit { path: c.path.clone(), value: c.before.clone(), text: None })
            .collect();
        assert_eq!(edit(&edited.bytes, &back).unwrap().bytes, before.as_bytes());
    }

    #[test]
    fn the_same_value_is_no_change_at_all() {
        let yaml = "a: 'v'\nb: false\n";
        let edited = edit(yaml.as_bytes(), &[set("a", "v"), flag("b", false)]).unwrap();
        assert_eq!((edited.bytes.as_slice(), edited.changes.len()), (yaml.as_bytes(), 0));
    }

    #[test]
    fn shared_values_change_only_when_all_their_uses_are_meant() {
        let yaml = "x: &r {image: old, n: 1}\ncpu: *r\ngpu: *r\n";
        let Err(Error::Spills { paths, .. }) = run(yaml, &[set("cpu.image", PIN)]) else {
            panic!("not refused")
        };
        assert_eq!(paths, ["x.image", "gpu.image"]);
        let all = ["x.image", "cpu.image", "gpu.image"].map(|p| set(p, PIN));
        assert_eq!(run(yaml, &all).unwrap(), yaml.replace("old", PIN));
        let anchored = "cpu: &i old\ngpu: *i\n";
        let edits = [set("cpu", PIN), set("gpu", PIN)];
        assert_eq!(run(anchored, &edits).unwrap(), anchored.replace("old", PIN));
        assert!(run(anchored, &[set("cpu", PIN)]).is_err());
        assert!(
            run(anchored, &[set("cpu", PIN), set("gpu", "other")])
                .unwrap()
                .contains("gpu: \"other\"")
        );
    }

    #[test]
    fn what_cannot_be_done_in_place_is_refused_with_a_reason() {
        for (yaml, path, reason) in [
            ("a: |\n  x\n", "a", "block of lines"),
            ("a: {b: 1}\n", "a", "more than one value"),
            ("a: 1\n", "s.a", "s is not there"),
            ("s:\n", "s.a", "s has no keys"),
            ("m: &m {s: {t: 1}}\nx:\n  <<: *m\n", "x.s.t", "x.s comes from a merge key"),
            ("a: &n\nb: 1\n", "a", "no value"),
            ("s: {n}\n", "s.n", "no colon"),
            ("s: {n: }\n", "s.a", "no simple place"),
            ("s:\n  k: |\n    x\n", "s.a", "no simple place"),
            ("a: 1\n---\na: 2\n", "a", "documents 0 and 1"),
            ("a: 1\n---\na: 2\n", "b.c", "no document has"),
            ("a: 1\n---\na: 2\n", "[k=x].a", "no item has k=x"),
            ("l: [{n: x}, {n: x}]\n", "l[n=x].i", "items 0 and 1"),
            ("l: {n: x}\n", "l[n=x].i", "not a list"),
            ("a: !env x\n", "a", "more than asked"),
            ("- a\n", "a", "no keys"),
            ("a: 1\na: 2\n", "a", "duplicate"),
            ("a: 1\n", "a", "is a number"),
            ("\"0\": a\n0: b\n", "0", "is there twice"),
            ("!!str 0:\n0: b\n", "0", "is there twice"),
            ("s: {'true': {a: x}, true: {a: y}}\n", "s.true.a", "is there twice"),
            ("s: !env\n  a: x\n", "s.a", "below a tag"),
        ] {
            let message = run(yaml, &[set(path, "v")]).unwrap_err().to_string();
            assert!(message.contains(reason), "{yaml:?}: {message}");
        }
    }

    #[test]
    fn one_item_of_a_list_and_one_document_of_a_file_change_alone() {
        let pods = "# 二つ\nkind: Job\nmetadata: {name: a}\nspec:\n  containers:\n  - name: ray\n    image: x # c\n  - name: log\n    image: x\n---\nkind: Job\nmetadata: {name: b}\nspec:\n  containers:\n  - image: x\n    name: ray\n";
        let second = pods.rfind("image: x").unwrap();
        for (path, at) in [
            ("[metadata.name=a].spec.containers[name=ray].image", pods.find("image: x").unwrap()),
            ("[kind=Job,metadata.name=b].spec.containers[0].image", second),
            ("[1].spec.containers[name=ray].image", second),
            ("1.spec.containers.0.image", second),
        ] {
            let mut expected = pods.to_owned();
            expected.replace_range(at..at + "image: x".len(), &format!("image: {PIN}"));
            let edited = edit(pods.as_bytes(), &[set(path, PIN)]).unwrap();
            assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected, "{path}");
            // What was asked for is what is recorded: positions may move.
            assert_eq!(edited.changes[0].path, path.parse().unwrap());
        }
        // Where only one document has the place, it need not be named; nor where there is only one.
        let other = "kind: Service\n---\nspec: {image: x}\n---\n";
        assert_eq!(run(other, &[set("spec.image", PIN)]).unwrap(), other.replace('x', PIN));
        let one = "kind: Pod\nimage: x\n";
        assert_eq!(run(one, &[set("[kind=Pod].image", PIN)]).unwrap(), one.replace('x', PIN));
        let dotted = "a: {x.io/image: x}\n";
        let edits = [set("a.\"x.io/image\"", PIN)];
        assert_eq!(run(dotted, &edits).unwrap(), dotted.replace(": x}", &format!(": {PIN}}}")));
    }

    #[test]
    fn a_key_with_a_comment_beside_it_is_not_taken_away() {
        let gone = |path: &str| Edit { path: path.parse().unwrap(), value: None, text: None };
        for yaml in ["s:\n  k: v # mine\n  b: 1\n", "s:\n  k: v\n", "s:\n- k: v\n  b: 1\n"] {
            let path = if yaml.contains('-') { "s.0.k" } else { "s.k" };
            assert!(run(yaml, &[gone(path)]).is_err(), "{yaml}");
        }
        assert_eq!(run("k: v\nb: 1\n", &[gone("k")]).unwrap(), "b: 1\n");
        assert_eq!(run("{k: v, b: 1}", &[gone("k")]).unwrap(), "{b: 1}");
    }

    #[test]
    fn a_key_that_was_emptied_after_it_was_added_comes_out_by_its_text() {
        for end in ["", "\n", " # c\n"] {
            let inherited = "s:\n  <<: {image: m}";
            let text = TextChange { before: "\n  image:".to_owned(), after: String::new() };
            let value = Some(Scalar::String("m".to_owned()));
            let back = Edit { path: "s.image".parse().unwrap(), value, text: Some(text) };
            let emptied = format!("{inherited}\n  image:{end}");
            assert_eq!(run(&emptied, &[back]).unwrap(), format!("{inherited}{end}"));
        }
    }
}
