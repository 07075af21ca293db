//! cosign, the program: signs images and statements about them, and checks what was signed. Version 3 or newer: its
//! bundles are referrers of the image.

use std::io::Write;
use std::process::{Output, Stdio};

use base64::Engine as _;
use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::Error;
use crate::reference::PinnedReference;
use crate::spec::{SignSpec, SignWith};
use crate::tool_version::too_old;

/// The first cosign whose bundles are referrers of the image.
const OLDEST: Version = Version::new(3, 0, 0);
/// The first that signs by [`NOBODY`], where nothing goes to sigstore's public log.
const OLDEST_WITHOUT_LOG: Version = Version::new(3, 0, 4);

/// No certificate authority, no log, no clock service: what is left is the key.
const NOBODY: &str = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#;

/// What it prints where an image has nothing that the key or identity signed; it has no exit code for that. Text that
/// is none of these is a failure: a check that could not be made must not count as a missing signature.
const NOTHING: [&str; 4] = [
    "no signatures found",
    "no matching signatures",
    "no matching attestations",
    "none of the attestations matched the predicate type",
];

/// What can be attested, as cosign calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attested {
    /// SLSA v1 provenance.
    Provenance,
    /// A CycloneDX bill of materials.
    Sbom,
}

impl Attested {
    fn name(self) -> &'static str {
        match self {
            Attested::Provenance => "slsaprovenance1",
            Attested::Sbom => "cyclonedx",
        }
    }
}

/// The cosign that was found, and how it signs.
#[derive(Debug, Clone)]
pub struct Cosign {
    spec: SignSpec,
    /// Keys are named relative to it.
    folder: Utf8PathBuf,
    insecure: bool,
}

impl Cosign {
    /// Finds a cosign that can do what `[sign]` asks for.
    ///
    /// # Errors
    /// [`Error::NoCosign`], and [`Error::OldCosign`] where its version is too old.
    pub async fn find(spec: &SignSpec, folder: &Utf8Path, insecure: bool) -> Result<Self, Error> {
        let asked = Command::new("cosign").arg("version").stdin(Stdio::null()).output().await;
        let oldest = if spec.log { OLDEST } else { OLDEST_WITHOUT_LOG };
        match asked {
            Ok(output) if let Some(found) = too_old(&printed(&output), &oldest) => {
                Err(Error::OldCosign { found, oldest })
            }
            Ok(_) => Ok(Cosign { spec: spec.clone(), folder: folder.to_owned(), insecure }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NoCosign),
            Err(error) => {
                Err(Error::Cosign { what: "version".to_owned(), said: error.to_string() })
            }
        }
    }

