//! Requirements and constraints files that a group names, from file to lock.

use crate::rules::Project;
use crate::support::Envlock;
use envlock::digest::Sha256;

const WHEELS: &str = "
    a 1.0: c>=2
    a 0.9: c
    b 1.0: d if extra == 'x'
    c 3.0rc1:
    c 2.0:
    c 1.0:
    d 1.0:";

/// Files beside envlock.toml.
fn files(envlock: &Envlock, files: &[(&str, &str)]) {
    for (name, text) in files {
        envlock.write(name, text);
    }
}

#[test]
fn requirements_and_constraints_files_are_followed_as_pip_follows_them() {
    let project = Project::new(WHEELS);
    files(
        &project.envlock,
        &[
            (
                "deps/requirements.txt",
                "# ours\n-r base.txt\na \\\n  >= 0.5 # why\n-c ../bounds/c.txt\n\nnot-here; python_version < '3'\n",
            ),
            ("deps/base.txt", "b[x]\r\n"),
            ("bounds/c.txt", "c<2\nunknown==3\n"),
        ],
    );
    let set = project.set("\"-r deps/requirements.txt\"", "");
    assert_eq!(set, "a==0.9 b==1.0 c==1.0 d==1.0");
    let envlock = &project.envlock;
    insta::assert_snapshot!(envlock.run(["why", "c"]).exits(0).stdout());
    insta::assert_snapshot!(envlock.run(["why", "b"]).exits(0).stdout());
    envlock.run(["resolve", "--check"]).exits(0);
    envlock.write("bounds/c.txt", "# c<2\nunknown==3\n");
    let stale = envlock.run(["resolve", "--check"]).exits(3).stdout();
    assert_eq!(stale, "stale: c was locked with the constraint: c<2 (bounds/c.txt)\n");
    envlock.write("deps/base.txt", "b\n");
    assert!(envlock.run(["resolve"]).exits(0).stdout().contains("- d 1.0"));
    // A comment decides nothing.
    envlock.write("deps/base.txt", "b  # only\n");
    envlock.run(["resolve", "--check"]).exits(0);
}

