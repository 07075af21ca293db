//! The layers that the built-in engine computes from a base image against what the Dockerfile's scripts do in a
//! container of it. Needs docker, and a base image with Python 3.14: see `tests/support/engine.rs` for the variables.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use envlock::base_image::{self, Ask, BaseSystem};
use envlock::engine::layers::{python, standalone, system};
use envlock::lock::{self, Lock};
use envlock::net::{self, Retry};
use envlock::platform::Platform;
use envlock::registry;
use envlock::spec::RegistrySpec;
use envlock::store::Store;
use envlock::ui::Bar;
use wheel_layers::tree::{Content, Kind, Node, Owner, Tree};

use crate::support::{Registry, left_out};

const EPOCH: i64 = 1_767_225_600;

#[track_caller]
fn docker(args: &[&str]) -> Vec<u8> {
    let output = Command::new("docker").args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {args:?}: {errors}");
    output.stdout
}

fn text(args: &[&str]) -> String {
    String::from_utf8(docker(args)).unwrap().trim().to_owned()
}

/// A container that is gone when dropped.
struct Container(String);

impl Container {
    fn of(image: &str, options: &[&str]) -> Self {
        let run = ["run", "--detach", "--user", "0", "--entrypoint", "sleep", "--tmpfs", "/tmp"];
        Container(text(&[&run, options, &[image, "infinity"]].concat()))
    }

    fn exec(&self, user: &str, variables: &[String], script: &str) -> String {
        let variables: Vec<&str> = variables.iter().flat_map(|v| ["--env", v.as_str()]).collect();
        let head = ["exec", "--user", user];
        text(&[&head, variables.as_slice(), &[&self.0, "sh", "-c", script]].concat())
    }

    /// The paths that differ from the image, and the whole file system.
    fn changed(&self) -> (Vec<String>, BTreeMap<String, Node>) {
        let diff = text(&["diff", &self.0]);
        let changed = diff.lines().map(|line| line[3..].to_owned()).collect();
        let archive = docker(&["export", &self.0]);
        let mut nodes = BTreeMap::<String, Node>::new();
        for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
            let header = entry.header();
            let number = |n: u64| u32::try_from(n).unwrap();
            let owner =
                Owner { uid: number(header.uid().unwrap()), gid: number(header.gid().unwrap()) };
            let mode = header.mode().unwrap() & 0o7777;
            let kind = match header.entry_type() {
                tar::EntryType::Directory => Kind::Folder,
                tar::EntryType::Symlink => {
                    let target = entry.link_name().unwrap().unwrap();
                    Kind::Symlink { target: target.to_str().unwrap().to_owned() }
                }
                tar::EntryType::Link => {
                    let target = entry.link_name().unwrap().unwrap();
                    let first: &Node = &nodes[target.to_str().unwrap()];
                    first.kind.clone()
                }
                _ => {
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
                    Kind::File(Content::Bytes(bytes.into()))
                }
            };
            nodes.insert(path, Node { mode, owner, kind });
        }
        (changed, nodes)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", &self.0]).output();
    }
}

/// As the scripts see `docker/` in their steps.
fn mounts() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let here = Utf8PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("docker");
    let copy = |from: Utf8PathBuf, to: &str| {
        let to = Utf8Path::from_path(folder.path()).unwrap().join(to);
        fs_err::create_dir_all(&to).unwrap();
        for entry in from.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            fs_err::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    copy(here.join("build"), "build");
    copy(here.join("build"), ".");
    copy(here.join("files"), "files");
    let mount = format!("{}:/mnt:ro", folder.path().display());
    (folder, mount)
}

fn a_lock(version: &str) -> Lock {
    let text = format!(
        "version = 1\nspec-sha256 = \"{zero}\"\n[target]\nplatform = \"linux/amd64\"\nglibc = \"2.39\"\n\
         cuda-tag = \"cpu\"\nsource-date-epoch = {EPOCH}\n[python]\nversion = \"{version}\"\nsource = \"base\"\n\
         [base.runtime]\nreference = \"a:1\"\n[base.devel]\nreference = \"a:1\"\n",
        zero = "0".repeat(64),
    );
    lock::parse(&text).unwrap()
}

