//! What a Dockerfile's stages install, read from its text, so that an image can never be built from a stage
//! that leaves out one of its groups.

use std::collections::BTreeSet;

/// A `FROM … AS NAME` and the groups that its own steps install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// NAME
    pub name: String,
    /// What it continues: another stage or an image.
    pub from: String,
    /// The words after `group.sh` in its RUN steps, in order.
    pub groups: Vec<String>,
}

/// The named stages of a Dockerfile, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// How the Dockerfile is called in messages.
    pub dockerfile: String,
    stages: Vec<Stage>,
}

impl Stages {
    /// Reads `text`; instructions that are not understood are skipped, BuildKit judges them.
    pub fn read(dockerfile: impl Into<String>, text: &str) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        let mut named = false;
        let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
        let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        for line in joined.lines() {
            let mut words = line.split_whitespace();
            let Some(instruction) = words.next() else { continue };
            if instruction.eq_ignore_ascii_case("FROM") {
                let words: Vec<&str> = words.filter(|w| !w.starts_with("--")).collect();
                named = matches!(words.as_slice(), [_, r#as, _] if r#as.eq_ignore_ascii_case("AS"));
                if let ([from, _, name], true) = (words.as_slice(), named) {
                    let (name, from) = ((*name).to_lowercase(), (*from).to_owned());
                    stages.push(Stage { name, from, groups: Vec::new() });
                }
            } else if instruction.eq_ignore_ascii_case("RUN")
                && named
                && let Some(stage) = stages.last_mut()
            {
                let words: Vec<&str> = words.collect();
                let after_script = words.windows(2).filter(|w| w[0].ends_with("group.sh"));
                stage.groups.extend(after_script.map(|w| w[1].to_owned()));
            }
        }
        Self { dockerfile: dockerfile.into(), stages }
    }

    /// Whether this Dockerfile installs from a lock at all.
    pub fn install_from_lock(&self) -> bool {
        self.stages.iter().any(|s| !s.groups.is_empty())
    }

    /// The names of the stages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().map(|s| s.name.as_str())
    }

    /// The groups that are in the image of this stage, its own and those of the stages it continues.
    /// `None`: there is no such stage.
    pub fn groups_of(&self, name: &str) -> Option<BTreeSet<&str>> {
        let mut index = self.stages.iter().rposition(|s| s.name == name)?;
        let mut groups = BTreeSet::new();
        loop {
            let stage = &self.stages[index];
            groups.extend(stage.groups.iter().map(String::as_str));
            // A stage can only continue an earlier one.
            match self.stages[..index]
                .iter()
                .rposition(|s| s.name.eq_ignore_ascii_case(&stage.from))
            {
                Some(earlier) => index = earlier,
                None => return Some(groups),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_dockerfile_installs_every_group_in_its_stages() {
        let stages = Stages::read("Dockerfile", include_str!("../../Dockerfile"));
        let groups = |name: String| {
            let groups = stages.groups_of(&name).unwrap();
            groups.into_iter().collect::<Vec<_>>().join(" ")
        };
        for line in ["runtime", "devel"] {
            assert_eq!(groups(line.to_owned()), "pyg python torch");
            assert_eq!(groups(format!("ray-{line}")), "pyg python ray torch");
            assert_eq!(groups(format!("marimo-{line}")), "marimo pyg python ray torch");
        }
        assert_eq!(stages.groups_of("ray"), None);
        assert!(stages.install_from_lock());
    }

    #[test]
    fn comments_continuations_and_flags_are_read_as_docker_reads_them() {
        let text = "FROM --platform=linux/amd64 debian as Base\nRUN a && \\\n# a comment\n  sh /mnt/group.sh torch\n\
                    FROM scratch\nRUN group.sh lost\nfrom BASE AS top\nrun group.sh ray\n";
        let stages = Stages::read("x", text);
        assert_eq!(stages.names().collect::<Vec<_>>(), ["base", "top"]);
        assert_eq!(stages.groups_of("top"), Some(["ray", "torch"].into()));
    }

    #[test]
    fn a_dockerfile_that_knows_nothing_of_locks_is_recognised() {
        let text = "FROM ubuntu AS ray-runtime\nRUN pip install ray\n";
        assert!(!Stages::read("Dockerfile", text).install_from_lock());
    }
}
