//! The house: which room may use which other one, and which of them reach out of the process.
//!
//! `HOUSE` says it, from the ground up: a room uses rooms above its own line only, so that there is no circle. The
//! tests read all source text (comments, strings and `#[cfg(test)]` items taken out, `use` trees spread into paths)
//! and hold every path to the table; ARCHITECTURE.md shows it. `ENVLOCK_TEST_WRITE=1` writes that part anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

// By their paths, so that this file can be compiled alone.
#[path = "rooms/circles.rs"]
mod circles;
#[path = "rooms/platforms.rs"]
mod platforms;
#[path = "rooms/source.rs"]
mod source;

use source::{is_of_tests, paths, read, root, shipped_code, sources};

use Reach::{Clock, Disk, Environment, Network, Process, Runtime, Terminal};

/// A way out of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Files.
    Disk,
    /// What time it is; what nobody can know before: random numbers.
    Clock,
    /// Variables, the user's folders, arguments.
    Environment,
    /// Sockets.
    Network,
    /// Other programs, signals, the end of this one.
    Process,
    /// Threads and tasks.
    Runtime,
    /// What is printed.
    Terminal,
}

/// A file or folder of src/ with all that is in it, but for rooms of its own.
struct Room {
    name: &'static str,
    what: &'static str,
    uses: &'static [&'static str],
    reaches: &'static [Reach],
}

const fn room(
    name: &'static str,
    what: &'static str,
    uses: &'static [&'static str],
    reaches: &'static [Reach],
) -> Room {
    Room { name, what, uses, reaches }
}

