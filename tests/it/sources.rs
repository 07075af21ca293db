//! Where wheels come from: ordered sources, mirrors, files without hashes, logins, cut-offs, addresses.

use std::os::unix::fs::PermissionsExt;

use envlock::lock::{Lock, Package, UploadedFrom, parse};

use crate::resolve::base;
use crate::support::{Envlock, FakeIndex, Pages, left_out};

const CP314: &str = "cp314-cp314-manylinux_2_28_x86_64";
/// Nobody is there: the lock stays without pins, and every resolve asks the indexes again.
const NO_BASE: &str = "127.0.0.1:1/base:v1";

/// A spec with one group, whose packages come from these sources in turn.
fn spec(base: &str, packages: &str, order: &str, sources: &[(&str, String)]) -> String {
    let sources: String =
        sources.iter().map(|(name, url)| format!("[sources.{name}]\nurl = \"{url}\"\n")).collect();
    format!(
        "[python]\nsource = \"base\"\nversion = \"3.14.2\"\n[target]\nglibc = \"2.39\"\n\
         [base]\nruntime = \"{base}\"\ndevel = \"{base}\"\n\
         [groups.python]\npackages = [\"pip\"]\n[groups.ray]\npackages = {packages}\nindex = {order}\n{sources}"
    )
}

fn pypi(index: &FakeIndex, packages: &str) -> String {
    spec(NO_BASE, packages, "[\"pypi\"]", &[("pypi", index.url().to_string())])
}

fn lock(envlock: &Envlock) -> Lock {
    parse(&envlock.read("env.lock")).unwrap()
}

/// An index with pip, which every environment has.
fn start() -> FakeIndex {
    let index = FakeIndex::start();
    index.wheel("pip", "26.0").uploaded("2026-01-01T00:00:00Z").add();
    index
}

/// What is locked under this name.
fn locked(envlock: &Envlock, name: &str) -> Package {
    lock(envlock).package(&name.parse().unwrap()).unwrap().clone()
}

