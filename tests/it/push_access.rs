//! Who may push, and by which way: logins of the docker config, tokens, TLS, proxies, storage on other hosts.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use envlock::exit::Exit;
use envlock::reference::PinnedReference;
use envlock::registry::{self, Error, Source};
use serde_json::{Value, json};

use crate::push::{Image, assert_whole, client, noise, ours};
use crate::support::workshop::{Workshop, images, pull};
use crate::support::{
    Admits, Asked, Envlock, Faulty, Harm, INSIDE, Proxy, Registry, Run, Sessions, Tls,
};

/// `user:word`, as docker writes it, and as docker-registry wants to have it.
const PAIR: &str = "dXNlcjp3b3Jk";
const HTPASSWD: &str = "user:$2b$05$abcdefghijklmnopqrstuuQDoL5Sa/TtfS/XN4AY/jgq.HBbO1BTu\n";

/// A locked project that pushes as this docker config says; the helper `test` knows the login.
fn project(workshop: &Workshop, config: &Value) -> Envlock {
    let envlock = workshop.project();
    envlock.write("docker/config.json", config.to_string());
    let helper = "#!/bin/sh\nread server\n\
        echo \"{\\\"ServerURL\\\":\\\"$server\\\",\\\"Username\\\":\\\"user\\\",\\\"Secret\\\":\\\"word\\\"}\"\n";
    let helper = envlock.write("bin/docker-credential-test", helper);
    fs_err::set_permissions(helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (config, path) = (envlock.path("docker"), envlock.path("bin"));
    envlock.env("DOCKER_CONFIG", config).env("PATH", path)
}

fn push(envlock: &Envlock, destination: &str) -> Run {
    envlock.run(["build", "--push", "--engine", "layers", "--json", "--registry", destination])
}

/// Every way to have the login `user:word` for `host` in a docker config.
fn configs(host: &str) -> [(&'static str, Value); 3] {
    [
        ("auths", json!({"auths": {host: {"auth": PAIR}}})),
        ("credHelpers", json!({"credHelpers": {host: "test"}})),
        ("credsStore", json!({"credsStore": "test"})),
    ]
}

/// What was pushed through `door` is whole in the registry behind it.
fn arrived(run: &Run, registry: &Registry) {
    for image in images(run).values() {
        let behind = PinnedReference::new(registry.host(), image.repository(), image.digest());
        pull(&behind);
    }
}

#[test]
fn a_password_pushes_to_a_registry_that_wants_one_from_each_place_docker_keeps_it() {
    let workshop = Workshop::new(1000);
    let folder = Envlock::new();
    let file = folder.write("htpasswd", HTPASSWD);
    let auth = format!("auth:\n  htpasswd: {{realm: here, path: {file}}}\n");
    for (place, config) in configs("HOST") {
        let registry = Registry::with_auth(&auth);
        let config = config.to_string().replace("HOST", registry.host());
        let envlock = project(&workshop, &serde_json::from_str(&config).unwrap());
        let destination = format!("{}/team", registry.host());
        let run = push(&envlock, &destination).exits(0);
        assert_eq!(images(&run).len(), 2, "{place}");
        assert!(!run.stderr().contains("word") && !envlock.read("env.lock").contains("word"));
        // Nobody else gets in.
        let stranger = project(&workshop, &json!({}));
        let refused = push(&stranger, &destination).exits(8);
        assert!(refused.stderr().contains("docker login"), "{}", refused.stderr());
    }
}

#[test]
fn a_bearer_token_is_fetched_with_every_kind_of_login_and_again_when_it_has_run_out() {
    let workshop = Workshop::new(1000);
    let token = json!({"auth": "PHRva2VuPjo=", "identitytoken": "s/cret"});
    let cases = configs("HOST").map(|(place, config)| (place, config, Admits::Password(PAIR)));
    let artifactory = |refuses| Admits::Scope { scope: "repository:docker-local:*", refuses };
    let others = [
        ("identity token", json!({"auths": {"HOST": token}}), Admits::Identity("s/cret")),
        ("anonymous", json!({}), Admits::Anyone),
        ("the registry's own scope, others refused", json!({}), artifactory(true)),
        ("the registry's own scope, after others failed", json!({}), artifactory(false)),
    ];
    for (place, config, admits) in cases.into_iter().chain(others) {
        let registry = Registry::start();
        let door = Faulty::guarded(registry.host(), Sessions::Passed, 25, admits);
        let config = config.to_string().replace("HOST", &door.host());
        let envlock = project(&workshop, &serde_json::from_str(&config).unwrap());
        let run = push(&envlock, &format!("{}/team", door.host())).exits(0);
        arrived(&run, &registry);
        let tokens = door.asked().iter().filter(|a| a.path.starts_with("/token")).count();
        assert!(tokens > 3, "{place}: {tokens} tokens");
        assert!(!run.stderr().contains("cret"), "{place}");
    }
    let door =
        Faulty::guarded(workshop.registry.host(), Sessions::Passed, 25, Admits::Password(PAIR));
    let stranger = project(&workshop, &json!({}));
    let run = push(&stranger, &format!("{}/team", door.host())).exits(8);
    let said = run.stderr();
    assert!(said.contains("without credentials: no token for you"), "{said}");
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let registry = Registry::start();
    let door = Faulty::guarded(registry.host(), Sessions::Passed, 1, Admits::Token("s/cret"));
    let workshop = Workshop::new(1000);
    for (token, code) in [("s/cret", 0), ("other", 8)] {
        let config = json!({"auths": {door.host(): {"registrytoken": token}}});
        let run = push(&project(&workshop, &config), &format!("{}/team", door.host())).exits(code);
        assert!(!run.stderr().contains(token), "{}", run.stderr());
    }
    assert!(door.asked().iter().all(|a| !a.path.starts_with("/token")));
}

#[test]
fn what_a_registry_says_of_a_refusal_is_shown_and_what_to_do_about_it() {
    let workshop = Workshop::new(1000);
    let is_manifest = |a: &Asked| a.method == "PUT" && a.path.contains("/manifests/");
    let is_upload = |a: &Asked| a.method == "POST" && a.path.contains("/blobs/uploads/");
    type Case = (fn(&Asked) -> bool, u16, &'static str, &'static [&'static str]);
    let cases: [Case; 6] = [
        (
            // ghcr.io.
            is_manifest,
            403,
            r#"{"errors":[{"code":"DENIED","message":"The token provided does not match expected scopes."}]}"#,
            &["403 Forbidden", "does not match expected scopes. (DENIED)", "docker login"],
        ),
        (
            // GitLab, as in grimoire-rs/grimoire#11.
            is_manifest,
            400,
            r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":"unknown media type: application/x"}]}"#,
            &["manifest invalid: unknown media type: application/x", "not change by itself"],
        ),
        (
            // ECR.
            is_upload,
            404,
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"The repository does not exist in the registry"}]}"#,
            &["has no repository team/", "create it first", "does not exist in the registry"],
        ),
        (is_upload, 404, "", &["has no repository team/", "create it first"]),
        (
            is_manifest,
            412,
            "over quota
more",
            &["412", ": over quota", "a quota that is used up"],
        ),
        (is_upload, 405, "<html>", &["405", "a proxy in front of it, does not support that"]),
    ];
    // A repository of its own for each: what an earlier one took is not sent again.
    for (number, (harmed, status, body, wanted)) in cases.into_iter().enumerate() {
        workshop.proxy.harm(move |a| {
            harmed(a).then(|| Harm::Status { status, headers: vec![], body, early: false })
        });
        let run = workshop.build(&workshop.project(), &format!("team/{number}")).exits(8);
        let said = run.stderr().replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(wanted.iter().all(|w| said.contains(w)), "{status} {body}: {said}");
        assert!(!said.contains("later"), "{said}");
    }
}

#[test]
fn a_push_goes_through_a_proxy_and_tls_with_a_ca_of_ones_own_and_nowhere_without_it() {
    let workshop = Workshop::new(1000);
    let tls = Tls::before(workshop.registry.host());
    let proxy = Proxy::to(&tls.host());
    let destination = format!("{INSIDE}/team");
    let begun = || workshop.project().env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", "127.0.0.1");
    // Trusted for another host only.
    let envlock = begun();
    envlock.write(".home/.config/docker/certs.d/other.inside:443/ca.crt", &tls.authority);
    let refused = push(&envlock, &destination).exits(5);
    assert!(refused.stderr().contains("certificate"), "{}", refused.stderr());
    assert!(!envlock.path("env.releases.jsonl").exists());

    let file = envlock.write("ca.pem", &tls.authority);
    let envlock = begun().env("SSL_CERT_FILE", file);
    let run = push(&envlock, &destination).exits(0);
    assert!(proxy.asked().iter().all(|line| line.starts_with(&format!("CONNECT {INSIDE}:443"))));
    arrived(&run, &workshop.registry);

    // As docker has it.
    let envlock = begun();
    envlock.write(&format!(".home/.config/docker/certs.d/{INSIDE}/ca.crt"), &tls.authority);
    push(&envlock, &format!("{INSIDE}/docker")).exits(0);
}

#[test]
fn plain_http_beyond_loopback_is_pushed_to_only_when_that_is_asked_for() {
    let workshop = Workshop::new(1000);
    let envlock = workshop.project();
    // A spelling of this machine that is not taken for loopback.
    let destination = format!("{}/team", workshop.registry.host().replace("127.0.0.1", "127.1"));
    push(&envlock, &destination).exits(5);
    let words = ["build", "--push", "--engine", "layers", "--json", "--insecure", "--registry"];
    let run = envlock.run(words.iter().copied().chain([&*destination])).exits(0);
    arrived(&run, &workshop.registry);
}

#[test]
fn what_a_registry_warns_of_is_shown_even_when_the_push_fails() {
    let workshop = Workshop::new(1000);
    let warning = ("Warning", "299 - \"your quota ends\"".to_owned());
    workshop.proxy.harm(move |a| {
        let refuses = a.method == "PUT" && a.path.contains("/manifests/");
        let headers = vec![warning.clone()];
        Some(match refuses {
            true => Harm::Status { status: 403, headers, body: "", early: false },
            false => Harm::Headers(headers),
        })
    });
    let envlock = workshop.project();
    let run = workshop.build(&envlock, "team").exits(8);
    let said = format!("{}: your quota ends", workshop.proxy.host());
    assert_eq!(run.stderr().matches(&said).count(), 1, "{}", run.stderr());
}

/// Whether any of these requests carries a login or token.
fn introduced(asked: &[Asked]) -> bool {
    asked.iter().any(|a| a.header("authorization").is_some())
}

#[tokio::test]
async fn a_storage_on_another_host_gets_the_parts_and_never_the_token() {
    let registry = Registry::start();
    let storage = Faulty::before(registry.host(), Sessions::Passed);
    let host = storage.host();
    for part in ["PATCH", "PUT"] {
        let door = Faulty::guarded(registry.host(), Sessions::Passed, 1000, Admits::Anyone);
        let host = host.clone();
        door.harm(move |a| match a.is_part() && a.method == part {
            true => Some(Harm::Redirect(host.clone())),
            // What cannot come whole comes in parts.
            false => (a.is_part() && a.length == 250_000).then_some(Harm::CutRequest(1000)),
        });
        let image = Image::new(
            &door.host(),
            &format!("team/{part}").to_lowercase(),
            vec![ours(noise(1, 250_000))],
        );
        client(100_000).push(&image.push(), &[]).await.unwrap();
        assert!(door.harms() > 0 && introduced(&door.asked()), "{part}");
        assert_whole(&registry, &image).await;
    }
    assert!(storage.asked().iter().any(|a| a.is_part() && a.length == 100_000));
    assert!(!introduced(&storage.asked()));

    // A base's layer comes from a storage as well.
    let door = Faulty::guarded(registry.host(), Sessions::Passed, 1000, Admits::Anyone);
    door.harm(move |a| {
        (a.method == "GET" && a.path.contains("/blobs/")).then(|| Harm::Redirect(host.clone()))
    });
    let base = Image::new(registry.host(), "base/cuda", vec![ours(noise(2, 300_000))]);
    client(100_000).push(&base.push(), &[]).await.unwrap();
    let source = Source::Base {
        from: base.at(&door.host()),
        digest: base.layers[0].digest(),
        size: base.layers[0].size(),
    };
    let elsewhere = Registry::start();
    let image = Image::new(elsewhere.host(), "team/ray", vec![source]);
    client(100_000).push(&image.push(), &[]).await.unwrap();
    assert!(door.harms() > 0 && introduced(&door.asked()) && !introduced(&storage.asked()));
    assert_whole(&elsewhere, &image).await;
}

#[tokio::test]
async fn a_registry_that_redirects_in_a_circle_is_left() {
    let registry = Registry::start();
    let door = Faulty::before(registry.host(), Sessions::Passed);
    let own = door.host();
    door.harm(move |a| a.is_part().then(|| Harm::Redirect(own.clone())));
    let image = Image::new(&door.host(), "team/ray", vec![ours(noise(1, 1000))]);
    let error = client(100_000).push(&image.push(), &[]).await.unwrap_err();
    assert_eq!(registry::exit(&error), Exit::Registry);
    assert!(matches!(error, Error::Status { status, .. } if status == 307), "{error:?}");
    assert!(door.harms() < 20, "{}", door.harms());
}

#[tokio::test]
async fn four_parts_are_on_their_way_at_once_or_as_many_as_are_asked_for() {
    let registry = Registry::start();
    for (asked, most) in [(None, 4), (Some(2), 2), (Some(7), 7)] {
        let proxy = Faulty::before(registry.host(), Sessions::Passed);
        proxy.pace(2000);
        let layers = (1..9).map(|seed| ours(noise(seed + 10 * most as u64, 100_000))).collect();
        let image = Image::new(&proxy.host(), "team/ray", layers);
        let parallel = asked.map(|n| std::num::NonZeroUsize::new(n).unwrap());
        let client = client(1).with_uploads(parallel, Some(50_000));
        client.push(&image.push(), &[]).await.unwrap();
        assert_eq!(proxy.most_parts(), most);
    }
}

#[tokio::test]
async fn a_push_that_is_given_up_ends_its_sessions() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    // One blob is refused while the others are on their way.
    proxy.pace(1000);
    let others = AtomicUsize::new(0);
    proxy.harm(move |a| {
        if !a.is_part() || a.length != 1000 {
            others.fetch_add(usize::from(a.is_part()), SeqCst);
            return None;
        }
        while others.load(SeqCst) < 3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Some(Harm::status(403))
    });
    let mut layers: Vec<_> = (1..4).map(|seed| ours(noise(seed, 500_000))).collect();
    layers.push(ours(noise(9, 1000)));
    let image = Image::new(&proxy.host(), "team/ray", layers);
    let error = client(100_000).push(&image.push(), &[]).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    let count = |method: &str, path: &str| {
        let asked = proxy.asked();
        asked.iter().filter(|a| a.method == method && a.path.contains(path)).count()
    };
    assert_eq!(count("POST", "/blobs/uploads/"), 4);
    assert_eq!(count("DELETE", "/blobs/uploads/"), 4);
    // Of the part that was refused the registry kept nothing. Those that broke off it cannot find itself: it answers
    // any question about a session of which a part was cut as it answers one about a session it never had.
    let asked = proxy.asked();
    let refused = asked.iter().find(|a| a.is_part() && a.length == 1000).unwrap();
    let session = refused.path.split('?').next().unwrap().rsplit('/').next().unwrap();
    let uploads = registry.data().join("repositories/team/ray/_uploads");
    assert!(!uploads.join(session).join("data").exists(), "{session}");
}
