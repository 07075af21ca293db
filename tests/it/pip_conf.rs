//! pip's settings files, judged by the program that reads them for pip: Python's `configparser`, over random texts.

use std::io::Write;
use std::process::{Command, Stdio};

use envlock::index::pip_conf;
use serde_json::{Value, json};

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

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn text(&mut self) -> String {
        // Half of them begin as settings files do; of the others most are refused.
        let begin = [
            "[global]\n",
            "[install]\nindex-url =\n",
            "[global]\nindex-url = https://a.example\n",
            "",
        ];
        let mut text = begin[self.below(6).min(3)].to_owned();
        for _ in 0..self.below(14) {
            text += PIECES[self.below(PIECES.len())];
        }
        text
    }
}

fn ours(text: &str) -> Value {
    match pip_conf::parse(text) {
        Ok(conf) => conf.sections().map(|(name, options)| json!([name, options])).collect(),
        Err(_) => Value::Null,
    }
}

fn judged(texts: &[String]) -> Vec<Value> {
    let mut python = Command::new("python3")
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let lines: String = texts.iter().map(|text| json!(text).to_string() + "\n").collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn random_settings_files_are_read_as_configparser_reads_them() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = setting("ENVLOCK_TEST_CONFS").unwrap_or(20_000);
    let mut random =
        Random(setting("ENVLOCK_TEST_SEED").unwrap_or(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let texts: Vec<String> = (0..count).map(|_| random.text()).collect();
    let judged = judged(&texts);
    assert_eq!(judged.len(), texts.len());
    for (text, judged) in texts.iter().zip(&judged) {
        assert_eq!(&ours(text), judged, "{text:?}");
    }
    // Neither side only refuses.
    let read = judged.iter().filter(|value| !value.is_null()).count();
    assert!(read > texts.len() / 4 && read < texts.len(), "{read}");
}