async fn read(image: &str) -> BaseSystem {
    let net = net::Client::new(Retry::default()).unwrap();
    let client = registry::client(net, &RegistrySpec::default(), false);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
    let digests = base_image::pin(&client, image, Platform::LINUX_AMD64).await.unwrap();
    let ask = Ask { system: true, ..Ask::on(Platform::LINUX_AMD64) };
    let facts =
        base_image::inspect(&client, &store, image, digests, &ask, &Bar::hidden()).await.unwrap();
    facts.system.unwrap()
}

/// Every node of the tree is in the container as it says, and the container has no other change. `file` is what the
/// tree's members lie in.
fn same(tree: &Tree, file: &[u8], container: &Container) {
    let (changed, nodes) = container.changed();
    let mut gone = Vec::new();
    for (path, node) in tree.iter() {
        match &node.kind {
            Kind::Whiteout => {
                assert!(!nodes.contains_key(path), "{path} is still there");
                gone.push(path);
            }
            Kind::File(Content::Member(member)) => {
                let (start, size) = (member.offset, member.size);
                let range = usize::try_from(start).unwrap()..usize::try_from(start + size).unwrap();
                let bytes = bytes::Bytes::copy_from_slice(&file[range]);
                let node = Node { kind: Kind::File(Content::Bytes(bytes)), ..node.clone() };
                assert_eq!(nodes.get(path), Some(&node), "{path}");
            }
            _ => assert_eq!(nodes.get(path), Some(node), "{path}"),
        }
    }
    // What docker itself puts into a container.
    let own = ["tmp", "mnt", "run", "etc/hosts", "etc/mtab", ".dockerenv"];
    let dockers = |path: &str| own.iter().any(|own| path.starts_with(own));
    let unexpected: Vec<_> = changed
        .iter()
        .filter(|path| tree.get(path).is_none() && !dockers(path))
        .filter(|path| !gone.iter().any(|gone| path.starts_with(gone)))
        .collect();
    assert!(unexpected.is_empty(), "the scripts changed more: {unexpected:?}");
}

fn base() -> Option<String> {
    let base = std::env::var("ENVLOCK_TEST_BASE").ok();
    let base = base.filter(|_| std::env::var("ENVLOCK_TEST_ENGINE").is_ok_and(|v| v == "1"));
    if base.is_none() {
        left_out("no engine, or no ENVLOCK_TEST_BASE with a Python of its own");
    }
    base
}

/// What the system layer and then the interpreter's make of a base.
fn on_system(base: &BaseSystem, interpreter: &Tree) -> Tree {
    let mut tree = system::system(base, EPOCH).unwrap();
    // Folders that lead to the environment are in both layers.
    for (path, node) in
        interpreter.iter().filter(|(path, _)| path.starts_with("opt/conda/envs/py/"))
    {
        tree.insert(path, node.clone()).unwrap();
    }
    tree
}