/// From the ground up.
#[rustfmt::skip]
const HOUSE: &[Room] = &[
    room("crates/apt-solver", "packages of Debian archives: versions, relations, indexes, dpkg's status, and the choice as apt makes it",
        &[], &[]),
    room("crates/http-retry", "HTTP with retries, Retry-After, resumed downloads, logins; errors that name address and cause",
        &[], &[Disk, Clock, Environment, Network, Process, Runtime]),
    room("crates/oci-digest", "SHA-2 values and digests of OCI, made and read",
        &[], &[]),
    room("crates/debian-archive", "archives of Debian and Ubuntu: Release files, OpenPGP signatures, freshness, paths by hash",
        &["crates/oci-digest"], &[]),
    room("crates/deb-layers", "Debian packages, read strictly, → OCI layers as dpkg would unpack them, without running anything",
        &["crates/oci-digest"], &[Disk, Runtime]),
    room("crates/oci-layout-server", "a registry: an OCI image layout on disk, the distribution API 1.1 over it",
        &["crates/oci-digest"], &[Disk, Clock, Network, Runtime]),
    room("crates/oci-registry", "the distribution API: pushes that go on after faults, read-back, tags, referrers, credentials",
        &["crates/http-retry", "crates/oci-digest"], &[Disk, Clock, Environment, Network, Process, Runtime]),
    room("crates/wheel-layers", "wheels, read strictly, → OCI layers, without compressing again",
        &["crates/oci-digest"], &[Disk, Runtime]),
    room("crates/yaml-scalar-edit", "scalars of a YAML text replaced to the byte, proven by a second parser",
        &[], &[]),
    room("blocking", "work that blocks: on which threads, and what becomes of its panics",
        &[], &[Runtime]),
    room("cuda", "CUDA tags and lines, and the drivers they need",
        &[], &[]),
    room("digest", "types that carry a proof: Sha256, Digest; hashes that others state",
        &["crates/oci-digest"], &[]),
    room("exit", "the table of exit codes; how a command ends",
        &[], &[]),
    room("gpu", "GPUs by compute capability, and what code was built for them",
        &[], &[]),
    room("index/tools", "how pip and uv write where packages are",
        &[], &[]),
    room("login", "addresses, and the logins in them, which are taken out",
        &["crates/http-retry"], &[]),
    room("platform", "what images are made for: os, architecture, and all names that others have for them",
        &[], &[]),
    room("room", "full disks: recognized, and reported with the space that is left",
        &[], &[Disk]),
    room("built_for", "what a wheel was built for, as its local version says",
        &["cuda"], &[]),
    room("interrupt", "Ctrl-C and SIGTERM: what is notified, and what ends at once",
        &["exit"], &[Process, Runtime]),
    room("net", "HTTP, and what the program says where a request fails",
        &["crates/http-retry", "exit"], &[]),
    room("python", "wheel names, tags, core metadata, markers: thin over pep440_rs and pep508_rs",
        &["crates/wheel-layers", "cuda", "platform"], &[]),
    room("reference", "references of images, pinned ones among them",
        &["crates/oci-registry", "exit"], &[]),
    room("import", "pip's requirements files, pyproject.toml, other tools' locks → what they ask for",
        &["digest", "python"], &[]),
    room("tool_version", "versions of other programs, as they print them", &[], &[]),
    room("torch", "the torch family, and which torch a wheel was built for",
        &["cuda", "built_for"], &[]),
    room("spec", "envlock.toml → Spec, with the place of every mistake; the built-in stack; overrides",
        &["crates/apt-solver", "crates/yaml-scalar-edit", "cuda", "digest", "exit", "gpu", "login", "platform", "python", "reference", "import"], &[Disk, Clock, Environment]),
    room("config", "roles in config.yaml, and what an edit of it may change",
        &["crates/yaml-scalar-edit", "exit", "reference", "spec"], &[]),
    room("lock", "env.lock: model, text form, check against a spec, diff, why",
        &["cuda", "digest", "exit", "gpu", "platform", "python", "spec"], &[]),
    room("ui", "the only room that prints: results to stdout, the rest to stderr; output for CI jobs",
        &["digest", "spec"], &[Disk, Clock, Environment, Process, Runtime, Terminal]),
    room("catalog", "what can be chosen from: Candidate, Project, Target",
        &["cuda", "digest", "platform", "built_for", "python", "spec", "lock"], &[]),
    room("export", "a lock in other tools' formats: pylock.toml, requirements, CycloneDX, provenance",
        &["digest", "platform", "reference", "spec", "lock"], &[]),
    room("image", "lock → plan: layers, build arguments, labels; the bake file",
        &["crates/deb-layers", "cuda", "digest", "exit", "login", "platform", "reference", "spec", "lock"], &[]),
    room("render", "config.yaml, checked and completed, and a Jinja2 template → docker/compose.yaml",
        &["crates/yaml-scalar-edit", "exit", "config"], &[]),
    room("verify/checks", "the expected content of an image by its lock, compared with what was found",
        &["cuda", "digest", "exit", "gpu", "reference", "spec", "lock"], &[]),
    room("store", "downloads that resume, are hashed on the way in and again before use",
        &["crates/http-retry", "blocking", "digest", "exit", "room", "net", "ui"], &[Disk, Clock, Environment, Runtime]),
    room("index/pages", "pages (HTML, JSON, find-links) → candidates",
        &["digest", "login", "built_for", "python", "spec", "lock", "catalog"], &[]),
    room("registry", "registries as the program uses them: settings, advice and exit codes, bars",
        &["crates/oci-registry", "exit", "net", "spec", "ui"], &[]),
    room("base_image", "what is read of a base image: digests, documents, facts, files",
        &["crates/deb-layers", "digest", "exit", "platform", "python", "reference", "spec", "lock", "ui", "store", "registry"], &[]),
    room("verify", "images in containers, by docker or podman: the probe that runs in them, Ray, marimo, GPUs",
        &["digest", "exit", "interrupt", "reference", "ui", "verify/checks"], &[Disk, Clock, Environment, Process, Runtime]),
    room("solve", "candidates → the chosen set (pubgrub); CUDA and torch↔PyG rules; explanations",
        &["cuda", "exit", "built_for", "python", "torch", "spec", "catalog"], &[]),
    room("index", "indexes: where they are, asked, remembered; range reads of wheels",
        &["crates/http-retry", "crates/wheel-layers", "blocking", "cuda", "digest", "exit", "gpu", "index/tools", "login", "platform", "built_for", "net", "python", "torch", "spec", "lock", "ui", "catalog", "store", "index/pages"], &[Disk, Clock, Environment, Network, Process, Runtime]),
    room("system/apt_sources", "where apt gets packages from, as it is written: sources.list, `.sources` files",
        &["crates/debian-archive"], &[]),
    room("system", "packages of distributions: their archives, found, fetched, verified; which packages are chosen",
        &["crates/apt-solver", "crates/http-retry", "crates/debian-archive", "crates/deb-layers", "blocking", "digest", "exit", "login", "platform", "net", "spec", "lock", "ui", "store", "index", "system/apt_sources"], &[Disk, Clock]),
    room("matrix", "catalog → which torch goes with what: table, text, SVG",
        &["cuda", "built_for", "torch", "spec", "catalog", "solve"], &[]),
    room("registry/embedded", "the registry behind `serve`: where the user's layout is, what its errors and events become",
        &["crates/oci-layout-server", "digest", "exit"], &[Environment, Network]),
    room("release", "history, the transaction over several files, rollback's decision, the project's locks",
        &["digest", "exit", "room", "reference", "spec", "config", "lock", "registry"], &[Disk, Clock, Environment, Process, Runtime]),
    room("size", "sizes of images: text, SVG, HTML; what changed, duplicates",
        &["digest", "reference", "spec", "lock", "image", "registry"], &[]),
    room("cli", "arguments",
        &["crates/apt-solver", "cuda", "spec", "verify/checks", "verify", "registry/embedded", "release", "size"], &[Environment]),
    room("engine", "a plan → images: docker buildx and its progress",
        &["tool_version", "digest", "exit", "room", "interrupt", "net", "spec", "lock", "ui", "image", "store", "index"], &[Disk, Process, Runtime]),
    room("retention", "releases in their registry: tags, records, the history read back, what is old",
        &["digest", "exit", "reference", "spec", "lock", "image", "registry", "release"], &[Disk, Runtime]),
    room("engine/layers", "a plan → images without a daemon: wheels → layers, spliced and not compressed again",
        &["crates/deb-layers", "crates/wheel-layers", "blocking", "digest", "exit", "room", "net", "reference", "spec", "lock", "ui", "image", "store", "registry", "base_image", "index", "system", "engine"], &[Disk, Clock, Environment, Process, Runtime]),
    room("attestation", "what lies beside an image: lock, bill of materials, provenance, signatures; and checking it",
        &["tool_version", "digest", "exit", "reference", "spec", "lock", "ui", "export", "image", "registry", "base_image", "release", "retention"], &[Disk, Clock, Environment, Process]),
    room("reports", "what commands print with `--json`, a type a command, and the schemas made of these types",
        &["cuda", "digest", "gpu", "platform", "python", "reference", "spec", "config", "lock", "image", "verify/checks", "store", "solve", "matrix", "release", "size", "attestation"], &[]),
    room("commands", "one file or folder a verb: gather facts, call pure code, act, report",
        &["blocking", "cuda", "digest", "exit", "gpu", "platform", "room", "interrupt", "net", "python", "reference", "tool_version", "torch", "spec", "config", "lock", "ui", "catalog", "export", "image", "render", "verify/checks", "store", "index/pages", "registry", "base_image", "verify", "solve", "index", "system", "matrix", "registry/embedded", "release", "size", "cli", "engine", "retention", "engine/layers", "attestation", "reports"], &[Disk, Clock, Environment, Network, Process, Runtime]),
];

