//! Rules of envlock.toml: constraints, overrides, mended metadata, pre-releases, denials, from file to lock.

use crate::resolve::base;
use crate::schema;
use crate::support::{Envlock, FakeIndex, Registry};

/// A project with one group, on an index of its own.
pub struct Project {
    pub envlock: Envlock,
    pub index: FakeIndex,
    _registry: Registry,
    base: String,
}

impl Project {
    /// `NAME VERSION: REQUIREMENT; REQUIREMENT`, one wheel a line.
    pub fn new(wheels: &str) -> Self {
        let (registry, base) = base();
        let index = FakeIndex::start();
        for line in wheels.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (head, needs) = line.split_once(':').unwrap();
            let (name, version) = head.split_once(' ').unwrap();
            let mut wheel = index.wheel(name, version);
            for need in needs.split("; ").map(str::trim).filter(|need| !need.is_empty()) {
                wheel = wheel.requires(&need.replace(" if ", "; "));
            }
            wheel.add();
        }
        Project { envlock: Envlock::new(), index, _registry: registry, base }
    }

    /// Writes envlock.toml: these requirements as they stand between `[` and `]`, and more tables.
    pub fn spec(&self, requirements: &str, tables: &str) -> &Envlock {
        let text = format!(
            "{tables}\n[python]\nsource = \"base\"\n[target]\nglibc = \"2.39\"\n[base]\nruntime = \"{0}\"\ndevel = \"{0}\"\n\
             [groups.app]\npackages = [{requirements}]\n[images.app]\ngroups = [\"app\"]\n[sources.pypi]\nurl = \"{1}\"\n",
            self.base,
            self.index.url()
        );
        self.envlock.write("envlock.toml", text);
        &self.envlock
    }

    /// Resolves anew and gives the set.
    #[track_caller]
    pub fn set(&self, requirements: &str, tables: &str) -> String {
        let envlock = self.spec(requirements, tables);
        let lock = self.envlock.path("env.lock");
        if lock.exists() {
            fs_err::remove_file(&lock).unwrap();
        }
        envlock.run(["resolve"]).exits(0);
        let lock = envlock::lock::parse(&envlock.read("env.lock")).unwrap();
        let each = lock.packages.iter().map(|p| format!("{}=={}", p.name, p.version));
        each.collect::<Vec<_>>().join(" ")
    }
}

const WHEELS: &str = "
    a 1.0: c>=2
    a 0.9: c
    c 3.0rc1:
    c 2.0:
    c 1.0:
    lies 1.0: nowhere";

#[test]
fn rules_are_in_the_lock_and_in_why_and_a_changed_one_makes_the_lock_stale() {
    let project = Project::new(WHEELS);
    let rules = "[constraints]\nc = [\"<2.5\", \"!=1.5\"]\n[deny]\nc = \"==2.0\"\n\
                 [metadata.\"lies==1.0\"]\nrequires-dist = []\n[overrides]\nnobody = false\n";
    assert_eq!(project.set("\"a\", \"lies\"", rules), "a==0.9 c==1.0 lies==1.0");
    let envlock = &project.envlock;
    insta::assert_snapshot!(envlock.run(["why", "c"]).exits(0).stdout());
    let why = schema::result("why", &envlock.run(["why", "lies", "--json"]).exits(0));
    assert_eq!(why["package"]["rules"][0], "metadata: lies==1.0: requires-dist none");
    let lock: serde_json::Value = toml::from_str(&envlock.read("env.lock")).unwrap();
    schema::fits("lock", &lock);
    envlock.run(["resolve", "--check"]).exits(0);

    project.spec("\"a\", \"lies\"", &rules.replace("\"!=1.5\"", "\"!=1.6\""));
    let stale = envlock.run(["resolve", "--check"]).exits(3);
    insta::assert_snapshot!(stale.stdout());
    project.spec("\"a\", \"lies\"", &rules.replace("nobody = false", "nobody = \"*\""));
    envlock.run(["resolve", "--check"]).exits(3);
}

#[test]
fn a_denied_version_leaves_the_lock_that_has_it() {
    let project = Project::new(WHEELS);
    assert_eq!(project.set("\"c\"", ""), "c==2.0");
    let envlock = project.spec("\"c\"", "[deny]\nc = \"==2.0\"\n");
    assert_eq!(envlock.run(["resolve"]).exits(0).stdout(), "~ c 2.0 → 1.0\n");
}

#[test]
fn a_project_that_no_index_has_is_left_out_by_an_override() {
    let project = Project::new(WHEELS);
    let error = project.spec("\"lies\"", "").run(["resolve"]).exits(4).stderr();
    assert!(error.contains("nowhere"), "{error}");
    assert_eq!(project.set("\"lies\"", "[overrides]\nnowhere = false\n"), "lies==1.0");
}

#[test]
fn a_mistake_in_a_rule_is_shown_in_its_line() {
    let project = Project::new(WHEELS);
    for (rule, line, told) in [
        ("[constraints]\nc = \"2.0\"\n", 2, "`2.0` names no versions of c"),
        ("[constraints]\nc = \"<=>2\"\n", 2, "`c<=>2` is not a requirement"),
        ("[constraints]\nc = \"[x]<2\"\n", 2, "names an extra"),
        ("[constraints]\n\nc = 2\n", 3, "c has no text as its value"),
        ("[deny]\nc = []\n", 2, "c has no text as its value"),
        ("[overrides]\nc = true\n", 2, "c has no text as its value"),
        (
            "[overrides]\nc = \"@ https://h.example/c-1-py3-none-any.whl\"\n",
            2,
            "names no versions of c",
        ),
        (
            "[overrides]\na = false\n",
            12,
            "a is asked for, and [overrides] leaves it out (envlock.toml:2)",
        ),
        ("[metadata.\"c==x\"]\nrequires-dist = []\n", 1, "`c==x` is not a requirement"),
        (
            "[metadata.\"c; extra == 'x'\"]\nrequires-dist = []\n",
            1,
            "more than a name and versions",
        ),
        ("[metadata.c]\nrequires-dist = [\n\"d\",\n\"d=>1\"]\n", 4, "`d=>1` is not a requirement"),
        ("[metadata.c]\n", 1, "nothing is set for c"),
        ("[packages]\nc = { prereleases = \"sometimes\" }\n", 2, "unknown variant `sometimes`"),
    ] {
        let error = project.spec("\"a\"", rule).run(["resolve"]).exits(2).stderr();
        assert!(error.contains(told), "{rule}: {error}");
        assert!(error.contains(&format!("[envlock.toml:{line}:")), "{rule}: {error}");
    }
}
