//! A login is in no message, log, lock, cache or export, wherever it was given: every place that takes an address is
//! given one with a login, as it should be and broken, and everything that is printed or written is searched for it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::resolve::base;
use crate::support::{Envlock, FakeIndex, Reply, Run, Server};

/// The end of the password, in every spelling of it.
const SECRET: &str = "den-5f2";
/// As it is, and as it stands in an address.
const PASSWORD: &str = "hid%den-5f2";
const IN_ADDRESS: &str = "me:hid%25den-5f2@";
/// `me:hid%den-5f2`
const BASIC: &str = "bWU6aGlkJWRlbi01ZjI";
/// What these tests themselves wrote.
const GIVEN: [&str; 6] = ["envlock.toml", "uv.toml", "pip.conf", ".netrc", "keyring", "given.toml"];

fn index() -> FakeIndex {
    let index = FakeIndex::start().only_for("me", PASSWORD);
    index.wheel("pip", "26.0").add();
    index.wheel("ray", "2.0").requires("six").add();
    index.wheel("six", "1.0").without_hash().add();
    index
}

fn with_login(url: &str) -> String {
    url.replacen("://", &format!("://{IN_ADDRESS}"), 1)
}

fn spec(base: &str, more: &str) -> String {
    format!(
        "[python]\nsource = \"base\"\nversion = \"3.14.2\"\n[target]\nglibc = \"2.39\"\n\
         [base]\nruntime = \"{base}\"\ndevel = \"{base}\"\n\
         [groups.python]\npackages = [\"pip\"]\n[groups.ray]\npackages = [\"ray\"]\n{more}"
    )
}

/// Fails where the secret is in what was printed, or in a file of the project, the store or the home folder.
#[track_caller]
fn keeps_it(envlock: &Envlock, run: Run, case: &str) -> Run {
    let printed = run.stdout() + &run.stderr();
    for needle in [SECRET, BASIC] {
        assert!(!printed.contains(needle), "{case}: {printed}");
        search(envlock.folder().as_std_path(), needle.as_bytes(), case);
    }
    run
}

#[track_caller]
fn search(folder: &Path, needle: &[u8], case: &str) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!path.to_str().unwrap().as_bytes().windows(needle.len()).any(|w| w == needle));
        if path.is_symlink() || GIVEN.contains(&name) {
            continue;
        }
        if path.is_dir() {
            search(&path, needle, case);
            continue;
        }
        let bytes = fs_err::read(&path).unwrap();
        let found = bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!found, "{case}: {}", path.display());
    }
}