fn words(text: &str) -> String {
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_mirror_with_other_paths_serves_a_lock_that_stays_fresh() {
    let (_registry, base) = base();
    let (home, mirror) = (start(), start());
    let wheel = home.wheel("ray", "2.60.0").tags(CP314).add();
    mirror.wheel("ray", "2.60.0").tags(CP314).add();
    let link = format!("<a href='/blobs/07/{0}'>{0}</a>", wheel.file);
    mirror.page("/proxy/py/ray/", link);
    mirror.page("/proxy/py/pip/", "<a href='/blobs/01/pip-26.0-py3-none-any.whl'>pip</a>");
    let envlock = Envlock::new();
    let sources = [("pypi", home.url().to_string())];
    envlock.write("envlock.toml", spec(&base, "[\"ray\"]", "[\"pypi\"]", &sources));
    envlock.run(["resolve"]).exits(0);
    let (text, asked) = (envlock.read("env.lock"), home.requests(""));

    let elsewhere = format!("pypi=http://{}/proxy/py/", mirror.host());
    envlock.run(["resolve", "--check", "--index", &elsewhere]).exits(0);
    envlock.run(["build", "--prepare", "--index", &elsewhere]).exits(0);
    assert_eq!((envlock.read("env.lock"), home.requests("")), (text, asked));
    assert_eq!(mirror.downloads("/blobs/07/"), 1);
}

#[test]
fn the_first_source_that_has_a_project_is_used_and_the_next_when_it_is_away() {
    let (_registry, base) = base();
    let (corp, pypi) = (start(), start());
    corp.wheel("ray", "2.0").add();
    pypi.wheel("ray", "2.0").add();
    pypi.wheel("ray", "3.0").add();
    pypi.wheel("six", "1.0").add();
    let envlock = Envlock::new();
    let sources = [("corp", corp.url().to_string()), ("pypi", pypi.url().to_string())];
    let text = spec(&base, "[\"ray\", \"six\"]", "[\"corp\", \"pypi\"]", &sources);
    envlock.write("envlock.toml", text);
    let run = envlock.run(["resolve", "-v"]).exits(0);
    assert!(run.stderr().contains("ray is taken from the source corp"), "{}", run.stderr());
    let locations = |lock: &Lock| -> Vec<String> {
        let first = |p: &envlock::lock::Package| p.locations[0].source.to_string();
        lock.packages.iter().map(|p| format!("{} {} {}", p.name, p.version, first(p))).collect()
    };
    assert_eq!(locations(&lock(&envlock)), ["pip 26.0 pypi", "ray 2.0 corp", "six 1.0 pypi"]);

    let away = "corp=http://127.0.0.1:1/simple/";
    envlock.run(["build", "--prepare", "--index", away]).exits(0);
    assert_eq!(pypi.downloads("ray-2.0"), 1);
}

#[test]
fn a_file_that_changed_under_its_name_is_refused_with_both_hashes() {
    let (_registry, base) = base();
    let index = start();
    let before = index.wheel("ray", "2.0").add();
    index.wheel("six", "1.0").add();
    let envlock = Envlock::new();
    let sources = [("pypi", index.url().to_string())];
    let write = |packages: &str| {
        envlock.write("envlock.toml", spec(&base, packages, "[\"pypi\"]", &sources));
    };
    write("[\"ray\"]");
    envlock.run(["resolve"]).exits(0);
    let text = envlock.read("env.lock");

    let other = start();
    let after = other.wheel("ray", "2.0").file("ray/new.py", "x").add();
    other.wheel("six", "1.0").add();
    let moved = format!("pypi={}", other.url());
    let both = [before.sha256.unwrap().to_string(), after.sha256.unwrap().to_string()];
    let run = envlock.run(["build", "--prepare", "--index", &moved]).exits(6);
    assert!(both.iter().all(|hash| run.stderr().contains(hash)), "{}", run.stderr());

    write("[\"ray\", \"six\"]");
    let run = envlock.run(["resolve", "--index", &moved]).exits(6);
    assert!(both.iter().all(|hash| run.stderr().contains(hash)), "{}", run.stderr());
    assert_eq!(envlock.read("env.lock"), text);
    envlock.run(["resolve", "--index", &moved, "--upgrade", "ray"]).exits(0);
    assert_eq!(Some(locked(&envlock, "ray").sha256), after.sha256);
}

#[test]
fn a_page_with_a_wrong_hash_is_found_out_by_the_bytes() {
    let (_registry, base) = base();
    let index = start();
    let wheel = index.wheel("ray", "2.0").with_wrong_hash().add();
    let envlock = Envlock::new();
    let sources = [("pypi", index.url().to_string())];
    envlock.write("envlock.toml", spec(&base, "[\"ray\"]", "[\"pypi\"]", &sources));
    envlock.run(["resolve"]).exits(0);
    let run = envlock.run(["build", "--prepare"]).exits(6);
    for named in [wheel.sha256.unwrap(), envlock::digest::Sha256::of("wrong")] {
        assert!(run.stderr().contains(&named.to_string()), "{}", run.stderr());
    }
}

#[test]
fn a_file_without_a_hash_is_read_once_and_again_when_its_server_says_so() {
    for etags in [true, false] {
        let index = start();
        let index = if etags { index } else { index.without_etags() };
        let wheel = index.wheel("ray", "2.0").without_hash().file("ray/x", vec![b'x'; 9000]).add();
        index.modified(&wheel.file, "Sun, 01 Nov 2026 00:00:00 GMT");
        let envlock = Envlock::new();
        envlock.write("envlock.toml", pypi(&index, "[\"ray\"]"));
        envlock.run(["resolve"]).exits(0);
        assert_eq!(Some(locked(&envlock, "ray").sha256), wheel.sha256);
        let text = envlock.read("env.lock");
        envlock.run(["resolve"]).exits(0);
        assert_eq!((index.downloads("ray-"), envlock.read("env.lock")), (1, text));

        index.tamper(&wheel.file);
        index.modified(&wheel.file, "Mon, 02 Nov 2026 00:00:00 GMT");
        let run = envlock.run(["resolve"]).exits(6);
        assert_eq!(index.downloads("ray-"), 2);
        assert!(run.stderr().contains(&wheel.sha256.unwrap().to_string()), "{}", run.stderr());
    }
}

#[test]
fn without_a_validator_nothing_is_remembered() {
    let index = start().without_etags();
    let wheel = index.wheel("ray", "2.0").without_hash().file("ray/x", vec![b'x'; 9000]).add();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", pypi(&index, "[\"ray\"]"));
    envlock.run(["resolve"]).exits(0);
    index.tamper(&wheel.file);
    let run = envlock.run(["resolve"]).exits(6);
    assert!(words(&run.stderr()).contains("--upgrade ray"), "{}", run.stderr());
    envlock.run(["resolve", "--upgrade", "ray"]).exits(0);
    assert_ne!(Some(locked(&envlock, "ray").sha256), wheel.sha256);
}

#[test]
fn a_cut_off_takes_what_was_there_and_the_lock_says_who_knows() {
    for pages in [Pages::Html, Pages::Json] {
        let (_registry, base) = base();
        let index = start().pages(pages);
        for (version, time) in [("1.0", "2026-01-01"), ("2.0", "2026-06-01"), ("3.0", "2026-09-01")]
        {
            index.wheel("ray", version).uploaded(&format!("{time}T10:00:00Z")).add();
            let quiet = index.wheel("six", version).add();
            let month = if version == "3.0" { "Sep" } else { "Jan" };
            index.modified(&quiet.file, &format!("Thu, 01 {month} 2026 00:00:00 GMT"));
        }
        let envlock = Envlock::new();
        let sources = [("pypi", index.url().to_string())];
        envlock.write("envlock.toml", spec(&base, "[\"ray\", \"six\"]", "[\"pypi\"]", &sources));
        let cut_off = ["--exclude-newer", "2026-06-01"];
        envlock.run(["resolve", cut_off[0], cut_off[1]]).exits(0);
        let shown: Vec<_> = ["ray", "six"]
            .iter()
            .map(|name| locked(&envlock, name))
            .map(|p| (p.version.to_string(), p.uploaded.unwrap().to_string(), p.uploaded_from))
            .collect();
        assert_eq!(
            shown[0],
            ("2.0".into(), "2026-06-01T10:00:00Z".into(), Some(UploadedFrom::Index))
        );
        assert_eq!(shown[1].0, "2.0");
        assert_eq!(shown[1].2, Some(UploadedFrom::LastModified));
        let text = envlock.read("env.lock");
        assert!(text.contains("uploaded-from = \"last-modified\""), "{text}");

        envlock.run(["resolve", "--check", cut_off[0], cut_off[1]]).exits(0);
        let stale = envlock.run(["resolve", "--check"]).exits(3);
        assert_eq!(
            stale.stdout(),
            "stale: the lock was made with a cut-off, and the spec has none\n"
        );
        let earlier = ["resolve", "--check", "--exclude-newer", "2026-05-01"];
        let stale = envlock.run(earlier).exits(3);
        assert!(stale.stdout().contains("ray is not from before 2026-05-02"), "{}", stale.stdout());
        let moment = ["resolve", "--upgrade", "--exclude-newer", "2026-06-01T10:00:00Z"];
        envlock.run(moment).exits(0);
        assert_eq!(locked(&envlock, "ray").version.to_string(), "1.0");
        envlock.run(["resolve", "--upgrade"]).exits(0);
        assert_eq!(locked(&envlock, "ray").version.to_string(), "3.0");
        assert!(!envlock.read("env.lock").contains("uploaded"));
    }
}

