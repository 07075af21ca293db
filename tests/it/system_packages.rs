//! System packages from envlock.toml to an image: chosen from a signed archive, locked, verified, made into a layer.

use std::collections::BTreeMap;
use std::io::Write;

use envlock::digest::Sha256;

use crate::support::Envlock;
use crate::support::apt_archive::{AptServer, AptSuite, archive_key, keyring};
use crate::support::workshop::{Workshop, images, locked, pull};

/// A package of one file, as dpkg-deb writes it without compression.
struct Deb {
    name: &'static str,
    fields: &'static str,
    path: &'static str,
    text: &'static str,
    postinst: Option<&'static str>,
}

impl Deb {
    const fn new(name: &'static str, fields: &'static str, path: &'static str) -> Self {
        Deb { name, fields, path, text: "from a package\n", postinst: None }
    }

    fn control(&self) -> String {
        let Deb { name, fields, .. } = self;
        format!(
            "Package: {name}\nVersion: 1.0-1\nArchitecture: amd64\nInstalled-Size: 4\n{fields}Description: {name}\n"
        )
    }

    fn bytes(&self) -> Vec<u8> {
        let tar = |files: &[(&str, &str, u32)]| {
            let mut builder = tar::Builder::new(Vec::new());
            for (path, text, mode) in files {
                let mut header = tar::Header::new_gnu();
                header.set_mode(*mode);
                header.set_mtime(1_700_000_000);
                header.set_uid(0);
                header.set_gid(0);
                header.set_size(text.len() as u64);
                builder.append_data(&mut header, path, text.as_bytes()).unwrap();
            }
            builder.into_inner().unwrap()
        };
        let control = self.control();
        let mut files = vec![("./control", control.as_str(), 0o644)];
        files.extend(self.postinst.map(|text| ("./postinst", text, 0o755)));
        let mut deb = b"!<arch>\n".to_vec();
        for (name, bytes) in [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar", tar(&files)),
            ("data.tar", tar(&[(self.path, self.text, 0o755)])),
        ] {
            writeln!(deb, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", bytes.len())
                .unwrap();
            deb.extend(&bytes);
            deb.resize(deb.len().next_multiple_of(2), b'\n');
        }
        deb
    }

    fn file(&self) -> String {
        format!("pool/main/{}_1.0-1_amd64.deb", self.name)
    }
}

/// What archives have: a tool that needs a library, and a package with a script that nobody knows.
const DEBS: [Deb; 3] = [
    Deb::new("tool", "Depends: libtool9 (>= 1), libc6\n", "./usr/bin/tool"),
    Deb::new("libtool9", "Depends: libc6\n", "./usr/lib/libtool.so.9"),
    Deb {
        postinst: Some("#!/bin/sh\nmake-something --odd\n"),
        ..Deb::new("odd", "", "./usr/share/odd")
    },
];

/// An archive with trixie alone, and the workshop whose base is of it.
struct Setup {
    workshop: Workshop,
    archive: AptServer,
}

impl Setup {
    /// A project asks for these packages; `more` is added to envlock.toml.
    fn new(packages: &str, more: &str) -> Self {
        let mut list = String::new();
        let mut files = BTreeMap::new();
        for deb in &DEBS {
            let bytes = deb.bytes();
            let control = deb.control();
            list.push_str(&format!(
                "{control}Filename: {}\nSize: {}\nSHA256: {}\n\n",
                deb.file(),
                bytes.len(),
                Sha256::of(&bytes)
            ));
            files.insert(deb.file(), bytes);
        }
        files
            .extend(AptSuite::debian("trixie").with("main", "amd64", &list).files(&archive_key(1)));
        let archive = AptServer::start(files);
        let mut workshop = Workshop::new(1_000);
        workshop.debian_base();
        let url = archive.server.url("/debian");
        workshop.spec(|spec| {
            format!(
                "{spec}[sources.debian]\nkind = \"deb\"\nurl = \"{url}\"\nkeyring = \"keys.gpg\"\n\
                 [system]\npackages = [{packages}]\n{more}"
            )
        });
        Setup { workshop, archive }
    }

    fn begun(&self) -> Envlock {
        let envlock = self.workshop.begun();
        fs_err::write(envlock.path("keys.gpg"), keyring(&archive_key(1))).unwrap();
        envlock
    }

    fn project(&self) -> Envlock {
        let envlock = self.begun();
        envlock.run(["resolve"]).exits(0);
        envlock
    }
}

#[test]
fn packages_are_locked_with_what_they_need_and_become_a_layer_that_dpkg_knows() {
    let setup = Setup::new("\"tool\"", "");
    let envlock = setup.project();
    let lock = locked(&envlock);
    let names: Vec<_> = lock.system_packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["libtool9", "tool"]);
    let [library, tool] = &lock.system_packages[..] else { unreachable!() };
    assert_eq!(
        (&tool.requested[..], &library.required_by[..]),
        (&["tool".to_owned()][..], &["tool".to_owned()][..])
    );
    assert_eq!(tool.sha256, Sha256::of(DEBS[0].bytes()));
    let pin = lock.system.as_ref().unwrap();
    assert_eq!(
        (pin.source.as_str(), pin.suite.as_str(), pin.archives.len()),
        ("debian", "trixie", 1)
    );
    let host = setup.archive.server.host();
    assert!(!envlock.read("env.lock").contains(&host), "a lock names no host");