/// A place that takes the address of PyPI, and how an address is put there.
type Place = (&'static str, fn(Envlock, &str, &str) -> Envlock);

const PLACES: [Place; 10] = [
    ("envlock.toml", |envlock, base, url| {
        envlock.write("envlock.toml", spec(base, &format!("[sources.pypi]\nurl = \"{url}\"\n")));
        envlock
    }),
    ("a page of links", |envlock, base, url| {
        let more = format!("[sources.pypi]\nurl = \"{url}\"\nkind = \"find-links\"\n");
        envlock.write("envlock.toml", spec(base, &more));
        envlock
    }),
    ("UV_DEFAULT_INDEX", |envlock, base, url| {
        envlock.write("envlock.toml", spec(base, ""));
        envlock.env("UV_DEFAULT_INDEX", format!("corp={url}"))
    }),
    ("UV_INDEX_URL", |envlock, base, url| {
        envlock.write("envlock.toml", spec(base, ""));
        envlock.env("UV_INDEX_URL", url)
    }),
    ("PIP_INDEX_URL", |envlock, base, url| {
        envlock.write("envlock.toml", spec(base, ""));
        envlock.env("PIP_INDEX_URL", url)
    }),
    ("uv.toml", |envlock, base, url| {
        envlock.write("envlock.toml", spec(base, ""));
        envlock.write("uv.toml", format!("[[index]]\nurl = \"{url}\"\ndefault = true\n"));
        envlock
    }),
    ("pip.conf", |envlock, base, url| {
        envlock.write("envlock.toml", spec(base, ""));
        envlock.write(".home/.config/pip/pip.conf", format!("[global]\nindex-url = {url}\n"));
        envlock
    }),
    ("uv's variables", |envlock, base, url| {
        let url = url.replace(IN_ADDRESS, "");
        envlock.write("envlock.toml", spec(base, &format!("[sources.pypi]\nurl = \"{url}\"\n")));
        envlock.env("UV_INDEX_PYPI_USERNAME", "me").env("UV_INDEX_PYPI_PASSWORD", PASSWORD)
    }),
    ("netrc", |envlock, base, url| {
        let url = url.replace(IN_ADDRESS, "");
        envlock.write("envlock.toml", spec(base, &format!("[sources.pypi]\nurl = \"{url}\"\n")));
        let text = format!("machine 127.0.0.1 login me password {PASSWORD}\n");
        envlock.write(".home/.netrc", text);
        envlock
    }),
    ("keyring", |envlock, base, url| {
        let url = url.replace(IN_ADDRESS, "me@");
        let more = format!("[sources.pypi]\nurl = \"{url}\"\n");
        envlock.write(
            "envlock.toml",
            format!("keyring-provider = \"subprocess\"\n{}", spec(base, &more)),
        );
        let program = envlock.write(".bin/keyring", format!("#!/bin/sh\necho '{PASSWORD}'\n"));
        fs_err::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", envlock.path(".bin"));
        envlock.env("PATH", path)
    }),
];

#[test]
fn a_login_works_from_every_place_and_is_nowhere_else() {
    let (_registry, base) = base();
    let index = index();
    let links = "<a href='/files/pip-26.0-py3-none-any.whl'>1</a>\
        <a href='/files/ray-2.0-py3-none-any.whl'>2</a><a href='/files/six-1.0-py3-none-any.whl'>3</a>";
    index.page("/links", links);
    for (case, give) in PLACES {
        let path = if case == "a page of links" { "/links" } else { "/simple/" };
        let url = with_login(&format!("http://{}{path}", index.host()));
        let envlock = give(Envlock::new(), &base, &url);
        let commands: [&[&str]; 8] = [
            &["resolve", "-vv"],
            &["resolve", "-vv", "--upgrade", "--refresh"],
            &["build", "-vv", "--prepare"],
            &["export", "--format", "pylock", "-o", "pylock.toml"],
            &["export", "--format", "requirements", "-o", "requirements.txt"],
            &["export", "--format", "cyclonedx", "-o", "bill.json"],
            &["why", "six"],
            &["outdated", "-vv"],
        ];
        for command in commands {
            let run = keeps_it(&envlock, envlock.run(command), &format!("{case}: {command:?}"));
            run.exits(0);
        }
        keeps_it(&envlock, envlock.run(["doctor", "-vv"]), case);
    }
}

#[test]
fn a_login_for_a_server_that_is_away_or_refuses_is_not_told() {
    let away = format!("http://{IN_ADDRESS}127.0.0.1:1/simple/");
    let refusing = Server::start(|_| Reply::status(403).header("Retry-After", "soon"));
    let wrong = Server::start(|_| Reply::status(401));
    let broken = Server::start(|_| Reply::ok("{").header("Content-Type", "application/json"));
    let elsewhere = with_login(&format!("http://{}/simple/", wrong.host()));
    let sends = Server::start(move |_| Reply::status(302).header("Location", &elsewhere));
    let servers = [&refusing, &wrong, &broken, &sends];
    let urls = servers.map(|server| with_login(server.url("/simple/").as_str()));
    for (case, give) in PLACES {
        for url in urls.iter().chain([&away]) {
            let envlock = give(Envlock::new(), "127.0.0.1:1/base:v1", url);
            let run = envlock.run(["resolve", "-vv"]);
            let run = keeps_it(&envlock, run, &format!("{case}, {url}"));
            assert_ne!(run.0.status.code(), Some(0), "{case}, {url}");
        }
    }
}

#[test]
fn a_login_in_an_address_that_cannot_be_read_is_not_told() {
    let base = "127.0.0.1:1/base:v1";
    let bad = format!("http://{IN_ADDRESS}[/");
    let slash = format!("http://me:hid/{SECRET}@h.example/");
    for url in [&bad, &slash, &format!("ftp://{IN_ADDRESS}h.example/")] {
        for (case, give) in PLACES {
            let envlock = give(Envlock::new(), base, url);
            for command in [&["resolve", "-vv"][..], &["doctor"]] {
                let run = keeps_it(&envlock, envlock.run(command), case);
                // A doctor says where an address is from, and asks nobody there.
                let fails = run.0.status.code() != Some(0);
                assert!(fails || command[0] == "doctor", "{case}, {url}");
            }
        }
    }
    let good = format!("http://{IN_ADDRESS}h.example");
    let source = |more: &str| spec(base, &format!("[sources.pypi]\nurl = \"{good}/\"{more}\n"));
    let package =
        |requirement: &str| spec(base, "").replace("[\"ray\"]", &format!("[\"{requirement}\"]"));
    let texts = [
        source(" oops"),
        source("\nkind = \"none\""),
        source("\nkey = 1"),
        package(&format!("ray @ {good}/ray-1-py3-none-any.whl")),
        package(&format!("ray @ git+{good}/ray.git")),
        package(&format!("ray @ {bad}")),
        spec(&format!("{good}/base:v1"), ""),
        spec(&format!("{}/base", good.trim_start_matches("http://")), ""),
        spec(base, "").replace("[target]", &format!("mirror = \"{bad}\"\n[target]")),
        spec(
            base,
            &format!("[registry]\nmirrors = {{ \"docker.io\" = \"{IN_ADDRESS}h.example\" }}\n"),
        ),
        spec(base, &format!("[registry]\nmirrors = {{ \"docker.io\" = \"{good}\" }}\n")),
        spec(base, &format!("[registry]\nunknown = \"{good}\"\n")),
        spec(base, &format!("[network]\npatience = \"{good}\"\n")),
        spec(base, &format!("[sources.\"{good}\"]\nurl = \"x\"\n")),
    ];
    for text in texts {
        let envlock = Envlock::new();
        envlock.write("envlock.toml", &text);
        keeps_it(&envlock, envlock.run(["resolve", "-vv"]), &text).exits(2);
    }
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(base, "[sources.pypi]\nurl = \"http://127.0.0.1:1/\"\n"));
    let bare = good.trim_start_matches("http://");
    let registry = |place: &str| {
        let words = ["build", "--push", "--engine", "layers", "--registry", place];
        words.map(str::to_owned).to_vec()
    };
    let commands = [
        vec!["resolve".to_owned(), "--index".to_owned(), good.clone()],
        vec!["resolve".to_owned(), "--index".to_owned(), format!("none={good}")],
        vec!["resolve".to_owned(), "--index".to_owned(), format!("pypi={bad}")],
        vec!["inspect".to_owned(), format!("{good}/image:v1")],
        vec!["inspect".to_owned(), format!("{bare}/image:v1")],
        vec!["size".to_owned(), format!("{good}/image:v1")],
        registry(&format!("{good}/team")),
        registry(&format!("{bare}/team")),
    ];
    for command in commands {
        let run = keeps_it(&envlock, envlock.run(&command), &format!("{command:?}"));
        assert_ne!(run.0.status.code(), Some(0), "{command:?}");
    }
}

