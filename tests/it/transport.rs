//! Proxies and certificates, as the usual variables set them.

use crate::support::{Envlock, FakeIndex, INSIDE, Proxy, Run, Tls, UNREACHED_BASE};

fn index() -> FakeIndex {
    let index = FakeIndex::start();
    index.wheel("pip", "26.0").add();
    index
}

/// Resolves pip from this address with these variables; everything else about proxies and
/// certificates is taken out of the environment.
fn resolve(url: &str, variables: &[(&str, &str)]) -> Run {
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        format!(
            "{UNREACHED_BASE}[groups.python]\npackages = [\"pip\"]\n[sources.pypi]\nurl = \"{url}\"\n"
        ),
    );
    let mut command = envlock.command(["resolve"]);
    for name in
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"]
    {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.envs(variables.iter().copied());
    Run(command.output().unwrap())
}

#[test]
fn a_proxy_is_used_for_hosts_that_only_it_knows() {
    let index = index();
    let proxy = Proxy::to(&index.host());
    let url = format!("http://{INSIDE}/simple/");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let before = proxy.asked().len();
        resolve(&url, &[(name, &proxy.url()), ("NO_PROXY", "127.0.0.1")]).exits(0);
        let asked = proxy.asked();
        assert!(
            asked[before..].iter().any(|line| line.starts_with(&format!("GET {url}pip/"))),
            "{asked:?}"
        );
    }
    let run = resolve(&url, &[]).exits(5);
    assert!(run.stderr().contains(INSIDE), "{}", run.stderr());
}

#[test]
fn no_proxy_keeps_hosts_out_of_it() {
    let index = index();
    let proxy = Proxy::to(&index.host());
    let variables = [("HTTP_PROXY", proxy.url()), ("NO_PROXY", "localhost,127.0.0.1".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    resolve(index.url().as_str(), &variables).exits(0);
    assert_eq!(proxy.asked(), Vec::<String>::new());
    assert!(index.requests("pip") > 0);
}

#[test]
fn a_ca_of_ones_own_is_trusted_when_it_is_named_and_not_otherwise() {
    let index = index();
    let tls = Tls::before(&index.host());
    let url = format!("https://{}/simple/", tls.host());
    let folder = Envlock::new();
    let file = folder.write("ca.pem", &tls.authority);
    folder.write("certs/0123abcd.0", &tls.authority);
    resolve(&url, &[("SSL_CERT_FILE", file.as_str())]).exits(0);
    resolve(&url, &[("SSL_CERT_DIR", folder.path("certs").as_str())]).exits(0);
    let asked = index.requests("");
    let run = resolve(&url, &[]).exits(5);
    let text = run.stderr();
    assert!(text.contains("certificate") && text.contains("SSL_CERT_FILE"), "{text}");
    assert_eq!(index.requests(""), asked);
}

#[test]
fn tls_goes_through_a_proxy_that_cannot_read_it() {
    let index = index();
    let tls = Tls::before(&index.host());
    let proxy = Proxy::to(&tls.host());
    let folder = Envlock::new();
    let file = folder.write("ca.pem", &tls.authority);
    let url = format!("https://{INSIDE}/simple/");
    let proxied = [("HTTPS_PROXY", proxy.url()), ("SSL_CERT_FILE", file.into_string())];
    let proxied = proxied.each_ref().map(|(name, value)| (*name, value.as_str()));
    resolve(&url, &proxied).exits(0);
    assert!(proxy.asked().iter().all(|line| line.starts_with(&format!("CONNECT {INSIDE}:443"))));
    assert!(index.requests("/simple/pip/") > 0);
}
