//! How registries want to see a login: by password, or by a token for what is to be done.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::Rule;
use super::recorded::recorded;
use super::request::{Wanted, reads};
use crate::support::{Asked, Harm, Recorded};

/// `team:word`, as a docker config has it.
pub const LOGIN: &str = "dGVhbTp3b3Jk";

/// Where tokens are.
const REALM: &str = "/token";

/// Everybody who does not send the login gets this answer.
pub fn password(refusal: Recorded) -> Rule {
    Box::new(move |asked, _| {
        let known = asked.header("authorization") == Some(&format!("Basic {LOGIN}"));
        (!known).then(|| Harm::Recorded(refusal.clone()))
    })
}

/// A token server and what the registry makes of its tokens.
pub struct Tokens {
    /// Of the challenge; a registry without one has a token server that does not know the word.
    pub service: Option<&'static str>,
    /// The scope that a request needs, of repository and actions.
    pub scope: fn(&str, &str) -> String,
    /// What is answered to a token that is good for less; `None`: the challenge.
    pub lacking: Option<Recorded>,
}

/// The scope of the distribution spec.
pub fn plain(repository: &str, actions: &str) -> String {
    format!("repository:{repository}:{actions}")
}

/// The token flow of the distribution spec, for the login alone.
pub fn tokens(tokens: Tokens) -> Rule {
    Box::new(move |asked, _| {
        if asked.path.starts_with(REALM) {
            return Some(Harm::Recorded(tokens.grant(asked)));
        }
        let wanted = Wanted::of(asked)?;
        let actions = match &*asked.method {
            _ if reads(asked) => "pull",
            "DELETE" => "delete",
            _ => "pull,push",
        };
        let granted = asked.header("authorization").and_then(|v| v.strip_prefix("Bearer "));
        let scope = (tokens.scope)(wanted.repository, actions);
        match (granted.and_then(read), &tokens.lacking) {
            (Some(granted), _) if allows(&granted, &scope) => None,
            (Some(_), Some(lacking)) => Some(Harm::Recorded(lacking.clone())),
            _ => Some(Harm::Recorded(tokens.challenge(asked, &scope))),
        }
    })
}

impl Tokens {
    fn challenge(&self, asked: &Asked, scope: &str) -> Recorded {
        let host = asked.header("host").unwrap();
        let service = self.service.map(|s| format!(",service=\"{s}\"")).unwrap_or_default();
        let text = format!("Bearer realm=\"http://{host}{REALM}\"{service},scope=\"{scope}\"");
        let mut answer = recorded("any", "any path without a good login");
        answer.headers.push(("WWW-Authenticate".to_owned(), text));
        answer
    }

    /// A token for every scope that is asked for.
    fn grant(&self, asked: &Asked) -> Recorded {
        let query = asked.path.split_once('?').map_or("", |(_, query)| query);
        let fields: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let service = fields.iter().find(|(name, _)| name == "service").map(|(_, value)| &**value);
        let scopes: Vec<_> = fields.iter().filter(|(name, _)| name == "scope").collect();
        let scopes: Vec<_> = scopes.into_iter().map(|(_, scope)| &**scope).collect();
        let known = asked.header("authorization") == Some(&format!("Basic {LOGIN}"));
        if !known || service != self.service {
            return recorded("any", "any path without a good login");
        }
        let token = BASE64_URL_SAFE_NO_PAD.encode(scopes.join(" "));
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Recorded { status: 200, headers, body: format!(r#"{{"token":"{token}"}}"#) }
    }
}

fn read(token: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// Whether one of the scopes names the same thing with all the actions.
fn allows(granted: &str, scope: &str) -> bool {
    let (thing, actions) = scope.rsplit_once(':').unwrap();
    granted.split(' ').filter_map(|granted| granted.rsplit_once(':')).any(|(of, allowed)| {
        of == thing && actions.split(',').all(|a| allowed.split(',').any(|b| a == b))
    })
}
