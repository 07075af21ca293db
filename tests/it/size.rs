//! `envlock size` on images in a real registry: sums against the manifests and layers that others pull, changes, files,
//! pictures; the page in a real browser, where there is one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::schema::result;
use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Envlock, Run, left_out};

fn sized(envlock: &Envlock, arguments: &[&str]) -> Value {
    result("size", &envlock.run([&["size", "--json"][..], arguments].concat()).exits(0))
}

/// Bytes by the names of an image's layers.
fn layers(image: &Value, measure: &str) -> BTreeMap<String, Option<u64>> {
    let layers = image["layers"].as_array().unwrap().iter();
    layers.map(|l| (l["name"].as_str().unwrap().to_owned(), l[measure].as_u64())).collect()
}

#[test]
fn sums_are_those_of_the_layers_that_others_pull() {
    let workshop = Workshop::new(40_000);
    let envlock = workshop.project();
    let built = images(&workshop.build(&envlock, "team").exits(0));
    let report = sized(&envlock, &["--read"]);
    let found = report["images"].as_array().unwrap();
    let names: Vec<_> = found.iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ray-runtime", "marimo-runtime"], "what continues another comes after it");
    for image in found {
        let pulled = pull(&built[image["name"].as_str().unwrap()]);
        let stored: Vec<u64> = pulled.manifest["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["size"].as_u64().unwrap())
            .collect();
        let own = image["layers"].as_array().unwrap();
        let compressed: Vec<_> = own.iter().map(|l| l["compressed"].as_u64().unwrap()).collect();
        assert_eq!(compressed, stored);
        assert_eq!(image["compressed"]["bytes"].as_u64(), Some(stored.iter().sum()));
        let tars: Vec<_> = pulled.layers.iter().map(|tar| tar.len() as u64).collect();
        let unpacked: Vec<_> = own.iter().map(|l| l["unpacked"].as_u64().unwrap()).collect();
        assert_eq!(unpacked, tars);
        assert_eq!(image["unpacked"]["unknown_layers"], 0);
        // Every wheel is in the layer that has its files.
        for (layer, tar) in own.iter().zip(&pulled.layers) {
            for package in layer["packages"].as_array().unwrap() {
                let folder =
                    format!("/site-packages/{}/data.bin", package["name"].as_str().unwrap());
                let mut archive = tar::Archive::new(&tar[..]);
                let paths = archive
                    .entries()
                    .unwrap()
                    .map(|e| e.unwrap().path().unwrap().display().to_string());
                assert!(
                    paths.into_iter().any(|path| path.ends_with(&folder)),
                    "{folder} in {}",
                    layer["name"]
                );
            }
        }
    }
    let expected =
        ["base image", "system", "python", "pip", "ray (2 packages)", "polars", "ray", "marimo"];
    let names: Vec<_> = found[1]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, expected);
    assert_eq!(report["shared"]["compressed"], found[0]["compressed"]);
    assert_eq!(report["shared"]["layers"].as_u64(), Some(7));
    assert_eq!(report["shared"]["together"], found[1]["compressed"]);

    // From a digest alone, without the project: the lock lies beside the image.
    let elsewhere = workshop.begun();
    let alone = sized(&elsewhere, &["--read", &built["marimo-runtime"].to_string()]);
    assert_eq!(alone["images"][0], found[1]);
    assert!(alone["shared"].is_null());
    // By its name, and by its bare digest.
    let digest = built["ray-runtime"].digest().to_string();
    for word in ["ray-runtime", &digest] {
        assert_eq!(sized(&envlock, &["--read", word])["images"][0], found[0]);
    }
}

#[test]
fn layers_that_nothing_knows_are_unknown_until_they_are_read_and_then_remembered() {
    let workshop = Workshop::new(40_000);
    // A base of more than what is read without being asked for.
    workshop.big_base(5_000_000);
    let envlock = workshop.project();
    workshop.build(&envlock, "team").exits(0);
    let report = sized(&envlock, &["ray-runtime"]);
    assert_eq!(layers(&report["images"][0], "unpacked")["base image"], None);
    assert_eq!(report["images"][0]["unpacked"]["unknown_layers"], 1);
    let told = envlock.run(["size", "ray-runtime"]).exits(0).stdout();
    assert!(told.contains("and 1 unknown layer") && told.contains(" unknown "), "{told}");
    let read = sized(&envlock, &["ray-runtime", "--read"]);
    let base = layers(&read["images"][0], "unpacked")["base image"].unwrap();
    assert!(base > 5_000_000, "{base}");
    let (mark, again) = (workshop.mark(), sized(&envlock, &["ray-runtime"]));
    assert_eq!(again, read);
    let asked = workshop.proxy.asked().split_off(mark);
    for layer in read["images"][0]["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap();
        let again = asked.iter().any(|a| a.method == "GET" && a.path.contains(digest));
        assert!(!again, "the layer {} is read again", layer["name"]);
    }
}

