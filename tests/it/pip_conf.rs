//! pip's settings files, judged by the program that reads them for pip: Python's `configparser`, over random texts.

use envlock::index::tools::pip_conf;
use serde_json::{Value, json};

use crate::support::judge::{Random, judged, setting};

/// Reads one text a line, as JSON; answers with the sections of each, or `null` where it is refused.
const JUDGE: &str = r#"
import configparser, io, json, sys
for line in sys.stdin:
    parser = configparser.RawConfigParser()
    try:
        # As a file is read: any line ending is one.
        parser.read_file(io.TextIOWrapper(io.BytesIO(json.loads(line).encode()), encoding="utf-8"))
        print(json.dumps([[name, parser.items(name)] for name in parser.sections()]))
    except configparser.Error:
        print("null")
"#;

/// Pieces that mean something to the parser, beside those that do not.
const PIECES: [&str; 44] = [
    "[global]",
    "[install]",
    "[DEFAULT]",
    "[x",
    "]",
    "[",
    "[]",
    "[a]b]",
    "index-url",
    "index_url",
    "INDEX-URL",
    "extra-index-url",
    "find-links",
    "=",
    ":",
    " = ",
    " : ",
    "\n",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\n  ",
    "\n    ",
    "\n\t",
    "\n\n",
    "\n \n",
    " ",
    "\t",
    "#",
    ";",
    " # x",
    " ; x",
    "https://a.example/simple/",
    "https://b.example",
    "a",
    "é",
    "İ",
    "\u{feff}",
    "\u{1c}",
    "\u{85}",
    "\u{2003}",
    "%(x)s",
];

fn text(random: &mut Random) -> String {
    // Half of them begin as settings files do; of the others most are refused.
    let begin =
        ["[global]\n", "[install]\nindex-url =\n", "[global]\nindex-url = https://a.example\n", ""];
    let mut text = begin[random.below(6).min(3)].to_owned();
    for _ in 0..random.below(14) {
        text += random.of(&PIECES);
    }
    text
}

fn ours(text: &str) -> Value {
    match pip_conf::parse(text) {
        Ok(conf) => conf.sections().map(|(name, options)| json!([name, options])).collect(),
        Err(_) => Value::Null,
    }
}

#[test]
fn random_settings_files_are_read_as_configparser_reads_them() {
    let (mut random, count) = (Random::seeded(), setting("ENVLOCK_TEST_JUDGED", 20_000));
    let texts: Vec<String> = (0..count).map(|_| text(&mut random)).collect();
    let judged = judged(JUDGE, &texts);
    for (text, judged) in texts.iter().zip(&judged) {
        assert_eq!(&ours(text), judged, "{text:?}");
    }
    // Neither side only refuses.
    let read = judged.iter().filter(|value| !value.is_null()).count();
    assert!(read > texts.len() / 4 && read < texts.len(), "{read}");
}