    let run = setup.workshop.build(&envlock, "team").exits(0);
    let image = &images(&run)["ray-runtime"];
    let paths = pull(image).paths();
    assert_eq!(paths["usr/bin/tool"], "from a package\n");
    let status = &paths["var/lib/dpkg/status"];
    assert!(
        status.starts_with("Package: libc6\n")
            && status.contains("Package: tool\nStatus: install ok installed\n"),
        "{status}"
    );
    assert_eq!(paths["var/lib/dpkg/info/tool.list"].lines().last(), Some("/usr/bin/tool"));

    // What is locked and pushed is neither asked for nor fetched again.
    let before = setup.archive.asked();
    envlock.run(["resolve"]).exits(0);
    let again = setup.workshop.build(&envlock, "team").exits(0);
    assert_eq!(images(&again)["ray-runtime"].digest(), image.digest());
    assert_eq!(setup.archive.asked(), before);
    // Another machine with the lock, to another registry: the layer is the same.
    let clone = setup.workshop.clone_of(&envlock);
    fs_err::write(clone.path("keys.gpg"), keyring(&archive_key(1))).unwrap();
    let elsewhere = setup.workshop.build(&clone, "other").exits(0);
    assert_eq!(images(&elsewhere)["ray-runtime"].digest(), image.digest());
}

#[test]
fn an_image_adds_packages_to_those_below_it() {
    let setup = Setup::new(
        "\"libtool9\"",
        "[images.ray-runtime]\ngroups = [\"python\", \"ray\"]\n[images.marimo-runtime]\nfrom = \"ray-runtime\"\n\
         groups = [\"marimo\"]\nsystem = [\"tool\"]\n",
    );
    let envlock = setup.project();
    let lock = locked(&envlock);
    let placed: Vec<_> = lock
        .system_packages
        .iter()
        .map(|p| (p.name.as_str(), p.image.as_ref().map(|image| image.as_str())))
        .collect();
    assert_eq!(placed, [("libtool9", None), ("tool", Some("marimo-runtime"))]);
    let images = images(&setup.workshop.build(&envlock, "team").exits(0));
    let (ray, marimo) =
        (pull(&images["ray-runtime"]).paths(), pull(&images["marimo-runtime"]).paths());
    assert!(ray.contains_key("usr/lib/libtool.so.9") && !ray.contains_key("usr/bin/tool"));
    assert!(marimo.contains_key("usr/bin/tool"));
    let status = &marimo["var/lib/dpkg/status"];
    assert!(
        ["libc6", "libtool9", "tool"]
            .iter()
            .all(|name| status.contains(&format!("Package: {name}\n"))),
        "{status}"
    );
}

#[test]
fn a_package_with_other_bytes_than_locked_ends_the_build() {
    let setup = Setup::new("\"tool\"", "");
    let envlock = setup.project();
    setup.archive.change(&DEBS[0].file(), |mut bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    });
    let run = setup.workshop.build(&envlock, "team").exits(6);
    assert!(run.stderr().contains("tool_1.0-1_amd64.deb"), "{}", run.stderr());
    assert!(!envlock.path("env.releases.jsonl").exists());
}

#[test]
fn a_script_that_nobody_knows_is_refused_by_name_until_it_is_skipped() {
    let setup = Setup::new("\"odd\"", "");
    let envlock = setup.project();
    let run = setup.workshop.build(&envlock, "team").exits(7);
    let said = run.stderr();
    assert!(said.contains("postinst of odd 1.0-1") && said.contains("[system.scripts]"), "{said}");
    let spec = envlock.read("envlock.toml") + "[system.scripts]\nodd = \"skip\"\n";
    envlock.write("envlock.toml", spec);
    setup.workshop.build(&envlock, "team").exits(3);
    envlock.run(["resolve"]).exits(0);
    assert_eq!(locked(&envlock).system.unwrap().skipped_scripts, ["odd"]);
    let run = setup.workshop.build(&envlock, "team").exits(0);
    assert!(pull(&images(&run)["ray-runtime"]).paths().contains_key("usr/share/odd"));
}

#[test]
fn what_cannot_be_had_is_refused_with_its_name() {
    let setup = Setup::new("\"toool\"", "");
    let run = setup.begun().run(["resolve"]).exits(4);
    assert!(run.stderr().contains("toool") && run.stderr().contains("tool"), "{}", run.stderr());
    let unsigned = Setup::new("\"tool\"", "");
    let envlock = unsigned.workshop.begun();
    fs_err::write(envlock.path("keys.gpg"), keyring(&archive_key(2))).unwrap();
    envlock.run(["resolve"]).exits(6);
    assert!(!envlock.path("env.lock").exists());
}

#[test]
fn mistakes_in_the_spec_are_shown_at_their_place() {
    for (line, what) in [
        ("[system]\npackages = [\"no such name\"]\n", "no such name"),
        ("[system]\npackages = [\"libc6:i386\"]\n", "another architecture"),
        ("[sources.arch]\nkind = \"deb\"\nurl = \"https://a.example/\"\n", "no distribution"),
        ("[sources.corp]\nurl = \"https://a.example/\"\nkeyring = \"k\"\n", "no such key"),
    ] {
        let envlock = Envlock::new();
        envlock.write("envlock.toml", line);
        let run = envlock.run(["resolve"]).exits(2);
        assert!(
            run.stderr().contains(what) && run.stderr().contains("envlock.toml:"),
            "{}",
            run.stderr()
        );
    }
}
