//! Logins for indexes: from their URLs, netrc and the `keyring` command. A login is sent to its own origin only, and never
//! shown.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use url::Url;

use super::netrc;
use crate::login::Login;

/// Logins and their sources. Cheap to clone; clones share what the keyring returned.
#[derive(Debug, Clone, Default)]
pub struct Logins {
    /// Each with the URL that contained it.
    own: Arc<[(Url, Login)]>,
    netrc: Arc<[(String, Login)]>,
    keyring: Option<Arc<Keyring>>,
}

/// The `keyring` command, run once for each host and user.
#[derive(Debug)]
struct Keyring {
    /// URLs of indexes, without credentials: keyrings have passwords under these names, too.
    indexes: Vec<Url>,
    answers: Mutex<HashMap<(String, String), Option<String>>>,
}

impl Logins {
    /// The logins in this netrc text.
    pub fn from_netrc(text: &str) -> Self {
        Self { netrc: netrc::read(text).into(), ..Self::default() }
    }

    /// The same and these, each with the URL that contained it: they come before all others.
    pub fn with_own(self, own: impl IntoIterator<Item = (Url, Login)>) -> Self {
        Self { own: own.into_iter().collect(), ..self }
    }

    /// The same and the `keyring` command, for users whose URL has no password: first with the index's URL, then with the
    /// host.
    pub fn with_keyring(self, indexes: impl IntoIterator<Item = Url>) -> Self {
        let indexes = indexes.into_iter().map(|url| super::redacted(&url)).collect();
        Self { keyring: Some(Arc::new(Keyring { indexes, answers: Mutex::default() })), ..self }
    }

    /// The login for a request to this URL.
    pub(super) async fn of(&self, url: &Url) -> Option<Login> {
        let own = self.own(url);
        if own.is_some_and(|login| login.password.is_some()) {
            return own.cloned();
        }
        let host = url.host_str()?;
        let user = own.map(|login| login.user.as_str());
        let fits = |(machine, login): &&(String, Login)| {
            machine.eq_ignore_ascii_case(host) && user.is_none_or(|user| login.user == user)
        };
        if let Some((_, login)) = self.netrc.iter().find(fits) {
            return Some(login.clone());
        }
        if let (Some(keyring), Some(user)) = (&self.keyring, user)
            && let Some(password) = keyring.password(url, user).await
        {
            return Some(Login { user: user.to_owned(), password: Some(password) });
        }
        // Some services take a token as the user name, without a password.
        own.cloned()
    }

    /// Of the logins for the origin, the one whose URL shares the longest path with this one: two indexes of one host may
    /// have one each, and their files lie below them.
    fn own(&self, url: &Url) -> Option<&Login> {
        let here = self.own.iter().filter(|(at, _)| at.origin() == url.origin());
        here.min_by_key(|(at, _)| Reverse(in_common(at, url))).map(|(_, login)| login)
    }
}

/// How many leading path segments two URLs share.
fn in_common(one: &Url, other: &Url) -> usize {
    let parts = |url: &Url| url.path().split('/').map(str::to_owned).collect::<Vec<_>>();
    parts(one).iter().zip(parts(other).iter()).take_while(|(a, b)| a == b).count()
}

impl Keyring {
    async fn password(&self, url: &Url, user: &str) -> Option<String> {
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let key = (url.origin().ascii_serialization(), user.to_owned());
        // Locked while the command runs: it may prompt the user, which must happen once.
        let mut answers = self.answers.lock().await;
        if let Some(known) = answers.get(&key) {
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
        answers.insert(key, password.clone());
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
    use crate::login;

    const NETRC: &str = "machine a.example login me password hidden";

    /// `USER:PASSWORD` for each address, with logins that stood in these addresses.
    async fn of(own: &[&str], urls: &[&str]) -> Vec<String> {
        let own = own.iter().map(|text| login::parse(text).unwrap());
        let own = own.map(|(url, login)| (url, login.unwrap()));
        let logins = Logins::from_netrc(NETRC).with_own(own);
        assert!(!format!("{logins:?}").contains("hidden"));
        let mut shown = Vec::new();
        for url in urls {
            let login = logins.of(&url.parse().unwrap()).await;
            let password = |l: Login| format!("{}:{}", l.user, l.password.unwrap_or_default());
            shown.push(login.map_or("-".to_owned(), password));
        }
        shown
    }

    #[tokio::test]
    async fn a_login_is_for_its_host_and_its_user() {
        let urls = [
            "https://a.example/x",
            "https://A.example/",
            "https://b.example/",
            "https://a.example.evil/",
        ];
        assert_eq!(of(&[], &urls).await, ["me:hidden", "me:hidden", "-", "-"]);
        let named = |user: &str| format!("https://{user}@a.example/simple/");
        assert_eq!(of(&[&named("me")], &urls[..1]).await, ["me:hidden"]);
        assert_eq!(of(&[&named("you")], &urls[..1]).await, ["you:"]);
        assert_eq!(of(&[&named("me:own")], &urls).await, ["me:own", "me:own", "-", "-"]);
    }

    #[tokio::test]
    async fn a_login_of_an_address_is_for_its_origin_and_first_of_all_for_what_lies_below_it() {
        let own = ["https://one:1@h.example/one/simple", "https://two:2@h.example/two/simple/"];
        let urls = [
            "https://h.example/one/simple/pip/",
            "https://h.example/two/files/pip.whl",
            "https://h.example/files/pip.whl",
            "http://h.example/one/simple/",
            "https://h.example:8443/one/simple/",
        ];
        assert_eq!(of(&own, &urls).await, ["one:1", "two:2", "one:1", "-", "-"]);
    }
}
