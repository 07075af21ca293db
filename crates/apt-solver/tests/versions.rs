//! The order of versions beside dpkg's own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it leaves out"
)]

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};

use apt_solver::Version;

/// How many pairs; 100,000 in a quarter of an hour with `APT_SOLVER_TEST_PAIRS`.
const PAIRS: usize = 1_000;

/// Numbers from a seed, the same everywhere (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn version(&mut self) -> String {
        let parts = [
            "0",
            "00",
            "1",
            "01",
            "2",
            "9",
            "10",
            "010",
            "20240203",
            "99999999999999999999",
            "a",
            "b",
            "rc",
            "Z",
            "dfsg",
            "ubuntu",
            "~",
            "~~",
            "+",
            "-",
            ".",
            "..",
            ":",
        ];
        let mut text = self.one(&["", "", "", "0:", "1:", "10:"]).to_owned();
        text.push_str(self.one(&["0", "1", "2", "10"]));
        for _ in 0..self.below(6) {
            text.push_str(self.one(&parts));
        }
        text.push_str(self.one(&[
            "",
            "",
            "-0",
            "-1",
            "-1.1",
            "-1+b1",
            "-1~bpo12+1",
            "-0ubuntu0.24.04.1",
            "-2a",
        ]));
        text
    }
}

/// Another version that differs in one character, where mistakes are. Not in the first: dpkg takes `+1:2` as C does.
fn near(text: &str, chance: &mut Chance) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = chance.below(chars.len());
    if at == 0 {
        return text.to_owned();
    }
    match chance.below(3) {
        0 => drop(chars.remove(at)),
        1 => chars
            .insert(at, chance.one(&["0", "1", "~", "+", ".", "a", "-"]).chars().next().unwrap()),
        _ => chars[at] = chance.one(&["0", "2", "~", "+", ".", "z", "-"]).chars().next().unwrap(),
    }
    chars.into_iter().collect()
}

#[test]
fn versions_are_ordered_as_dpkg_orders_them() {
    let pairs = std::env::var("APT_SOLVER_TEST_PAIRS").map_or(PAIRS, |text| text.parse().unwrap());
    let mut chance = Chance(7);
    let mut script = String::new();
    let mut ours = String::new();
    for _ in 0..pairs {
        let a = chance.version();
        let b = if chance.below(2) == 0 { near(&a, &mut chance) } else { chance.version() };
        writeln!(script, "say '{a}' '{b}'").unwrap();
        let word = match (Version::parse(&a), Version::parse(&b)) {
            (Ok(a), Ok(b)) => match a.cmp(&b) {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            },
            _ => "bad",
        };
        writeln!(ours, "{a} {b} {word}").unwrap();
    }
    let Some(theirs) = dpkgs(&script) else { return };
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        // dpkg warns of one thing only, and of this first.
        match theirs.strip_suffix(" undigited") {
            Some(_) if ours.ends_with(" bad") => {}
            theirs_but_for_that => assert_eq!(ours, theirs_but_for_that.unwrap_or(theirs)),
        }
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
    for word in ["lt", "eq", "gt", "bad"] {
        assert!(ours.contains(word), "no pair is {word}");
    }
}

/// What dpkg says of the pairs. It exits 1 where a comparison does not hold, 2 where a version cannot be read, and warns
/// of characters, with which it goes on.
fn dpkgs(script: &str) -> Option<String> {
    if Command::new("dpkg").arg("--version").output().is_err() {
        left_out("dpkg is not installed");
        return None;
    }
    let say = "say() {
  said=$(dpkg --compare-versions \"$1\" lt \"$2\" 2>&1); code=$?
  case $code,$said in
    2,* | *'invalid character'*) word=bad ;;
    0,*) word=lt ;;
    *) if dpkg --compare-versions \"$1\" eq \"$2\" 2>/dev/null; then word=eq; else word=gt; fi ;;
  esac
  case $said in *'start with digit'*) word=\"$word undigited\" ;; esac
  echo \"$1 $2 $word\"
}
";
    let mut shell =
        Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    let script = format!("{say}{script}");
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()).unwrap());
    let output = shell.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Says it, and writes it into the file that ci/test.sh reports at its end.
fn left_out(why: &str) {
    eprintln!("left out: {why}");
    if let Some(path) = std::env::var_os("ENVLOCK_TEST_LEFT_OUT") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        file.write_all(format!("versions of apt-solver: {why}\n").as_bytes()).unwrap();
    }
}
