//! What edits leave of a text.

use super::*;

fn set(path: &str, value: &str) -> Edit {
    Edit { path: path.parse().unwrap(), value: Some(Scalar::String(value.to_owned())), text: None }
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
        assert!(matches!(error, Error::NotInPlace { .. }), "{error}");
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
            Err(error) => assert!(error.to_string().contains("a.k"), "{error}"),
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
        run(anchored, &[set("cpu", PIN), set("gpu", "other")]).unwrap().contains("gpu: \"other\"")
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
        ("a: !env x\n", "a", "than asked for"),
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
