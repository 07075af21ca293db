//! How envlock gets to its users: ci/install.sh, the action, the GitLab component and the publishing job, with a release on
//! loopback and a `gh` and a `cosign` that only say how they were called.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::attestation::tool;
use crate::support::{Reply, Server, left_out};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs_err::read_to_string(root().join(name)).unwrap()
}

/// The documents of a YAML file.
fn yaml(name: &str) -> Vec<Value> {
    let text = read(name);
    text.split("\n---\n").map(|document| yaml_serde::from_str(document).unwrap()).collect()
}

fn write_program(file: &Path, script: &str) {
    fs_err::write(file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs_err::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A published release, and a machine to install it on.
struct Machine {
    folder: tempfile::TempDir,
    server: Server,
    path: String,
}

impl Machine {
    /// `checkers` are those of gh and cosign that are there, and `judgement` is their exit code.
    fn new(checkers: &[&str], judgement: i32) -> Self {
        Self::with_sums(checkers, judgement, |sums| sums)
    }

    fn with_sums(checkers: &[&str], judgement: i32, sums: fn(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs_err::create_dir(&bin).unwrap();
        let said = folder.path().join("said");
        for checker in checkers.iter().chain(&["apt-get"]) {
            let code = if *checker == "apt-get" { 0 } else { judgement };
            let script = format!(
                "case \"$*\" in *--help) echo \" --source-ref string\"; exit 0 ;; esac\n\
                echo \"{checker} $*\" >>{}\nexit {code}",
                said.display()
            );
            write_program(&bin.join(checker), &script);
        }
        // Not this machine's own gh and cosign.
        let needed =
            "sh bash curl grep sed tar gzip sha256sum mktemp mkdir rm mv cp dirname uname env cat";
        for program in needed.split(' ') {
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
            let found = String::from_utf8(found.unwrap().stdout).unwrap();
            assert!(!found.is_empty(), "{program}");
            std::os::unix::fs::symlink(found.trim(), bin.join(program)).unwrap();
        }
        let server = released(folder.path(), sums);
        let path = bin.display().to_string();
        Self { folder, server, path }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn told(&self, name: &str) -> String {
        fs_err::read_to_string(self.file(name)).unwrap_or_default()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", &self.path).current_dir(self.folder.path());
        command.env("TMPDIR", self.folder.path());
        command
    }

    /// ci/install.sh into the folder `to`.
    fn install(&self, variables: &[(&str, &str)]) -> (i32, String) {
        let releases = self.server.url("/releases/download");
        let mut install = self.command("sh");
        install.arg(root().join("ci/install.sh")).arg(self.file("to"));
        install.env("ENVLOCK_RELEASES", releases.as_str()).envs(variables.iter().copied());
        result(&install.output().unwrap())
    }
}

fn result(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// The files of a release as ci/wheel.sh and the publishing job make them, around the program of this build.
fn released(folder: &Path, sums: fn(String) -> String) -> Server {
    let name = format!("envlock-{VERSION}-x86_64-unknown-linux-musl");
    let at = folder.join("made").join(&name);
    fs_err::create_dir_all(&at).unwrap();
    let program = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_envlock"));
    write_program(&at.join("envlock"), &program);
    fs_err::copy(root().join("ci/release.sh"), at.join("envlock-release")).unwrap();
    let made = folder.join("made");
    let archive = format!("{name}.tar.gz");
    let mut shell = Command::new("sh");
    shell.args([
        "-ec",
        "tar -czf \"$1.tar.gz\" \"$1\"; sha256sum -- *.gz >SHA256SUMS",
        "sh",
        &name,
    ]);
    assert!(shell.current_dir(&made).status().unwrap().success());
    let sums = sums(fs_err::read_to_string(made.join("SHA256SUMS")).unwrap());
    let bytes = fs_err::read(made.join(&archive)).unwrap();
    Server::start(move |request| {
        let path = request.path.strip_prefix(&format!("/releases/download/v{VERSION}/"));
        match path {
            Some(file) if file == archive => Reply::ok(bytes.clone()),
            Some("SHA256SUMS") => Reply::ok(sums.clone()),
            Some("attestation.sigstore.json") => Reply::ok("{}"),
            _ if request.path == format!("/raw/v{VERSION}/ci/install.sh") => {
                Reply::ok(read("ci/install.sh"))
            }
            _ => Reply::status(404),
        }
    })
}

#[test]
fn a_release_is_installed_when_gh_or_cosign_says_that_its_own_workflow_made_it() {
    let slug = REPOSITORY.strip_prefix("https://github.com/").unwrap();
    for (checkers, asked) in [
        (
            &["gh", "cosign"][..],
            format!(
                "--repo {slug} --signer-workflow {slug}/.github/workflows/publish.yml --source-ref refs/tags/v{VERSION}"
            ),
        ),
        (
            &["cosign"],
            format!(
                "--certificate-identity {REPOSITORY}/.github/workflows/publish.yml@refs/tags/v{VERSION}"
            ),
        ),
    ] {
        let machine = Machine::new(checkers, 0);
        let (code, text) = machine.install(&[]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains(&format!("envlock {VERSION} is in ")), "{text}");
        let said = machine.told("said");
        assert!(said.starts_with(&format!("{} ", checkers[0])) && said.contains(&asked), "{said}");
        assert!(said.contains(".tar.gz") && said.lines().count() == 1, "{said}");
        let version = machine.command("to/envlock").arg("--version").output().unwrap();
        assert_eq!(result(&version), (0, format!("envlock {VERSION}\n")));
        let usage = machine.command("to/envlock-release").arg("--unknown").output().unwrap();
        assert!(result(&usage).1.contains("envlock-release [--plan]"), "{usage:?}");
    }
}

/// A gh of before attestations had a source.
fn old_gh() -> Machine {
    let machine = Machine::new(&["gh"], 0);
    write_program(&machine.file("bin/gh"), "echo unknown command >&2; exit 1");
    machine
}

#[test]
fn what_does_not_hold_is_not_installed_and_what_was_there_stays() {
    let cut = |sums: String| sums.replace(['a', 'b', 'c'], "0");
    let none = |_: String| String::new();
    for (machine, code, why) in [
        (Machine::new(&["gh"], 1), 1, "does not hold: nothing is installed"),
        (Machine::new(&["cosign"], 1), 1, "does not hold: nothing is installed"),
        (Machine::with_sums(&["gh"], 0, cut), 1, "is not what SHA256SUMS"),
        (Machine::with_sums(&["gh"], 0, none), 1, "is not what SHA256SUMS"),
        (Machine::new(&[], 0), 2, "neither gh (2.68 or newer) nor cosign is here"),
        (old_gh(), 2, "neither gh (2.68 or newer) nor cosign is here"),
    ] {
        fs_err::create_dir(machine.file("to")).unwrap();
        write_program(&machine.file("to/envlock"), "echo before");
        let (exit, text) = machine.install(&[]);
        assert_eq!(exit, code, "{text}");
        assert!(text.contains(why), "{why}: {text}");
        let before = machine.command("to/envlock").output().unwrap();
        assert_eq!(result(&before), (0, "before\n".to_owned()));
        assert!(!machine.file("to/envlock-release").exists());
    }
}

#[test]
fn an_install_does_as_its_variables_say() {
    let machine = Machine::new(&["gh", "cosign"], 1);
    let (code, text) = machine.install(&[("ENVLOCK_ATTESTATION", "none")]);
    assert_eq!((code, machine.told("said").as_str()), (0, ""), "{text}");
    assert!(text.contains("the attestation is not looked at"), "{text}");
    let (code, text) = machine.install(&[("ENVLOCK_ATTESTATION", "yes")]);
    assert!(code == 2 && text.contains("gh, cosign or none"), "{text}");
    let (code, text) = machine.install(&[("ENVLOCK_VERSION", "v9.9.9")]);
    assert!(code == 1 && text.contains("/v9.9.9/envlock-9.9.9-"), "{text}");
}

#[test]
fn cosign_knows_every_option_that_an_install_asks_it_with() {
    let Some(cosign) = tool("cosign") else { return };
    let machine = Machine::new(&["cosign"], 0);
    machine.install(&[]);
    let said = machine.told("said");
    let asked: Vec<_> = said.split_whitespace().skip(1).collect();
    assert_eq!(asked.iter().filter(|word| word.starts_with("--")).count(), 5, "{said}");
    // Options are read before the help is shown, also those that the help hides.
    let knows = |options: &[&str]| {
        let answer = Command::new(&cosign).args(&asked).args(options).output().unwrap();
        answer.status.success()
    };
    assert!(knows(&["--help"]), "{said}");
    assert!(!knows(&["--no-such-option", "--help"]), "it would take any option");
}

/// The action's steps, as GitHub runs them on this machine with these inputs.
fn act(machine: &Machine, given: &[(&str, &str)]) -> Vec<(i32, String)> {
    let action = &yaml("action.yml")[0];
    let declared = action["inputs"].as_object().unwrap();
    let mut values: BTreeMap<String, String> = declared
        .iter()
        .map(|(name, input)| {
            (format!("inputs.{name}"), input["default"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    for (name, value) in given {
        assert!(declared.contains_key(*name), "{name}");
        values.insert(format!("inputs.{name}"), (*value).to_owned());
    }
    values.insert("runner.temp".to_owned(), machine.folder.path().display().to_string());
    values.insert("github.token".to_owned(), "t0ken".to_owned());
    let filled = |text: &Value| {
        let mut text = text.as_str().unwrap().to_owned();
        // A default may name another value.
        for (name, value) in values.iter().chain(&values) {
            text = text.replace(&format!("${{{{ {name} }}}}"), value);
        }
        assert!(!text.contains("${{"), "{text}");
        text
    };
    let mut results = Vec::new();
    for step in action["runs"]["steps"].as_array().unwrap() {
        if step.get("if").is_some() {
            assert_eq!(step["if"], "inputs.command != ''");
            if values["inputs.command"].is_empty() {
                continue;
            }
        }
        assert_eq!(step["shell"], "bash");
        let mut run = machine.command("bash");
        // As `shell: bash` is run.
        run.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
        let added = machine.told("github-path");
        run.env("PATH", format!("{}:{}", added.trim().replace('\n', ":"), machine.path));
        run.env("GITHUB_ACTION_PATH", root()).env("GITHUB_PATH", machine.file("github-path"));
        run.env("GITHUB_OUTPUT", machine.file("github-output"));
        run.env("ENVLOCK_RELEASES", machine.server.url("/releases/download").as_str());
        for (name, value) in step["env"].as_object().unwrap() {
            run.env(name, filled(value));
        }
        if let Some(folder) = step.get("working-directory") {
            run.current_dir(machine.file(&filled(folder)));
        }
        results.push(result(&run.output().unwrap()));
        if results.last().unwrap().0 != 0 {
            break;
        }
    }
    results
}

#[test]
fn the_action_installs_what_it_checked_and_runs_the_command() {
    let machine = Machine::new(&["gh"], 0);
    fs_err::create_dir(machine.file("project")).unwrap();
    let command = "envlock --version\nenvlock completions bash >here\nfalse | cat";
    let ran = act(&machine, &[("command", command), ("working-directory", "project")]);
    assert_eq!(ran.len(), 2, "{ran:?}");
    assert_eq!(ran[1], (1, format!("envlock {VERSION}\n")), "the last line's pipe fails");
    assert!(machine.told("project/here").contains("_envlock"));
    assert_eq!(machine.told("github-output"), format!("version={VERSION}\n"));

    // Only installed; and not where the attestation does not hold.
    let ran = act(&machine, &[]);
    assert!(ran.len() == 1 && ran[0].0 == 0, "{ran:?}");
    let machine = Machine::new(&["gh"], 1);
    let ran = act(&machine, &[("command", "envlock --version")]);
    assert!(ran.len() == 1 && ran[0].0 == 1, "{ran:?}");
    assert!(machine.told("github-path").is_empty());
}

#[test]
fn the_component_installs_what_it_checked_and_runs_the_command() {
    let machine = Machine::new(&["cosign"], 0);
    let [spec, jobs] = <[Value; 2]>::try_from(yaml("templates/envlock.yml")).unwrap();
    let mut text = jobs.to_string();
    let inputs = spec["spec"]["inputs"].as_object().unwrap();
    for (name, input) in inputs {
        let value = match name.as_str() {
            "command" => "envlock --version",
            "repository" => {
                machine.server.url("/").as_str().trim_end_matches('/').to_owned().leak()
            }
            _ => input["default"].as_str().unwrap(),
        };
        text = text.replace(&format!("$[[ inputs.{name} ]]"), value);
    }
    assert!(!text.contains("$[["), "{text}");
    let jobs: Value = text.parse().unwrap();
    let job = &jobs["envlock"];
    let mut run = machine.command("bash");
    run.args(["-eo", "pipefail", "-c", &script(job)]);
    for (name, value) in job["variables"].as_object().unwrap() {
        run.env(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let (code, said) = result(&run.output().unwrap());
    let version = format!("envlock {VERSION}");
    assert!(code == 0 && said.lines().any(|line| line == version), "{code} {said}");
    assert!(machine.told("said").contains("cosign verify-blob-attestation"), "{said}");
}

/// What a GitLab job runs in one shell.
fn script(job: &Value) -> String {
    let lines = ["before_script", "script"].map(|key| job[key].as_array().cloned());
    let lines: Vec<_> = lines.into_iter().flatten().flatten().collect();
    lines.iter().map(|line| line.as_str().unwrap().to_owned() + "\n").collect()
}

/// Every step of a shell in the YAML of GitHub and GitLab, with where it stands.
fn shell_steps() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["action.yml", "ci/release.github.yml", "ci/publish.github.yml"] {
        let document = &yaml(name)[0];
        let jobs = document["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values());
        for job in jobs.chain(document.get("runs")) {
            for step in job["steps"].as_array().unwrap() {
                assert!(step.get("run").is_some() != step.get("uses").is_some(), "{name}: {step}");
                if let Some(run) = step["run"].as_str() {
                    assert!(
                        !run.contains("${{"),
                        "{name}: what is put into a script can end it: {run}"
                    );
                    found.push((name.to_owned(), run.to_owned()));
                }
            }
        }
    }
    for name in ["ci/release.gitlab.yml", "templates/envlock.yml"] {
        let jobs = yaml(name).pop().unwrap();
        for (at, job) in jobs.as_object().unwrap() {
            let text = script(job);
            if job.is_object() && !text.is_empty() {
                found
                    .push((format!("{name}, {at}"), text.replace("$[[ inputs.command ]]", "true")));
            }
        }
    }
    found
}

#[test]
fn shellcheck_finds_nothing_in_the_steps_of_the_workflows() {
    let steps = shell_steps();
    assert!(steps.len() > 8, "{steps:?}");
    if tool("shellcheck").is_none() {
        return left_out("the shell steps of the workflows are not checked");
    }
    for (place, text) in steps {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("step.sh");
        fs_err::write(&file, &text).unwrap();
        // SC2086: OPTIONS of the publishing job are words.
        let mut check = Command::new("shellcheck");
        check.args(["--shell=bash", "--severity=style", "--exclude=SC2086"]).arg(&file);
        let (code, said) = result(&check.stdin(Stdio::null()).output().unwrap());
        assert_eq!(code, 0, "{place}\n{said}");
    }
}

#[test]
fn every_place_that_names_a_version_or_the_repository_says_what_cargo_toml_says() {
    let slug = REPOSITORY.strip_prefix("https://github.com/").unwrap();
    let inputs = &yaml("templates/envlock.yml")[0]["spec"]["inputs"];
    assert_eq!(inputs["version"]["default"], VERSION);
    assert_eq!(inputs["repository"]["default"], REPOSITORY);
    let users = read("ci/release.github.yml");
    assert_eq!(users.matches(&format!("uses: {slug}@v{VERSION}\n")).count(), 2);
    assert_eq!(users.matches(slug).count(), 2);
    let users = read("ci/release.gitlab.yml");
    let template = format!("raw.githubusercontent.com/{slug}/v{VERSION}/templates/envlock.yml\n");
    assert_eq!((users.matches(&template).count(), users.matches(slug).count()), (2, 2));
    assert!(!read("pyproject.toml").contains("version = \""));
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() {
    let notes = |tag: &str| {
        let mut notes = Command::new("bash");
        result(&notes.arg(root().join("ci/notes.sh")).arg(tag).output().unwrap())
    };
    let (code, text) = notes(&format!("v{VERSION}"));
    assert!(code == 0 && text.contains("\n- ") && !text.contains("\n## "), "{text}");
    let (code, text) = notes("v9.9.9");
    assert!(code == 1 && text.contains(&format!("Cargo.toml says {VERSION}")), "{text}");
}
