//! Real wheels, installed by a real pip and by envlock: the same files. Needs wheels and a Python of
//! their own, so it runs when asked: `ENVLOCK_TEST_WHEELS=folder cargo test --test it -- --ignored`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use wheel_layers::tree::{Content, Kind, Method, Owner, Tree};
use wheel_layers::{Environment, PathOwners, Source, Wheel, install, measure, splice};

/// pip without its question whether this machine can run the wheel.
const PIP: &str = "
import sys
from pip._internal.locations import get_scheme
from pip._internal.operations.install.wheel import install_wheel
for path in sys.argv[1:]:
    name = path.rsplit('/', 1)[1].split('-')[0].lower().replace('_', '-').replace('.', '-')
    install_wheel(name, path, get_scheme(name), name, pycompile=False)
";

fn folder() -> Utf8PathBuf {
    let folder = std::env::var("ENVLOCK_TEST_WHEELS").expect("ENVLOCK_TEST_WHEELS: a folder");
    folder.into()
}

fn wheels() -> Vec<Utf8PathBuf> {
    let files = folder().read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    let mut wheels: Vec<_> = files.filter(|path| path.extension() == Some("whl")).collect();
    wheels.sort();
    assert!(!wheels.is_empty());
    wheels
}

fn environment(root: &Utf8Path, python_minor: &str) -> Environment {
    Environment {
        root: root.as_str().trim_start_matches('/').into(),
        python_minor: python_minor.into(),
        is_virtual: true,
        owner: Owner { uid: 1000, gid: 1000 },
        installer: "envlock".into(),
    }
}

fn trees(wheels: &[Utf8PathBuf], environment: &Environment) -> Vec<(String, Tree)> {
    let tree = |(at, path): (usize, &Utf8PathBuf)| {
        let file = path.file_name().unwrap();
        let wheel = Wheel::open(path, file, None).unwrap_or_else(|e| panic!("{e}"));
        (file.to_owned(), install(&wheel, at, environment).unwrap_or_else(|e| panic!("{e}")))
    };
    wheels.iter().enumerate().map(tree).collect()
}

/// Mode and CRC-32 of every file below a folder.
fn on_disk(root: &Utf8Path, below: &Utf8Path, files: &mut BTreeMap<String, (u32, u32)>) {
    for entry in below.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        let about = path.symlink_metadata().unwrap();
        if about.is_dir() {
            on_disk(root, &path, files);
        } else if about.is_file() {
            let mut crc = flate2::CrcReader::new(File::open(&path).unwrap());
            std::io::copy(&mut crc, &mut std::io::sink()).unwrap();
            let name = path.strip_prefix(root).unwrap().to_string();
            files.insert(name, (about.permissions().mode() & 0o7777, crc.crc().sum()));
        }
    }
}

