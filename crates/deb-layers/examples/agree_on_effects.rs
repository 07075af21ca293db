//! Compares what the effects of scripts make with what the scripts made: a tree that dpkg installed, and the same packages
//! unpacked and configured as data.
//!
//! ```sh
//! agree_on_effects ROOT *.deb     # the packages in the order in which dpkg configured them
//! ```

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use deb_layers::effects::{EffectError, Scripts, Settings, apply, check, configure_order};
use deb_layers::{Deb, Kind, Package, Tree, unpack};

/// What may differ, by the beginning of its path or by a part of it, and why.
const MAY_DIFFER: &[(&str, &str)] = &[
    ("dev", "devices of the machine"),
    ("proc", "the machine"),
    ("run", "made when a machine starts"),
    ("tmp", "temporary"),
    ("var/log/", "logs"),
    ("var/cache/debconf/", "answers to questions that nobody asks"),
    ("var/cache/ldconfig", "a cache"),
    ("etc/ld.so.cache", "a cache: the loader looks in its default folders without it"),
    ("var/cache/man", "an index that man-db's timer makes"),
    ("var/cache/fontconfig/", "a cache that fontconfig makes"),
    ("usr/share/mime/", "a database for desktops"),
    ("usr/lib/udev/hwdb.bin", "a database for machines"),
    ("var/lib/systemd/catalog", "a database of messages"),
    ("etc/machine-id", "made when a machine starts"),
    ("var/lib/dbus/machine-id", "made when a machine starts"),
    ("/giomodule.cache", "a list of modules, which are found without it"),
    ("/immodules.cache", "a list of modules, which GTK's program makes"),
    ("/icon-theme.cache", "a cache"),
    ("/gschemas.compiled", "compiled settings, which are told as left out"),
    ("etc/ssh/ssh_host_", "keys, which no image may hold"),
    ("var/lib/dpkg/", "dpkg's database, but for its alternatives, which is compared elsewhere"),
    ("/loaders.cache", "a list of image formats that are modules"),
    ("__pycache__", "compiled modules are a decision of the image's maker"),
    ("etc/gitconfig", "git-lfs writes its settings in any order"),
    ("etc/.pwd.lock", "a lock"),
    ("var/lib/ucf/", "backups of what ucf remembers"),
];
/// Backups that the tools of shadow leave.
const BACKUPS: [&str; 6] =
    ["etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("agree_on_effects ROOT *.deb")?);
    let packages: Vec<Package> = arguments
        .map(|path| Package {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path: path.into(),
            unpacked: 4 << 30,
        })
        .collect();
    let debs = Deb::read_all(&packages, &std::env::temp_dir())?;
    let mut tree = unpack(Tree::merged_usr(), &debs)?;
    let unpacked = tree.clone();
    let scripts = debs.iter().map(|deb| Scripts::of(&deb.control, "amd64"));
    let scripts = scripts.collect::<Result<Vec<_>, _>>()?;
    let mut settings = Settings { day: today()?, skip: BTreeSet::new() };
    for error in check(&scripts, &settings) {
        println!("skipped: {error}");
        if let EffectError::UnknownScript { package, .. } = error {
            settings.skip.insert(package);
        }
    }
    let (applied, took) = loop {
        let started = std::time::Instant::now();
        tree = unpacked.clone();
        match apply(&mut tree, &scripts, &settings) {
            Ok(applied) => break (applied, started.elapsed()),
            Err(error) => {
                println!("skipped: {error}: {:?}", error.source());
                let (EffectError::Effect { package, .. } | EffectError::Condition { package, .. }) =
                    error
                else {
                    return Err(error.into());
                };
                settings.skip.insert(package);
            }
        }
    };
    let texts = scripts
        .iter()
        .map(|s| usize::from(s.preinst.is_some()) + usize::from(s.postinst.is_some()));
    println!(
        "{} packages, {} scripts, {} recognised, {} effects left out, {took:?}",
        debs.len(),
        texts.sum::<usize>(),
        applied.scripts,
        applied.omitted.len()
    );
    let controls: Vec<_> = debs.iter().map(|deb| &deb.control).collect();
    let started = std::time::Instant::now();
    let order = configure_order(&controls)?;
    let took = started.elapsed();
    let mut other = unpacked.clone();
    let ordered: Vec<Scripts<'_>> = order.into_iter().map(|place| scripts[place]).collect();
    apply(&mut other, &ordered, &settings)?;
    let (one, two) = (made(&tree)?, made(&other)?);
    let differ = one.iter().filter(|(path, found)| two.get(*path) != Some(found)).count();
    println!("configured in an order that takes {took:?} to find, {differ} paths differ");
    compare(&root, &made(&unpacked)?, &tree)
}

fn today() -> Result<u32, Box<dyn Error>> {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    Ok(u32::try_from(seconds / 86_400)?)
}

