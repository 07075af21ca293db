//! What a rollback writes back is what was there, letter for letter.

use envlock::config::Scalar;

use crate::support::release::{CONFIG, Images, push_both, release};
use crate::support::round_trip::{RoundTrip, put, round_trip};
use crate::support::{Envlock, Registry};

const ROLES: &str =
    "[config.roles]\n\"a.image\" = \"ray-runtime\"\n\"b.image\" = \"marimo-runtime\"\n";

/// Values that are no references: no registry is asked for them.
const FILES: [&str; 14] = [
    "a: {image: '${REG}/a:b'}\nb: {image: \"${REG}/\\u0061:b\"}\n",
    "a:\n  image: !!str '${REG}/a:b' # c\nb:\n  image: &n ${REG}/日本:b\t# c\n",
    "a:\n  image: ~\nb:\n  image: Null\n",
    "a:\n  image:   # none\n  # none\nb:\n  image:\n",
    "x: &i ${REG}/a:b\na:\n  image: *i # c\nb:\n  image: *i\n",
    "a:\n  image: &i ${REG}/a:b\nb:\n  image: *i\n",
    "x: &m {image: '${REG}/a:b'}\na:\n  <<: *m\n  n: 1\nb:\n  n: 1\n  <<: *m\n",
    "a: {}\nb:\n  n: 1 # c\n\n# end\n",
    "a:\n  image: ${REG}/a:b\n    and more\nb:\n  image: '${REG}/a:b\n\n    and more'\n",
    "a:\n  image: ${A:-x:v1@sha256:0}\n  build: {enabled: yes}\nb:\n  image:\n  build:\n    enabled: \"true\"\n",
    "a: {image: , n: 1}\nb: {\"image\":\"${REG}/a:b\"}",
    "a:\n  n: 1\nb: &b\n  <<: {image: '${REG}/a:b'}\nc: 1\n",
    "---\na: {image: ''}\n---\nb: {image: \"\"}\n...\n",
    "b:\n  image: ${A}\na:\n  image: TRUE\n",
];

fn with(text: &str) -> Envlock {
    let envlock = Envlock::new();
    envlock.write("envlock.toml", ROLES);
    envlock.write("config.yaml", text);
    envlock
}

#[test]
fn quotes_tags_nulls_aliases_and_keys_that_were_not_there_come_back() {
    let registry = Registry::start();
    let (one, two) = (push_both(&registry, "one"), push_both(&registry, "two"));
    for text in FILES {
        for before in [text.to_owned(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            let envlock = with(&before);
            release(&envlock, &one, "lock one\n");
            let first = envlock.read("config.yaml");
            release(&envlock, &two, "lock two\n");
            let second = envlock.read("config.yaml");
            assert!(first != before && second != first, "{before}");
            envlock.run(["rollback"]).exits(0);
            assert_eq!(envlock.read("config.yaml"), first);
            envlock.run(["rollback"]).exits(0);
            assert_eq!(envlock.read("config.yaml"), before);
            envlock.run(["rollback", "--to", "2"]).exits(0);
            assert_eq!(envlock.read("config.yaml"), second);
            envlock.run(["rollback", "--to", "0"]).exits(0);
            assert_eq!(envlock.read("config.yaml"), before);
        }
    }
}

#[test]
fn a_value_that_is_no_reference_comes_back_with_a_warning() {
    let registry = Registry::start();
    let digest = envlock::digest::Digest::of("x");
    let before =
        format!("a: {{image: \"${{RAY_IMAGE:-x:v1@{digest}}}\"}}\nb: {{image: '${{REG}}/a:b'}}\n");
    let envlock = with(&before);
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    for args in [&["rollback", "--dry-run"][..], &["rollback"]] {
        let run = envlock.run(args).exits(0);
        for text in [&format!("${{RAY_IMAGE:-x:v1@{digest}}}"), "${REG}/a:b"] {
            let told = format!("`{text}` is not an image reference");
            assert!(run.stderr().contains(&told), "{}", run.stderr());
        }
    }
    assert_eq!(envlock.read("config.yaml"), before);
}

#[test]
fn lines_of_an_older_envlock_lead_back_to_the_values() {
    let registry = Registry::start();
    let envlock = Envlock::new();
    envlock.write("config.yaml", CONFIG);
    let images = push_both(&registry, "one");
    release(&envlock, &images, "lock one\n");
    release(&envlock, &push_both(&registry, "two"), "lock two\n");
    older(&envlock);
    envlock.run(["rollback"]).exits(0);
    let image = images[&"ray-runtime".parse().unwrap()].to_string();
    assert!(envlock.read("config.yaml").contains(&image));
    // An older line below, a new one on top.
    envlock.run(["rollback", "--to", "0"]).exits(0);
    assert_eq!(envlock.read("config.yaml"), CONFIG);
}

/// Rewrites the history as format 1 had it.
fn older(envlock: &Envlock) {
    let lines = envlock.read("env.releases.jsonl");
    let lines = lines.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["v"], 2);
        line["v"] = 1.into();
        for edit in line["edits"].as_array_mut().unwrap() {
            assert!(edit.as_object_mut().unwrap().remove("text").is_some());
        }
        line.to_string() + "\n"
    });
    let lines: String = lines.collect();
    envlock.write("env.releases.jsonl", lines);
}

#[test]
fn what_was_written_by_hand_since_keeps_its_own_form() {
    let registry = Registry::start();
    let envlock = with("a:\n  image: '${A}'\nb:\n  n: 1\n");
    let images: Images = push_both(&registry, "one");
    release(&envlock, &images, "lock one\n");
    let by_hand = envlock.read("config.yaml").replace(['\'', '"'], "").replace("n: 1", "n: 2 # 2");
    envlock.write("config.yaml", by_hand);
    envlock.run(["rollback"]).exits(0);
    assert_eq!(envlock.read("config.yaml"), "a:\n  image: \"${A}\"\nb:\n  n: 2 # 2\n");
}

#[test]
fn a_place_that_the_edit_itself_would_hide_is_refused_before_it() {
    let text = "l:\n- {name: a, image: x}\n- {name: b, image: y}\n";
    let first = [put(&"l[image=x].image".parse().unwrap(), Scalar::String("z".to_owned()))];
    let RoundTrip::Refused(reason) = round_trip(text.as_bytes(), &first, &first) else {
        panic!("not refused")
    };
    assert!(reason.contains("a rollback could not take this back"), "{reason}");
}

#[test]
fn a_value_that_is_right_already_is_written_out_where_what_it_follows_changes() {
    let pin = |name: &str| Scalar::String(format!("r.example/{name}"));
    let edits = |a: &str| {
        [("a.image", a), ("b.image", "two")]
            .map(|(path, name)| put(&path.parse().unwrap(), pin(name)))
    };
    for text in [
        "a: {image: &i r.example/two}\nb: {image: *i}\n",
        "a: &a {image: r.example/two}\nb: {<<: *a, n: 1}\n",
    ] {
        let trip = round_trip(text.as_bytes(), &edits("one"), &edits("three"));
        assert_eq!(trip, RoundTrip::Identical, "{text}");
    }
}
