//! What a test cannot try on this machine: never in silence.

use std::fmt::Display;
use std::io::Write;

/// Says what the running test leaves out and why, and writes it into the file that `ENVLOCK_TEST_LEFT_OUT` names, a line
/// each, of which ci/test.sh tells at its end.
pub fn left_out(why: impl Display) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("{test}: {why}").replace('\n', " ");
    eprintln!("left out: {line}");
    if let Some(path) = std::env::var_os("ENVLOCK_TEST_LEFT_OUT") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        file.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
