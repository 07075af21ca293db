//! The container settings of an image (ENV, USER, CMD …) from a Dockerfile's stages, without running it: the
//! instructions that the `layers` engine carries out itself, and the names of those that only BuildKit can.

use std::collections::BTreeMap;

use super::dockerfile::{Instruction, exec_form, expand, pairs, words};
use super::{ImagePlan, Plan, Stages};

/// The folders that envlock's layers make; WORKDIR creates any other one, as root.
const FOLDERS: [&str; 3] = ["/", "/home/ray", "/workspace"];
/// Arguments that BuildKit sets by itself.
const AUTOMATIC: [&str; 2] = ["BUILD", "TARGET"];
const PLATFORM_PARTS: [&str; 4] = ["PLATFORM", "OS", "ARCH", "VARIANT"];

/// The container settings that an image adds to its base's config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// ENV of the base with the changes, in order.
    pub(super) env: Vec<(String, String)>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) user: Option<String>,
    pub(super) folder: Option<String>,
    /// `8080/tcp`
    pub(super) ports: Vec<String>,
    /// The inner `None`: an ENTRYPOINT took the base's away.
    pub(super) cmd: Option<Option<Vec<String>>>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) stop_signal: Option<String>,
    /// The instructions with their values, for the image's history.
    pub(super) history: Vec<String>,
}

impl Stages {
    /// The instructions in an image's stages that only BuildKit can carry out, and the steps of envlock that are
    /// missing there; empty: the `layers` engine makes the same image.
    pub fn foreign(&self, plan: &Plan, image: &ImagePlan) -> Vec<String> {
        match self.settings(plan, image, &[]) {
            Ok(_) => Vec::new(),
            Err(foreign) => foreign,
        }
    }

    /// The settings of the image's stages, on a base with this ENV.
    ///
    /// # Errors
    ///
    /// Those of [`Stages::foreign`].
    pub(super) fn settings(
        &self,
        plan: &Plan,
        image: &ImagePlan,
        env: &[(String, String)],
    ) -> Result<Settings, Vec<String>> {
        let Some(chain) = self.chain_of(image) else {
            // A project's Dockerfile without a stage for this image.
            return Stages::built_in().settings(plan, image, env);
        };
        let is_its_own = chain.last().is_some_and(|stage| stage.name == image.name.as_str());
        let mut reader = Reader {
            given: &plan.args,
            globals: BTreeMap::new(),
            args: BTreeMap::new(),
            settings: Settings { env: env.to_vec(), ..Settings::default() },
            own_cmd: false,
            steps: Vec::new(),
        };
        let mut foreign = Vec::new();
        for instruction in &self.globals {
            if reader.global(instruction).is_none() {
                foreign.push(instruction.shown());
            }
        }
        let from = chain.first().map_or("", |stage| stage.from.as_str());
        let base = expand(from, &|name| reader.globals.get(name).cloned());
        if base != Some(image.base.to_string()) {
            foreign.push(format!("FROM {from}"));
        }
        for stage in chain {
            reader.own_cmd = false;
            for instruction in &stage.instructions {
                if reader.read(instruction).is_none() {
                    foreign.push(instruction.shown());
                }
            }
        }
        for step in ["build/base.sh", "python.sh"] {
            if !reader.steps.iter().any(|s| s == step) {
                foreign.push(format!("RUN … {step} (missing)"));
            }
        }
        if !is_its_own {
            reader.label(&image.labels);
        }
        if foreign.is_empty() { Ok(reader.settings) } else { Err(foreign) }
    }
}

struct Reader<'a> {
    /// Build arguments of the command line.
    given: &'a BTreeMap<String, String>,
    globals: BTreeMap<String, String>,
    args: BTreeMap<String, String>,
    settings: Settings,
    /// This stage has a CMD, which its ENTRYPOINT leaves alone.
    own_cmd: bool,
    steps: Vec<String>,
}

