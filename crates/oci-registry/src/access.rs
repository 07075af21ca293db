//! Access to a host: scheme, credentials, tokens; and the warnings of hosts. Every 401 is answered here, from whatever
//! request: one for a document, a blob that is read, a part that is sent.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_retry::{Retry, login};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WARNING};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::blocking::blocking;
use crate::challenge::Challenge;
use crate::credentials::{Credentials, credentials_for};
use crate::endpoint::{Endpoint, is_loopback};
use crate::error::Error;
use crate::token::answer_challenge;

/// How many authorizations a request gets before a refusal is final: the first may have expired while others
/// waited, the second may allow less than the registry requires.
const FETCHES: u32 = 3;

/// A host and a repository there.
type Place = (String, String);

/// What was learned about hosts.
#[derive(Debug, Default)]
struct Known {
    schemes: HashMap<String, &'static str>,
    credentials: HashMap<String, Credentials>,
    authorizations: HashMap<Place, HeaderValue>,
    // What a token for the place must allow, beyond reading.
    scopes: HashMap<Place, Vec<String>>,
    // Each with its host.
    warnings: BTreeSet<(String, String)>,
}

/// What a client is allowed where. Clones of a client share it.
#[derive(Debug)]
pub(crate) struct Access {
    net: http_retry::Client,
    client_id: String,
    insecure: bool,
    known: Mutex<Known>,
    renewing: tokio::sync::Mutex<()>,
}

/// What one request was sent with, and how often that was renewed for it.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    sent: Option<HeaderValue>,
    fetched: u32,
}

impl Access {
    pub(crate) fn new(net: http_retry::Client, client_id: &str, insecure: bool) -> Self {
        let (known, renewing) = (Mutex::default(), tokio::sync::Mutex::default());
        Access { net, client_id: client_id.to_owned(), insecure, known, renewing }
    }

    /// The same, without credentials so far.
    pub(crate) fn anew(&self) -> Self {
        Access::new(self.net.clone(), &self.client_id, self.insecure)
    }