#[test]
fn a_conflict_names_the_lines_of_the_files() {
    let project = Project::new(WHEELS);
    files(
        &project.envlock,
        &[("requirements.txt", "\na>=1\n-c bounds.txt\n"), ("bounds.txt", "\n\nc<2\n")],
    );
    let run = project.spec("\"-r requirements.txt\"", "").run(["resolve"]).exits(4);
    insta::assert_snapshot!(
        run.stderr().lines().filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn a_hash_decides_which_file_is_taken() {
    let project = Project::new(WHEELS);
    let lock = |set: &str| {
        assert_eq!(project.set("\"-r r.txt\"", ""), set);
        envlock::lock::parse(&project.envlock.read("env.lock")).unwrap()
    };
    files(&project.envlock, &[("r.txt", "c==2.0\n")]);
    let good = lock("c==2.0").packages[0].sha256;
    let other = Sha256::of("other");
    let with = |hash: Sha256| {
        format!("--require-hashes\nc==2.0 \\\n  --hash=sha256:{other} \\\n  --hash=sha256:{hash}\n")
    };
    project.envlock.write("r.txt", with(good));
    assert!(lock("c==2.0").packages[0].rules[1].starts_with("hashes: one of 2 (r.txt, "));
    project.envlock.write("r.txt", with(other));
    let error = project.envlock.run(["resolve"]).exits(4).stderr();
    assert!(
        error.contains(&good.to_string()) && error.contains("which r.txt:2 does not have"),
        "{error}"
    );
    project.envlock.write("r.txt", "--require-hashes\nc==2.0\n");
    let error = project.envlock.run(["resolve"]).exits(2).stderr();
    assert!(error.contains("`c==2.0` has no --hash") && error.contains("[r.txt:2:"), "{error}");
}

#[test]
fn an_index_in_a_file_must_be_a_source_of_the_group() {
    let project = Project::new(WHEELS);
    let url = project.index.url();
    let url = url.as_str().trim_end_matches('/');
    project.envlock.write("r.txt", format!("--index-url {}\nc\n", url.replace("//", "//me:w0rd@")));
    assert_eq!(project.set("\"-r r.txt\"", ""), "c==2.0");
    project
        .envlock
        .write("r.txt", "c<2\n\n--extra-index-url=https://me:w0rd@corp.example/simple\n");
    let error = project.envlock.run(["resolve"]).exits(2).stderr();
    assert!(
        error.contains("r.txt:3 says `--extra-index-url https://corp.example/simple`"),
        "{error}"
    );
    assert!(error.contains("takes its packages from pypi") && !error.contains("w0rd"), "{error}");
    // Advice that works: the source, and the group that takes packages from it.
    project.envlock.write("r.txt", format!("c<2\n--extra-index-url {url}/\n"));
    assert_eq!(project.set("\"-r r.txt\"", ""), "c==1.0");
}

#[test]
fn what_is_not_followed_is_told_with_its_line() {
    let project = Project::new(WHEELS);
    files(
        &project.envlock,
        &[(
            "r.txt",
            "--pre\n--only-binary :all:\nc --config-settings x=y\n--trusted-host h.example\n",
        )],
    );
    let told = project.spec("\"-r r.txt\"", "").run(["resolve"]).exits(0).stderr();
    assert!(
        told.contains("r.txt:1: `--pre` is not followed: pre-releases are allowed by package"),
        "{told}"
    );
    assert!(told.contains("r.txt:3: `--config-settings x=y` is not followed"), "{told}");
    assert!(told.contains("r.txt:4: `--trusted-host h.example` is not followed"), "{told}");
    assert!(!told.contains("only-binary"), "{told}");
}

#[test]
fn an_override_leaves_out_what_a_file_asks_for() {
    let project = Project::new(WHEELS);
    files(&project.envlock, &[("r.txt", "a\nb\n")]);
    assert_eq!(project.set("\"-r r.txt\"", "[overrides]\na = false\n"), "b==1.0");
    assert_eq!(project.set("\"-r r.txt\"", "[overrides]\na = \"<1\"\n"), "a==0.9 b==1.0 c==2.0");
}

#[test]
fn variables_of_the_environment_are_expanded() {
    let project = Project::new(WHEELS);
    files(&project.envlock, &[("r.txt", "c==${C_VERSION}\n")]);
    let error = project.spec("\"-r r.txt\"", "").run(["resolve"]).exits(2).stderr();
    assert!(error.contains("the environment variable C_VERSION has no value"), "{error}");
    let run = project.envlock.command(["resolve"]).env("C_VERSION", "1.0").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "+ c 1.0\n");
}

#[test]
fn a_mistake_is_shown_in_the_file_and_line_where_it_is() {
    let project = Project::new(WHEELS);
    let base = [("ok.txt", "c\n"), ("loop.txt", "\n-r loop.txt\n"), ("ends.txt", "-c none.txt\n")];
    for (requirements, file, place, told) in [
        ("-r r.txt", "c\n\nc=>1\n", "r.txt:3:", "`c=>1` is not a requirement"),
        ("-r r.txt", "c \\\n # x\n\u{a0}日本\n", "r.txt:3:", "is not a requirement"),
        ("-r r.txt", "c\n-e .\n", "r.txt:2:", "cannot be followed"),
        ("-r r.txt", "./lib\n", "r.txt:1:", "`./lib` is not a wheel"),
        ("-r r.txt", "c @ git+https://h.example/c\n", "r.txt:1:", "version control"),
        ("-r r.txt", "c --oops\n", "r.txt:1:", "`--oops` is not an option"),
        (
            "-r r.txt",
            "-r loop.txt\n",
            "loop.txt:2:",
            "loop.txt names itself: r.txt → loop.txt → loop.txt",
        ),
        ("-r r.txt", "-r ends.txt\n", "ends.txt:1:", "none.txt cannot be read"),
        ("-c r.txt", "c[x]<2\n", "r.txt:1:", "names an extra"),
        (
            "-c r.txt",
            "c @ https://h.example/c-1-py3-none-any.whl\n",
            "r.txt:1:",
            "only a package of a group can",
        ),
        ("-r nowhere.txt", "", "envlock.toml:", "nowhere.txt cannot be read"),
        ("-r https://h.example/r.txt", "", "envlock.toml:", "is not a file of this project"),
        ("--pre", "", "envlock.toml:", "is an option for a requirements file"),
        ("-r", "", "envlock.toml:", "--requirement needs a value"),
        ("-x r.txt", "", "envlock.toml:", "`-x` is not an option"),
    ] {
        files(&project.envlock, &base);
        project.envlock.write("r.txt", file);
        let error =
            project.spec(&format!("\"{requirements}\""), "").run(["resolve"]).exits(2).stderr();
        assert!(error.contains(told) && error.contains(&format!("[{place}")), "{file}: {error}");
    }
    project.envlock.write("r.txt", b"c\nd\xe9\n");
    let error = project.spec("\"-r r.txt\"", "").run(["resolve"]).exits(2).stderr();
    assert!(error.contains("r.txt cannot be read: line 2 is not UTF-8"), "{error}");
    // As PowerShell writes it.
    let text: Vec<u8> = "\u{feff}c<2\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    project.envlock.write("r.txt", text);
    assert_eq!(project.set("\"-r r.txt\"", ""), "c==1.0");
}

const PYPROJECT: &str = "[project]\nname = \"app\"\ndependencies = [\"a\"]\nrequires-python = \">=3.10\"\n\
    [project.optional-dependencies]\nmore = [\"b[x]\"]\n[dependency-groups]\ntest = [\n  \"c<=2\",\n]\n\
    [tool.uv]\nconstraint-dependencies = [\"c<2\"]\noverride-dependencies = [\"d>=1\"]\n\
    exclude-dependencies = [\"nobody\"]\nprerelease = \"allow\"\n";

#[test]
fn a_pyproject_gives_its_dependencies_groups_extras_and_the_rules_of_uv() {
    let project = Project::new(WHEELS);
    project.envlock.write("deps/pyproject.toml", PYPROJECT);
    let import = |more: &str| {
        format!("[import]\npyproject = \"deps/pyproject.toml\"\ninto = \"app\"\n{more}\n")
    };
    assert_eq!(project.set("", &import("")), "a==0.9 c==1.0");
    assert_eq!(project.set("", &import("extras = [\"more\"]")), "a==0.9 b==1.0 c==1.0 d==1.0");
    let groups = import("groups = [\"test\"]\ndependencies = false");
    assert_eq!(project.set("\"d\"", &groups), "c==1.0 d==1.0");
    assert!(
        project
            .envlock
            .run(["resolve", "--upgrade"])
            .exits(0)
            .stderr()
            .contains("deps/pyproject.toml: tool.uv.prerelease is not followed: [packages] NAME")
    );
    let why = project.envlock.run(["why", "c"]).exits(0).stdout();
    assert!(
        why.contains("wish: c<=2 (deps/pyproject.toml)\nconstraint: c<2 (deps/pyproject.toml)"),
        "{why}"
    );
    project.envlock.write("deps/pyproject.toml", PYPROJECT.replace("c<2", "c>1"));
    let stale = project.envlock.run(["resolve", "--check"]).exits(3).stdout();
    assert!(
        stale.contains("c was locked without the constraint: c>1 (deps/pyproject.toml)"),
        "{stale}"
    );
    // The spec's own override counts more than uv's.
    project.envlock.write("deps/pyproject.toml", PYPROJECT);
    let more = import("extras = [\"more\"]") + "[overrides]\nd = false\n";
    assert_eq!(project.set("", &more), "a==0.9 b==1.0 c==1.0");
}

#[test]
fn a_mistake_of_a_pyproject_is_shown_where_it_is() {
    let project = Project::new(WHEELS);
    let import = "[import]\npyproject = \"pyproject.toml\"\ninto = \"app\"\n";
    for (tables, file, place, told) in [
        (
            import,
            "[project]\ndependencies = [\n\"a\",\n\"b=>1\"]\n",
            "pyproject.toml:4:",
            "`b=>1` is not a requirement",
        ),
        (
            import,
            "[project]\ndependencies = [\"a @ git+https://h.example/a\"]\n",
            "pyproject.toml:2:",
            "a is asked for",
        ),
        (import, "[project]\ndynamic = [\"dependencies\"]\n", "pyproject.toml:2:", "dynamic"),
        (import, "[tool.poetry]\nname = \"x\"\n", "pyproject.toml:1:", "poetry"),
        (import, "[project\n", "pyproject.toml:1:", "unclosed"),
        (
            import,
            "[project]\nrequires-python = \">=4\"\n",
            "envlock.toml:2:",
            "needs Python >=4, and python.version is 3.14",
        ),
        (
            import,
            "[project]\ndependencies = [\"a\"]\n[tool.uv.sources]\na = { git = \"https://h.example/a\" }\n",
            "pyproject.toml:4:",
            "a comes from git here",
        ),
        (
            import,
            "[project]\ndependencies = [\"a\"]\n[tool.uv.sources]\na = { index = \"corp\" }\n",
            "pyproject.toml:4:",
            "the index corp, and there is none",
        ),
        (
            "[import]\npyproject = \"pyproject.toml\"\n",
            "",
            "envlock.toml:2:",
            "does not say in which group",
        ),
        (
            "[import]\npyproject = \"pyproject.toml\"\ninto = \"x\"\n",
            "[project]\n",
            "envlock.toml:3:",
            "the group `x` is not defined",
        ),
        ("[import]\ninto = \"app\"\n", "", "envlock.toml:1:", "names no pyproject.toml"),
        (
            "[import]\npyproject = \"pyproject.toml\"\ninto = \"app\"\ngroups = [\"z\"]\n",
            "[project]\n",
            "envlock.toml:4:",
            "there is no group `z`",
        ),
        (
            "[import]\npreferences = [\"none.lock\"]\n",
            "",
            "envlock.toml:2:",
            "none.lock cannot be read",
        ),
        (
            "[import]\npreferences = [\"pyproject.toml\"]\n",
            "[project]\n",
            "pyproject.toml:1:",
            "this is not a lock",
        ),
    ] {
        project.envlock.write("pyproject.toml", file);
        let error = project.spec("", tables).run(["resolve"]).exits(2).stderr();
        assert!(error.contains(told) && error.contains(&format!("[{place}")), "{file}: {error}");
    }
}

#[test]
fn an_index_of_uv_must_be_a_source() {
    let project = Project::new(WHEELS);
    let url = project.index.url();
    let import = format!(
        "[import]\npyproject = \"pyproject.toml\"\ninto = \"app\"\n[sources.corp]\nurl = \"{}\"\n",
        url.as_str().replace("simple", "corp")
    );
    let file = |explicit: bool| {
        format!(
            "[project]\ndependencies = [\"a\"]\n[tool.uv.sources]\na = {{ index = \"own\" }}\n\
             [[tool.uv.index]]\nname = \"own\"\nurl = \"{}\"\nexplicit = {explicit}\n",
            url.as_str().replace("simple/", "corp")
        )
    };
    project.envlock.write("pyproject.toml", file(false));
    let error = project.spec("", &import).run(["resolve"]).exits(2).stderr();
    assert!(error.contains("pyproject.toml:7 says `[[tool.uv.index]] url"), "{error}");
    project.envlock.write("pyproject.toml", file(true));
    let error = project.spec("", &import).run(["resolve"]).exits(4).stderr();
    assert!(error.contains("corp"), "a is looked for there and nowhere else: {error}");
}

#[test]
fn the_versions_of_another_lock_are_taken_first_where_they_fit() {
    let project = Project::new(WHEELS);
    let lock = |c: &str| {
        format!(
            "version = 1\nrevision = 3\nrequires-python = \">=3.10\"\n\
             [[package]]\nname = \"a\"\nversion = \"0.9\"\nsource = {{ registry = \"x\" }}\n\
             [[package]]\nname = \"c\"\nversion = \"{c}\"\nsource = {{ registry = \"x\" }}\n\
             [[package]]\nname = \"zzz\"\nversion = \"1\"\nsource = {{ registry = \"x\" }}\n"
        )
    };
    let import = "[import]\npreferences = [\"uv.lock\"]\n";
    project.envlock.write("uv.lock", lock("1.0"));
    assert_eq!(project.set("\"a\"", import), "a==0.9 c==1.0");
    let envlock = &project.envlock;
    envlock.run(["resolve", "--check"]).exits(0);
    let outdated = envlock.run(["outdated"]).exits(0).stdout();
    assert!(outdated.contains("uv.lock has 0.9"), "{outdated}");
    // The other lock moves: this one follows.
    envlock.write("uv.lock", lock("2.0"));
    assert!(
        envlock.run(["resolve", "--check"]).exits(3).stdout().contains("stale: the spec changed")
    );
    assert_eq!(envlock.run(["resolve"]).exits(0).stdout(), "~ c 1.0 → 2.0\n");
    // What does not fit is left, and reported.
    let run = project.spec("\"a>=1\"", import).run(["resolve"]).exits(0);
    assert_eq!(run.stdout(), "~ a 0.9 → 1.0\n");
    assert!(
        run.stderr().contains("1 of 2 packages have the version that uv.lock has; not a 1.0 (0.9)"),
        "{}",
        run.stderr()
    );
    let pylock = "lock-version = \"1.0\"\n[[packages]]\nname = \"c\"\nversion = \"1.0\"\nmarker = \"python_version < '3'\"\n\
                  [[packages]]\nname = \"c\"\nversion = \"2.0\"\n";
    envlock.write("uv.lock", pylock);
    assert_eq!(project.set("\"c\"", import), "c==2.0");
}
