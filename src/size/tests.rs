//! Images as the layers engine makes them, weighed, and every form of the report made of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::changes::LayerChange;
use super::treemap::Node;
use super::*;
use crate::digest::{Digest, Sha256};
use crate::image::LayerSettings;
use crate::lock::{LayerPin, Lock, sample};
use crate::reference::PinnedReference;
use crate::registry::{Descriptor, Manifest};
use crate::spec::BuildSpec;

/// The sample's lock with a bundle in ray's group; every layer pinned.
fn lock(ray: &str) -> Lock {
    let mut lock = sample();
    for (name, size) in [("aiohttp", 1_900_000), ("grpcio", 6_000_001), ("yarl", 300_000)] {
        let mut package = lock.packages[0].clone();
        package.name = name.parse().unwrap();
        package.group = "ray".parse().unwrap();
        package.requested = vec![];
        package.sha256 = Sha256::of(name);
        (package.size, package.unpacked_size) = (size, size * 3);
        lock.packages.push(package);
    }
    for package in &mut lock.packages {
        match package.name.to_string().as_str() {
            "torch" => (package.size, package.unpacked_size) = (555_000_000, 1_144_000_000),
            "ray" => {
                (package.size, package.unpacked_size) = (72_000_000, 210_000_000);
                package.sha256 = Sha256::of(ray);
                package.version = ray.parse().unwrap();
            }
            "marimo" => (package.size, package.unpacked_size) = (39_000_000, 122_000_000),
            _ => {}
        }
    }
    lock.packages.sort_by(|a, b| a.name.cmp(&b.name));
    let settings = LayerSettings::of(&lock, BuildSpec::default());
    let alone = ["pip", "torch", "ray", "marimo"].map(|name| (name.to_owned(), vec![name]));
    let bundle = ("ray (3 packages)".to_owned(), vec!["aiohttp", "grpcio", "yarl"]);
    lock.layers = alone
        .into_iter()
        .chain([bundle])
        .map(|(name, packages)| {
            let packages: Vec<_> =
                packages.iter().map(|name| lock.package(&name.parse().unwrap()).unwrap()).collect();
            let key = settings.key(packages.iter().map(|package| package.sha256));
            LayerPin {
                name,
                key,
                digest: Digest::of(key.to_string()),
                diff_id: Digest::of("tar"),
                // A layer is not exactly as long as its wheels.
                size: packages.iter().map(|p| p.size).sum::<u64>() + 1_013,
                unpacked_size: packages.iter().map(|p| p.unpacked_size).sum::<u64>() + 10_240,
            }
        })
        .collect();
    lock
}

/// Manifest and config of an image with these of the lock's layers on a base of one.
fn documents(lock: &Lock, layers: &[&str]) -> (Manifest, Value) {
    let descriptor =
        |digest, size| Descriptor { media_type: String::new(), digest, size, platform: None };
    let mut all = vec![
        descriptor(Digest::of("base"), 102_000_000),
        descriptor(Digest::of("system"), 3_000),
        descriptor(Digest::of("python"), 4_000),
    ];
    let mut history = vec![
        json!({"created_by": "ADD rootfs.tar /"}),
        json!({"created_by": "ENV A=b", "empty_layer": true}),
    ];
    for name in ["system", "python"].iter().chain(layers) {
        history.push(json!({ "created_by": format!("envlock layer {name}") }));
    }
    for name in layers {
        let pin = lock.layers.iter().find(|pin| pin.name == *name).unwrap();
        all.push(descriptor(pin.digest, pin.size));
    }
    let manifest = Manifest { config: descriptor(Digest::of("config"), 900), layers: all };
    (manifest, json!({ "history": history }))
}

const RAY: [&str; 4] = ["pip", "torch", "ray (3 packages)", "ray"];
const MARIMO: [&str; 5] = ["pip", "torch", "ray (3 packages)", "ray", "marimo"];