/// Libraries by what they do. One that is not named here cannot be used.
const HARMLESS: &[&str] = &[
    "base64",
    "blake2",
    "bytes",
    "camino",
    "crc32fast",
    "flate2",
    "form_urlencoded",
    "futures_util",
    "http_auth",
    "ipnet",
    "jiff",
    "jsonschema",
    "libdeflater",
    "liblzma",
    "md_5",
    "memchr",
    "miette",
    "minijinja",
    "minijinja_contrib",
    "miniz_oxide",
    "oci_spec",
    "pep440_rs",
    "pep508_rs",
    "percent_encoding",
    "pubgrub",
    "quick_junit",
    "regex",
    "saphyr_parser",
    "schemars",
    "semver",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "shlex",
    "similar",
    "strsim",
    "tar",
    "thiserror",
    "toml",
    "tracing",
    "url",
    "uuid",
    "yaml_serde",
    "zstd",
];

/// Paths that lead out of the process, by how they begin; the longest counts.
const WAYS_OUT: &[(&str, Option<Reach>)] = &[
    ("std", None),
    ("std::fs", Some(Disk)),
    ("std::os::unix::fs", Some(Disk)),
    ("std::os::unix::net", Some(Network)),
    ("std::env", Some(Environment)),
    ("std::net", Some(Network)),
    ("std::net::IpAddr", None),
    ("std::net::Ipv4Addr", None),
    ("std::net::SocketAddr", None),
    ("std::process", Some(Process)),
    ("std::thread", Some(Runtime)),
    ("std::io::stdin", Some(Terminal)),
    ("std::io::stdout", Some(Terminal)),
    ("std::io::stderr", Some(Terminal)),
    ("std::time::SystemTime", Some(Clock)),
    ("std::time::Instant", Some(Clock)),
    ("fs_err", Some(Disk)),
    ("ring", None),
    ("ring::rand", Some(Clock)),
    ("atomic_write_file", Some(Disk)),
    ("tempfile", Some(Disk)),
    ("xattr", Some(Disk)),
    ("rustix", Some(Disk)),
    ("etcetera", Some(Environment)),
    ("docker_credential", Some(Process)),
    ("tokio", Some(Runtime)),
    ("tokio::fs", Some(Disk)),
    ("tokio::net", Some(Network)),
    ("tokio::process", Some(Process)),
    ("tokio::signal", Some(Process)),
    ("reqwest", Some(Network)),
    ("reqwest::Method", None),
    ("reqwest::StatusCode", None),
    ("reqwest::header", None),
    ("hyper", Some(Network)),
    ("hyper_util", Some(Network)),
    ("http_body_util", Some(Network)),
    ("rustls", Some(Network)),
    ("rustls_platform_verifier", Some(Network)),
    ("tower_layer", Some(Network)),
    ("tower_service", Some(Network)),
    ("console", Some(Terminal)),
    ("indicatif", Some(Terminal)),
    ("signal_hook", Some(Process)),
    ("indicatif::DecimalBytes", None),
    ("clap", Some(Environment)),
    ("clap::ValueEnum", None),
    ("clap_complete", Some(Environment)),
    ("clap_mangen", Some(Environment)),
    ("tracing_subscriber", Some(Terminal)),
];