/// Mode, owner, group and what it is, as text.
type Found = (u32, u32, u32, String);

fn real(root: &Path) -> Result<BTreeMap<String, Found>, Box<dyn Error>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name =
                path.strip_prefix(root)?.to_str().ok_or("a name that is not UTF-8")?.to_owned();
            let meta = path.symlink_metadata()?;
            let what = if meta.is_symlink() {
                format!("-> {}", path.read_link()?.display())
            } else if meta.is_dir() {
                if !["proc", "dev"].contains(&name.as_str()) {
                    folders.push(path.clone());
                }
                "directory".to_owned()
            } else if meta.is_file() {
                hash(&std::fs::read(&path)?)
            } else {
                "device".to_owned()
            };
            let mode = if meta.is_symlink() { 0o777 } else { meta.mode() & 0o7777 };
            all.insert(name, (mode, meta.uid(), meta.gid(), what));
        }
    }
    Ok(all)
}

fn made(tree: &Tree) -> Result<BTreeMap<String, Found>, Box<dyn Error>> {
    let mut all = BTreeMap::new();
    for (path, node) in tree.iter() {
        let node = match &node.kind {
            Kind::HardLink { to } => tree.get(to).ok_or("a hard link to nothing")?,
            _ => node,
        };
        let what = match &node.kind {
            Kind::Directory => "directory".to_owned(),
            Kind::Symlink { target } => format!("-> {target}"),
            Kind::File(content) => hash(&content.read()?),
            Kind::HardLink { .. } => "a hard link to a hard link".to_owned(),
        };
        let mode = if matches!(node.kind, Kind::Symlink { .. }) { 0o777 } else { node.mode };
        all.insert(path.to_owned(), (mode, node.owner.uid, node.owner.gid, what));
    }
    Ok(all)
}

/// deb-systemd-helper names /lib where systemctl is not unpacked yet, and /usr/lib where it is.
fn same_unit(here: Option<&Found>, there: Option<&Found>) -> bool {
    let merged = |found: &Found| found.3.replace("-> /lib/systemd/", "-> /usr/lib/systemd/");
    here != there
        && here.map(merged) == there.map(merged)
        && here.is_some_and(|here| here.3.contains("/lib/systemd/"))
}

fn hash(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn compare(
    root: &Path,
    unpacked: &BTreeMap<String, Found>,
    tree: &Tree,
) -> Result<(), Box<dyn Error>> {
    let (real, made) = (real(root)?, made(tree)?);
    let paths: BTreeSet<&String> =
        real.keys().chain(made.keys()).filter(|path| !path.is_empty()).collect();
    let (mut compared, mut by_scripts, mut differ) = (0, 0, 0);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for path in paths {
        let may = MAY_DIFFER.iter().find(|(part, _)| {
            path.starts_with(part)
                || (part.contains('/') || part.starts_with("__")) && path.contains(part)
        });
        let may = may.filter(|_| !path.starts_with("var/lib/dpkg/alternatives"));
        let may =
            may.map(|(_, why)| *why).or(BACKUPS.contains(&path.as_str()).then_some("backups"));
        let (here, there) = (made.get(path), real.get(path));
        if let Some(why) = may {
            if here != there {
                *reasons.entry(why).or_default() += 1;
            }
            continue;
        }
        compared += 1;
        by_scripts += usize::from(there != unpacked.get(path));
        if here == there {
            continue;
        }
        let both = (tree.read(path), std::fs::read_to_string(root.join(path)));
        if path == "etc/shadow"
            && let (Ok(Some(ours)), Ok(theirs)) = &both
            && String::from_utf8_lossy(ours).replace(":0:99999:7:", "::99999:7:")
                == theirs.replace(":0:99999:7:", "::99999:7:")
        {
            let why = "newer shadow writes no least age of passwords in place of 0";
            *reasons.entry(why).or_default() += 1;
        } else if same_unit(here, there) {
            *reasons.entry("the other name of the folder of systemd's units").or_default() += 1;
        } else {
            differ += 1;
            println!("{path}: dpkg {there:?}, here {here:?}");
            if let (Ok(Some(ours)), Ok(theirs)) = both {
                let ours = String::from_utf8_lossy(&ours).into_owned();
                for (mark, lines, others) in [('-', &theirs, &ours), ('+', &ours, &theirs)] {
                    let others: BTreeSet<&str> = others.lines().collect();
                    for line in lines.lines().filter(|line| !others.contains(line)).take(20) {
                        println!("    {mark}{line}");
                    }
                }
            }
        }
    }
    println!(
        "{compared} paths compared, {by_scripts} of them made or changed by scripts, {differ} differ"
    );
    for (why, count) in reasons {
        println!("{count} differ because: {why}");
    }
    Ok(())
}