    /// Signs the image, unless it has a signature of ours; returns whether it signed.
    ///
    /// # Errors
    /// [`Error::Cosign`], also where cosign cannot say whether it is signed.
    pub async fn sign(&self, image: &PinnedReference) -> Result<bool, Error> {
        if self.says_who() {
            match self.verify(image).await {
                Ok(()) => return Ok(false),
                Err(error) if is_nothing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let config = self.signing_config()?;
        let mut arguments = self.signing(config.as_ref());
        arguments.push(image.to_string());
        self.run("sign", &arguments).await.map(|_| true)
    }

    /// Signs a statement about the image, unless one of ours says the same; returns whether it signed.
    pub async fn attest(
        &self,
        image: &PinnedReference,
        kind: Attested,
        predicate: &str,
    ) -> Result<bool, Error> {
        let statement: Option<Value> = serde_json::from_str(predicate).ok();
        let known = self.known(image, kind).await?;
        // An image that was built again with the same digest keeps its first provenance.
        let is_said = match kind {
            Attested::Provenance => !known.is_empty(),
            Attested::Sbom => known.iter().any(|said| statement.as_ref() == Some(said)),
        };
        if is_said {
            return Ok(false);
        }
        let (config, file) = (self.signing_config()?, temporary(predicate)?);
        let mut arguments = self.signing(config.as_ref());
        arguments.extend(["--type", kind.name(), "--predicate"].map(str::to_owned));
        arguments.push(file.path().display().to_string());
        arguments.push(image.to_string());
        self.run("attest", &arguments).await.map(|_| true)
    }

    /// Checks the image's signature.
    ///
    /// # Errors
    /// [`Error::Cosign`] with what cosign says.
    pub async fn verify(&self, image: &PinnedReference) -> Result<(), Error> {
        let (mut arguments, _key) = self.verifying().await?;
        arguments.push(image.to_string());
        self.run("verify", &arguments).await.map(|_| ())
    }

    /// The predicates of this kind that are signed already. Where `[sign]` does not say who may sign, none
    /// counts.
    ///
    /// # Errors
    /// [`Error::Cosign`] where cosign cannot say.
    pub async fn known(
        &self,
        image: &PinnedReference,
        kind: Attested,
    ) -> Result<Vec<Value>, Error> {
        if !self.says_who() {
            return Ok(vec![]);
        }
        match self.attestations(image, kind).await {
            Err(error) if is_nothing(&error) => Ok(vec![]),
            found => found,
        }
    }

    /// The predicates of this kind that the key or identity of [`SignSpec`] signed.
    ///
    /// # Errors
    /// [`Error::Cosign`], also where there is none.
    pub async fn attestations(
        &self,
        image: &PinnedReference,
        kind: Attested,
    ) -> Result<Vec<Value>, Error> {
        let (mut arguments, _key) = self.verifying().await?;
        arguments.extend(["--type".to_owned(), kind.name().to_owned(), image.to_string()]);
        let said = self.run("verify-attestation", &arguments).await?;
        let mut predicates = Vec::new();
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            let mut statement = statement(line).ok_or_else(|| Error::Cosign {
                what: format!("verify-attestation {image}"),
                said: format!("its answer is not a signed statement: {line:.80}"),
            })?;
            let subjects = statement["subject"].as_array().into_iter().flatten();
            let digest = image.digest();
            let mut digests = subjects.map(|subject| &subject["digest"][digest.algorithm().name()]);
            if digests.any(|of| *of == digest.hex()) {
                predicates.push(statement["predicate"].take());
            }
        }
        Ok(predicates)
    }

    /// Whether `[sign]` says enough to recognize our own signatures.
    pub(super) fn says_who(&self) -> bool {
        !matches!(
            &self.spec.with,
            SignWith::Keyless { identity: None, .. } | SignWith::Keyless { issuer: None, .. }
        )
    }

    fn signing_config(&self) -> Result<Option<NamedTempFile>, Error> {
        if self.spec.log { Ok(None) } else { temporary(NOBODY).map(Some) }
    }

    fn signing(&self, config: Option<&NamedTempFile>) -> Vec<String> {
        let mut arguments = vec!["--yes".to_owned()];
        if let SignWith::Key { key, .. } = &self.spec.with {
            arguments.extend(["--key".to_owned(), key.clone()]);
        }
        if let Some(config) = config {
            arguments.extend(["--signing-config".to_owned(), config.path().display().to_string()]);
        }
        arguments.extend(self.insecure.then(|| "--allow-http-registry".to_owned()));
        arguments
    }

    /// With the file of a public key that was asked for, where there is one.
    async fn verifying(&self) -> Result<(Vec<String>, Option<NamedTempFile>), Error> {
        let mut arguments = Vec::new();
        let mut file = None;
        match &self.spec.with {
            SignWith::Key { public_key: Some(key), .. } => {
                arguments.extend(["--key".to_owned(), key.clone()]);
            }
            SignWith::Key { key, public_key: None } => {
                let public = self.run("public-key", &["--key".to_owned(), key.clone()]).await?;
                let public = temporary(&public)?;
                arguments.extend(["--key".to_owned(), public.path().display().to_string()]);
                file = Some(public);
            }
            SignWith::Keyless { identity, issuer } => {
                let (identity, issuer) = (identity.clone(), issuer.clone());
                let (Some(identity), Some(issuer)) = (identity, issuer) else {
                    let said = "identity and issuer under [sign] say who may have signed; set both";
                    return Err(Error::Cosign { what: "verify".to_owned(), said: said.to_owned() });
                };
                arguments.extend(["--certificate-identity".to_owned(), identity]);
                arguments.extend(["--certificate-oidc-issuer".to_owned(), issuer]);
            }
        }
        arguments.extend((!self.spec.log).then(|| "--insecure-ignore-tlog".to_owned()));
        arguments.extend(self.insecure.then(|| "--allow-http-registry".to_owned()));
        Ok((arguments, file))
    }

    async fn run(&self, verb: &str, arguments: &[String]) -> Result<String, Error> {
        tracing::debug!(verb, ?arguments, "cosign");
        let what = match arguments.last() {
            Some(image) if image.contains('@') => format!("{verb} {image}"),
            _ => verb.to_owned(),
        };
        let mut command = Command::new("cosign");
        command.arg(verb).args(arguments).current_dir(&self.folder);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
        let output = output
            .map_err(|error| Error::Cosign { what: what.clone(), said: error.to_string() })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said =
            said.lines().rfind(|line| line.starts_with("Error:") || line.starts_with("error"));
        let said = said.map_or_else(
            || output.status.to_string(),
            |line| line.trim_start_matches("Error: ").to_owned(),
        );
        Err(Error::Cosign { what, said })
    }
}

/// What a program printed; cosign writes its version to one stream or the other.
fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).join("\n")
}

/// Whether cosign found nothing that counts, and did not fail otherwise.
pub(super) fn is_nothing(error: &Error) -> bool {
    matches!(error, Error::Cosign { said, .. } if NOTHING.iter().any(|words| said.contains(words)))
}

/// The statement in an envelope as cosign prints it.
fn statement(line: &str) -> Option<Value> {
    let envelope: Value = serde_json::from_str(line).ok()?;
    let payload = envelope["payload"].as_str()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn temporary(text: &str) -> Result<NamedTempFile, Error> {
    let write = || {
        let mut file = NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    write().map_err(Error::Temporary)
}