/// The same by their ends, however the path begins.
const ENDS: &[(&str, Reach)] = &[
    ("Timestamp::now", Clock),
    ("Zoned::now", Clock),
    ("SystemTime::now", Clock),
    ("Instant::now", Clock),
    ("Uuid::new_v4", Clock),
    ("print!", Terminal),
    ("println!", Terminal),
    ("eprint!", Terminal),
    ("eprintln!", Terminal),
    ("dbg!", Terminal),
];

/// Methods of paths that ask the disk.
const DISK_METHODS: [&str; 6] =
    ["canonicalize", "exists", "is_dir", "is_file", "read_dir", "try_exists"];

/// Whether a path is this one, or something in it.
fn is_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The libraries of the project, and those of its own, as code names them.
fn libraries() -> BTreeSet<String> {
    let crates = HOUSE.iter().filter(|room| room.name.starts_with("crates/"));
    let manifests = crates.map(|room| format!("{}/Cargo.toml", room.name));
    let manifests = manifests.chain(["Cargo.toml".to_owned()]);
    let named = manifests.flat_map(|path| {
        let manifest: toml::Table = toml::from_str(&read(Utf8Path::new(&path))).unwrap();
        manifest["dependencies"].as_table().unwrap().keys().cloned().collect::<Vec<_>>()
    });
    named.map(|name| name.replace('-', "_")).collect()
}

