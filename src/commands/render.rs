//! `envlock render`: config.yaml and a template → docker/compose.yaml.

use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::Context;
use crate::cli::Render;
use crate::config::{self, Places};
use crate::engine::dockerfile::Recipe;
use crate::exit::{CommandResult, Exit, Failure};
use crate::image;
use crate::render::{self, BUILT_IN, Builds, Error, Problem, Template};
use crate::spec::Spec;

/// Where a project's own template is.
pub const TEMPLATE: &str = "docker/compose.yaml.jinja2";

/// Runs `envlock render`.
pub fn run(args: &Render, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let config_name = args.config.clone().unwrap_or_else(|| spec.config.path.clone());
    let (template, own) = template(args, context)?;
    let output = output(args, own.as_deref())?;
    let folder = output.as_deref().or(own.as_deref()).unwrap_or(Utf8Path::new(TEMPLATE));
    let folder = folder.parent().unwrap_or(Utf8Path::new("")).to_owned();

    let bytes = read(context, &config_name)?;
    let in_file = |error: config::Error| Error::Config(error.in_file(config_name.as_str()));
    let places = Places::read(&bytes).map_err(in_file)?;
    let config = serde_json::to_value(places.value()).map_err(|error| Error::NotSettings {
        file: config_name.to_string(),
        message: error.to_string(),
    })?;
    let (mistakes, unknown) = render::conform(&config);
    render::refuse(config_name.as_str(), &places, mistakes)?;
    let recipe = Recipe::of(&context.folder)?;
    let project = way_up(&folder, context);
    let builds = Builds { context: joined(&project, recipe.context()) };
    let effective = render::effective(&config, &builds);
    let (mistakes, doubts) = render::check(&config, &effective);
    render::refuse(config_name.as_str(), &places, mistakes)?;

    let lock = lock(context, &spec, &project);
    let no_lock = lock.as_ref().err().map(String::as_str);
    let values = values(&effective, lock.as_ref().ok());
    let beside = own.as_deref().and_then(Utf8Path::parent).map(|parent| context.path(parent));
    let rendered = template.render(
        Arc::new(move |name: &str| part(beside.as_deref(), name)),
        &values,
        no_lock,
    )?;
    let text = render::finish(&rendered, &template.name, config_name.as_str())?;

    let used = |problem: &Problem| {
        is_word(&rendered.sources, problem.keys.last().map_or("", String::as_str))
    };
    let warnings = unknown.iter().filter(|problem| !used(problem)).chain(&doubts);
    let mut warnings: Vec<String> = warnings.map(|p| shown(p, &places, &config_name)).collect();
    warnings.extend(missing(context, &folder, &text));
    let job = Job { args, context, template: &template, config: &config_name, warnings, text };
    job.finish(output.as_deref(), builds_something(&effective))
}

/// What is known at the end.
struct Job<'a> {
    args: &'a Render,
    context: &'a Context,
    template: &'a Template,
    config: &'a Utf8Path,
    warnings: Vec<String>,
    text: String,
}

impl Job<'_> {
    fn finish(&self, output: Option<&Utf8Path>, builds: bool) -> CommandResult {
        let ui = &self.context.ui;
        self.warnings.iter().for_each(|warning| ui.warn(warning));
        let Some(output) = output else {
            self.report(None, true, Some(&self.text));
            if !ui.wants_json() {
                ui.result(&self.text);
            }
            return Ok(Exit::Ok);
        };
        let path = self.context.path(output);
        let before = match fs_err::read(&path) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::message(Exit::Failed, error)),
        };
        let changed = before.as_deref() != Some(self.text.as_bytes());
        self.report(Some(output), changed, None);
        if self.args.check {
            return Ok(self.checked(output, before.as_deref()));
        }
        if !changed {
            ui.note(format!("{output} is as {} and {} make it", self.template.name, self.config));
            return Ok(Exit::Ok);
        }
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).map_err(|e| Failure::message(Exit::Failed, e))?;
        }
        self.context.write(&path, &self.text)?;
        ui.note(format!("wrote {output} from {} and {}", self.template.name, self.config));
        if builds {
            ui.note(
                "compose builds images from it: `envlock build --prepare` lays out what that needs",
            );
        }
        Ok(Exit::Ok)
    }

    fn checked(&self, output: &Utf8Path, before: Option<&[u8]>) -> Exit {
        let ui = &self.context.ui;
        match before {
            Some(before) if before == self.text.as_bytes() => {
                ui.note(format!(
                    "{output} is as {} and {} make it",
                    self.template.name, self.config
                ));
                return Exit::Ok;
            }
            Some(before) => {
                ui.note(format!(
                    "{output} is not what {} and {} make: run `envlock render`",
                    self.template.name, self.config
                ));
                if !ui.wants_json() {
                    ui.result(config::unified(output.as_str(), before, self.text.as_bytes()));
                }
            }
            None => ui.note(format!("{output} is not there: run `envlock render`")),
        }
        Exit::LockStale
    }

    fn report(&self, output: Option<&Utf8Path>, changed: bool, text: Option<&str>) {
        if self.context.ui.wants_json() {
            self.context.ui.json(&json!({
                "version": 1,
                "template": self.template.name,
                "config": self.config,
                "file": output,
                "changed": changed,
                "warnings": self.warnings,
                "text": text,
            }));
        }
    }
}

