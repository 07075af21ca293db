//! `envlock doctor`, and with it the credentials of the docker config.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Envlock, Registry, Reply, Server};

/// A project with a docker config, a base at `host`, and no docker on PATH but these programs.
fn project(host: &str, docker_config: &Value, programs: &[(&str, &str)]) -> Envlock {
    let envlock = Envlock::new();
    envlock.write("docker/config.json", docker_config.to_string());
    envlock.write("bin/README", "programs of the test");
    for (name, script) in programs {
        let path = envlock.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    envlock.write("envlock.toml", format!("[base]\nruntime = \"{host}/base:v1\"\n"));
    let (config, path) = (envlock.path("docker"), envlock.path("bin"));
    envlock.env("DOCKER_CONFIG", config).env("PATH", format!("{path}:/usr/bin:/bin"))
}

fn check(envlock: &Envlock, host: &str, name: &str) -> Value {
    let run = envlock.run(["doctor", "--json", "--registry", &format!("{host}/team")]);
    let report: Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!(report["version"], 2);
    let failed = report["checks"].as_array().unwrap().iter().any(|c| c["level"] == "fail");
    assert_eq!(run.0.status.code(), Some(i32::from(failed)), "{report:#}");
    assert_eq!(report["healthy"], !failed);
    let found = report["checks"].as_array().unwrap().iter().find(|c| c["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {report:#}")).clone()
}

const HTPASSWD: &str = "user:$2b$05$abcdefghijklmnopqrstuuQDoL5Sa/TtfS/XN4AY/jgq.HBbO1BTu\n";

fn guarded() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    fs_err::write(&file, HTPASSWD).unwrap();
    let auth = format!("auth:\n  htpasswd: {{realm: here, path: {}}}\n", file.display());
    (folder, Registry::with_auth(&auth))
}

/// `user:word` and `user:wrong`, as docker writes them.
const RIGHT: &str = "dXNlcjp3b3Jk";
const WRONG: &str = "dXNlcjp3cm9uZw==";

#[test]
fn credentials_of_the_docker_config_open_a_guarded_registry_and_wrong_ones_do_not() {
    let (_folder, registry) = guarded();
    let host = registry.host();
    let with = |auth: Value| project(host, &json!({"auths": {host: auth}}), &[]);
    let right = check(&with(json!({"auth": RIGHT})), host, "registry");
    assert_eq!(right["level"], "ok", "{right}");
    assert!(right["found"].as_str().unwrap().contains("takes our credentials"));
    for auth in [json!({"auth": WRONG}), json!({})] {
        let refused = check(&with(auth), host, "registry");
        assert_eq!(refused["level"], "fail", "{refused}");
        assert!(refused["todo"].as_str().unwrap().contains(&format!("docker login {host}")));
        assert!(!refused.to_string().contains("wrong"));
    }
}

#[test]
fn credential_helpers_are_asked_and_their_failure_is_told() {
    let (_folder, registry) = guarded();
    let host = registry.host();
    let answer = r#"read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"user\",\"Secret\":\"word\"}""#;
    let helpers = json!({"credHelpers": {host: "test"}});
    let envlock = project(host, &helpers, &[("docker-credential-test", answer)]);
    assert_eq!(check(&envlock, host, "registry")["level"], "ok");
    let store = json!({"credsStore": "test"});
    let envlock = project(host, &store, &[("docker-credential-test", answer)]);
    assert_eq!(check(&envlock, host, "registry")["level"], "ok");

    let locked = "read server; echo 'the keychain is locked' >&2; exit 1";
    let envlock = project(host, &helpers, &[("docker-credential-test", locked)]);
    let found = check(&envlock, host, "registry");
    assert!(found["found"].as_str().unwrap().contains("the keychain is locked"), "{found}");
    let empty = "read server; echo 'credentials not found in native keychain'; exit 1";
    let envlock = project(host, &helpers, &[("docker-credential-test", empty)]);
    let found = check(&envlock, host, "registry");
    assert!(found["found"].as_str().unwrap().contains("without credentials"), "{found}");
    let envlock = project(host, &json!({"credHelpers": {host: "absent"}}), &[]);
    let found = check(&envlock, host, "registry");
    assert!(found["found"].as_str().unwrap().contains("does not run"), "{found}");
}