#[test]
fn an_index_without_any_time_is_an_error_and_never_an_old_version() {
    let index = start();
    index.wheel("ray", "2.0").add();
    index.wheel("ray", "1.0").uploaded("2026-01-01T00:00:00Z").add();
    let envlock = Envlock::new();
    let text = format!("exclude-newer = \"2026-06-01\"\n{}", pypi(&index, "[\"ray\"]"));
    envlock.write("envlock.toml", text);
    let run = envlock.run(["resolve"]).exits(4);
    let said = words(&run.stderr());
    assert!(
        said.contains("the upload time of")
            && said.contains("ray-2.0-py3-none-any.whl is not known"),
        "{said}"
    );
    assert!(!envlock.path("env.lock").exists());
    envlock.write("envlock.toml", "exclude-newer = \"soon\"\n");
    let run = envlock.run(["resolve"]).exits(2);
    assert!(run.stderr().contains("`soon` is not a time"), "{}", run.stderr());
}

#[test]
fn a_wheel_named_by_its_address_is_hashed_pinned_and_built() {
    let (_registry, base) = base();
    let index = start();
    let wheel = index.wheel("ray", "3.0.0.dev0").tags(CP314).requires("six").extra("data").add();
    index.wheel("ray", "2.60.0").tags(CP314).add();
    let time = "2026-01-01T00:00:00Z";
    index.wheel("six", "1.0").uploaded(time).add();
    index.wheel("tool", "1.0").uploaded(time).requires("ray>=2.60").add();
    let url = format!("http://{}/nightly/abc123/{}", index.host(), wheel.file);
    let envlock = Envlock::new();
    let sources = [("pypi", index.url().to_string())];
    let write = |requirement: &str| {
        let packages = format!("[\"{requirement}\", \"tool\"]");
        envlock.write("envlock.toml", spec(&base, &packages, "[\"pypi\"]", &sources));
    };
    write(&format!("ray[data] @ {url}"));
    envlock.run(["resolve"]).exits(0);
    let ray = locked(&envlock, "ray");
    assert_eq!((ray.version.to_string().as_str(), Some(ray.sha256)), ("3.0.0.dev0", wheel.sha256));
    let location = ray.locations[0].to_string();
    assert_eq!(location, format!("wish:/nightly/abc123/{}", wheel.file));
    assert_eq!((index.downloads("/nightly/"), index.requests("/simple/ray/")), (1, 0));
    envlock.run(["resolve", "--check"]).exits(0);
    // A cut-off says nothing about what was chosen by its address.
    envlock.run(["resolve", "--exclude-newer", "2026-02-01"]).exits(0);
    assert_eq!(locked(&envlock, "ray").uploaded, None);
    assert_eq!(locked(&envlock, "six").uploaded.unwrap().to_string(), time);
    envlock.run(["resolve"]).exits(0);
    fs_err::remove_dir_all(envlock.path(".store/sha256")).unwrap();
    envlock.run(["build", "--prepare"]).exits(0);
    assert_eq!(index.downloads("/nightly/"), 2);

    write(&format!("ray @ {url}#sha256={}", envlock::digest::Sha256::of("other")));
    let run = envlock.run(["resolve"]).exits(6);
    assert!(run.stderr().contains(&wheel.sha256.unwrap().to_string()), "{}", run.stderr());
    write(&format!("ray @ {}", url.replace("cp314-cp314", "cp313-cp313")));
    let run = envlock.run(["resolve"]).exits(4);
    assert!(words(&run.stderr()).contains("cp313"), "{}", run.stderr());
    for (requirement, why) in [
        ("ray @ git+https://h.example/ray.git", "version control"),
        ("ray @ https://h.example/ray-1.tar.gz", "is not a wheel"),
    ] {
        write(requirement);
        let run = envlock.run(["resolve"]).exits(2);
        assert!(words(&run.stderr()).contains(why), "{}", run.stderr());
    }
}

/// An index for `me` alone, whose second project's file is on another host.
fn private() -> (FakeIndex, FakeIndex) {
    let index = start().only_for("me", "hid%den");
    index.wheel("ray", "2.0").requires("far").add();
    let files = start();
    let far = files.wheel("far", "1.0").add();
    // Another name of the same machine, so that it is another host.
    let host = files.host().replace("127.0.0.1", "localhost");
    let link = format!(
        "<a href='http://{host}/files/{}#sha256={}'>far</a>",
        far.file,
        far.sha256.unwrap()
    );
    index.page("/simple/far/", link);
    (index, files)
}