/// The template, and its path where it is a file.
fn template(args: &Render, context: &Context) -> Result<(Template, Option<Utf8PathBuf>), Failure> {
    let path = args.template.clone().unwrap_or_else(|| TEMPLATE.into());
    match fs_err::read_to_string(context.path(&path)) {
        Ok(text) => Ok((Template { name: path.to_string(), text }, Some(path))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.template.is_none() => {
            context.ui.note(format!(
                "{TEMPLATE} is not there: envlock's own template is taken (`envlock init --platform` writes it out)"
            ));
            Ok((
                Template { name: "envlock's own template".to_owned(), text: BUILT_IN.to_owned() },
                None,
            ))
        }
        Err(error) => Err(Failure::message(Exit::Usage, error)),
    }
}

/// Where the text goes; `None`: to stdout.
fn output(args: &Render, template: Option<&Utf8Path>) -> Result<Option<Utf8PathBuf>, Failure> {
    if let Some(output) = &args.output {
        return Ok((output != "-").then(|| output.clone()));
    }
    let template = template.unwrap_or(Utf8Path::new(TEMPLATE));
    match template.extension() {
        Some("jinja2" | "jinja" | "j2") => Ok(Some(template.with_extension(""))),
        _ => {
            let message = format!(
                "{template} does not end in .jinja2: say with --output where the result goes"
            );
            Err(Failure::message(Exit::Usage, message))
        }
    }
}

fn read(context: &Context, name: &Utf8Path) -> Result<Vec<u8>, Failure> {
    fs_err::read(context.path(name)).map_err(|error| {
        let report = miette::miette!(
            help = "`envlock init --platform` writes config.example.yaml: copy it to config.yaml",
            "{error}"
        );
        Failure { exit: Exit::Usage, report }
    })
}

/// The project folder, seen from a folder in it; its absolute path from elsewhere.
fn way_up(folder: &Utf8Path, context: &Context) -> String {
    let mut up = Vec::new();
    for component in folder.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::Normal(_) => up.push(".."),
            _ => {
                let project = context.folder.canonicalize_utf8();
                return project.unwrap_or_else(|_| context.folder.clone()).into_string();
            }
        }
    }
    if up.is_empty() { ".".to_owned() } else { up.join("/") }
}

fn joined(folder: &str, below: &str) -> String {
    if below == "." { folder.to_owned() } else { format!("{folder}/{below}") }
}

/// What env.lock says for builds. Errors: a sentence that says what to do to have it.
fn lock(context: &Context, spec: &Spec, project: &str) -> Result<render::Lock, String> {
    let name = context.lock_name(None);
    let (lock, text) = context.read_lock(&name).map_err(|error| match error {
        crate::lock::Error::Missing { .. } => {
            format!("there is no {name}: run `envlock resolve` and `envlock build --prepare`")
        }
        other => format!("{name} cannot be used: {other}"),
    })?;
    let sha256 = crate::lock::choice_sha256(&lock, &text);
    let args = image::arguments(&lock, sha256, spec)
        .map_err(|error| format!("{name} cannot be used: {error}"))?;
    let packages =
        lock.packages.iter().map(|p| (p.name.to_string(), p.version.to_string())).collect();
    let contexts = [("envlock".to_owned(), joined(project, Recipe::PACKAGES))].into();
    Ok(render::Lock { sha256: sha256.to_string(), args, contexts, packages })
}

/// Every name that a template knows: what is in config.yaml by its own name, all of it as `config`, and the lock.
fn values(config: &Value, lock: Option<&render::Lock>) -> Value {
    let mut values = config.as_object().cloned().unwrap_or_default();
    values.insert("config".to_owned(), config.clone());
    values.extend(lock.map(|lock| ("lock".to_owned(), json!(lock))));
    Value::Object(values)
}

/// A template beside the one that is rendered.
fn part(folder: Option<&Utf8Path>, name: &str) -> Result<Option<String>, String> {
    let inside = Utf8Path::new(name).components().all(|c| matches!(c, Utf8Component::Normal(_)));
    if !inside {
        return Err(format!("{name} is not below the template's folder"));
    }
    let Some(folder) = folder else { return Ok(None) };
    match fs_err::read_to_string(folder.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a template has this word: a key that it uses is not unknown.
fn is_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

fn shown(problem: &Problem, places: &Places<'_>, config: &Utf8Path) -> String {
    let line = problem.line(places).map(|line| format!(":{line}")).unwrap_or_default();
    format!("{config}{line}: {}; {}", problem.message, problem.help)
}

/// What the file wants from the disk and is not there.
fn missing(context: &Context, folder: &Utf8Path, text: &str) -> Vec<String> {
    let own = super::init::platform_files();
    let told = |path: &String| {
        let file = folder.join(path.trim_start_matches("./"));
        let is_ours = own.clone().any(|name| Utf8Path::new(name).starts_with(&file));
        let what = if is_ours { ": `envlock init --platform` writes it" } else { "" };
        (!context.path(&file).exists())
            .then(|| format!("{file} is not there, and a service wants it{what}"))
    };
    render::mounted(text).iter().filter_map(told).collect()
}

fn builds_something(config: &Value) -> bool {
    let paths = ["/services/ray/cpu", "/services/ray/gpu", "/services/marimo"];
    paths
        .iter()
        .any(|path| config.pointer(&format!("{path}/build/enabled")) == Some(&Value::Bool(true)))
}