#[test]
fn what_changed_since_a_release_is_told_by_package_and_by_layer() {
    let workshop = Workshop::new(40_000);
    let envlock = workshop.project();
    let first = images(&workshop.build(&envlock, "team").exits(0));
    workshop.index.wheel("polars", "1.1").file("polars/data.bin", vec![7; 90_000]).add();
    envlock.run(["resolve", "--upgrade", "polars"]).exits(0);

    // Before the build: the wheel says what it will move.
    let planned = sized(&envlock, &["--planned", "--since", "1"]);
    assert!(planned["images"][0]["image"].is_null());
    let changed = planned["changes"][0]["packages"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[0]["name"]), (1, &"polars".into()));
    let moved = planned["changes"][0]["layers"].as_array().unwrap();
    assert_eq!((moved.len(), &moved[0]["name"]), (1, &"polars".into()));

    workshop.build(&envlock, "team").exits(0);
    let by_number = sized(&envlock, &["--since", "1"]);
    let ray = &by_number["changes"][0];
    assert_eq!(
        (ray["name"].as_str(), ray["since"].as_str()),
        (Some("ray-runtime"), Some("release 1"))
    );
    let package = &ray["packages"][0];
    assert_eq!(
        (&package["from"]["version"], &package["to"]["version"]),
        (&"1.0".into(), &"1.1".into())
    );
    let names: Vec<_> =
        ray["layers"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["polars"]);
    let now = layers(&by_number["images"][0], "compressed")["polars"];
    assert_eq!((ray["pulled"]["bytes"].as_u64(), ray["layers"][0]["to"].as_u64()), (now, now));
    assert_eq!(by_number["changes"].as_array().unwrap().len(), 2);

    // The same by other words, and from anywhere.
    assert_eq!(sized(&envlock, &["--since", "previous"]), by_number);
    let old = first["ray-runtime"].to_string();
    let digest = first["ray-runtime"].digest().to_string();
    assert_eq!(sized(&envlock, &["ray-runtime", "--since", &digest])["changes"][0], *ray);
    let new = by_number["images"][0]["image"].as_str().unwrap();
    let elsewhere = workshop.begun();
    let apart = sized(&elsewhere, &[new, "--since", &old]);
    assert_eq!(apart["changes"][0]["packages"], ray["packages"]);
    let text = envlock.run(["size", "--since", "1"]).exits(0).stdout();
    assert!(text.contains("polars 1.0 → 1.1"), "{text}");
    let same = envlock.run(["size", "ray-runtime", "--since", new]).exits(0).stdout();
    assert!(same.contains("nothing changed"), "{same}");
    for since in ["0", "nonsense"] {
        envlock.run(["size", "--since", since]).exits(2);
    }
    let none = envlock.run(["size", "--since", "7"]);
    assert!(
        !none.0.status.success() && none.stderr().contains("releases 1 to 2"),
        "{}",
        none.stderr()
    );
}

#[test]
fn before_the_first_release_it_is_what_the_lock_plans() {
    let workshop = Workshop::new(40_000);
    let envlock = workshop.project();
    let report = sized(&envlock, &[]);
    assert_eq!(report["images"].as_array().unwrap().len(), 2);
    let ray = layers(&report["images"][0], "compressed");
    let wheel = workshop.wheels.iter().find(|wheel| wheel.file.starts_with("polars-")).unwrap();
    assert_eq!(ray["polars"], Some(wheel.bytes.len() as u64));
    assert_eq!((ray["system"], ray["base image"].is_some()), (None, true));
    assert!(
        layers(&report["images"][0], "unpacked")["base image"].is_some(),
        "it is small and was read"
    );
    let text = envlock.run(["size", "marimo-runtime"]).exits(0).stdout();
    assert!(text.contains("marimo-runtime  not built yet"), "{text}");
    let run = envlock.run(["size", "nothing"]).exits(2);
    assert!(run.stderr().contains("there is ray-runtime, marimo-runtime"), "{}", run.stderr());
    envlock.run(["size", "--files"]).exits(2);
    envlock.write("envlock.toml", envlock.read("envlock.toml").replace("\"polars\", ", ""));
    envlock.run(["size"]).exits(3);
}

