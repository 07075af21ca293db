//! Who we are to a registry: the docker config of the user and its credential helpers.

use std::fmt;
use std::io::Cursor;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};

use super::Error;

/// How to introduce ourselves. Never shown: `Debug` says only the kind.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody in particular.
    Anonymous,
    /// User name and password (or access token).
    Basic(String, String),
    /// An OAuth2 refresh token, exchanged for access tokens.
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Anonymous => "Anonymous",
            Credentials::Basic(..) => "Basic(…)",
            Credentials::IdentityToken(_) => "IdentityToken(…)",
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
        ];
        assert!(all.iter().all(|c| !format!("{c:?} {}", c.described()).contains("hidden")));
    }
}