    /// What registries said in warnings since this was asked last, each sentence once, with its host.
    pub(crate) fn take_warnings(&self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.known().warnings)
    }

    /// Keeps the sentences of `Warning: 299 - "…"` (distribution spec, "Warnings").
    pub(crate) fn record_warnings(&self, endpoint: &Endpoint, headers: &HeaderMap) {
        for value in headers.get_all(WARNING).iter().filter_map(|v| v.to_str().ok()) {
            let said = value.strip_prefix("299 - \"").and_then(|v| v.strip_suffix('"'));
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                let said = said.replace("\\\"", "\"").replace(char::is_control, " ");
                self.known().warnings.insert((endpoint.name.clone(), said));
            }
        }
    }

    pub(crate) async fn scheme(&self, authority: &str) -> &'static str {
        if is_loopback(authority) {
            return "http";
        }
        if !self.insecure {
            return "https";
        }
        if let Some(scheme) = self.known().schemes.get(authority) {
            return scheme;
        }
        // "insecure" allows plain http, it does not ask for it: a host with https keeps it.
        let once = self.net.clone().with_retry(Retry { attempts: 1, ..Retry::default() });
        let mut scheme = "http";
        if let Ok((url, _)) = login::parse(&format!("https://{authority}/v2/"))
            && once.send(Method::GET, &url, &HeaderMap::new()).await.is_ok()
        {
            scheme = "https";
        }
        self.known().schemes.insert(authority.to_owned(), scheme);
        scheme
    }

    pub(crate) async fn credentials(&self, endpoint: &Endpoint) -> Result<Credentials, Error> {
        if let Some(known) = self.known().credentials.get(&endpoint.name) {
            return Ok(known.clone());
        }
        let name = endpoint.name.clone();
        let found = blocking(move || credentials_for(&name)).await?;
        self.known().credentials.insert(endpoint.name.clone(), found.clone());
        Ok(found)
    }

    /// The header for requests about this repository, sent only to its own registry.
    fn authorization(&self, endpoint: &Endpoint, url: &Url) -> Option<HeaderValue> {
        let home = url.host_str().is_some() && endpoint.is_at(url);
        self.known().authorizations.get(&place(endpoint)).filter(|_| home).cloned()
    }

    /// From now on tokens for this repository must allow writing, and reading `from` (the
    /// repositories whose blobs may be mounted).
    pub(crate) fn ask_to_push(&self, endpoint: &Endpoint, from: Option<&str>) {
        let mut known = self.known();
        let scopes = known.scopes.entry(place(endpoint)).or_default();
        let required = [
            Some(format!("repository:{}:pull,push", endpoint.repository)),
            from.map(|from| format!("repository:{from}:pull")),
        ];
        let before = scopes.len();
        for scope in required.into_iter().flatten() {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.len() > before {
            // A token for less would be refused, by some with a 403 that says nothing of scopes.
            let narrow = |header: &HeaderValue| header.as_bytes().starts_with(b"Bearer ");
            if known.authorizations.get(&place(endpoint)).is_some_and(narrow) {
                known.authorizations.remove(&place(endpoint));
            }
        }
    }

    /// From now on tokens for this repository must also allow deleting.
    pub(crate) fn ask_to_delete(&self, endpoint: &Endpoint) {
        let mut known = self.known();
        let scopes = known.scopes.entry(place(endpoint)).or_default();
        let required = format!("repository:{}:pull,push,delete", endpoint.repository);
        if !scopes.contains(&required) {
            // The widest comes first: it is the one that is asked for alone where more are refused.
            scopes.insert(0, required);
            known.authorizations.remove(&place(endpoint));
        }
    }

    /// Gets a header that meets the challenge, unless another task got one since `stale` was sent. Whether it was
    /// fetched now. `again`: what was fetched for our scopes was refused at once.
    async fn renew(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        challenge: &Challenge,
        stale: Option<&HeaderValue>,
        again: bool,
    ) -> Result<bool, Error> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.authorization(endpoint, url).is_some_and(|now| Some(&now) != stale) {
            return Ok(false);
        }
        let credentials = self.credentials(endpoint).await?;
        let ours = self.known().scopes.get(&place(endpoint)).cloned();
        let ours = ours.unwrap_or_else(|| vec![format!("repository:{}:pull", endpoint.repository)]);
        let how = (&*self.client_id, url.scheme() == "https");
        let mut refused = None;
        for scopes in orders(&ours, challenge.scopes(), again) {
            let refusal =
                match answer_challenge(&self.net, challenge, &credentials, &scopes, how).await {
                    Ok(header) => {
                        let mut known = self.known();
                        known.authorizations.insert(place(endpoint), header);
                        // What is granted is what is asked for from now on.
                        if scopes != ours {
                            known.scopes.insert(place(endpoint), scopes);
                        }
                        return Ok(true);
                    }
                    Err(refusal) => refusal,
                };
            let may_grant_others = refusal.is_a_no();
            refused.get_or_insert(refusal);
            if !may_grant_others {
                break;
            }
        }
        let refused = refused.expect("at least our own scopes were asked for");
        Err(refused.about(&endpoint.reference, &endpoint.name, &credentials))
    }

    /// Puts the authorization for `url` into the headers of a request; another host than the registry gets none.
    pub(crate) fn authorize(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        with: &mut Authorization,
        headers: &mut HeaderMap,
    ) {
        with.sent = self.authorization(endpoint, url);
        headers.extend(with.sent.clone().map(|value| (AUTHORIZATION, value)));
    }

    /// Whether the request that was answered like this is to be sent again, because it has another authorization
    /// now. Errors: there is a challenge, and it cannot be met.
    pub(crate) async fn reauthorize(
        &self,
        endpoint: &Endpoint,
        url: &Url,
        (status, headers): (StatusCode, &HeaderMap),
        with: &mut Authorization,
    ) -> Result<bool, Error> {
        if status != StatusCode::UNAUTHORIZED || !endpoint.is_at(url) || with.fetched == FETCHES {
            return Ok(false);
        }
        let Some(challenge) = Challenge::find(headers) else { return Ok(false) };
        let (stale, again) = (with.sent.as_ref(), with.fetched > 0);
        // What another request fetched may have run out again when this one's turn comes.
        let fetched = self.renew(endpoint, url, &challenge, stale, again).await?;
        with.fetched += u32::from(fetched);
        let is_same = || self.authorization(endpoint, url) == with.sent;
        // Some token servers give the same token for the same scopes.
        if is_same() && !again {
            self.renew(endpoint, url, &challenge, stale, true).await?;
            with.fetched += 1;
        }
        // A password that was refused is as wrong the second time.
        Ok(!is_same())
    }
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scopes to ask a token server for, in the order to try: ours; ours without the repositories to mount from,
/// which we may not read and which must not stop a push to our own; the registry's own, for those that call a
/// repository otherwise than its path. Where a token for ours was refused, the registry's come first.
fn orders(ours: &[String], theirs: &[String], again: bool) -> Vec<Vec<String>> {
    let more = theirs.iter().filter(|scope| !ours.contains(scope)).cloned().collect::<Vec<_>>();
    let mut orders = vec![ours.to_vec(), ours[..1].to_vec()];
    if !more.is_empty() {
        orders.push(theirs.to_vec());
        if again {
            // Some token servers look at the first one only.
            orders.insert(0, [&more, ours].concat());
        }
    }
    orders.dedup();
    orders
}

fn place(endpoint: &Endpoint) -> Place {
    (endpoint.authority.clone(), endpoint.repository.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_asked_for_from_ours_to_the_registrys_own_each_order_once() {
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let orders = |ours: &[&str], theirs: &[&str], again| {
            orders(&list(ours), &list(theirs), again)
                .iter()
                .map(|order| order.join(" "))
                .collect::<Vec<_>>()
        };
        assert_eq!(orders(&["a"], &[], false), ["a"]);
        assert_eq!(orders(&["a", "b"], &["a"], true), ["a b", "a"]);
        assert_eq!(orders(&["a", "b"], &["c"], false), ["a b", "a", "c"]);
        assert_eq!(orders(&["a", "b"], &["c"], true), ["c a b", "a b", "a", "c"]);
    }
}
