//! Compares everything that is known of an image: its lock, layers, documents, signatures. Pure.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Evidence;
use crate::digest::{Digest, Sha256};
use crate::export::PROVENANCE;
use crate::lock::{Lock, Package};

/// The state of one part of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is there and agrees with the rest.
    Ok,
    /// It could not be checked, and nothing requires it.
    Unknown,
    /// It is not there.
    Missing,
    /// It contradicts the rest.
    Mismatch,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// `lock`, `layers`, `sbom`, `provenance`, `signature`, …
    pub part: &'static str,
    /// Its state.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
}

fn finding(part: &'static str, verdict: Verdict, found: impl Into<String>) -> Finding {
    Finding { part, verdict, found: found.into() }
}

/// Everything about one image, in the order of the chain.
pub fn check(evidence: &Evidence) -> Vec<Finding> {
    let (lock, found) = lock(evidence);
    let mut findings = vec![found];
    match &lock {
        Some((lock, text)) => {
            findings.push(layers(evidence, lock));
            findings.push(all("sbom", &evidence.sboms, |bill| sbom(evidence, lock, text, bill)));
            let is_ours = |statement: &&Value| statement["predicateType"] == PROVENANCE;
            let ours: Vec<_> = evidence.statements.iter().filter(is_ours).cloned().collect();
            findings.push(all("provenance", &ours, |said| provenance(evidence, lock, text, said)));
        }
        None => {
            let why = "without the lock there is nothing to compare it with";
            let parts = ["layers", "sbom", "provenance"];
            findings.extend(parts.map(|part| finding(part, Verdict::Unknown, why)));
        }
    }
    findings.extend(signatures(evidence));
    findings
}

/// Accepts that the documents beside an image are missing, and says why.
pub fn excuse(findings: &mut [Finding], why: &str) {
    for finding in findings {
        let is_document = matches!(finding.part, "lock" | "sbom" | "provenance");
        if is_document && finding.verdict == Verdict::Missing {
            finding.verdict = Verdict::Unknown;
            finding.found = format!("{}: {why}", finding.found);
        }
    }
}

fn lock(evidence: &Evidence) -> (Option<(Lock, String)>, Finding) {
    let part = "lock";
    let Some(label) = evidence.lock_sha256() else {
        let found = "the image does not say which lock it was built from";
        return (None, finding(part, Verdict::Missing, found));
    };
    let mut own = None;
    for (text, from) in &evidence.locks {
        match evidence.is_of(text) {
            Some(lock) => own = own.or(Some((lock, text.clone()))),
            None => {
                let (sha256, host) = (Sha256::of(text), evidence.image.registry());
                let found = format!(
                    "{host} has a lock of sha256 {sha256} beside it ({from}), the image is of {label}"
                );
                return (own, finding(part, Verdict::Mismatch, found));
            }
        }
    }
    match own {
        Some(own) => {
            let found = format!("sha256 {label}, {} packages", own.0.packages.len());
            (Some(own), finding(part, Verdict::Ok, found))
        }
        None => {
            (None, finding(part, Verdict::Missing, format!("no lock of sha256 {label} beside it")))
        }
    }
}

/// Every document of a kind must agree; there must be one.
fn all(
    part: &'static str,
    documents: &[Value],
    check: impl Fn(&Value) -> Result<String, String>,
) -> Finding {
    if documents.is_empty() {
        return finding(part, Verdict::Missing, "none beside it");
    }
    let checked: Result<Vec<_>, _> = documents.iter().map(check).collect();
    match checked {
        Ok(found) => finding(part, Verdict::Ok, found.into_iter().next().unwrap_or_default()),
        Err(why) => finding(part, Verdict::Mismatch, why),
    }
}

/// The layers above the base are those of the lock, in name, digest and content.
fn layers(evidence: &Evidence, lock: &Lock) -> Finding {
    let part = "layers";
    let wrong = |found: String| finding(part, Verdict::Mismatch, found);
    let layers = &evidence.manifest.layers;
    let ids = evidence.config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
    if ids.len() != layers.len() {
        return wrong(format!("{} layers, and {} in the config", layers.len(), ids.len()));
    }
    let bases = [&lock.base.runtime, &lock.base.devel];
    let locked = |base: &crate::reference::PinnedReference| {
        bases.iter().any(|pin| pin.digests.is_some_and(|d| d.platform_digest == base.digest()))
    };
    match evidence.base() {
        Some(base) if !locked(&base) => {
            return wrong(format!("the lock does not have its base {base}"));
        }
        _ => {}
    }
    let history = evidence.config["history"].as_array().cloned().unwrap_or_default();
    let steps: Vec<_> = history.iter().filter(|step| step["empty_layer"] != true).collect();
    let mut own = 0;
    if steps.len() == layers.len() {
        for ((step, layer), id) in steps.iter().zip(layers).zip(&ids) {
            let by = step["created_by"].as_str().unwrap_or_default();
            let Some(name) = by.strip_prefix("envlock layer ") else { continue };
            own += 1;
            if matches!(name, "system" | "python") {
                continue;
            }
            let pin = lock.layers.iter().find(|pin| pin.digest == layer.digest && pin.name == name);
            match pin {
                Some(pin) if *id == pin.diff_id.to_string() && pin.size == layer.size => {}
                Some(_) => {
                    return wrong(format!(
                        "the layer {name} ({}) has other content than the lock says",
                        layer.digest
                    ));
                }
                None => return wrong(format!("the lock has no layer {name} of {}", layer.digest)),
            }
        }
    }
    let below: Vec<_> = layers.iter().take(layers.len() - own).map(|layer| layer.digest).collect();
    let under = match &evidence.base_layers {
        Ok(base) if own > 0 && *base != below => {
            return wrong("the layers below ours are not its base's".to_owned());
        }
        // BuildKit may compress a base's layers again: only what is above says who made it.
        Ok(_) => "on its base".to_owned(),
        Err(why) => format!("its base was not compared: {why}"),
    };
    let who = match own {
        0 => "made by BuildKit, which the lock does not know the digests of".to_owned(),
        own => format!("{own} of them ours, as locked"),
    };
    finding(part, Verdict::Ok, format!("{} layers, all there, {who}; {under}", layers.len()))
}

