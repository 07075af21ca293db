//! Renders the template with the settings, and collects warnings about the result.

use std::sync::Arc;

use camino::Utf8Path;
use serde_json::{Value, json};

use super::outcome::Outcome;
use super::sources::{self, TEMPLATE};
use super::surroundings;
use crate::cli::Render;
use crate::commands::Context;
use crate::config::{self, Document};
use crate::engine::dockerfile::Recipe;
use crate::exit::CommandResult;
use crate::render::{self, Builds, Error, Problem};

pub fn run(args: &Render, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let config_name = args.config.clone().unwrap_or_else(|| spec.config.path.clone());
    let (template, own) = sources::template(args, context)?;
    let output = sources::output(args, own.as_deref())?;
    let folder = output.as_deref().or(own.as_deref()).unwrap_or(Utf8Path::new(TEMPLATE));
    let folder = folder.parent().unwrap_or(Utf8Path::new("")).to_owned();

    let bytes = sources::settings(context, &config_name)?;
    let in_file = |error: config::Error| Error::Config(error.in_file(config_name.as_str()));
    let document = config::parse(&bytes).map_err(in_file)?;
    let config = serde_json::to_value(document.value()).map_err(|error| Error::NotSettings {
        file: config_name.to_string(),
        message: error.to_string(),
    })?;
    let (mistakes, unknown) = render::conform(&config);
    render::refuse(config_name.as_str(), &document, mistakes)?;
    let recipe = Recipe::of(&context.folder)?;
    let project = surroundings::way_up(&folder, context);
    let builds = Builds { context: surroundings::joined(&project, recipe.context()) };
    let effective = render::effective(&config, &builds);
    let (mistakes, doubts) = render::check(&config, &effective);
    render::refuse(config_name.as_str(), &document, mistakes)?;

    let lock = surroundings::lock(context, &spec, &project);
    let no_lock = lock.as_ref().err().map(String::as_str);
    let values = values(&effective, lock.as_ref().ok());
    let beside = own.as_deref().and_then(Utf8Path::parent).map(|parent| context.path(parent));
    let rendered = template.render(
        Arc::new(move |name: &str| sources::part(beside.as_deref(), name)),
        &values,
        no_lock,
    )?;
    let text = render::finish(&rendered, &template.name, config_name.as_str())?;

    let used = |problem: &Problem| {
        is_word(&rendered.sources, problem.keys.last().map_or("", String::as_str))
    };
    let warnings = unknown.iter().filter(|problem| !used(problem)).chain(&doubts);
    let mut warnings: Vec<String> = warnings.map(|p| shown(p, &document, &config_name)).collect();
    warnings.extend(surroundings::missing(context, &folder, &text));
    let outcome =
        Outcome { args, context, template: &template, config: &config_name, warnings, text };
    outcome.finish(output.as_deref(), builds_something(&effective))
}

/// The variables of a template: each key of config.yaml by its own name, all of it as `config`, and `lock`.
fn values(config: &Value, lock: Option<&render::Lock>) -> Value {
    let mut values = config.as_object().cloned().unwrap_or_default();
    values.insert("config".to_owned(), config.clone());
    values.extend(lock.map(|lock| ("lock".to_owned(), json!(lock))));
    Value::Object(values)
}

/// Whether a template contains this word: a key that it uses is known.
fn is_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

fn shown(problem: &Problem, document: &Document<'_>, config: &Utf8Path) -> String {
    let line = problem.line(document).map(|line| format!(":{line}")).unwrap_or_default();
    format!("{config}{line}: {}; {}", problem.message, problem.help)
}

fn builds_something(config: &Value) -> bool {
    let paths = ["/services/ray/cpu", "/services/ray/gpu", "/services/marimo"];
    paths
        .iter()
        .any(|path| config.pointer(&format!("{path}/build/enabled")) == Some(&Value::Bool(true)))
}