/// The room that a place in the module tree is in: the longest name that it begins with.
fn room_of(place: &[&str]) -> Option<&'static Room> {
    let is_in = |room: &&Room| {
        let name: Vec<_> = room.name.split('/').collect();
        place.starts_with(&name)
    };
    HOUSE.iter().filter(is_in).max_by_key(|room| room.name.len())
}

/// What one file names.
#[derive(Debug, Default, PartialEq)]
struct Named {
    /// Places in the module tree of the same crate, absolute.
    places: Vec<Vec<String>>,
    /// Ways out of the process.
    reaches: BTreeMap<Reach, String>,
    /// Libraries.
    libraries: BTreeSet<String>,
}

/// `module` is where the source is in the module tree.
fn named(source: &str, module: &[&str], libraries: &BTreeSet<String>) -> Named {
    let code = shipped_code(source);
    let mut named = Named::default();
    for path in paths(&code).into_iter().filter(|path| !is_only_a_way(path)) {
        if let Some(place) = absolute(&path, module) {
            named.places.push(place);
            continue;
        }
        let first = path.split("::").next().unwrap_or_default();
        if libraries.contains(first) {
            named.libraries.insert(first.to_owned());
        }
        if let Some(reach) = way_out(&path) {
            named.reaches.insert(reach, path);
        }
    }
    let methods = METHOD.captures_iter(&code).map(|m| m[1].to_owned());
    for name in methods.filter(|name| DISK_METHODS.contains(&name.as_str())) {
        named.reaches.insert(Disk, format!(".{name}()"));
    }
    named
}

static METHOD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\.\s*([a-z_]+)\s*\(").unwrap());

/// `super::Thing` in `["index", "pages"]` → `["index", "Thing"]`; `None`: it leads out of the crate, or is a name of the file.
fn absolute(path: &str, module: &[&str]) -> Option<Vec<String>> {
    let mut parts = path.split("::").peekable();
    let mut place: Vec<&str> = match *parts.peek()? {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    for part in parts {
        match part {
            "crate" | "self" => {}
            "super" => drop(place.pop()),
            other => place.push(other),
        }
    }
    Some(place.into_iter().map(str::to_owned).collect())
}

/// Whether a path is of such words alone: `pub(super)` names nothing.
fn is_only_a_way(path: &str) -> bool {
    path.split("::").all(|part| matches!(part, "crate" | "self" | "super"))
}

fn way_out(path: &str) -> Option<Reach> {
    let ends = ENDS.iter().find(|(end, _)| path.ends_with(end));
    let begins = WAYS_OUT.iter().filter(|(way, _)| is_below(path, way));
    ends.map(|(_, reach)| *reach)
        .or_else(|| begins.max_by_key(|(way, _)| way.len()).and_then(|(_, reach)| *reach))
}

/// Every file of the house, its room, and what it names. Files of tests alone are not the house.
static FILES: LazyLock<Vec<(&'static Room, Utf8PathBuf, Named)>> = LazyLock::new(|| {
    let libraries = libraries();
    let mut all = Vec::new();
    let crates = HOUSE.iter().filter(|room| room.name.starts_with("crates/"));
    for (folder, within) in crates.map(|room| (room.name, Some(room))).chain([("src", None)]) {
        let below = if within.is_some() { format!("{folder}/src") } else { folder.to_owned() };
        for path in sources(&below) {
            if is_of_tests(&path) {
                continue;
            }
            let relative = path.strip_prefix(&below).unwrap().with_extension("");
            let mut module: Vec<&str> = relative.components().map(|c| c.as_str()).collect();
            module.pop_if(|last| matches!(*last, "mod" | "lib" | "main"));
            // The two roots name all rooms; what else they may do, a test of their own says.
            if module.is_empty() && within.is_none() {
                continue;
            }
            let room = within.or_else(|| room_of(&module));
            let room = room.unwrap_or_else(|| panic!("{path} is in no room of HOUSE"));
            all.push((room, path.clone(), named(&read(&path), &module, &libraries)));
        }
    }
    all
});

/// The other rooms that a file uses.
fn used(room: &Room, named: &Named) -> BTreeSet<&'static str> {
    let rooms = named.places.iter().filter_map(|place| {
        let place: Vec<_> = place.iter().map(String::as_str).collect();
        room_of(&place)
    });
    let of_its_own = HOUSE.iter().filter(|other| {
        let library = other.name.strip_prefix("crates/").map(|name| name.replace('-', "_"));
        library.is_some_and(|library| named.libraries.contains(&library))
    });
    let inside_a_crate = room.name.starts_with("crates/");
    let rooms = rooms.filter(|_| !inside_a_crate).chain(of_its_own);
    rooms.map(|other| other.name).filter(|name| *name != room.name).collect()
}