fn image(name: &str, lock: &Lock, layers: &[&str], base: Option<&[Digest]>) -> ImageSize {
    let (manifest, config) = documents(lock, layers);
    let place =
        PinnedReference::new("r.example", &format!("team/{name}"), Digest::of(layers.concat()));
    let unpacked = BTreeMap::from([(Digest::of("system"), 10_240), (Digest::of("python"), 20_480)]);
    weigh(Weighed {
        name,
        image: &place,
        manifest: &manifest,
        config: &config,
        base,
        lock: Some(lock),
        unpacked: &unpacked,
    })
}

fn both() -> Vec<ImageSize> {
    let (lock, base) = (lock("2.60.0"), [Digest::of("base")]);
    vec![
        image("ray-runtime", &lock, &RAY, Some(&base)),
        image("marimo-runtime", &lock, &MARIMO, Some(&base)),
    ]
}

pub(super) fn report() -> Report {
    let images = both();
    let shared = shared(&images);
    let base = [Digest::of("base")];
    let before = image("ray-runtime", &lock("2.59.0"), &RAY, Some(&base));
    let changes = vec![changes(&before, &images[0], "release 1")];
    let file = |path: &str, package: Option<&str>| FileFact {
        path: path.to_owned(),
        bytes: 704_288,
        sha256: Some(Sha256::of("cudart")),
        package: package.map(str::to_owned),
    };
    let layer = [
        file("s/nvidia/cu13/lib/libcudart.so.13", Some("nvidia-cuda-runtime")),
        file("s/torchvision.libs/libcudart.faf08d9a.so.13", Some("torchvision")),
        file("usr/include/a.h", None),
    ];
    Report { images, shared, changes, files: vec![files("ray-runtime", [&layer[..]])] }
}

#[test]
fn layers_are_named_and_sums_are_the_manifests() {
    let images = both();
    let names: Vec<_> = images[1].layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, [&["base image", "system", "python"][..], &MARIMO].concat());
    for (image, layers) in images.iter().zip([&RAY[..], &MARIMO]) {
        let (manifest, _) = documents(&lock("2.60.0"), layers);
        let sum: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
        assert_eq!(image.compressed, Sum { bytes: sum, unknown_layers: 0 });
        // The base was not read: it is not counted, and that is reported.
        assert_eq!(image.unpacked.unknown_layers, 1);
    }
    let bundle = &images[0].layers[5];
    let packages: Vec<_> = bundle.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(packages, ["grpcio", "aiohttp", "yarl"]);
    assert_eq!(bundle.group.as_ref().unwrap().as_str(), "ray");
}

#[test]
fn a_base_that_cannot_be_asked_is_told_by_the_history() {
    let lock = lock("2.60.0");
    let image = image("ray-runtime", &lock, &RAY, None);
    assert_eq!(
        (image.layers[0].name.as_str(), image.layers[0].kind),
        ("base image", LayerKind::Base)
    );
    assert_eq!(image.layers[1].kind, LayerKind::System);
}

