//! The settings files of uv and pip: where they are, and their settings merged.

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use super::Error;
use super::surroundings::{Surroundings, is_absent};
use super::tools::{pip_conf, uv_toml};

/// PIP_CONFIG_FILE with this value disables all settings files.
const NONE: &str = "/dev/null";

/// pip's variables for indexes.
const PIP: [&str; 5] =
    ["PIP_INDEX_URL", "PIP_PYPI_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"];

impl Surroundings {
    /// uv's settings: those of the project or of a folder above it, of the user, of the system. UV_CONFIG_FILE stands
    /// for all of them, UV_NO_CONFIG for none.
    ///
    /// # Errors
    /// A file exists and cannot be read.
    pub(super) fn uv_settings(&self) -> Result<uv_toml::Settings, Error> {
        if self.variable("UV_NO_CONFIG").is_some_and(is_true) {
            return Ok(uv_toml::Settings::default());
        }
        if let Some(file) = self.variable("UV_CONFIG_FILE") {
            let path = Utf8Path::new(file);
            let text = fs_err::read_to_string(path).map_err(|e| setting(path, e))?;
            return uv_toml::read(&text, file).map_err(|why| setting(path, why));
        }
        let mut all = self.uv_of_project()?.unwrap_or_default();
        let user = self.config().map(|config| config.join("uv/uv.toml"));
        for file in user.into_iter().chain(self.uv_of_system()) {
            if let Some(text) = text(&file)? {
                all = all.over(uv_toml::read(&text, file.as_str()).map_err(|e| setting(&file, e))?);
            }
        }
        Ok(all)
    }

    /// The first uv.toml or pyproject.toml with a `[tool.uv]`, from the project's folder up.
    fn uv_of_project(&self) -> Result<Option<uv_toml::Settings>, Error> {
        let project = camino::absolute_utf8(&self.project);
        for folder in project.as_deref().unwrap_or(&self.project).ancestors() {
            let file = folder.join("uv.toml");
            if let Some(text) = text(&file)? {
                let read = uv_toml::read(&text, file.as_str());
                return read.map(Some).map_err(|why| setting(&file, why));
            }
            let file = folder.join("pyproject.toml");
            let Some(text) = text(&file)? else { continue };
            match uv_toml::read_pyproject(&text, file.as_str()) {
                Ok(Some(settings)) => return Ok(Some(settings)),
                Ok(None) => {}
                // The file may belong to other programs: uv ignores it as well.
                Err(why) => tracing::warn!("{file} is ignored: {why}"),
            }
        }
        Ok(None)
    }

    fn uv_of_system(&self) -> Option<Utf8PathBuf> {
        let folders = self.variable("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg").split(':');
        let folders = folders.take_while(|folder| !folder.is_empty()).map(Utf8Path::new);
        let file = folders.map(|folder| folder.join("uv/uv.toml")).find(|file| file.is_file());
        file.or_else(|| Some("/etc/uv/uv.toml".into()).filter(|file: &Utf8PathBuf| file.is_file()))
    }

    /// pip's settings: its files, later ones over earlier ones, and its variables.
    ///
    /// # Errors
    /// A file exists and cannot be read, or pip would refuse it.
    pub(super) fn pip_settings(&self) -> Result<pip_conf::Settings, Error> {
        let mut all = pip_conf::Settings::default();
        for file in self.pip_files() {
            if let Some(text) = text(&file)? {
                let conf = pip_conf::parse(&text).map_err(|bad| setting(&file, bad))?;
                all.add(file.as_str(), &conf);
            }
        }
        for name in PIP {
            if let Some(value) = self.variables.get(name) {
                all.variable(name, value);
            }
        }
        Ok(all)
    }

    /// In pip's order: the system's, the user's, the virtual environment's, the one that PIP_CONFIG_FILE names, which
    /// stands in the place of the user's.
    fn pip_files(&self) -> Vec<Utf8PathBuf> {
        let named = self.variables.get("PIP_CONFIG_FILE").map(Utf8PathBuf::from);
        if named.as_deref().is_some_and(|file| file == NONE) {
            return Vec::new();
        }
        let folders = self.variable("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg").split(':');
        let folders = folders.filter(|folder| !folder.is_empty());
        let mut files: Vec<_> =
            folders.map(|folder| Utf8Path::new(folder).join("pip/pip.conf")).collect();
        files.push("/etc/pip.conf".into());
        if !named.as_ref().is_some_and(|file| !file.as_str().is_empty() && file.exists()) {
            files.extend(self.home().map(|home| home.join(".pip/pip.conf")));
            files.extend(self.config().map(|config| config.join("pip/pip.conf")));
        }
        files.extend(self.variable("VIRTUAL_ENV").map(|v| Utf8Path::new(v).join("pip.conf")));
        files.extend(named);
        files
    }

    fn home(&self) -> Option<&Utf8Path> {
        self.variable("HOME").map(Utf8Path::new)
    }

    fn config(&self) -> Option<Utf8PathBuf> {
        let xdg = self.variable("XDG_CONFIG_HOME").map(Utf8PathBuf::from);
        xdg.or_else(|| Some(self.home()?.join(".config")))
    }
}

/// The text of a file; `None`: there is none.
fn text(path: &Utf8Path) -> Result<Option<String>, Error> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_absent(&error) || error.kind() == ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(setting(path, error)),
    }
}

fn setting(place: &Utf8Path, why: impl ToString) -> Error {
    Error::Setting { place: place.to_string(), why: why.to_string() }
}

/// The values that pip and uv read as true.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "y" | "yes" | "t" | "true" | "on" | "1")
}
