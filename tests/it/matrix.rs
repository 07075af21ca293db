//! `envlock matrix` against an index in the forms of the real ones.

use crate::resolve::{base, spec, stack};
use crate::support::{Envlock, FakeIndex, Fault};

fn project(index: &FakeIndex) -> Envlock {
    let envlock = Envlock::new();
    let text = spec(index, "127.0.0.1:1/base:v1", "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]");
    envlock.write("envlock.toml", text);
    envlock
}

#[test]
fn the_table_marks_what_resolve_takes_and_says_why_not_newer() {
    let index = stack();
    index.wheel("ray", "2.60.0").tags("cp314-cp314-manylinux2014_x86_64").add();
    index.wheel("ray", "2.54.0").tags("cp313-cp313-manylinux2014_x86_64").add();
    index.empty_pyg_page("torch-2.15.0+cu130");
    let envlock = project(&index);
    let run = envlock.run(["matrix", "--python", "3.14,3.13", "--svg", "matrix.svg"]).exits(0);
    insta::assert_snapshot!(run.stdout());
    assert!(envlock.read("matrix.svg").contains("class=\"take\""));
    let json = envlock.run(["matrix", "--json"]).exits(0).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let row = &json["tables"][0]["rows"][1];
    assert_eq!((row["torch"].as_str(), row["taken"].as_bool()), (Some("2.14.1+cu130"), Some(true)));
}

#[test]
fn pyg_pages_out_of_reach_leave_question_marks_and_are_named() {
    let index = stack();
    index.fail("/pyg/", Fault::Status(500), 1000);
    let run = project(&index).run(["matrix"]).exits(0);
    let text = run.stdout();
    let row = text.lines().find(|line| line.contains("2.14.1")).unwrap();
    assert!(row.contains("0.29.1") && row.contains('?'), "{text}");
    assert!(text.contains("which row resolve takes is not known"), "{text}");
    assert!(text.contains("? pyg-lib, torch-scatter"), "{text}");
}

#[test]
fn a_lock_lends_its_python() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    envlock.run(["resolve"]).exits(0);
    let run = envlock.run(["matrix"]).exits(0);
    assert!(run.stdout().starts_with("Python 3.14.2, cu130\n"), "{}", run.stdout());
}