#[test]
fn an_identity_token_is_exchanged_and_never_shown() {
    let host = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let own = host.clone();
    let server = Server::start(move |request| {
        if request.path == "/token" {
            let form = String::from_utf8(request.body.clone()).unwrap();
            assert_eq!(request.method, "POST");
            let right = form.contains("grant_type=refresh_token")
                && form.contains("refresh_token=s%2Fcret")
                && form.contains("scope=repository%3Ateam%2Fray-runtime%3Apull");
            let answer = Reply::ok(r#"{"access_token": "abc"}"#);
            return if right { answer } else { Reply::status(400) };
        }
        if request.header("authorization") == Some("Bearer abc") {
            return Reply::ok("{}");
        }
        let challenge =
            format!(r#"Bearer realm="http://{}/token",service="here""#, own.get().unwrap());
        Reply::status(401).header("WWW-Authenticate", challenge)
    });
    host.set(server.host()).unwrap();
    let host = &server.host();
    let auth = json!({"auth": "PHRva2VuPjo=", "identitytoken": "s/cret"});
    let found = check(&project(host, &json!({"auths": {host: auth}}), &[]), host, "registry");
    assert_eq!(found["level"], "ok", "{found}");
    assert!(!found.to_string().contains("cret"));
}

#[test]
fn a_machine_without_docker_is_told_what_is_missing() {
    let server = Server::start(|_| Reply::status(404));
    let envlock = project(&server.host(), &json!({}), &[]).env("PATH", "/nowhere");
    let found = check(&envlock, &server.host(), "docker");
    assert_eq!(found["level"], "warn", "the layers engine needs none");
    assert!(found["todo"].as_str().unwrap().contains("install the Docker CLI"), "{found}");
    let engine = check(&envlock, &server.host(), "engine");
    assert!(engine["found"].as_str().unwrap().starts_with("layers"), "{engine}");
    ask_for_the_dockerfile_engine(&envlock);
    assert_eq!(check(&envlock, &server.host(), "docker")["level"], "fail");
}

fn ask_for_the_dockerfile_engine(envlock: &Envlock) {
    let spec = fs_err::read_to_string(envlock.path("envlock.toml")).unwrap();
    envlock.write("envlock.toml", spec + "[build]\nengine = \"dockerfile\"\n");
}

#[test]
fn a_builder_that_cannot_push_by_digest_is_named() {
    let server = Server::start(|_| Reply::status(404));
    let docker = r#"case "$*" in
        --version) echo 'Docker version 28' ;;
        'buildx version') echo 'buildx 0.29' ;;
        *) printf 'Name: default\nDriver: docker\n' ;;
    esac"#;
    let envlock = project(&server.host(), &json!({}), &[("docker", docker)]);
    assert_eq!(check(&envlock, &server.host(), "builder")["level"], "warn");
    ask_for_the_dockerfile_engine(&envlock);
    let found = check(&envlock, &server.host(), "builder");
    assert_eq!(
        (&found["level"], &found["found"]),
        (&json!("fail"), &json!("default (driver docker) cannot push by digest"))
    );
}

#[test]
fn a_buildx_that_is_too_old_is_named_with_its_version() {
    let server = Server::start(|_| Reply::status(404));
    let docker = r#"case "$*" in
        --version) echo 'Docker version 20.10.24+dfsg1, build 297e128' ;;
        'buildx version') echo 'github.com/docker/buildx v0.11.2 9872040b6626' ;;
        *) printf 'Name: default\nDriver: docker-container\n' ;;
    esac"#;
    let envlock = project(&server.host(), &json!({}), &[("docker", docker)]);
    ask_for_the_dockerfile_engine(&envlock);
    let found = check(&envlock, &server.host(), "buildx");
    assert_eq!(
        (&found["level"], &found["found"]),
        (&json!("fail"), &json!("0.11.2 is too old; 0.12.0 or newer"))
    );
}

#[test]
fn a_broken_docker_config_and_a_store_that_cannot_be_written_are_found() {
    let server = Server::start(|_| Reply::status(404));
    let host = server.host();
    let guarded =
        Server::start(|_| Reply::status(401).header("WWW-Authenticate", "Basic realm=here"));
    let envlock = project(&host, &json!([]), &[]);
    let found = check(&envlock, &guarded.host(), "registry");
    assert!(found["found"].as_str().unwrap().contains("is not a docker config"), "{found}");
    let file = envlock.write("file", "not a folder");
    let envlock = envlock.env("ENVLOCK_STORE", file.join("store"));
    assert_eq!(check(&envlock, &host, "store")["level"], "fail");
}

#[test]
fn the_address_of_pypi_is_shown_with_its_place_and_without_its_password() {
    let server = Server::start(|_| Reply::status(404));
    let envlock = project(&server.host(), &json!({}), &[])
        .env("PIP_INDEX_URL", "https://user:hidden@index.example/simple/");
    let found = check(&envlock, &server.host(), "PyPI");
    let text = "https://index.example/simple/ from PIP_INDEX_URL";
    assert_eq!((&found["level"], &found["found"]), (&json!("ok"), &json!(text)));
}
