//! What we push, pulled by a client that is not ours: `oci-client`, in the program of tests/oci-client, which hashes what it gets.

use std::collections::BTreeSet;
use std::process::Command;

use envlock::digest::Digest;
use serde_json::{Value, json};

use super::push::{Image, client, noise, ours};
use crate::support::{Embedded, INDEX, Registry, left_out};

/// An image of ours, under its tag, its digest and the tag of an index that names it, as oci-client finds it.
async fn is_pulled_from(host: &str) {
    let Some(program) = std::env::var_os("ENVLOCK_TEST_OCI_CLIENT") else {
        left_out(format_args!(
            "oci-client is not built: what needs it is left out (ENVLOCK_TEST_OCI_CLIENT names it)"
        ));
        return;
    };
    let layers = [noise(1, 700_000), noise(2, 5)];
    let image = Image::new(host, "team/pulled", layers.iter().cloned().map(ours).collect());
    let own = client(100_000);
    own.push(&image.push(), &[]).await.unwrap();
    let digest = Digest::of(&image.manifest).to_string();
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest,
        "size": image.manifest.len(), "platform": { "os": "linux", "architecture": "amd64" } }] });
    let index = bytes::Bytes::from(index.to_string());
    own.put_tag(&image.to, &index, "all").await.unwrap();

    let index = Digest::of(&index).to_string();
    for (name, top) in [(":v1", &digest), (&format!("@{digest}"), &digest), (":all", &index)] {
        let reference = format!("{host}/team/pulled{name}");
        let run = Command::new(&program).arg(&reference).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{reference}: {said}");
        let found: Value = serde_json::from_slice(&run.stdout).unwrap();
        let expected = json!({
            "reference": { "digest": top, "sha256": top },
            "image": digest,
            "config": Digest::of(&image.config).to_string(),
            "layers": layers.iter().map(|l| Digest::of(l).to_string()).collect::<BTreeSet<_>>(),
        });
        assert_eq!(found, expected, "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oci_client_pulls_from_docker_registry_what_we_pushed() {
    is_pulled_from(Registry::start().host()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oci_client_pulls_from_envlock_serve_what_we_pushed() {
    is_pulled_from(Embedded::start().host()).await;
}
