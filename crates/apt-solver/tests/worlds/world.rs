//! Worlds written shortly: a line `NAME VERSION [ARCHITECTURE]` begins a package, indented lines below it are its fields.

use apt_solver::{BaseSet, Locked, Packages, Question, Refusal, Request, Status, choose};

/// What a test asks. Texts are in the short form.
#[derive(Default)]
pub struct World {
    /// Indexes by label; with priority where it is not 500.
    pub suites: Vec<(&'static str, &'static str)>,
    pub priorities: Vec<i16>,
    pub base: &'static str,
    pub foreign: Vec<String>,
    pub from_nothing: Option<BaseSet>,
    pub recommends: bool,
    pub locked: Vec<Locked>,
}

/// One suite, nothing else.
pub fn suite(text: &'static str) -> World {
    World { suites: vec![("suite", text)], ..World::default() }
}

impl World {
    pub fn on(self, base: &'static str) -> Self {
        Self { base, ..self }
    }

    /// `NAME=VERSION` of what is chosen, in its order; `:ARCHITECTURE` where it is not amd64 or all.
    pub fn choose(&self, requests: &str) -> Result<Vec<String>, Refusal> {
        self.ask(requests, |one| {
            let foreign = match one.architecture {
                "amd64" | "all" => String::new(),
                other => format!(":{other}"),
            };
            format!("{}{foreign}={}", one.name, one.version)
        })
    }

    /// Why each is chosen.
    pub fn why(&self, requests: &str) -> Result<Vec<String>, Refusal> {
        self.ask(requests, |one| format!("{}: {}", one.name, one.why))
    }

    fn ask<T>(
        &self,
        requests: &str,
        told: impl Fn(&apt_solver::Chosen<'_>) -> T,
    ) -> Result<Vec<T>, Refusal> {
        let texts: Vec<String> = self.suites.iter().map(|(_, text)| written(text, "")).collect();
        let priorities =
            self.priorities.iter().copied().chain(std::iter::repeat(Packages::PRIORITY));
        let indexes: Vec<Packages<'_>> = (self.suites.iter().zip(&texts).zip(priorities))
            .map(|(((label, _), text), priority)| {
                Packages::index(*label, text).unwrap().with_priority(priority)
            })
            .collect();
        let base = written(self.base, "Status: install ok installed\n");
        let base = Status::read([base.as_str()]).unwrap();
        let requests: Vec<Request> =
            requests.split_whitespace().map(|request| request.parse().unwrap()).collect();
        let question = Question {
            indexes: &indexes,
            base: &base,
            architecture: "amd64",
            foreign: &self.foreign,
            requests: &requests,
            from_nothing: self.from_nothing,
            recommends: self.recommends,
            locked: &self.locked,
        };
        let choice = choose(&question)?;
        let mut reversed = requests.clone();
        reversed.reverse();
        assert_eq!(
            choose(&Question { requests: &reversed, ..question })?.packages.len(),
            choice.packages.len()
        );
        Ok(choice.packages.iter().map(told).collect())
    }

    /// The refusal as it is reported.
    pub fn refusal(&self, requests: &str) -> String {
        self.choose(requests).unwrap_err().to_string()
    }
}

/// The stanzas; `status` is said of each that says nothing of it itself.
pub fn written(short: &str, status: &str) -> String {
    let mut stanzas: Vec<String> = Vec::new();
    for line in short.lines().filter(|line| !line.trim().is_empty()) {
        match (line.strip_prefix("  "), stanzas.last_mut()) {
            (Some(field), Some(stanza)) => stanza.push_str(&format!("{field}\n")),
            _ => {
                let mut words = line.split_whitespace();
                let (name, version) = (words.next().unwrap(), words.next().unwrap());
                let architecture = words.next().unwrap_or("amd64");
                stanzas.push(format!(
                    "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n"
                ));
            }
        }
    }
    for stanza in &mut stanzas {
        if !stanza.contains("\nStatus: ") {
            stanza.push_str(status);
        }
    }
    stanzas.join("\n")
}