#[test]
fn files_that_are_there_twice_are_found_in_the_layers() {
    let workshop = Workshop::new(10_000);
    let library = vec![9; 20_000];
    for (name, path) in [
        ("polars", "polars/lib/libcudart.so.13"),
        ("marimo", "marimo.libs/libcudart-faf08d9a.so.13.0.1"),
    ] {
        let wheel = workshop.index.wheel(name, "1.1").file(path, library.clone());
        wheel.file(&format!("{name}/tests/test_it.py"), "x = 1\n".repeat(100)).add();
    }
    let envlock = workshop.project();
    workshop.build(&envlock, "team").exits(0);
    let report = sized(&envlock, &["--files", "marimo-runtime"]);
    let files = &report["files"][0];
    let of = |list: &str| files[list].as_array().unwrap().clone();
    let library = of("libraries").into_iter().find(|l| l["name"] == "libcudart.so.13").unwrap();
    let packages: Vec<_> = library["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["package"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((packages.len(), library["bytes"].as_u64()), (2, Some(40_000)));
    assert!(of("duplicates").iter().any(|d| d["bytes"] == 20_000), "{files:#}");
    // The six wheels have the same text in them.
    assert!(files["repeated"].as_u64().unwrap() >= 20_000 + 3 * 30_000, "{files:#}");
    assert!(of("kinds").iter().any(|k| k["kind"] == "tests" && k["files"] == 2));
    assert!(report["images"][0]["unpacked"]["unknown_layers"] == 0, "what is read is known");
    let text = envlock.run(["size", "--files", "marimo-runtime"]).exits(0).stdout();
    assert!(text.contains("libcudart.so.13: "), "{text}");
}

/// A browser; `None`, reported, where there is none.
fn chromium() -> Option<&'static str> {
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    if found.is_none() {
        left_out("no Chromium is installed: the page is not opened in a browser");
    }
    found
}

#[test]
fn the_page_shows_its_treemap_in_a_browser() {
    let workshop = Workshop::new(40_000);
    let envlock = workshop.project();
    workshop.build(&envlock, "team").exits(0);
    let run = envlock.run([
        "size",
        "--read",
        "--svg",
        "size.svg",
        "--html",
        "size.html",
        "--by",
        "unpacked",
    ]);
    let run: Run = run.exits(0);
    assert!(
        run.stderr().contains("wrote ") && run.stderr().contains("size.svg"),
        "{}",
        run.stderr()
    );
    let (svg, page) = (envlock.read("size.svg"), envlock.read("size.html"));
    assert!(svg.starts_with("<svg xmlns=") && page.starts_with("<!DOCTYPE html>"));
    let Some(browser) = chromium() else { return };
    // What the browser makes of the page: both maps are there, the one that was asked for is seen.
    let script = "<script>addEventListener('load', () => { const seen = document.querySelector('.map.unpacked svg')\
        .getBoundingClientRect(); const tiles = document.querySelectorAll('.map.unpacked rect.tile'); const inside = \
        [...document.querySelectorAll('.map.unpacked g')].every(g => { const r = g.querySelector('rect').getBoundingClientRect(); \
        return [...g.querySelectorAll('text')].every(t => { const b = t.getBoundingClientRect(); return b.left >= r.left - 1 && \
        b.right <= r.right + 1 && b.top >= r.top - 1 && b.bottom <= r.bottom + 1; }); }); document.title = \
        `${tiles.length} ${seen.width > 100 && seen.height > 100} ${inside} ${document.querySelector('.map.compressed')\
        .getBoundingClientRect().width}`; });</script></body>";
    envlock.write("probe.html", page.replace("</body>", script));
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
    ]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.args(["--window-size=1280,1000", "--dump-dom"]);
    let output = command.arg(format!("file://{}", envlock.path("probe.html"))).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let title = dom
        .split_once("<title>")
        .unwrap_or_else(|| panic!("{dom}"))
        .1
        .split_once("</title>")
        .unwrap()
        .0;
    // Eight layers, of which one has two packages.
    assert_eq!(title, "9 true true 0", "tiles, map seen, text inside its tile, other map hidden");
}
