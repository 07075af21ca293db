//! Credentials for registries: the docker config of the user and its credential helpers.

use std::collections::HashMap;
use std::fmt;
use std::io::Cursor;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};
use serde::Deserialize;

use crate::error::Error;

/// Credentials. Never shown: `Debug` prints only the kind.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None.
    Anonymous,
    /// User name and password (or access token).
    Basic(String, String),
    /// An OAuth2 refresh token, exchanged for access tokens.
    IdentityToken(String),
    /// A bearer token for the registry itself, which is not exchanged for another one.
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Anonymous => "Anonymous",
            Credentials::Basic(..) => "Basic(…)",
            Credentials::IdentityToken(_) => "IdentityToken(…)",
            Credentials::RegistryToken(_) => "RegistryToken(…)",
        })
    }
}

impl Credentials {
    /// For messages: whether there were any, never which.
    pub fn described(&self) -> &'static str {
        match self {
            Credentials::Anonymous => "without credentials",
            Credentials::Basic(..) => "with the user name and password of the docker config",
            Credentials::IdentityToken(_) => "with the identity token of the docker config",
            Credentials::RegistryToken(_) => "with the registry token of the docker config",
        }
    }
}

/// The credentials for a registry from `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`:
/// credHelpers, auths, credsStore, in docker's order. Helpers are run: not on an async thread.
pub fn credentials_for(registry: &str) -> Result<Credentials, Error> {
    let Some(path) = config_file() else { return Ok(Credentials::Anonymous) };
    let failed = |cause: String| Error::Credentials { host: registry.to_owned(), cause };
    let text = match fs_err::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Credentials::Anonymous);
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    if let Some(token) = registry_token(&text, registry) {
        return Ok(Credentials::RegistryToken(token));
    }
    for key in keys(registry) {
        match docker_credential::get_credential_from_reader(Cursor::new(&text), key) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Credentials::Basic(user, password));
            }
            Ok(DockerCredential::IdentityToken(token)) => {
                return Ok(Credentials::IdentityToken(token));
            }
            Err(Failure::NoCredentialConfigured) => {}
            // Helpers report "nothing stored" as a failure with this message on stdout.
            Err(Failure::HelperFailure { stdout, .. }) if stdout.contains("not found") => {}
            Err(Failure::HelperFailure { helper, stdout, stderr }) => {
                let said = [stderr.trim(), stdout.trim()].join(" ");
                return Err(failed(format!("the helper {helper} failed: {}", said.trim())));
            }
            Err(Failure::ConfigReadError) => {
                return Err(failed(format!("{} is not a docker config", path.display())));
            }
            Err(Failure::HelperCommunicationError) => {
                return Err(failed(format!(
                    "the credential helper named in {} does not run; is it on PATH?",
                    path.display()
                )));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    Ok(Credentials::Anonymous)
}

/// `registrytoken` of an entry in `auths`, which the library does not read. A text that is not a docker config has none: the
/// library reports that.
fn registry_token(text: &[u8], registry: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Config {
        auths: HashMap<String, Auth>,
    }
    #[derive(Deserialize)]
    struct Auth {
        registrytoken: Option<String>,
    }
    let auths = serde_json::from_slice::<Config>(text).ok()?.auths;
    let of = |key: &str| {
        let found = auths.iter().find(|(name, _)| *name == key || host(name) == key);
        found?.1.registrytoken.clone().filter(|token| !token.is_empty())
    };
    keys(registry).into_iter().find_map(of)
}

/// The host of an entry's name, which may be written as an endpoint.
fn host(name: &str) -> &str {
    let rest = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://"));
    rest.map_or(name, |rest| rest.split('/').next().unwrap_or(rest))
}

fn config_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOCKER_CONFIG").filter(|v| !v.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".docker"),
    };
    Some(folder.join("config.json"))
}

/// The names under which docker keeps a registry's credentials, the usual one first.
fn keys(registry: &str) -> Vec<&str> {
    match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => {
            vec!["https://index.docker.io/v1/", "index.docker.io", "docker.io"]
        }
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_output_shows_a_secret() {
        let all = [
            Credentials::Basic("user".to_owned(), "hidden".to_owned()),
            Credentials::IdentityToken("hidden".to_owned()),
            Credentials::RegistryToken("hidden".to_owned()),
        ];
        assert!(all.iter().all(|c| !format!("{c:?} {}", c.described()).contains("hidden")));
    }

    #[test]
    fn a_registry_token_is_found_under_every_name_of_its_registry() {
        let text = br#"{"auths": {"https://r.example/v2/": {"registrytoken": "one"},
            "https://index.docker.io/v1/": {"registrytoken": "hub", "auth": "x"},
            "empty.example": {"registrytoken": ""}, "other.example": {"auth": "x"}}}"#;
        let token = |registry| registry_token(text, registry);
        assert_eq!(token("r.example").as_deref(), Some("one"));
        assert_eq!(token("docker.io").as_deref(), Some("hub"));
        for registry in ["empty.example", "other.example", "evil-r.example", "example"] {
            assert_eq!(token(registry), None, "{registry}");
        }
        assert_eq!(registry_token(b"not json", "r.example"), None);
    }
}
