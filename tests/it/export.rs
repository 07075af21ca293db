//! `envlock export`: what other tools get, and what they never get.

use crate::support::{Envlock, FakeIndex, UNREACHED_BASE};

use super::resolve::{base, spec, stack};

fn locked() -> (Envlock, FakeIndex) {
    let (_registry, base) = base();
    let (index, envlock) = (stack(), Envlock::new());
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    envlock.run(["resolve"]).exits(0);
    (envlock, index)
}

#[test]
fn pylock_has_an_address_and_a_hash_for_every_wheel() {
    let (envlock, index) = locked();
    let lock = envlock::lock::parse(&envlock.read("env.lock")).unwrap();
    envlock.run(["export", "--format", "pylock", "-o", "pylock.toml"]).exits(0);
    let text = envlock.read("pylock.toml");
    let table: toml::Table = toml::from_str(&text).unwrap();
    let packages = table["packages"].as_array().unwrap();
    assert_eq!(packages.len(), lock.packages.len());
    for (written, locked) in packages.iter().zip(&lock.packages) {
        let wheel = &written["wheels"][0];
        assert_eq!(wheel["hashes"]["sha256"].as_str().unwrap(), locked.sha256.to_string());
        let url: url::Url = wheel["url"].as_str().unwrap().parse().unwrap();
        assert_eq!(url.port(), index.url().port());
        assert_eq!(url.path(), locked.locations[0].path);
    }
    let again = envlock.run(["export", "--format", "pylock"]).exits(0);
    assert_eq!(again.stdout(), text);
    let named = envlock.run(["export", "--format", "pylock", "-o", "my.toml"]).exits(2);
    assert!(named.stderr().contains("pylock.NAME.toml"), "{}", named.stderr());
    assert!(!envlock.path("my.toml").exists());
}

#[test]
fn requirements_and_the_bill_of_materials_need_no_network() {
    let (envlock, index) = locked();
    let asked = index.requests("");
    let run = envlock.run(["export", "--format", "requirements"]).exits(0);
    let text = run.stdout();
    assert!(text.contains(&format!("--extra-index-url {}\n", index.url())), "{text}");
    assert!(
        text.contains(&format!("--find-links {}torch-2.14.0+cu130.html\n", index.pyg_url())),
        "{text}"
    );
    assert_eq!(text.matches("--hash=sha256:").count(), 4);
    assert!(text.contains("torch==2.14.1+cu130 \\\n    --hash=sha256:"), "{text}");

    let bill = |envlock: &Envlock| {
        let run = envlock.run(["export", "--format", "cyclonedx"]).exits(0);
        serde_json::from_str::<serde_json::Value>(&run.stdout()).unwrap()
    };
    let one = bill(&envlock);
    assert_eq!(one, bill(&envlock));
    // Python, two bases, four packages; each is a node of the graph, and so is the lock.
    assert_eq!(one["components"].as_array().unwrap().len(), 7);
    assert_eq!(one["dependencies"].as_array().unwrap().len(), 8);
    assert!(one["metadata"].get("timestamp").is_none());
    let timed = bill(&envlock.env("SOURCE_DATE_EPOCH", 0));
    assert_eq!(timed["metadata"]["timestamp"], "1970-01-01T00:00:00Z");
    assert_eq!(timed["serialNumber"], one["serialNumber"]);
    assert_eq!(index.requests(""), asked);
}

#[test]
fn a_wheel_that_is_another_one_now_is_not_exported() {
    let (envlock, index) = locked();
    let text = envlock.read("env.lock");
    let lock = envlock::lock::parse(&text).unwrap();
    let numpy = lock.package(&"numpy".parse().unwrap()).unwrap().sha256.to_string();
    envlock.write("env.lock", text.replace(&numpy, &"0".repeat(64)));
    let run = envlock.run(["export", "--format", "pylock", "-o", "pylock.toml"]).exits(6);
    assert!(run.stderr().contains("numpy"), "{}", run.stderr());
    assert!(!envlock.path("pylock.toml").exists());
    assert!(index.requests("simple/numpy") > 0);
}

#[test]
fn a_wheel_whose_metadata_lacks_the_local_version_is_exported_by_its_address() {
    let index = FakeIndex::start();
    index.wheel("odd", "1.0+corp").bare_metadata().add();
    index.wheel("even", "1.0+corp").add();
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        format!(
            "{UNREACHED_BASE}[groups.all]\npackages = [\"odd\", \"even\"]\n[images.all]\ngroups = [\"all\"]\n\
             [sources.pypi]\nurl = \"{}\"\n",
            index.url()
        ),
    );
    envlock.run(["resolve"]).exits(0);
    let text = envlock.read("env.lock");
    assert_eq!(text.matches("bare-metadata = true\n").count(), 1, "{text}");
    let address = format!("http://{}/files/odd-1.0%2Bcorp-py3-none-any.whl", index.host());
    let requirements = envlock.run(["export", "--format", "requirements"]).exits(0).stdout();
    assert!(requirements.contains(&format!("odd @ {address} \\\n    --hash=")), "{requirements}");
    assert!(requirements.contains("even==1.0+corp \\\n"), "{requirements}");
    let pylock = envlock.run(["export", "--format", "pylock"]).exits(0).stdout();
    let table: toml::Table = toml::from_str(&pylock).unwrap();
    let packages = table["packages"].as_array().unwrap();
    let odd = packages.iter().find(|package| package["name"].as_str() == Some("odd")).unwrap();
    assert_eq!(odd["archive"]["url"].as_str(), Some(address.as_str()));
    // The lock stays as it is where nothing changed.
    envlock.run(["resolve", "--upgrade"]).exits(0);
    assert_eq!(envlock.read("env.lock"), text);
}
