//! Python as a judge: many texts through one of its programs, an answer a line; and what makes the texts random.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What this program, which reads JSON texts a line, says of each: a JSON value a line.
pub fn judged(program: &str, texts: &[String]) -> Vec<Value> {
    let mut python = Command::new("python3")
        .args(["-c", program])
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
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = answers.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(answers.len(), texts.len());
    answers
}

/// A number out of the environment, such as how many texts there are.
pub fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Xorshift: the same seed is the same texts.
pub struct Random(u64);

impl Random {
    pub fn seeded() -> Self {
        Random(setting("ENVLOCK_TEST_SEED", 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    pub fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}