#[tokio::test]
async fn the_scripts_and_the_built_in_engine_make_equal_trees_of_a_base() {
    let Some(base) = base() else { return };
    let registry = Registry::start();
    let variant = |name: &str, script: &str| {
        let container = Container::of(&base, &[]);
        container.exec("0", &[], script);
        let image = format!("{}/base/{name}:1", registry.host());
        docker(&["commit", &container.0, &image]);
        docker(&["push", "--quiet", &image]);
        image
    };
    let foreign = "useradd --uid 1000 --create-home --groups users ubuntu; mkdir -p /etc/skel/.config; \
                   echo x >/etc/skel/.config/y; ln -s y /etc/skel/.config/z; chmod 775 /etc/skel/.config; \
                   printf 'last:x:7:7::/:/bin/sh' >>/etc/passwd";
    let ray = "useradd --uid 1000 --gid users --no-user-group --create-home ray; touch /home/ray/.own; \
               mkdir /home/ray/anaconda3; rm /etc/pam.d/su-l; rm -r /etc/profile.d";
    let images = [base.clone(), variant("foreign", foreign), variant("ray", ray)];
    let (_folder, mount) = mounts();
    for image in &images {
        let container = Container::of(image, &["--volume", &mount, "--network", "none"]);
        let found = container.exec(
            "0",
            &[],
            "python3.14 -B -c 'import platform; print(platform.python_version())'",
        );
        let lock = a_lock(&found);
        let variables = [
            format!("SOURCE_DATE_EPOCH={EPOCH}"),
            format!("PYTHON_VERSION={found}"),
            "PYTHON_SOURCE=base".to_owned(),
        ];
        container.exec("0", &variables, "sh /mnt/build/base.sh");
        container.exec("1000:1000", &variables, "sh /mnt/python.sh");
        let facts = read(image).await;
        assert_eq!(
            facts.has_compiler(),
            !container.exec("0", &[], "command -v cc gcc clang || true").is_empty()
        );
        let tree = on_system(&facts, &python::skeleton(&facts, &lock).unwrap());
        same(&tree, b"", &container);
    }
    for image in &images[1..] {
        docker(&["rmi", image]);
    }
}

/// An archive as python-build-standalone makes them, whose interpreter is the base's.
fn archive(version: &str) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    let header = format!("#define PY_VERSION \"{version}\"\n");
    let long = format!("python/share/{}end", "deep/".repeat(40));
    let files = [
        ("python/bin/python3.14", "->/usr/bin/python3.14"),
        ("python/bin/python", "->python3.14"),
        ("python/bin/pip3.14", "not ours"),
        ("python/include/python3.14/patchlevel.h", &header),
        ("python/lib/python3.14/EXTERNALLY-MANAGED", "no"),
        ("python/lib/python3.14/os.py", "import sys"),
        ("python/lib/python3.14/__pycache__/os.cpython-314.pyc", "bytes"),
        ("python/lib/python3.14/site-packages/", ""),
        ("python/lib/python3.14/site-packages/pip/__init__.py", "not ours"),
        ("python/lib/libpython3.14.so.1.0", "ELF"),
        ("python/share/terminfo/x/again", "=>python/lib/python3.14/os.py"),
        (&long, "far"),
    ];
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if path.contains("/lib/") { 0o664 } else { 0o775 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if let Some(target) = content.strip_prefix("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, path, target).unwrap();
        } else if let Some(target) = content.strip_prefix("=>") {
            header.set_entry_type(tar::EntryType::Link);
            builder.append_link(&mut header, path, target).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o775);
            builder.append_data(&mut header, path, &[][..]).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn the_scripts_and_the_built_in_engine_unpack_an_archive_alike() {
    let Some(base) = base() else { return };
    let (_folder, mount) = mounts();
    let media = tempfile::tempdir().unwrap();
    let media = Utf8Path::from_path(media.path()).unwrap();
    let packed = media.join("cpython.tar.gz");
    let options =
        ["--volume", &mount, "--volume", &format!("{media}:/media:ro"), "--network", "none"];
    let container = Container::of(&base, &options);
    let version = container.exec(
        "0",
        &[],
        "python3.14 -B -c 'import platform; print(platform.python_version())'",
    );
    fs_err::write(&packed, archive(&version)).unwrap();
    let sha256 = envlock::digest::Sha256::of(fs_err::read(&packed).unwrap());
    let variables = [
        format!("SOURCE_DATE_EPOCH={EPOCH}"),
        format!("PYTHON_VERSION={version}"),
        format!("PYTHON_ARCHIVE_SHA256={sha256}"),
        "PYTHON_SOURCE=standalone".to_owned(),
    ];
    container.exec("0", &variables, "sh /mnt/build/base.sh");
    container.exec("1000:1000", &variables, "sh /mnt/python.sh");
    let facts = read(&base).await;
    let plain = media.join("cpython.tar");
    standalone::inflate(&packed, &plain).unwrap();
    let tree = standalone::standalone(&plain, &facts, &a_lock(&version)).unwrap();
    same(&on_system(&facts, &tree), &fs_err::read(&plain).unwrap(), &container);
}
