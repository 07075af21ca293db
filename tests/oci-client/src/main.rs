//! Pulls an image over HTTP with `oci-client`, which hashes what it gets, and prints what that was as JSON.
//!
//!     envlock-oci-client REFERENCE

use std::collections::BTreeSet;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::json;
use sha2::{Digest, Sha256};

const LAYERS: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Its HTTP client wants one, also where nothing is encrypted.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "two providers")?;
    let reference: Reference = std::env::args().nth(1).ok_or("name a reference")?.parse()?;
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    let (client, anonymous) = (Client::new(config), RegistryAuth::Anonymous);
    let (top, top_digest) = client
        .pull_manifest_raw(
            &reference,
            &anonymous,
            &[
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.index.v1+json",
            ],
        )
        .await?;
    let image = client.pull(&reference, &anonymous, LAYERS.to_vec()).await?;
    let sha256 = |bytes: &[u8]| format!("sha256:{:x}", Sha256::digest(bytes));
    // It gives them in the order in which they came.
    let layers: BTreeSet<_> = image.layers.iter().map(|layer| sha256(&layer.data)).collect();
    let found = json!({
        "reference": { "digest": top_digest, "sha256": sha256(&top) },
        "image": image.digest,
        "config": sha256(&image.config.data),
        "layers": layers,
    });
    println!("{found}");
    Ok(())
}
