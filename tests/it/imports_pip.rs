//! Requirements files as envlock reads them, beside pip's own reader over generated texts.

use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};

use envlock::import::{entry, lines};
use serde_json::Value;

use crate::support::left_out;

/// What pip makes of each text: its lines, and for each the requirement or `null` where its parser stops.
const PIP: &str = r#"
import json, os, sys
os.environ["FULL"], os.environ["EMPTY"] = "w0rd", ""
from pip._internal.req.req_file import preprocess, get_line_parser
parse, answers = get_line_parser(None), []
for text in json.load(sys.stdin):
    answer = []
    for number, line in preprocess(text):
        try:
            requirement, options = parse(line)
        except Exception:
            requirement = None
        answer.append([number, line, requirement])
    answers.append(answer)
json.dump(answers, sys.stdout)
"#;

const PIECES: [&str; 42] = [
    "a",
    "b==1.0",
    "c[x,y]>=2,<3",
    "d ; python_version < '3.14'",
    "e@https://h.example/e-1-py3-none-any.whl",
    "f @ https://h.example/f-1-py3-none-any.whl#sha256=00",
    " ",
    "\t",
    "  ",
    "\n",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\x0b",
    "\x0c",
    "\u{85}",
    "\u{2028}",
    "\\",
    "\\\n",
    " \\\n",
    "\\\r\n",
    "\\\\\n",
    "#",
    " #",
    "# x",
    "\t# x \\",
    "\n# y \\\n",
    "${FULL}",
    "${EMPTY}",
    "${NONE}",
    "${full}",
    "$FULL",
    "${",
    "}",
    "--hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    " --pre",
    "-r x.txt",
    "--nothing",
    "'",
    "\"",
];

fn random(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % below as u64).unwrap()
}

fn texts() -> Vec<String> {
    let mut state = 0x2545_f491_4f6c_dd1d;
    let text = |_| {
        let pieces = 1 + random(&mut state, 14);
        (0..pieces).fold(String::new(), |mut text, _| {
            write!(text, "{}", PIECES[random(&mut state, PIECES.len())]).unwrap();
            text
        })
    };
    (0..20_000).map(text).collect()
}

#[test]
fn lines_and_requirements_are_those_that_pip_reads() {
    let python = Command::new("python3")
        .args(["-c", PIP])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else { return left_out("there is no python3") };
    let texts = texts();
    let asked = serde_json::to_vec(&texts).unwrap();
    let mut input = python.stdin.take().unwrap();
    let sender = std::thread::spawn(move || input.write_all(&asked));
    let answer = python.wait_with_output().unwrap();
    let sent = sender.join().unwrap();
    if !answer.status.success() {
        let why = String::from_utf8_lossy(&answer.stderr);
        assert!(why.contains("No module named"), "{why}");
        return left_out("python3 has no pip");
    }
    sent.unwrap();
    let answers: Vec<Vec<(usize, String, Value)>> = serde_json::from_slice(&answer.stdout).unwrap();
    let variable = |name: &str| match name {
        "FULL" => Some("w0rd".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let (mut requirements, mut stopped) = (0, 0);
    for (text, pip) in texts.iter().zip(answers) {
        let ours = lines(text, variable);
        let both: Vec<_> = ours.iter().map(|l| (l.number, l.text.clone())).collect();
        let theirs: Vec<_> = pip.iter().map(|(n, line, _)| (*n, line.clone())).collect();
        assert_eq!(both, theirs, "{text:?}");
        for (line, (_, _, requirement)) in ours.iter().zip(pip) {
            match (entry(line), requirement.as_str()) {
                (Ok(own), Some(theirs)) => {
                    // A bare wheel gets its name in front.
                    let own = own.requirement.unwrap_or_default();
                    assert!(
                        own.ends_with(theirs.trim()) && own.is_empty() == theirs.trim().is_empty(),
                        "{text:?}: {own:?} {theirs:?}"
                    );
                    requirements += usize::from(!own.is_empty());
                }
                (Ok(own), None) => panic!("{text:?}: pip refuses what is read as {own:?}"),
                // More is refused than by pip: what cannot be followed.
                (Err(_), _) => stopped += 1,
            }
        }
    }
    assert!(requirements > 5_000 && stopped > 1_000, "{requirements} {stopped}");
    eprintln!(
        "{} texts: {requirements} requirements as pip reads them, {stopped} lines refused",
        texts.len()
    );
}