#[test]
fn logins_reach_their_host_only_and_are_never_shown() {
    let (index, files) = private();
    let with = |user: &str| format!("http://{user}@{}/simple/", index.host());
    let (plain, named, full) = (index.url().to_string(), with("me"), with("me:hid%25den"));
    let netrc = "machine 127.0.0.1 login me password hid%den\n";
    let keyring = "#!/bin/sh\necho \"$@\" >>\"${0%/*}/asked\"\n[ \"$3\" = me ] && echo 'hid%den'\n";
    let uv = [("UV_INDEX_PYPI_USERNAME", "me"), ("UV_INDEX_PYPI_PASSWORD", "hid%den")];
    let ring = [("UV_KEYRING_PROVIDER", "subprocess")];
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case; 6] = [
        ("URL", &full, &[], ""),
        ("netrc", &plain, &[], netrc),
        ("netrc with a user", &named, &[], netrc),
        ("uv's variables", &plain, &uv, ""),
        ("keyring", &named, &ring, ""),
        ("keyring in the spec", &named, &[], "keyring-provider = \"subprocess\""),
    ];
    for (case, url, variables, text) in cases {
        let mut envlock = Envlock::new();
        let path = format!("{}:/usr/bin:/bin", envlock.path(".bin"));
        envlock = envlock.env("PATH", path);
        for (name, value) in variables {
            envlock = envlock.env(name, value);
        }
        let program = envlock.write(".bin/keyring", keyring);
        fs_err::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let key = if text.starts_with("keyring") { text } else { "" };
        if key.is_empty() {
            envlock.write(".home/.netrc", text);
        }
        let sources = [("pypi", url.to_owned())];
        let spec = spec(NO_BASE, "[\"ray\"]", "[\"pypi\"]", &sources);
        envlock.write("envlock.toml", format!("{key}\n{spec}"));
        let run = envlock.run(["resolve", "-vv"]);
        let all = run.stdout()
            + &run.stderr()
            + &fs_err::read_to_string(envlock.path("env.lock")).unwrap_or_default();
        run.exits(0);
        assert!(
            !all.contains("hid%") && !all.contains("aGlk") && !all.contains("bWU6"),
            "{case}: {all}"
        );
        assert_eq!(files.logins(), 0, "{case}");
        assert_eq!(envlock.path(".bin/asked").exists(), case.starts_with("keyring"), "{case}");
    }
}

#[test]
fn a_file_on_another_host_gets_the_login_of_that_host() {
    let (index, files) = private();
    let files = files.only_for("you", "two");
    let envlock = Envlock::new();
    envlock.write("envlock.toml", pypi(&index, "[\"ray\"]"));
    let here = "machine 127.0.0.1 login me password hid%den\n";
    envlock.write("netrc", here);
    let named = envlock.path("netrc");
    let envlock = envlock.env("NETRC", &named);
    let run = envlock.run(["resolve"]).exits(5);
    let said = words(&run.stderr());
    assert!(said.contains("401") && said.contains("a login for localhost"), "{said}");
    envlock.write("netrc", format!("{here}machine localhost login you password two\n"));
    envlock.run(["resolve"]).exits(0);
    assert!(files.logins() > 0);
}

#[test]
fn a_missing_or_wrong_login_is_told_with_what_to_set() {
    let (index, _files) = private();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", pypi(&index, "[\"ray\"]"));
    let run = envlock.run(["resolve"]).exits(5);
    let said = words(&run.stderr());
    assert!(said.contains("401") && said.contains("~/.netrc"), "{said}");
    let wrong = format!("pypi=http://me:wrong-word@{}/simple/", index.host());
    let run = envlock.run(["resolve", "-vv", "--index", &wrong]).exits(5);
    assert!(!run.stderr().contains("wrong-word"), "{}", run.stderr());
    let run = envlock.run(["resolve", "--index", "pypi=http://me:wrong-word@[/"]).exits(2);
    assert!(!run.stderr().contains("wrong-word"), "{}", run.stderr());
}

#[test]
fn a_redirect_to_another_host_goes_without_the_login() {
    let files = start();
    let wheel = files.wheel("ray", "2.0").without_hash().add();
    let pip = format!("<a href='http://{}/files/pip-26.0-py3-none-any.whl'>pip</a>", files.host());
    let target =
        format!("http://{}/files/{}", files.host().replace("127.0.0.1", "localhost"), wheel.file);
    let page = format!("<a href='/go/{0}'>{0}</a>", wheel.file);
    let front = crate::support::Server::start(move |request| {
        use crate::support::Reply;
        if request.header("authorization") != Some("Basic bWU6d29yZA==") {
            Reply::status(401)
        } else if request.path == "/simple/pip/" {
            Reply::ok(pip.clone()).header("Content-Type", "text/html")
        } else if request.path == "/simple/ray/" {
            Reply::ok(page.clone()).header("Content-Type", "text/html")
        } else {
            Reply::status(302).header("Location", &target)
        }
    });
    let envlock = Envlock::new();
    let url = format!("http://me:word@{}/simple/", front.host());
    envlock.write("envlock.toml", spec(NO_BASE, "[\"ray\"]", "[\"pypi\"]", &[("pypi", url)]));
    envlock.run(["resolve"]).exits(0);
    assert_eq!(Some(locked(&envlock, "ray").sha256), wheel.sha256);
    assert!(files.requests(".whl") > 0 && files.logins() == 0);
}

