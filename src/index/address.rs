//! The URL of the index called `pypi`, from the places where Python users keep it.

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use super::Error;
use super::settings::is_true;
use super::surroundings::{Surroundings, is_absent};
use super::tools::{pip_conf, uv_toml};
use crate::login::{self, Login};
use crate::net::Logins;
use crate::spec::{KeyringProvider, SourceName};

/// An index URL and where it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Ends with `/`.
    pub url: Url,
    /// The login that it contained.
    pub login: Option<Login>,
    /// A variable, a file, ….
    pub from: String,
    /// Settings beside it that are not used, a sentence each.
    pub unused: Vec<String>,
}

/// Variables with the URL of PyPI, in their order of precedence.
const VARIABLES: [&str; 2] = ["UV_DEFAULT_INDEX", "UV_INDEX_URL"];
/// uv's variables for further indexes.
const BESIDES: [&str; 4] = ["UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"];
const ASK_PIP: &str = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";

impl Surroundings {
    /// The URL of `pypi`. Order: uv's and pip's variables, uv's files, pip's files, the URL that this program was built with,
    /// the default of the installed pip.
    ///
    /// # Errors
    /// None of these places has a URL, or one cannot be read.
    pub async fn pypi(&self) -> Result<Address, Error> {
        for name in VARIABLES {
            if let Some(value) = self.variable(name) {
                // uv's files are read for warnings about other settings; one that cannot be read is not needed.
                let files = self.uv_settings().unwrap_or_default();
                return address(value, name, self.besides_uv(&files));
            }
        }
        let of_pip = |pip: &pip_conf::Settings| {
            let found = pip.get("index-url").or_else(|| pip.get("pypi-url"))?;
            Some((found.0.to_owned(), found.1.to_owned()))
        };
        if self.variable("PIP_INDEX_URL").or_else(|| self.variable("PIP_PYPI_URL")).is_some() {
            let pip = self.pip_settings()?;
            if let Some((value, place)) = of_pip(&pip) {
                return address(&value, &place, besides_pip(&pip));
            }
        }
        let uv = self.uv_settings()?;
        if let Some(said) = uv.default_index() {
            return address(&said.value, &said.place, self.besides_uv(&uv));
        }
        let pip = self.pip_settings()?;
        let mut unused = self.besides_uv(&uv);
        unused.extend(besides_pip(&pip));
        if let Some((value, place)) = of_pip(&pip) {
            return address(&value, &place, unused);
        }
        if let Some(value) = &self.built_in {
            return address(value, "ENVLOCK_DEFAULT_INDEX at build time", unused);
        }
        if let Some(value) = self.installed_pip().await {
            return address(&value, "the installed pip", unused);
        }
        let looked_at = "UV_DEFAULT_INDEX, UV_INDEX_URL, PIP_INDEX_URL, uv.toml, pyproject.toml, \
            pip.conf and the pip of python3";
        Err(Error::NoAddress { looked_at: looked_at.to_owned() })
    }

    /// Further indexes that uv would use, a sentence each.
    fn besides_uv(&self, files: &uv_toml::Settings) -> Vec<String> {
        let variables = BESIDES.iter().filter_map(|name| Some((*name, self.variable(name)?)));
        let variables = variables.filter(|(name, value)| *name != "UV_NO_INDEX" || is_true(value));
        let mut unused: Vec<_> = variables.map(|(name, value)| not_used(name, "", value)).collect();
        let others = files.others();
        unused.extend(others.iter().map(|(key, said)| not_used(&said.place, key, &said.value)));
        unused
    }

    /// The logins in the file that NETRC names, or `~/.netrc`.
    ///
    /// # Errors
    /// It exists and cannot be read.
    pub fn netrc(&self) -> Result<Logins, Error> {
        let path = match (self.variable("NETRC"), self.variable("HOME")) {
            (Some(file), _) => Utf8PathBuf::from(file),
            (None, Some(home)) => Utf8Path::new(home).join(".netrc"),
            (None, None) => return Ok(Logins::default()),
        };
        match fs_err::read_to_string(&path) {
            Ok(text) => Ok(Logins::from_netrc(&text)),
            Err(error) if is_absent(&error) => Ok(Logins::default()),
            Err(error) => Err(Error::Setting { place: path.into_string(), why: error.to_string() }),
        }
    }

    /// The value of UV_KEYRING_PROVIDER.
    pub fn keyring(&self) -> KeyringProvider {
        match self.variable("UV_KEYRING_PROVIDER") {
            Some("subprocess") => KeyringProvider::Subprocess,
            _ => KeyringProvider::Disabled,
        }
    }

    /// The login for a source in uv's UV_INDEX_NAME_USERNAME and UV_INDEX_NAME_PASSWORD; one in its URL takes precedence.
    pub fn login(&self, source: &SourceName) -> Option<Login> {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name: String = source.as_str().chars().map(plain).collect();
        let of = |what: &str| self.variable(&format!("UV_INDEX_{name}_{what}")).map(str::to_owned);
        let (user, password) = (of("USERNAME"), of("PASSWORD"));
        let given = user.is_some() || password.is_some();
        given.then(|| Login { user: user.unwrap_or_default(), password })
    }

    async fn installed_pip(&self) -> Option<String> {
        let mut python = tokio::process::Command::new("python3");
        python.env_clear().envs(&self.variables).args(["-c", ASK_PIP]);
        let output = python.kill_on_drop(true).output().await.ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
    }
}