#[test]
fn the_mirror_of_python_and_a_proxy_keep_their_logins() {
    let index = index();
    let url = with_login(index.url().as_str());
    let wrong = Server::start(|_| Reply::status(407));
    for mirror in ["127.0.0.1:1".to_owned(), wrong.host()] {
        let envlock = Envlock::new();
        let text = format!(
            "[python]\nversion = \"3.14\"\nmirror = \"http://{IN_ADDRESS}{mirror}/\"\n\
             [target]\nglibc = \"2.39\"\n[base]\nruntime = \"127.0.0.1:1/a:v1\"\ndevel = \"127.0.0.1:1/a:v1\"\n\
             [groups.python]\npackages = [\"pip\"]\n[sources.pypi]\nurl = \"{url}\"\n"
        );
        envlock.write("envlock.toml", text);
        keeps_it(&envlock, envlock.run(["resolve", "-vv"]), &mirror);

        let envlock = Envlock::new();
        let more = "[sources.pypi]\nurl = \"http://h.example/\"\n";
        envlock.write("envlock.toml", spec("127.0.0.1:1/base:v1", more));
        let proxy = format!("http://{IN_ADDRESS}{mirror}");
        let envlock = envlock.env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", &proxy);
        let run = keeps_it(&envlock, envlock.run(["resolve", "-vv"]), "a proxy");
        assert_ne!(run.0.status.code(), Some(0));
    }
}

#[test]
fn a_login_that_a_server_writes_into_its_links_is_neither_used_nor_kept() {
    let files = index();
    let front = Server::start({
        let links = ["pip-26.0", "ray-2.0", "six-1.0"].map(|name| {
            let file = format!("{name}-py3-none-any.whl");
            format!(
                "<a href='{}'>{file}</a>",
                with_login(&format!("http://{}/files/{file}", files.host()))
            )
        });
        move |_| Reply::ok(links.concat()).header("Content-Type", "text/html")
    });
    for kind in ["simple", "find-links"] {
        let envlock = Envlock::new();
        let more = format!("[sources.pypi]\nurl = \"{}\"\nkind = \"{kind}\"\n", front.url("/"));
        envlock.write("envlock.toml", spec("127.0.0.1:1/base:v1", &more));
        let before = files.logins();
        let run = keeps_it(&envlock, envlock.run(["resolve", "-vv"]), kind).exits(5);
        assert!(run.stderr().contains("401"), "{}", run.stderr());
        assert_eq!(files.logins(), before);
        // Who may have the login gives it, for that host.
        envlock.write(".home/.netrc", format!("machine 127.0.0.1 login me password {PASSWORD}\n"));
        keeps_it(&envlock, envlock.run(["resolve", "-vv"]), kind).exits(0);
    }
}
