//! What is learned about hosts in one run: scheme, credentials, tokens, what they warn of.

use std::collections::{BTreeSet, HashMap};
use std::sync::{MutexGuard, PoisonError};

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, WARNING};
use url::Url;

use super::address::{Address, is_loopback};
use super::authorize::{Challenge, meet};
use super::credentials::{Credentials, credentials_for};
use super::{Client, Error};
use crate::blocking::blocking;
use crate::login;
use crate::net::Retry;

/// A host and a repository there.
type Place = (String, String);

/// What was learned about hosts in this run.
#[derive(Debug, Default)]
pub(super) struct Known {
    schemes: HashMap<String, &'static str>,
    credentials: HashMap<String, Credentials>,
    authorizations: HashMap<Place, HeaderValue>,
    // What a token for the place must allow, beyond reading.
    scopes: HashMap<Place, Vec<String>>,
    warnings: BTreeSet<String>,
}

impl Client {
    /// What registries warned of since this was asked last, and what they cannot keep; each sentence once, with its
    /// host.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.known().warnings);
        warnings.append(&mut self.beside.run().warnings);
        warnings.into_iter().collect()
    }

    /// Keeps the sentences of `Warning: 299 - "…"` (distribution spec, "Warnings").
    pub(super) fn heed(&self, address: &Address, headers: &HeaderMap) {
        for value in headers.get_all(WARNING).iter().filter_map(|v| v.to_str().ok()) {
            let said = value.strip_prefix("299 - \"").and_then(|v| v.strip_suffix('"'));
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                let said = said.replace("\\\"", "\"").replace(char::is_control, " ");
                self.known().warnings.insert(format!("{}: {said}", address.name));
            }
        }
    }

    pub(super) async fn scheme(&self, authority: &str) -> &'static str {
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

    pub(super) async fn credentials(&self, address: &Address) -> Result<Credentials, Error> {
        if let Some(known) = self.known().credentials.get(&address.name) {
            return Ok(known.clone());
        }
        let name = address.name.clone();
        let found = blocking(move || credentials_for(&name)).await?;
        self.known().credentials.insert(address.name.clone(), found.clone());
        Ok(found)
    }

    /// The header for requests about this repository, to its own registry and to nobody else.
    pub(super) fn authorization(&self, address: &Address, url: &Url) -> Option<HeaderValue> {
        let home = url.host_str().is_some() && address.is_at(url);
        self.known().authorizations.get(&place(address)).filter(|_| home).cloned()
    }

    /// From now on tokens for this repository must allow writing, and reading `from` (the
    /// repositories whose blobs may be mounted).
    pub(super) fn ask_to_push(&self, address: &Address, from: Option<&str>) {
        let mut known = self.known();
        let scopes = known.scopes.entry(place(address)).or_default();
        let wanted = [
            Some(format!("repository:{}:pull,push", address.repository)),
            from.map(|from| format!("repository:{from}:pull")),
        ];
        let before = scopes.len();
        for scope in wanted.into_iter().flatten() {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.len() > before {
            // A token for less would be refused, by some with a 403 that says nothing of scopes.
            let narrow = |header: &HeaderValue| header.as_bytes().starts_with(b"Bearer ");
            if known.authorizations.get(&place(address)).is_some_and(narrow) {
                known.authorizations.remove(&place(address));
            }
        }
    }

    /// From now on tokens for this repository must also allow deleting.
    pub(super) fn ask_to_delete(&self, address: &Address) {
        let mut known = self.known();
        let scopes = known.scopes.entry(place(address)).or_default();
        let wanted = format!("repository:{}:pull,push,delete", address.repository);
        if !scopes.contains(&wanted) {
            // The widest comes first: it is the one that is asked for alone where more are refused.
            scopes.insert(0, wanted);
            known.authorizations.remove(&place(address));
        }
    }

    /// Gets a header that meets the challenge, unless another task got one since `stale` was sent. Whether it was
    /// fetched now. `again`: what was fetched for our scopes was refused at once.
    pub(super) async fn renew(
        &self,
        address: &Address,
        url: &Url,
        challenge: &Challenge,
        stale: Option<&HeaderValue>,
        again: bool,
    ) -> Result<bool, Error> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.authorization(address, url).is_some_and(|now| Some(&now) != stale) {
            return Ok(false);
        }
        let credentials = self.credentials(address).await?;
        let ours = self.known().scopes.get(&place(address)).cloned();
        let ours = ours.unwrap_or_else(|| vec![format!("repository:{}:pull", address.repository)]);
        let secure = url.scheme() == "https";
        let mut refused = None;
        for scopes in orders(&ours, challenge.scopes(), again) {
            let refusal = match meet(&self.net, challenge, &credentials, &scopes, secure).await {
                Ok(header) => {
                    let mut known = self.known();
                    known.authorizations.insert(place(address), header);
                    // What is granted is what is asked for from now on.
                    if scopes != ours {
                        known.scopes.insert(place(address), scopes);
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
        Err(refused.about(&address.reference, &address.name, &credentials))
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
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

fn place(address: &Address) -> Place {
    (address.authority.clone(), address.repository.clone())
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
