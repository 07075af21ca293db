//! Lists of requests from standard input, a line each, and what is chosen for each, a line each: `NAME:ARCHITECTURE=VERSION`, or
//! `!` and the refusal. ci/agree-with-apt.py compares the lines with apt's; `--why` and `--times` are for people.
//!
//! Usage: choose ARCHITECTURE STATUS ''|essential|required|important ''|--recommends ''|--why|--times LABEL=PACKAGES…

use std::io::{BufRead, Write};
use std::time::Instant;

use apt_solver::{BaseSet, Choice, Packages, Question, Request, Status, choose};

type Anything = Box<dyn std::error::Error>;

fn main() -> Result<(), Anything> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [architecture, status, set, recommends, show, files @ ..] = &arguments[..] else {
        return Err("five arguments and index files are needed; the source says which".into());
    };
    let status = std::fs::read_to_string(status)?;
    let named = files.iter().map(|file| file.split_once('=').ok_or("LABEL=FILE"));
    let texts = named
        .map(|named| {
            named
                .map_err(Anything::from)
                .and_then(|(label, file)| Ok((label, std::fs::read_to_string(file)?)))
        })
        .collect::<Result<Vec<_>, Anything>>()?;
    let begun = Instant::now();
    let indexes = texts
        .iter()
        .map(|(label, text)| Packages::index(*label, text))
        .collect::<Result<Vec<_>, _>>()?;
    let indexed = begun.elapsed();
    let base = Status::read([status.as_str()])?;
    let from_nothing = match set.as_str() {
        "" => None,
        "essential" => Some(BaseSet::Essential),
        "required" => Some(BaseSet::Required),
        "important" => Some(BaseSet::Important),
        _ => return Err("no such set".into()),
    };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let requests =
            line.split_ascii_whitespace().map(str::parse).collect::<Result<Vec<Request>, _>>()?;
        let question = Question {
            indexes: &indexes,
            base: &base,
            architecture,
            foreign: &[],
            requests: &requests,
            from_nothing,
            recommends: recommends == "--recommends",
            locked: &[],
        };
        let begun = Instant::now();
        let answer = choose(&question);
        match (answer, show.as_str()) {
            (Err(refusal), "--why") => writeln!(out, "{refusal}")?,
            (Err(refusal), _) => writeln!(out, "!{}", refusal.to_string().replace('\n', "\t"))?,
            (Ok(choice), "--times") => {
                writeln!(
                    out,
                    "{} packages; indexes {indexed:?}, choice {:?}",
                    choice.packages.len(),
                    begun.elapsed()
                )?;
            }
            (Ok(choice), show) => write_choice(&mut out, &choice, show == "--why")?,
        }
    }
    Ok(())
}

fn write_choice(out: &mut impl Write, choice: &Choice<'_>, is_long: bool) -> std::io::Result<()> {
    for one in &choice.packages {
        match is_long {
            true => {
                writeln!(out, "{} {} {}: {}", one.name, one.version, one.architecture, one.why)?
            }
            false => write!(out, "{}:{}={} ", one.name, one.architecture, one.version)?,
        }
    }
    writeln!(out)
}