#[test]
fn an_image_of_buildkit_has_the_groups_that_its_history_installs() {
    let lock = lock("2.60.0");
    let (mut manifest, _) = documents(&lock, &RAY);
    manifest.layers.truncate(4);
    for (at, layer) in manifest.layers.iter_mut().enumerate() {
        layer.digest = Digest::of(format!("buildkit {at}"));
    }
    let config = json!({ "history": [
        { "created_by": "ADD rootfs.tar /" },
        { "created_by": "RUN |1 SOURCE_DATE_EPOCH=1 /bin/sh -c sh /mnt/build/base.sh # buildkit" },
        { "created_by": "RUN |1 X=1 /bin/sh -c sh /mnt/group.sh ray # buildkit" },
        { "created_by": "USER ray", "empty_layer": true },
        { "created_by": "RUN /bin/sh -c apt-get install -y something that is rather long and goes on and on" },
    ] });
    let place = PinnedReference::new("r.example", "ray", Digest::of("x"));
    let known = Weighed {
        name: "ray",
        image: &place,
        manifest: &manifest,
        config: &config,
        base: None,
        lock: Some(&lock),
        unpacked: &BTreeMap::new(),
    };
    let found = weigh(known);
    assert_eq!(found.layers[0].kind, LayerKind::Base);
    assert_eq!(
        (found.layers[1].name.as_str(), found.layers[1].kind),
        ("system", LayerKind::System)
    );
    assert_eq!((found.layers[2].name.as_str(), found.layers[2].packages.len()), ("ray", 4));
    assert!(
        found.layers[3].name.starts_with("apt-get install") && found.layers[3].name.ends_with('…')
    );
    // A history that does not name all layers is not used.
    let config = json!({ "history": [{ "created_by": "ADD rootfs.tar /" }] });
    let found = weigh(Weighed { config: &config, lock: None, ..known });
    assert!(
        found
            .layers
            .iter()
            .all(|layer| layer.kind == LayerKind::Other && layer.packages.is_empty())
    );
}

#[test]
fn what_is_planned_has_wheels_where_no_layer_was_made() {
    let spec = crate::spec::builtin().unwrap();
    let mut lock = lock("2.60.0");
    lock.spec_sha256 = spec.sha256();
    lock.layers.retain(|pin| pin.name != "ray");
    let (manifest, _) = documents(&lock, &[]);
    let base = Manifest { layers: manifest.layers[..1].to_vec(), ..manifest };
    let images =
        planned(&lock, &spec, Grounds { runtime: Some(&base), ..Grounds::default() }).unwrap();
    let of = |name: &str| images[0].layers.iter().find(|layer| layer.name == name).unwrap();
    assert_eq!((of("ray").digest, of("ray").compressed), (None, Some(72_000_000)));
    assert_eq!(of("torch").compressed, Some(555_001_013));
    assert_eq!((of("base image").compressed, of("base image").unpacked), (Some(102_000_000), None));
    assert_eq!(images[0].compressed.unknown_layers, 2, "system and python are not made yet");
    assert_eq!(shared(&images).unwrap().layers, images[0].layers.len());
    lock.spec_sha256 = Sha256::of("another");
    assert!(planned(&lock, &spec, Grounds::default()).is_err());
}

#[test]
fn what_is_shared_is_counted_once() {
    let images = both();
    let shared = shared(&images).unwrap();
    assert_eq!((shared.layers, shared.compressed), (7, images[0].compressed));
    assert_eq!(shared.together, images[1].compressed);
    assert_eq!(super::shared(&images[..1]), None);
}

#[test]
fn a_change_is_what_a_machine_with_the_earlier_image_pulls() {
    let report = report();
    let changes = &report.changes[0];
    assert_eq!(changes.pulled, Sum { bytes: 72_001_013, unknown_layers: 0 });
    let names: Vec<_> = changes.packages.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["ray"]);
    assert_eq!(
        changes.layers,
        [LayerChange { name: "ray".to_owned(), from: Some(72_001_013), to: Some(72_001_013) }]
    );
    let images = both();
    let none = super::changes(&images[0], &images[0], "itself");
    assert!(none.packages.is_empty() && none.layers.is_empty() && none.pulled == Sum::default());
    // marimo-runtime has more, and less the other way round.
    let more = super::changes(&images[0], &images[1], "x");
    assert_eq!((more.packages.len(), more.pulled.bytes), (1, 39_001_013));
    let less = super::changes(&images[1], &images[0], "x");
    assert_eq!(
        (less.packages[0].to.is_none(), less.pulled.bytes, less.layers[0].to),
        (true, 0, None)
    );
}

