//! The lock does not depend on the order or the time in which answers come.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{Envlock, FakeIndex, Pages};

const RUNS: u64 = 100;

/// Versions that pull in different directions: the newest of each do not fit together.
fn catalog(seed: u64) -> FakeIndex {
    let pages = if seed.is_multiple_of(2) { Pages::Html } else { Pages::Json };
    let index = FakeIndex::start().pages(pages);
    for major in 1..=4 {
        let version = format!("{major}.0");
        let wheel = |name: &str| index.wheel(name, &version);
        wheel("app").requires(&format!("lib>={major}")).requires("tool[fast]").add();
        wheel("lib").requires(&format!("core=={major}.*")).requires("shared").add();
        wheel("tool").requires("core<4").requires("quick>=2; extra == 'fast'").extra("fast").add();
        wheel("shared").requires("leaf<4").add();
        wheel("quick").requires(&format!("leaf>={major}")).add();
        wheel("leaf").add();
        for tags in [
            "py3-none-any",
            "cp310-abi3-manylinux_2_28_x86_64",
            "cp314-cp314-manylinux_2_17_x86_64",
        ] {
            index.wheel("core", &format!("{major}.1")).tags(tags).add();
        }
        wheel("core").add();
    }
    for plugin in 0..8 {
        let name = format!("plugin-{plugin}");
        let next = format!("plugin-{}", (plugin + 1) % 8);
        index.wheel(&name, "1.0").requires("leaf").add();
        index.wheel(&name, "2.0").requires(&format!("{next}>=1")).requires("core>=2").add();
        index.wheel(&name, "3.0").requires("shared").requires("core>=4").add();
    }
    index.restless(seed)
}

fn spec(index: &FakeIndex, base: &str) -> String {
    format!(
        "[python]\nsource = \"base\"\n[target]\nglibc = \"2.39\"\n[base]\nruntime = \"{base}\"\ndevel = \"{base}\"\n\
         [groups.first]\npackages = [\"app\", \"plugin-0\"]\n[groups.second]\npackages = [\"plugin-4\", \"plugin-6>=2\"]\n\
         [images.all]\ngroups = [\"first\", \"second\"]\n[sources.pypi]\nurl = \"{}\"\n",
        index.url()
    )
}

#[test]
fn a_hundred_runs_with_answers_in_random_order_give_the_same_bytes() {
    let (_registry, base) = super::resolve::base();
    let next = AtomicU64::new(1);
    let work = || {
        let mut locks = BTreeSet::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed > RUNS {
                return locks;
            }
            let (envlock, index) = (Envlock::new(), catalog(seed));
            envlock.write("envlock.toml", spec(&index, &base));
            envlock.run(["resolve", "--quiet"]).exits(0);
            locks.insert(envlock.read("env.lock"));
        }
    };
    let locks: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    let lock = locks.first().unwrap();
    assert_eq!(locks.len(), 1, "{}", similar(lock, locks.last().unwrap()));
    let lock = envlock::lock::parse(lock).unwrap();
    let version = |name: &str| lock.package(&name.parse().unwrap()).unwrap().version.to_string();
    // The solver had to go back: the newest core is out of reach of the newest tool.
    assert_eq!(
        (version("app"), version("core"), version("leaf")),
        ("3.0".into(), "3.1".into(), "3.0".into())
    );
}

fn similar(one: &str, two: &str) -> String {
    let lines: BTreeSet<_> = one.lines().collect();
    two.lines().filter(|line| !lines.contains(line)).collect::<Vec<_>>().join("\n")
}