#[test]
fn where_nothing_says_where_pypi_is_the_commands_that_mend_it_are_named() {
    if option_env!("ENVLOCK_DEFAULT_INDEX").is_some_and(|address| !address.is_empty()) {
        return left_out("this envlock was built with an address");
    }
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(NO_BASE, "[\"ray\"]", "[\"pypi\"]", &[]));
    // A machine without Python.
    let empty = envlock.write("bin/README", "").parent().unwrap().to_owned();
    let envlock = envlock.env("PATH", empty).env("PIP_CONFIG_FILE", "/dev/null");
    let said = words(&envlock.run(["resolve"]).exits(2).stderr());
    for way in [
        "apt-get install python3-pip",
        "dnf install python3-pip",
        "brew install python",
        "PIP_INDEX_URL",
        "--index pypi=URL",
    ] {
        assert!(said.contains(way), "{way} is not in {said}");
    }
    assert!(!envlock.path("env.lock").exists());
}

/// A private source and PyPI, both with a project called `inner`, and a spec that asks the private one first.
fn namesakes(packages: &str, more: &str) -> (FakeIndex, FakeIndex, Envlock) {
    let (corp, pypi) = (start(), start());
    corp.wheel("inner", "1.0").add();
    pypi.wheel("inner", "99.0").add();
    pypi.wheel("outer", "1.0").requires("inner").add();
    let envlock = Envlock::new();
    let sources = [("corp", corp.url().to_string()), ("pypi", pypi.url().to_string())];
    let text = spec(NO_BASE, packages, "[\"corp\", \"pypi\"]", &sources);
    envlock.write("envlock.toml", text + more);
    (corp, pypi, envlock)
}

#[test]
fn a_source_that_refuses_or_fails_is_never_passed_over_for_a_namesake() {
    use crate::support::Fault;
    for status in [401, 403, 501] {
        let (corp, pypi, envlock) = namesakes("[\"inner\"]", "");
        corp.fail("/simple/inner/", Fault::Status(status), 1000);
        let run = envlock.run(["resolve"]).exits(5);
        let said = words(&run.stderr());
        assert!(said.contains("corp did not say whether it has inner"), "{said}");
        assert!(said.contains(&status.to_string()), "{said}");
        assert!(said.contains("pypi is not asked instead"), "{said}");
        assert_eq!(pypi.requests("/simple/inner/"), 0, "{status}");
        assert!(!envlock.path("env.lock").exists());
    }
}

#[test]
fn a_login_page_is_no_answer() {
    let (corp, pypi, envlock) = namesakes("[\"inner\"]", "");
    corp.page("/simple/inner/", "<html><form action='/sso'><input name=user></form></html>");
    let run = envlock.run(["resolve"]).exits(5);
    let said = words(&run.stderr());
    assert!(
        said.contains("/simple/inner/ is not an index page") && said.contains("a login"),
        "{said}"
    );
    assert_eq!(pypi.requests("/simple/inner/"), 0);
    // Nothing of it is remembered: after the login the project is there.
    corp.page("/simple/inner/", "<a href='/files/inner-1.0-py3-none-any.whl'>inner</a>");
    envlock.run(["resolve"]).exits(0);
    assert_eq!(locked(&envlock, "inner").version.to_string(), "1.0");
}

#[test]
fn a_list_of_files_that_is_not_there_says_nothing_of_its_projects() {
    let (corp, pypi, envlock) = namesakes("[\"inner\"]", "");
    let text = envlock.read("envlock.toml");
    let list = format!("http://{}/wheels.html", corp.host());
    let flat = format!("kind = \"find-links\"\nurl = \"{list}\"");
    envlock.write("envlock.toml", text.replace(&format!("url = \"{}\"", corp.url()), &flat));
    let run = envlock.run(["resolve"]).exits(5);
    assert!(words(&run.stderr()).contains("404"), "{}", run.stderr());
    assert_eq!(pypi.requests("/simple/inner/"), 0);
    corp.page("/wheels.html", "<html><body></body></html>");
    envlock.run(["resolve"]).exits(0);
    assert_eq!(locked(&envlock, "inner").version.to_string(), "99.0");
}

#[test]
fn a_source_may_say_403_for_what_it_does_not_have() {
    use crate::support::Fault;
    let says_so = "[sources.corp]\n";
    let (corp, _pypi, envlock) = namesakes("[\"outer\", \"inner\"]", "");
    corp.fail("/simple/outer/", Fault::Status(403), 1000);
    let run = envlock.run(["resolve"]).exits(5);
    let said = words(&run.stderr());
    assert!(said.contains("ignore-error-codes = [403] under [sources.corp]"), "{said}");
    let text = envlock.read("envlock.toml");
    let allowed = format!("{says_so}ignore-error-codes = [403]\n");
    envlock.write("envlock.toml", text.replace(says_so, &allowed));
    envlock.run(["resolve"]).exits(0);
    assert_eq!(locked(&envlock, "inner").version.to_string(), "1.0");
    assert_eq!(locked(&envlock, "outer").locations[0].source.as_str(), "pypi");
    // What was remembered while it was allowed is no answer any more.
    envlock.write("envlock.toml", text.replace("\"outer\", ", "\"outer>=1\", "));
    envlock.run(["resolve"]).exits(5);
    let wrong = text.replace(says_so, &format!("{says_so}ignore-error-codes = [503]\n"));
    envlock.write("envlock.toml", wrong);
    envlock.run(["resolve"]).exits(2);
}

