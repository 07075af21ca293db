//! Images and groups of any name, without a pip, by the layers engine: the whole life of a release.

use serde_json::Value;

use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Envlock, Run};

/// A project with these groups and images, and a config.yaml with a place for `image`.
fn project(workshop: &mut Workshop, stack: &str, image: &str) -> Envlock {
    for version in ["1.11", "1.13"] {
        let wheel = workshop.index.wheel("ninja", version);
        wheel.file("ninja/text.py", format!("version = {version:?}\n")).add();
    }
    workshop.spec(|spec| {
        let (head, rest) = spec.split_once("[groups.python]").unwrap();
        let (_, sources) = rest.split_once("[sources.pypi]").unwrap();
        format!("{head}{stack}[config.roles]\n\"a.image\" = \"{image}\"\n[sources.pypi]{sources}")
    });
    let envlock = workshop.begun();
    envlock.write("config.yaml", "a: {image: busybox}\n");
    envlock.run(["resolve"]).exits(0);
    envlock
}

/// Nothing that is said is about a Dockerfile.
fn silent_about_docker(run: &Run) {
    let said = run.stdout() + &run.stderr();
    assert!(!said.to_lowercase().contains("dockerfile"), "{said}");
}

fn paths_with(run: &Run, image: &str, wheel: &str) -> usize {
    let image = pull(&images(run)[image]);
    let paths = image.paths();
    paths.keys().filter(|path| path.contains(&format!("site-packages/{wheel}/"))).count()
}

/// Two builds, a rollback, and every command that reads what they left.
fn lives(workshop: &Workshop, envlock: &Envlock, image: &str) {
    let plan = envlock.run(["build", "--engine", "layers", "--dry-run"]).exits(0);
    assert!(plan.stdout().contains(image), "{}", plan.stdout());
    silent_about_docker(&plan);
    let first = workshop.build(envlock, "team").exits(0);
    silent_about_docker(&first);
    let released = images(&first)[image].to_string();
    assert!(envlock.read("config.yaml").contains(&released));
    let config = pull(&images(&first)[image]).config;
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.title"], image);
    assert_eq!(
        (&config["config"]["User"], &config["config"]["Cmd"]),
        (&"ray".into(), &Value::Null)
    );
    let path = config["config"]["Env"][0].as_str().unwrap();
    assert!(path.starts_with("PATH=/opt/conda/envs/py/bin:"), "{path}");

    let text = envlock.read("envlock.toml").replace("ninja<1.12", "ninja");
    envlock.write("envlock.toml", text);
    envlock.run(["resolve", "--upgrade"]).exits(0);
    let second = workshop.build(envlock, "team").exits(0);
    assert_ne!(images(&second)[image].to_string(), released);
    let back = envlock.run(["rollback", "--lock"]).exits(0);
    silent_about_docker(&back);
    assert!(envlock.read("config.yaml").contains(&released));
    assert!(envlock.read("env.lock").contains("1.11"));

    let checked = envlock.run(["verify", "--supply", &released]).exits(0);
    silent_about_docker(&checked);
    let sizes = envlock.run(["size", "--json"]).exits(0);
    assert!(sizes.stdout().contains(&format!("\"{image}\"")), "{}", sizes.stdout());
    for format in ["pylock", "requirements", "cyclonedx"] {
        let exported = envlock.run(["export", "--format", format]).exits(0);
        assert!(exported.stdout().contains("ninja"), "{format}: {}", exported.stdout());
    }
    envlock.run(["status"]).exits(0);
    envlock.run(["history", "--from-registry", "--registry", &place(workshop)]).exits(0);
    envlock.run(["prune", "--registry", "--keep", "1", "--dry-run"]).exits(0);
    envlock.run(["resolve", "--upgrade"]).exits(0);
}

fn place(workshop: &Workshop) -> String {
    format!("{}/team", workshop.proxy.host())
}

#[test]
fn one_image_of_one_group_without_pip_is_built_released_and_rolled_back() {
    let mut workshop = Workshop::new(1_000);
    let stack =
        "[groups.tools]\npackages = [\"ninja<1.12\"]\n[images.simple]\ngroups = [\"tools\"]\n";
    let envlock = project(&mut workshop, stack, "simple");
    lives(&workshop, &envlock, "simple");
    // auto takes the engine that can.
    let again = ["build", "--push", "--json", "--registry", &place(&workshop)];
    let run = envlock.run(again).exits(0);
    assert!(run.stderr().starts_with("engine: layers ("), "{}", run.stderr());
    assert!(paths_with(&run, "simple", "ninja") > 0);
    // The other engine says what it lacks, before anything is asked of a docker or registry.
    for more in [&["--dry-run"][..], &["--push"], &["--prepare"]] {
        let docker = ["build", "--engine", "dockerfile"].iter().chain(more);
        let refused = envlock.run(docker).exits(2);
        assert!(refused.stderr().contains("no pip"), "{}", refused.stderr());
        assert!(refused.stderr().contains("--engine layers"), "{}", refused.stderr());
    }
}

#[test]
fn images_from_images_with_names_that_no_stage_has_stand_on_each_other() {
    let mut workshop = Workshop::new(1_000);
    let stack = "[groups.low-level]\npackages = [\"numpy\"]\n\
                 [groups.my-tools-2]\npackages = [\"ninja<1.12\"]\n\
                 [groups.top]\npackages = [\"polars\"]\n\
                 [images.x]\ngroups = [\"low-level\"]\n\
                 [images.my-app-devel]\nfrom = \"x\"\ngroups = [\"my-tools-2\"]\n\
                 [images.the-last-one]\nfrom = \"my-app-devel\"\ngroups = [\"top\"]\n";
    let envlock = project(&mut workshop, stack, "the-last-one");
    lives(&workshop, &envlock, "the-last-one");
    let run = workshop.build(&envlock, "team").exits(0);
    let count =
        |image: &str| ["numpy", "ninja", "polars"].map(|w| paths_with(&run, image, w).min(1));
    assert_eq!(count("x"), [1, 0, 0]);
    assert_eq!(count("my-app-devel"), [1, 1, 0]);
    assert_eq!(count("the-last-one"), [1, 1, 1]);
    let layers = |image: &str| pull(&images(&run)[image]).layers;
    let (low, middle, high) = (layers("x"), layers("my-app-devel"), layers("the-last-one"));
    assert!(middle.starts_with(&low) && high.starts_with(&middle));
    // One of them alone.
    let alone = workshop.arguments("team").into_iter().chain(["my-app-devel".to_owned()]);
    let alone = envlock.run(alone).0;
    assert_eq!(alone.status.code(), Some(0), "{}", String::from_utf8_lossy(&alone.stderr));
}

#[test]
fn an_image_that_continues_one_of_envlocks_own_is_run_as_that_one_is() {
    let mut workshop = Workshop::new(1_000);
    let stack = "[groups.all]\npackages = [\"ninja\", \"marimo\"]\n[groups.more]\npackages = [\"numpy\"]\n\
                 [images.marimo-runtime]\ngroups = [\"all\"]\n\
                 [images.lab]\nfrom = \"marimo-runtime\"\ngroups = [\"more\"]\n";
    let envlock = project(&mut workshop, stack, "lab");
    let run = workshop.build(&envlock, "team").exits(0);
    let config = pull(&images(&run)["lab"]).config["config"].clone();
    assert_eq!(config["Cmd"], serde_json::json!(["marimo-serve"]));
    assert_eq!(config["Labels"]["org.opencontainers.image.title"], "lab");
}
