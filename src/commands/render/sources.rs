//! The input files and the output path.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::cli::Render;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::render::{BUILT_IN, Template};

/// Where a project's own template is.
pub(super) const TEMPLATE: &str = "docker/compose.yaml.jinja2";

/// The template, and its path where it is a file.
pub(super) fn template(
    args: &Render,
    context: &Context,
) -> Result<(Template, Option<Utf8PathBuf>), Failure> {
    let path = args.template.clone().unwrap_or_else(|| TEMPLATE.into());
    match fs_err::read_to_string(context.path(&path)) {
        Ok(text) => Ok((Template { name: path.to_string(), text }, Some(path))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.template.is_none() => {
            context.ui.note(format!(
                "{TEMPLATE} does not exist: envlock's own template is used (`envlock init --platform` writes it out)"
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
pub(super) fn output(
    args: &Render,
    template: Option<&Utf8Path>,
) -> Result<Option<Utf8PathBuf>, Failure> {
    if let Some(output) = &args.output {
        return Ok((output != "-").then(|| output.clone()));
    }
    let template = template.unwrap_or(Utf8Path::new(TEMPLATE));
    match template.extension() {
        Some("jinja2" | "jinja" | "j2") => Ok(Some(template.with_extension(""))),
        _ => {
            let message =
                format!("{template} does not end in .jinja2: name the output with --output");
            Err(Failure::message(Exit::Usage, message))
        }
    }
}

/// The bytes of config.yaml.
pub(super) fn settings(context: &Context, name: &Utf8Path) -> Result<Vec<u8>, Failure> {
    fs_err::read(context.path(name)).map_err(|error| {
        let report = miette::miette!(
            help = "`envlock init --platform` writes config.example.yaml: copy it to config.yaml",
            "{error}"
        );
        Failure { exit: Exit::Usage, report }
    })
}

/// A template beside the one that is rendered.
pub(super) fn part(folder: Option<&Utf8Path>, name: &str) -> Result<Option<String>, String> {
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