fn inside<'a>(lock: &'a Lock, groups: &[&str]) -> Vec<&'a Package> {
    lock.packages.iter().filter(|package| groups.contains(&package.group.as_str())).collect()
}

/// The bill names this image, and exactly the wheels that the lock has for its groups.
fn sbom(evidence: &Evidence, lock: &Lock, text: &str, bill: &Value) -> Result<String, String> {
    let about = &bill["metadata"]["component"];
    if about["version"] != evidence.image.digest().to_string() {
        return Err(format!("it is about {}", about["version"]));
    }
    let property = |name: &str| {
        let all = about["properties"].as_array()?;
        all.iter().find(|p| p["name"] == name)?["value"].as_str()
    };
    if property("envlock:lock-sha256") != Some(&Sha256::of(text).to_string()) {
        return Err("it is of another lock".to_owned());
    }
    let groups: Vec<&str> = property("envlock:groups").unwrap_or_default().split(',').collect();
    let own = evidence.groups();
    if own.as_ref().is_some_and(|own| own.iter().map(String::as_str).ne(groups.iter().copied())) {
        return Err(format!("it has the groups {}, the provenance others", groups.join(", ")));
    }
    let listed: BTreeSet<(String, String)> = (bill["components"].as_array().into_iter().flatten())
        .filter(|component| component["type"] == "library")
        .map(|c| (word(&c["name"]), word(&c["hashes"][0]["content"])))
        .collect();
    let locked: BTreeSet<_> = inside(lock, &groups)
        .into_iter()
        .map(|package| (package.name.to_string(), package.sha256.to_string()))
        .collect();
    match locked.symmetric_difference(&listed).next() {
        Some((name, sha256)) => {
            Err(format!("{name} of sha256 {sha256} is not in both, the lock and it"))
        }
        None => Ok(format!("{} packages, as locked", listed.len())),
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The statement is about this image, and everything that went in is the lock's.
fn provenance(
    evidence: &Evidence,
    lock: &Lock,
    text: &str,
    statement: &Value,
) -> Result<String, String> {
    let is_of =
        |digest: Digest, entry: &Value| entry["digest"][digest.algorithm().name()] == digest.hex();
    let subjects = statement["subject"].as_array().cloned().unwrap_or_default();
    if !subjects.iter().any(|subject| is_of(evidence.image.digest(), subject)) {
        return Err("it is about another image".to_owned());
    }
    let build = &statement["predicate"]["buildDefinition"];
    if build["externalParameters"]["lock"]["digest"]["sha256"] != Sha256::of(text).to_string() {
        return Err("it names another lock".to_owned());
    }
    let materials = build["resolvedDependencies"].as_array().cloned().unwrap_or_default();
    let has = |digest: Digest| materials.iter().any(|material| is_of(digest, material));
    if let Some(base) = evidence.base()
        && !has(base.digest())
    {
        return Err(format!("it does not name the base {base}"));
    }
    let groups = build["externalParameters"]["groups"].as_array().cloned().unwrap_or_default();
    let groups: Vec<&str> = groups.iter().filter_map(Value::as_str).collect();
    let locked = inside(lock, &groups);
    if let Some(package) = locked.iter().find(|package| !has(package.sha256.into())) {
        return Err(format!("it does not name {}", package.file));
    }
    let wheels = materials.iter().filter(|m| word(&m["name"]).ends_with(".whl")).count();
    if wheels != locked.len() {
        return Err(format!("it names {wheels} wheels, the lock has {} for it", locked.len()));
    }
    let builder = word(&statement["predicate"]["runDetails"]["builder"]["id"]);
    Ok(format!("{} files in, built by {builder}", materials.len()))
}

fn signatures(evidence: &Evidence) -> Vec<Finding> {
    let part = "signature";
    let Some(signed) = &evidence.signed else {
        let found = match evidence.bundles() {
            0 => "not signed, and [sign] does not ask for it".to_owned(),
            some => {
                format!("{some} signatures or signed statements; [sign] does not say whose count")
            }
        };
        return vec![finding(part, Verdict::Unknown, found)];
    };
    let failed = |part: &'static str, why: &str| match evidence.bundles() {
        0 => finding(part, Verdict::Missing, "not signed"),
        _ => finding(part, Verdict::Mismatch, why),
    };
    let own = match &signed.signature {
        Ok(()) => finding(part, Verdict::Ok, "signed by the key or identity that [sign] names"),
        Err(why) => failed(part, why),
    };
    let predicates: Vec<Value> =
        evidence.statements.iter().map(|statement| statement["predicate"].clone()).collect();
    let attested = |part, found: &Result<Vec<Value>, String>, plain: &[Value]| match found {
        Err(why) => failed(part, why),
        Ok(found) if found.is_empty() => failed(part, "no statement about this image was signed"),
        Ok(found) if found.iter().any(|said| plain.contains(said)) => {
            finding(part, Verdict::Ok, "signed, and the same as the one beside the image")
        }
        Ok(_) => {
            finding(part, Verdict::Mismatch, "what was signed is not what is beside the image")
        }
    };
    vec![
        own,
        attested("signed provenance", &signed.provenance, &predicates),
        attested("signed sbom", &signed.sbom, &evidence.sboms),
    ]
}