#[test]
fn the_source_of_a_package_holds_wherever_it_is_needed_and_is_part_of_the_lock() {
    let route =
        "[packages]\ninner = { index = [\"corp\"] }\nspelt-wrong = { index = [\"corp\"] }\n";
    let (corp, pypi, envlock) = namesakes("[\"outer\"]", "");
    envlock.run(["resolve"]).exits(0);
    assert_eq!(locked(&envlock, "inner").version.to_string(), "99.0");
    let text = envlock.read("envlock.toml");
    envlock.write("envlock.toml", text + route);
    let before = lock(&envlock).spec_sha256;
    let asked = pypi.requests("/simple/inner/");
    let run = envlock.run(["resolve"]).exits(0);
    let inner = locked(&envlock, "inner");
    assert_eq!(
        (inner.version.to_string().as_str(), inner.locations[0].source.as_str()),
        ("1.0", "corp")
    );
    assert_eq!(pypi.requests("/simple/inner/"), asked);
    let said = words(&run.stderr());
    assert!(said.contains("nothing needs spelt-wrong"), "{said}");
    assert!(!said.contains("nothing needs inner"), "{said}");
    assert_ne!(lock(&envlock).spec_sha256, before);
    assert!(corp.requests("/simple/inner/") > 0);
    // What `envlock init` writes is nobody's mistake.
    let other = Envlock::new();
    other.run(["init"]).exits(0);
    let text = other.read("envlock.toml");
    let own = spec(NO_BASE, "[\"outer\"]", "[\"pypi\"]", &[("pypi", pypi.url().to_string())]);
    let packages = text.split("[packages]").nth(1).unwrap().split("\n\n").next().unwrap();
    other.write("envlock.toml", format!("{own}[packages]{packages}\n"));
    let run = other.run(["resolve"]).exits(0);
    assert!(!run.stderr().contains("nothing needs"), "{}", run.stderr());
}

#[test]
fn sources_on_this_machine_are_read_in_every_form() {
    let (_registry, base) = base();
    let index = start();
    let files =
        [index.wheel("ray", "2.0").requires("six").add(), index.wheel("six", "1.0").add(), {
            index.wheel("pip", "26.0").add()
        }];
    let list: String = files
        .iter()
        .map(|w| format!("<a href='../wheels/{}#sha256={}'>x</a>", w.file, w.sha256.unwrap()))
        .collect();
    for (url, kind, location) in [
        ("./simple", "simple", "ray-2.0-py3-none-any.whl"),
        ("./wheels", "find-links", "ray-2.0-py3-none-any.whl"),
        ("./lists/all.html", "find-links", "ray-2.0-py3-none-any.whl"),
    ] {
        let envlock = Envlock::new();
        for wheel in &files {
            let name = wheel.file.split('-').next().unwrap();
            for folder in [format!("simple/{name}"), "wheels".to_owned()] {
                fs_err::create_dir_all(envlock.path(&folder)).unwrap();
                fs_err::write(envlock.path(&format!("{folder}/{}", wheel.file)), &wheel.bytes)
                    .unwrap();
            }
        }
        envlock.write("lists/all.html", list.clone());
        let text = spec(&base, "[\"ray\"]", "[\"pypi\"]", &[("pypi", url.to_owned())]);
        let kind = format!("[sources.pypi]\nkind = \"{kind}\"\n");
        envlock.write("envlock.toml", text.replace("[sources.pypi]\n", &kind));
        envlock.run(["resolve"]).exits(0);
        let ray = locked(&envlock, "ray");
        assert_eq!(Some(ray.sha256), files[0].sha256, "{url}");
        assert_eq!(ray.locations[0].to_string(), format!("pypi:/{location}"));
        // A lock is the same wherever the project lies.
        let here = envlock.path("").to_string();
        assert!(!envlock.read("env.lock").contains(here.trim_end_matches('/')), "{url}");
        let lock = envlock.read("env.lock");
        envlock.run(["resolve", "--upgrade"]).exits(0);
        assert_eq!(envlock.read("env.lock"), lock);
        fs_err::remove_dir_all(envlock.path(".store")).unwrap();
        envlock.run(["build", "--prepare"]).exits(0);
        // What is not there is reported with its place; a source that is away is not passed over.
        envlock.run(["resolve", "--upgrade", "--index", "pypi=file:///nowhere/at/all/"]).exits(5);
    }
    assert_eq!(index.requests(""), 0);
}

#[test]
fn a_wheel_of_this_machine_is_locked_by_its_hash_and_built_from_where_it_lies() {
    let (_registry, base) = base();
    let index = start();
    let wheel =
        index.wheel("ray", "3.0").requires("six").extra("x").requires("more ; extra == 'x'").add();
    index.wheel("six", "1.0").add();
    index.wheel("more", "1.0").add();
    let sources = [("pypi", index.url().to_string())];
    let envlock = Envlock::new();
    let place = format!("wheels/{}", wheel.file);
    fs_err::create_dir(envlock.path("wheels")).unwrap();
    fs_err::write(envlock.path(&place), &wheel.bytes).unwrap();
    let absolute = url::Url::from_file_path(envlock.path(&place)).unwrap();
    for requirement in
        [format!("./{place}[x]"), format!("ray[x] @ ./{place}"), format!("ray[x] @ {absolute}")]
    {
        let text = spec(&base, &format!("[\"{requirement}\"]"), "[\"pypi\"]", &sources);
        envlock.write("envlock.toml", text);
        envlock.run(["resolve"]).exits(0);
        let ray = locked(&envlock, "ray");
        assert_eq!((Some(ray.sha256), &ray.file), (wheel.sha256, &wheel.file));
        assert_eq!(ray.locations[0].to_string(), format!("wish:/{}", wheel.file));
        assert!(lock(&envlock).package(&"more".parse().unwrap()).is_some());
        envlock.run(["resolve", "--check"]).exits(0);
        fs_err::remove_dir_all(envlock.path(".store")).unwrap();
        envlock.run(["build", "--prepare"]).exits(0);
    }
    // Another file under its name, and none.
    fs_err::remove_dir_all(envlock.path(".store")).unwrap();
    let other = start().wheel("ray", "3.0").file("ray/new", "x").add();
    fs_err::write(envlock.path(&place), &other.bytes).unwrap();
    envlock.run(["build", "--prepare"]).exits(6);
    fs_err::remove_file(envlock.path(&place)).unwrap();
    let run = envlock.run(["build", "--prepare"]).exits(5);
    assert!(words(&run.stderr()).contains("cannot be read"), "{}", run.stderr());
}

