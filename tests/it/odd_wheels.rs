//! Wheels that are not as they should be, through the program: what a build would refuse is known when it is locked, and
//! what pip and uv install in spite of it is installed, with a warning.

use envlock::lock::Lock;

use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Envlock, FakeIndex, Run, UNREACHED_BASE};

const SITE: &str = "opt/conda/envs/py/lib/python3.14/site-packages";

fn resolve(index: &FakeIndex) -> (Envlock, Run) {
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        format!(
            "{UNREACHED_BASE}[groups.all]\npackages = [\"app\"]\n[images.all]\ngroups = [\"all\"]\n\
             [sources.pypi]\nurl = \"{}\"\n",
            index.url()
        ),
    );
    let run = envlock.run(["resolve"]);
    (envlock, run)
}

#[test]
fn what_a_build_would_refuse_is_known_at_resolve_from_the_tail_of_the_wheel() {
    let hash_of_row = |text: String| text.replacen(",16\n", ",18\n", 1);
    let index = || FakeIndex::start();
    let (data, sizes, lines, info) = (index(), index(), index(), index());
    data.wheel("app", "1.0").file("app-1.0.data/lib/a", "a").add();
    sizes.wheel("app", "1.0").record(hash_of_row).add();
    lines.wheel("app", "1.0").record(|text| text + "\"open\n").add();
    info.wheel("app", "1.0").file("other-1.0.dist-info/METADATA", "Name: other\n").add();
    for (index, why) in [
        (data, "`app-1.0.data/lib/a` in it is for no known place"),
        (sizes, "`app/__init__.py` in it has 16 bytes, RECORD says 18"),
        (lines, "`app-1.0.dist-info/RECORD` in it has a line that means nothing: `\\\"open`"),
        (info, "it needs one .dist-info folder and has app-1.0.dist-info, other-1.0.dist-info"),
    ] {
        index.wheel("app", "0.9").add();
        let (envlock, run) = resolve(&index);
        let run = run.exits(6);
        let said = run.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("app-1.0-py3-none-any.whl would be refused by a build"), "{said}");
        assert!(said.contains(why) && said.contains("pin another version"), "{said}");
        assert!(!envlock.path("env.lock").exists());
        // A pin is what helps.
        let spec = envlock.read("envlock.toml").replace("\"app\"", "\"app==0.9\"");
        envlock.write("envlock.toml", spec);
        envlock.run(["resolve"]).exits(0);
        let lock: Lock = envlock::lock::parse(&envlock.read("env.lock")).unwrap();
        assert_eq!(lock.packages[0].version.to_string(), "0.9");
    }
}

#[test]
fn files_that_record_leaves_open_are_in_the_image_and_in_its_record_with_a_warning() {
    let workshop = Workshop::new(20_000);
    let envlock = workshop.project();
    // selenium 4.1.0 lists its modules from the root; others forget some.
    let odd = |text: String| {
        let rows = text.lines().filter(|line| !line.starts_with("marimo/data.bin"));
        let rooted = rows.map(|line| match line.strip_prefix("marimo/__init__") {
            Some(rest) => format!("/marimo/__init__{rest}\n"),
            None => format!("{line}\n"),
        });
        rooted.collect::<String>()
    };
    workshop.index.wheel("marimo", "1.1").file("marimo/data.bin", "data").record(odd).add();
    envlock.run(["resolve", "--upgrade", "marimo"]).exits(0);
    let run = workshop.build(&envlock, "team").exits(0);
    let said = run.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
    let warning = "the RECORD of marimo-1.1-py3-none-any.whl does not list `marimo/data.bin`, and has a path from the \
                   root for `marimo/__init__.py`";
    assert!(said.contains(warning), "{said}");
    assert_eq!(said.matches("the RECORD of").count(), 1, "{said}");
    let paths = pull(&images(&run)["marimo-runtime"]).paths();
    assert_eq!(paths[&format!("{SITE}/marimo/data.bin")], "data");
    let record = &paths[&format!("{SITE}/marimo-1.1.dist-info/RECORD")];
    let row = "marimo/data.bin,sha256=Om6weQ85rIfJTzhWst0sXREOaBFgImGpqSPTuyOtyLc,4\n";
    assert!(record.contains("\nmarimo/__init__.py,sha256="), "{record}");
    assert!(record.contains(row), "{record}");
}
