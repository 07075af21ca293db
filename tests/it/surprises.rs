//! What nobody would expect of a resolve is said, and advice is tried before it is given.

use crate::resolve::{base, spec, stack};
use crate::support::{Envlock, FakeIndex, Run};

const CP314: &str = "cp314-cp314-manylinux_2_28_x86_64";
const CP313: &str = "cp313-cp313-manylinux_2_28_x86_64";

fn text(run: &Run) -> String {
    run.stderr().split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// `requirements` in the group pyg, with torch for this CUDA.
fn project(index: &FakeIndex, base: &str, cuda: &str, requirements: &str) -> Envlock {
    let envlock = Envlock::new();
    let spec = spec(index, base, "[\"torch\"]", requirements);
    envlock.write("envlock.toml", spec.replace("glibc =", &format!("cuda = \"{cuda}\"\nglibc =")));
    envlock
}

#[test]
fn a_file_that_was_withdrawn_since_it_was_locked_is_told_and_another_of_its_version_is_taken() {
    let (_registry, base) = base();
    let index = stack();
    let native = index.wheel("a", "2.0").tags(CP314).add();
    index.wheel("a", "1.0").add();
    let envlock = project(&index, &base, "cu130", "[\"a\"]");
    envlock.run(["resolve"]).exits(0);
    assert!(envlock.read("env.lock").contains(&native.file));
    // The native wheel is withdrawn: outdated says so.
    let yanked =
        |file: &str| format!("<a href=\"/files/{file}\" data-yanked=\"broken\">{file}</a>\n");
    let older = "<a href=\"/files/a-1.0-py3-none-any.whl\">a-1.0-py3-none-any.whl</a>\n";
    index.page("/simple/a/", yanked(&native.file) + older);
    let run = envlock.run(["outdated"]).exits(0);
    assert!(
        text(&run).contains("a 2.0 was withdrawn since it was locked (yanked)"),
        "{}",
        text(&run)
    );
    let json = envlock.run(["outdated", "--json"]).exits(0).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let a = json["outdated"].as_array().unwrap().iter().find(|b| b["name"] == "a").unwrap();
    assert_eq!((&a["withdrawn"], &a["fits"]), (&true.into(), &"1.0".into()));
    // A resolve that has to ask keeps the version, and says so.
    let text_of = envlock.read("envlock.toml").replace("[\"a\"]", "[\"a>=1\"]");
    envlock.write("envlock.toml", text_of);
    let run = envlock.run(["resolve", "--refresh"]).exits(0);
    assert!(
        text(&run).contains("a 2.0 of the lock was withdrawn since (yanked)"),
        "{}",
        text(&run)
    );
    // An upgrade gets another.
    envlock.run(["resolve", "--upgrade", "a"]).exits(0);
    assert!(envlock.read("env.lock").contains("a-1.0-py3-none-any.whl"));
}

#[test]
fn another_python_is_advised_only_where_the_whole_set_has_wheels_for_it() {
    let (_registry, base) = base();
    let index = FakeIndex::start();
    index.wheel("pip", "26.3").add();
    index.wheel("old", "2.0").tags(CP313).add();
    index.wheel("torch", "2.14.1+cu130").tags(CP314).add();
    let envlock = project(&index, &base, "cu130", "[\"old\"]");
    let run = envlock.run(["resolve"]).exits(4);
    assert!(text(&run).contains("old 2.0 has no wheel for Python 3.14.2 here"), "{}", text(&run));
    assert!(!text(&run).contains("python.version"), "torch has none for 3.13: {}", text(&run));
    index.wheel("torch", "2.13.0+cu130").tags(CP313).add();
    let run = envlock.run(["resolve", "--refresh"]).exits(4);
    assert!(text(&run).contains("set python.version = \"3.13\""), "{}", text(&run));
}

#[test]
fn another_cuda_is_advised_only_where_the_whole_set_has_builds_for_it() {
    let (_registry, base) = base();
    let index = FakeIndex::start();
    index.wheel("pip", "26.3").add();
    let version_py = |cuda: &str| format!("__version__ = '2.15.0+{cuda}'\n");
    index.wheel("torch", "2.15.0").tags(CP314).file("torch/version.py", version_py("cu132")).add();
    let requirement = "[\"flash_attn\"]";
    index.wheel("flash_attn", "2.8.3+cu130torch215").tags(CP314).add();
    let envlock = project(&index, &base, "cu130", requirement);
    let run = envlock.run(["resolve"]).exits(4);
    assert!(text(&run).contains("is built for cu132, not cu130"), "{}", text(&run));
    assert!(!text(&run).contains("target.cuda"), "{}", text(&run));
    index.wheel("flash_attn", "2.8.3+cu132torch215").tags(CP314).add();
    let run = envlock.run(["resolve", "--refresh"]).exits(4);
    assert!(text(&run).contains("set target.cuda = \"cu132\" for everything"), "{}", text(&run));
}

#[test]
fn cu132_is_a_target_like_cu130_and_local_versions_of_every_form_are_read() {
    let (_registry, base) = base();
    let index = stack();
    for cuda in ["cu130", "cu132"] {
        index.wheel("torch", &format!("2.15.1+{cuda}")).tags(CP314).add();
    }
    for local in ["cu130torch215", "cu132torch215", "cu132torch214", "cu12torch2.15cxx11abiTRUE"] {
        index.wheel("flash_attn", &format!("2.8.3+{local}")).tags(CP314).requires("torch").add();
    }
    index.wheel("major", "1.0+cu13").add();
    index.wheel("major", "2.0+cu12").add();
    let envlock = project(&index, &base, "cu132", "[\"flash_attn\", \"major\"]");
    envlock.run(["resolve"]).exits(0);
    let lock = envlock.read("env.lock");
    let lock = envlock::lock::parse(&lock).unwrap();
    let version = |name: &str| lock.package(&name.parse().unwrap()).unwrap().version.to_string();
    assert_eq!(version("torch"), "2.15.1+cu132");
    assert_eq!(version("flash-attn"), "2.8.3+cu132torch215");
    assert_eq!(version("major"), "1.0+cu13");
    assert_eq!(lock.target.cuda_line.unwrap().to_string(), "13.2");
    assert_eq!(lock.target.min_driver, Some(580));
}

#[test]
fn what_is_for_another_cuda_is_taken_where_it_is_permitted_and_the_lock_says_so() {
    let (_registry, base) = base();
    let index = stack();
    index.wheel("dsl", "4.0").requires("libs-cu12").add();
    index.wheel("libs_cu12", "4.0").add();
    let envlock = project(&index, &base, "cu130", "[\"dsl\"]");
    let run = envlock.run(["resolve"]).exits(4);
    assert!(text(&run).contains("[cuda] allow = [\"libs-cu12\"]"), "{}", text(&run));
    let with = |allow: &str| {
        let spec = spec(&index, &base, "[\"torch\"]", "[\"dsl\"]");
        envlock.write("envlock.toml", format!("[cuda]\nallow = [{allow}]\n{spec}"));
    };
    with("\"libs-cu12\"");
    envlock.run(["resolve"]).exits(0);
    assert!(envlock.read("env.lock").contains("cuda-allow = [\"libs-cu12\"]"));
    envlock.run(["resolve", "--check"]).exits(0);
    with("");
    let run = envlock.run(["resolve", "--check"]).exits(3);
    let told = "[cuda] allow permits nothing; the lock was made with libs-cu12";
    assert!(run.stdout().contains(told), "{}", run.stdout());
}

#[test]
fn requirements_that_cannot_be_had_are_told_in_one_run_with_the_line_that_leaves_them_out() {
    let (_registry, base) = base();
    let index = stack();
    index.wheel("old", "1.0").tags(CP313).add();
    index.stub("source-1.0.tar.gz");
    let envlock = project(&index, &base, "cu130", "[\"old\", \"source\", \"pyg_lib\"]");
    let run = envlock.run(["resolve"]).exits(4);
    assert!(text(&run).contains("old and source cannot be installed here"), "{}", text(&run));
    assert!(
        text(&run).contains("leave them out: --without old --without source"),
        "{}",
        text(&run)
    );
    envlock.run(["resolve", "--without", "old", "--without", "source"]).exits(0);
}

#[test]
fn a_pre_release_that_stands_in_for_finals_without_a_wheel_is_a_warning() {
    let (_registry, base) = base();
    let index = stack();
    index.stub("deepspeed-0.18.0.tar.gz");
    index.wheel("deepspeed", "0.18.1.dev2").add();
    let envlock = project(&index, &base, "cu130", "[\"deepspeed\"]");
    let run = envlock.run(["resolve", "--json"]).exits(0);
    let told = "deepspeed 0.18.1.dev2 is a pre-release: no final version can be used here";
    assert!(text(&run).contains(told), "{}", text(&run));
    let json: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert!(json["surprises"][0].as_str().unwrap().starts_with(told), "{json}");
}