#[test]
fn the_tree_of_a_treemap_adds_up_to_the_layers_whatever_their_order() {
    let mut images = both();
    let root = treemap(&images, Measure::Compressed);
    assert_eq!(root.bytes, images[1].compressed.bytes);
    fn adds_up(node: &Node) {
        let sum: u64 = node.children.iter().map(|child| child.bytes).sum();
        assert!(node.children.is_empty() || sum == node.bytes, "{}", node.label);
        assert!(node.children.is_sorted_by(|a, b| a.bytes >= b.bytes));
        node.children.iter().for_each(adds_up);
    }
    adds_up(&root);
    let regions: Vec<_> = root.children.iter().map(|node| node.label.as_str()).collect();
    let expected = [
        "torch",
        "base image",
        "ray",
        "marimo, only in marimo-runtime",
        "system and Python",
        "python",
    ];
    assert_eq!(regions, expected);
    for image in &mut images {
        image.layers.reverse();
        image.layers.iter_mut().for_each(|layer| layer.packages.reverse());
    }
    images.reverse();
    assert_eq!(treemap(&images, Measure::Compressed), root);
}

#[test]
fn the_report_for_a_terminal() {
    insta::assert_snapshot!(text(&report(), Measure::Compressed, 1));
}

#[test]
fn pictures_and_pages_are_well_formed_and_show_everything() {
    let mut report = report();
    report.images[0].layers[4].packages[0].version = "2.14.1+<cu130> & \"more\"".to_owned();
    // Elements that HTML does not close are closed for the XML parser.
    let xml = regex::Regex::new("<(meta|input)([^>]*)>").unwrap();
    for measure in [Measure::Compressed, Measure::Unpacked] {
        let picture = svg(&report, measure);
        assert_eq!(well_formed(&picture), Ok(()), "{picture}");
        assert!(picture.contains("2.14.1+&lt;cu130&gt; &amp; &quot;more&quot;"), "{picture}");
        assert_eq!(picture.matches("://").count(), 1, "only the name space");
        let says_why = picture.contains("size is not known: base image");
        assert_eq!(says_why, measure == Measure::Unpacked);
        let page = html(&report, measure);
        let begin = page.find("<html").unwrap();
        let as_xml =
            xml.replace_all(&page[begin..], "<$1$2/>").replace(" checked", " checked=\"\"");
        assert_eq!(well_formed(&as_xml), Ok(()));
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains(&format!("id=\"{}\" checked", measure.word())));
        assert!(page.contains("ray-runtime since release 1"));
    }
}

/// Whether text is well-formed XML, as far as these documents go: elements that nest, attributes in quotes, known
/// entities.
pub(super) fn well_formed(xml: &str) -> Result<(), String> {
    let tag =
        regex::Regex::new(r#"<(/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>"#).unwrap();
    let entity = regex::Regex::new("&(amp|lt|gt|quot);").unwrap();
    let text = |text: &str| {
        let plain = entity.replace_all(text, "");
        match plain.find(['<', '&']) {
            Some(at) => Err(format!("at {:?}", &plain[at..plain.len().min(at + 40)])),
            None => Ok(()),
        }
    };
    let (mut open, mut at) = (Vec::new(), 0);
    for found in tag.captures_iter(xml) {
        let whole = found.get(0).unwrap();
        text(&xml[at..whole.start()])?;
        text(&found[3])?;
        at = whole.end();
        match (&found[1], &found[4]) {
            ("/", _) if open.pop().as_deref() == Some(&found[2]) => {}
            ("/", _) => return Err(format!("</{}> closes nothing", &found[2])),
            (_, "/") => {}
            _ => open.push(found[2].to_owned()),
        }
    }
    text(&xml[at..])?;
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} are open")) }
}

#[test]
fn the_check_of_xml_can_fail() {
    for wrong in ["<a><b></a></b>", "<a>&nbsp;</a>", "<a b='c'/>", "<a", "<a>", "a < b"] {
        assert!(well_formed(wrong).is_err(), "{wrong}");
    }
    assert_eq!(well_formed("<a x=\"1\"><b/>&amp;</a>"), Ok(()));
}
