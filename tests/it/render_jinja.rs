//! Templates, judged by Jinja2 itself.

use std::process::{Command, Stdio};

use camino::Utf8PathBuf;
use serde_json::{Value, json};

use super::render::{BUILT_IN, EXAMPLE, locked, released, rich, yaml};
use crate::support::release::CONFIG;
use crate::support::{Run, left_out};

/// A platform as its team has it: a template of its own, with anchors, that knows nothing of envlock.
const TEAM: &str = include_str!("../fixtures/render/team.yaml.jinja2");

/// Where a template is given to Jinja2 itself; `None`, and said, where there is none.
fn jinja2() -> Option<Utf8PathBuf> {
    let has = |python: &str| {
        let mut command = Command::new(python);
        let status = command.args(["-c", "import jinja2"]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if has("python3") {
        return Some("python3".into());
    }
    let folder = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("jinja2");
    let python = folder.join("bin/python");
    if !has(python.as_str()) {
        let made = Command::new("python3").args(["-m", "venv", folder.as_str()]).output();
        let install = ["-m", "pip", "install", "--quiet", "jinja2"];
        let installed = made.and_then(|_| Command::new(&python).args(install).output());
        if !has(python.as_str()) {
            left_out(format_args!("no jinja2 for python3 ({installed:?})"));
            return None;
        }
    }
    Some(python)
}

const BY_JINJA2: &str = "
import jinja2, json, sys
folder, name, values = sys.argv[1:]
environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), trim_blocks=True, lstrip_blocks=True,
                                 extensions=['jinja2.ext.loopcontrols', 'jinja2.ext.do'])
sys.stdout.write(environment.get_template(name).render(**json.loads(values)))
";

/// Templates as people write them, and envlock's own; both engines get the same values.
#[test]
fn templates_give_what_jinja2_gives() {
    let Some(python) = jinja2() else { return };
    let envlock = locked();
    envlock.write(
        "docker/macros.jinja2",
        "{% macro port(host, inside=80) -%}\n\"{{ host }}:{{ inside }}\"\n{%- endmacro %}\n",
    );
    envlock
        .write("docker/base.jinja2", "services:\n{% block services %}{% endblock %}\nx-end: 1\n");
    let templates = [
        TEAM.to_owned(),
        BUILT_IN.to_owned(),
        include_str!("../fixtures/render/features.yaml.jinja2").to_owned(),
        "{% extends 'base.jinja2' %}\n{% from 'macros.jinja2' import port with context %}\n{% block services %}\n  a:\n    ports: [{{ port(services.marimo.port, inside=8080) }}]\n{% endblock %}\n".to_owned(),
    ];
    let configs = [EXAMPLE.to_owned(), CONFIG.to_owned(), released(), rich()];
    for (at, config) in configs.iter().enumerate() {
        envlock.write("config.yaml", config);
        envlock.write("docker/values.jinja2", "values: {{ [config, lock] | tojson | tojson }}\n");
        let values =
            envlock.run(["render", "--template", "docker/values.jinja2", "-o", "-"]).exits(0);
        let values: Value =
            serde_json::from_str(yaml(&values.stdout())["values"].as_str().unwrap()).unwrap();
        let mut names = values[0].as_object().unwrap().clone();
        names.insert("config".to_owned(), values[0].clone());
        names.insert("lock".to_owned(), values[1].clone());
        for (number, template) in templates.iter().enumerate() {
            envlock.write("docker/compose.yaml.jinja2", template);
            let ours = envlock.run(["render", "-o", "-"]).exits(0).stdout();
            let mut judge = Command::new(&python);
            judge.args(["-c", BY_JINJA2, envlock.path("docker").as_str(), "compose.yaml.jinja2"]);
            let theirs =
                Run(judge.arg(json!(names).to_string()).output().unwrap()).exits(0).stdout();
            let (_, body) = ours.split_once('\n').unwrap();
            assert_eq!(
                yaml(body),
                yaml(&theirs),
                "template {number} of config {at}\n{body}\n---\n{theirs}"
            );
            // Python's JSON writes 日本 in digits: the same to YAML.
            if !theirs.contains("\\u") {
                assert_eq!(body.trim(), theirs.trim(), "template {number} of config {at}");
            }
        }
    }
}
