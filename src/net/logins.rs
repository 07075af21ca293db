//! Who we are to an index: URL credentials, netrc, the `keyring` command. A login is sent to its own
//! host and to no other; it is never shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use tokio::sync::Mutex;
use url::Url;

use super::netrc;

/// A user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Often a fixed word where the password is a token.
    pub user: String,
    /// Never shown.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Where logins come from besides URLs. Cheap to clone; clones share what the keyring said.
#[derive(Debug, Clone, Default)]
pub struct Logins {
    netrc: Arc<[(String, Login)]>,
    keyring: Option<Arc<Keyring>>,
}

/// The `keyring` command, asked once for each host and user.
#[derive(Debug)]
struct Keyring {
    /// Addresses of indexes, without credentials: passwords are kept by these names too.
    indexes: Vec<Url>,
    said: Mutex<HashMap<(String, String), Option<String>>>,
}

impl Logins {
    /// The logins in this netrc text.
    pub fn from_netrc(text: &str) -> Self {
        Self { netrc: netrc::read(text).into(), keyring: None }
    }

    /// The same, and the `keyring` command for users whose URL has no password: it is asked for the
    /// index's URL first, then for the host.
    pub fn with_keyring(self, indexes: impl IntoIterator<Item = Url>) -> Self {
        let indexes = indexes.into_iter().map(|url| super::redacted(&url)).collect();
        Self { keyring: Some(Arc::new(Keyring { indexes, said: Mutex::default() })), ..self }
    }

    /// The login for a request; `None`: the URL has its own, or there is none.
    pub(super) async fn of(&self, url: &Url) -> Option<Login> {
        if url.password().is_some() {
            return None;
        }
        let host = url.host_str()?;
        let user = percent_decode_str(url.username()).decode_utf8_lossy();
        let fits = |(machine, login): &&(String, Login)| {
            machine.eq_ignore_ascii_case(host) && (user.is_empty() || login.user == *user)
        };
        if let Some((_, login)) = self.netrc.iter().find(fits) {
            return Some(login.clone());
        }
        let keyring = self.keyring.as_ref().filter(|_| !user.is_empty())?;
        let password = keyring.password(url, &user).await?;
        Some(Login { user: user.into_owned(), password })
    }
}

impl Keyring {
    async fn password(&self, url: &Url, user: &str) -> Option<String> {
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let key = (url.origin().ascii_serialization(), user.to_owned());
        // Held while the command runs: it may ask the user something, and once is enough.
        let mut said = self.said.lock().await;
        if let Some(known) = said.get(&key) {
            return known.clone();
        }
        let index = self.indexes.iter().find(|index| index.origin() == url.origin());
        let mut password = None;
        for service in index.map(Url::to_string).into_iter().chain([host]) {
            password = ask(&service, user).await;
            if password.is_some() {
                break;
            }
        }
        said.insert(key, password.clone());
        password
    }
}

async fn ask(service: &str, user: &str) -> Option<String> {
    let mut command = tokio::process::Command::new("keyring");
    command.args(["get", service, user]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = match command.stderr(std::process::Stdio::inherit()).output().await {
        Ok(output) => output,
        Err(error) => {
            tracing::warn!("the command `keyring` does not run: {error}");
            return None;
        }
    };
    let password = String::from_utf8(output.stdout).ok()?;
    let password = password.trim_end_matches(['\r', '\n']);
    (output.status.success() && !password.is_empty()).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_login_is_for_its_host_and_its_user() {
        let logins = Logins::from_netrc("machine a.example login me password hidden");
        let of = async |url: &str| logins.of(&url.parse().unwrap()).await.map(|l| l.password);
        assert_eq!(of("https://a.example/x").await.as_deref(), Some("hidden"));
        assert_eq!(of("https://me@A.example/x").await.as_deref(), Some("hidden"));
        for url in [
            "https://b.example/",
            "https://a.example.evil/",
            "https://you@a.example/",
            "https://me:own@a.example/",
        ] {
            assert_eq!(of(url).await, None, "{url}");
        }
        assert!(!format!("{logins:?}").contains("hidden"));
    }
}
