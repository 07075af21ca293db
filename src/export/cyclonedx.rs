//! A CycloneDX 1.6 bill of materials: what is in the images, with hashes, and what needs what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Origin;
use crate::digest::{Algorithm, Digest, Sha256};
use crate::lock::{BasePin, Lock, Package, PythonPin};
use crate::reference;
use crate::spec::GroupName;

/// The subject of a lock's bill of materials.
const ROOT: &str = "env.lock";

/// The lock as a bill of materials. The same lock gives the same bytes; `time` is in it when given.
pub fn cyclonedx(lock: &Lock, lock_sha256: Sha256, time: Option<Timestamp>) -> String {
    let component = json!({
        "type": "application",
        "bom-ref": ROOT,
        "name": ROOT,
        "version": lock_sha256.to_string(),
        "hashes": [sha256(lock_sha256)],
        "properties": properties(lock),
    });
    let bases = [("runtime", &lock.base.runtime), ("devel", &lock.base.devel)];
    bill(lock, component, &bases, lock_sha256, time)
}

/// What of the lock is in one image, as a bill of materials of that image. The same image gives the same bytes.
pub fn cyclonedx_of_image(of: Origin) -> String {
    let lock = of.lock;
    let packages = lock.packages.iter().filter(|package| of.groups.contains(&package.group));
    let inside = Lock { packages: packages.cloned().collect(), ..lock.clone() };
    let digest = of.image.digest();
    let mut properties = properties(lock);
    let groups: Vec<_> = of.groups.iter().map(GroupName::as_str).collect();
    properties.push(property("envlock:groups", &groups.join(",")));
    properties.push(property("envlock:lock-sha256", &of.lock_sha256().to_string()));
    let place = format!("{}/{}", of.image.registry(), of.image.repository());
    let name = of.image.repository().rsplit('/').next().unwrap_or_default();
    let purl = format!(
        "pkg:oci/{name}@{}?repository_url={}",
        escaped(&digest.to_string()),
        escaped(&place)
    );
    let component = json!({
        "type": "container",
        "bom-ref": purl,
        "name": place,
        "version": digest.to_string(),
        "hashes": [hash(digest)],
        "purl": purl,
        "properties": properties,
    });
    let bases = [("runtime", &lock.base.runtime), ("devel", &lock.base.devel)];
    let own = |pin: &BasePin| pin.digests.is_some_and(|d| d.platform_digest == of.base.digest());
    let base: Vec<_> = bases.into_iter().filter(|(_, pin)| own(pin)).take(1).collect();
    bill(&inside, component, &base, digest.key(), None)
}

fn properties(lock: &Lock) -> Vec<Value> {
    let target = &lock.target;
    let mut properties = vec![
        property("envlock:platform", target.platform.name()),
        property("envlock:glibc", &target.glibc.to_string()),
        property("envlock:cuda-tag", &target.cuda_tag.to_string()),
    ];
    properties.extend(target.min_driver.map(|d| property("envlock:min-driver", &d.to_string())));
    properties
        .extend(target.arch_list.iter().map(|arch| property("envlock:arch", &arch.to_string())));
    properties.extend(lock.profile.as_ref().map(|p| property("envlock:profile", p.as_str())));
    properties
}

fn bill(
    lock: &Lock,
    component: Value,
    bases: &[(&str, &BasePin)],
    serial: Sha256,
    time: Option<Timestamp>,
) -> String {
    let root = component["bom-ref"].as_str().unwrap_or(ROOT).to_owned();
    let mut components = vec![python(&lock.python)];
    components.extend(bases.iter().map(|(role, pin)| base(role, pin)));
    components.extend(lock.packages.iter().map(library));
    let mut metadata = json!({
        "tools": { "components": [{
            "type": "application", "name": "envlock", "version": env!("CARGO_PKG_VERSION"),
        }] },
        "component": component,
    });
    if let Some(time) = time {
        metadata["timestamp"] = json!(time.to_string());
    }
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(serial)),
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies(lock, &root, &components),
    });
    format!("{bill:#}\n")
}

fn library(package: &Package) -> Value {
    json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name.to_string(),
        "version": package.version.to_string(),
        "scope": "required",
        "hashes": [sha256(package.sha256)],
        "purl": purl(package),
        "properties": [
            property("envlock:group", package.group.as_str()),
            property("envlock:file", &package.file),
            property("envlock:size", &package.size.to_string()),
            property("envlock:unpacked-size", &package.unpacked_size.to_string()),
        ],
    })
}

fn purl(package: &Package) -> String {
    let (version, file) = (escaped(&package.version.to_string()), escaped(&package.file));
    format!("pkg:pypi/{}@{version}?file_name={file}", package.name)
}

