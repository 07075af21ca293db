//! What lies beside an image: lock, bill of materials, provenance, signatures; `inspect` and `verify --supply`; and that
//! other tools accept it. cosign, oras: from ENVLOCK_TEST_TOOLS (a folder) or PATH.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use envlock::digest::{Digest, Sha256};
use envlock::reference::PinnedReference;
use serde_json::{Value, json};

use super::schema::result;
use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Embedded, Envlock, Harm, Run, left_out};

/// A tool of others; `None`, reported, where it is not installed.
pub fn tool(name: &str) -> Option<PathBuf> {
    let own = std::env::var_os("ENVLOCK_TEST_TOOLS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found =
        own.into_iter().chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    let found = found.find(|file| file.is_file());
    if found.is_none() {
        left_out(format_args!(
            "{name} is not installed: what needs it is left out (ENVLOCK_TEST_TOOLS names a folder)"
        ));
    }
    found
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    output
}

/// The findings of `verify --supply`, `PART VERDICT` each.
fn findings(run: &Run) -> Vec<String> {
    let report = result("verify", run);
    let images = report["images"].as_array().unwrap().clone();
    let all = images.iter().flat_map(|image| image["findings"].as_array().unwrap().clone());
    all.map(|f| format!("{} {}", f["part"].as_str().unwrap(), f["verdict"].as_str().unwrap()))
        .collect()
}

fn verified(envlock: &Envlock, image: &PinnedReference, code: i32) -> Vec<String> {
    findings(&envlock.run(["verify", "--supply", "--json", &image.to_string()]).exits(code))
}

/// A blob and a manifest, put by somebody else.
fn put(host: &str, repository: &str, manifest: &Value, blobs: &[&str]) -> Digest {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let base = format!("http://{host}/v2/{repository}");
    runtime.block_on(async {
        let client = crate::support::http();
        for blob in blobs {
            let answer = client.post(format!("{base}/blobs/uploads/")).send().await.unwrap();
            let mut url =
                answer.url().join(answer.headers()["location"].to_str().unwrap()).unwrap();
            url.query_pairs_mut().append_pair("digest", &Digest::of(blob).to_string());
            assert_eq!(
                client.put(url).body((*blob).to_owned()).send().await.unwrap().status(),
                201
            );
        }
        let text = manifest.to_string();
        let digest = Digest::of(&text);
        let media = manifest["mediaType"].as_str().unwrap();
        let put = client.put(format!("{base}/manifests/{digest}")).header("Content-Type", media);
        assert_eq!(put.body(text).send().await.unwrap().status(), 201);
        digest
    })
}

#[test]
fn an_image_gives_back_its_lock_and_everything_about_it_agrees() {
    let workshop = Workshop::new(5_000);
    let envlock = workshop.project();
    let embedded = Embedded::start();
    let before = envlock.read("env.lock");
    let to_embedded = format!("{}/team", embedded.host());
    let run = envlock.run([
        "build",
        "--push",
        "--json",
        "--no-config",
        "--engine",
        "layers",
        "--registry",
        &to_embedded,
    ]);
    let in_embedded = images(&run.exits(0));
    envlock.write("env.lock", &before);
    let in_registry = images(&workshop.build(&envlock, "team").exits(0));
    let digests = |images: &std::collections::BTreeMap<String, PinnedReference>| {
        images.values().map(PinnedReference::digest).collect::<Vec<_>>()
    };
    // What lies beside an image does not change it, and differs from registry to registry.
    assert_eq!(digests(&in_embedded), digests(&in_registry));
    let lock = envlock.read("env.lock");
    let elsewhere = workshop.begun();
    for image in in_embedded.values().chain(in_registry.values()) {
        let text = image.to_string();
        assert_eq!(elsewhere.run(["inspect", &text, "--lock"]).exits(0).stdout(), lock);
        let report = result("inspect", &elsewhere.run(["inspect", &text, "--json"]).exits(0));
        assert_eq!(report["lock"]["sha256"], Sha256::of(&lock).to_string());
        let kinds = report["referrers"].as_array().unwrap().iter();
        let mut kinds: Vec<_> = kinds.map(|r| r["artifact_type"].as_str().unwrap()).collect();
        kinds.retain(|kind| !kind.contains("release"));
        kinds.sort_unstable();
        let expected = [
            "application/vnd.cyclonedx+json",
            "application/vnd.dev.envlock.lock.v1+toml",
            "application/vnd.in-toto+json",
        ];
        assert_eq!(kinds, expected);
        let found = verified(&elsewhere, image, 0);
        let expected = ["lock ok", "layers ok", "sbom ok", "provenance ok", "signature unknown"];
        assert_eq!(found, expected, "{text}");
    }
    // In the project itself, names and bare digests mean images too.
    let ray = &in_registry["ray-runtime"];
    for word in ["ray-runtime", &ray.digest().to_string()] {
        assert_eq!(envlock.run(["inspect", word, "--lock"]).exits(0).stdout(), lock);
    }
    assert_eq!(findings(&envlock.run(["verify", "--supply", "--json"]).exits(0)).len(), 10);
    envlock.run(["inspect", "nothing"]).exits(2);
    let absent = format!("{}/team/ray-runtime:absent", workshop.proxy.host());
    envlock.run(["inspect", &absent]).exits(8);
    let unknown = format!("{}/team/ray-runtime@{}", workshop.proxy.host(), Digest::of("x"));
    assert_eq!(verified(&elsewhere, &unknown.parse().unwrap(), 8), ["image missing"]);
    if let Some(oras) = tool("oras") {
        let output = ran(Command::new(oras).args([
            "discover",
            "--plain-http",
            "--format",
            "json",
            &ray.to_string(),
        ]));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for kind in
            ["cyclonedx+json", "in-toto+json", "envlock.release.v1+json", "envlock.lock.v1+toml"]
        {
            assert!(text.contains(kind), "{kind}\n{text}");
        }
    }
}

#[test]
fn what_does_not_match_is_named() {
    let workshop = Workshop::new(5_000);
    let envlock = workshop.project();
    let built = images(&workshop.build(&envlock, "team").exits(0));
    let ray = &built["ray-runtime"];
    let direct = PinnedReference::new(workshop.registry.host(), ray.repository(), ray.digest());
    let elsewhere = workshop.begun();
    assert_eq!(verified(&elsewhere, &direct, 0)[2], "sbom ok");

    // Somebody puts a bill without one package beside it, in the list that old registries have.
    let get = |path: &str| -> Value {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let accept =
            "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
        runtime.block_on(async {
            let url = format!("http://{}/v2/{}/{path}", direct.registry(), direct.repository());
            crate::support::http()
                .get(url)
                .header("Accept", accept)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap()
        })
    };
    let fallback = format!("sha256-{}", ray.digest().hex());
    let mut index = get(&format!("manifests/{fallback}"));
    let is_sbom = |entry: &&Value| entry["artifactType"] == "application/vnd.cyclonedx+json";
    let entry = index["manifests"].as_array().unwrap().iter().find(is_sbom).unwrap().clone();
    let mut manifest = get(&format!("manifests/{}", entry["digest"].as_str().unwrap()));
    let mut bill = get(&format!("blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap()));
    let components = bill["components"].as_array_mut().unwrap();
    components.retain(|component| component["name"] != "numpy");
    let text = bill.to_string();
    manifest["layers"][0]["digest"] = json!(Digest::of(&text));
    manifest["layers"][0]["size"] = json!(text.len());
    let forged = put(direct.registry(), direct.repository(), &manifest, &[&text]);
    let mut more = entry;
    more["digest"] = json!(forged);
    more["size"] = json!(manifest.to_string().len());
    index["manifests"].as_array_mut().unwrap().push(more);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let media = "application/vnd.oci.image.index.v1+json";
    let name = direct.repository();
    runtime.block_on(workshop.registry.push_manifest(name, &fallback, media, &index));
    let run = elsewhere.run(["verify", "--supply", &direct.to_string()]).exits(6);
    assert!(
        run.stdout().contains("MISMATCH  sbom") && run.stdout().contains("numpy"),
        "{}",
        run.stdout()
    );

    // An image with nothing beside it, and one that is no image of ours.
    runtime.block_on(async {
        let empty = json!({ "schemaVersion": 2, "mediaType": media, "manifests": [] });
        workshop.registry.push_manifest(name, &fallback, media, &empty).await;
    });
    let found = verified(&elsewhere, &direct, 8);
    assert_eq!(found[0], "lock missing");
    let run = elsewhere.run(["inspect", &direct.to_string(), "--lock"]).exits(8);
    assert!(run.stderr().contains("was not found"), "{}", run.stderr());
    // The project that built it has a copy.
    let lock = envlock.run(["inspect", &direct.to_string(), "--lock"]).exits(0).stdout();
    assert_eq!(lock, envlock.read("env.lock"));
    let foreign = workshop.registry.push("team/other", "seed");
    assert_eq!(verified(&elsewhere, &foreign, 8)[0], "lock missing");
    // A push puts back what was lost.
    workshop.build(&envlock, "team").exits(0);
    assert_eq!(verified(&elsewhere, &direct, 0)[..4].len(), 4);
}

#[test]
fn a_signed_image_is_accepted_by_cosign_and_one_that_is_not_is_found() {
    let Some(cosign) = tool("cosign") else { return };
    let mut workshop = Workshop::new(5_000);
    let own = cosign.parent().unwrap().display().to_string();
    let unsigned = workshop.project();
    workshop.build(&unsigned, "team").exits(0);
    workshop.spec(|spec| spec + "[sign]\nkey = \"cosign.key\"\ntransparency-log = false\n");
    let envlock = workshop.project().env("PATH", &own).env("COSIGN_PASSWORD", "");
    let missing = workshop.begun();
    missing.write("env.lock", envlock.read("env.lock"));
    let told = workshop.build(&missing, "team").exits(2);
    assert!(told.stderr().contains("cosign is not on PATH"), "{}", told.stderr());
    let old = envlock.write(".old/cosign", "#!/bin/sh\necho 'GitVersion:    v3.0.3'\n");
    fs_err::set_permissions(old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = workshop.build(&missing.env("PATH", envlock.path(".old")), "team").exits(2);
    let needs = "[sign] needs cosign 3.0.4 or newer, and the one on PATH is 3.0.3";
    assert!(told.stderr().contains(needs), "{}", told.stderr());
    // Without its key nothing is released.
    let run = workshop.build(&envlock, "team").exits(1);
    assert!(run.stderr().contains("cosign"), "{}", run.stderr());
    assert!(!envlock.path("env.releases.jsonl").exists());

    let keys = |envlock: &Envlock| {
        let mut command = Command::new(&cosign);
        ran(command
            .arg("generate-key-pair")
            .current_dir(envlock.folder())
            .env("COSIGN_PASSWORD", ""));
    };
    keys(&envlock);
    let built = images(&workshop.build(&envlock, "team").exits(0));
    let ray = built["ray-runtime"].to_string();
    let public = envlock.path("cosign.pub").to_string();
    let trust = ["--key", &public, "--insecure-ignore-tlog", &ray];
    ran(Command::new(&cosign).arg("verify").args(trust));
    for kind in ["slsaprovenance1", "cyclonedx"] {
        ran(Command::new(&cosign).args(["verify-attestation", "--type", kind]).args(trust));
    }
    let found = verified(&envlock, &built["ray-runtime"], 0);
    let signed = ["signature ok", "signed provenance ok", "signed sbom ok"];
    assert_eq!(found[4..], signed, "{found:?}");
    // Signed once is signed: nothing is written again.
    let mark = workshop.mark();
    workshop.build(&envlock, "team").exits(0);
    assert!(workshop.since(mark).is_nothing(), "{:?}", workshop.since(mark));

    // Another key: the signature does not count.
    let other = workshop.begun().env("PATH", &own).env("COSIGN_PASSWORD", "");
    keys(&other);
    let found = verified(&other, &built["ray-runtime"], 6);
    assert_eq!(found[4], "signature mismatch", "{found:?}");
}

#[test]
fn a_cosign_that_cannot_find_out_what_is_signed_stops_the_release() {
    let mut workshop = Workshop::new(5_000);
    // This one writes nothing, which need not be waited for where nothing else is written either.
    workshop.spec(|spec| spec + "[release]\nrecords = \"none\"\n[sign]\nkey = \"cosign.key\"\ntransparency-log = false\n");
    let envlock = workshop.project();
    let own = envlock.path("bin");
    // Nothing is signed as far as it knows; whether anything is attested, its words decide.
    let cosign = |words: &str| {
        let script = format!(
            "#!/bin/sh\ncase $1 in\nverify) echo 'Error: no signatures found' >&2; exit 10;;\n\
             verify-attestation) echo 'Error: {words}' >&2; exit 1;;\nesac\n"
        );
        let file = envlock.write("bin/cosign", script);
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    };
    let envlock = workshop.clone_of(&envlock).env("PATH", format!("{own}:/usr/bin:/bin"));
    let config = envlock.read("config.yaml");
    cosign("Get \"http://r.example/v2/\": dial tcp: connection refused");
    let run = workshop.build(&envlock, "team").exits(1);
    assert!(run.stderr().contains("connection refused"), "{}", run.stderr());
    assert!(!envlock.path("env.releases.jsonl").exists());
    assert_eq!(envlock.read("config.yaml"), config);
    cosign("no matching attestations: ");
    let built = images(&workshop.build(&envlock, "team").exits(0));
    // Nor is what could not be found out taken for a signature that does not match.
    cosign("Get \"http://r.example/v2/\": dial tcp: connection refused");
    let run = envlock.run(["verify", "--supply", &built["ray-runtime"].to_string()]).exits(1);
    assert!(run.stderr().contains("connection refused"), "{}", run.stderr());
}

#[test]
fn deep_reads_every_layer_and_finds_what_a_registry_only_claims_to_have() {
    let workshop = Workshop::new(300_000);
    let envlock = workshop.project();
    let built = images(&workshop.build(&envlock, "team").exits(0));
    let ray = &built["ray-runtime"];
    let found = |code| {
        let run = envlock.run(["verify", "--supply", "--deep", "--json", &ray.to_string()]);
        findings(&run.exits(code)).into_iter().find(|f| f.starts_with("bytes")).unwrap()
    };
    let mark = workshop.mark();
    assert_eq!(found(0), "bytes ok");
    let layers = pull(ray).manifest["layers"].as_array().unwrap().clone();
    let read = workshop.proxy.asked().split_off(mark);
    for layer in &layers {
        let path = format!("/blobs/{}", layer["digest"].as_str().unwrap());
        assert!(read.iter().any(|a| a.method == "GET" && a.path.ends_with(&path)), "{path}");
    }
    assert!(verified(&envlock, ray, 0).iter().all(|finding| !finding.starts_with("bytes")));
    // The registry says of a layer what it always said, and gives other bytes.
    let digest = layers.last().unwrap()["digest"].as_str().unwrap().to_owned();
    let spoilt = digest.clone();
    workshop.proxy.harm(move |asked| {
        (asked.method == "GET" && asked.path.ends_with(&spoilt)).then_some(Harm::Spoil)
    });
    assert_eq!(verified(&envlock, ray, 0)[1], "layers ok");
    assert_eq!(found(6), "bytes mismatch");
    let run = envlock.run(["verify", "--supply", "--deep", &ray.to_string()]).exits(6);
    assert!(run.stdout().contains(&digest), "{}", run.stdout());
}
