//! The effects of rules on a set, and how they are reported. Where uv has the same rule, its answer is expected.

use std::collections::BTreeMap;

use crate::solve::fixture::{MapCatalog, environment, spec_with};
use crate::solve::{LockedFile, Solution, behind, solve};

const CATALOG: &str = "
    a 1.0: c[x]>=2 if python_version > '3'
    a 0.9: c
    b 1.0: c<2 if extra == 'y'
    c 3.0rc1:
    c 2.0: d if extra == 'x'
    c 1.0:
    d 1.0:
    e 1.0: c if python_version < '3'";

fn solved(requirements: &str, tables: &str) -> Result<Solution, String> {
    let spec = spec_with(&format!("g: {requirements}"), tables);
    let catalog = MapCatalog::new(CATALOG);
    solve(&spec, &environment(), &catalog, &BTreeMap::new()).map_err(|e| e.to_string())
}

#[track_caller]
fn set(requirements: &str, tables: &str) -> String {
    let solution = solved(requirements, tables).unwrap_or_else(|e| panic!("{e}"));
    let each =
        solution.chosen.iter().map(|c| format!("{}=={}", c.candidate.name, c.candidate.version));
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_constraint_bounds_what_is_needed_and_asks_for_nothing() {
    assert_eq!(set("a", "[constraints]\nc = \"<2\""), "a==0.9 c==1.0");
    assert_eq!(set("d", "[constraints]\nc = \"<2\""), "d==1.0");
    assert_eq!(set("c", "[constraints]\nc = \"<2; python_version < '3'\""), "c==2.0");
    assert_eq!(set("c", "[constraints]\nc = [\"<=2\", \"!=2.0\"]"), "c==1.0");
}

#[test]
fn a_constraint_that_names_a_pre_release_asks_for_it() {
    assert_eq!(set("c", "[constraints]\nc = \">=3.0rc1\""), "c==3.0rc1");
    assert_eq!(set("a", "[constraints]\nc = \">=3.0rc1\""), "a==1.0 c==3.0rc1");
    assert!(solved("c", "[constraints]\nc = \">2\"").is_err(), "one that names none does not");
}

#[test]
fn an_override_stands_in_place_of_requirements_with_their_markers_and_extras() {
    for (requirements, instead, expected) in [
        ("a", "==1.0", "a==1.0 c==1.0"),
        ("a", "[x]==2.0", "a==1.0 c==2.0 d==1.0"),
        ("c[x]>=2", "==2.0", "c==2.0"),
        ("c>=2", "==1.0", "c==1.0"),
        ("b[y]", "==2.0", "b==1.0 c==2.0"),
        ("b", "==2.0", "b==1.0"),
        ("e", "==2.0", "c==2.0 e==1.0"),
        ("a", "==1.0; python_version < '3'", "a==1.0"),
        ("a", "*", "a==1.0 c==2.0"),
    ] {
        let tables = format!("[overrides]\nc = \"{instead}\"");
        assert_eq!(set(requirements, &tables), expected, "{requirements} with {instead}");
    }
    assert_eq!(
        set("a; b[y]", "[overrides]\nc = false"),
        "a==1.0 b==1.0",
        "the extra is there all the same"
    );
    let error = solved("a", "[overrides]\nc = \">=2\"\n[constraints]\nc = \"<2\"").unwrap_err();
    assert!(error.contains("c 2.0 is beyond the constraint c<2 (envlock.toml:4)"), "{error}");
}

#[test]
fn mended_metadata_is_taken_instead_of_the_wheels_own() {
    let none = "[metadata.\"a==1.0\"]\nrequires-dist = []";
    assert_eq!(set("a", none), "a==1.0");
    assert_eq!(set("a==0.9", none), "a==0.9 c==2.0", "another version is as it was");
    assert_eq!(set("a==0.9", "[metadata.a]\nrequires-dist = [\"d\"]"), "a==0.9 d==1.0");
    let more =
        "[metadata.a]\nrequires-dist = [\"d\"]\n[metadata.\"a<1\"]\nrequires-dist = [\"c<2\"]";
    assert_eq!(set("a==0.9", more), "a==0.9 c==1.0", "the more exact one counts");
    assert_eq!(set("a", more), "a==1.0 d==1.0");
    let extra = "[metadata.a]\nrequires-dist = [\"d; extra == 'z'\"]";
    assert_eq!((set("a", extra), set("a[z]", extra)), ("a==1.0".into(), "a==1.0 d==1.0".into()));
    assert_eq!(
        set("a", "[metadata.\"a==1.0\"]\nrequires-python = \"<3\""),
        "a==0.9 c==2.0",
        "what is not mended is the wheel's own"
    );
    let both = "[metadata.a]\nrequires-dist = [\"c<2\"]\n[overrides]\nc = \"==2.0\"";
    assert_eq!(set("a", both), "a==1.0 c==2.0", "an override is the last word");
}

#[test]
fn pre_releases_are_taken_as_the_package_says() {
    let which = |which: &str| format!("[packages]\nc = {{ prereleases = \"{which}\" }}");
    assert_eq!(set("c", &which("allow")), "c==3.0rc1");
    assert_eq!(set("a", &which("allow")), "a==1.0 c==3.0rc1");
    assert_eq!(set("c", &which("if-necessary")), "c==2.0");
    assert_eq!(set("c>2", &which("if-necessary")), "c==3.0rc1");
    assert_eq!(set("c>=2.0rc1", &which("if-necessary")), "c==2.0");
    assert_eq!(set("c>=2.0rc1", &which("never")), "c==2.0");
    insta::assert_snapshot!(solved("c>=3.0rc1", &which("never")).unwrap_err());
    insta::assert_snapshot!(solved("c>2", "").unwrap_err());
}

#[test]
fn what_is_denied_is_never_taken_and_the_rule_is_told() {
    assert_eq!(set("a", "[deny]\nc = \"==2.0\""), "a==0.9 c==1.0");
    insta::assert_snapshot!(solved("a; d", "[deny]\nc = \"*\"").unwrap_err());
    insta::assert_snapshot!(solved("c==2.0", "[deny]\nc = \"==2.0\"").unwrap_err());
}

#[test]
fn a_conflict_names_the_rules_that_take_part_with_their_lines() {
    insta::assert_snapshot!(solved("a>=1", "[constraints]\nc = \"<2\"").unwrap_err());
    insta::assert_snapshot!(solved("a>=1", "[overrides]\nc = \">=5\"").unwrap_err());
    insta::assert_snapshot!(solved("c>=2", "[overrides]\nc = \">=5\"").unwrap_err());
}

#[test]
fn a_bound_is_a_choice_and_holds_nothing_back() {
    assert_eq!(solved("c", "[constraints]\nc = \"<2\"").unwrap().held_back, Vec::<String>::new());
    let spec = spec_with("g: c", "[constraints]\nc = \"<2\"");
    let file = "c-1.0-py3-none-any.whl".to_owned();
    let locked = LockedFile { version: "1.0".parse().unwrap(), file };
    let locked = BTreeMap::from([("c".parse().unwrap(), locked)]);
    let found = behind(&spec, &environment(), &MapCatalog::new(CATALOG), &locked).unwrap();
    let told = (found[0].newest.to_string(), found[0].why.clone().unwrap());
    assert_eq!(told.0, "2.0");
    assert_eq!(told.1, "c 2.0 is beyond the constraint c<2 (envlock.toml:2)");
}