#[test]
fn no_address_of_a_source_is_a_crash_and_those_that_nothing_is_fetched_from_are_named() {
    let index = start();
    index.wheel("ray", "2.0").add();
    let envlock = Envlock::new();
    for url in [
        "ftp://h.example/simple/",
        "data:text/html,x",
        "mailto:a@h.example",
        "javascript:1",
        "about:blank",
        "file://h.example/simple/",
        "ssh://h.example/x",
        "git+https://h.example/x",
        "http://",
        "http://[::1/",
        "http://h.example:99999/",
        "C:\\\\simple",
        "simple",
        "",
    ] {
        for kind in ["simple", "find-links", "pyg"] {
            let text = spec(NO_BASE, "[\"ray\"]", "[\"corp\"]", &[("corp", url.to_owned())]);
            let kind = format!("[sources.corp]\nkind = \"{kind}\"\n");
            envlock.write("envlock.toml", text.replace("[sources.corp]\n", &kind));
            let run = envlock.run(["resolve"]).exits(2);
            assert!(!run.stderr().contains("panicked"), "{url}: {}", run.stderr());
        }
        envlock.write("envlock.toml", pypi(&index, "[\"ray\"]"));
        if url.contains("://") {
            envlock.run(["resolve", "--index", &format!("pypi={url}")]).exits(2);
        }
        let run = envlock.run(["resolve", "--index", &format!("ray={url}")]).exits(2);
        assert!(!run.stderr().contains("panicked"), "{url}: {}", run.stderr());
    }
    for requirement in
        ["ray @ ftp://h.example/ray-2.0-py3-none-any.whl", "./ray-2.0.tar.gz", "./x", "ray @ ./"]
    {
        envlock.write("envlock.toml", pypi(&index, &format!("[\"{requirement}\"]")));
        envlock.run(["resolve"]).exits(2);
    }
    // What is an address, and leads nowhere.
    let nowhere =
        ["http:///x/", "http:h.example", "file:///", "http://127.0.0.1:1/?a#b", "http://x..y/"];
    for url in nowhere {
        let text = spec(NO_BASE, "[\"ray\"]", "[\"corp\"]", &[("corp", url.to_owned())]);
        envlock.write("envlock.toml", text);
        let run = envlock.run(["resolve"]);
        assert!(!run.stderr().contains("panicked"), "{url}: {}", run.stderr());
    }
}

#[test]
fn a_dead_proxy_is_named_as_the_proxy() {
    let envlock = Envlock::new().env("HTTP_PROXY", "http://me:w0rd@127.0.0.1:1/");
    let sources = [("pypi", "http://index.example/simple/".to_owned())];
    envlock.write("envlock.toml", spec(NO_BASE, "[\"ray\"]", "[\"pypi\"]", &sources));
    let said = words(&envlock.run(["resolve"]).exits(5).stderr());
    let named = "the proxy http://127.0.0.1:1, on the way to http://index.example/simple/";
    assert!(said.contains(named) && !said.contains("w0rd"), "{said}");
}

#[test]
fn a_quarantined_project_is_called_so_and_no_other_source_is_asked() {
    let (corp, pypi, envlock) = namesakes("[\"inner\"]", "");
    for page in [
        "<html><head><meta name=\"pypi:project-status\" content=\"quarantined\">\
         <meta name=\"pypi:project-status-reason\" content=\"it steals\"></head></html>",
        "{\"meta\": {\"api-version\": \"1.4\"}, \"name\": \"inner\", \"files\": [], \
         \"project-status\": {\"status\": \"quarantined\", \"reason\": \"it steals\"}}",
    ] {
        let kind =
            if page.starts_with('{') { "application/vnd.pypi.simple.v1+json" } else { "text/html" };
        corp.page_of_kind("/simple/inner/", page, kind);
        let said = words(&envlock.run(["resolve", "--refresh"]).exits(4).stderr());
        assert!(
            said.contains("inner is quarantined by corp") && said.contains("it steals"),
            "{said}"
        );
        assert_eq!(pypi.requests("/simple/inner/"), 0);
    }
}