fn python(pin: &PythonPin) -> Value {
    let hashes: Vec<_> = pin.archive.iter().map(|archive| sha256(archive.sha256)).collect();
    json!({
        "type": "platform",
        "bom-ref": "python",
        "name": "cpython",
        "version": pin.version.to_string(),
        "hashes": hashes,
        "purl": format!("pkg:generic/cpython@{}", pin.version),
    })
}

fn base(role: &str, pin: &BasePin) -> Value {
    let mut component = json!({
        "type": "container",
        "bom-ref": format!("base:{role}"),
        "name": pin.reference,
        "scope": if role == "runtime" { "required" } else { "optional" },
    });
    let (Some(digests), Ok(image)) = (pin.digests, reference::parse(&pin.reference)) else {
        return component;
    };
    let digest = digests.platform_digest.to_string();
    let (registry, repository) = (image.registry(), image.repository());
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let place = escaped(&format!("{registry}/{repository}"));
    let tag = image.tag().map_or_else(String::new, |tag| format!("&tag={}", escaped(tag)));
    let purl = format!("pkg:oci/{name}@{}?repository_url={place}{tag}", escaped(&digest));
    component["version"] = json!(digest);
    component["hashes"] = json!([hash(digests.platform_digest)]);
    component["purl"] = json!(purl);
    component
}

/// What each component needs; the lock itself needs what was asked for, Python and the bases.
fn dependencies(lock: &Lock, root: &str, components: &[Value]) -> Vec<Value> {
    let asked = lock.packages.iter().filter(|p| !p.requested.is_empty()).map(purl);
    let refs = components.iter().filter_map(|component| component["bom-ref"].as_str());
    let own = refs.filter(|of| !of.starts_with("pkg:")).map(str::to_owned);
    let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &lock.packages {
        for by in package.required_by.iter().filter_map(|by| lock.package(by)) {
            needs.entry(purl(by)).or_default().push(purl(package));
        }
    }
    let entry = |of: &str, on: Vec<String>| json!({ "ref": of, "dependsOn": on });
    let mut graph = vec![entry(root, own.chain(asked).collect())];
    let refs = components.iter().filter_map(|component| component["bom-ref"].as_str());
    graph.extend(refs.map(|of| entry(of, needs.remove(of).unwrap_or_default())));
    graph
}

fn sha256(sha256: Sha256) -> Value {
    hash(sha256.into())
}

fn hash(digest: Digest) -> Value {
    let name = match digest.algorithm() {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512 => "SHA-512",
    };
    json!({ "alg": name, "content": digest.hex() })
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// Percent-encoded as package URLs want it.
fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A UUID of the hash's own (RFC 9562, version 8): the same lock, the same bill.
fn uuid(hash: Sha256) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::RunFacts;
    use crate::lock::sample;
    use crate::reference::PinnedReference;

    #[test]
    fn the_bill_is_the_same_every_time_and_has_the_whole_graph() {
        let mut lock = sample();
        lock.packages[1].required_by = vec!["ray".parse().unwrap()];
        lock.packages[1].requested.clear();
        let text = cyclonedx(&lock, Sha256::of("lock"), None);
        assert_eq!(text, cyclonedx(&lock.clone(), Sha256::of("lock"), None));
        assert!(!text.contains("timestamp"));
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "[version]"));
        let image = PinnedReference::new("r.example:5000", "team/ray-runtime", Digest::of("image"));
        let groups = [lock.packages[0].group.clone()];
        let base = lock.base.runtime.digests.unwrap().platform_digest;
        let base = PinnedReference::new("r.example", "base", base);
        let own = cyclonedx_of_image(Origin {
            image: &image,
            name: &"ray-runtime".parse().unwrap(),
            groups: &groups,
            base: &base,
            lock: &lock,
            lock_text: "lock",
            engine: "layers",
            run: &RunFacts::default(),
        });
        let read: Value = serde_json::from_str(&own).unwrap();
        assert_eq!(read["metadata"]["component"]["version"], image.digest().to_string());
        let inside = lock.packages.iter().filter(|p| p.group == groups[0]).count();
        let list = read["components"].as_array().unwrap();
        assert_eq!(list.iter().filter(|c| c["type"] == "library").count(), inside);
        assert_eq!(list.iter().filter(|c| c["type"] == "container").count(), 1);
        assert!(inside < lock.packages.len());
        let timed = cyclonedx(&lock, Sha256::of("lock"), Timestamp::from_second(0).ok());
        assert!(timed.contains("\"timestamp\": \"1970-01-01T00:00:00Z\""));
    }
}
