//! What a Dockerfile's stages do, read from its text: an image can never be built from a stage that leaves out one
//! of its groups, and both engines take ENV, USER, CMD and the like from the same lines.

use std::collections::BTreeSet;

use super::ImagePlan;
use super::dockerfile::{Instruction, instructions};
use crate::spec::ImageName;

/// envlock's own Dockerfile.
const BUILT_IN: &str = include_str!("../../Dockerfile");

/// A `FROM … AS NAME` and what its own steps do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// NAME
    pub name: String,
    /// What it continues: another stage or an image.
    pub from: String,
    /// The words after `group.sh` in its RUN steps, in order.
    pub groups: Vec<String>,
    pub(super) instructions: Vec<Instruction>,
}

/// The named stages of a Dockerfile, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The Dockerfile's name in messages.
    pub dockerfile: String,
    /// Whether it is the project's own: its settings for an image then apply.
    is_own: bool,
    /// Instructions before the first FROM.
    pub(super) globals: Vec<Instruction>,
    stages: Vec<Stage>,
}

impl Stages {
    /// The stages of envlock's own Dockerfile.
    pub fn built_in() -> Self {
        Self { is_own: false, ..Self::read("the built-in Dockerfile", BUILT_IN) }
    }

    /// Reads `text`, a project's; instructions that are not understood are kept for BuildKit.
    pub fn read(dockerfile: impl Into<String>, text: &str) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        let mut globals = Vec::new();
        // A parser directive sets another escape character: the file would be read wrong, so no stage is read.
        if let Some(line) = text.lines().find(|line| is_escape(line)) {
            globals
                .push(Instruction { keyword: "#".to_owned(), rest: line[1..].trim().to_owned() });
        }
        let (mut begun, mut named) = (false, false);
        for instruction in instructions(text) {
            if instruction.keyword == "FROM" {
                begun = true;
                let plain = instruction.plain();
                let words: Vec<&str> = plain.split(' ').collect();
                named = matches!(words.as_slice(), [_, r#as, _] if r#as.eq_ignore_ascii_case("AS"));
                if let ([from, _, name], true) = (words.as_slice(), named) {
                    let (name, from) = (name.to_lowercase(), (*from).to_owned());
                    stages.push(Stage { name, from, groups: Vec::new(), instructions: Vec::new() });
                }
            } else if !begun {
                globals.push(instruction);
            } else if named && let Some(stage) = stages.last_mut() {
                if instruction.keyword == "RUN" {
                    let words: Vec<&str> = instruction.rest.split_whitespace().collect();
                    let after_script = words.windows(2).filter(|w| w[0].ends_with("group.sh"));
                    stage.groups.extend(after_script.map(|w| w[1].to_owned()));
                }
                stage.instructions.push(instruction);
            }
        }
        Self { dockerfile: dockerfile.into(), is_own: true, globals, stages }
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
        let chain = self.chain(name)?;
        Some(chain.iter().flat_map(|stage| stage.groups.iter().map(String::as_str)).collect())
    }

    /// The stages with the container settings of an image: its own, else those of the nearest image below it
    /// that has some, else the lowest ones. Envlock's own do not apply to images on another base. `None`: there is none.
    pub(super) fn chain_of(&self, image: &ImagePlan) -> Option<Vec<&Stage>> {
        let ground = if image.is_devel() { "devel" } else { "runtime" };
        let names = image.line.iter().map(ImageName::as_str).chain([ground]);
        let mut chains = names.filter_map(|name| self.chain(name));
        chains.find(|chain| self.is_own || chain[0].name == ground)
    }

    /// The stage of this name after those that it continues. `None`: there is no such stage.
    pub(super) fn chain(&self, name: &str) -> Option<Vec<&Stage>> {
        let mut index = self.stages.iter().rposition(|s| s.name == name)?;
        let mut chain = Vec::new();
        loop {
            let stage = &self.stages[index];
            chain.insert(0, stage);
            // A stage can only continue an earlier one.
            match self.stages[..index]
                .iter()
                .rposition(|s| s.name.eq_ignore_ascii_case(&stage.from))
            {
                Some(earlier) => index = earlier,
                None => return Some(chain),
            }
        }
    }
}

fn is_escape(line: &str) -> bool {
    let directive = line.strip_prefix('#').and_then(|line| line.trim().split_once('='));
    directive.is_some_and(|(name, sign)| {
        name.trim().eq_ignore_ascii_case("escape") && sign.trim() != "\\"
    })
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
