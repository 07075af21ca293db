//! Writes, shows or compares the rendered text, and reports it.

use camino::Utf8Path;

use crate::cli::Render;
use crate::commands::Context;
use crate::config;
use crate::exit::{CommandResult, Exit, Failure};
use crate::render::Template;
use crate::reports;

/// The result of rendering.
pub(super) struct Outcome<'a> {
    pub args: &'a Render,
    pub context: &'a Context,
    pub template: &'a Template,
    pub config: &'a Utf8Path,
    pub warnings: Vec<String>,
    pub text: String,
}

impl Outcome<'_> {
    pub fn finish(&self, output: Option<&Utf8Path>, builds: bool) -> CommandResult {
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
            None => ui.note(format!("{output} does not exist: run `envlock render`")),
        }
        Exit::LockStale
    }

    fn report(&self, output: Option<&Utf8Path>, changed: bool, text: Option<&str>) {
        if self.context.ui.wants_json() {
            self.context.ui.json(&reports::Render {
                version: reports::Version,
                template: &self.template.name,
                config: self.config.as_str(),
                file: output.map(Utf8Path::as_str),
                changed,
                warnings: &self.warnings,
                text,
            });
        }
    }
}
