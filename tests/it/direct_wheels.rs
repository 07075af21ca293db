//! Requirements that name the address of their wheel, and addresses behind which the file is another one today: nightlies.

use crate::support::workshop::{Workshop, images, locked, noise, pull};
use crate::support::{Envlock, Registry, Run};

const FILE: &str = "ray-1.0-py3-none-any.whl";

/// A project that asks for ray by its address, on an index where the file there can become another one.
fn workshop() -> Workshop {
    let mut workshop = Workshop::new(20_000);
    let requirement = format!("\"ray @ http://{}/nightly/{FILE}\"", workshop.index.host());
    workshop.spec(|spec| spec.replace("\"ray\"", &requirement));
    workshop
}

/// The next nightly.
fn tomorrow(workshop: &Workshop) {
    workshop.index.remove(FILE);
    workshop.index.wheel("ray", "1.0").file("ray/data.bin", noise(99, 30_000)).add();
}

fn without_wheels(envlock: &Envlock) {
    fs_err::remove_dir_all(envlock.path(".store/sha256")).unwrap();
}

fn said(run: &Run) -> String {
    let text = run.stderr().replace('│', " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_that_changed_behind_its_address_is_refused_and_the_advice_works() {
    let workshop = workshop();
    let envlock = workshop.project();
    let before = locked(&envlock);
    // The layer is remembered, its bytes are wanted elsewhere, and the store has no wheel any more.
    workshop.build(&envlock, "team").exits(0);
    fs_err::remove_file(envlock.path("env.releases.jsonl")).unwrap();
    without_wheels(&envlock);
    tomorrow(&workshop);
    let remembered = workshop.build(&envlock, "other").exits(6);
    // Nobody has made the layer here.
    let fresh = workshop.begun();
    fresh.write("env.lock", envlock::lock::render(&before));
    let unknown = workshop.build(&fresh, "third").exits(6);
    let prepared = fresh.run(["build", "--prepare"]).exits(6);
    for run in [remembered, unknown, prepared] {
        let said = said(&run);
        let told = format!("/nightly/{FILE} is no longer the file that env.lock has for ray");
        assert!(said.contains(&told), "{said}");
        assert!(said.contains("`envlock resolve --upgrade ray`"), "{said}");
        assert!(said.contains("wherever a registry has its layer"), "{said}");
    }
    // Another requirement does not accept it by the way.
    let spec = envlock.read("envlock.toml");
    envlock.write("envlock.toml", spec.replace("\"polars\"", "\"polars\", \"pyzmq\""));
    let run = envlock.run(["resolve"]).exits(6);
    assert!(said(&run).contains("`envlock resolve --upgrade ray`"), "{}", run.stderr());
    envlock.write("envlock.toml", spec);
    for envlock in [envlock, fresh] {
        envlock.run(["resolve", "--upgrade", "ray"]).exits(0);
        assert_ne!(locked(&envlock).packages, before.packages);
        workshop.build(&envlock, "other").exits(0);
    }
}

#[test]
fn a_colleague_with_the_lock_builds_yesterdays_nightly_where_it_was_pushed() {
    let workshop = workshop();
    let envlock = workshop.project();
    let first = images(&workshop.build(&envlock, "team").exits(0));
    for is_gone in [false, true] {
        match is_gone {
            true => workshop.index.remove(FILE),
            false => tomorrow(&workshop),
        }
        let colleague = workshop.clone_of(&envlock);
        let again = images(&workshop.build(&colleague, "team").exits(0));
        assert_eq!(again["ray-runtime"].digest(), first["ray-runtime"].digest());
    }
}

#[test]
fn a_layer_is_copied_from_where_it_was_pushed_to_where_it_was_not() {
    let workshop = workshop();
    let envlock = workshop.project();
    let first = images(&workshop.build(&envlock, "team").exits(0));
    let elsewhere = Registry::start();
    let to = |colleague: &Envlock, prefix: &str| {
        let registry = format!("{}/{prefix}", elsewhere.host());
        let words = ["build", "--push", "--engine", "layers", "--json", "--registry", &registry];
        colleague.run(words)
    };
    for (prefix, is_gone) in [("one", false), ("two", true)] {
        match is_gone {
            true => workshop.index.remove(FILE),
            false => tomorrow(&workshop),
        }
        let run = to(&workshop.clone_of(&envlock), prefix).exits(0);
        let copied = "ray cannot be made here and was copied from";
        assert!(said(&run).contains(copied), "{}", run.stderr());
        let images = images(&run);
        assert_eq!(images["ray-runtime"].digest(), first["ray-runtime"].digest());
        assert!(pull(&images["ray-runtime"]).paths().keys().any(|p| p.ends_with("ray/data.bin")));
    }
    // Who does not know where it was pushed is told what is missing.
    let stranger = workshop.clone_of(&envlock);
    fs_err::remove_file(stranger.path("env.releases.jsonl")).unwrap();
    let run = to(&stranger, "three").exits(5);
    let said = said(&run);
    assert!(
        said.contains("the locked wheel of ray cannot be had from the address in the spec"),
        "{said}"
    );
    assert!(said.contains("404") && said.contains("have env.releases.jsonl"), "{said}");
}