#[test]
fn a_room_uses_the_rooms_that_the_table_says_and_no_others() {
    let mut wrong = Vec::new();
    for room in HOUSE {
        let files: Vec<_> = FILES.iter().filter(|(of, ..)| of.name == room.name).collect();
        if files.is_empty() {
            wrong.push(format!("{} is not there", room.name));
        }
        let uses: BTreeSet<_> = files.iter().flat_map(|(_, _, named)| used(room, named)).collect();
        for (_, path, named) in &files {
            let others = used(room, named).into_iter().filter(|name| !room.uses.contains(name));
            wrong.extend(others.map(|name| format!("{path} uses {name}")));
        }
        let unused = room.uses.iter().filter(|name| !uses.contains(*name));
        wrong.extend(unused.map(|name| format!("{} does not use {name}: take it out", room.name)));
    }
    assert!(wrong.is_empty(), "the house of tests/it/rooms.rs:\n{}", wrong.join("\n"));
}

#[test]
fn no_room_uses_one_that_stands_on_it() {
    for (at, room) in HOUSE.iter().enumerate() {
        for name in room.uses {
            let below = HOUSE[..at].iter().any(|other| other.name == *name);
            assert!(below, "{} uses {name}, which is not below it", room.name);
        }
    }
}

#[test]
fn a_room_reaches_out_of_the_process_as_the_table_says_and_not_otherwise() {
    let mut wrong = Vec::new();
    for room in HOUSE {
        let files: Vec<_> = FILES.iter().filter(|(of, ..)| of.name == room.name).collect();
        for (_, path, named) in &files {
            let others = named.reaches.iter().filter(|(reach, _)| !room.reaches.contains(reach));
            wrong.extend(others.map(|(reach, by)| format!("{path}: {reach:?} by {by}")));
        }
        let unused = room
            .reaches
            .iter()
            .filter(|reach| !files.iter().any(|(_, _, named)| named.reaches.contains_key(reach)));
        wrong.extend(unused.map(|reach| format!("{} has no {reach:?}: take it out", room.name)));
    }
    assert!(wrong.is_empty(), "the house of tests/it/rooms.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_two_roots_name_rooms_take_arguments_and_give_an_exit_code() {
    let reaches = |path: &str| {
        let named = named(&read(path.into()), &[], &libraries());
        named.reaches.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(reaches("src/lib.rs"), []);
    assert_eq!(reaches("src/main.rs"), [Environment, Process]);
}

#[test]
fn every_library_is_known_to_be_harmless_or_a_way_out() {
    let known = |library: &str| {
        HARMLESS.contains(&library)
            || WAYS_OUT.iter().any(|(way, _)| is_below(way, library))
            || HOUSE.iter().any(|room| room.name.replace('-', "_") == format!("crates/{library}"))
    };
    let unknown: Vec<_> = libraries().into_iter().filter(|library| !known(library)).collect();
    assert!(unknown.is_empty(), "into HARMLESS or WAYS_OUT: {unknown:?}");
    let libraries = libraries();
    let gone: Vec<_> = HARMLESS.iter().filter(|library| !libraries.contains(**library)).collect();
    assert!(gone.is_empty(), "no dependency of the project: {gone:?}");
}

/// The house as ARCHITECTURE.md shows it.
fn picture() -> String {
    let rows = HOUSE.iter().map(|room| {
        let uses = if room.uses.is_empty() { "–".to_owned() } else { room.uses.join(", ") };
        let reaches: Vec<_> =
            room.reaches.iter().map(|r| format!("{r:?}").to_lowercase()).collect();
        let reaches = if reaches.is_empty() { "pure".to_owned() } else { reaches.join(", ") };
        format!("| `{}` | {} | {reaches} | {uses} |\n", room.name, room.what)
    });
    let head = "| room | what it is | reaches | uses |\n|---|---|---|---|\n";
    head.to_owned() + &rows.collect::<String>()
}

#[test]
fn architecture_shows_the_house() {
    let path = root().join("ARCHITECTURE.md");
    let text = fs_err::read_to_string(&path).unwrap();
    let (from, to) = ("<!-- house: tests/it/rooms.rs -->\n", "<!-- end of house -->");
    let (before, rest) = text.split_once(from).unwrap();
    let (shown, after) = rest.split_once(to).unwrap();
    if std::env::var_os("ENVLOCK_TEST_WRITE").is_some() {
        fs_err::write(&path, format!("{before}{from}{}{to}{after}", picture())).unwrap();
        return;
    }
    assert_eq!(shown, picture(), "ENVLOCK_TEST_WRITE=1 cargo test --test it rooms writes it");
}

/// How often this source makes an address of a text.
fn reads_addresses(source: &str) -> usize {
    let code = shipped_code(source);
    let reads = |path: &&String| path.ends_with("Url::parse") || path.ends_with("Url::from_str");
    paths(&code).iter().filter(reads).count() + code.matches("parse::<Url>").count()
}

#[test]
fn addresses_are_read_in_one_place_which_takes_logins_out() {
    let one = Utf8Path::new("crates/http-retry/src/login.rs");
    assert!(reads_addresses(&read(one)) > 0, "the checker sees nothing");
    let all = [sources("src"), sources("crates")].concat();
    let others = all.into_iter().filter(|path| path != one);
    let found: Vec<_> = others.filter(|path| reads_addresses(&read(path)) > 0).collect();
    assert!(found.is_empty(), "addresses are read by login::parse: {found:?}");
}

#[test]
fn every_way_out_is_seen() {
    let source = r#"
        use std::{collections::BTreeMap, fs::{self, File}, time::{Duration, Instant as I}};
        use tokio as runtime;
        use ::reqwest::Client;
        pub(crate) use crate::net::Client;
        use super::{sibling, super::image::{Plan, self as other}};
        fn now() -> Timestamp { jiff::Timestamp :: now() }
        fn home() { std::env::var("HOME"); path.canonicalize(); let c = '"'; std::process::exit(1) }
        fn say() { println!("x"); }
    "#;
    let libraries = ["tokio", "reqwest", "jiff"].map(str::to_owned).into();
    let found = named(source, &["index", "pages"], &libraries);
    let reaches: Vec<_> = found.reaches.keys().copied().collect();
    assert_eq!(reaches, [Disk, Clock, Environment, Network, Process, Runtime, Terminal]);
    assert_eq!(found.libraries, libraries);
    let places: BTreeSet<_> = found.places.iter().map(|place| place.join("::")).collect();
    let expected = ["image", "image::Plan", "index::sibling", "net::Client"];
    assert_eq!(places.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn tests_comments_and_strings_are_not_looked_at() {
    let source = r##"
        //! use std::fs; it says
        /* tokio::spawn */ const TEXT: &str = "std::env::var"; const RAW: &str = r#"use std::fs;"#;
        fn borrow<'a>(text: &'a str) -> char { '"' }
        #[cfg(test)]
        use std::fs;
        #[cfg(test)]
        pub(crate) mod tests { use std::env; fn f() { fs_err::read("{"); println!() } }
        fn r#use(r#use: u8) -> u8 { r#use + 1 }
        use std::time::Duration; use std::ffi::OsStr;
    "##;
    assert_eq!(named(source, &["spec"], &BTreeSet::new()), Named::default());
    let after = format!("{source} use std::net::TcpStream;");
    let found = named(&after, &["spec"], &BTreeSet::new());
    assert_eq!(found.reaches.keys().copied().collect::<Vec<_>>(), [Network]);
}