#[test]
fn every_hash_that_an_index_states_is_held_against_the_bytes() {
    let (_registry, base) = base();
    let index = start();
    let wheel = index.wheel("ray", "2.0").add();
    // Of the wheel's bytes, by Python's hashlib.
    let hashes = |name: &str| {
        let script = "import hashlib, sys; print(hashlib.new(sys.argv[1], sys.stdin.buffer.read()).hexdigest())";
        let mut python = std::process::Command::new("python3");
        python.args(["-c", script, name]);
        let python =
            python.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut python = python.spawn().unwrap();
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), &wheel.bytes).unwrap();
        let output = python.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let sha256 = format!("sha256={}&", wheel.sha256.unwrap());
    for name in ["sha512", "sha384", "blake2b", "md5"] {
        let (right, wrong) =
            (hashes(name), hashes("sha256")[..32].repeat(4)[..hashes(name).len()].to_owned());
        for first in ["", &sha256] {
            for (hex, code) in [(&right, 0), (&wrong, 6)] {
                let envlock = Envlock::new();
                let sources = [("pypi", index.url().to_string())];
                envlock.write("envlock.toml", spec(&base, "[\"ray\"]", "[\"pypi\"]", &sources));
                index.page(
                    "/simple/ray/",
                    format!("<a href='/files/{}#{first}{name}={hex}'>x</a>", wheel.file),
                );
                let resolved = envlock.run(["resolve"]);
                // With a sha256 the bytes are read by the build.
                let run = match first {
                    "" => resolved,
                    _ => {
                        resolved.exits(0);
                        envlock.run(["build", "--prepare"])
                    }
                };
                let said = words(&run.stderr());
                run.exits(code);
                assert!(code == 0 || said.contains(name) && said.contains(hex.as_str()), "{said}");
            }
        }
    }
}

#[test]
fn a_cut_off_of_a_package_or_a_source_counts_before_the_one_for_all() {
    let (_registry, base) = base();
    let index = start();
    for (version, month) in [("1.0", "01"), ("2.0", "05"), ("3.0", "09")] {
        for name in ["ray", "six"] {
            // Without a zone it is UTC.
            index.wheel(name, version).uploaded(&format!("2026-{month}-01T10:00:00")).add();
        }
    }
    // A private file, of which nobody says when it came.
    let private = start();
    private.wheel("own", "1.0").add();
    let envlock = Envlock::new();
    let sources = [("pypi", index.url().to_string()), ("corp", private.url().to_string())];
    let text = spec(&base, "[\"ray\", \"six\", \"own\"]", "[\"pypi\"]", &sources);
    let write = |more: &str, corp: &str| {
        let corp = format!("[sources.corp]\n{corp}");
        let text = text.replace("[sources.corp]\n", &corp);
        envlock.write("envlock.toml", format!("exclude-newer = \"2026-06-01\"\n{text}[packages]\nown = {{ index = [\"corp\"] }}\n{more}"));
    };
    let versions = || {
        let of = |name: &str| locked(&envlock, name).version.to_string();
        [of("ray"), of("six"), of("own")].join(" ")
    };
    write("", "");
    let said = words(&envlock.run(["resolve"]).exits(4).stderr());
    assert!(said.contains("exclude-newer = false"), "{said}");
    write("", "exclude-newer = false\n");
    envlock.run(["resolve"]).exits(0);
    assert_eq!(versions(), "2.0 2.0 1.0");
    assert_eq!(locked(&envlock, "own").uploaded, None);
    assert_eq!(locked(&envlock, "six").uploaded.unwrap().to_string(), "2026-05-01T10:00:00Z");
    envlock.run(["resolve", "--check"]).exits(0);
    write(
        "six = { exclude-newer = false }\nray = { exclude-newer = \"2026-02-01\" }\n",
        "exclude-newer = false\n",
    );
    envlock.run(["resolve", "--check"]).exits(3);
    envlock.run(["resolve", "--upgrade"]).exits(0);
    assert_eq!(versions(), "1.0 3.0 1.0");
    envlock.run(["resolve", "--check"]).exits(0);
    write("six = { exclude-newer = true }\n", "");
    envlock.run(["resolve"]).exits(2);
}

#[test]
fn a_span_is_the_same_spec_every_day_and_a_locked_file_keeps_its_time() {
    let (_registry, base) = base();
    let index = start();
    index.wheel("pip", "25.0").uploaded("2026-01-01T10:00:00Z").add();
    let old = index.wheel("ray", "1.0").uploaded("2026-01-01T10:00:00Z").add();
    let envlock = Envlock::new();
    let sources = [("pypi", index.url().to_string())];
    let text = spec(&base, "[\"ray\"]", "[\"pypi\"]", &sources);
    envlock.write("envlock.toml", format!("exclude-newer = \"1 week\"\n{text}"));
    envlock.run(["resolve"]).exits(0);
    envlock.run(["resolve", "--check"]).exits(0);
    envlock.run(["resolve", "--check", "--exclude-newer", "7 days"]).exits(0);
    envlock.run(["resolve", "--check", "--exclude-newer", "8 days"]).exits(3);
    // The index says another time of the same bytes, and of others.
    let link = |file: &str, hash: String| {
        format!(
            "<a href='/files/{file}#sha256={hash}' data-upload-time='2999-01-01T00:00:00Z'>x</a>"
        )
    };
    let moved = link(&old.file, old.sha256.unwrap().to_string());
    index.page("/simple/ray/", moved + &link("ray-2.0-py3-none-any.whl", "0".repeat(64)));
    let text = text.replace("[\"ray\"]", "[\"ray>=1\"]");
    envlock.write("envlock.toml", format!("exclude-newer = \"1 week\"\n{text}"));
    envlock.run(["resolve", "--upgrade"]).exits(0);
    let ray = locked(&envlock, "ray");
    assert_eq!(
        (ray.version.to_string(), ray.uploaded.unwrap().to_string()),
        ("1.0".into(), "2026-01-01T10:00:00Z".into())
    );
}