/// The same of a tree; members are inflated.
fn in_tree(tree: &Tree, root: &str, wheels: &[Utf8PathBuf]) -> BTreeMap<String, (u32, u32)> {
    let mut files = BTreeMap::new();
    for (path, node) in tree.iter() {
        let Kind::File(content) = &node.kind else { continue };
        let sum = match content {
            Content::Bytes(_) => content.crc32(),
            Content::Member(m) => {
                let mut data = vec![0; m.compressed as usize];
                let file = File::open(&wheels[m.file]).unwrap();
                file.read_exact_at(&mut data, m.offset).unwrap();
                let plain: Box<dyn Read> = match m.method {
                    Method::Stored => Box::new(&data[..]),
                    Method::Deflate => Box::new(flate2::read::DeflateDecoder::new(&data[..])),
                };
                let mut crc = flate2::CrcReader::new(plain);
                std::io::copy(&mut crc, &mut std::io::sink()).unwrap();
                assert_eq!(crc.crc().sum(), m.crc32, "{path}");
                m.crc32
            }
        };
        let name = path.strip_prefix(root).unwrap().trim_start_matches('/').to_owned();
        files.insert(name, (node.mode, sum));
    }
    files
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs ENVLOCK_TEST_WHEELS, a folder of wheels that do not conflict"]
fn a_real_pip_installs_the_same_files() {
    let wheels = wheels();
    let temporary = tempfile::tempdir_in(folder()).unwrap();
    let root = Utf8Path::from_path(temporary.path()).unwrap().canonicalize_utf8().unwrap();
    let root = root.join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&root));
    let python = root.join("bin/python");
    let minor =
        run(Command::new(&python).args(["-c", "import platform as p; print(p.python_version())"]));
    let minor: Vec<_> = minor.trim().split('.').take(2).collect();
    let environment = environment(&root, &minor.join("."));
    let mut before = BTreeMap::new();
    on_disk(&root, &root, &mut before);
    run(Command::new(&python).args(["-B", "-c", PIP]).args(&wheels));

    let (mut pip, mut ours) = (BTreeMap::new(), BTreeMap::new());
    on_disk(&root, &root, &mut pip);
    pip.retain(|path, _| !before.contains_key(path) && !path.contains("__pycache__"));
    for (file, tree) in trees(&wheels, &environment) {
        let tree = in_tree(&tree, &environment.root, &wheels);
        assert!(tree.len() > 3, "{file}");
        ours.extend(tree);
    }
    // The virtual environment has a pip of its own, whose files stay.
    ours.retain(|path, _| !before.contains_key(path));
    let installers =
        |path: &str| ["/INSTALLER", "/REQUESTED", "/RECORD"].iter().any(|end| path.ends_with(end));
    pip.retain(|path, _| !path.ends_with(".dist-info/REQUESTED"));
    let names = |files: &BTreeMap<String, (u32, u32)>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&pip));
    for (path, (mode, sum)) in &ours {
        assert_eq!(format!("{path} {mode:o}"), format!("{path} {:o}", pip[path].0));
        // The text of scripts is each installer's own.
        assert!(*sum == pip[path].1 || installers(path) || path.starts_with("bin/"), "{path}");
    }
}

#[test]
#[ignore = "needs ENVLOCK_TEST_WHEELS, a folder of wheels that do not conflict"]
fn real_wheels_are_accepted_and_do_not_conflict() {
    let mut owners = PathOwners::default();
    let wheels = wheels();
    for (file, tree) in trees(&wheels, &environment(Utf8Path::new("/opt/py"), "3.14")) {
        let added = owners.add(&file, tree.path_entries());
        added.unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(owners.iter().count() > wheels.len() * 4);
}

/// The files of a wheel with mode and checksum once its layer was made, or why there is none.
fn outcome(wheel: &Utf8Path) -> Result<BTreeMap<String, (u32, u32)>, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let (file, target) = (wheel.file_name().unwrap(), environment(Utf8Path::new("/e"), "3.14"));
    let opened = Wheel::open(wheel, file, None).map_err(|e| told(&e))?;
    let tree = install(&opened, 0, &target).map_err(|e| told(&e))?;
    let source = Source { name: file.to_owned(), file: File::open(wheel).unwrap() };
    let layer = splice(&tree, [source], 0).map_err(|e| told(&e))?;
    measure(&layer).map_err(|e| told(&e))?;
    let files = in_tree(&tree, "e", &[wheel.to_owned()]).into_iter().filter_map(|(path, about)| {
        let name = path.strip_prefix("lib/python3.14/site-packages/").unwrap_or(&path).to_owned();
        let own = ["/INSTALLER", "/REQUESTED", "/RECORD"].iter().any(|end| name.ends_with(end));
        let (mode, sum) = about;
        let sum = if name.starts_with("bin/") { 0 } else { sum };
        (!own).then_some((name, (mode, sum)))
    });
    Ok(files.collect())
}

/// For ci/agree-on-wheels.py: writes envlock.json into the folder of folders of wheels.
#[test]
#[ignore = "needs ENVLOCK_TEST_WHEELS, a folder of folders with one wheel each"]
fn what_becomes_of_odd_wheels() {
    let mut verdicts = serde_json::Map::new();
    for entry in folder().read_dir_utf8().unwrap() {
        let entry = entry.unwrap().into_path();
        let Some(name) = entry.file_name().filter(|_| entry.is_dir()) else { continue };
        let wheel = entry.join("x-1-py3-none-any.whl");
        let verdict = match outcome(&wheel) {
            Ok(files) => serde_json::to_value(files).unwrap(),
            Err(why) => why.into(),
        };
        verdicts.insert(name.to_owned(), verdict);
    }
    assert!(!verdicts.is_empty());
    let text = serde_json::to_string(&verdicts).unwrap();
    fs_err::write(folder().join("envlock.json"), text).unwrap();
}