impl Reader<'_> {
    /// ARG before the first FROM. `None`: not understood.
    fn global(&mut self, instruction: &Instruction) -> Option<()> {
        if instruction.keyword != "ARG" {
            return None;
        }
        for word in words(&instruction.rest) {
            let (name, default) = self.argument(&word, &|name| self.globals.get(name).cloned())?;
            let value = self.given.get(&name).cloned().or(default);
            self.globals.extend(value.map(|value| (name, value)));
        }
        Some(())
    }

    /// `None`: not understood, or not supported.
    fn read(&mut self, instruction: &Instruction) -> Option<()> {
        let rest = instruction.rest.as_str();
        let said = match instruction.keyword.as_str() {
            "ARG" => {
                for word in words(rest) {
                    let (name, default) = self.argument(&word, &|name| self.value(name))?;
                    let global = self.globals.get(&name).filter(|_| default.is_none()).cloned();
                    let value = self.given.get(&name).cloned().or(default).or(global);
                    self.args.extend(value.map(|value| (name, value)));
                }
                return Some(());
            }
            "RUN" => return self.step(&instruction.plain()),
            "ENV" => {
                let pairs = self.pairs(rest)?;
                for (name, value) in &pairs {
                    match self.settings.env.iter_mut().find(|(known, _)| known == name) {
                        Some(place) => place.1.clone_from(value),
                        None => self.settings.env.push((name.clone(), value.clone())),
                    }
                }
                joined(&pairs)
            }
            "LABEL" => {
                let pairs = self.pairs(rest)?;
                self.settings.labels.extend(pairs.iter().cloned());
                joined(&pairs)
            }
            "USER" => self.settings.user.insert(self.expand(rest)?).clone(),
            "WORKDIR" => {
                let folder = self.expand(rest)?;
                if !FOLDERS.contains(&folder.as_str()) {
                    return None;
                }
                self.settings.folder.insert(folder).clone()
            }
            "EXPOSE" => {
                let mut ports = Vec::new();
                for word in words(rest) {
                    ports.push(port(&self.expand(&word)?)?);
                }
                self.settings.ports.extend(ports.iter().cloned());
                ports.join(" ")
            }
            "CMD" => {
                self.own_cmd = true;
                let command = command(rest);
                self.settings.cmd = Some(Some(command.clone()));
                format!("{command:?}")
            }
            "ENTRYPOINT" => {
                let command = command(rest);
                if !self.own_cmd {
                    self.settings.cmd = Some(None);
                }
                format!("{:?}", self.settings.entrypoint.insert(command))
            }
            "STOPSIGNAL" => self.settings.stop_signal.insert(self.expand(rest)?).clone(),
            _ => return None,
        };
        self.settings.history.push(format!("{} {said}", instruction.keyword));
        Some(())
    }

    /// Labels that the stages of another image do not have, or have for that one.
    fn label(&mut self, labels: &BTreeMap<String, String>) {
        let settings = &mut self.settings;
        let differs =
            |(name, value): &(&String, &String)| settings.labels.get(*name) != Some(*value);
        let new: Vec<_> =
            labels.iter().filter(differs).map(|(n, v)| (n.clone(), v.clone())).collect();
        if !new.is_empty() {
            settings.history.push(format!("LABEL {}", joined(&new)));
            settings.labels.extend(new);
        }
    }

    /// A RUN of envlock's own scripts, and nothing else.
    fn step(&mut self, command: &str) -> Option<()> {
        for part in command.split(" && ") {
            let words: Vec<&str> = part.split(' ').collect();
            let (["sh", script] | ["sh", script, _]) = words.as_slice() else { return None };
            let script = script.strip_prefix("/mnt/")?;
            match (script, words.len()) {
                ("build/base.sh" | "compiler.sh" | "python.sh", 2) | ("group.sh", 3) => {
                    self.steps.push(script.to_owned());
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn argument(
        &self,
        word: &str,
        value: &dyn Fn(&str) -> Option<String>,
    ) -> Option<(String, Option<String>)> {
        let (name, default) = match word.split_once('=') {
            Some((name, default)) => (name, Some(expand(default, value)?)),
            None => (word, None),
        };
        let automatic = |prefix: &&str| {
            name.strip_prefix(prefix).is_some_and(|rest| PLATFORM_PARTS.contains(&rest))
        };
        (!AUTOMATIC.iter().any(automatic)).then(|| (name.to_owned(), default))
    }

    fn pairs(&self, text: &str) -> Option<Vec<(String, String)>> {
        let expanded =
            |(name, value): (String, String)| Some((self.expand(&name)?, self.expand(&value)?));
        // All values of one instruction use the environment before it.
        pairs(text)?.into_iter().map(expanded).collect()
    }

    fn expand(&self, text: &str) -> Option<String> {
        expand(text, &|name| self.value(name))
    }

    /// ENV takes precedence over ARG.
    fn value(&self, name: &str) -> Option<String> {
        let env = self.settings.env.iter().find(|(known, _)| known == name);
        env.map(|(_, value)| value.clone()).or_else(|| self.args.get(name).cloned())
    }
}

fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn command(text: &str) -> Vec<String> {
    let shell = || vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()];
    exec_form(text).unwrap_or_else(shell)
}

/// `8080`, `8080/udp`; ranges are for BuildKit.
fn port(text: &str) -> Option<String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let _: u16 = number.parse().ok()?;
    Some(format!("{number}/{}", protocol.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::super::planning::tests::sample_plan;
    use super::*;

    const DOCKERFILE: &str = include_str!("../../Dockerfile");

    fn settings(dockerfile: &str, image: usize) -> Result<Settings, Vec<String>> {
        let plan = sample_plan(&[], None).unwrap();
        let env = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        Stages::read("Dockerfile", dockerfile).settings(&plan, &plan.images[image], &env)
    }

    #[test]
    fn the_projects_dockerfile_says_what_the_plan_says() {
        let plan = sample_plan(&[], None).unwrap();
        for (index, image) in plan.images.iter().enumerate() {
            let settings = settings(DOCKERFILE, index).unwrap();
            assert_eq!(settings.labels, image.labels);
            assert_eq!(settings.user.as_deref(), Some("ray"));
            let env: Vec<_> = settings.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let expected = [
                "PATH=/opt/conda/envs/py/bin:/opt/conda/bin:/usr/bin:/bin",
                "NVIDIA_VISIBLE_DEVICES=all",
                "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
            ];
            assert_eq!(env, expected);
        }
        let (ray, marimo) = (settings(DOCKERFILE, 0).unwrap(), settings(DOCKERFILE, 1).unwrap());
        assert_eq!((ray.folder.as_deref(), ray.cmd, ray.ports.len()), (Some("/home/ray"), None, 0));
        assert_eq!(marimo.folder.as_deref(), Some("/workspace"));
        assert_eq!(marimo.cmd, Some(Some(vec!["marimo-serve".to_owned()])));
        assert_eq!(marimo.ports, ["8080/tcp"]);
    }

    #[test]
    fn what_a_user_adds_reaches_the_image_or_is_named() {
        let stage = "FROM runtime AS ray-runtime\n";
        let with =
            |lines: &str| settings(&DOCKERFILE.replace(stage, &format!("{stage}{lines}\n")), 0);
        let ours =
            with("ENV TEAM=ml PATH=/own:$PATH\nENTRYPOINT [\"tini\"]\nCMD run it\nSTOPSIGNAL INT");
        let ours = ours.unwrap();
        assert_eq!(ours.env[0].1, "/own:/opt/conda/envs/py/bin:/opt/conda/bin:/usr/bin:/bin");
        assert_eq!(ours.env[3], ("TEAM".to_owned(), "ml".to_owned()));
        let command = ["/bin/sh", "-c", "run it"].map(str::to_owned);
        assert_eq!(ours.cmd, Some(Some(command.to_vec())));
        assert_eq!(with("ENTRYPOINT [\"tini\"]").unwrap().cmd, Some(None));
        for line in [
            "RUN apt-get install -y git",
            "RUN sh /mnt/group.sh ray && rm -rf /tmp/x",
            "COPY a b",
            "ADD a b",
            "HEALTHCHECK CMD true",
            "WORKDIR /data",
            "ARG TARGETARCH",
            "ENV A=${PATH#/}",
            "RUN <<EOF",
        ] {
            assert_eq!(with(line).unwrap_err(), [line], "{line}");
        }
    }

    #[test]
    fn a_dockerfile_without_our_steps_or_base_is_not_ours() {
        let without = DOCKERFILE.replace("sh /mnt/build/base.sh", "sh /mnt/group.sh extra");
        assert_eq!(settings(&without, 0).unwrap_err(), ["RUN … build/base.sh (missing)"]);
        let other = DOCKERFILE.replace("FROM ${RUNTIME_BASE_IMAGE} AS", "FROM ubuntu:24.04 AS");
        assert_eq!(settings(&other, 0).unwrap_err(), ["FROM ubuntu:24.04"]);
        let escape = format!("# escape=`\n{DOCKERFILE}");
        assert_eq!(settings(&escape, 0).unwrap_err(), ["# escape=`"]);
    }
}
