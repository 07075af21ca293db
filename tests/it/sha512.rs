//! Images whose digests are sha512, as base images and in every command that reads them.

use envlock::digest::{Algorithm, Digest};
use envlock::reference::PinnedReference;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::embedded::header;
use crate::support::registry::MANIFEST;
use crate::support::workshop::{Workshop, images, locked, pull};
use crate::support::{Embedded, http};

/// The workshop's base image with sha512 digests for all its parts and itself.
async fn base(workshop: &Workshop, registry: &Embedded) -> PinnedReference {
    let get = async |path: String| {
        let url = format!("http://{}/v2/base/{path}", workshop.registry.host());
        let answer = http().get(url).header("Accept", MANIFEST).send().await.unwrap();
        answer.bytes().await.unwrap()
    };
    let manifest = get("manifests/v1".to_owned()).await;
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for part in ["/config", "/layers/0"] {
        let part = manifest.pointer_mut(part).unwrap();
        let bytes = get(format!("blobs/{}", part["digest"].as_str().unwrap())).await;
        let digest = Algorithm::Sha512.of(&bytes);
        let post = format!("base/blobs/uploads/?digest={digest}");
        let put = registry.request(Method::POST, &post).body(bytes);
        assert_eq!(put.send().await.unwrap().status(), 201);
        part["digest"] = json!(digest);
    }
    let digest = Algorithm::Sha512.of(manifest.to_string());
    let answer = registry.put_manifest("base", &format!("{digest}?tag=v1"), &manifest).await;
    assert_eq!(header(&answer, "docker-content-digest"), digest.to_string());
    PinnedReference::new(registry.host(), "base", digest)
}

#[test]
fn a_base_with_sha512_digests_is_pinned_copied_proven_and_read() {
    let (workshop, registry) = (Workshop::new(20_000), Embedded::start());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let base = runtime.block_on(base(&workshop, &registry));
    let envlock = workshop.begun();
    let tagged = format!("{}/base:v1", workshop.proxy.host());
    let spec = envlock.read("envlock.toml").replace(&tagged, &base.to_string());
    envlock.write("envlock.toml", spec);
    envlock.run(["resolve"]).exits(0);
    let digests = locked(&envlock).base.runtime.digests.unwrap();
    assert_eq!((digests.index_digest, digests.platform_digest), (base.digest(), base.digest()));

    let destination = format!("{}/team", registry.host());
    let push = ["build", "--push", "--engine", "layers", "--json", "--registry", &destination];
    let images = images(&envlock.run(push).exits(0));
    let ray = pull(&images["ray-runtime"]);
    let layer: Digest = ray.manifest["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    assert_eq!(layer.algorithm(), Algorithm::Sha512);
    assert!(ray.paths().contains_key("etc/passwd"));
    envlock.run(["verify", "--supply", "--deep"]).exits(0);
    envlock.run(["rollback", "--to", "0"]).exits(0);
    let read = envlock.run(["size", "--json", &base.to_string()]).exits(0).stdout();
    assert!(read.contains(&base.digest().to_string()), "{read}");

    // Bytes that are not what the digest says are found, whatever its algorithm.
    let blob = registry.folder().join("blobs/sha512").join(base.digest().hex());
    let text = fs_err::read_to_string(&blob).unwrap().replace("schemaVersion", "schemaversion");
    fs_err::remove_file(&blob).unwrap();
    fs_err::write(&blob, text).unwrap();
    let told = envlock.run(["size", &base.to_string()]).exits(6).stderr();
    assert!(told.contains(&base.digest().to_string()), "{told}");
}