/// Further indexes that pip would use, a sentence each.
fn besides_pip(pip: &pip_conf::Settings) -> Vec<String> {
    let lists = ["extra-index-url", "find-links"].into_iter().filter_map(|key| {
        let (value, place) = pip.get(key)?;
        let key = if place.starts_with("PIP_") { "" } else { key };
        Some(not_used(place, key, value))
    });
    let no_index = pip.get("no-index").filter(|(value, _)| is_true(value));
    lists.chain(no_index.map(|(value, place)| not_used(place, "no-index", value))).collect()
}

fn not_used(place: &str, key: &str, value: &str) -> String {
    let key = if key.is_empty() { String::new() } else { format!(": {key}") };
    let values: Vec<_> = value.split_whitespace().map(login::masked).collect();
    format!(
        "{place}{key} ({}) is not used: envlock asks the sources of envlock.toml, [sources.NAME] with its url and \
         kind, in the order of index = [\"NAME\", \"pypi\"] in a group or under [packages]",
        values.join(" ")
    )
}

fn address(text: &str, from: &str, unused: Vec<String>) -> Result<Address, Error> {
    let bad = |why: String| Error::Setting { place: from.to_owned(), why };
    // uv lets an index be named: `NAME=URL`.
    let text = match text.trim().split_once('=') {
        Some((name, url)) if !name.contains(':') && url.contains("://") => url,
        _ => text.trim(),
    };
    if let [_, second, ..] = text.split_whitespace().collect::<Vec<_>>()[..] {
        return Err(bad(format!("the index address continues with `{}`", login::masked(second))));
    }
    let full = match (text.contains("://"), Utf8Path::new(from).parent()) {
        // For uv an index may be a folder, relative to the settings file.
        (false, Some(folder)) if from.starts_with('/') => {
            Url::from_file_path(folder.join(text)).map_or(text.to_owned(), Into::into)
        }
        _ => text.to_owned(),
    };
    let read = login::parse(&full).map_err(|e| bad(format!("the index address: {e}")));
    let (mut url, login) = read?;
    if !matches!(url.scheme(), "http" | "https" | "file") {
        return Err(bad(format!("the index address has the scheme `{}`", url.scheme())));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(Address { url, login, from: from.to_owned(), unused })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn surroundings(folder: &tempfile::TempDir, variables: &[(&str, &str)]) -> Surroundings {
        let project = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        let mut all = BTreeMap::from([("HOME".to_owned(), project.join("home").into_string())]);
        all.extend(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Surroundings { variables: all, project, built_in: None }
    }

    #[tokio::test]
    async fn places_are_asked_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let url = async |variables: &[(&str, &str)]| {
            surroundings(&folder, variables).pypi().await.unwrap().url.to_string()
        };
        write("home/.config/pip/pip.conf", "# x\n[global]\nindex-url = https://g.example/s\n");
        assert_eq!(url(&[]).await, "https://g.example/s/");
        write(
            "home/.config/pip/pip.conf",
            "[global]\nindex_url: https://g.example/s\n[install]\nindex-url=https://i.example/s/\n",
        );
        assert_eq!(url(&[]).await, "https://i.example/s/");
        write("other.conf", "[global]\nindex-url = https://o.example/\n");
        let other = folder.path().join("other.conf");
        assert_eq!(
            url(&[("PIP_CONFIG_FILE", other.to_str().unwrap())]).await,
            "https://o.example/"
        );
        write(
            "uv.toml",
            "[[index]]\nname = 'a'\nurl = 'https://a.example/'\n[[index]]\nurl = 'https://u.example/'\ndefault = true\n",
        );
        assert_eq!(url(&[]).await, "https://u.example/");
        assert_eq!(url(&[("PIP_INDEX_URL", "https://p.example")]).await, "https://p.example/");
        let both = [
            ("PIP_INDEX_URL", "https://p.example"),
            ("UV_DEFAULT_INDEX", "corp=https://d.example/x"),
        ];
        assert_eq!(url(&both).await, "https://d.example/x/");
    }

    #[tokio::test]
    async fn what_a_program_was_built_with_comes_after_settings_and_before_pip() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("bin")).unwrap();
        let python = folder.path().join("bin/python3");
        fs_err::write(&python, "#!/bin/sh\necho https://pip.example/simple/\n").unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(&python, open).unwrap();
        let bin = folder.path().join("bin");
        let variables = [("PATH", bin.to_str().unwrap()), ("PIP_CONFIG_FILE", "/dev/null")];
        let mut here = surroundings(&folder, &variables);
        let found = async |here: &Surroundings| here.pypi().await.unwrap();
        assert_eq!(found(&here).await.from, "the installed pip");
        here.built_in = Some("https://built.example/simple".to_owned());
        let address = found(&here).await;
        assert_eq!(address.url.as_str(), "https://built.example/simple/");
        assert_eq!(address.from, "ENVLOCK_DEFAULT_INDEX at build time");
        here.variables.insert("PIP_INDEX_URL".to_owned(), "https://p.example/".to_owned());
        assert_eq!(found(&here).await.from, "PIP_INDEX_URL");
    }

    #[tokio::test]
    async fn wrong_settings_and_none_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = surroundings(&folder, &[("UV_INDEX_URL", "ftp://x.example")]).pypi().await;
        assert!(error.unwrap_err().to_string().contains("UV_INDEX_URL"));
        // Without a PATH there is no python3 to ask.
        let none =
            surroundings(&folder, &[("PATH", "/nonexistent"), ("PIP_CONFIG_FILE", "/dev/null")]);
        assert!(matches!(none.pypi().await, Err(Error::NoAddress { .. })));
        fs_err::write(folder.path().join("uv.toml"), "index-url = [").unwrap();
        let error = none.pypi().await.unwrap_err();
        assert!(
            matches!(&error, Error::Setting { place, .. } if place.ends_with("uv.toml")),
            "{error}"
        );
    }
}
